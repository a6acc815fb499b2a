"""Forks: a run begins at any event of another one, which stays as it is, byte for byte."""

import threading
from datetime import timedelta
from typing import Any

import pytest

from nbflow import RuntimeStatus, WorkflowContext, WorkflowHandle, activity, when_all, workflow
from nbflow.core import history as h
from nbflow.core.rows import to_row
from nbflow.definitions import WorkflowDefinition
from nbflow.errors import (
    GoingBackError,
    InstanceExistsError,
    InstanceNotFoundError,
    InvalidInstanceIdError,
    PayloadError,
    StoreError,
)
from nbflow.testing import VirtualClock
from tests.engine.worlds import World, appends_for, fails_for, kinds, never_fails, of_kind, wait_for


@activity
def charge(order: str) -> int:
    return len(order)


@activity
def ship(order: str, cents: int) -> str:
    return f"{order} for {cents}"


@workflow
async def pack(ctx: WorkflowContext, cents: int) -> int:
    return await charge("x" * cents)


@workflow
async def fulfil(ctx: WorkflowContext, order: str) -> dict[str, Any]:
    before = str(ctx.new_guid())
    cents = await charge(f"{ctx.instance_id}/{order}")
    packed = await pack(cents)
    if not await ctx.wait_for_external_event("approval", data_type=bool):
        return {"refused": ctx.instance_id}
    text = await ship(order, packed)
    ids = [before, str(ctx.new_guid()), ctx.execution_id]
    return {"text": text, "who": ctx.instance_id, "ids": ids, "drawn": ctx.random().random()}


CODE = (charge, ship, pack, fulfil)


def rows_of(world: World, instance_id: str) -> Any:
    """Everything that the store holds of a run."""
    record, history = world.client.snapshot(instance_id)
    children = [child.instance_id for child in world.client.list_workflows(parent=instance_id)]
    inbox = [row for row in world.inbox() if row.instance_id == instance_id]
    return record, [to_row(event) for event in history], inbox, children


def finished(world: World, run: str = "order-1", approved: bool = True) -> WorkflowHandle:
    handle = world.start(fulfil, "tea", run)
    world.until_waiting(handle, "approval")
    handle.raise_event("approval", approved)
    handle.result(20)
    return handle


def position(history: list[h.HistoryEvent], kind: type) -> int:
    return next(event.seq for event in history if isinstance(event, kind))


@pytest.mark.semantics(8, 10)
def test_a_fork_shares_the_beginning_and_leaves_the_other_run_as_it_is(world: World) -> None:
    world.open(*CODE)
    run = finished(world)
    before, history = rows_of(world, "order-1"), run.history()
    at = position(history, h.TaskCompleted)
    fork = run.fork(at)
    world.until_waiting(fork, "approval")
    end = position(history, h.ChildWorkflowCreated)
    shared = [to_row(event) for event in fork.history()[:end]]
    assert shared == [to_row(event) for event in history[:end]]
    assert fork.instance_id == "order-1-fork-1"
    parted = fork.history()[end]
    assert isinstance(parted, h.ExecutionForked)
    assert fork.state().origin == parted.origin
    assert parted.origin == h.Origin(
        reason="fork", instance_id="order-1", execution_id=before[0].execution_id, seq=end
    )
    fork.raise_event("approval", True)
    assert fork.result(20)["text"] == run.result(20)["text"]
    assert rows_of(world, "order-1") == before
    (child,) = world.client.list_workflows(parent=fork.instance_id)
    assert child.instance_id.startswith("order-1-fork-1:")


