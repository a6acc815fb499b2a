"""A runtime that is opened without going on by itself: what is in it waits for its owner's word."""

import threading
from typing import Any

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core.history import EventRaised
from tests.engine.worlds import VirtualClock, World, wait_for


@activity
def double(n: int) -> int:
    return 2 * n


@workflow
async def waiting(ctx: WorkflowContext, n: int) -> int:
    return await double(n) + await ctx.wait_for_external_event("more", data_type=int)


@workflow
async def sleepy(ctx: WorkflowContext, seconds: float) -> str:
    await ctx.create_timer(seconds)
    return "awake"


def test_a_held_run_keeps_what_comes_for_it_and_goes_on_when_it_is_resumed(world: World) -> None:
    world.open(waiting)
    world.until_waiting(world.start(waiting, 1, "order-42"), "more")
    world.reopen(waiting, auto_resume=False)
    run = world.handle("order-42")
    assert run.state().waits_for[0] == "its owner: `%wf resume order-42`"
    run.raise_event("more", 40)
    world.until_kept(EventRaised)
    assert run.status == "RUNNING"
    run.resume()
    assert run.result(10) == 42
    assert run.state().waits_for == ()


def test_an_activity_that_a_crash_interrupted_begins_again_only_when_its_run_is_resumed(world: World) -> None:
    begun, go = threading.Event(), threading.Event()
    calls: list[int] = []

    @activity
    def slow(n: int) -> int:
        calls.append(n)
        begun.set()
        if len(calls) == 1:
            wait_for(go)
        return n

    @workflow
    async def order(n: int) -> int:
        return await slow(n)

    world.open(order)
    world.start(order, 7, "order-42")
    wait_for(begun)
    world.crash()
    go.set()
    world.open(order, waiting, auto_resume=False)
    world.start(waiting, 1, "other").raise_event("more", 1)
    assert world.handle("other").result(10) == 3  # what is started now is not held
    assert calls == [7]
    assert world.runtime.resume() == ["order-42"]
    assert world.handle("order-42").result(10) == 7
    assert calls == [7, 7]


def test_a_held_run_can_be_terminated_and_its_id_is_free_then(world: World) -> None:
    world.open(waiting)
    world.until_waiting(world.start(waiting, 1, "order-42"), "more")
    world.reopen(waiting, auto_resume=False, crash=True)
    run = world.handle("order-42")
    run.terminate("enough")
    world.until_status(run, "TERMINATED")
    again = world.start(waiting, 2, "order-42")
    again.raise_event("more", 1)
    assert again.result(10) == 5


def test_a_timer_of_a_held_run_that_comes_due_waits_with_it(world: World, clock: VirtualClock) -> None:
    world.open(sleepy)
    run = world.start(sleepy, 60, "order-42")
    world.until(run, lambda record, history: len(history) > 2)
    world.reopen(sleepy, auto_resume=False)
    clock.advance(hours=1)
    run = world.handle("order-42")
    assert run.status == "RUNNING"
    run.resume()
    assert run.result(10) == "awake"


def test_a_suspended_run_that_is_held_goes_on_with_one_resume(world: World) -> None:
    world.open(waiting)
    run = world.start(waiting, 1, "order-42")
    world.until_waiting(run, "more")
    run.suspend()
    world.until_status(run, "SUSPENDED")
    world.reopen(waiting, auto_resume=False)
    run = world.handle("order-42")
    run.raise_event("more", 1)
    run.resume()
    assert run.result(10) == 3


@pytest.mark.parametrize("auto_resume", [True, False])
def test_nothing_is_held_in_a_store_without_runs(quick_world: World, auto_resume: bool) -> None:
    quick_world.open(waiting, auto_resume=auto_resume)
    assert quick_world.runtime.resume() == []
    run: Any = quick_world.start(waiting, 1)
    run.raise_event("more", 1)
    assert run.result(10) == 3
