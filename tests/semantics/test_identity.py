"""Identity and lifecycle: who a run is, and what can be done to it."""

import threading
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from nbflow import (
    ReuseIdAction,
    ReuseIdPolicy,
    RuntimeStatus,
    WorkflowContext,
    activity,
    when_all,
    workflow,
)
from nbflow.core.history import EventRaised, ExecutionStarted, TaskCompleted
from nbflow.core.operations import AppendHistory, PutInstance
from nbflow.errors import (
    InstanceExistsError,
    InstanceNotFoundError,
    InstanceStateError,
    InvalidInstanceIdError,
    WorkflowTerminatedError,
)
from tests.engine.worlds import VirtualClock, World, kinds, of_kind, wait_for


@activity
def double(x: int) -> int:
    return 2 * x


@workflow
async def doubles(x: int) -> int:
    return await double(x)


@workflow
async def adds(ctx: WorkflowContext, x: int) -> int:
    return x + await ctx.wait_for_external_event("go", data_type=int)


@pytest.mark.semantics(1)
def test_a_run_has_its_workflows_name_and_an_id_of_its_own(world: World) -> None:
    world.open(doubles)
    given, made_up, another = (
        world.start(doubles, 1, "order-42"),
        world.start(doubles, 2),
        world.start(doubles, 3),
    )
    assert (given.name, given.instance_id) == ("doubles", "order-42")
    assert uuid.UUID(made_up.instance_id) != uuid.UUID(another.instance_id)
    assert [run.result(10) for run in (given, made_up, another)] == [2, 4, 6]


@pytest.mark.semantics(2)
def test_what_an_earlier_execution_waited_for_never_reaches_a_later_one(
    world: World, clock: VirtualClock
) -> None:
    is_running, may_return = threading.Event(), threading.Event()

    @activity
    def slow(n: int) -> str:
        is_running.set()
        wait_for(may_return)
        return f"result of run {n}"

    @workflow
    async def works(ctx: WorkflowContext, n: int) -> list:
        task, nap = slow(n), ctx.create_timer(60)
        result = await task
        await nap
        return [result, ctx.current_utc_datetime.isoformat()]

    world.open(works, max_concurrent_activities=1)
    old = world.start(works, 1, "order-42")
    wait_for(is_running)
    old.terminate()
    world.until_status(old, "TERMINATED")
    clock.advance(seconds=30)
    new = world.start(works, 2, "order-42")
    world.until(new, lambda record, history: "TimerCreated" in kinds(history))
    clock.advance(seconds=45)  # the old one's timer would be due, the new one's is not
    may_return.set()  # the old one's result comes first: the new one's activity waits for its slot
    world.until(new, lambda record, history: "TaskCompleted" in kinds(history))
    assert new.status == "RUNNING"
    clock.advance(seconds=15)
    assert new.result(10) == ["result of run 2", "2030-01-01T00:01:30+00:00"]


@pytest.mark.semantics(3)
def test_an_active_id_is_refused_and_an_ended_one_is_free(world: World) -> None:
    world.open(adds)
    first = world.start(adds, 1, "order-42")
    world.until_waiting(first, "go")
    with pytest.raises(InstanceExistsError, match="order-42 exists and is RUNNING"):
        world.start(adds, 2, "order-42")
    first.raise_event("go", 1)
    assert first.result(10) == 2
    second = world.start(adds, 10, "order-42")
    world.until_waiting(second, "go")
    assert (second.state().input, second.state().output) == (10, None)


@pytest.mark.semantics(4, 7)
def test_a_policy_is_for_the_statuses_that_it_names_and_error_is_what_holds_without(world: World) -> None:
    world.open(adds)
    world.until_waiting(world.start(adds, 1, "order-42"), "go")
    for policy in (
        ReuseIdPolicy(ReuseIdAction.TERMINATE, [RuntimeStatus.COMPLETED]),
        ReuseIdPolicy(ReuseIdAction.IGNORE, [RuntimeStatus.SUSPENDED, RuntimeStatus.FAILED]),
        ReuseIdPolicy(ReuseIdAction.ERROR, [RuntimeStatus.RUNNING]),
        ReuseIdPolicy("error", ["RUNNING"]),
    ):
        with pytest.raises(InstanceExistsError, match="order-42 exists and is RUNNING"):
            world.start(adds, 2, "order-42", reuse_id_policy=policy)
    world.handle("order-42").raise_event("go", 1)
    assert world.handle("order-42").result(10) == 2
    error = ReuseIdPolicy(ReuseIdAction.ERROR, [RuntimeStatus.COMPLETED])
    again = world.start(adds, 5, "order-42", reuse_id_policy=error)  # it has ended, so its ID is free
    again.raise_event("go", 1)
    assert again.result(10) == 6


