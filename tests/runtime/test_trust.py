"""A history that came from elsewhere, or came back altered, runs nothing until its owner says so (S80)."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from nbflow import WorkflowContext, WorkflowRuntime, activity, workflow
from nbflow.core.state import RuntimeStatus, StallReason
from nbflow.errors import LookNotPossible, UntrustedError, WorkflowStalledError
from nbflow.runtime.keys import KEY_BYTES
from nbflow.stores.duckdb import DuckDBStore

pytestmark = pytest.mark.semantics(80)

NOBODYS = bytes(KEY_BYTES)


class Shop:
    """Runs of a shop, over several openings of its history, and what was charged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.charged: list[int] = []
        self.is_down = True
        self._runtime: WorkflowRuntime | None = None

        @activity
        async def charge(cents: int) -> int:
            self.charged.append(cents)
            if self.is_down:
                await asyncio.Event().wait()
            return cents

        @workflow
        async def fulfil(ctx: WorkflowContext, cents: int) -> int:
            paid = await charge(cents)
            await ctx.wait_for_external_event("approval")
            return paid

        self.charge, self.fulfil = charge, fulfil

    def open(self, path: Path | None = None, **options: Any) -> WorkflowRuntime:
        options = {"definitions": [self.charge, self.fulfil], **options}
        self._runtime = WorkflowRuntime(path or self.path, **options)
        return self._runtime.open()

    @property
    def runtime(self) -> WorkflowRuntime:
        assert self._runtime is not None
        return self._runtime

    def close(self) -> None:
        runtime, self._runtime = self._runtime, None
        if runtime is not None:
            runtime.close()

    def alter(self, *statements: str) -> None:
        self.close()
        with duckdb.connect(str(self.path)) as connection:
            for statement in statements:
                connection.execute(statement)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        self.close()
        with duckdb.connect(str(self.path), read_only=True) as connection:
            return connection.execute(sql).fetchall()


def until(holds: Callable[[], bool]) -> None:
    """Wait for what runs do on their own."""
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.002)


def wait_until_charged(shop: Shop, count: int) -> None:
    until(lambda: len(shop.charged) >= count)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """order-42 was charging 1200 when its process ended; order-1 has been completed."""
    made = Shop(tmp_path / "orders.duckdb")
    runtime = made.open()
    runtime.client.schedule_new_workflow(made.fulfil, input=1200, instance_id="order-42")
    wait_until_charged(made, 1)
    made.is_down = False
    done = runtime.client.schedule_new_workflow(made.fulfil, input=5, instance_id="order-1")
    done.raise_event("approval")
    assert done.result(30) == 5
    made.close()
    made.charged.clear()
    yield made
    made.close()


PENDING = "UPDATE history SET payload = '999900' WHERE instance_id = 'order-42' AND kind = 'TaskScheduled'"


def test_s80_ones_own_history_goes_on(shop: Shop) -> None:
    runtime = shop.open()
    assert runtime.is_trusted
    runtime.client.raise_workflow_event("order-42", "approval")
    assert runtime.client.handle("order-42").result(30) == 1200
    assert shop.charged == [1200]
    assert runtime.trust_report().is_trusted
    assert runtime.trust() == 0


def test_s80_an_altered_pending_input_reaches_no_function(shop: Shop) -> None:
    shop.alter(PENDING)
    before = shop.ask("FROM history") + shop.ask("FROM instances") + shop.ask("FROM definitions")
    runtime = shop.open()
    client = runtime.client
    assert not runtime.is_trusted
    said = (
        "this history is not trusted, and nothing of it runs: order-42: the input of charge, event 3, was altered: "
        "`%wf trust`"
    )
    for request in (
        lambda: client.schedule_new_workflow(shop.fulfil, input=1),
        lambda: client.raise_workflow_event("order-42", "approval"),
        lambda: client.resume_workflow("order-42"),
        lambda: client.pause_workflow("order-42"),
        lambda: client.terminate_workflow("order-42"),
        lambda: client.purge_workflow("order-1"),
        lambda: client.restart_workflow("order-1"),
        runtime.resume,
    ):
        with pytest.raises(UntrustedError) as caught:
            request()
        assert str(caught.value) == said
    with pytest.raises(LookNotPossible, match="there is no replay: this history is not trusted"):
        client.handle("order-1").replay(2)
    runtime.register(shop.charge, shop.fulfil)
    assert shop.charged == []
    assert shop.ask("FROM history") + shop.ask("FROM instances") + shop.ask("FROM definitions") == before


