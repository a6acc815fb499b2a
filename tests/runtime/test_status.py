"""What a run's status costs: a row, and not its history."""

from collections.abc import Iterator

import pytest

from nbflow import WorkflowContext, WorkflowRuntime, workflow
from nbflow.errors import InstanceNotFoundError
from nbflow.stores.memory import MemoryStore


@workflow
async def waits(ctx: WorkflowContext) -> str:
    return await ctx.wait_for_external_event("go")


class Unread(MemoryStore):
    """A store whose histories nobody may read."""

    def read_history(self, *args: object, **kwargs: object) -> list:  # type: ignore[override]
        raise AssertionError("this reads a history")


@pytest.fixture
def runtime() -> Iterator[WorkflowRuntime]:
    with WorkflowRuntime(store=Unread(), definitions=[waits]) as runtime:
        yield runtime


def test_asking_for_a_status_reads_no_history(runtime: WorkflowRuntime) -> None:
    run = runtime.client.schedule_new_workflow(waits, instance_id="order-42")
    runtime.client.wait("order-42", lambda record: record.status == "RUNNING", 10)
    assert run.status == "RUNNING"
    run.terminate()
    assert run.status == "TERMINATED"


def test_a_run_that_is_gone_has_no_status(runtime: WorkflowRuntime) -> None:
    run = runtime.client.schedule_new_workflow(waits, instance_id="order-42")
    run.terminate()
    run.purge()
    with pytest.raises(InstanceNotFoundError, match="order-42"):
        _ = run.status
