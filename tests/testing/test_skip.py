"""`WorkflowRuntime.skip`: from due time to due time, on the real engine."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core.history import TimerFired
from nbflow.errors import StoreError
from nbflow.testing import VirtualClock
from tests.engine.worlds import World, of_kind, wait_for
from tests.testing.orders import approval, monitor

BEGINNING = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.semantics(25)
def test_thirty_sleeps_of_a_day_see_thirty_right_times(world: World, clock: VirtualClock) -> None:
    world.open(monitor)
    run = world.start(monitor, 30)
    skipped = world.runtime.skip(days=30)
    assert run.result(20) == [f"{BEGINNING + timedelta(days=day):%m-%d} 00:00" for day in range(1, 31)]
    assert clock.now() == skipped.ended == BEGINNING + timedelta(days=30)
    assert (skipped.timers, skipped.runs) == (30, {run.instance_id: "COMPLETED"})


def test_runs_meet_their_times_in_one_order(world: World, clock: VirtualClock) -> None:
    order: list[str] = []

    @activity
    def note(line: str) -> None:
        order.append(line)

    @workflow
    async def beat(ctx: WorkflowContext, name: str, every: int, times: int) -> None:
        for _ in range(times):
            await asyncio.sleep(every)
            await note(f"{name} {(ctx.current_utc_datetime - BEGINNING).total_seconds():g}")

    world.open(beat)
    world.start(beat, {"name": "slow", "every": 10, "times": 3})
    world.start(beat, {"name": "fast", "every": 4, "times": 6})
    world.runtime.skip(30)
    assert order == sorted(order, key=lambda line: float(line.split()[1]))
    assert order[:4] == ["fast 4", "fast 8", "slow 10", "fast 12"]
    assert len(order) == 9


def test_what_happened_is_one_line(quick_world: World) -> None:
    quick_world.clock = VirtualClock()
    quick_world.open(monitor)
    for name in ("a", "b"):
        quick_world.start(monitor, 1, id=name)
    quick_world.start(monitor, 9, id="c")
    day = "from 2030-01-01 00:00:00 UTC to 2030-01-02 00:00:00 UTC"
    assert str(quick_world.runtime.skip(days=1)) == f"{day} · 3 timers fired · a, b are COMPLETED · c went on"
    for _ in range(4):
        quick_world.start(monitor, 1)
    assert str(quick_world.runtime.skip(days=1)).endswith(
        " · 5 timers fired · 4 runs are COMPLETED · c went on"
    )
    assert str(quick_world.runtime.skip(1)).endswith(" UTC · nothing happened")


def test_a_start_that_is_put_off_begins_on_its_time(world: World, clock: VirtualClock) -> None:
    world.open(monitor)
    late = world.start(monitor, 1, start_at=BEGINNING + timedelta(days=3, hours=1))
    world.runtime.skip(days=10)
    assert late.result(20) == ["01-05 01:00"]


def test_a_skip_ends_where_it_was_told_to(world: World, clock: VirtualClock) -> None:
    world.open(monitor)
    run = world.start(monitor, 2)
    assert world.runtime.skip(86399).timers == 0
    assert world.runtime.skip(timedelta(seconds=1)).timers == 1
    assert world.runtime.skip(hours=12, minutes=30).ended == BEGINNING + timedelta(days=1.5, minutes=30)
    assert run.status == "RUNNING"


def test_whoever_waits_for_a_person_holds_nothing_up(world: World, clock: VirtualClock) -> None:
    @activity
    def elsewhere() -> None: ...

    @workflow
    async def lacks_code(ctx: WorkflowContext) -> None:
        await ctx.call_activity("elsewhere")

    @workflow
    async def listens(ctx: WorkflowContext) -> None:
        await ctx.wait_for_external_event("never")

    world.open(monitor, lacks_code, listens)
    stalled, waiting = world.start(lacks_code), world.start(listens)
    suspended, running = world.start(monitor, 3), world.start(monitor, 3)
    world.until_status(stalled, "STALLED")
    world.until_waiting(waiting, "never")
    suspended.suspend()
    world.until_status(suspended, "SUSPENDED")
    skipped = world.runtime.skip(days=5)
    assert skipped.runs == {running.instance_id: "COMPLETED"}
    suspended.resume()
    world.runtime.skip(days=5)
    assert suspended.result(20) == ["01-06 00:00", "01-07 00:00", "01-08 00:00"]


def test_an_activity_that_nobody_waits_for_is_not_waited_for(quick_world: World) -> None:
    quick_world.clock = VirtualClock()
    begun, go_on = threading.Event(), threading.Event()

    @activity
    def hang() -> None:
        begun.set()
        wait_for(go_on)

    @workflow
    async def hangs() -> None:
        await hang()

    quick_world.open(hangs)
    run = quick_world.start(hangs)
    wait_for(begun)
    run.terminate()
    quick_world.until_status(run, "TERMINATED")
    assert quick_world.runtime.skip(days=1, timeout=20).ended == BEGINNING + timedelta(days=1)
    go_on.set()


@pytest.mark.semantics(66)
def test_an_attempt_s_timeout_comes_when_the_clock_is_moved_past_it(quick_world: World) -> None:
    quick_world.clock = clock = VirtualClock()
    begun, go_on = threading.Event(), threading.Event()

    @activity(timeout=60)
    def hang() -> None:
        begun.set()
        wait_for(go_on)

    @workflow
    async def hangs() -> str:
        try:
            await hang()
        except Exception as error:
            return type(error).__name__
        return "returned"

    quick_world.open(hangs)
    run = quick_world.start(hangs)
    wait_for(begun)
    clock.advance(minutes=2)
    assert run.result(20) == "TaskFailedError"
    assert quick_world.runtime.skip(1, timeout=20).timers == 0
    go_on.set()


def test_a_timer_of_an_event_that_came_is_no_time_to_stop_at(world: World, clock: VirtualClock) -> None:
    world.open(approval)
    run = world.start(approval)
    world.until_waiting(run, "approval")
    run.raise_event("approval")
    assert run.result(20) == "approved"
    assert world.runtime.skipper.skip_until(lambda: False).result(20).ended == BEGINNING


def test_children_and_generations_are_waited_for(world: World, clock: VirtualClock) -> None:
    @workflow
    async def tick(ctx: WorkflowContext, left: int) -> str:
        await asyncio.sleep(3600)
        if left:
            ctx.continue_as_new(left - 1)
        return f"{ctx.current_utc_datetime:%H}"

    @workflow
    async def family(ctx: WorkflowContext) -> list[str]:
        return [await tick(2), await tick(0)]

    world.open(family)
    run = world.start(family)
    world.runtime.skip(days=1)
    assert run.result(20) == ["03", "04"]


def test_more_timers_than_a_page_of_the_store_come_due_at_once(quick_world: World) -> None:
    quick_world.clock = VirtualClock()

    @workflow
    async def many(ctx: WorkflowContext) -> int:
        await asyncio.gather(*(ctx.create_timer(timedelta(hours=1)) for _ in range(1500)))
        return 1500

    quick_world.open(many)
    run = quick_world.start(many)
    assert quick_world.runtime.skip(hours=2, timeout=60).timers == 1500
    assert run.result(20) == 1500


def test_retries_wait_in_virtual_time_and_a_failing_store_in_real_time(quick_world: World) -> None:
    quick_world.clock = VirtualClock()
    quick_world.open(monitor)
    run = quick_world.start(monitor, 2)
    quick_world.runtime.skipper.settle()
    broken = iter([True, True, False])
    store = quick_world.store

    def fails_twice(operations: object) -> Exception | None:
        return StoreError("the disk is full") if next(broken, False) else None

    store.fault = fails_twice
    quick_world.runtime.skip(days=2, timeout=60)
    assert store.failures == 2
    assert run.result(20) == ["01-02 00:00", "01-03 00:00"]


def test_the_history_shows_when_it_happened(world: World, clock: VirtualClock) -> None:
    world.open(monitor)
    run = world.start(monitor, 3)
    world.runtime.skip(days=3)
    fired = of_kind(world.history(run), TimerFired)
    assert [event.at for event in fired] == [event.fire_at for event in fired]
    assert [event.at for event in fired] == [BEGINNING + timedelta(days=day) for day in (1, 2, 3)]