@pytest.mark.semantics(45)
def test_up_to_where_they_part_the_code_is_the_other_run_and_then_it_is_itself(world: World) -> None:
    world.open(*CODE)
    run = finished(world)
    fork = run.fork(position(run.history(), h.EventRaised), set=True)
    theirs, ours = run.result(20), fork.result(20)
    assert (
        ours["who"] == fork.instance_id
    )  # and the charge before, made for order-1, is still what replay asks for
    assert ours["drawn"] == theirs["drawn"], "the random stream goes on where it was"
    assert ours["ids"][0] == theirs["ids"][0]
    assert ours["ids"][1] != theirs["ids"][1], "what the two make from here on must not be taken for the same"
    assert ours["ids"][2] == world.client.snapshot(fork.instance_id)[0].execution_id


@pytest.mark.semantics(10)
def test_a_recorded_result_output_or_payload_can_be_another_one(world: World) -> None:
    world.open(*CODE)
    run = finished(world)
    history = run.history()
    charged, packed, approved = (
        position(history, kind) for kind in (h.TaskCompleted, h.ChildWorkflowCompleted, h.EventRaised)
    )
    refused = run.fork(approved, set=False, id="refused")
    assert refused.result(20) == {"refused": "refused"}
    changed = of_kind(refused.history(), h.ExecutionForked)[0]
    assert (changed.changed, changed.origin.seq) == (approved, approved - 1)
    other = run.fork(charged, set=3)
    world.until_waiting(other, "approval")
    other.raise_event("approval", True)
    assert other.result(20)["text"] == "tea for 3"
    output = run.fork(packed, set=70)
    world.until_waiting(output, "approval")
    assert world.client.list_workflows(parent=output.instance_id) == [], "the child's output is there"
    output.raise_event("approval", True)
    assert output.result(20)["text"] == "tea for 70"


def test_a_value_that_does_not_fit_is_refused_with_its_place(world: World) -> None:
    world.open(*CODE)
    run = finished(world)
    history = run.history()
    with pytest.raises(PayloadError, match="the result of charge doesn't fit int: Expected `int`, got `str`"):
        run.fork(position(history, h.TaskCompleted), set="much")
    with pytest.raises(PayloadError, match="the result of pack doesn't fit int"):
        run.fork(position(history, h.ChildWorkflowCompleted), set=[1])
    at = position(history, h.EventRaised)
    with pytest.raises(
        GoingBackError, match=f"event {at}, 'approval', can't have that value: .*Expected `bool`"
    ):
        run.fork(at, set="yes")
    assert [state.instance_id for state in world.client.list_workflows(name="fulfil")] == ["order-1"]


@pytest.mark.parametrize(
    ("at", "set", "words"),
    [
        (99, None, "order-1: there is no event 99: its history goes from 1 to 15"),
        (0, None, "order-1: there is no event 0: its history goes from 1 to 15"),
        (3, 1, "event 3 is a TaskScheduled, which has no value to change: .* is event 5, the result of charge: type --at 5"),
        (10, 1, "event 10 is a WorkflowStarted.* is event 11, the event 'approval': type --at 11"),
        (2, 1, r"event 2 is the run's start: another input is another run, `%wf run fulfil\(…\)`"),
    ],
)  # fmt: skip
def test_where_it_cannot_be_forked_it_says_where_it_can(
    quick_world: World, at: int, set: Any, words: str
) -> None:
    quick_world.open(*CODE)
    run = finished(quick_world)
    with pytest.raises(GoingBackError, match=words):
        run.fork(at) if set is None else run.fork(at, set=set)


def test_who_may_have_the_id(world: World) -> None:
    world.open(*CODE)
    run = finished(world)
    waiting = world.start(fulfil, "tea", "waits")
    world.until_waiting(waiting, "approval")
    with pytest.raises(InstanceExistsError, match="waits exists and is RUNNING: `%wf show waits`"):
        run.fork(5, id="waits")
    with pytest.raises(InvalidInstanceIdError):
        run.fork(5, id="a b")
    with pytest.raises(InstanceNotFoundError):
        world.client.fork_workflow("nobody", 5)
    at = position(run.history(), h.EventRaised)
    first = run.fork(at, set=False, id="again")
    assert first.result(20) == {"refused": "again"}
    second = run.fork(at, id="again")  # its run has ended: the ID is free (S3)
    assert second.result(20)["who"] == "again"
    executions = world.runtime.read(lambda store: store.list_executions("again"))
    assert len(executions) == 2