@pytest.mark.semantics(5)
@pytest.mark.parametrize("status", ["RUNNING", "COMPLETED"])
def test_ignore_gives_back_the_run_that_is_there(world: World, clock: VirtualClock, status: str) -> None:
    world.open(adds)
    run = world.start(adds, 1, "order-42")
    world.until_waiting(run, "go")
    if status == "COMPLETED":
        run.raise_event("go", 1)
        run.result(10)
    before = (run.state(), run.history())
    clock.advance(hours=1)
    ignore = ReuseIdPolicy(ReuseIdAction.IGNORE, [RuntimeStatus(status)])
    same = world.start(adds, 2, "order-42", reuse_id_policy=ignore)
    assert same.instance_id == "order-42"
    assert (same.state(), same.history()) == before


@workflow
async def has_child(ctx: WorkflowContext, x: int) -> int:
    if x == 0:
        return 0
    ctx.call_child_workflow(adds, input=x, instance_id=f"child-of-{x}")
    if x < 0:
        await ctx.call_activity("unheard_of")
    return await ctx.wait_for_external_event("go")


def commit_of_start(world: World, execution_id: str) -> list[str]:
    """What else was written in the commit that began an execution, by the names of the events."""
    for commit in world.store.log:
        if any(isinstance(o, PutInstance) and o.record.execution_id == execution_id for o in commit):
            return [kind for o in commit if isinstance(o, AppendHistory) for kind in kinds(o.events)]
    raise AssertionError(f"{execution_id} was never begun")


@pytest.mark.semantics(6)
@pytest.mark.parametrize("status", ["RUNNING", "SUSPENDED", "STALLED", "PENDING", "COMPLETED"])
def test_terminate_puts_the_new_run_in_the_place_of_the_old_one(
    world: World, clock: VirtualClock, status: str
) -> None:
    x = {"STALLED": -1, "COMPLETED": 0}.get(status, 1)
    later = clock.now() + timedelta(days=1) if status == "PENDING" else None
    world.open(has_child, adds)
    old = world.start(has_child, x, "order-42", start_at=later)
    if has_begun := status in ("RUNNING", "SUSPENDED", "STALLED"):
        world.until(old, lambda record, history: "ChildWorkflowCreated" in kinds(history))
    if status == "SUSPENDED":
        old.suspend()
    world.until_status(old, status)
    terminate = ReuseIdPolicy(ReuseIdAction.TERMINATE, [RuntimeStatus(status)])
    new = world.start(has_child, 2, "order-42", reuse_id_policy=terminate)
    world.until(new, lambda record, history: "ChildWorkflowCreated" in kinds(history))
    assert (new.state().input, new.status) == (2, "RUNNING")
    if has_begun:
        world.until_status(f"child-of-{x}", "TERMINATED")
    together = commit_of_start(world, of_kind(new.history(), ExecutionStarted)[0].execution_id)
    assert ("ExecutionTerminated" in together) == (status != "COMPLETED")
    world.until_waiting("child-of-2", "go")
    new.raise_event("go", 7)
    assert new.result(10) == 7


@pytest.mark.semantics(59)
def test_a_childs_id_is_derived_and_new_in_each_generation(world: World) -> None:
    @workflow
    async def names(ctx: WorkflowContext, given: list) -> list:
        tasks = [doubles(n) for n in range(2)]
        await when_all(tasks)
        given = [*given, [ctx.execution_id, [task.instance_id for task in tasks]]]
        if len(given) == 1:
            ctx.continue_as_new(given)
        return given

    world.open(names, doubles)
    short, long = world.start(names, [], "order-42"), world.start(names, [], "x" * 256)
    for execution_id, children in short.result(10):
        assert children == [f"order-42:{execution_id[:8]}:000{n}" for n in (1, 2)]
    told = [id for _, children in long.result(10) for id in children]
    assert len(set(told)) == 4
    assert {len(id) for id in told} == {256}
    assert {state.name for state in map(world.client.get_workflow_state, told)} == {"doubles"}


@pytest.mark.semantics(59)
@pytest.mark.parametrize("id", ["", "order 42", "order:42", "näher", "x" * 257])
def test_an_id_has_letters_digits_underscores_and_hyphens(quick_world: World, id: str) -> None:
    quick_world.open(doubles)
    with pytest.raises(
        InvalidInstanceIdError, match=r"1 to 256 letters, digits, _ and - \(such as order-42\)"
    ):
        quick_world.start(doubles, 1, id)


@pytest.mark.semantics(60)
def test_the_input_arrives_as_it_was_given_and_not_before_start_at(world: World, clock: VirtualClock) -> None:
    given = {"sku": "tea", "qty": [2, 2.5, None, True], "": {}}

    @workflow
    async def echoes(x: dict) -> list:
        return [x]

    world.open(echoes)
    run = world.start(echoes, given, start_at=clock.now() + timedelta(hours=1))
    clock.advance(minutes=59)
    assert (run.status, run.history()) == ("PENDING", [])
    clock.advance(minutes=1)
    assert run.result(10) == [given]


