"""Children on a real runtime: each begins once and its result arrives, whatever happens in between."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from nbflow import RetryPolicy, TaskFailedError, WorkflowContext, WorkflowHandle, activity, workflow
from nbflow.core.history import (
    ChildWorkflowCompleted,
    ChildWorkflowCreated,
    ChildWorkflowFailed,
    ExecutionStarted,
)
from nbflow.errors import InstanceNotFoundError
from tests.engine.gates import Crash, crash_behind_every_commit, held_commit, until_handled
from tests.engine.worlds import VirtualClock, World, kinds, of_kind, wait_for


@workflow
async def leaf(ctx: WorkflowContext, word: str) -> str:
    return f"{word} {await ctx.wait_for_external_event('go')}"


@workflow
async def waits_for_leaf(ctx: WorkflowContext, id: str | None) -> str:
    return await ctx.call_child_workflow(leaf, input="leaf", instance_id=id)


def executions(world: World, instance_id: str) -> list[str]:
    return world.runtime.read(lambda store: store.list_executions(instance_id))


def child_of(world: World, run: WorkflowHandle | str) -> WorkflowHandle:
    """The last child that a run has called, once it is there."""
    world.until(run, lambda record, history: "ChildWorkflowCreated" in kinds(history))
    child = of_kind(world.history(run), ChildWorkflowCreated)[-1].instance_id
    world.until(child, lambda record, history: True)
    return world.handle(child)


# -- crashes ------------------------------------------------------------------------------------------


@activity
def work(what: str) -> str:
    return what


@workflow
async def step(ctx: WorkflowContext, what: str) -> str:
    assert ctx.parent_instance_id is not None
    ctx.send_event(ctx.parent_instance_id, "said", data=what)
    if what == "fails":
        raise LookupError(what)
    return await work(f"{ctx.instance_id} {what}")


@workflow
async def parent(ctx: WorkflowContext, n: int) -> list[Any]:
    first = step("derived")
    second = ctx.call_child_workflow(step, input="given", instance_id=f"given-{n}")
    said = sorted([await ctx.wait_for_external_event("said") for _ in range(2)])
    results = [await first, await second]
    try:
        await ctx.call_child_workflow(step, input="fails", retry_policy=RetryPolicy(0, 2))
    except TaskFailedError as error:
        said += [str(error.details), await ctx.wait_for_external_event("said")]
        said.append(await ctx.wait_for_external_event("said"))
    return [said, results]


@pytest.mark.semantics(11, 20, 38, 67)
def test_a_crash_behind_any_commit_starts_no_child_twice_and_loses_no_result(
    world: World, store_kind: str
) -> None:
    def begin(n: int, count: Callable[[], None]) -> None:
        count()
        world.start(parent, n, f"order-{n}")

    def is_over(n: int) -> bool:
        try:
            return world.client.get_workflow_state(f"order-{n}").runtime_status.is_terminal
        except InstanceNotFoundError:
            return False

    def finish(n: int) -> None:
        if n == 0:
            world.start(parent, n, "order-0")  # its start was not written
        run = world.handle(f"order-{n}")
        said, results = run.result(20)
        assert said == ["derived", "given", "LookupError: fails", "fails", "fails"]
        assert results[1] == f"given-{n} given"
        assert results[0].startswith(f"order-{n}:")
        history = run.history()
        children = [event.instance_id for event in of_kind(history, ChildWorkflowCreated)]
        assert len(set(children)) == 4
        assert len(of_kind(history, ChildWorkflowCompleted)) == 2
        assert len(of_kind(history, ChildWorkflowFailed)) == 2
        for child in children:
            assert len(executions(world, child)) == 1
            assert len(of_kind(world.history(child), ExecutionStarted)) == 1
        below = world.client.list_workflows(parent=f"order-{n}")
        assert sorted(state.instance_id for state in below) == sorted(children)
        until_handled(world)

    apart = 1 if store_kind == "memory" else 4
    assert crash_behind_every_commit(world, [parent, step, work], begin, is_over, finish, step=apart) >= 6


# -- code, stalls, and what can be done to a child ---------------------------------------------------------


@pytest.mark.semantics(52, 20)
def test_a_child_without_code_waits_for_it_and_its_parent_for_the_child(world: World) -> None:
    @workflow
    async def calls(ctx: WorkflowContext) -> str:
        return await ctx.call_child_workflow("elsewhere", input=7)

    @workflow
    async def elsewhere(x: int) -> str:
        return f"found {x}"

    world.open(calls)
    run = world.start(calls, None, "order-42")
    child = child_of(world, run)
    world.until_status(child, "STALLED")
    assert run.status == "RUNNING"
    assert "run the cell that defines `elsewhere`" in child.state().stall.message
    world.reopen(calls, crash=True)
    assert world.handle(child).status == "STALLED"
    world.runtime.register(elsewhere)
    assert world.handle(run).result(10) == "found 7"


@pytest.mark.semantics(12)
def test_a_parent_waits_for_a_child_that_stalls(world: World) -> None:
    @workflow
    async def child() -> str:
        return missing_name  # noqa: F821 - what is tested

    @workflow(name="child")
    async def repaired() -> str:
        return "repaired"

    @workflow
    async def calls() -> str:
        return await child()

    world.open(calls, child)
    run = world.start(calls, None, "order-42")
    stalled = child_of(world, run)
    world.until_status(stalled, "STALLED")
    assert run.status == "RUNNING"
    world.runtime.register(repaired)
    stalled.resume()
    assert run.result(10) == "repaired"


@pytest.mark.semantics(64)
def test_a_parent_waits_for_a_child_that_is_suspended(world: World) -> None:
    world.open(waits_for_leaf, leaf)
    run = world.start(waits_for_leaf, None)
    child = child_of(world, run)
    world.until_waiting(child, "go")
    child.suspend()
    world.until_status(child, "SUSPENDED")
    child.raise_event("go", "on")
    assert run.status == "RUNNING"
    child.resume()
    assert run.result(10) == "leaf on"


@pytest.mark.semantics(2)
def test_a_result_for_a_parent_that_has_ended_is_dropped(world: World) -> None:
    @workflow
    async def leaves(ctx: WorkflowContext) -> str:
        ctx.call_child_workflow(leaf, input="leaf", instance_id="leaf-1")
        await ctx.create_timer(0)
        return "left"

    world.open(leaves, leaf)
    run = world.start(leaves, None, "order-42")
    assert run.result(10) == "left"
    before = run.history()
    world.until_waiting("leaf-1", "go")
    world.handle("leaf-1").raise_event("go", "on")
    assert world.handle("leaf-1").result(10) == "leaf on"
    world.start(leaf, "another", "behind")  # written behind what was dropped
    world.until_waiting("behind", "go")
    assert run.history() == before
    until_handled(world)


@pytest.mark.semantics(2, 13)
def test_a_child_of_an_older_generation_does_not_report_to_the_next(world: World) -> None:
    @workflow
    async def renews(ctx: WorkflowContext, n: int) -> str:
        task = ctx.call_child_workflow(leaf, input=f"leaf of {n}", instance_id=f"leaf-{n}")
        await ctx.wait_for_external_event("next")
        if n == 0:
            ctx.continue_as_new(1)
        return await task

    world.open(renews, leaf)
    run = world.start(renews, 0, "order-42")
    world.until_waiting("leaf-0", "go")
    run.raise_event("next")
    world.until(run, lambda record, history: record.generation == 1)
    world.until_waiting(run, "next")
    world.handle("leaf-0").raise_event("go", "late")
    assert world.handle("leaf-0").result(10) == "leaf of 0 late"
    world.until_waiting("leaf-1", "go")
    run.raise_event("next")
    world.handle("leaf-1").raise_event("go", "mine")
    assert run.result(10) == "leaf of 1 mine"
    assert [event.scheduled_id for event in of_kind(run.history(), ChildWorkflowCompleted)] == [1]


@pytest.mark.semantics(44)
def test_a_child_that_has_ended_can_be_purged_and_its_parent_has_its_result(world: World) -> None:
    @workflow
    async def waits_on(ctx: WorkflowContext) -> str:
        result = await ctx.call_child_workflow(leaf, input="leaf")
        await ctx.wait_for_external_event("end")
        return result

    world.open(waits_on, leaf)
    run = world.start(waits_on, None, "order-42")
    child = child_of(world, run)
    world.until_waiting(child, "go")
    child.raise_event("go", "on")
    world.until_waiting(run, "end")
    child.purge()
    assert [state.instance_id for state in world.client.list_workflows()] == ["order-42"]
    world.reopen(waits_on, leaf, crash=True)
    world.handle(run).raise_event("end")
    assert world.handle(run).result(10) == "leaf on"


# -- IDs that callers give ------------------------------------------------------------------------------


@workflow
async def tells(ctx: WorkflowContext, id: str) -> str:
    try:
        return await ctx.call_child_workflow(leaf, input="child", instance_id=id)
    except TaskFailedError as error:
        return f"{error.details.type}: {error.details.message}"


@pytest.mark.parametrize("status", ["RUNNING", "SUSPENDED", "PENDING"])
@pytest.mark.semantics(2)
def test_a_child_cannot_have_the_id_of_an_active_run(world: World, clock: VirtualClock, status: str) -> None:
    world.open(tells, leaf)
    later = clock.now().replace(year=2031) if status == "PENDING" else None
    taken = world.start(leaf, "owner", "taken", start_at=later)
    if status != "PENDING":
        world.until_waiting(taken, "go")
    if status == "SUSPENDED":
        taken.suspend()
        world.until_status(taken, "SUSPENDED")
    run = world.start(tells, "taken")
    assert run.result(10) == (
        f"InstanceExistsError: taken exists and is {status}: a child needs an ID of its own"
    )
    assert taken.state().input == "owner"
    assert taken.status == status


@pytest.mark.semantics(2)
def test_a_run_cannot_be_its_own_child(world: World) -> None:
    world.open(tells, leaf)
    run = world.start(tells, "order-42", "order-42")
    assert run.result(10).startswith("InstanceExistsError: order-42 exists and is RUNNING")


@pytest.mark.semantics(3)
def test_a_child_takes_the_place_of_a_run_that_has_ended(world: World) -> None:
    world.open(tells, leaf)
    ended = world.start(leaf, "owner", "taken")
    ended.raise_event("go", "first")
    assert ended.result(10) == "owner first"
    run = world.start(tells, "taken", "order-42")
    world.until_waiting("taken", "go")
    state = world.client.get_workflow_state("taken")
    assert (state.input, state.output, state.runtime_status) == ("child", None, "RUNNING")
    assert len(executions(world, "taken")) == 2
    world.reopen(tells, leaf, crash=True)
    world.handle("taken").raise_event("go", "second")
    assert world.handle(run).result(10) == "child second"


@pytest.mark.semantics(2)
def test_of_two_children_with_one_id_the_first_begins(world: World) -> None:
    @workflow
    async def calls(ctx: WorkflowContext) -> list[str]:
        first = ctx.call_child_workflow(leaf, input="first", instance_id="same")
        second = ctx.call_child_workflow(leaf, input="second", instance_id="same")
        try:
            await second
        except TaskFailedError as error:
            return [error.details.type, await first]
        return ["the second began"]

    world.open(calls, leaf)
    run = world.start(calls)
    world.until(run, lambda record, history: "ChildWorkflowFailed" in kinds(history))
    world.handle("same").raise_event("go", "on")
    assert run.result(10) == ["InstanceExistsError", "first on"]


@pytest.mark.semantics(2)
def test_the_first_of_two_begins_also_after_a_crash(world: World) -> None:
    @workflow
    async def calls(ctx: WorkflowContext) -> list[str]:
        tasks = [
            ctx.call_child_workflow(leaf, input=word, instance_id="same") for word in ("first", "second")
        ]
        return [await tasks[0]]

    world.open(calls, leaf)
    crash = world.store.fault = Crash(1)
    run = world.start(calls, None, "order-42")
    wait_for(crash.reached)
    world.crash()
    assert [row.instance_id for row in read_inbox(world)] == ["same", "same"]
    world.open(calls, leaf)
    world.until_waiting("same", "go")
    world.handle("same").raise_event("go", "on")
    assert world.handle(run).result(10) == ["first on"]


def read_inbox(world: World) -> list[Any]:
    """What the inbox holds while no runtime has the store open."""
    world.store.inner.open()
    try:
        return world.store.inner.read_inbox()
    finally:
        world.store.inner.close()


@pytest.mark.semantics(2, 67)
def test_a_child_that_comes_while_the_last_run_of_its_id_ends_outlives_a_crash(quick_world: World) -> None:
    world = quick_world
    is_ending, may_end = threading.Event(), threading.Event()

    @workflow
    async def ends_slowly(ctx: WorkflowContext) -> str:
        await ctx.wait_for_external_event("end")
        is_ending.set()
        wait_for(may_end)
        return "ended"

    definitions = [tells, leaf, ends_slowly]
    world.open(*definitions, stuck_after=60)
    old = world.start(ends_slowly, None, "taken")
    world.until_waiting(old, "end")
    runs: list[WorkflowHandle] = []
    threads = [
        threading.Thread(target=lambda each=each: runs.append(world.start(*each)))
        for each in [(leaf, "x"), (tells, "taken")]
    ]
    with held_commit(world, lambda operations: True) as gate:
        # While a commit is under way both messages come, so that one tick takes both turns.
        threads[0].start()
        gate.wait()
        threads[1].start()
        world.until_posted(2)
        event = world.client.raise_encoded_event("taken", "end", "1")
        world.until_posted(3)
    wait_for(is_ending)
    for thread in threads:
        thread.join(20)
    world.until(runs[1], lambda record, history: "ChildWorkflowCreated" in kinds(history))
    crash = world.store.fault = Crash(1)  # the end of the old run is written, the new one's beginning is not
    may_end.set()
    wait_for(crash.reached)
    world.crash()
    assert event.exception() is None
    world.open(*definitions)
    world.until_waiting("taken", "go")
    world.handle("taken").raise_event("go", "on")
    assert world.handle(runs[1]).result(10) == "child on"
