"""Runs that have more in their inbox than one turn looks at: what they wait for may be the last of it."""

import asyncio
from typing import Any

import pytest

from nbflow import ReuseIdPolicy, TaskFailedError, WorkflowContext, workflow
from nbflow.engine.instance import MOST_AT_ONCE, MOST_OF_A_GENERATION
from nbflow.errors import InboxFullError
from tests.engine.gates import held_commit, start_soon, until_handled
from tests.engine.worlds import World, kinds

MANY = MOST_AT_ONCE + 100


@workflow
async def waits(ctx: WorkflowContext, word: str) -> str:
    return f"{word} {await ctx.wait_for_external_event('go')}"


@workflow
async def collects(ctx: WorkflowContext, wanted: int) -> list[Any]:
    child = waits("below")
    got = [await ctx.wait_for_external_event("item") for _ in range(wanted)]
    return [*got, child.is_complete]


def raise_many(world: World, id: str) -> None:
    for sent in [world.client.raise_encoded_event(id, "item", str(n)) for n in range(MANY)]:
        sent.result(20)


@pytest.fixture(params=["memory"])
def store_kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.semantics(64)
def test_a_suspended_run_finds_its_resumption_behind_all_that_it_keeps(world: World) -> None:
    world.open(collects, waits)
    run = world.start(collects, MANY, "order-42")
    world.until_waiting(run, "item")
    run.suspend()
    world.until_status(run, "SUSPENDED")
    raise_many(world, "order-42")
    world.reopen(collects, waits, crash=True)
    world.handle("order-42").resume()
    assert world.handle("order-42").result(20) == [*range(MANY), False]
    until_handled(world)


@pytest.mark.semantics(23, 63)
def test_a_run_without_its_code_finds_its_end_behind_all_that_it_keeps_and_passes_it_on(world: World) -> None:
    world.open(collects, waits)
    run = world.start(collects, MANY, "order-42")
    world.until_waiting(run, "item")
    run.suspend()
    world.until_status(run, "SUSPENDED")
    raise_many(world, "order-42")
    world.close()
    world.open()
    run = world.handle("order-42")
    run.resume()
    run.terminate("enough")
    world.until_status(run, "TERMINATED")
    [below] = world.client.list_workflows(parent="order-42")
    world.until_status(below.instance_id, "TERMINATED")
    until_handled(world)


@pytest.mark.semantics(63)
def test_a_run_that_is_behind_with_its_events_ends_when_it_comes_to_its_end(world: World) -> None:
    world.open(collects, waits)
    run = world.start(collects, MANY + 1, "order-42")
    world.until_waiting(run, "item")
    for n in range(MANY):
        world.client.raise_encoded_event("order-42", "item", str(n))
    run.terminate("enough")
    world.until_status(run, "TERMINATED")
    assert kinds(run.history()).count("EventRaised") == MANY
    [below] = world.client.list_workflows(parent="order-42")
    world.until_status(below.instance_id, "TERMINATED")


@pytest.mark.semantics(2)
def test_of_very_many_children_with_one_id_one_begins_when_the_run_before_ends(world: World) -> None:
    count = MOST_AT_ONCE + MOST_OF_A_GENERATION

    @workflow
    async def calls(ctx: WorkflowContext, n: int) -> int:
        tasks = [ctx.call_child_workflow(waits, input=str(n), instance_id="same") for _ in range(n)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return sum(1 for each in results if isinstance(each, TaskFailedError))

    world.open(calls, waits)
    world.start(calls, 1, "order-42")
    world.until_waiting("same", "go")
    policy = ReuseIdPolicy("TERMINATE")
    with held_commit(world, lambda operations: True) as gate:
        start_soon(world, waits, "x", "busy")
        gate.wait()
        replaced = start_soon(world, calls, count, "order-42", policy)
    replaced.result(20)
    world.until("same", lambda record, history: record.input == f'"{count}"')
    world.until_waiting("same", "go")
    world.handle("same").raise_event("go", "on")
    assert world.handle("order-42").result(20) == count - 1
    until_handled(world)


@pytest.mark.parametrize("how", ["suspended", "held", "stalled"])
@pytest.mark.semantics(64)
def test_a_run_that_takes_nothing_keeps_so_many_messages_and_whoever_raises_more_is_told(
    world: World, how: str
) -> None:
    world.open(collects, waits, inbox_limit=5)
    run = world.start(collects, 7, "order-42")
    world.until_waiting(run, "item")
    run.raise_event("item", 0)
    if how == "suspended":
        run.suspend()
    elif how == "held":
        world.reopen(collects, waits, auto_resume=False, inbox_limit=5)
    else:
        world.reopen(inbox_limit=5)
        world.handle("order-42").raise_event("item", 1)
    run = world.handle("order-42")
    while len(world.inbox()) < 5:
        run.raise_event("item", len(world.inbox()) + 1)
    with pytest.raises(
        InboxFullError, match=r"'item' was not taken in: order-42 .* 5 wait .*%wf resume order-42"
    ):
        run.raise_event("item", 6)
    assert len(world.inbox()) == 5
    if how == "stalled":
        world.runtime.register(collects, waits)
    else:
        run.resume()
    world.until(run, lambda record, history: kinds(history).count("EventRaised") == 6)
    run.raise_event("item", 6)
    assert run.result(20) == [*range(7), False]
