"""Eager steps: what a run does on one thread is what it does on four, and nobody waits for it."""

import itertools
import random
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest

from nbflow import WorkflowActivityContext, WorkflowContext, activity, workflow
from nbflow.core.history import HistoryEvent, TaskCompleted, TaskScheduled
from nbflow.core.operations import Operation
from nbflow.core.state import InstanceRecord, Stall, StallReason
from nbflow.engine.watchdog import Watched
from nbflow.errors import NbflowError, StoreError, WorkflowStalledError, WorkflowTerminatedError
from tests.engine.traps import SOON, spin
from tests.engine.worlds import PATIENCE, World, of_kind, wait_for

STEPS = 200


@pytest.fixture
def store_kind() -> str:
    """Eager steps are for quick stores."""
    return "journal"


@pytest.fixture
def cache_size() -> int:
    """And for runs that stay in memory."""
    return 1000


@pytest.fixture(autouse=True)
def quick_store(world: World) -> None:
    """On a disk that isn't quick no run would take an eager step."""
    world.store.passes_for_quick = True


class Calls:
    """An activity that notes its calls, and waits at one of them if it is told to.

    Attributes:
        threads: The thread of each call, by the number it was given.
        waits_at: At which number it waits.
        is_there: Set when it has come to it.
        may_go_on: To be set then.
    """

    def __init__(self) -> None:
        self.threads: dict[int, list[str]] = {}
        self.waits_at: int | None = None
        self.is_there, self.may_go_on = threading.Event(), threading.Event()

    def __call__(self, number: int) -> int:
        self.threads.setdefault(number, []).append(threading.current_thread().name)
        if number == self.waits_at:
            self.is_there.set()
            wait_for(self.may_go_on)
        return number + 1

    @property
    def is_once_each(self) -> bool:
        return all(len(calls) == 1 for calls in self.threads.values())


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def counts(calls: Calls) -> Any:
    """A workflow of so many calls, one behind the other; it counts them."""

    @activity
    def one(number: int) -> int:
        return calls(number)

    @workflow
    async def counts(steps: int) -> int:
        total = 0
        while total < steps:
            total = await one(total)
        return total

    return counts


def shape(history: Sequence[HistoryEvent]) -> list[tuple[object, ...]]:
    return [
        (
            event.seq,
            type(event).__name__,
            getattr(event, "scheduled_id", None),
            getattr(event, "result", None),
        )
        for event in history
    ]


def test_a_run_goes_on_on_one_thread_with_the_same_history(world: World, calls: Calls, counts: Any) -> None:
    histories = []
    for eager_below in (0.0, PATIENCE):
        world.eager_below = eager_below
        calls.threads.clear()
        world.open(counts)
        run = world.start(counts, STEPS)
        assert run.result(PATIENCE) == STEPS
        assert calls.is_once_each
        assert len(calls.threads) == STEPS
        histories.append(shape(run.history()))
        world.close()
    assert histories[0] == histories[1]
    names = [name for (name,) in calls.threads.values()]
    assert "nbflow-dispatch" in names


def test_each_step_is_durable_before_the_next_begins(world: World, calls: Calls) -> None:
    @activity
    def one(number: int) -> int:
        scheduled = [
            event.id
            for batch in world.store.log
            for operation in batch
            for event in getattr(operation, "events", ())
            if isinstance(event, TaskScheduled)
        ]
        seen.append(len(scheduled))
        return number + 1

    @workflow
    async def counts() -> int:
        total = 0
        while total < STEPS:
            total = await one(total)
        return total

    seen: list[int] = []
    world.open(counts)
    assert world.start(counts).result(PATIENCE) == STEPS
    assert seen == list(range(1, STEPS + 1))


