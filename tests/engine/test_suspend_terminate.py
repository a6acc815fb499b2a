"""Suspend, resume and terminate: at any moment, and nothing is lost."""

import logging
import threading

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core.history import EventRaised, TaskCompleted, TimerFired
from nbflow.errors import InstanceStateError, WorkflowTerminatedError
from tests.engine.worlds import VirtualClock, World, kinds, of_kind, wait_for


@workflow
async def collects(ctx: WorkflowContext, count: int) -> list:
    return [await ctx.wait_for_external_event("item") for _ in range(count)]


def test_s64_a_suspended_run_keeps_events_and_takes_them_in_order(world: World) -> None:
    world.open(collects)
    run = world.start(collects, 3)
    world.until_waiting(run, "item")
    run.suspend()
    world.until_status(run, "SUSPENDED")
    before = run.history()
    for n in range(3):
        run.raise_event("item", n)
    assert run.history() == before
    assert run.status == "SUSPENDED"
    assert [row.event.payload for row in world.inbox()] == ["0", "1", "2"]
    run.resume()
    assert run.result(10) == [0, 1, 2]
    assert world.inbox() == []


def test_s64_resume_directly_behind_suspend_is_not_lost(world: World) -> None:
    world.open(collects)
    run = world.start(collects, 1)
    for _ in range(10):
        run.suspend()
        run.resume()
    run.raise_event("item", 1)
    assert run.result(10) == [1]


def test_s64_a_suspended_run_keeps_activity_results(world: World) -> None:
    may_return = threading.Event()
    calls: list[int] = []

    @activity
    def slow() -> str:
        calls.append(1)
        wait_for(may_return)
        return "done"

    @workflow
    async def calls_slow() -> str:
        return await slow()

    world.open(calls_slow)
    run = world.start(calls_slow, None, "order-42")
    world.until(run, lambda record, history: "TaskScheduled" in kinds(history))
    run.suspend()
    world.until_status(run, "SUSPENDED")
    may_return.set()
    world.until_kept(TaskCompleted)
    assert (run.status, len(of_kind(run.history(), TaskCompleted))) == ("SUSPENDED", 0)
    world.reopen(calls_slow, crash=True)
    run = world.handle("order-42")
    assert run.status == "SUSPENDED"
    run.resume()
    assert run.result(10) == "done"
    assert calls == [1]  # S19: recorded once, never run again


def test_s64_a_suspended_run_keeps_timers(world: World, clock: VirtualClock) -> None:
    @workflow
    async def sleeps(ctx: WorkflowContext) -> str:
        await ctx.create_timer(60)
        return "awake"

    world.open(sleeps)
    run = world.start(sleeps)
    world.until(run, lambda record, history: "TimerCreated" in kinds(history))
    run.suspend()
    world.until_status(run, "SUSPENDED")
    clock.advance(seconds=61)
    world.start(sleeps, None, "behind")
    world.until("behind", lambda record, history: "TimerCreated" in kinds(history))
    assert of_kind(run.history(), TimerFired) == []
    run.resume()
    assert run.result(10) == "awake"


def test_s64_suspension_survives_a_restart(world: World) -> None:
    world.open(collects)
    run = world.start(collects, 2, "order-42")
    world.until_waiting(run, "item")
    run.suspend()
    world.until_status(run, "SUSPENDED")
    run.raise_event("item", 1)
    world.reopen(collects)
    run = world.handle("order-42")
    run.raise_event("item", 2)
    assert run.status == "SUSPENDED"
    run.resume()
    assert run.result(10) == [1, 2]


@pytest.mark.semantics(64)
def test_suspending_or_resuming_what_has_ended_is_an_error(world: World) -> None:
    world.open(collects)
    run = world.start(collects, 0, "order-42")
    run.result(10)
    with pytest.raises(InstanceStateError, match="order-42 has ended: there is nothing to suspend"):
        run.suspend()
    with pytest.raises(InstanceStateError, match="order-42 has ended: there is nothing to resume"):
        run.resume()


@pytest.mark.semantics(64)
def test_suspending_twice_and_resuming_what_runs_change_nothing(world: World) -> None:
    world.open(collects)
    run = world.start(collects, 1)
    world.until_waiting(run, "item")
    run.resume()
    run.suspend()
    run.suspend()
    world.until_status(run, "SUSPENDED")
    run.resume()
    world.until_status(run, "RUNNING")
    run.raise_event("item", 1)
    assert run.result(10) == [1]
    assert kinds(run.history()).count("ExecutionSuspended") == 1
    assert kinds(run.history()).count("ExecutionResumed") == 1


def test_s63_terminate_ends_a_run(world: World) -> None:
    world.open(collects)
    run = world.start(collects, 1, "order-42")
    world.until_waiting(run, "item")
    run.terminate({"why": "enough"})
    with pytest.raises(WorkflowTerminatedError, match="order-42 was terminated"):
        run.result(10)
    assert run.state().output == {"why": "enough"}
    assert kinds(run.history())[-1] == "ExecutionTerminated"
    run.terminate("again")  # no error, and nothing changes
    assert run.state().output == {"why": "enough"}


def test_s63_terminate_in_the_same_breath_as_the_start(world: World) -> None:
    world.open(collects)
    for n in range(20):
        run = world.start(collects, 1, f"order-{n}")
        run.terminate()
        world.until_status(run, "TERMINATED")
    assert world.inbox() == []


