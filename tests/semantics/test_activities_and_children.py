"""Activities and children: what a workflow has others do, and what becomes of it."""

import asyncio
import threading
from datetime import timedelta

import pytest

from nbflow import (
    RetryPolicy,
    TaskFailedError,
    WorkflowActivityContext,
    WorkflowContext,
    WorkflowHandle,
    activity,
    workflow,
)
from nbflow.core.history import TaskCompleted
from nbflow.errors import ChildTerminatedError
from tests.engine.worlds import VirtualClock, World, kinds, of_kind, wait_for


@activity
def add(x: int, y: int) -> int:
    return x + y


@activity
async def square(x: int) -> int:
    return x * x


@pytest.mark.semantics(18)
def test_activities_run_serially_in_parallel_or_mixed_as_def_or_async_def(world: World) -> None:
    @workflow
    async def mixed(n: int) -> int:
        first = await add(n, 1)
        squares = await asyncio.gather(*[square(x) for x in range(first)])
        async with asyncio.TaskGroup() as group:
            halves = [group.create_task(add(squares[n], squares[n + 1])) for n in (0, 2)]
        return await add(halves[0].result(), halves[1].result())

    world.open(mixed)
    assert world.start(mixed, 3).result(10) == 14


@pytest.mark.semantics(18)
def test_a_def_that_blocks_holds_nothing_up(world: World) -> None:
    is_blocked, may_return = threading.Event(), threading.Event()

    @activity
    def blocks() -> str:
        is_blocked.set()
        wait_for(may_return)
        return threading.current_thread().name

    @workflow
    async def waits() -> str:
        return await blocks()

    @workflow
    async def quick(x: int) -> int:
        return await square(x)

    world.open(waits, quick)
    run = world.start(waits)
    wait_for(is_blocked)
    assert world.start(quick, 7).result(10) == 49
    may_return.set()
    assert run.result(10) != "nbflow-engine"


@pytest.mark.semantics(19, 66)
def test_an_activity_runs_again_after_a_crash_until_its_result_is_recorded(world: World) -> None:
    ran: list[tuple[str, int, str]] = []
    is_running, may_return = threading.Event(), threading.Event()

    @activity
    def work(ctx: WorkflowActivityContext, what: str) -> None:
        ran.append((what, ctx.attempt, ctx.idempotency_key))
        if what == "slow":
            is_running.set()
            wait_for(may_return)

    @workflow
    async def works(ctx: WorkflowContext) -> str:
        await work("quick")
        await work("slow")
        return ctx.execution_id

    world.open(works)
    world.start(works, None, "order-42")
    wait_for(is_running)
    world.crash()
    may_return.set()
    world.open(works)
    execution_id = world.handle("order-42").result(10)
    quick, slow = f"order-42:{execution_id}:1", f"order-42:{execution_id}:2"
    assert ran == [("quick", 1, quick), ("slow", 1, slow), ("slow", 1, slow)]
    world.reopen(works)
    assert len(ran) == 3


@pytest.mark.semantics(66)
def test_attempts_are_one_task_and_a_thread_past_its_timeout_keeps_its_slot(
    world: World, clock: VirtualClock
) -> None:
    began: list[tuple[int, int]] = []
    is_running, may_return = threading.Event(), threading.Event()

    @activity(timeout=30, retry_policy=RetryPolicy(0, 2))
    def hangs(ctx: WorkflowActivityContext) -> str:
        began.append((ctx.task_id, ctx.attempt))
        if ctx.attempt == 1:
            is_running.set()
            wait_for(may_return)
        return f"attempt {ctx.attempt}"

    @workflow
    async def calls() -> str:
        return await hangs()

    world.open(calls, max_concurrent_activities=1)
    run = world.start(calls)
    wait_for(is_running)
    clock.advance(seconds=30)
    world.until(run, lambda record, history: kinds(history).count("TaskScheduled") == 2)
    assert began == [(1, 1)]  # the second attempt waits for the slot of the first one's thread
    may_return.set()
    assert run.result(10) == "attempt 2"
    assert began == [(1, 1), (1, 2)]
    assert len(of_kind(run.history(), TaskCompleted)) == 1


@workflow
async def ships(ctx: WorkflowContext, sku: str) -> str:
    if sku == "unicorn":
        raise LookupError(f"no {sku} in stock")
    by = await ctx.wait_for_external_event("collected", data_type=str)
    return f"{sku} by {by}"


@workflow
async def orders(ctx: WorkflowContext, sku: str) -> str:
    try:
        return await ships(sku)
    except ChildTerminatedError as error:
        return f"terminated: {error.details.message}"


def child_of(world: World, parent: str) -> WorkflowHandle:
    """The one child of a run, once it is there."""
    world.until(parent, lambda record, history: "ChildWorkflowCreated" in kinds(history))
    [child] = [state for state in world.client.list_workflows() if state.instance_id.startswith(f"{parent}:")]
    return world.handle(child.instance_id)


