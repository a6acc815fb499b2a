"""Durable timers: they fire once, in order, also those that came due while nobody looked."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core.history import TimerCancelled, TimerCreated, TimerFired
from nbflow.core.state import RuntimeState
from nbflow.engine.clock import SystemClock
from nbflow.errors import StoreError
from tests.engine.worlds import VirtualClock, World, kinds, of_kind


@workflow
async def sleeps(ctx: WorkflowContext, seconds: float) -> str:
    await ctx.create_timer(seconds)
    return str(ctx.current_utc_datetime)


def until_timers(world: World, run: object, count: int) -> None:
    """Wait until a run has so many open timers."""
    world.until(run, lambda record, history: len(RuntimeState.of(history).timers) == count)


def test_s25_a_timer_fires_when_it_is_due_and_not_before(world: World, clock: VirtualClock) -> None:
    world.open(sleeps)
    run = world.start(sleeps, 60)
    until_timers(world, run, 1)
    clock.advance(seconds=59.9)
    other = world.start(sleeps, 0)
    assert other.result(10)
    assert run.status == "RUNNING"
    clock.advance(seconds=0.1)
    assert run.result(10) == "2030-01-01 00:01:00+00:00"
    assert world.inbox() == []


def test_s25_years_pass_like_seconds(world: World, clock: VirtualClock) -> None:
    @workflow
    async def waits_for_years(ctx: WorkflowContext) -> str:
        await asyncio.sleep(30 * 86400)
        await ctx.create_timer(datetime.fromisoformat("2040-01-01"))
        return str(ctx.current_utc_datetime.date())

    world.open(waits_for_years)
    run = world.start(waits_for_years)
    until_timers(world, run, 1)
    clock.advance(days=30)
    world.until(run, lambda record, history: kinds(history).count("TimerCreated") == 2)
    clock.advance(days=3622)
    assert run.result(10) == "2040-01-01"


@pytest.mark.parametrize("crash", [False, True])
def test_s25_an_overdue_timer_fires_at_once_on_reopening(
    world: World, clock: VirtualClock, crash: bool
) -> None:
    world.open(sleeps)
    run = world.start(sleeps, 60, "order-42")
    until_timers(world, run, 1)
    world.reopen(sleeps, crash=crash)
    assert world.handle("order-42").status == "RUNNING"
    world.close()
    clock.advance(days=365)
    world.open(sleeps)
    assert world.handle("order-42").result(10) == "2031-01-01 00:00:00+00:00"


def test_s26_a_waiting_timer_is_a_row_and_nothing_in_memory(world: World, clock: VirtualClock) -> None:
    world.open(sleeps, cache_size=0)
    for n in range(3):
        until_timers(world, world.start(sleeps, 60 + n), 1)
    rows = world.inbox()
    assert [type(row.event) for row in rows] == [TimerFired] * 3
    assert [row.due for row in rows] == [clock.now() + timedelta(seconds=60 + n) for n in range(3)]


def test_s42_a_timed_out_wait_and_a_timely_event(world: World, clock: VirtualClock) -> None:
    @workflow
    async def asks(ctx: WorkflowContext) -> list:
        try:
            await ctx.wait_for_external_event("approval", timeout=60)
        except TimeoutError:
            late = True
        got = await ctx.wait_for_external_event("approval", timeout=60)
        return [late, got]

    world.open(asks)
    run = world.start(asks)
    world.until_waiting(run, "approval")
    clock.advance(seconds=60)
    world.until(run, lambda record, history: kinds(history).count("EventWaitCreated") == 2)
    run.raise_event("approval", "yes")
    assert run.result(10) == [True, "yes"]
    assert len(of_kind(run.history(), TimerCancelled)) == 1
    assert world.inbox() == []


@pytest.mark.semantics(26)
def test_a_cancelled_timer_leaves_no_row_and_never_fires(world: World, clock: VirtualClock) -> None:
    @workflow
    async def quick(ctx: WorkflowContext) -> str:
        try:
            async with asyncio.timeout(60):
                await ctx.wait_for_external_event("go")
        except TimeoutError:
            return "late"
        await ctx.wait_for_external_event("end")
        return "in time"

    world.open(quick)
    run = world.start(quick)
    world.until_waiting(run, "go")
    assert len(world.inbox()) == 1
    run.raise_event("go")
    world.until_waiting(run, "end")
    assert world.inbox() == []
    clock.advance(hours=1)
    run.raise_event("end")
    assert run.result(10) == "in time"
    assert of_kind(run.history(), TimerFired) == []


def test_s73_timers_that_are_due_together_fire_in_the_order_of_their_calls(
    world: World, clock: VirtualClock
) -> None:
    @workflow
    async def ties(ctx: WorkflowContext) -> list[str]:
        order: list[str] = []

        async def sleeper(name: str, seconds: float) -> None:
            await ctx.create_timer(seconds)
            order.append(name)

        async with asyncio.TaskGroup() as tasks:
            for n in range(5):
                tasks.create_task(sleeper(f"late-{n}", 20))
            for n in range(5):
                tasks.create_task(sleeper(f"early-{n}", 10))
        return order

    expected = [f"early-{n}" for n in range(5)] + [f"late-{n}" for n in range(5)]
    world.open(ties)
    together, apart = world.start(ties), None
    until_timers(world, together, 10)
    clock.advance(seconds=30)
    assert together.result(10) == expected
    apart = world.start(ties)
    until_timers(world, apart, 10)
    clock.advance(seconds=10)
    until_timers(world, apart, 5)
    clock.advance(seconds=10)
    assert apart.result(10) == expected


def test_s73_ties_are_decided_alike_when_all_is_overdue_on_reopening(
    world: World, clock: VirtualClock
) -> None:
    @workflow
    async def races(ctx: WorkflowContext) -> str:
        first = asyncio.ensure_future(ctx.create_timer(10))
        second = asyncio.ensure_future(ctx.create_timer(5))
        done, _ = await asyncio.wait({first, second}, return_when=asyncio.FIRST_COMPLETED)
        return "second" if second in done else "first"

    world.open(races)
    until_timers(world, world.start(races, None, "order-42"), 2)
    world.close()
    clock.advance(days=1)
    world.open(races)
    assert world.handle("order-42").result(10) == "second"


def test_s45_a_timer_advances_the_workflow_s_clock_at_least_to_its_deadline(
    world: World, clock: VirtualClock
) -> None:
    world.open(sleeps)
    run = world.start(sleeps, 60)
    until_timers(world, run, 1)
    clock.advance(seconds=75)
    assert run.result(10) == "2030-01-01 00:01:15+00:00"


@pytest.mark.semantics(25)
def test_many_timers_fire_each_once(world: World, clock: VirtualClock) -> None:
    @workflow
    async def naps(ctx: WorkflowContext, count: int) -> int:
        fired = 0
        for nap in [ctx.create_timer(1 + n % 7) for n in range(count)]:
            await nap
            fired += 1
        return fired

    world.open(naps)
    runs = [world.start(naps, 150, f"run-{n}") for n in range(10)]
    for run in runs:
        until_timers(world, run, 150)
    for _ in range(7):
        clock.advance(seconds=1)
    assert [run.result(60) for run in runs] == [150] * 10
    for run in runs:
        assert len(of_kind(run.history(), TimerFired)) == len(of_kind(run.history(), TimerCreated)) == 150
    assert world.inbox() == []


@pytest.mark.semantics(25)
def test_a_timer_may_be_due_at_once(world: World, clock: VirtualClock) -> None:
    world.open(sleeps)
    assert [world.start(sleeps, 0).result(10) for _ in range(3)] == ["2030-01-01 00:00:00+00:00"] * 3
    assert world.inbox() == []


@pytest.mark.semantics(25)
def test_a_timer_in_the_past_fires_at_once(world: World, clock: VirtualClock) -> None:
    @workflow
    async def too_late(ctx: WorkflowContext) -> str:
        await ctx.create_timer(datetime(2020, 1, 1, tzinfo=UTC))
        return str(ctx.current_utc_datetime.date())

    world.open(too_late)
    assert world.start(too_late).result(10) == "2030-01-01"


def test_timers_survive_a_store_that_cannot_be_read_for_a_while(world: World, clock: VirtualClock) -> None:
    world.open(sleeps)
    run = world.start(sleeps, 60)
    until_timers(world, run, 1)
    reads: list[int] = []
    read_due = world.store.inner.read_due

    def breaks_once(*args: object, **kwargs: object) -> object:
        reads.append(1)
        if len(reads) == 1:
            raise StoreError("the disk sleeps")
        return read_due(*args, **kwargs)

    world.store.read_due = breaks_once
    clock.advance(seconds=60)
    assert run.result(10)
    assert len(reads) >= 2


@pytest.mark.semantics(25)
def test_with_the_real_clock(world: World) -> None:
    @activity
    def now() -> float:
        return datetime.now(UTC).timestamp()

    @workflow
    async def naps() -> float:
        before = await now()
        await asyncio.sleep(0.3)
        return await now() - before

    world.open(naps, clock=SystemClock())
    assert 0.3 <= world.start(naps).result(10) < 5
