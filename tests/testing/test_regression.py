"""Histories that were kept, replayed against the code of today."""

from pathlib import Path
from typing import Any

import pytest

from nbflow import WorkflowContext, workflow
from nbflow.core.rows import to_json
from nbflow.errors import UnknownHistoryKindError
from nbflow.testing import (
    HistoryBuilder,
    ReplayError,
    WorkflowTestEnvironment,
    WorkflowTestError,
    replay_history,
    save_history,
)
from tests.testing.orders import Decision, Order, Receipt, charge, fulfil, monitor


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The history of a run that was approved and charged."""
    with WorkflowTestEnvironment(fulfil, stubs={charge: lambda order, cents: Receipt("R-1")}) as env:
        run = env.start(fulfil, Order("car", 2_000_000), id="order-42")
        env.settle()
        env.raise_event(run, "approval", Decision(True))
        env.result(run)
        return save_history(run, tmp_path / "order.jsonl")


def renamed(function: Any, name: str) -> Any:
    function.__name__ = name
    return workflow(function)


def test_code_that_has_not_changed_fits(kept: Path) -> None:
    replay_history(fulfil, kept)
    replay_history(fulfil, str(kept))


def test_code_that_does_something_else_does_not(kept: Path) -> None:
    async def skips_the_stock(ctx: WorkflowContext, order: Order) -> str:
        return (await charge(order, order.cents)).number

    with pytest.raises(ReplayError) as caught:
        replay_history(renamed(skips_the_stock, "fulfil"), kept)
    assert isinstance(caught.value, AssertionError)
    report = str(caught.value).splitlines()
    assert report[0] == "fulfil no longer matches its history at event 3"
    assert report[1] == '  history: call of activity check_stock("car")'
    assert report[2].startswith('  code:    call of activity charge({"order":')
    assert report[3].startswith(f"  at:      {__file__}:")
    assert report[4] == '  cause:   the call check_stock("car") was removed'
    assert caught.value.report.seq == 3


def test_it_is_one_json_object_a_line(kept: Path) -> None:
    lines = kept.read_text().splitlines()
    assert lines[0] == '{"instance_id":"order-42"}'
    assert len(lines) == 1 + 12
    assert all(line.startswith('{"kind":') for line in lines[1:])


def test_a_file_of_events_alone_will_do(kept: Path) -> None:
    kept.write_text("".join(kept.read_text().splitlines(keepends=True)[1:]))
    replay_history(fulfil, kept)


def test_a_run_that_has_not_ended_can_be_kept(tmp_path: Path) -> None:
    with WorkflowTestEnvironment(monitor) as env:
        run = env.start(monitor, 5)
        env.skip(days=2)
        path = save_history(run, tmp_path / "monitor.jsonl")
    replay_history(monitor, path)


def test_the_run_s_id_is_kept_with_it(tmp_path: Path) -> None:
    @workflow
    async def introduces(ctx: WorkflowContext) -> str:
        await ctx.call_activity(charge, input={"order": Order(ctx.instance_id, 1), "cents": 1})
        return ctx.instance_id

    with WorkflowTestEnvironment(introduces, stubs={charge: lambda order, cents: Receipt("R-1")}) as env:
        run = env.start(introduces, id="order-42")
        env.result(run)
        history = env.history(run)
        path = save_history(run, tmp_path / "order.jsonl")
    replay_history(introduces, path)
    replay_history(introduces, history, instance_id="order-42")
    with pytest.raises(ReplayError, match="order-42"):
        replay_history(introduces, history)


def test_a_history_that_was_built_can_be_replayed() -> None:
    replay_history(monitor, HistoryBuilder(monitor, input=2).fired().history)


def test_the_history_of_another_workflow_is_refused(kept: Path) -> None:
    with pytest.raises(WorkflowTestError, match="the history of a run of fulfil, not of monitor"):
        replay_history(monitor, kept)


def test_a_history_without_a_beginning_is_refused() -> None:
    built = HistoryBuilder(monitor, input=2)
    with pytest.raises(WorkflowTestError, match="no beginning"):
        replay_history(monitor, built.history[2:])
    with pytest.raises(WorkflowTestError, match="no beginning"):
        replay_history(monitor, [])


def test_a_line_that_is_no_event_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    lines = [to_json(event) for event in HistoryBuilder(monitor, input=2).history]
    path.write_text("\n".join([*lines, '{"kind":"Miracle","at":"2030-01-01T00:00:00Z"}']))
    with pytest.raises(UnknownHistoryKindError, match="Miracle"):
        replay_history(monitor, path)
    path.write_text("")
    with pytest.raises(WorkflowTestError, match="no beginning"):
        replay_history(monitor, path)
