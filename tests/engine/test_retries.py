"""Retries are durable: their delays are timers, and a restart keeps the count."""

import threading
from typing import Any

import pytest

from nbflow import RetryPolicy, WorkflowActivityContext, WorkflowContext, activity, workflow
from nbflow.core.history import TaskCancelled, TaskFailed, TaskScheduled, TimerCreated
from nbflow.core.state import RuntimeState
from nbflow.errors import TaskFailedError
from tests.engine.worlds import VirtualClock, World, of_kind, wait_for


def until_attempts(world: World, run: object, count: int) -> None:
    """Wait until so many attempts have failed, and the delay behind the last has begun."""
    world.until(
        run,
        lambda record, history: (
            len(of_kind(history, TaskFailed)) == count and len(RuntimeState.of(history).timers) == 1
        ),
    )


@pytest.mark.parametrize("restart", ["never", "close", "crash"])
def test_s32_attempts_are_counted_and_delays_kept_over_restarts(
    world: World, clock: VirtualClock, restart: str
) -> None:
    attempts: list[tuple[int, float]] = []
    began = clock.now()

    @activity(retry_policy=RetryPolicy(10, 4, backoff_coefficient=2))
    def flaky(ctx: WorkflowActivityContext) -> str:
        attempts.append((ctx.attempt, (clock.now() - began).total_seconds()))
        if ctx.attempt < 4:
            raise ConnectionError(f"attempt {ctx.attempt}")
        return "done"

    @workflow
    async def persists() -> str:
        return await flaky()

    world.open(persists)
    run = world.start(persists, None, "order-42")
    for attempt, delay in ((1, 10), (2, 20), (3, 40)):
        until_attempts(world, run, attempt)
        clock.advance(seconds=delay / 2)
        if restart != "never":
            world.reopen(persists, crash=restart == "crash")
            run = world.handle("order-42")
        clock.advance(seconds=delay / 2)
    assert run.result(10) == "done"
    assert attempts == [(1, 0), (2, 10), (3, 30), (4, 70)]
    history = run.history()
    assert [event.attempt for event in of_kind(history, TaskScheduled)] == [1, 2, 3, 4]
    assert {event.task_id for event in of_kind(history, TaskScheduled)} == {1}
    assert [event.purpose for event in of_kind(history, TimerCreated)] == ["retry"] * 3
    assert world.inbox() == []


def test_s32_a_delay_that_passes_while_nobody_looks_is_over_on_reopening(
    world: World, clock: VirtualClock
) -> None:
    attempts: list[int] = []

    @activity(retry_policy=RetryPolicy(3600, 2))
    def flaky(ctx: WorkflowActivityContext) -> str:
        attempts.append(ctx.attempt)
        if ctx.attempt == 1:
            raise ConnectionError
        return "done"

    @workflow
    async def persists() -> str:
        return await flaky()

    world.open(persists)
    run = world.start(persists, None, "order-42")
    until_attempts(world, run, 1)
    world.close()
    clock.advance(hours=2)
    world.open(persists)
    assert world.handle("order-42").result(10) == "done"
    assert attempts == [1, 2]


def test_s33_the_last_failure_is_raised_and_can_be_caught(world: World, clock: VirtualClock) -> None:
    @activity
    def flaky(ctx: WorkflowActivityContext) -> None:
        raise ConnectionError(f"attempt {ctx.attempt}")

    @workflow
    async def persists(ctx: WorkflowContext) -> str:
        try:
            await ctx.call_activity(flaky, retry_policy=RetryPolicy(0, 3))
        except TaskFailedError as error:
            return str(error.details)
        return "none"

    world.open(persists)
    assert world.start(persists).result(10) == "ConnectionError: attempt 3"


def test_s28_what_is_not_retryable_fails_at_once(world: World) -> None:
    attempts: list[int] = []

    @activity(retry_policy=RetryPolicy(0, 5, non_retryable=(LookupError,)))
    def flaky(ctx: WorkflowActivityContext) -> None:
        attempts.append(ctx.attempt)
        raise KeyError("sku")

    @workflow
    async def persists() -> str:
        try:
            await flaky()
        except TaskFailedError as error:
            return error.details.type
        return "none"

    world.open(persists)
    assert world.start(persists).result(10) == "KeyError"
    assert attempts == [1]


