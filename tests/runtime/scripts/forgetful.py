"""Ends without closing its runtime, while activities of both sorts run; the next process finds all as it was."""

import asyncio
import sys
import threading

from proof import STORE, note, start_or_go_on

from nbflow import activity, workflow
from nbflow.runtime import WorkflowRuntime

IS_FIRST = sys.argv[3:] == ["first"]
both_run = threading.Barrier(3)


@activity
def hangs() -> int:
    note("ran", "hangs")
    if IS_FIRST:
        both_run.wait()
        threading.Event().wait()
    return 1


@activity
async def naps() -> int:
    note("ran", "naps")
    if IS_FIRST:
        await asyncio.to_thread(both_run.wait)
        await asyncio.sleep(3600)
    return 2


@workflow
async def forgets() -> list[int]:
    return await asyncio.gather(hangs(), naps())


runtime = WorkflowRuntime(STORE).open()
run = start_or_go_on(runtime, "forgets")
if IS_FIRST:
    both_run.wait()
else:
    print(run.result(60))
