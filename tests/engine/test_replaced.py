"""What a stalled or held run had still to take is not for the run that replaces it (S6)."""

from datetime import timedelta
from typing import Any

import pytest

from nbflow import ReuseIdPolicy, WorkflowContext, workflow
from nbflow.core.history import EventRaised, ExecutionStarted
from tests.engine.worlds import VirtualClock, World, kinds, of_kind


@workflow
async def collects(ctx: WorkflowContext) -> list:
    got = []
    for _ in range(2):
        try:
            got.append(await ctx.wait_for_external_event("item", timeout=60))
        except TimeoutError:
            got.append("nobody")
    return got


@workflow
async def other(ctx: WorkflowContext) -> str:
    return await ctx.wait_for_external_event("item")


@pytest.mark.semantics(6)
def test_s6_events_of_a_stalled_run_do_not_reach_the_run_that_replaces_it(
    world: World, clock: VirtualClock
) -> None:
    world.open(collects)
    run = world.start(collects, None, "order-42")
    world.until_waiting(run, "item")
    world.reopen(other)
    run = world.handle(run)
    run.raise_event("item", "for the old one")
    world.until_status(run, "STALLED")
    world.start(other, None, "order-42", reuse_id_policy=ReuseIdPolicy("terminate"))
    run.raise_event("item", "for the new one")
    assert run.result(10) == "for the new one"
    assert len(of_kind(run.history(), EventRaised)) == 1
    assert world.inbox() == []


@pytest.mark.semantics(6)
def test_s6_the_start_of_a_held_run_does_not_keep_the_engine_busy_for_the_run_that_replaces_it(
    world: World, clock: VirtualClock
) -> None:
    world.open(collects)
    later = clock.now() + timedelta(hours=1)
    world.start(collects, None, "order-42", start_at=later)
    world.close()
    clock.advance(hours=2)
    world.open(collects, auto_resume=False)
    world.until_posted(1)  # its start is due, and it is held
    again = world.start(
        collects,
        None,
        "order-42",
        start_at=clock.now() + timedelta(hours=1),
        reuse_id_policy=ReuseIdPolicy("terminate"),
    )
    assert [type(row.event) for row in world.inbox()] == [ExecutionStarted]
    engine: Any = world.runtime._engine
    assert [m for resident in engine.residents for m in resident.messages] == [], (
        "it would try again and again"
    )
    clock.advance(hours=2)
    again.raise_event("item", 1)
    again.raise_event("item", 2)
    assert again.result(10) == [1, 2]
    assert kinds(again.history())[:2] == ["WorkflowStarted", "ExecutionStarted"]
