"""A turn is atomic: what is not written has not happened, and harms nobody else (S8, S67)."""

import asyncio
import threading
from collections.abc import Callable, Sequence

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core.history import EventRaised, ExecutionStarted, TaskScheduled, TimerFired
from nbflow.core.operations import AppendHistory, Operation, PutDefinition, PutInbox
from nbflow.errors import InstanceNotFoundError, RuntimeClosedError, StoreError
from nbflow.runtime import WorkflowHandle
from tests.engine.worlds import (
    VirtualClock,
    World,
    always_fails,
    fails_for,
    kinds,
    never_fails,
    of_kind,
    touches,
    wait_for,
)

Fault = Callable[[Sequence[Operation]], Exception | None]


def appends(operations: Sequence[Operation], kind: type) -> bool:
    """Whether a commit appends an event of some kind to a history."""
    return any(isinstance(o, AppendHistory) and of_kind(o.events, kind) for o in operations)


def fails_first(times: int, if_it: Callable[[Sequence[Operation]], bool]) -> tuple[Fault, threading.Event]:
    """A fault: the first commits of a kind fail; and an event that is set once they have."""
    left = [times]
    over = threading.Event()

    def fault(operations: Sequence[Operation]) -> Exception | None:
        if left[0] == 0 or not if_it(operations):
            return None
        left[0] -= 1
        if left[0] == 0:
            over.set()
        return StoreError("the disk is full")

    return fault, over


def test_s8_nothing_of_a_commit_that_failed_is_dispatched(world: World) -> None:
    ran: list[str] = []
    failed_when_run: list[int] = []

    @activity
    def work(name: str) -> str:
        failed_when_run.append(world.store.failures)
        ran.append(name)
        return name

    @workflow
    async def works(ctx: WorkflowContext) -> str:
        await ctx.create_timer(0.01)  # its row: the failing turns have a message that is durable
        print("scheduling")
        return await work("once")

    world.open(works)
    world.store.fault, over = fails_first(3, lambda operations: appends(operations, TaskScheduled))
    run = world.start(works, None, "order-42")
    wait_for(over)
    assert run.result(10) == "once"
    assert ran == ["once"]
    assert failed_when_run[0] >= 3
    assert len(of_kind(run.history(), TaskScheduled)) == 1


@pytest.mark.parametrize("nth", range(1, 9))
def test_s67_any_single_commit_may_fail(world: World, clock: VirtualClock, nth: int) -> None:
    ran: list[int] = []

    @activity
    def work(n: int) -> int:
        ran.append(n)
        return n

    @workflow
    async def works(ctx: WorkflowContext) -> list:
        first = await work(1)
        await ctx.create_timer(10)
        both = await asyncio.gather(work(2), work(3))
        return [first, *both, await work(4)]

    world.open(works)
    commits = [0]

    def fault(operations: Sequence[Operation]) -> Exception | None:
        if all(isinstance(operation, PutDefinition) for operation in operations):
            return None
        commits[0] += 1
        return StoreError("the disk is full") if commits[0] == nth else None

    world.store.fault = fault
    try:
        run = world.start(works, None, "order-42")
    except StoreError:  # the caller was told: it is the caller's to try again
        assert world.client.list_workflows() == []
        run = world.start(works, None, "order-42")
    world.until(run, lambda record, history: "TimerCreated" in kinds(history))
    clock.advance(seconds=10)
    assert run.result(20) == [1, 2, 3, 4]
    assert ran[0] == 1
    assert sorted(ran) == [1, 2, 3, 4]
    assert [event.seq for event in run.history()] == list(range(1, len(run.history()) + 1))
    assert world.inbox() == []