def test_whoever_watches_is_told_of_every_event_once_and_in_order(world: World, counts: Any) -> None:
    world.open(counts)
    told: list[HistoryEvent] = []
    ended = threading.Event()

    def news(record: InstanceRecord, events: Sequence[HistoryEvent]) -> None:
        told.extend(events)
        if record.status.is_terminal:
            ended.set()

    world.runtime.subscribe("order-42", news)
    run = world.start(counts, STEPS, "order-42")
    wait_for(ended)
    assert told == run.history()


def test_an_activity_that_takes_its_time_holds_nobody_up(world: World, calls: Calls, counts: Any) -> None:
    calls.waits_at = 10
    world.open(counts)
    run = world.start(counts, STEPS)
    wait_for(calls.is_there)
    calls.waits_at = None
    assert [world.start(counts, n).result(PATIENCE) for n in (3, 4)] == [3, 4]
    assert len(of_kind(run.history(), TaskCompleted)) == 10
    assert run.status == "RUNNING"
    calls.may_go_on.set()
    assert run.result(PATIENCE) == STEPS
    assert len(calls.threads[10]) == 1


def test_a_run_whose_activity_was_let_go_takes_messages(world: World, calls: Calls, counts: Any) -> None:
    calls.waits_at = 10
    world.open(counts)
    run = world.start(counts, STEPS)
    wait_for(calls.is_there)
    run.suspend()
    world.until_status(run, "SUSPENDED")
    calls.may_go_on.set()
    world.until_kept(TaskCompleted)
    assert 11 not in calls.threads
    run.resume()
    assert run.result(PATIENCE) == STEPS
    assert calls.is_once_each


def test_a_run_on_its_way_can_be_paused_and_ended(world: World, calls: Calls, counts: Any) -> None:
    world.open(counts)
    run = world.start(counts, 10**6)
    while len(calls.threads) < 100:
        time.sleep(0)
    run.suspend()
    world.until_status(run, "SUSPENDED")
    done = len(calls.threads)
    world.start(counts, 3).result(PATIENCE)
    assert len(calls.threads) <= done + 1
    run.resume()
    while len(calls.threads) < done + 100:
        time.sleep(0)
    run.terminate()
    with pytest.raises(WorkflowTerminatedError):
        run.result(PATIENCE)
    assert {len(names) for number, names in calls.threads.items() if number >= 3} == {1}


def test_an_event_that_comes_on_the_way_is_taken_by_the_next_turn(world: World, calls: Calls) -> None:
    @activity
    def one(number: int) -> int:
        return calls(number)

    @workflow
    async def until_told(ctx: WorkflowContext) -> int:
        told = ctx.wait_for_external_event("stop")
        total = 0
        while not told.is_complete:
            total = await one(total)
        return total

    world.open(until_told)
    run = world.start(until_told)
    while len(calls.threads) < 100:
        time.sleep(0)
    run.raise_event("stop")
    assert run.result(PATIENCE) == len(calls.threads)


def test_a_commit_that_fails_on_the_way_is_made_again(world: World, calls: Calls, counts: Any) -> None:
    number, commit = itertools.count(1), world.store.commit
    failed = 0

    def now_and_then(operations: Sequence[Operation]) -> int:
        nonlocal failed
        if next(number) % 7 == 0:
            failed += 1
            raise StoreError("no room")
        return commit(operations)

    world.open(counts)
    world.store.commit = now_and_then  # type: ignore[method-assign] # a store that fails and calls itself quick
    run = world.start(counts, STEPS)
    assert run.result(PATIENCE) == STEPS
    assert failed > STEPS / 7
    assert calls.is_once_each
    assert [event.seq for event in run.history()] == list(range(1, len(run.history()) + 1))


def test_after_a_crash_on_the_way_nothing_that_counts_is_done_again(
    world: World, calls: Calls, counts: Any
) -> None:
    world.open(counts)
    run = world.start(counts, 2000, "order-42")
    while len(calls.threads) < 300:
        time.sleep(0)
    world.reopen(counts, crash=True)
    run = world.handle("order-42")
    assert run.result(PATIENCE) == 2000
    twice = [number for number, names in calls.threads.items() if len(names) > 1]
    assert len(twice) <= 1  # the one whose result the crash has taken
    assert [event.seq for event in run.history()] == list(range(1, len(run.history()) + 1))


