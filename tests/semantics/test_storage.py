"""Storage and limits: two stores that mean the same, one owner, and commits that are whole."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from nbflow import WorkflowContext, WorkflowRuntime, activity, workflow
from nbflow.core.history import EventRaised, HistoryEvent, TimerFired
from nbflow.core.operations import AppendHistory, Operation
from nbflow.errors import PayloadError, StoreError, StoreLockedError, TaskFailedError
from nbflow.stores.duckdb import DuckDBStore
from nbflow.stores.memory import MemoryStore
from tests.engine.worlds import VirtualClock, World, fails_for, kinds, never_fails, of_kind


@activity
def add(x: int, y: int) -> int:
    return x + y


@workflow
async def adds(ctx: WorkflowContext, x: int) -> int:
    ctx.set_custom_status("waiting")
    got = await ctx.wait_for_external_event("go")
    await ctx.create_timer(60)
    return await add(x, got)


@pytest.mark.semantics(43)
def test_both_stores_hold_the_same_of_a_run(tmp_path: Path) -> None:
    found = []
    for store in (MemoryStore(), DuckDBStore(tmp_path / "history.duckdb")):
        world = World(lambda store=store: store, 0)
        clock = world.clock = VirtualClock()
        world.open(adds)
        try:
            run = world.start(adds, 1, "order-42")
            world.until_waiting(run, "go")
            run.raise_event("go", 2)
            world.until(run, lambda record, history: "TimerCreated" in kinds(history))
            timers = world.inbox()
            clock.advance(seconds=60)
            assert run.result(10) == 3
            found.append([*map(comparable, run.history()), run.state(), len(timers), world.inbox()])
        finally:
            world.close()
    assert found[0] == found[1]


def comparable(event: HistoryEvent) -> Any:
    """An event without the ID that differs from execution to execution."""
    names = event.__struct_fields__
    return msgspec.structs.replace(event, execution_id="") if "execution_id" in names else event


@pytest.mark.semantics(72)
def test_one_runtime_at_a_time_owns_a_store(tmp_path: Path) -> None:
    path = tmp_path / "orders.duckdb"
    with (
        WorkflowRuntime(path, definitions=[adds]),
        pytest.raises(StoreLockedError, match=r"orders\.duckdb is open already in this process"),
        WorkflowRuntime(path, definitions=[adds]),
    ):
        pass
    with WorkflowRuntime(path, definitions=[adds]) as runtime:
        assert runtime.client.list_workflows() == []


@pytest.mark.semantics(65)
def test_messages_lie_in_order_in_the_inbox_until_they_are_consumed(
    world: World, clock: VirtualClock
) -> None:
    world.open(adds)
    run = world.start(adds, 1, "order-42")
    world.until_waiting(run, "go")
    run.suspend()
    for n in range(3):
        run.raise_event("go", n)
    assert [row.event.payload for row in of_rows(world, EventRaised)] == ["0", "1", "2"]
    run.resume()
    world.until(run, lambda record, history: "TimerCreated" in kinds(history))
    assert of_rows(world, EventRaised) == []
    assert len(of_rows(world, TimerFired)) == 1
    clock.advance(seconds=60)
    assert run.result(10) == 1
    assert world.inbox() == []


def of_rows(world: World, kind: type) -> list[Any]:
    return [row for row in world.inbox() if isinstance(row.event, kind)]


@pytest.mark.semantics(65)
def test_history_custom_status_and_definitions_are_stored(world: World) -> None:
    world.open(adds)
    run = world.start(adds, 1, "order-42")
    world.until_waiting(run, "go")
    history, state = run.history(), run.state()
    world.close()
    world.store.open()
    stored = world.store
    assert stored.read_history("order-42") == history
    assert stored.get_instance("order-42").custom_status == '"waiting"'
    assert stored.get_instance("order-42").created_at == state.created_at
    definitions = {d.name: (d.kind, d.code_hash, d.source_hash) for d in stored.list_definitions()}
    assert definitions == {
        "adds": ("workflow", adds.code_hash, adds.source_hash),
        "add": ("activity", add.code_hash, add.source_hash),
    }
    stored.close()


@pytest.mark.semantics(67)
def test_a_turn_whose_commit_fails_has_not_happened_and_harms_nobody_else(
    world: World, clock: VirtualClock, capsys: pytest.CaptureFixture[str]
) -> None:
    @workflow
    async def works(ctx: WorkflowContext) -> int:
        await ctx.create_timer(60)
        print("turn of", ctx.instance_id)
        return await add(1, 2)

    world.open(works)
    bad, good = world.start(works, None, "bad"), world.start(works, None, "good")
    for run in (bad, good):
        world.until(run, lambda record, history: "TimerCreated" in kinds(history))
    world.store.fault = refuses("bad", TimerFired)
    clock.advance(seconds=60)  # both in one commit
    assert good.result(10) == 3
    assert "TimerFired" not in kinds(bad.history())
    assert world.store.failures > 0
    world.store.fault = never_fails
    assert bad.result(20) == 3
    for run in (bad, good):
        assert kinds(run.history()).count("TimerFired") == kinds(run.history()).count("TaskScheduled") == 1
        assert [event.seq for event in run.history()] == list(range(1, len(run.history()) + 1))
    assert sorted(capsys.readouterr().out.splitlines()) == ["turn of bad", "turn of good"]


def refuses(instance_id: str, kind: type) -> Callable[[Sequence[Operation]], Exception | None]:
    """A fault: every commit fails in which a run takes an event of some kind."""
    return lambda operations: fails_for(instance_id)(
        [o for o in operations if isinstance(o, AppendHistory) and of_kind(o.events, kind)]
    )


@pytest.mark.semantics(67)
def test_a_crash_between_two_turns_loses_nothing(world: World, clock: VirtualClock) -> None:
    world.open(adds)
    run = world.start(adds, 1, "order-42")
    world.crash()
    world.open(adds)
    world.handle(run).raise_event("go", 2)
    world.crash()
    world.open(adds)
    world.until(run, lambda record, history: "TimerCreated" in kinds(history))
    world.crash()
    clock.advance(seconds=60)
    world.open(adds)
    assert world.handle(run).result(10) == 3
    counts = {kind: kinds(world.history(run)).count(kind) for kind in ("EventRaised", "TaskScheduled")}
    assert counts == {"EventRaised": 1, "TaskScheduled": 1}


@pytest.mark.semantics(68)
def test_a_payload_that_json_cannot_carry_is_an_error_where_its_author_sees_it(world: World) -> None:
    @activity
    def makes() -> dict:
        return {"rows": [{"price": float("nan")}]}

    @workflow
    async def works(given) -> str:
        try:
            await makes()
        except TaskFailedError as error:
            return error.details.message
        return ""

    world.open(works)
    with pytest.raises(PayloadError, match=r"tags' is a set"):
        world.start(works, {"tags": {"a"}})
    assert world.client.list_workflows() == []
    run = world.start(works, {})
    assert run.result(10).startswith("the result of makes at 'rows[0].price' is nan, which JSON doesn't have")
    with pytest.raises(PayloadError, match="has the key 1"):
        run.raise_event("go", {1: "x"})


@pytest.mark.semantics(68)
@pytest.mark.parametrize("value", [{"tags": {"a"}}, {1: "x"}, {"raw": b"x"}], ids=["set", "key", "bytes"])
def test_an_annotation_that_says_nothing_of_a_value_does_not_have_it_changed(
    quick_world: World, value: dict
) -> None:
    @workflow
    async def echoes(given: dict) -> dict:
        return given

    quick_world.open(echoes)
    with pytest.raises(PayloadError):
        quick_world.start(echoes, value)


@pytest.mark.semantics(68)
def test_a_payload_over_the_limit_is_refused(world: World) -> None:
    @workflow
    async def takes(text: str) -> int:
        return len(text)

    world.open(takes)
    with pytest.raises(PayloadError, match=r"16\.0 MiB of JSON \(str\), more than the 16 MiB"):
        world.start(takes, "x" * 16 * 2**20)


@pytest.mark.semantics(67)
def test_a_request_that_could_not_be_written_is_told_so(world: World) -> None:
    world.open(adds)
    world.store.fault = fails_for("order-42")
    with pytest.raises(StoreError, match="no room for order-42"):
        world.start(adds, 1, "order-42")
    world.store.fault = never_fails
    assert world.client.list_workflows() == []


@pytest.mark.semantics(69)
def test_a_run_is_one_span_over_all_its_replays(world: World, clock: VirtualClock) -> None:
    spans = InMemorySpanExporter()
    world.open(adds, span_exporter=spans)
    run = world.start(adds, 1, "order-42")
    world.until_waiting(run, "go")
    world.reopen(adds, crash=True, span_exporter=spans)
    world.handle(run).raise_event("go", 2)
    world.until(run, lambda record, history: "TimerCreated" in kinds(history))
    world.reopen(adds, span_exporter=spans)
    clock.advance(seconds=60)
    assert world.handle(run).result(10) == 3
    world.close()
    found = spans.get_finished_spans()
    [root] = [span for span in found if span.parent is None]
    below = [span for span in found if span.parent is not None]
    assert (root.end_time - root.start_time) / 1e9 == 60
    assert len(below) == 3, "the wait, the timer and the activity"
    assert {span.parent.span_id for span in below} == {root.context.span_id}