def test_a_run_can_be_forked_at_every_event_and_so_can_a_fork(world: World) -> None:
    world.open(*CODE)
    run = finished(world)
    before, text = rows_of(world, "order-1"), run.result(20)["text"]
    for at in range(1, len(run.history()) + 1):
        fork = run.fork(at)
        again = fork.fork(len(fork.history()))
        for each in (fork, again):
            if each.status is not RuntimeStatus.COMPLETED:
                history = each.history()
                if not of_kind(history, h.EventRaised):
                    each.raise_event("approval", True)
            assert each.result(20)["text"] == text, at
    assert rows_of(world, "order-1") == before


running = threading.Event()
release = threading.Event()


@activity
def slow(n: int) -> int:
    running.set()
    wait_for(release)
    return n


@workflow
async def waits_for_slow(ctx: WorkflowContext, n: int) -> list[int]:
    return await when_all([slow(each) for each in range(n)])


@pytest.mark.semantics(2, 19, 66)
def test_what_is_under_way_in_a_running_run_begins_again_in_its_fork(world: World) -> None:
    running.clear()
    release.clear()
    world.open(slow, waits_for_slow)
    run = world.start(waits_for_slow, 2, "a")
    wait_for(running)
    world.until(run, lambda record, history: len(of_kind(history, h.TaskScheduled)) == 2)
    fork = run.fork(2)
    assert fork.status is RuntimeStatus.RUNNING
    release.set()
    assert (run.result(20), fork.result(20)) == ([0, 1], [0, 1])
    assert len(of_kind(run.history(), h.TaskCompleted)) == 2, "none of the fork's results came here"


@pytest.mark.semantics(8, 67)
def test_a_fork_whose_commit_fails_is_none(world: World) -> None:
    world.open(*CODE)
    run = finished(world)
    before = rows_of(world, "order-1")
    at = position(run.history(), h.TaskCompleted)
    world.store.fault = fails_for("lost")
    with pytest.raises(StoreError, match="no room for lost"):
        run.fork(at, id="lost")
    world.store.fault = never_fails
    with pytest.raises(InstanceNotFoundError):
        world.client.handle("lost")
    assert world.client.list_workflows(id_prefix="lost") == []
    assert rows_of(world, "order-1") == before
    fork = run.fork(at, id="lost")
    world.until_waiting(fork, "approval")


@pytest.mark.semantics(11, 67)
def test_a_crash_right_behind_a_forks_commit_loses_nothing(world: World) -> None:
    world.open(*CODE)
    run = finished(world)
    at = position(run.history(), h.TaskCompleted)

    world.store.fault = lambda operations: (
        StoreError("the power is off") if appends_for(world, "order-2", h.ExecutionForked) else None
    )
    run.fork(at, id="order-2")
    world.reopen(*CODE, crash=True)
    fork = world.handle("order-2")
    world.until_waiting(fork, "approval")
    fork.raise_event("approval", True)
    assert fork.result(20)["text"] == world.handle("order-1").result(20)["text"]


@workflow
async def timed(ctx: WorkflowContext, date: str) -> str:
    timer = ctx.create_timer(timedelta(hours=1))
    try:
        await ctx.wait_for_external_event("go", timeout=timedelta(hours=2))
    except TimeoutError:
        return "too late"
    await timer
    return "in time"


