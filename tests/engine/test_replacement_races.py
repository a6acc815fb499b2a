"""A run is replaced while it ends, stalls or goes on by itself; and an ID is wanted by two at once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from nbflow import ReuseIdPolicy, TaskFailedError, WorkflowContext, workflow
from nbflow.core.history import ExecutionStarted
from nbflow.errors import InstanceExistsError
from tests.engine.gates import Crash, appends, held_commit, held_read, start_soon, until_handled
from tests.engine.worlds import World, kinds, wait_for

pytestmark = pytest.mark.semantics(2, 6)

TERMINATE = ReuseIdPolicy("TERMINATE")


@workflow
async def waits(ctx: WorkflowContext, word: str) -> str:
    return f"{word} {await ctx.wait_for_external_event('go')}"


@workflow
async def acts(ctx: WorkflowContext, word: str) -> str:
    """Does what it is told by the first event."""
    while True:
        match await ctx.wait_for_external_event("act"):
            case "end":
                return word
            case "renew":
                ctx.continue_as_new(f"{word} renewed")
            case "stall":
                missing_name  # noqa: B018, F821 - what is tested
            case "leave":
                ctx.call_child_workflow(waits, input=word, instance_id="below")


@contextmanager
def one_tick(world: World) -> Iterator[None]:
    """What is asked for in here is found by one and the same tick: a commit is under way meanwhile."""
    with held_commit(world, lambda operations: True) as gate:
        world.client.raise_encoded_event("busy", "go", "1")
        gate.wait()
        yield


def prepared(world: World, *definitions: Any) -> None:
    world.open(acts, waits, *definitions)
    world.until_waiting(world.start(waits, "x", "busy"), "go")
    world.until_waiting(world.start(acts, "old", "order-42"), "act")


def commit_is_asked_for(world: World) -> threading.Event:
    """Set once the engine waits for a commit, which may have to wait itself."""
    committer: Any = world.runtime._engine.committer  # type: ignore[union-attr]
    asked, commit = threading.Event(), committer.commit

    async def asks(items: Any) -> None:
        if items:
            asked.set()
        await commit(items)

    committer.commit = asks
    return asked


def executions(world: World, instance_id: str) -> list[list[str]]:
    """What happened in each execution."""
    return world.runtime.read(
        lambda store: [kinds(store.read_history(instance_id, e)) for e in store.list_executions(instance_id)]
    )


def check_replaced(world: World) -> None:
    """The new run is there, it is the only one, and goes on."""
    world.until_waiting("order-42", "go")
    run = world.handle("order-42")
    assert (run.name, run.state().input) == ("waits", "new")
    run.raise_event("go", "on")
    assert run.result(10) == "new on"
    until_handled(world)


def test_a_run_that_ends_in_the_turn_that_was_to_end_it_is_replaced_all_the_same(quick_world: World) -> None:
    world = quick_world
    prepared(world)
    with one_tick(world):
        world.client.raise_encoded_event("order-42", "act", '"end"')
        replaced = start_soon(world, waits, "new", "order-42", TERMINATE)
    replaced.result(10)
    check_replaced(world)
    ended, _ = executions(world, "order-42")
    assert ended[-1] == "ExecutionCompleted"


def test_a_run_that_ends_while_its_replacement_waits_is_replaced_all_the_same(quick_world: World) -> None:
    world = quick_world
    is_ending, may_end = threading.Event(), threading.Event()

    @workflow
    async def ends_slowly(ctx: WorkflowContext) -> None:
        is_ending.set()
        wait_for(may_end)

    world.open(ends_slowly, waits, stuck_after=60)
    start_soon(world, ends_slowly, None, "order-42")
    wait_for(is_ending)
    replaced = start_soon(world, waits, "new", "order-42", TERMINATE)
    may_end.set()
    replaced.result(10)
    check_replaced(world)
    ended, _ = executions(world, "order-42")
    assert ended[-1] == "ExecutionCompleted"


@pytest.mark.semantics(23)
@pytest.mark.parametrize("statuses", [["RUNNING"], ["RUNNING", "COMPLETED"]])
def test_those_below_a_run_that_ended_just_before_are_ended_if_the_policy_is_for_that_too(
    quick_world: World, statuses: list[str]
) -> None:
    world = quick_world
    prepared(world)
    world.handle("order-42").raise_event("act", "leave")
    world.until_waiting("below", "go")
    with one_tick(world):
        world.client.raise_encoded_event("order-42", "act", '"end"')
        replaced = start_soon(world, waits, "new", "order-42", ReuseIdPolicy("TERMINATE", statuses))
    replaced.result(10)
    check_replaced(world)
    if "COMPLETED" in statuses:
        world.until_status("below", "TERMINATED")
    assert world.handle("below").status == ("TERMINATED" if "COMPLETED" in statuses else "RUNNING")


@pytest.mark.semantics(13)
def test_a_run_that_continues_as_new_in_that_turn_is_replaced_behind_it(quick_world: World) -> None:
    world = quick_world
    prepared(world)
    with one_tick(world):
        world.client.raise_encoded_event("order-42", "act", '"renew"')
        replaced = start_soon(world, waits, "new", "order-42", TERMINATE)
    replaced.result(10)
    check_replaced(world)
    ends = [each[-1] for each in executions(world, "order-42")]
    assert ends == ["ContinuedAsNew", "ExecutionTerminated", "ExecutionCompleted"]


@pytest.mark.semantics(12)
def test_a_run_that_stalls_in_that_turn_is_replaced_behind_it(quick_world: World) -> None:
    world = quick_world
    prepared(world)
    with one_tick(world):
        stalls = world.client.raise_encoded_event("order-42", "act", '"stall"')
        replaced = start_soon(world, waits, "new", "order-42", TERMINATE)
    replaced.result(10)
    assert stalls.exception(10) is None
    check_replaced(world)
    ended, _ = executions(world, "order-42")
    assert ended[-1] == "ExecutionTerminated"


def test_of_two_that_replace_one_run_the_second_replaces_the_first(quick_world: World) -> None:
    world = quick_world
    prepared(world)
    with one_tick(world):
        first = start_soon(world, waits, "in between", "order-42", TERMINATE)
        second = start_soon(world, waits, "new", "order-42", TERMINATE)
    first.result(10)
    second.result(10)
    check_replaced(world)
    assert len(executions(world, "order-42")) >= 2


def test_a_run_may_begin_children_with_the_ids_of_those_that_end_with_the_run_before(world: World) -> None:
    @workflow
    async def calls(ctx: WorkflowContext, word: str) -> str:
        try:
            return await ctx.call_child_workflow(calls_below, input=word, instance_id="child")
        except TaskFailedError as error:
            return str(error.details)

    @workflow
    async def calls_below(ctx: WorkflowContext, word: str) -> str:
        return await ctx.call_child_workflow(waits, input=word, instance_id="below")

    world.open(calls, calls_below, waits)
    world.start(calls, "0", "order-42")
    for n in range(1, 6):
        world.until(
            "below",
            lambda record, history, n=n: (
                record.input == f'"{n - 1}"' and "EventWaitCreated" in kinds(history)
            ),
        )
        world.start(calls, str(n), "order-42", reuse_id_policy=TERMINATE)
    world.until(
        "below", lambda record, history: record.input == '"5"' and "EventWaitCreated" in kinds(history)
    )
    world.handle("below").raise_event("go", "on")
    assert world.handle("order-42").result(10) == "5 on"


def test_a_child_that_was_there_first_is_not_lost_when_somebody_starts_a_run_of_its_id(
    quick_world: World,
) -> None:
    @workflow
    async def calls(ctx: WorkflowContext) -> str:
        return await ctx.call_child_workflow(waits, input="child", instance_id="wanted")

    world = quick_world
    world.open(calls, waits)
    crash = world.store.fault = Crash(1)
    parent = world.start(calls)
    wait_for(crash.reached)
    world.crash()
    assert not appends(world.store.log[-1], "wanted", ExecutionStarted), "it is on its way"
    with held_read(world, "get_instances", lambda ids: "wanted" in ids) as reading:
        opening = threading.Thread(target=world.open, args=(calls, waits))
        opening.start()  # which reads as well, and has to wait
        reading.wait()
        while world.runtime._requests is None:
            pass
        wanted = start_soon(world, waits, "mine", "wanted")
        asked = commit_is_asked_for(world)
        other = threading.Thread(target=world.start, args=(waits, "x"))
        other.start()
        with held_commit(world, lambda operations: True) as gate:
            wait_for(asked)  # so that the tick can't look at what is read
            reading.open()
            gate.wait()
            with pytest.raises(InstanceExistsError, match="wanted exists and is PENDING"):
                wanted.result(10)
    opening.join(20)
    other.join(20)
    world.until_waiting("wanted", "go")
    world.handle("wanted").raise_event("go", "on")
    assert world.handle(parent).result(10) == "child on"
