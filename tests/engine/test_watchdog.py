"""What the watchdog takes for a loop and what it doesn't, and where its interruptions end up (S17)."""

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.engine import sight, watchdog
from nbflow.engine.dispatch import Dispatcher
from nbflow.engine.options import EngineOptions
from nbflow.errors import Evicted
from tests.engine.traps import SOON, Trap, request, spin, trap, until
from tests.engine.worlds import PATIENCE, World, wait_for

__all__ = ["trap"]

pytestmark = pytest.mark.semantics(17)


@activity
def charge(x: int) -> int:
    return 100 * x


class Looks:
    """What the watchdog sees whenever it looks; a test waits until it has looked twice."""

    def __init__(self) -> None:
        self.seen: list[sight.Sight | None] = []
        self.twice = threading.Event()

    def look_at(self, thread_id: int, outermost: dict[str, Any]) -> sight.Sight | None:
        self.seen.append(sight.look_at(thread_id, outermost))
        if len(self.seen) > 1:
            self.twice.set()
        return self.seen[-1]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    looks = Looks()
    monkeypatch.setattr(watchdog, "look_at", looks.look_at)
    return looks


def test_a_long_replay_is_no_loop(quick_world: World) -> None:
    """Each of its steps is short, and there are many of them."""
    replayed = threading.Event()

    @workflow
    async def long(ctx: WorkflowContext) -> int:
        total = 0
        for number in range(25):
            total += await charge(number)
            if replayed.is_set():
                until(time.monotonic() + SOON / 8)
        return total + await ctx.wait_for_external_event("go")

    quick_world.open(long, charge, stuck_after=SOON)
    quick_world.until_waiting(quick_world.start(long, None, "order-42"), "go")
    quick_world.reopen(long, charge, stuck_after=SOON)
    replayed.set()
    began = time.monotonic()
    quick_world.handle("order-42").raise_event("go", 1)
    assert quick_world.handle("order-42").result(PATIENCE) == 30_001
    assert time.monotonic() - began > 2 * SOON


def test_many_calls_in_one_step_are_no_loop(quick_world: World) -> None:
    @workflow
    async def fans_out(ctx: WorkflowContext) -> int:
        calls: list[Any] = []
        began = time.monotonic()
        for number in range(25):
            calls.append(charge(number))
            until(began + number * SOON / 8)
        return sum(await asyncio.gather(*calls))

    quick_world.open(fans_out, charge, stuck_after=SOON)
    assert quick_world.start(fans_out, None, "order-42").result(PATIENCE) == 30_000


def test_who_stands_in_a_debugger_is_not_stuck(quick_world: World, trap: Trap, looks: Looks) -> None:
    namespace: dict[str, Any] = {"__name__": "_pydevd_bundle.pydevd_frame", "trap": trap}
    exec("def stop_here(): trap.enter()", namespace)

    @workflow
    async def debugged() -> str:
        namespace["stop_here"]()
        return "done"

    quick_world.open(debugged, stuck_after=SOON)
    run = quick_world.start(debugged, None, "order-42")
    wait_for(looks.twice)
    trap.open()
    assert run.result(PATIENCE) == "done"
    assert looks.seen[:2] == [None, None]


def test_an_import_may_take_its_time(
    quick_world: World, trap: Trap, looks: Looks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow_to_import.py").write_text("import sys\nsys.trap.enter()\nanswer = 42\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "trap", trap, raising=False)

    @workflow
    async def imports() -> int:
        import slow_to_import

        return slow_to_import.answer

    quick_world.open(imports, stuck_after=SOON)
    run = quick_world.start(imports, None, "order-42")
    wait_for(looks.twice)
    trap.open()
    assert run.result(PATIENCE) == 42
    del sys.modules["slow_to_import"]


