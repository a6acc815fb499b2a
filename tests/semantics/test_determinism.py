"""Determinism: what workflow code may ask, what it may not, and what becomes of changed code."""

import asyncio
import threading
from collections import defaultdict
from datetime import datetime
from typing import Any

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core.state import StallReason
from nbflow.definitions import WorkflowDefinition
from nbflow.errors import WorkflowFailedError
from tests.engine.worlds import VirtualClock, World, kinds


@activity
def add(x: int, y: int) -> int:
    return x + y


@pytest.mark.semantics(45)
def test_time_guids_and_random_numbers_are_the_same_in_every_replay(
    world: World, clock: VirtualClock
) -> None:
    drawn: dict[int, set[tuple[datetime, str, float]]] = defaultdict(set)

    @workflow
    async def draws(ctx: WorkflowContext) -> list[float]:
        begin = ctx.current_utc_datetime
        seconds = []
        for n in range(4):
            now = ctx.current_utc_datetime
            drawn[n].add((now, str(ctx.new_guid()), ctx.random().random()))
            assert ctx.current_utc_datetime == now
            seconds.append((now - begin).total_seconds())
            await ctx.create_timer(10)
        return seconds

    world.open(draws)
    run = world.start(draws, None, "order-42")
    for n, late in enumerate([0, 0.5, 0, 0]):
        world.until(run, lambda record, history, n=n: kinds(history).count("TimerCreated") == n + 1)
        world.reopen(draws)  # each time the code begins at its top
        clock.advance(seconds=10 + late)
    assert world.handle(run).result(10) == [0, 10, 20.5, 30.5]
    assert [len(draws) for draws in drawn.values()] == [1, 1, 1, 1]
    assert len({draw for draws in drawn.values() for draw in draws}) == 4


async def thread() -> None:
    await asyncio.to_thread(print, "never")


async def connection() -> None:
    await asyncio.open_connection("localhost", 80)


async def subprocess() -> None:
    await asyncio.create_subprocess_exec("true")


@pytest.mark.semantics(46)
@pytest.mark.parametrize("code", [thread, connection, subprocess])
def test_what_a_replay_cannot_repeat_is_refused_with_the_advice_to_make_it_an_activity(
    quick_world: World, code: Any
) -> None:
    flow = workflow(code)
    quick_world.open(flow)
    with pytest.raises(WorkflowFailedError, match=rf"a {code.__name__} .*: put it in an activity"):
        quick_world.start(flow).result(10)


@pytest.mark.semantics(47)
def test_workflow_code_runs_on_the_dispatch_thread_and_its_context_nowhere_else(world: World) -> None:
    kept: list[WorkflowContext] = []

    @workflow
    async def leaks(ctx: WorkflowContext) -> str:
        kept.append(ctx)
        await ctx.wait_for_external_event("go")
        return threading.current_thread().name

    world.open(leaks)
    run = world.start(leaks, None, "order-42")
    world.until_waiting(run, "go")
    with pytest.raises(Exception, match=r"ctx\.create_timer\(\) was called outside the workflow 'order-42'"):
        kept[0].create_timer(1)
    run.raise_event("go")
    assert run.result(10) == "nbflow-dispatch"


@pytest.mark.semantics(48)
def test_a_generator_is_a_workflow_as_an_async_def_is(world: World) -> None:
    @workflow
    async def awaits(ctx: WorkflowContext, x: int) -> int:
        total = await add(x, 1)
        return total + await ctx.wait_for_external_event("go")

    @workflow
    def yields(ctx: WorkflowContext, x: int):
        total = yield ctx.call_activity(add, input={"x": x, "y": 1})
        got = yield ctx.wait_for_external_event("go")
        return total + got

    world.open(awaits, yields)
    runs = [world.start(code, 5) for code in (awaits, yields)]
    for run in runs:
        world.until_waiting(run, "go")
        run.raise_event("go", 100)
    assert [run.result(10) for run in runs] == [106, 106]
    assert kinds(runs[0].history()) == kinds(runs[1].history())


def version(source: str) -> WorkflowDefinition[Any, Any]:
    """A version of the workflow `order`, as a cell would define it."""
    namespace: dict[str, Any] = {"add": add}
    exec(compile(source, "<order>", "exec"), namespace)
    return WorkflowDefinition(namespace["order"], source=source)


FIRST = """
async def order(ctx) -> int:
    total = await add(1, 2)
    total = await add(total, 10)
    return total + await ctx.wait_for_external_event("go")
"""
REORDERED = FIRST.replace("add(1, 2)", "add(1, 10)").replace("add(total, 10)", "add(total, 2)")
REMOVED = FIRST.replace("    total = await add(total, 10)\n", "")
ADDED = FIRST.replace("    return", "    total = await add(total, 100)\n    return")
SECOND = FIRST.replace("return total +", "return 1000 + total +")


@pytest.mark.semantics(49)
def test_another_name_input_or_output_type_is_reported_when_it_is_defined(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def said_of(signature: str) -> str:
        caplog.clear()
        world.runtime.register(version(f"async def order{signature}: ...\n"))
        return caplog.text

    world.open()
    assert said_of("(sku: str, qty: int) -> str") == ""
    assert "qty: int is now float" in said_of("(sku: str, qty: float) -> str")
    assert "count is new and has no default" in said_of("(sku: str, count: float) -> str")
    assert "the result str is now list" in said_of("(sku: str, count: float) -> list")
    assert said_of("(sku: str, count: float, gift: bool = False) -> list") == ""  # what is on record fits
    assert said_of("(sku: str, count: float, gift: bool = False, note: str = '') -> list") == ""


@pytest.mark.semantics(50)
@pytest.mark.parametrize("changed", [REORDERED, REMOVED, ADDED], ids=["reordered", "removed", "added"])
def test_tasks_in_another_number_or_order_are_a_divergence(world: World, changed: str) -> None:
    world.open(version(FIRST))
    run = world.start("order", None, "order-42")
    world.until_waiting(run, "go")
    world.reopen(version(changed))
    run = world.handle(run)
    run.raise_event("go", 5)
    world.until_status(run, "STALLED")
    with pytest.raises(Exception, match="the code no longer matches its history"):
        run.resume()
    assert run.state().stall.reason is StallReason.DIVERGED


@pytest.mark.semantics(51)
def test_a_run_stays_with_the_code_that_it_was_started_with_and_new_ones_take_the_newest(
    world: World,
) -> None:
    world.open(version(FIRST))
    old = world.start("order", None, "old")
    world.until_waiting(old, "go")
    world.runtime.register(version(SECOND))
    new = world.start("order", None, "new")
    for run in (old, new):
        run.raise_event("go", 5)
    assert (old.result(10), new.result(10)) == (18, 1018)
    world.reopen(version(FIRST), version(SECOND))
    assert world.start("order", None, "next").status in ("PENDING", "RUNNING")
    world.handle("next").raise_event("go", 0)
    assert world.handle("next").result(10) == 1013