def test_s80_a_run_of_such_a_history_shows_that_it_waits_for_trust(shop: Shop) -> None:
    shop.alter(PENDING)
    client = shop.open().client
    state = client.get_workflow_state("order-42")
    assert state.runtime_status is RuntimeStatus.STALLED
    assert state.stall is not None
    assert state.stall.reason is StallReason.UNTRUSTED
    assert state.stall.seq == 3
    assert state.stall.message == (
        "order-42 waits until this history is trusted (order-42: the input of charge, event 3, was altered): "
        "`%wf trust`"
    )
    with pytest.raises(WorkflowStalledError, match="until this history is trusted"):
        client.handle("order-42").result(30)
    assert [run.instance_id for run in client.list_workflows(status="STALLED")] == ["order-42"]
    assert client.list_workflows(status="RUNNING") == []
    assert client.list_workflows(status=["STALLED", "COMPLETED"])[0].instance_id == "order-42"
    assert client.get_workflow_state("order-1").output == 5
    assert [event.seq for event in client.get_workflow_history("order-42")] == [1, 2, 3]
    assert "charge" in repr(client.handle("order-42").timeline())
    assert "fulfil" in repr(client.handle("order-42").graph())
    assert shop.ask("SELECT status, stall FROM instances WHERE instance_id = 'order-42'") == [
        ("RUNNING", None)
    ]


def test_s80_the_report_says_what_would_run_and_trusting_runs_it(shop: Shop) -> None:
    shop.alter(PENDING)
    runtime = shop.open()
    seen: list[str] = []
    runtime.subscribe("order-42", lambda record, _events: seen.append(record.status))
    report = runtime.trust_report()
    assert str(report).splitlines() == [
        "order-42: the input of charge, event 3, was altered",
        "workflow fulfil · 1 version · 1 run that has not ended",
        "activity charge · 1 version · 1 call that has not ended",
    ]
    assert not report.is_trusted
    assert shop.charged == []
    assert runtime.trust() == 1
    assert runtime.is_trusted
    assert seen[0] == "RUNNING"
    runtime.client.raise_workflow_event("order-42", "approval")
    # The call is made as it stands there. The replay finds that the code asks for something else.
    runtime.client.wait("order-42", lambda record: record.stall is not None, 30)
    assert shop.charged == [999900]
    assert runtime.client.get_workflow_state("order-42").stall.reason is StallReason.DIVERGED  # type: ignore[union-attr]
    shop.close()
    assert shop.open().is_trusted


def test_s80_runs_go_on_without_a_reopening_once_they_are_trusted(shop: Shop) -> None:
    shop.alter("UPDATE history SET seal = NULL", "UPDATE instances SET seal = NULL")
    runtime = shop.open()
    assert not runtime.is_trusted
    runtime.trust()
    runtime.client.raise_workflow_event("order-42", "approval")
    assert runtime.client.handle("order-42").result(30) == 1200
    assert runtime.client.schedule_new_workflow(shop.fulfil, input=3).status is not RuntimeStatus.STALLED


def test_s80_a_runtime_may_be_told_at_the_opening(shop: Shop) -> None:
    shop.alter("UPDATE instances SET seal = NULL")
    runtime = shop.open(trust=True)
    assert runtime.is_trusted
    runtime.client.raise_workflow_event("order-42", "approval")
    assert runtime.client.handle("order-42").result(30) == 1200


def test_s80_another_users_history_runs_nothing(shop: Shop) -> None:
    runtime = shop.open(key=NOBODYS)
    with pytest.raises(
        UntrustedError,
        match=r"the source of charge was signed with another key \(and 3 more\): `%wf trust`",
    ):
        runtime.client.raise_workflow_event("order-42", "approval")
    assert shop.charged == []
    shop.close()
    with WorkflowRuntime(shop.path, definitions=[], auto_resume=False) as first:
        assert first.trust_report().is_trusted  # nothing was written into it
    shop.open(key=NOBODYS).trust()
    wait_until_charged(shop, 1)
    shop.close()
    assert not shop.open().is_trusted


def test_s80_a_copy_of_ones_own_history_is_ones_own(shop: Shop, tmp_path: Path) -> None:
    shutil.copy(shop.path, tmp_path / "copy.duckdb")
    runtime = shop.open(tmp_path / "copy.duckdb")
    assert runtime.is_trusted
    wait_until_charged(shop, 1)


