"""The executor by itself."""

import asyncio
import gc
from contextvars import Context

import pytest

from nbflow import WorkflowActivityContext
from nbflow.executors.threads import ThreadExecutor
from nbflow.ports import Invocation


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
