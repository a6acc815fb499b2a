"""A hundred activities at once; each leaves a line."""

import asyncio
import time

from proof import STORE, note, start_or_go_on

from nbflow import activity, workflow
from nbflow.runtime import WorkflowRuntime


@activity
def square(n: int) -> int:
    note("ran", str(n))
    time.sleep(0.02)
    return n * n


@workflow
async def squares() -> int:
    return sum(await asyncio.gather(*[square(n) for n in range(100)]))


with WorkflowRuntime(STORE, max_concurrent_activities=4) as runtime:
    print(start_or_go_on(runtime, "squares").result(60))