def test_s80_a_history_that_is_found_altered_when_it_is_replayed_stalls_its_run_alone(shop: Shop) -> None:
    runtime = shop.open()
    wait_until_charged(shop, 1)
    runtime.client.schedule_new_workflow(shop.fulfil, input=7, instance_id="order-43")
    wait_until_charged(shop, 2)
    history = runtime.client.get_workflow_history
    until(lambda: len(history("order-42")) > 5 and len(history("order-43")) > 5)
    shop.alter("UPDATE history SET payload = '1' WHERE instance_id = 'order-42' AND kind = 'TaskCompleted'")
    runtime = shop.open()
    assert runtime.is_trusted
    runtime.client.raise_workflow_event("order-42", "approval")
    runtime.client.raise_workflow_event("order-43", "approval")
    assert runtime.client.handle("order-43").result(30) == 7
    with pytest.raises(WorkflowStalledError, match="order-42: a result, event 5, was altered"):
        runtime.client.handle("order-42").result(30)
    stall = runtime.client.get_workflow_state("order-42").stall
    assert stall is not None
    assert (stall.reason, stall.seq) == (StallReason.UNTRUSTED, 5)
    with pytest.raises(WorkflowStalledError, match="order-42: a result, event 5, was altered"):
        runtime.client.resume_workflow("order-42")
    with pytest.raises(LookNotPossible, match="a result, event 5, was altered"):
        runtime.client.handle("order-42").replay(3)
    assert [str(found) for found in runtime.trust_report().findings] == [
        "order-42: a result, event 5, was altered"
    ]
    runtime.trust()
    assert runtime.client.handle("order-42").result(30) == 1


def test_s80_an_altered_input_of_a_run_that_has_ended_starts_nothing(shop: Shop) -> None:
    shop.alter("UPDATE instances SET input = '666' WHERE instance_id = 'order-1'")
    runtime = shop.open()
    assert runtime.is_trusted
    with pytest.raises(UntrustedError, match="order-1: its name, input or status was altered: `%wf trust`"):
        runtime.client.restart_workflow("order-1")
    assert 666 not in shop.charged


def test_s80_running_the_same_source_again_signs_it_anew(shop: Shop) -> None:
    shop.alter("UPDATE definitions SET source = 'evil()' WHERE name = 'fulfil'")
    runtime = shop.open(definitions=[shop.charge])
    with pytest.raises(UntrustedError, match="the source of fulfil was altered"):
        runtime.client.raise_workflow_event("order-42", "approval")
    assert shop.charged == []
    runtime.register(shop.fulfil)
    assert runtime.is_trusted
    runtime.client.raise_workflow_event("order-42", "approval")
    assert runtime.client.handle("order-42").result(30) == 1200
    assert shop.ask("SELECT count(*) FROM definitions WHERE source = 'evil()'") == [(0,)]


def test_s80_a_timer_that_was_put_forward_does_not_fire(tmp_path: Path) -> None:
    rang: list[int] = []

    @activity
    async def ring() -> None:
        rang.append(1)

    @workflow
    async def alarm(ctx: WorkflowContext) -> None:
        await ctx.create_timer(timedelta(days=30))
        await ring()

    shop = Shop(tmp_path / "alarm.duckdb")
    shop.open(definitions=[alarm, ring]).client.schedule_new_workflow(alarm, instance_id="morning")
    until(lambda: len(shop.runtime.client.get_workflow_history("morning")) > 2)
    shop.alter("UPDATE inbox SET due = due - INTERVAL 60 DAY")
    runtime = shop.open(definitions=[alarm, ring])
    with pytest.raises(UntrustedError, match="morning: a timer in its inbox was altered"):
        runtime.resume()
    assert rang == []
    shop.close()


def test_s80_a_row_that_nobody_can_read_can_be_named(shop: Shop) -> None:
    shop.alter("UPDATE instances SET status = 'MAYBE' WHERE instance_id = 'order-42'")
    runtime = shop.open()
    assert str(runtime.trust_report().findings[0]) == "order-42: its name, input or status was altered"
    assert shop.charged == []


def test_a_history_in_memory_is_always_trusted(shop: Shop) -> None:
    with WorkflowRuntime(definitions=[shop.charge, shop.fulfil]) as runtime:
        assert runtime.is_trusted
        assert runtime.trust_report().is_trusted


def test_a_store_of_ones_own_decides_for_itself(shop: Shop) -> None:
    shop.alter("UPDATE instances SET seal = NULL")
    with WorkflowRuntime(store=DuckDBStore(shop.path), definitions=[]) as runtime:
        assert runtime.is_trusted
