"""Limits on a real runtime: a run stalls at them with everything that came, and its owner lets it go on (S16, S17)."""

import logging
from typing import Any

import pytest

from nbflow import WorkflowContext, workflow
from nbflow.core.history import ExecutionResumed
from nbflow.core.state import StallReason
from nbflow.errors import WorkflowStalledError
from tests.engine.gates import until_handled
from tests.engine.worlds import World, kinds, of_kind


@workflow
async def counts(ctx: WorkflowContext, wanted: int) -> int:
    taken = 0
    while taken < wanted:
        assert await ctx.wait_for_external_event("item") == taken
        taken += 1
    return taken


@workflow
async def spins(ctx: WorkflowContext, n: int) -> int:
    ctx.set_custom_status(n)
    if n < 1200:
        ctx.continue_as_new(n + 1)
    return n


def fill(world: World, id: str, wanted: int, sent: int) -> Any:
    run = world.start(counts, wanted, id)
    for n in range(sent):
        world.client.raise_encoded_event(id, "item", str(n))
    world.until_status(run, "STALLED")
    return run


@pytest.mark.semantics(17)
def test_a_full_history_keeps_what_came_over_a_restart_and_goes_on_as_often_as_its_owner_says(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.open(counts, history_limit=50)
    with caplog.at_level(logging.WARNING, "nbflow.engine"):
        run = fill(world, "order-42", 100, 100)
    assert len([r for r in caplog.records if "half of what it may have" in r.getMessage()]) == 1
    times = 0
    while run.status == "STALLED":
        stall = run.state().stall
        assert stall.reason is StallReason.LIMIT
        assert "`%wf resume order-42` lets it go on for as many again" in stall.message
        with pytest.raises(WorkflowStalledError, match="the limit is 50"):
            run.result(10)
        world.reopen(counts, crash=True, history_limit=50)
        run = world.handle("order-42")
        assert run.status == "STALLED", "a restart is no word of its owner's"
        run.resume()
        times += 1
        world.until(run, lambda record, history: record.status in ("STALLED", "COMPLETED"))
    assert run.result(10) == 100
    assert times >= 4
    assert len(of_kind(run.history(), ExecutionResumed)) == times
    until_handled(world)


@pytest.mark.semantics(17)
def test_a_higher_limit_is_no_word_of_its_owners_either(world: World) -> None:
    world.open(counts, history_limit=50)
    run = fill(world, "order-42", 40, 40)
    world.reopen(counts, history_limit=100_000)
    run = world.handle(run)
    assert run.status == "STALLED"
    run.resume()
    assert run.result(10) == 40


@pytest.mark.semantics(17, 63, 64)
def test_a_run_at_its_limit_can_be_paused_ended_and_replaced(world: World) -> None:
    world.open(counts, history_limit=30)
    paused, ended = fill(world, "paused", 100, 30), fill(world, "ended", 100, 30)
    paused.suspend()
    world.until_status(paused, "SUSPENDED")
    paused.resume()
    world.until_status(paused, "STALLED")
    ended.terminate("enough")
    world.until_status(ended, "TERMINATED")
    assert ended.state().output == "enough"
    until = world.start(counts, 1, "ended")
    until.raise_event("item", 0)
    assert until.result(10) == 1


@pytest.mark.semantics(17)
def test_a_parent_hears_nothing_of_a_child_at_its_limit_until_that_goes_on(world: World) -> None:
    @workflow
    async def calls(ctx: WorkflowContext) -> int:
        return await ctx.call_child_workflow(counts, input=20, instance_id="child")

    world.open(calls, counts, history_limit=30)
    run = world.start(calls)
    world.until_waiting("child", "item")
    for n in range(20):
        world.client.raise_encoded_event("child", "item", str(n))
    world.until_status("child", "STALLED")
    assert run.status == "RUNNING"
    world.handle("child").resume()
    assert run.result(10) == 20


@pytest.mark.parametrize("store_kind", ["memory"])
@pytest.mark.semantics(16)
def test_a_run_that_never_waits_stalls_and_its_owner_lets_it_go_on(world: World) -> None:
    world.open(spins)
    run = world.start(spins, 0, "order-42")
    for count in (499, 999):
        world.until_status(run, "STALLED")
        state = run.state()
        assert (state.input, state.custom_status) == (count, count - 1)
        assert "it has continued as new 500 times without ever waiting" in state.stall.message
        if count == 499:
            world.reopen(spins, crash=True)
            run = world.handle("order-42")
            world.until_status(run, "STALLED")
        run.resume()
    assert run.result(30) == 1200
    assert kinds(run.history())[-1] == "ExecutionCompleted"


@pytest.mark.semantics(16, 63)
def test_a_run_that_never_waits_can_be_ended_and_replaced(quick_world: World) -> None:
    world = quick_world

    @workflow
    async def for_ever(ctx: WorkflowContext) -> None:
        ctx.continue_as_new()

    world.open(for_ever)
    run = world.start(for_ever, None, "order-42")
    run.terminate("enough")
    world.until_status(run, "TERMINATED")
    assert run.state().output == "enough"
