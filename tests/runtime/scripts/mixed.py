"""A bit of everything: steps, fan-out, events that it sends itself, timers, a retry, an async activity."""

import asyncio

from proof import STORE, note, start_or_go_on

from nbflow import RetryPolicy, WorkflowActivityContext, WorkflowContext, activity, workflow
from nbflow.runtime import WorkflowRuntime


@activity
def step(key: str, value: int) -> int:
    note("ran", key)
    return value + 1


@activity
async def gentle(key: str, value: int) -> int:
    note("ran", key)
    await asyncio.sleep(0.01)
    return 2 * value


@activity(retry_policy=RetryPolicy(0.02, 5))
def flaky(ctx: WorkflowActivityContext, key: str) -> int:
    note("ran", f"{key}-{ctx.attempt}")
    if ctx.attempt < 3:
        raise ConnectionError(key)
    return ctx.attempt


@workflow
async def mixed(ctx: WorkflowContext) -> list:
    told = []
    for turn in range(6):
        value = await step(f"first-{turn}", turn)
        parts = await asyncio.gather(*[gentle(f"part-{turn}-{n}", value) for n in range(4)])
        try:
            async with asyncio.timeout(0.05):
                await ctx.wait_for_external_event("never")
        except TimeoutError:
            value += sum(parts)
        await asyncio.sleep(0.02)
        told.append([value, await flaky(f"flaky-{turn}"), ctx.random().randint(0, 0)])
    return told


with WorkflowRuntime(STORE, cache_size=1) as runtime:
    print(start_or_go_on(runtime, "mixed").result(60))