def test_a_runtime_that_closes_on_the_way_comes_to_its_end(world: World, calls: Calls, counts: Any) -> None:
    world.open(counts)
    world.start(counts, 10**6, "order-42")
    while len(calls.threads) < 100:
        time.sleep(0)
    world.close()
    done = len(calls.threads)
    world.open(counts)
    while len(calls.threads) < done + 100:
        time.sleep(0)
    world.handle("order-42").terminate()


def test_code_that_is_stuck_on_the_way_stalls_that_run_alone(world: World, calls: Calls) -> None:
    @activity
    def one(number: int) -> int:
        return calls(number)

    @workflow
    async def gets_stuck() -> int:
        total = 0
        while total < 10:
            total = await one(total)
        spin()
        return total

    @workflow
    async def counts() -> int:
        return await one(0)

    world.open(gets_stuck, counts, stuck_after=SOON)
    run = world.start(gets_stuck)
    record = world.until_status(run, "STALLED")
    assert record.stall is not None
    assert record.stall.reason is StallReason.STUCK
    assert world.start(counts).result(PATIENCE) == 1
    history = run.history()
    assert len(of_kind(history, TaskCompleted)) == 9  # the last result waits for better code
    assert [event.seq for event in history] == list(range(1, len(history) + 1))
    with pytest.raises(WorkflowStalledError):
        run.result(PATIENCE)


def test_an_activity_may_use_the_client_on_the_way(world: World) -> None:
    @activity
    def one(number: int) -> int:
        return number + 1

    @workflow
    async def small(number: int) -> int:
        return await one(number)

    @activity
    def starts_another(number: int) -> int:
        return world.start(small, number).result(PATIENCE)

    @workflow
    async def starts(steps: int) -> int:
        total = 0
        while total < steps:
            total = await starts_another(await one(total))
        return total

    world.open(small, starts)
    assert world.start(starts, 20).result(PATIENCE) == 20


