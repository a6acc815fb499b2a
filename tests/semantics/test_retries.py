"""Retries: by a policy in the code, on timers in the history."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from nbflow import RetryPolicy, WorkflowActivityContext, WorkflowContext, activity, workflow
from nbflow.core.history import TaskScheduled, TimerCreated
from nbflow.core.state import StallReason
from nbflow.errors import TaskFailedError, WorkflowStalledError
from tests.engine.worlds import VirtualClock, World, kinds, of_kind


def calling(policy: RetryPolicy, clock: VirtualClock, fails: int = 99) -> tuple[Any, list[datetime]]:
    """A workflow that calls, under a policy, an activity whose first attempts fail; and when they were made."""
    began: list[datetime] = []

    @activity
    def charge(ctx: WorkflowActivityContext) -> str:
        began.append(clock.now())
        if ctx.attempt <= fails:
            raise (LookupError if ctx.attempt == 4 else ConnectionError)(f"attempt {ctx.attempt}")
        return f"paid at attempt {ctx.attempt}"

    @workflow
    async def pays(ctx: WorkflowContext) -> str:
        try:
            return await ctx.call_activity(charge, retry_policy=policy)
        except TaskFailedError as error:
            return str(error.details)

    return pays, began


def until_waits(world: World, run: object, count: int) -> None:
    world.until(run, lambda record, history: kinds(history).count("TimerCreated") == count)


def waits_of(began: list[datetime]) -> list[float]:
    return [(after - before).total_seconds() for before, after in pairwise(began)]


@pytest.mark.semantics(28, 29, 30)
def test_a_policy_says_how_often_and_after_which_waits(world: World, clock: VirtualClock) -> None:
    policy = RetryPolicy(10, 5, backoff_coefficient=2, max_retry_interval=timedelta(seconds=30))
    pays, began = calling(policy, clock, fails=3)
    world.open(pays)
    run = world.start(pays)
    for count, seconds in enumerate([10, 20, 30], start=1):
        until_waits(world, run, count)
        clock.advance(seconds=seconds - 1)
        assert len(began) == count
        clock.advance(seconds=1)
    assert run.result(10) == "paid at attempt 4"
    assert waits_of(began) == [10, 20, 30]


@pytest.mark.semantics(28)
def test_what_is_not_retryable_fails_at_once(world: World, clock: VirtualClock) -> None:
    pays, began = calling(RetryPolicy(10, 5, non_retryable=(OSError,)), clock)
    world.open(pays)
    assert world.start(pays).result(10) == "ConnectionError: attempt 1"
    assert len(began) == 1


@pytest.mark.semantics(30, 33)
def test_the_first_attempt_counts_and_the_last_failure_is_what_is_raised(
    world: World, clock: VirtualClock
) -> None:
    pays, began = calling(RetryPolicy(0, 4), clock)
    world.open(pays)
    assert world.start(pays).result(10) == "LookupError: attempt 4"
    assert len(began) == 4


@pytest.mark.semantics(31)
def test_retry_timeout_is_measured_by_the_history(world: World, clock: VirtualClock) -> None:
    pays, began = calling(RetryPolicy(10, 9, retry_timeout=25), clock)
    world.open(pays)
    run = world.start(pays)
    for count in (1, 2):
        until_waits(world, run, count)
        clock.advance(seconds=10)
    assert run.result(10) == "ConnectionError: attempt 3"  # a fourth would begin 30 s after the first
    assert waits_of(began) == [10, 10]


@pytest.mark.semantics(32)
def test_a_restart_keeps_the_attempts_and_does_not_begin_a_wait_anew(
    world: World, clock: VirtualClock
) -> None:
    pays, began = calling(RetryPolicy(60, 3), clock, fails=2)
    world.open(pays)
    run = world.start(pays, None, "order-42")
    for count in (1, 2):
        until_waits(world, run, count)
        clock.advance(seconds=40)
        world.reopen(pays, crash=True)
        assert len(began) == count
        clock.advance(seconds=20)
    assert world.handle("order-42").result(10) == "paid at attempt 3"
    assert waits_of(began) == [60, 60]


@pytest.mark.semantics(34)
def test_attempts_are_history_and_another_policy_is_other_code(world: World, clock: VirtualClock) -> None:
    seconds = [60.0]

    @activity
    def charge(ctx: WorkflowActivityContext) -> str:
        if ctx.attempt == 1:
            raise ConnectionError
        return "paid"

    @workflow
    async def pays(ctx: WorkflowContext) -> str:
        return await ctx.call_activity(charge, retry_policy=RetryPolicy(seconds[0], 3))

    world.open(pays)
    run = world.start(pays, None, "order-42")
    until_waits(world, run, 1)
    seconds[0] = 90  # what the history holds can't have come from this code
    world.reopen(pays)
    clock.advance(seconds=60)
    run = world.handle("order-42")
    with pytest.raises(WorkflowStalledError):
        run.result(10)
    assert run.state().stall.reason is StallReason.DIVERGED
    assert "retry timer until 2030-01-01 00:01:30" in run.state().stall.message
    seconds[0] = 60
    run.resume()
    assert run.result(10) == "paid"
    history = run.history()
    assert [(event.attempt, event.task_id) for event in of_kind(history, TaskScheduled)] == [(1, 1), (2, 1)]
    assert [event.purpose for event in of_kind(history, TimerCreated)] == ["retry"]
