"""A timer, and the delay of a retry."""

import asyncio

from proof import STORE, note, start_or_go_on

from nbflow import RetryPolicy, WorkflowActivityContext, activity, workflow
from nbflow.runtime import WorkflowRuntime


@activity(retry_policy=RetryPolicy(1.0, 3))
def flaky(ctx: WorkflowActivityContext) -> int:
    note("ran", f"flaky-{ctx.attempt}")
    if ctx.attempt < 2:
        raise ConnectionError
    return ctx.attempt


@activity
def after() -> str:
    note("ran", "after")
    return "done"


@workflow
async def naps() -> list:
    await asyncio.sleep(1.0)
    return [await flaky(), await after()]


# held until somebody notes its commits: a timer that came due while nothing ran fires with the opening
with WorkflowRuntime(STORE, auto_resume=False) as runtime:
    run = start_or_go_on(runtime, "naps")
    runtime.resume()
    print(run.result(60))