@pytest.mark.semantics(63)
def test_a_run_that_is_terminated_between_attempts_tries_no_more(world: World, clock: VirtualClock) -> None:
    attempts: list[int] = []
    second = threading.Event()

    @activity(retry_policy=RetryPolicy(10, 5))
    def flaky(ctx: WorkflowActivityContext) -> None:
        attempts.append(ctx.attempt)
        if ctx.attempt == 2:
            second.set()
        raise ConnectionError

    @workflow
    async def persists() -> None:
        await flaky()

    world.open(persists)
    run = world.start(persists)
    until_attempts(world, run, 1)
    run.terminate()
    world.until_status(run, "TERMINATED")
    assert world.inbox() == []
    clock.advance(seconds=60)
    other = world.start(persists)
    until_attempts(world, other, 1)
    assert not second.is_set()
    assert attempts == [1, 1]


@pytest.mark.semantics(31)
@pytest.mark.parametrize("restart", ["close", "crash"])
def test_s31_retry_timeout_goes_by_the_history_and_not_by_how_long_nobody_looked(
    world: World, clock: VirtualClock, restart: str
) -> None:
    attempts: list[int] = []

    @activity(retry_policy=RetryPolicy(10, 9, retry_timeout=60))
    def flaky(ctx: WorkflowActivityContext) -> None:
        attempts.append(ctx.attempt)
        raise ConnectionError(f"attempt {ctx.attempt}")

    @workflow
    async def persists() -> str:
        try:
            await flaky()
        except TaskFailedError as error:
            return str(error.details)
        return "none"

    world.open(persists)
    run = world.start(persists, None, "order-42")
    until_attempts(world, run, 1)
    clock.advance(seconds=10)
    until_attempts(world, run, 2)
    (world.crash if restart == "crash" else world.close)()
    clock.advance(hours=5)
    world.open(persists)
    # The wait had begun, so the attempt behind it is made; five hours after the first no other one is.
    assert world.handle("order-42").result(10) == "ConnectionError: attempt 3"
    assert attempts == [1, 2, 3]


@pytest.mark.semantics(28, 66)
def test_an_attempt_that_takes_too_long_fails_and_is_tried_again(world: World, clock: VirtualClock) -> None:
    attempts: list[int] = []
    began, may_end = threading.Event(), threading.Event()

    @activity(retry_policy=RetryPolicy(10, 2), timeout=5)
    def slow(ctx: WorkflowActivityContext) -> str:
        attempts.append(ctx.attempt)
        if ctx.attempt == 1:
            began.set()
            wait_for(may_end)
        return f"attempt {ctx.attempt}"

    @workflow
    async def waits(ctx: WorkflowContext) -> str:
        found = await slow()
        await ctx.wait_for_external_event("go")
        return found

    world.open(waits)
    run = world.start(waits, None, "order-42")
    wait_for(began)
    clock.advance(seconds=5)
    world.until(run, lambda record, history: len(of_kind(history, TaskCancelled)) == 1)
    world.until(run, lambda record, history: len(RuntimeState.of(history).timers) == 1)
    world.reopen(waits)
    clock.advance(seconds=10)
    run = world.handle("order-42")
    world.until_waiting(run, "go")
    may_end.set()
    run.raise_event("go")
    assert run.result(10) == "attempt 2"
    assert attempts == [1, 2]


@pytest.mark.semantics(28)
@pytest.mark.parametrize("is_reopened", [False, True], ids=["here", "reopened"])
def test_a_class_of_the_same_name_is_the_same_after_a_restart(
    world: World, clock: VirtualClock, is_reopened: bool
) -> None:
    """What failed is known by the names of its classes: Run All makes another class of each."""

    def definitions() -> Any:
        class DeclinedError(Exception): ...

        class StolenError(DeclinedError): ...

        @activity(retry_policy=RetryPolicy(10, 3, non_retryable=(DeclinedError,)))
        def pay(ctx: WorkflowActivityContext) -> None:
            raise (ConnectionError if ctx.attempt == 1 else StolenError)("no")

        @workflow
        async def pays() -> str:
            try:
                await pay()
            except TaskFailedError as error:
                return error.details.type.rpartition(".")[2]
            return "paid"

        return pays

    pays = definitions()
    world.open(pays)
    run = world.start(pays, None, "order-42")
    until_attempts(world, run, 1)
    if is_reopened:
        world.reopen(definitions())
    clock.advance(seconds=10)
    run = world.handle("order-42")
    assert run.result(10) == "StolenError"
    assert len(of_kind(run.history(), TaskFailed)) == 2
