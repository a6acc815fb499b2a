"""One dispatch thread takes over from another: what moves, what stays, and what comes too late (S17)."""

import asyncio
import threading
from collections.abc import Collection
from typing import Any, Self, cast

import pytest

from nbflow.core.execution import Execution
from nbflow.core.state import RuntimeStatus, Stall, StallReason
from nbflow.core.transition import Transition
from nbflow.engine.dispatch import Dispatcher, TurnOutcome, TurnRequest
from nbflow.engine.dispatching import Dispatching
from nbflow.engine.sight import Sight
from nbflow.engine.threads import SerialThread
from nbflow.engine.watchdog import Watched
from nbflow.errors import Evicted
from tests.engine.traps import SOON, Trap, request, trap
from tests.engine.worlds import PATIENCE

__all__ = ["trap"]

pytestmark = [pytest.mark.asyncio, pytest.mark.semantics(17)]


class FakeExecution:
    """As much of an execution as is asked for when a job is stuck."""

    def __init__(self) -> None:
        self.loop = self
        self.progress = 0
        self.stalls: list[Stall] = []
        self.evicted = threading.Event()

    def interrupt(self, stall: Stall) -> None:
        self.stalls.append(stall)

    def evict(self) -> None:
        self.evicted.set()


class Turns:
    """Stands in for a dispatcher: what a turn does is its instance's trap, or nothing.

    Attributes:
        done: What was done, and the thread that did it.
        handed_over_without: What stayed whenever it was handed over.
        handed: Set once it was.
    """

    def __init__(self, traps: dict[str, Trap]) -> None:
        self.traps = traps
        self.execution = FakeExecution()
        self.done: list[tuple[str, str]] = []
        self.handed_over_without: list[list[str]] = []
        self.handed = threading.Event()

    def take(self, turn: TurnRequest, watched: Watched) -> TurnOutcome:
        instance_id = turn.record.instance_id
        self.done.append((instance_id, threading.current_thread().name))
        if instance_id == "fails":
            raise ZeroDivisionError("nothing is divided by 0")
        watched.begin(cast("Execution", self.execution))
        try:
            self.spring(instance_id)
        except Evicted:
            pass  # it has come to its end all the same
        return TurnOutcome(transition=Transition(record=turn.record), is_warm=True)

    def evict(self, instance_ids: Collection[str], watched: Watched | None = None) -> None:
        for instance_id in instance_ids:
            self.done.append((f"evict {instance_id}", threading.current_thread().name))
            self.spring(f"evict {instance_id}")

    def spring(self, name: str) -> None:
        found = self.traps.pop(name, None)
        if found is not None:
            found.enter()

    def handed_over(self, without: Collection[str]) -> Self:
        self.handed_over_without.append(list(without))
        self.handed.set()
        return self

    def take_in(self, other: "Turns") -> None:
        self.done.append(("take in", threading.current_thread().name))