@pytest.mark.semantics(20, 21)
def test_a_child_is_a_run_of_its_own_whose_output_its_parent_awaits(world: World) -> None:
    world.open(orders, ships)
    parent = world.start(orders, "tea", "order-42")
    child = child_of(world, "order-42")
    world.until_waiting(child, "collected")
    state = world.client.get_workflow_state(child.instance_id)
    assert (state.name, state.runtime_status, state.input) == ("ships", "RUNNING", "tea")
    assert "EventWaitCreated" in kinds(child.history())
    assert "EventWaitCreated" not in kinds(parent.history())
    world.reopen(orders, ships, crash=True)
    world.handle(child).raise_event("collected", "Ada")
    assert world.handle(parent).result(10) == world.handle(child).result(10) == "tea by Ada"


@pytest.mark.semantics(21)
def test_a_childs_failure_is_raised_like_an_activitys(world: World) -> None:
    @workflow
    async def handles(ctx: WorkflowContext) -> list[str]:
        try:
            await ctx.call_child_workflow(ships, input="unicorn")
        except TaskFailedError as error:
            details = error.details
        return [str(details), details.frames[-1].text, details.stack_trace.splitlines()[-1]]

    world.open(handles, ships)
    run = world.start(handles)
    assert run.result(10) == [
        "LookupError: no unicorn in stock",
        'raise LookupError(f"no {sku} in stock")',
        "LookupError: no unicorn in stock",
    ]


@pytest.mark.semantics(22)
def test_a_child_is_tried_again_as_its_policy_says(world: World, clock: VirtualClock) -> None:
    children: list[str] = []

    @activity
    def note(ctx: WorkflowActivityContext) -> int:
        if ctx.instance_id not in children:
            children.append(ctx.instance_id)
        return len(children)

    @workflow
    async def flaky() -> str:
        if (attempt := await note()) < 3:
            raise ConnectionError(attempt)
        return f"attempt {attempt}"

    @workflow
    async def persists(ctx: WorkflowContext) -> str:
        return await ctx.call_child_workflow(flaky, retry_policy=RetryPolicy(60, 3))

    world.open(persists, flaky)
    run = world.start(persists, None, "order-42")
    for count in (1, 2):
        world.until(run, lambda record, history, n=count: kinds(history).count("TimerCreated") == n)
        clock.advance(seconds=60)
    assert run.result(10) == "attempt 3"
    assert len(set(children)) == 3, "each attempt is a run with an ID of its own"


@workflow
async def leaf(ctx: WorkflowContext) -> str:
    return await ctx.wait_for_external_event("go")


@workflow
async def ends_first(ctx: WorkflowContext) -> str:
    """Begins a child that outlives it."""
    ctx.call_child_workflow(leaf, instance_id="leaf-of-ended")
    await ctx.create_timer(timedelta())
    return "ended"


@workflow
async def waits_for_leaf(ctx: WorkflowContext) -> str:
    return await ctx.call_child_workflow(leaf, instance_id="leaf")


@workflow
async def root(ctx: WorkflowContext) -> list:
    ended = ctx.call_child_workflow(ends_first, instance_id="ended")
    waiting = ctx.call_child_workflow(waits_for_leaf, instance_id="waiting")
    return [await ended, await waiting]


def family(world: World) -> WorkflowHandle:
    """A run with a child that has ended, one that waits, and a waiting child below each of the two."""
    world.open(root, ends_first, waits_for_leaf, leaf)
    run = world.start(root, None, "root")
    world.until(run, lambda record, history: "ChildWorkflowCompleted" in kinds(history))
    world.until(run, lambda record, history: kinds(history).count("ChildWorkflowCreated") == 2)
    for name in ("leaf-of-ended", "leaf"):
        world.client.wait(name, lambda record: record.status == "RUNNING", 20)
    return run


@pytest.mark.semantics(23)
def test_terminating_a_run_terminates_all_below_it(world: World) -> None:
    run = family(world)
    run.terminate({"why": "enough"})
    for name in ("root", "waiting", "leaf", "leaf-of-ended"):
        world.until_status(name, "TERMINATED")
        assert world.client.get_workflow_state(name).output == {"why": "enough"}
    ended = world.client.get_workflow_state("ended")
    assert (ended.runtime_status, ended.output) == ("COMPLETED", "ended")
    assert world.inbox() == []


@pytest.mark.semantics(23)
def test_without_recursive_those_below_live_on(world: World) -> None:
    run = family(world)
    run.terminate(recursive=False)
    world.until_status(run, "TERMINATED")
    for name in ("leaf", "leaf-of-ended"):
        world.until_waiting(name, "go")
        world.handle(name).raise_event("go", "went on")
        assert world.handle(name).result(10) == "went on"
    assert world.handle("waiting").result(10) == "went on"
    assert run.status == "TERMINATED"


@pytest.mark.semantics(24)
def test_a_terminated_child_is_an_error_of_its_own_type(world: World) -> None:
    world.open(orders, ships)
    parent = world.start(orders, "tea", "order-42")
    child = child_of(world, "order-42")
    child.terminate()
    assert parent.result(10) == f"terminated: {child.instance_id} was terminated"
    assert issubclass(ChildTerminatedError, TaskFailedError)