@pytest.mark.semantics(61)
def test_the_state_tells_nine_things(world: World, clock: VirtualClock) -> None:
    @workflow
    async def breaks(ctx: WorkflowContext, x: int) -> None:
        ctx.set_custom_status("half way")
        await ctx.create_timer(60)
        raise ValueError("out of stock")

    world.open(breaks)
    run = world.start(breaks, 5, "order-42")
    world.until(run, lambda record, history: "TimerCreated" in kinds(history))
    clock.advance(seconds=60)
    world.until_status(run, "FAILED")
    state = run.state()
    assert (state.instance_id, state.name, state.runtime_status) == ("order-42", "breaks", "FAILED")
    assert state.created_at == datetime(2030, 1, 1, tzinfo=UTC)
    assert state.last_updated_at == state.created_at + timedelta(seconds=60)
    assert (state.input, state.output, state.custom_status) == (5, None, "half way")
    assert str(state.failure_details) == "ValueError: out of stock"


@pytest.mark.semantics(62)
def test_a_message_is_safe_once_its_sender_goes_on(world: World) -> None:
    world.open(adds)
    run = world.start(adds, 1, "order-42")
    run.suspend()
    run.raise_event("go", 2)  # returns, though nothing will handle it for now
    world.reopen(adds, crash=True)
    run = world.handle("order-42")
    run.resume()
    assert run.result(10) == 3
    with pytest.raises(InstanceNotFoundError, match="there is no run 'order-7'"):
        world.client.raise_workflow_event("order-7", "go")


@pytest.mark.semantics(62)
def test_a_message_for_a_run_that_has_ended_is_dropped_and_logged(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.open(doubles)
    run = world.start(doubles, 1, "order-42")
    run.result(10)
    before = run.history()
    run.raise_event("go", 2)
    run.terminate()
    assert "event 'go' for order-42 was dropped" in caplog.text
    assert (run.status, run.history()) == ("COMPLETED", before)


@pytest.mark.semantics(63)
def test_terminate_ends_the_run_and_ignores_what_its_activities_return(world: World) -> None:
    is_running, may_return, returned = threading.Event(), threading.Event(), threading.Event()

    @activity
    def slow() -> str:
        is_running.set()
        wait_for(may_return)
        returned.set()
        return "late"

    @workflow
    async def calls() -> str:
        return await slow()

    world.open(calls)
    run = world.start(calls)
    wait_for(is_running)
    run.suspend()
    run.terminate("enough")  # honoured while suspended, too
    with pytest.raises(WorkflowTerminatedError):
        run.result(10)
    may_return.set()
    wait_for(returned)
    world.reopen(calls)
    assert world.handle(run).state().output == "enough"
    assert of_kind(world.history(run), TaskCompleted) == []


@pytest.mark.semantics(64)
def test_a_suspended_run_keeps_what_comes_and_takes_it_in_order_once_resumed(
    world: World, clock: VirtualClock
) -> None:
    @workflow
    async def collects(ctx: WorkflowContext) -> list:
        nap = ctx.create_timer(60)
        got = [await ctx.wait_for_external_event("item") for _ in range(3)]
        await nap
        return got

    world.open(collects)
    run = world.start(collects)
    world.until_waiting(run, "item")
    run.suspend()
    before = len(run.history())
    for n in range(3):
        run.raise_event("item", n)
    clock.advance(seconds=60)
    assert (run.status, len(run.history())) == ("SUSPENDED", before)
    run.resume()
    assert run.result(10) == [0, 1, 2]
    assert [event.payload for event in of_kind(run.history(), EventRaised)] == ["0", "1", "2"]


@pytest.mark.semantics(44)
def test_purge_erases_what_has_ended_and_nothing_else(world: World) -> None:
    world.open(adds)
    run = world.start(adds, 1, "order-42")
    world.until_waiting(run, "go")
    with pytest.raises(InstanceStateError, match="order-42 is RUNNING"):
        run.purge()
    run.raise_event("go", 1)
    run.result(10)
    run.purge()
    for ask in (run.state, run.history, run.purge):
        with pytest.raises(InstanceNotFoundError, match="order-42"):
            ask()
    assert (world.client.list_workflows(), world.inbox()) == ([], [])


@pytest.mark.semantics(44)
def test_purge_takes_the_children_along_and_can_go_by_status_name_and_time(
    world: World, clock: VirtualClock
) -> None:
    @workflow
    async def parent(x: int) -> int:
        return await doubles(x)

    def left() -> list[str]:
        return [state.name for state in world.client.list_workflows()]

    world.open(parent, doubles, adds)
    runs = [world.start(parent, n, f"order-{n}") for n in range(3)]
    assert [run.result(10) for run in runs] == [0, 2, 4]
    assert left().count("doubles") == 3
    runs[0].purge()
    assert left().count("doubles") == 2
    world.client.purge_workflow("order-1", recursive=False)
    assert (left().count("parent"), left().count("doubles")) == (1, 2)
    noon = clock.now()
    clock.advance(hours=1)
    late, active = world.start(doubles, 1, "late"), world.start(adds, 1, "active")
    late.result(10)
    world.until_waiting(active, "go")
    world.client.purge_workflows_by(
        status="COMPLETED", name="doubles", created_to=noon + timedelta(minutes=1)
    )
    assert sorted(left()) == ["adds", "doubles", "parent"]
    world.client.purge_workflows_by()
    assert left() == ["adds"]