def test_s63_terminate_is_honoured_while_suspended(world: World) -> None:
    world.open(collects)
    run = world.start(collects, 1)
    world.until_waiting(run, "item")
    run.suspend()
    world.until_status(run, "SUSPENDED")
    run.raise_event("item", 1)
    run.terminate()
    world.until_status(run, "TERMINATED")
    assert of_kind(run.history(), EventRaised) == []
    assert world.inbox() == []


def test_s63_terminate_is_honoured_while_stalled(world: World) -> None:
    world.open(collects)
    run = world.start(collects, 2, "order-42")
    world.until_waiting(run, "item")
    world.reopen()  # without the code
    run = world.handle("order-42")
    run.raise_event("item", 1)
    world.until_status(run, "STALLED")
    run.terminate("enough")
    world.until_status(run, "TERMINATED")
    assert (run.state().output, run.state().stall) == ("enough", None)
    assert world.inbox() == []


def test_s64_a_stalled_run_can_be_suspended_and_goes_on_once_resumed(world: World) -> None:
    world.open(collects)
    run = world.start(collects, 2, "order-42")
    world.until_waiting(run, "item")
    world.reopen()
    run = world.handle("order-42")
    run.raise_event("item", 1)
    world.until_status(run, "STALLED")
    run.suspend()
    world.until_status(run, "SUSPENDED")
    world.runtime.register(collects)
    assert run.status == "SUSPENDED"
    run.resume()
    run.raise_event("item", 2)
    assert run.result(10) == [1, 2]


@pytest.mark.parametrize("place", [0, 3, 6])
def test_s63_terminate_anywhere_in_a_batch(world: World, place: int) -> None:
    is_busy, may_go_on = threading.Event(), threading.Event()

    @workflow
    async def blocks_the_dispatch_thread(ctx: WorkflowContext) -> None:
        if not ctx.is_replaying:
            is_busy.set()
            may_go_on.wait(20)

    world.open(collects, blocks_the_dispatch_thread)
    run = world.start(collects, 7, "order-42")
    world.until_waiting(run, "item")
    world.start(blocks_the_dispatch_thread)
    wait_for(is_busy)
    run.suspend()  # what comes from here on before another thread takes over becomes one batch
    run.resume()
    requests, acks = world.runtime.requests, []
    for n in range(7):
        if n == place:
            acks.append(world.runtime.submit(requests.terminate("order-42", '"enough"', True)))
        acks.append(world.client.raise_encoded_event("order-42", "item", str(n)))
    for ack in acks:
        ack.result(10)
    may_go_on.set()
    world.until_status(run, "TERMINATED")
    assert kinds(run.history())[-1] == "ExecutionTerminated"
    assert [event.payload for event in of_kind(run.history(), EventRaised)] == [str(n) for n in range(place)]
    assert [row for row in world.inbox() if row.instance_id == "order-42"] == []


def test_s63_a_running_activity_finishes_and_its_result_is_ignored(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    may_return = threading.Event()
    returned: list[str] = []

    @activity
    def slow() -> str:
        wait_for(may_return)
        returned.append("slow")
        return "late"

    @activity
    def quick() -> str:
        return "quick"

    @workflow
    async def calls_slow() -> str:
        return await slow()

    @workflow
    async def calls_quick() -> str:
        return await quick()

    world.open(calls_slow, calls_quick, max_concurrent_activities=1)
    run = world.start(calls_slow)
    world.until(run, lambda record, history: "TaskScheduled" in kinds(history))
    run.terminate()
    world.until_status(run, "TERMINATED")
    before = (run.state(), run.history())
    behind = world.start(calls_quick)  # waits for the slot that `slow` has
    with caplog.at_level(logging.WARNING, "nbflow"):
        may_return.set()
        assert behind.result(10) == "quick"
    assert returned == ["slow"]
    assert (run.state(), run.history()) == before
    assert world.inbox() == []
    assert caplog.text == ""


def test_s63_an_activity_that_waits_for_a_slot_is_not_started_any_more(world: World) -> None:
    may_return, is_running = threading.Event(), threading.Event()
    ran: list[int] = []

    @activity
    def work(n: int) -> None:
        ran.append(n)
        is_running.set()
        wait_for(may_return)

    @workflow
    async def works(n: int) -> None:
        await work(n)

    world.open(works, max_concurrent_activities=1)
    first = world.start(works, 1)
    wait_for(is_running)
    second = world.start(works, 2)
    world.until(second, lambda record, history: "TaskScheduled" in kinds(history))
    second.terminate()
    world.until_status(second, "TERMINATED")
    third = world.start(works, 3)
    may_return.set()
    third.result(10)
    first.result(10)
    assert sorted(ran) == [1, 3]


def test_s63_nothing_of_a_terminated_run_happens_after_a_restart(world: World, clock: VirtualClock) -> None:
    ran: list[str] = []
    may_return, is_running = threading.Event(), threading.Event()

    @activity
    def slow() -> None:
        ran.append("slow")
        is_running.set()
        wait_for(may_return)

    @workflow
    async def busy(ctx: WorkflowContext) -> None:
        task = slow()
        await ctx.create_timer(60)
        await task

    world.open(busy)
    run = world.start(busy, None, "order-42")
    wait_for(is_running)
    run.terminate()
    world.until_status(run, "TERMINATED")
    assert world.inbox() == []
    may_return.set()
    world.reopen(busy)
    clock.advance(minutes=2)
    run = world.handle("order-42")
    assert (run.status, kinds(run.history())[-1], ran) == ("TERMINATED", "ExecutionTerminated", ["slow"])
