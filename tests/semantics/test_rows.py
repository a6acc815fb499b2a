"""What history rows carry, and what becomes of rows that this nbflow does not know."""

import os
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from nbflow import RetryPolicy, WorkflowContext, WorkflowRuntime, activity, workflow
from nbflow.core.history import EventWaitCreated, TaskCompleted
from nbflow.stores.duckdb import DuckDBStore
from tests.engine.worlds import VirtualClock, World, of_kind


@pytest.mark.semantics(81)
def test_a_result_tells_when_it_began_which_attempt_it_was_and_on_which_worker(
    world: World, clock: VirtualClock
) -> None:
    attempts: list[int] = []

    @activity(retry_policy=RetryPolicy(0, 2))
    def work() -> None:
        attempts.append(1)
        clock.advance(seconds=5)
        if len(attempts) == 1:
            raise ConnectionError

    @workflow
    async def works() -> None:
        await work()

    world.open(works)
    run = world.start(works)
    run.result(10)
    [completed] = of_kind(run.history(), TaskCompleted)
    assert completed.at - completed.started_at == timedelta(seconds=5)
    assert (completed.attempt, completed.worker) == (2, f"{os.getpid()}/thread")


@pytest.mark.semantics(81)
def test_a_wait_is_recorded_with_the_schema_of_what_it_takes(world: World) -> None:
    @workflow
    async def asks(ctx: WorkflowContext) -> bool:
        return await ctx.wait_for_external_event("approval", data_type=bool)

    world.open(asks)
    run = world.start(asks)
    world.until_waiting(run, "approval")
    [wait] = of_kind(run.history(), EventWaitCreated)
    assert (wait.name, wait.schema) == ("approval", '{"type":"boolean"}')


@activity
def add(x: int, y: int) -> int:
    return x + y


@workflow
async def adds(ctx: WorkflowContext) -> int:
    total = await add(1, 2)
    return total + await ctx.wait_for_external_event("go")


def begun(path: Path) -> None:
    """A store with a run in it that waits."""
    world = World(lambda: DuckDBStore(path), 0)
    world.open(adds)
    world.until_waiting(world.start(adds, None, "order-42"), "go")
    world.close()


@pytest.mark.semantics(81)
def test_each_row_has_format_kind_sequence_time_and_execution(tmp_path: Path) -> None:
    path = tmp_path / "history.duckdb"
    begun(path)
    with duckdb.connect(str(path)) as connection:
        rows = connection.execute(
            "SELECT format, kind, seq, happened_at, execution_id FROM history"
        ).fetchall()
    assert [row[:3] for row in rows] == [
        (1, "WorkflowStarted", 1),
        (1, "ExecutionStarted", 2),
        (1, "TaskScheduled", 3),
        (1, "WorkflowStarted", 4),
        (1, "TaskCompleted", 5),
        (1, "EventWaitCreated", 6),
    ]
    assert all(isinstance(row[3], datetime) for row in rows)
    assert len({row[4] for row in rows}) == 1


@pytest.mark.semantics(81)
@pytest.mark.parametrize("newer", ["kind = 'Teleported'", "format = 99"])
def test_a_row_of_a_newer_nbflow_stalls_the_run_and_is_not_skipped(tmp_path: Path, newer: str) -> None:
    path = tmp_path / "history.duckdb"
    begun(path)
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"UPDATE history SET {newer} WHERE kind = 'TaskCompleted'")
    with WorkflowRuntime(store=DuckDBStore(path), definitions=[adds]) as runtime:
        runtime.client.raise_workflow_event("order-42", "go", data=1)
        runtime.client.wait("order-42", lambda record: record.status == "STALLED", 20)
        [state] = runtime.client.list_workflows()
        assert "update nbflow" in state.stall.message
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE history SET format = 1, kind = 'TaskCompleted' WHERE seq = 5")
    with WorkflowRuntime(store=DuckDBStore(path), definitions=[adds]) as runtime:  # nothing of it is lost
        run = runtime.client.handle("order-42")
        run.resume()
        assert run.result(10) == 4
