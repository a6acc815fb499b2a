"""Children on a real runtime: each begins once and its result arrives, whatever happens in between."""

from collections.abc import Callable
from typing import Any

import pytest

from nbflow import (
    RetryPolicy,
    TaskFailedError,
    WorkflowContext,
    WorkflowHandle,
    activity,
    workflow,
)
from nbflow.core.history import (
    ChildWorkflowCompleted,
    ChildWorkflowCreated,
    ChildWorkflowFailed,
    ExecutionStarted,
)
from nbflow.errors import InstanceNotFoundError
from tests.engine.gates import crash_behind_every_commit, until_handled
from tests.engine.worlds import World, kinds, of_kind


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
