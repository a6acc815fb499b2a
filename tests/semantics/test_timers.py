"""Timers: for seconds or years, and nothing is held for them but a row."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from nbflow import RetryPolicy, WorkflowContext, activity, workflow
from nbflow.core.history import TimerCreated, TimerFired
from nbflow.core.state import RuntimeState
from tests.engine.worlds import VirtualClock, World, kinds, of_kind


def until_timer(world: World, run: object) -> None:
    world.until(run, lambda record, history: len(RuntimeState.of(history).timers) == 1)


@pytest.mark.semantics(25)
@pytest.mark.parametrize(
    "due",
    [
        timedelta(days=3653),
        datetime(2040, 1, 2),  # noqa: DTZ001
        datetime(2040, 1, 2, 3, tzinfo=timezone(timedelta(hours=3))),
    ],
    ids=["duration", "naive", "aware"],
)
def test_a_timer_waits_for_years_and_over_restarts(
    world: World, clock: VirtualClock, due: datetime | timedelta
) -> None:
    @workflow
    async def waits(ctx: WorkflowContext) -> str:
        await ctx.create_timer(due)
        return ctx.current_utc_datetime.isoformat()

    world.open(waits)
    run = world.start(waits, None, "order-42")
    until_timer(world, run)
    clock.advance(days=3653, microseconds=-1)
    world.reopen(waits)
    assert world.handle(run).status == "RUNNING"
    clock.advance(microseconds=1)
    assert world.handle(run).result(10) == "2040-01-02T00:00:00+00:00"


@pytest.mark.semantics(25)
def test_a_timer_that_came_due_while_nobody_looked_fires_at_once(world: World, clock: VirtualClock) -> None:
    @workflow
    async def sleeps() -> str:
        await asyncio.sleep(60)
        return "awake"

    world.open(sleeps)
    until_timer(world, world.start(sleeps, None, "order-42"))
    world.crash()
    clock.advance(days=1)
    world.open(sleeps)
    assert world.handle("order-42").result(10) == "awake"


@pytest.mark.semantics(26)
def test_a_waiting_timer_is_a_row_and_nothing_else(world: World, clock: VirtualClock) -> None:
    @workflow
    async def sleeps(seconds: int) -> None:
        await asyncio.sleep(seconds)

    world.open(sleeps, cache_size=0)
    for n in range(3):
        until_timer(world, world.start(sleeps, 60 + n))
    assert [(type(row.event), row.due) for row in world.inbox()] == [
        (TimerFired, clock.now() + timedelta(seconds=60 + n)) for n in range(3)
    ]
    assert len(world.runtime._engine.turns._warm) == 0


@pytest.mark.semantics(27)
def test_timers_of_nbflows_own_are_in_history_and_outlive_a_crash(world: World, clock: VirtualClock) -> None:
    @activity(retry_policy=RetryPolicy(3600, 2))
    def flaky() -> str:
        if clock.now() == datetime(2030, 1, 1, tzinfo=UTC):
            raise ConnectionError
        return "done"

    @workflow
    async def careful(ctx: WorkflowContext) -> list:
        first = await flaky()
        try:
            await ctx.wait_for_external_event("approval", timeout=86400)
        except TimeoutError:
            return [first, "nobody answered"]
        return []

    world.open(careful)
    run = world.start(careful, None, "order-42")
    until_timer(world, run)
    world.reopen(careful, crash=True)
    clock.advance(hours=1)
    world.until(run, lambda record, history: kinds(history).count("TimerCreated") == 2)
    world.reopen(careful, crash=True)
    clock.advance(hours=24)
    assert world.handle(run).result(10) == ["done", "nobody answered"]
    assert [event.purpose for event in of_kind(world.history(run), TimerCreated)] == ["retry", "timeout"]