def test_prints_of_activities_on_the_way_are_kept(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    @activity
    def says(number: int) -> int:
        print("number", number)
        return number + 1

    @workflow
    async def counts() -> int:
        total = 0
        while total < 20:
            total = await says(total)
        return total

    world.open(counts)
    run = world.start(counts)
    assert run.result(PATIENCE) == 20
    assert [event.prints for event in of_kind(run.history(), TaskCompleted)] == [
        f"number {number}\n" for number in range(20)
    ]
    assert capsys.readouterr().out == "".join(f"number {number}\n" for number in range(20))


def test_prints_of_the_workflow_on_the_way_are_shown(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    @activity
    def one(number: int) -> int:
        return number + 1

    @workflow
    async def says() -> int:
        total = 0
        while total < 50:
            total = await one(total)
            print("step", total)
        return total

    world.open(says)
    assert world.start(says).result(PATIENCE) == 50
    assert capsys.readouterr().out == "".join(f"step {number}\n" for number in range(1, 51))


def test_a_run_that_is_wanted_back_takes_no_further_step(world: World) -> None:
    trips: list[Any] = []
    steps: list[int] = []

    @activity
    def one(number: int) -> int:
        engine: Any = world.runtime._engine
        eager = engine._effects.eager
        if not trips and number > 20 and eager._under_way is not None:
            trips.append(eager._under_way[0])
            steps.append(trips[0].step)
            is_asked = threading.Event()
            engine._loop.call_soon_threadsafe(lambda: (eager.recall(), is_asked.set()))
            wait_for(is_asked)
        return number + 1

    @workflow
    async def counts() -> int:
        total = 0
        while total < STEPS:
            total = await one(total)
        return total

    world.open(counts)
    assert world.start(counts).result(PATIENCE) == STEPS
    assert [trip.step for trip in trips] == steps != []


def test_a_failure_on_the_way_is_the_runs(world: World, calls: Calls) -> None:
    @activity
    def fails_at_ten(number: int) -> int:
        if number == 10:
            raise ValueError("ten")
        return number + 1

    @workflow
    async def counts() -> str:
        total = 0
        try:
            while True:
                total = await fails_at_ten(total)
        except NbflowError as error:
            return f"{total}: {error}"

    world.open(counts)
    assert "ten" in world.start(counts).result(PATIENCE)


STUCK = Stall(reason=StallReason.STUCK, message="stuck")


def test_what_is_no_workflow_code_is_not_given_up() -> None:
    watched = Watched()

    def job() -> bool:
        assert watched.pause()
        assert not watched.give_up(STUCK)
        watched.go_on()
        assert watched.give_up(STUCK)
        return watched.pause()

    assert watched.run(job) is False
    assert watched.stall is STUCK


def test_nothing_is_interrupted_in_a_pause() -> None:
    watched = Watched()
    is_paused, may_go_on = threading.Event(), threading.Event()
    done: list[Callable[[], object] | str | None] = []

    def job() -> str:
        watched.pause()
        is_paused.set()
        end = time.monotonic() + PATIENCE
        while not may_go_on.is_set():  # as an author's code would
            assert time.monotonic() < end
        return "done"

    thread = threading.Thread(target=lambda: done.append(watched.run(job)))
    thread.start()
    wait_for(is_paused)
    for _ in range(1000):
        watched.interrupt()
    may_go_on.set()
    thread.join(PATIENCE)
    assert done == ["done"]


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_on_the_way_nothing_is_lost_or_done_twice(world: World, seed: int) -> None:
    dice = random.Random(seed)
    keys: list[str] = []

    @activity
    def one(ctx: WorkflowActivityContext, number: int) -> int:
        keys.append(ctx.idempotency_key)
        if dice.random() < 0.01:
            time.sleep(0.01)  # takes its time, so that it is let go
        return number + 1

    @workflow
    async def counts(ctx: WorkflowContext, steps: int) -> list:
        total, told = 0, []
        wait = ctx.wait_for_external_event("item")
        while total < steps:
            total = await one(total)
            if wait.is_complete:
                told.append(await wait)
                wait = ctx.wait_for_external_event("item")
        while len(told) < 5:
            told.append(await wait)
            wait = ctx.wait_for_external_event("item")
        return told

    crashes = 0
    world.open(counts, one)
    commit = world.store.commit

    def now_and_then(operations: Sequence[Operation]) -> int:
        if dice.random() < 0.02:
            raise StoreError("no room")
        return commit(operations)

    world.store.commit = now_and_then  # type: ignore[method-assign] # a store that fails and calls itself quick
    run = world.start(counts, 600, "order-42")
    for number in range(5):
        goal = len(keys) + dice.randrange(100)
        while len(keys) < goal and not run.status.is_terminal:
            time.sleep(0)
        what = dice.choice(["suspend", "crash", "ask", "close"])
        if what == "suspend":
            insist(run.suspend)
            insist(run.resume)
        elif what in ("crash", "close"):
            crashes += 1
            world.reopen(counts, one, crash=what == "crash")
            run = world.handle("order-42")
        else:
            run.state()
        insist(partial(run.raise_event, "item", number))
    assert run.result(PATIENCE) == [0, 1, 2, 3, 4]
    assert len(set(keys)) == 600
    assert len(keys) - 600 <= crashes
    history = run.history()
    assert [event.seq for event in history] == list(range(1, len(history) + 1))
    assert len(of_kind(history, TaskCompleted)) == len(of_kind(history, TaskScheduled)) == 600


def insist(call: Callable[[], object]) -> None:
    """Call until the store takes it."""
    while True:
        try:
            call()
        except StoreError:
            continue
        return
