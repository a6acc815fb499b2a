"""What can be done with a stalled run: whoever asks is answered, and nobody tries for ever."""

import threading
from typing import Any

import pytest

from nbflow import ReuseIdPolicy, WorkflowContext, workflow
from nbflow.errors import UnknownHistoryKindError
from tests.engine.gates import start_soon
from tests.engine.worlds import World, wait_for


@pytest.mark.semantics(12)
def test_who_resumes_while_another_try_is_under_way_hears_of_their_own(world: World) -> None:
    is_tried, may_fail = threading.Event(), threading.Event()
    may_fail.set()

    @workflow
    async def stalls(ctx: WorkflowContext) -> Any:
        is_tried.set()
        wait_for(may_fail)
        return missing_name  # noqa: F821 - what is tested

    @workflow(name="stalls")
    async def repaired(ctx: WorkflowContext) -> str:
        return "repaired"

    world.open(stalls, stuck_after=60)
    run = world.start(stalls, None, "order-42")
    world.until_status(run, "STALLED")
    is_tried.clear()
    may_fail.clear()
    world.runtime.register(repaired)  # which has the run tried with its own code
    wait_for(is_tried)
    resumed = world.runtime.submit(world.runtime.requests.resume("order-42", ""))
    engine: Any = world.runtime._engine
    while engine.residents.find("order-42").adopts is None:
        pass
    may_fail.set()
    assert resumed.exception(10) is None
    assert run.result(10) == "repaired"


@workflow
async def waits(ctx: WorkflowContext, word: str) -> str:
    return f"{word} {await ctx.wait_for_external_event('go')}"


@workflow
async def calls(ctx: WorkflowContext) -> str:
    return await ctx.call_child_workflow(waits, input="child", instance_id="below")


@pytest.mark.semantics(12, 63, 81)
def test_a_run_whose_history_cannot_be_read_ends_once_it_can_and_is_not_read_all_the_time(
    world: World,
) -> None:
    world.open(calls, waits)
    run = world.start(calls, None, "order-42")
    world.until_waiting("below", "go")
    world.close()
    reads: list[str] = []

    def newer(instance_id: str, execution_id: str | None = None, **how: bool) -> Any:
        reads.append(instance_id)
        raise UnknownHistoryKindError("history row 3 is a 'Wormhole' of format 9: update nbflow")

    world.store.read_history = newer
    world.open(calls, waits)
    world.client.terminate_workflow("order-42", output="enough")
    world.until_status_of_row("order-42", "STALLED")
    replaced = start_soon(world, waits, "new", "order-42", ReuseIdPolicy("TERMINATE"))
    with pytest.raises(UnknownHistoryKindError, match="update nbflow"):
        replaced.result(10)
    count = len(reads)
    world.client.terminate_workflow("order-42", output="once more")
    assert world.start(waits, "other", "other").instance_id == "other"
    assert len(reads) - count <= 4
    del world.store.read_history  # nbflow was updated
    world.reopen(calls, waits)
    world.until_status(run, "TERMINATED")
    world.until_status("below", "TERMINATED")
    assert world.client.get_workflow_state("below").output == "enough"