@pytest.mark.semantics(25, 27)
def test_a_timer_keeps_its_date_and_a_time_limit_what_was_left_of_it(
    world: World, clock: VirtualClock
) -> None:
    world.open(timed)
    run = world.start(timed, "", "a")
    world.until_waiting(run, "go")
    clock.advance(hours=5)
    assert run.result(20) == "too late"
    clock.advance(days=1)
    fork = run.fork(2)  # its timer is overdue, and fires at once; two hours are left for the event
    world.until(fork, lambda record, history: bool(of_kind(history, h.TimerFired)))
    fork.raise_event("go")
    assert fork.result(20) == "in time"
    late = run.fork(2)
    world.until(late, lambda record, history: bool(of_kind(history, h.TimerFired)))
    clock.advance(hours=2, seconds=1)
    assert late.result(20) == "too late"


@workflow
async def kept(ctx: WorkflowContext, n: int) -> list[int]:
    await ctx.wait_for_external_event("begin")
    return [await ctx.wait_for_external_event("number") for _ in range(n)]


@pytest.mark.semantics(39, 40, 64)
def test_events_that_were_kept_are_there_and_those_that_came_later_are_not(world: World) -> None:
    world.open(kept)
    run = world.start(kept, 3, "a")
    world.until_waiting(run, "begin")
    for number in (1, 2):
        run.raise_event("number", number)
    at = run.history()[-1].seq
    run.raise_event("begin")
    run.raise_event("number", 3)
    assert run.result(20) == [1, 2, 3]
    fork = run.fork(at)
    fork.suspend()
    world.until_status(fork, "SUSPENDED")
    second = fork.fork(len(fork.history()))
    assert second.status is RuntimeStatus.SUSPENDED
    for each in (fork, second):
        each.resume()
        each.raise_event("begin")
        each.raise_event("number", 30)
        assert each.result(20) == [1, 2, 30]


@pytest.mark.semantics(52)
def test_a_fork_without_the_code_of_its_activity_stalls_and_goes_on_with_it(world: World) -> None:
    world.open(*CODE)
    run = finished(world)
    at = position(run.history(), h.ExecutionStarted)
    world.reopen(ship)
    fork = world.handle(run).fork(at)
    record = world.until_status(fork, "STALLED")
    assert record.stall is not None
    assert "run the cell that defines the activity `charge`" in record.stall.message
    world.runtime.register(*CODE)
    world.until_waiting(fork, "approval")


def version(text: str, *, is_first: bool) -> Any:
    async def told(ctx: WorkflowContext, word: str) -> str:
        if is_first:
            await charge(word)
        else:
            await ship(word, 1)
        return text + await ctx.wait_for_external_event("go")

    return WorkflowDefinition(told, source=f"told = {text!r}, {is_first}")


@pytest.mark.semantics(51)
def test_a_fork_keeps_its_code_unless_the_newest_is_asked_for_and_fits(world: World) -> None:
    world.open(charge, ship, version("old ", is_first=True))
    run = world.start("told", "x", "a")
    world.until_waiting(run, "go")
    world.runtime.register(version("new ", is_first=True))
    at = len(run.history())
    same, newest = run.fork(at), run.fork(at, newest_code=True)
    for each in (same, newest):
        each.raise_event("go", "on")
    assert (same.result(20), newest.result(20)) == ("old on", "new on")
    world.runtime.register(version("other ", is_first=False))
    with pytest.raises(
        GoingBackError, match=r"the newest code of told doesn't fit what would be shared .*charge"
    ):
        run.fork(at, newest_code=True)
    early = run.fork(1, newest_code=False)
    early.raise_event("go", "on")
    assert early.result(20) == "old on"


def test_a_fork_of_a_child_is_nobodys_child(world: World) -> None:
    world.open(*CODE)
    run = finished(world)
    (child,) = world.client.list_workflows(parent="order-1")
    before = rows_of(world, "order-1")
    fork = world.handle(child.instance_id).fork(5, set=12)
    assert fork.instance_id.startswith("order-1-")
    assert fork.result(20) == 12
    assert rows_of(world, "order-1") == before
    assert run.result(20)
    assert "ExecutionForked" in kinds(fork.history())
