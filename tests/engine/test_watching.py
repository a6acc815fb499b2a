"""Whoever waits for a run is never told of a row that a later commit has replaced."""

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.errors import WorkflowStalledError
from nbflow.runtime import WorkflowHandle
from nbflow.runtime.waiting import watch
from tests.engine.worlds import PATIENCE, World, wait_for


@workflow
async def calls(ctx: WorkflowContext) -> int:
    return await ctx.call_activity("unheard_of", input=2)


def asked_in_a_thread(run: WorkflowHandle) -> int:
    return run.result(PATIENCE)


def asked_with_await(run: WorkflowHandle) -> int:
    async def ask() -> int:
        return await run

    return asyncio.run(ask())


def asked_together(run: WorkflowHandle) -> int:
    return run.client.results([run], timeout=PATIENCE)[0]


def has_ended(record: InstanceRecord) -> bool:
    return record.status.is_terminal


def until_away(engine: Any) -> None:
    end = time.monotonic() + PATIENCE
    while engine.residents.find("order-42") is not None:
        assert time.monotonic() < end, "it never left memory"


@pytest.mark.parametrize("ask", [asked_in_a_thread, asked_with_await, asked_together])
def test_a_row_that_was_read_before_a_commit_is_not_told_behind_it(
    world: World, ask: Callable[[WorkflowHandle], int]
) -> None:
    world.open(calls)
    world.until_status(world.start(calls, id="order-42"), "STALLED")
    world.reopen(calls)  # it waits in the store now, and nowhere else
    engine: Any = world.runtime._engine
    run = world.handle("order-42")
    until_away(engine)
    is_read, may_end, may_go_on = threading.Event(), threading.Event(), asyncio.Event()
    read = engine.committer.read

    async def late(query: Any) -> Any:
        found = await read(query)
        if not is_read.is_set():
            is_read.set()
            await may_go_on.wait()
        return found

    engine.committer.read = late
    told: list[Any] = []

    def wait() -> None:
        try:
            told.append(ask(run))
        except WorkflowStalledError as error:
            told.append(error)

    waiter = threading.Thread(target=wait, daemon=True)
    waiter.start()
    assert is_read.wait(PATIENCE)

    @activity
    def unheard_of(x: int) -> int:
        wait_for(may_end)
        return 10 * x

    world.runtime.register(unheard_of)
    world.until_status(run, "RUNNING")
    if world.cache_size == 0:
        until_away(engine)
    engine._loop.call_soon_threadsafe(may_go_on.set)
    world.client.get_workflow_state("order-42")  # behind which it was told, if it is
    may_end.set()
    waiter.join(PATIENCE)
    assert told == [20]


def test_what_was_awaited_leaves_nothing_for_the_collector(world: World) -> None:
    @workflow
    async def works() -> str:
        return "done"

    world.open(works)
    assert world.start(works).result(PATIENCE) == "done"
    engine: Any = world.runtime._engine
    gc.collect()
    gc.disable()
    try:
        futures = [watch(world.runtime, world.start(works).instance_id, has_ended) for _ in range(5)]
        for future in futures:
            assert future.result(PATIENCE).status is RuntimeStatus.COMPLETED
        left = [weakref.ref(future) for future in futures]
        del futures, future
        end = time.monotonic() + PATIENCE
        while any(ref() is not None for ref in left) or engine.watchers._waiters:
            assert time.monotonic() < end, "they hold each other"
    finally:
        gc.enable()
