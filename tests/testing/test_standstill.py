"""What time stands still for, and who can't skip it."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from nbflow import WorkflowContext, WorkflowRuntime, activity, workflow
from nbflow.errors import ClockError, NbflowError, RuntimeClosedError
from nbflow.testing import VirtualClock
from tests.engine.worlds import World, wait_for
from tests.testing.orders import monitor

BEGINNING = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said at once why time stands still."""
    monkeypatch.setattr("nbflow.runtime.skipping._PATIENCE", 0.0)


@pytest.mark.usefixtures("impatient")
def test_a_real_activity_is_waited_for(world: World, clock: VirtualClock) -> None:
    begun, go_on = threading.Event(), threading.Event()
    stood: list[datetime] = []

    @activity
    def compute() -> str:
        begun.set()
        wait_for(go_on)
        return "done"

    @workflow
    async def computes(ctx: WorkflowContext) -> str:
        result = await compute()
        return f"{result} at {ctx.current_utc_datetime:%d}"

    def tell(_line: str) -> None:
        stood.append(clock.now())
        go_on.set()

    world.open(computes, monitor)
    run, other = world.start(computes), world.start(monitor, 1)
    wait_for(begun)
    world.runtime.skip(days=2, tell=tell)
    assert stood == [BEGINNING]
    assert run.result(20) == "done at 01"
    assert other.result(20) == ["01-02 00:00"]


@pytest.fixture
def dawdling(quick_world: World) -> Iterator[threading.Event]:
    """A world in virtual time in which an activity is running, until the event is set."""
    quick_world.clock = VirtualClock()
    begun, go_on = threading.Event(), threading.Event()

    @activity
    def dawdle() -> None:
        begun.set()
        wait_for(go_on)

    @workflow
    async def slow() -> None:
        await dawdle()

    quick_world.open(slow)
    quick_world.start(slow, id="order-42")
    wait_for(begun)
    yield go_on
    go_on.set()


@pytest.mark.usefixtures("impatient")
def test_it_says_once_what_time_stands_still_for(quick_world: World, dawdling: threading.Event) -> None:
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        dawdling.set()

    quick_world.runtime.skip(days=1, tell=tell)
    assert told == ["virtual time is at 2030-01-01 00:00:00 UTC: dawdle of order-42 is running"]


@pytest.mark.usefixtures("impatient")
def test_without_an_ear_it_is_logged(
    quick_world: World, dawdling: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())
            dawdling.set()

    ear = Ear()
    monkeypatch.setattr(logging.getLogger("nbflow.runtime"), "handlers", [ear])
    quick_world.runtime.skip(days=1)
    assert lines == ["virtual time is at 2030-01-01 00:00:00 UTC: dawdle of order-42 is running"]


@pytest.mark.usefixtures("impatient")
def test_a_turn_that_takes_its_time_is_waited_for(quick_world: World) -> None:
    quick_world.clock = clock = VirtualClock()
    begun, go_on = threading.Event(), threading.Event()

    @workflow
    async def ponders(ctx: WorkflowContext) -> str:
        await asyncio.sleep(60)
        begun.set()
        wait_for(go_on)  # as no workflow should
        return f"{ctx.current_utc_datetime:%H:%M}"

    told: list[str] = []

    def tell(line: str) -> None:
        wait_for(begun)
        told.append(f"{clock.now():%H:%M}, {quick_world.runtime.skipper.standstill()}")
        go_on.set()

    quick_world.open(ponders)
    run = quick_world.start(ponders, id="order-42")
    quick_world.runtime.skip(hours=1, tell=tell)
    assert told == ["00:01, virtual time is at 2030-01-01 00:01:00 UTC: a turn of order-42 is under way"]
    assert run.result(20) == "00:01"


def test_a_skip_that_takes_too_long_says_why(quick_world: World, dawdling: threading.Event) -> None:
    with pytest.raises(TimeoutError, match=r"dawdle of order-42 is running, after 0.1 s of real time"):
        quick_world.runtime.skip(days=1, timeout=0.1)


@pytest.mark.usefixtures("impatient")
def test_a_skip_that_is_interrupted_leaves_time_where_it_got_to(quick_world: World) -> None:
    quick_world.clock = clock = VirtualClock()
    begun, go_on = threading.Event(), threading.Event()

    @activity
    def hang() -> None:
        begun.set()
        wait_for(go_on)

    @workflow
    async def tomorrow() -> None:
        await asyncio.sleep(86400)
        await hang()

    def interrupt(_line: str) -> None:
        wait_for(begun)
        raise KeyboardInterrupt

    quick_world.open(tomorrow)
    quick_world.start(tomorrow)
    with pytest.raises(KeyboardInterrupt):
        quick_world.runtime.skip(days=30, tell=interrupt)
    go_on.set()
    quick_world.runtime.skipper.settle(timeout=20)
    assert clock.now() == BEGINNING + timedelta(days=1)


def test_the_computer_s_clock_can_t_be_skipped() -> None:
    with WorkflowRuntime(definitions=[]) as runtime, pytest.raises(ClockError) as caught:
        runtime.skip(days=1)
    assert "WorkflowRuntime(clock=VirtualClock())" in str(caught.value)
    assert "%wf db :memory: --virtual-clock" in str(caught.value)


def test_a_closed_runtime_can_t_be_skipped(quick_world: World) -> None:
    quick_world.clock = VirtualClock()
    runtime = quick_world.open(monitor)
    quick_world.close()
    with pytest.raises(RuntimeClosedError):
        runtime.skip(days=1)


def test_closing_ends_a_skip(quick_world: World, dawdling: threading.Event) -> None:
    skip = quick_world.runtime.skipper.skip_until(lambda: False)
    quick_world.close()
    with pytest.raises(RuntimeClosedError):
        skip.result(20)


def test_an_async_activity_can_t_skip_the_time_that_it_takes_itself(quick_world: World) -> None:
    quick_world.clock = VirtualClock()

    @activity
    async def cheat() -> str:
        try:
            quick_world.runtime.skip(days=1)
        except NbflowError as error:
            return str(error)
        return "skipped"

    @workflow
    async def cheats() -> str:
        return await cheat()

    quick_world.open(cheats)
    assert "can't wait for the runtime that runs it" in quick_world.start(cheats).result(20)