@pytest.mark.parametrize(("is_importing", "samples"), [(False, 9), (True, 161)])
def test_what_counts_are_samples(is_importing: bool, samples: int) -> None:
    """However long it is between two of them: a suspended laptop adds one."""
    place = sight.Sight(frames=(), may_interrupt=True, is_importing=is_importing)
    found: list[sight.Sight] = []

    class Job(watchdog.Watched):
        def look(self) -> sight.Sight:
            return place

    async def count() -> list[int]:
        job = Job()
        dog = watchdog.Watchdog(1000, lambda: job, lambda _job, place: found.append(place))
        counts: list[int] = []
        for number in range(3):
            job.evicted = number
            counts.append(0)
            while len(found) == number:
                dog._sample()
                counts[-1] += 1
        dog.stop()
        return counts

    assert asyncio.run(count()) == [samples] * 3


def test_unwinding_may_take_its_time(quick_world: World) -> None:
    @workflow
    async def loops(ctx: WorkflowContext) -> None:
        async def branch() -> None:
            try:
                await ctx.wait_for_external_event("go")
            finally:
                threading.Event().wait(SOON / 8)

        async with asyncio.TaskGroup() as group:
            for _ in range(12):
                group.create_task(branch())
            await asyncio.sleep(0)
            spin()

    quick_world.open(loops, stuck_after=SOON)
    run = quick_world.start(loops, None, "order-42")
    quick_world.until_status(run, "STALLED")
    assert "await something durable" in run.state().stall.message
    assert "could not be stopped" not in run.state().stall.message


@pytest.mark.parametrize("moment", ["in the job", "behind it"])
def test_a_late_interruption_hits_no_other_job(moment: str) -> None:
    """It may arrive once the code that it was meant for has come to its end."""

    def job() -> str:
        watchdog.raise_in(threading.get_ident(), Evicted)
        if moment == "in the job":
            until(0)
        return "done"

    for _ in range(100):
        watched = watchdog.Watched()
        assert watched.run(job) in {None, "done"}
        assert watchdog.Watched().run(lambda: "next") == "next"


def test_no_interruption_comes_too_late(quickly_switching: None) -> None:
    """One thread does job after job, another one interrupts whatever is under way, as fast as it can."""
    under_way = [watchdog.Watched()]
    may_end = threading.Event()
    interrupted = 0

    def interrupt() -> None:
        while not may_end.is_set():
            under_way[0].interrupt()

    def job() -> str:
        until(time.monotonic() + 0.0002)
        return "done"

    other = threading.Thread(target=interrupt)
    other.start()
    try:
        for _ in range(3000):
            watched = under_way[0] = watchdog.Watched()
            interrupted += watched.run(job) is None
            until(time.monotonic() + 0.0001)  # here it would hit us
    finally:
        may_end.set()
        other.join()
    assert interrupted > 0


def test_nothing_is_interrupted_that_holds_locks() -> None:
    watched, entered, may_end = watchdog.Watched(), threading.Event(), threading.Event()
    results: list[str | None] = []

    def job() -> str:
        entered.set()
        may_end.wait(PATIENCE)
        return "done"

    thread = threading.Thread(target=lambda: results.append(watched.run(job)))
    thread.start()
    wait_for(entered)
    looked = watched.look()
    while looked is None or looked.may_interrupt:  # until it waits
        looked = watched.look()
    watched.interrupt()
    may_end.set()
    thread.join()
    assert results == ["done"]


def test_whoever_called_the_thread_is_not_the_author() -> None:
    """In a kernel every thread begins in ipykernel, which is installed like what an author imports."""
    watched = watchdog.Watched()
    lock = threading.Lock()
    lock.acquire()
    thread = threading.Thread(target=lambda: watched.run(lock.acquire))
    thread.start()
    while not watched._thread_id:
        pass
    assert watched.look() is None
    lock.release()
    thread.join()


def test_an_interruption_in_the_middle_of_a_turns_own_work_is_not_told_as_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Options:
        @property
        def interpreter(self) -> None:
            raise Evicted

    watched = watchdog.Watched()
    dispatcher = Dispatcher(lambda: 1, cast("EngineOptions", Options()))
    assert watched.run(lambda: dispatcher.take(request("order-42"), watched)) is None
    assert caplog.text == ""


@pytest.fixture
def quickly_switching() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)
