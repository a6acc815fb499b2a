"""Durable timers, by every name that asyncio and Dapr have for them."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import anyio
import pytest

from nbflow import WorkflowContext, workflow
from tests.core.builder import T0, Run, completed, work


@pytest.mark.parametrize(
    ("due", "at"),
    [
        (90, "+90s"),
        (0.5, "+0.5s"),
        (timedelta(days=365 * 10), "+315360000s"),
        (datetime(2026, 1, 1, 1, 0), "+3600s"),  # noqa: DTZ001
        (datetime(2026, 1, 1, 3, 0, tzinfo=timezone(timedelta(hours=2))), "+3600s"),
        (datetime(2025, 12, 31, tzinfo=UTC), "-86400s"),
        (0, "+0s"),
    ],
    ids=["seconds", "fraction", "ten years", "naive is UTC", "aware", "in the past", "now"],
)
def test_s25_until_a_date_or_after_a_duration(drive, due, at):
    @workflow
    async def waits(ctx: WorkflowContext) -> str:
        await ctx.create_timer(due)
        return ctx.current_utc_datetime.isoformat()

    run = drive(waits)
    assert run.start() == [f"#1 timer at {at}"]
    fire_at = run.state.timers[1].fire_at
    assert fire_at.tzinfo is UTC
    assert run.fire(1) == [f'return "{max(fire_at, T0).isoformat()}"']


def test_a_negative_duration_is_refused(drive):
    @workflow
    async def waits(ctx: WorkflowContext) -> None:
        await ctx.create_timer(-1)

    assert drive(waits).start() == ["fail ValueError: a timer's duration can't be negative: -1"]


@pytest.mark.semantics(25)
def test_sleep_is_a_durable_timer(drive):
    @workflow
    async def sleeps() -> str:
        await asyncio.sleep(0)
        await asyncio.sleep(30 * 86400)
        return "awake"

    run = drive(sleeps)
    assert run.start() == ["#1 timer at +2592000s"]
    assert run.fire(1) == ['return "awake"']


def test_sleep_gives_its_result(drive):
    @workflow
    async def sleeps() -> object:
        return await asyncio.sleep(1, result="rested")

    run = drive(sleeps)
    run.start()
    assert run.fire(1) == ['return "rested"']


def test_a_sleep_never_ends_early_for_a_fraction_of_a_microsecond(drive):
    third = 1 / 3

    @workflow
    async def sleeps() -> bool:
        loop = asyncio.get_running_loop()
        due = loop.time() + third
        await asyncio.sleep(third)
        return loop.time() >= due

    run = drive(sleeps)
    assert run.start() == ["#1 timer at +0.333334s"]
    assert run.fire(1) == ["return true"]


def test_s45_a_timer_that_fired_advances_the_clock_to_its_deadline_at_least(drive):
    @workflow
    async def waits(ctx: WorkflowContext) -> float:
        await ctx.create_timer(10)
        return (ctx.current_utc_datetime - T0).total_seconds()

    run = drive(waits)
    run.start()
    # The engine's clock lags behind: the turn began at +0s.
    assert run.turn(run.fired(1)) == ["return 10.0"]


@pytest.mark.semantics(25, 45)
def test_an_overdue_timer_fires_late_and_the_clock_says_so(drive):
    @workflow
    async def waits(ctx: WorkflowContext) -> float:
        await ctx.create_timer(10)
        return (ctx.current_utc_datetime - T0).total_seconds()

    run = drive(waits)
    run.start()
    assert run.turn(run.fired(1), after=500) == ["return 500.0"]


def test_timeout_that_is_not_needed_is_withdrawn(drive):
    @workflow
    async def in_time() -> object:
        async with asyncio.timeout(5):
            return await work(1)

    run = drive(in_time)
    assert run.start() == ["#1 timer at +5s", "#2 work(1)"]
    assert run.complete(2, "ok", after=1) == ["cancel timer #1", 'return "ok"']


def test_timeout_that_comes_withdraws_what_it_waited_for(drive):
    @workflow
    async def too_late() -> str:
        try:
            async with asyncio.timeout(5):
                await work(1)
        except TimeoutError:
            return "late"
        return "in time"

    run = drive(too_late)
    run.start()
    assert run.fire(1) == ["cancel activity #2", 'return "late"']


def test_wait_for_a_call(drive):
    @workflow
    async def waits() -> object:
        try:
            return await asyncio.wait_for(work(1), timeout=5)
        except TimeoutError:
            return "late"

    late, early = drive(waits), drive(waits)
    assert sorted(late.start()) == ["#1 work(1)", "#2 timer at +5s"]
    assert late.fire(2) == ["cancel activity #1", 'return "late"']
    early.start()
    assert early.complete(1, "early") == ["cancel timer #2", 'return "early"']


def test_timeout_can_be_moved(drive):
    @workflow
    async def moved() -> str:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(5) as scope:
            await work(1)
            scope.reschedule(loop.time() + 60)
            await work(2)
        return "done"

    run = drive(moved)
    assert run.start() == ["#1 timer at +5s", "#2 work(1)"]
    assert run.complete(2, after=4) == ["cancel timer #1", "#3 timer at +64s", "#4 work(2)"]
    assert run.complete(4) == ["cancel timer #3", 'return "done"']


def test_loop_callbacks_are_durable_and_run_inside_the_workflow(drive):
    @workflow
    async def later() -> object:
        loop = asyncio.get_running_loop()
        answer = loop.create_future()

        def call() -> None:
            task = work("from a callback")
            task.add_done_callback(lambda task: answer.set_result(task.result()))

        loop.call_later(3, call)
        return await answer

    run = drive(later)
    assert run.start() == ["#1 timer at +3s"]
    assert run.fire(1) == ['#2 work("from a callback")']
    assert run.complete(2, "heard") == ['return "heard"']


def test_a_cancelled_callback_withdraws_its_timer(drive):
    @workflow
    async def never_mind() -> None:
        asyncio.get_running_loop().call_later(3, print).cancel()
        await work(1)

    assert drive(never_mind).start() == ["#1 timer at +3s", "cancel timer #1", "#2 work(1)"]


def test_s73_ties_go_by_the_order_in_which_timers_are_fed(drive):
    @workflow
    async def ties() -> list[str]:
        order: list[str] = []

        async def one(name: str) -> None:
            await asyncio.sleep(5)
            order.append(name)

        await asyncio.gather(one("a"), one("b"))
        return order

    run = drive(ties)
    run.start()
    run.now += timedelta(seconds=5)
    assert run.turn(run.fired(1), run.fired(2)) == ['return ["a","b"]']


@pytest.mark.semantics(25)
def test_anyio_deadlines_are_durable_timers(drive):
    @workflow
    async def scoped() -> list[object]:
        with anyio.move_on_after(5) as scope:
            await work(1)
        late = scope.cancelled_caught
        try:
            with anyio.fail_after(5):
                await work(2)
        except TimeoutError:
            return [late, "failed"]
        return [late, "in time"]

    run = drive(scoped)
    assert run.start() == ["#1 timer at +5s", "#2 work(1)"]
    assert run.fire(1) == ["cancel activity #2", "#3 timer at +10s", "#4 work(2)"]
    assert run.fire(3) == ["cancel activity #4", 'return [true,"failed"]']


def test_anyio_sleep(drive):
    @workflow
    async def sleeps() -> str:
        await anyio.sleep(7)
        await anyio.sleep_until(anyio.current_time() + 3)
        return "awake"

    run = drive(sleeps)
    assert run.start() == ["#1 timer at +7s"]
    assert run.fire(1) == ["#2 timer at +10s"]
    assert run.fire(2) == ['return "awake"']


def test_a_timer_too_far_away_is_the_authors_error(drive):
    @workflow
    async def waits(ctx: WorkflowContext) -> None:
        await ctx.create_timer(timedelta(days=4_000_000))

    (line,) = drive(waits).start()
    assert "year 9999" in line


@pytest.mark.parametrize("seconds", [float("nan"), 1e30])
def test_a_sleep_that_is_no_time_is_the_authors_error(drive, seconds):
    @workflow
    async def sleeps() -> None:
        asyncio.get_running_loop().call_later(seconds, print)
        await work(1)

    (line,) = drive(sleeps).start()
    assert line.startswith("fail ValueError: a timer's time can't be ")


def test_s9_nothing_but_history_is_needed_to_wait(drive):
    @workflow
    async def waits() -> str:
        await asyncio.sleep(100)
        await work(1)
        return "done"

    run = drive(waits)
    run.start()
    run.execution.evict()
    fresh = Run(waits)
    fresh.execution, fresh.history, fresh.state, fresh.now = run.cold(), run.history, run.state, run.now
    assert fresh.fire(1) == ["#2 work(1)"]
    assert fresh.turn(completed(2)) == ['return "done"']
    fresh.close()


def test_sleeping_for_ever_needs_no_timer(drive):
    @workflow
    async def sleeps() -> str:
        with anyio.move_on_after(5):
            await anyio.sleep_forever()
        return "woken"

    run = drive(sleeps)
    assert run.start() == ["#1 timer at +5s"]
    assert run.fire(1) == ['return "woken"']
