"""Children with IDs that their callers gave: one that is taken, one that is free again, and one that many want."""

import threading
from typing import Any

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
from tests.engine.gates import Crash, held_commit
from tests.engine.worlds import VirtualClock, World, kinds, wait_for


@workflow
async def leaf(ctx: WorkflowContext, word: str) -> str:
    return f"{word} {await ctx.wait_for_external_event('go')}"


def executions(world: World, instance_id: str) -> list[str]:
    return world.runtime.read(lambda store: store.list_executions(instance_id))


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


@pytest.mark.semantics(3, 22)
def test_a_child_with_a_given_id_is_tried_again_under_that_id(world: World) -> None:
    attempts: list[str] = []

    @activity
    def attempt(ctx: WorkflowActivityContext) -> int:
        if ctx.idempotency_key not in attempts:
            attempts.append(ctx.idempotency_key)
        return attempts.index(ctx.idempotency_key) + 1

    @workflow
    async def flaky() -> str:
        if (n := await attempt()) < 3:
            raise ConnectionError(n)
        return f"attempt {n}"

    @workflow
    async def persists(ctx: WorkflowContext) -> str:
        return await ctx.call_child_workflow(flaky, instance_id="flaky", retry_policy=RetryPolicy(0, 3))

    world.open(persists, flaky)
    assert world.start(persists).result(10) == "attempt 3"
    ends = [
        kinds(world.runtime.read(lambda store, e=each: store.read_history("flaky", e)))[-1]
        for each in executions(world, "flaky")
    ]
    assert ends == ["ExecutionCompleted"] * 3
    assert world.handle("flaky").result(10) == "attempt 3"


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
