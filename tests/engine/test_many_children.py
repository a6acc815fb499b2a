"""Hundreds and thousands of runs below one: all begin, report, end and go, in a time that grows with their number."""

import asyncio
import threading
from typing import Any

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core.history import ChildWorkflowCompleted
from tests.engine.gates import until_handled
from tests.engine.worlds import World, of_kind, wait_for

pytestmark = pytest.mark.semantics(17, 20)


@workflow
async def square(x: int) -> int:
    return x * x


@workflow
async def waits(ctx: WorkflowContext, x: int) -> int:
    await ctx.wait_for_external_event("go")
    return x


@workflow
async def sums(count: int) -> int:
    return sum(await asyncio.gather(*[square(n) for n in range(count)]))


@workflow
async def tree(ctx: WorkflowContext, widths: list[int]) -> int:
    """As many below as the first number says, and so on below each of them; the last ones wait."""
    if not widths:
        return await waits(1)
    return sum(await asyncio.gather(*[tree(widths[1:]) for _ in range(widths[0])]))


def until_there(world: World, count: int, **filters: Any) -> None:
    """Wait until there are so many runs that pass a filter."""
    enough = threading.Event()
    stop = world.runtime.subscribe(None, lambda record, events: enough.set())
    while True:
        enough.clear()
        if len(world.client.list_workflows(limit=None, **filters)) >= count:
            break
        wait_for(enough)
    stop()


def test_a_thousand_children_report_to_one_parent(world: World) -> None:
    count = 1000
    world.open(sums, square)
    run = world.start(sums, count, "order-42")
    assert run.result(60) == sum(n * n for n in range(count))
    assert len({event.scheduled_id for event in of_kind(run.history(), ChildWorkflowCompleted)}) == count
    below = world.client.list_workflows(parent="order-42", limit=None)
    assert len(below) == count
    assert {state.runtime_status for state in below} == {"COMPLETED"}
    assert len(world.client.list_workflows(parent="order-42")) == 1000, "by default a page"
    until_handled(world)
    assert run.purge() is None
    assert world.client.list_workflows() == []


@pytest.mark.semantics(23, 44)
@pytest.mark.parametrize("store_kind", ["memory"])
def test_hundreds_below_a_run_end_and_go_with_it(world: World) -> None:
    world.open(tree, waits)
    run = world.start(tree, [15, 15], "root")
    until_there(world, 225, name="waits", status="RUNNING")
    run.terminate("enough")
    until_there(world, 1 + 15 + 225 + 225, status="TERMINATED")
    assert {state.output for state in world.client.list_workflows(limit=None)} == {"enough"}
    until_handled(world)
    assert world.client.purge_workflow("root") == 466


@pytest.mark.semantics(11, 23)
@pytest.mark.parametrize("store_kind", ["duckdb"])
def test_dozens_below_a_run_end_with_it_also_over_a_crash_on_disk(world: World) -> None:
    world.open(tree, waits)
    world.start(tree, [5, 6], "root")
    until_there(world, 30, name="waits", status="RUNNING")
    world.reopen(tree, waits, crash=True)
    world.handle("root").terminate("enough")
    world.reopen(tree, waits, crash=True)
    until_there(world, 1 + 5 + 30 + 30, status="TERMINATED")
    until_handled(world)


@pytest.mark.semantics(9)
def test_more_children_than_fit_into_memory_report_all_the_same(quick_world: World) -> None:
    @activity
    def cube(x: int) -> int:
        return x**3

    @workflow
    async def cubes(x: int) -> int:
        return await cube(x) - await cube(x - 1)

    @workflow
    async def telescopes(count: int) -> int:
        return sum(await asyncio.gather(*[cubes(n) for n in range(1, count + 1)]))

    world = quick_world
    world.open(telescopes, cubes, cache_size=3)
    assert world.start(telescopes, 120).result(60) == 120**3
