"""Many at once: that they finish, and, printed, how long it took. No time is asserted."""

import asyncio
import time

import pytest

from nbflow import activity, workflow
from nbflow.core.history import TaskCompleted
from tests.engine.worlds import World, of_kind


@activity
def add(x: int, y: int) -> int:
    return x + y


@workflow
async def three_steps(x: int) -> int:
    for n in range(3):
        x = await add(x, n)
    return x


@workflow
async def fans_out(width: int) -> int:
    return sum(await asyncio.gather(*[add(n, 1) for n in range(width)]))


def test_two_hundred_runs_of_three_activities(world: World) -> None:
    world.open(three_steps)
    began = time.perf_counter()
    acks = [world.start(three_steps, n) for n in range(200)]
    started = time.perf_counter()
    assert [run.result(60) for run in acks] == [n + 3 for n in range(200)]
    ended = time.perf_counter()
    print(f"200 runs x 3: started in {started - began:.2f} s, done after {ended - began:.2f} s")
    assert world.inbox() == []


@pytest.mark.semantics(17, 54)
def test_a_thousand_activities_of_one_run(world: World) -> None:
    world.open(fans_out)
    began = time.perf_counter()
    run = world.start(fans_out, 1000)
    assert run.result(100) == sum(range(1, 1001))
    print(f"fan-out of 1,000: {time.perf_counter() - began:.2f} s")
    assert len(of_kind(run.history(), TaskCompleted)) == 1000
    assert world.inbox() == []
