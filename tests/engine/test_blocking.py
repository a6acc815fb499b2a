"""Workflow code that blocks its thread is found like any other that doesn't come to rest (S17, S46)."""

import concurrent.futures
import linecache
import queue
import threading
from typing import Any

import pytest

from nbflow import WorkflowContext, workflow
from nbflow.core.state import StallReason
from tests.engine.traps import SOON
from tests.engine.worlds import PATIENCE, World

pytestmark = [pytest.mark.semantics(17), pytest.mark.semantics(46)]


@pytest.mark.parametrize("what", ["lock", "event", "semaphore", "queue", "future"])
def test_what_blocks_stalls_its_run_at_the_line_and_holds_up_no_other(quick_world: World, what: str) -> None:
    lock, event, semaphore = threading.Lock(), threading.Event(), threading.Semaphore(0)
    things: queue.Queue[None] = queue.Queue()
    future: concurrent.futures.Future[None] = concurrent.futures.Future()
    lock.acquire()

    @workflow
    async def blocks() -> Any:
        match what:
            case "lock":
                lock.acquire()  # here
            case "event":
                event.wait()  # here
            case "semaphore":
                semaphore.acquire()  # here
            case "queue":
                things.get()  # here
            case _:
                future.result()  # here

    @workflow
    async def waits(ctx: WorkflowContext) -> str:
        return await ctx.wait_for_external_event("go")

    try:
        quick_world.open(blocks, waits, stuck_after=SOON)
        quick_world.start(blocks, None, "order-42")
        stall = quick_world.until_status("order-42", "STALLED").stall
        assert stall is not None
        assert stall.reason is StallReason.STUCK
        assert "put the work in an activity" in stall.message
        assert linecache.getline(stall.file or "", stall.line or 0).endswith("  # here\n")
        other = quick_world.start(waits, None, "other")
        other.raise_event("go", "went")
        assert other.result(PATIENCE) == "went"
    finally:
        lock.release()
        event.set()
        semaphore.release()
        things.put(None)
        future.set_result(None)