def test_s67_others_go_on_while_one_instance_cannot_be_written(world: World) -> None:
    @activity
    def work(n: int) -> int:
        return n

    @workflow
    async def works(ctx: WorkflowContext, n: int) -> int:
        got = await ctx.wait_for_external_event("go")
        return await work(n) + got

    world.open(works)
    bad = world.start(works, 7, "bad")
    world.until_waiting(bad, "go")
    world.store.fault = lambda operations: (
        StoreError("a bad row")
        if any(touches(o, "bad") and isinstance(o, AppendHistory) for o in operations)
        else None
    )
    refused = world.client.raise_encoded_event("bad", "go", "1")
    good = [world.start(works, n, f"good-{n}") for n in range(20)]
    for run in good:
        run.raise_event("go", 100)
    assert [run.result(20) for run in good] == [100 + n for n in range(20)]
    assert isinstance(refused.exception(10), StoreError)
    assert bad.status == "RUNNING"
    world.store.fault = never_fails
    bad.raise_event("go", 2)
    assert bad.result(10) == 9  # the first event was refused, and told so


def test_s67_what_was_kept_is_handled_once_the_store_recovers(world: World, clock: VirtualClock) -> None:
    @workflow
    async def naps(ctx: WorkflowContext) -> str:
        await ctx.create_timer(60)
        return "awake"

    world.open(naps)
    run = world.start(naps, None, "order-42")
    world.until(run, lambda record, history: "TimerCreated" in kinds(history))
    world.store.fault, over = fails_first(4, lambda operations: appends(operations, TimerFired))
    clock.advance(seconds=60)
    wait_for(over)
    assert run.result(20) == "awake"
    assert kinds(run.history()).count("TimerFired") == 1
    assert world.inbox() == []


def test_s67_an_activity_s_result_outlives_a_store_that_fails_for_a_while(world: World) -> None:
    may_return, is_running = threading.Event(), threading.Event()
    ran: list[int] = []

    @activity
    def work() -> str:
        ran.append(1)
        is_running.set()
        wait_for(may_return)
        return "done"

    @workflow
    async def works() -> str:
        return await work()

    world.open(works)
    run = world.start(works, None, "order-42")
    wait_for(is_running)
    world.store.fault, over = fails_first(5, lambda operations: True)
    may_return.set()
    wait_for(over)
    assert run.result(20) == "done"
    assert ran == [1]


@pytest.mark.semantics(8, 67)
def test_a_start_that_cannot_be_written_has_not_happened(world: World) -> None:
    ran: list[int] = []

    @activity
    def work() -> int:
        ran.append(1)
        return 1

    @workflow
    async def works() -> int:
        return await work()

    world.open(works)
    world.store.fault = fails_for("order-42")
    with pytest.raises(StoreError, match="no room for order-42"):
        world.start(works, None, "order-42")
    with pytest.raises(InstanceNotFoundError):
        world.client.get_workflow_state("order-42")
    assert world.client.list_workflows() == []
    world.store.fault = never_fails
    assert world.start(works, None, "order-42").result(10) == 1
    assert ran == [1]


@pytest.mark.semantics(67)
def test_a_start_over_an_ended_run_that_cannot_be_written_leaves_that_run_as_it_was(world: World) -> None:
    @workflow
    async def echo(x: int) -> int:
        return x

    world.open(echo)
    old = world.start(echo, 1, "order-42")
    assert old.result(10) == 1
    before = (old.state(), old.history())
    world.store.fault = fails_for("order-42")
    with pytest.raises(StoreError):
        world.start(echo, 2, "order-42")
    world.store.fault = never_fails
    assert (old.state(), old.history()) == before
    assert world.start(echo, 3, "order-42").result(10) == 3


@pytest.mark.semantics(67)
def test_every_request_gets_the_error_of_a_store_that_fails(world: World, clock: VirtualClock) -> None:
    from datetime import timedelta

    @workflow
    async def waits(ctx: WorkflowContext) -> None:
        await ctx.wait_for_external_event("go")

    @workflow
    async def echo(x: int) -> int:
        return x

    world.open(waits, echo)
    run, done = world.start(waits, None, "waiting"), world.start(echo, 1, "done")
    world.until_waiting(run, "go")
    done.result(10)
    world.store.fault = always_fails
    later = clock.now() + timedelta(days=1)
    for ask in (
        lambda: run.raise_event("go"),
        run.suspend,
        run.terminate,
        done.purge,
        lambda: world.start(echo, 1),
        lambda: world.start(echo, 1, "later", start_at=later),
    ):
        with pytest.raises(StoreError, match="the disk is full"):
            ask()
    world.store.fault = never_fails
    assert (run.status, done.status) == ("RUNNING", "COMPLETED")
    assert {state.instance_id for state in world.client.list_workflows()} == {"waiting", "done"}
    run.raise_event("go")
    run.result(10)
    assert world.inbox() == []


