"""Workflow code that computes for a while keeps nobody waiting, and goes on where it was."""

import threading
from typing import Any

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core.history import EventRaised
from tests.engine.worlds import PATIENCE, World, of_kind


@activity
def one(number: int) -> int:
    return number + 1


@workflow
async def quick(number: int) -> int:
    return await one(number)


@pytest.mark.semantics(17)
def test_others_go_on_while_a_turn_takes_its_time(world: World) -> None:
    started: list[int] = []
    is_there, may_go_on = threading.Semaphore(0), threading.Semaphore(0)
    threads: set[str] = set()

    @workflow
    async def computes(ctx: WorkflowContext) -> list:
        started.append(1)
        told = []
        for _ in range(3):
            told.append(await ctx.wait_for_external_event("item"))
            if not ctx.is_replaying:
                threads.add(threading.current_thread().name)
                is_there.release()
                may_go_on.acquire()  # as a long computation would
        return told

    world.open(computes, quick, stuck_after=PATIENCE)
    run = world.start(computes)
    for number in range(3):
        asked: Any = world.runtime.submit(
            world.runtime.requests.raise_event(run.instance_id, "item", str(number))
        )
        assert is_there.acquire(timeout=PATIENCE)
        assert [world.start(quick, n).result(PATIENCE) for n in range(3)] == [1, 2, 3]
        assert len(of_kind(run.history(), EventRaised)) <= number
        may_go_on.release()
        asked.result(PATIENCE)
    assert run.result(PATIENCE) == [0, 1, 2]
    if world.cache_size:
        assert len(started) == 1  # it has been in memory all the time


@pytest.mark.semantics(17)
def test_a_closed_runtime_waits_for_no_long_turn(quick_world: World) -> None:
    world = quick_world
    is_there, may_end = threading.Event(), threading.Event()

    @workflow
    async def computes(ctx: WorkflowContext) -> str:
        await ctx.wait_for_external_event("go")
        if not may_end.is_set():
            is_there.set()
            may_end.wait(PATIENCE)
        return "done"

    world.open(computes, quick, stuck_after=PATIENCE)
    run = world.start(computes)
    world.until_waiting(run, "go")
    asked: Any = world.runtime.submit(world.runtime.requests.raise_event(run.instance_id, "go", "null"))
    assert is_there.wait(PATIENCE)
    assert world.start(quick, 1).result(PATIENCE) == 2
    asked.result(PATIENCE)  # it is kept by itself, as the turn takes so long
    world.close()
    may_end.set()
    world.open(computes, quick)
    assert world.handle(run).result(PATIENCE) == "done"
