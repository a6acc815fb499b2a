"""The executor by itself, and attempts whose code is known to the workflow alone."""

import asyncio
import gc
import threading
from contextvars import Context

import pytest

from nbflow import WorkflowActivityContext, activity, workflow
from nbflow.executors.threads import ThreadExecutor
from nbflow.ports import Invocation
from tests.engine.worlds import World, wait_for


@pytest.mark.asyncio
async def test_an_attempt_that_is_cancelled_before_it_begins_leaves_nothing_over() -> None:
    async def work() -> str:
        return "1"

    info = WorkflowActivityContext(
        instance_id="i", execution_id="e", task_id=1, attempt=1, workflow_name="works"
    )
    invocation = Invocation(name="work", input="null", info=info, context=Context(), call_async=work)
    attempt = asyncio.ensure_future(ThreadExecutor().run(invocation))
    await asyncio.sleep(0)  # it is about to begin
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    gc.collect()  # a coroutine that was never awaited would be a warning, and so an error


@pytest.mark.semantics(52)
def test_an_attempt_of_before_begins_again_once_the_workflow_has_named_its_code(world: World) -> None:
    begun, lives = threading.Event(), 1

    @activity
    def work(n: int) -> int:
        begun.set()
        if lives == 1:
            threading.Event().wait(20)
        return n

    table = {"work": work}

    @workflow
    async def works() -> int:
        return await table["work"](7)

    world.open(works)
    run = world.start(works, None, "order-42")
    wait_for(begun)
    lives = 2
    world.reopen(works, crash=True)
    assert world.handle(run).result(10) == 7