def test_s67_a_store_that_never_recovers_does_not_hang_close(world: World) -> None:
    @activity
    def work() -> int:
        return 1

    @workflow
    async def works(ctx: WorkflowContext) -> int:
        await ctx.wait_for_external_event("go")
        return await work()

    world.open(works)
    runs = [world.start(works, None, f"run-{n}") for n in range(5)]
    for run in runs:
        world.until_waiting(run, "go")
    acks = []
    world.store.fault = always_fails
    acks += [world.client.raise_encoded_event(run.instance_id, "go", "null") for run in runs]
    world.close()
    for ack in acks:
        assert isinstance(ack.exception(10), (StoreError, RuntimeClosedError))
    world.store.fault = never_fails
    world.open(works)
    for run in runs:
        world.handle(run).raise_event("go")
    assert [world.handle(run).result(10) for run in runs] == [1] * 5


def test_s67_a_store_that_fails_for_hours_is_still_waited_for(quick_world: World) -> None:
    world = quick_world

    @workflow
    async def collects(ctx: WorkflowContext) -> list:
        return [await ctx.wait_for_external_event("item") for _ in range(2)]

    world.open(collects)
    run = world.start(collects, None, "order-42")
    world.until_waiting(run, "item")
    run.suspend()
    world.until_status(run, "SUSPENDED")
    run.raise_event("item", 1)
    world.runtime._engine.residents.get("order-42").failures = 5_000
    world.store.fault = fails_for("order-42")
    with pytest.raises(StoreError):
        run.resume()
    world.store.fault = never_fails
    assert world.start(collects, None, "other").status in ("PENDING", "RUNNING")
    assert run.status == "SUSPENDED"


def test_a_store_that_raises_something_else_is_an_error_and_not_the_end(world: World) -> None:
    @workflow
    async def echo(x: int) -> int:
        return x

    world.open(echo)
    world.store.fault = lambda operations: ZeroDivisionError("a bug of the store")
    with pytest.raises(StoreError, match="ZeroDivisionError: a bug of the store"):
        world.start(echo, 1)
    world.store.fault = never_fails
    assert world.start(echo, 2).result(10) == 2


@pytest.mark.semantics(67)
def test_a_commit_is_one_transaction_for_everything_of_a_tick(world: World) -> None:
    """Group commit: what has piled up while a commit was under way goes into the next one."""
    is_committing, may_commit = threading.Event(), threading.Event()

    @workflow
    async def echo(x: int) -> int:
        return x

    def holds_up_the_first(operations: Sequence[Operation]) -> Exception | None:
        if not is_committing.is_set() and appends(operations, ExecutionStarted):
            is_committing.set()
            wait_for(may_commit)
        return None

    world.open(echo)
    world.store.fault = holds_up_the_first
    runs: list[WorkflowHandle] = []
    starts = [threading.Thread(target=lambda n=n: runs.append(world.start(echo, n))) for n in range(16)]
    starts[0].start()
    wait_for(is_committing)
    before = len(world.store.log)
    for start in starts[1:]:
        start.start()
    world.until_posted(15)
    may_commit.set()
    for start in starts:
        start.join()
    assert sorted(run.result(10) for run in runs) == list(range(16))
    assert len(world.store.log) - before <= 4


@pytest.mark.semantics(65)
def test_the_inbox_holds_nothing_that_was_consumed(world: World) -> None:
    @workflow
    async def collects(ctx: WorkflowContext, count: int) -> list:
        return [await ctx.wait_for_external_event("item") for _ in range(count)]

    world.open(collects)
    run = world.start(collects, 30, "order-42")
    for n in range(29):
        run.raise_event("item", n)
    world.until(run, lambda record, history: len(of_kind(history, EventRaised)) == 29)
    assert world.inbox() == []
    kept = [o.row.row_id for commit in world.store.log for o in commit if isinstance(o, PutInbox)]
    assert len(kept) == len(set(kept))
    run.raise_event("item", 29)
    assert run.result(10) == list(range(30))