class Bench:
    """A `Dispatching` with numbered threads, and what came out of it."""

    def __init__(self, turns: Turns, stuck_after: float = SOON, long_turn: float = 1000) -> None:
        self.turns = turns
        self.threads: list[SerialThread] = []
        self.outcomes: dict[str, TurnOutcome] = {}
        self.came: list[str] = []
        self._came = asyncio.Event()
        self.dispatching = Dispatching(
            self._make_thread, cast("Dispatcher", turns), stuck_after, long_turn=long_turn
        )

    def _make_thread(self, name: str) -> SerialThread:
        self.threads.append(SerialThread(f"{len(self.threads)}"))
        return self.threads[-1]

    def take(self, *instance_ids: str) -> None:
        for instance_id in instance_ids:
            self.dispatching.take(
                request(instance_id), lambda outcome, i=instance_id: self._taken(i, outcome)
            )

    def _taken(self, instance_id: str, outcome: TurnOutcome) -> None:
        self.came.append(instance_id)
        self.outcomes[instance_id] = outcome
        self._came.set()

    async def until(self, *instance_ids: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while not {*instance_ids} <= {*self.outcomes}:
                await self._came.wait()
                self._came.clear()


async def soon(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, PATIENCE)


async def test_jobs_that_have_not_begun_are_done_by_the_next_thread_in_order(trap: Trap) -> None:
    bench = Bench(Turns({"stuck": trap}))
    bench.take("stuck", "a")
    bench.dispatching.evict(["b"])
    bench.take("b", "c")
    await bench.until("stuck", "c")
    assert bench.turns.done == [("stuck", "0"), ("a", "1"), ("evict b", "1"), ("b", "1"), ("c", "1")]
    assert bench.turns.handed_over_without == [["stuck"]]
    assert [bench.outcomes[name].is_warm for name in "abc"] == [True] * 3
    stall = bench.outcomes["stuck"].transition.record.stall
    assert stall is not None
    assert stall.reason is StallReason.STUCK
    trap.open()
    await bench.dispatching.stop(PATIENCE)


async def test_a_turn_that_ends_just_in_time_counts_but_is_warm_no_more(trap: Trap) -> None:
    bench = Bench(Turns({"stuck": trap}))
    bench.take("stuck")
    await soon(bench.turns.handed)
    trap.open()
    await bench.until("stuck")
    assert bench.outcomes["stuck"].transition.record.status is RuntimeStatus.RUNNING
    assert not bench.outcomes["stuck"].is_warm
    await soon(bench.turns.execution.evicted)  # it is in nobody's memory any more
    await bench.dispatching.stop(PATIENCE)


async def test_an_eviction_that_is_stuck_is_done_by_the_next_thread_for_the_others(trap: Trap) -> None:
    bench = Bench(Turns({"evict stuck": trap}))
    bench.dispatching.evict(["a", "stuck", "b"])
    bench.take("c")
    await bench.until("c")
    assert ("evict b", "1") in bench.turns.done
    assert bench.turns.done[-1] == ("c", "1")
    trap.open()
    await bench.dispatching.stop(PATIENCE)


async def test_a_job_that_ends_while_it_is_looked_at_costs_no_thread(trap: Trap) -> None:
    first, second = trap, Trap()
    bench = Bench(Turns({"evict first": first, "second": second}), stuck_after=1000)
    bench.dispatching.evict(["first"])
    bench.take("second", "third")
    await soon(first.entered)
    watched = bench.dispatching._under_way()
    assert watched is not None
    first.open()
    await soon(second.entered)
    bench.dispatching._stuck(watched, Sight(frames=(), may_interrupt=True, is_importing=False))
    second.open()
    await bench.until("second", "third")
    assert [thread for _, thread in bench.turns.done] == ["0", "0", "0"]
    assert len(bench.threads) == 1
    await bench.dispatching.stop(PATIENCE)


async def test_a_failure_of_our_own_is_told_as_one() -> None:
    bench = Bench(Turns({}))
    bench.take("fails", "works")
    await bench.until("fails", "works")
    stall: Any = bench.outcomes["fails"].transition.record.stall
    assert "nbflow itself failed in this turn (ZeroDivisionError: nothing is divided by 0)" in stall.message
    await bench.dispatching.stop(PATIENCE)


async def test_what_a_thread_says_after_it_was_left_behind_is_not_heard(trap: Trap) -> None:
    bench = Bench(Turns({"stuck": trap}))
    bench.take("stuck")
    await bench.until("stuck")
    trap.open()
    assert await asyncio.to_thread(bench.threads[0].stop, PATIENCE)
    bench.take("other")
    await bench.until("other")
    assert bench.came == ["stuck", "other"]
    assert bench.outcomes["stuck"].transition.record.status is RuntimeStatus.STALLED
    await bench.dispatching.stop(PATIENCE)


async def test_a_long_turn_goes_on_and_nobody_waits_behind_it(trap: Trap) -> None:
    bench = Bench(Turns({"long": trap}), stuck_after=1000, long_turn=0.01)
    bench.take("long", "a")
    bench.dispatching.evict(["b"])
    bench.take("b")
    await bench.until("a", "b")
    assert bench.turns.done == [("long", "0"), ("a", "1"), ("evict b", "1"), ("b", "1")]
    assert bench.turns.handed_over_without == [["long"]]
    trap.open()
    await bench.until("long")
    assert bench.outcomes["long"].is_warm
    bench.outcomes.clear()
    bench.take("long")
    await bench.until("long")
    assert bench.turns.done[-2:] == [("take in", "1"), ("long", "1")]  # what it has in memory is there before
    assert await asyncio.to_thread(bench.threads[0].stop, PATIENCE)
    await bench.dispatching.stop(PATIENCE)


async def test_nobody_steps_aside_for_nobody(trap: Trap) -> None:
    bench = Bench(Turns({"long": trap}), stuck_after=1000, long_turn=0.01)
    bench.take("long")
    await soon(trap.entered)
    await asyncio.sleep(0.05)
    assert len(bench.threads) == 1
    bench.take("a")  # now there is somebody
    await bench.until("a")
    assert len(bench.threads) == 2
    trap.open()
    await bench.until("long")
    await bench.dispatching.stop(PATIENCE)


async def test_two_long_turns_go_on_side_by_side(trap: Trap) -> None:
    second = Trap()
    bench = Bench(Turns({"first": trap, "second": second}), stuck_after=1000, long_turn=0.01)
    bench.take("first", "second", "a")
    await bench.until("a")
    assert bench.turns.done == [("first", "0"), ("second", "1"), ("a", "2")]
    second.open()
    trap.open()
    await bench.until("first", "second")
    await bench.dispatching.stop(PATIENCE)


async def test_a_long_turn_that_is_stuck_is_found_all_the_same(trap: Trap) -> None:
    bench = Bench(Turns({"stuck": trap}), long_turn=0.01)
    bench.take("stuck", "a")
    await bench.until("a")
    await bench.until("stuck")
    stall = bench.outcomes["stuck"].transition.record.stall
    assert stall is not None
    assert stall.reason is StallReason.STUCK
    assert len(bench.threads) == 2
    trap.open()
    await soon(bench.turns.execution.evicted)
    await bench.dispatching.stop(PATIENCE)


async def test_closing_ends_a_long_turn(trap: Trap) -> None:
    bench = Bench(Turns({"long": trap}), long_turn=0.01)
    bench.take("long", "a")
    await bench.until("a")
    asyncio.get_running_loop().call_later(0.2, trap.open)
    await bench.dispatching.stop(PATIENCE)
    assert await asyncio.to_thread(bench.threads[0].stop, PATIENCE)
    assert await asyncio.to_thread(bench.threads[1].stop, PATIENCE)
