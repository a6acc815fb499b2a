"""What came and was not taken when a run continued as new: carried, kept, or dropped."""

from typing import Any

import msgspec
import pytest

from nbflow import WorkflowContext, workflow
from nbflow.core import history as h
from tests.core.builder import T0, completed, raised, work
from tests.core.lives import Live, addressed, payloads
from tests.engine.worlds import kinds

pytestmark = pytest.mark.semantics(13)

ODD = [False, 0, "", None, [], {}, 0.0, "last"]


@workflow
async def takes(ctx: WorkflowContext, given: list[Any]) -> list[Any]:
    """Waits to be told to go on, then takes one, and renews itself until it has them all."""
    wanted, save, got = given
    if not got:
        await ctx.wait_for_external_event("go")
    got.append(await ctx.wait_for_external_event("item"))
    if len(got) < wanted:
        ctx.continue_as_new([wanted, save, got], save_events=save)
    return got


@pytest.mark.semantics(14)
def test_what_was_not_taken_goes_along_in_order_and_as_it_was(live: Live) -> None:
    life = live(takes)
    life.start([len(ODD), True, []])
    half = len(ODD) // 2
    life.turn(*[raised("ITEM", each) for each in ODD[:half]], raised("other", 1))
    turn = life.turn(raised("go"), *[raised("item", each) for each in ODD[half:]])
    start = turn.successor.event
    assert payloads(start.carried) == [*ODD[1:half], 1], "delivered, and not taken"
    assert payloads([row.event for row in turn.kept]) == ODD[half:], "not delivered"
    while not life.record.status.is_terminal:
        life.go_on()
    got = msgspec.json.decode(life.record.output or "")
    assert [(type(each), each) for each in got] == [(type(each), each) for each in ODD]
    assert life.inbox == []


@pytest.mark.semantics(14)
def test_without_saving_only_what_is_not_delivered_goes_along(live: Live) -> None:
    life = live(takes)
    life.start([2, False, []])
    life.turn(raised("item", 1), raised("item", 2))
    turn = life.turn(raised("go"), raised("item", 3))
    assert turn.successor.event.carried == ()
    life.go_on()
    assert life.record.output == "[1,3]"


@pytest.mark.semantics(14, 36)
def test_a_wait_with_a_type_rejects_what_was_carried_and_takes_the_next(live: Live) -> None:
    @workflow
    async def typed(ctx: WorkflowContext, n: int) -> int:
        if n == 0:
            await ctx.wait_for_external_event("go")
            ctx.continue_as_new(1)
        return await ctx.wait_for_external_event("item", data_type=int)

    life = live(typed)
    life.start(0)
    life.turn(raised("item", "seven"), raised("item", None), raised("item", 7), raised("go"))
    life.go_on()
    assert kinds(life.history)[2:] == [
        "EventWaitCreated",
        "EventRejected",
        "EventRejected",
        "ExecutionCompleted",
    ]
    assert life.record.output == "7"


@pytest.mark.semantics(2)
def test_what_comes_behind_the_end_waits_or_is_dropped_by_whom_it_is_for(live: Live) -> None:
    @workflow
    async def renews(ctx: WorkflowContext, n: int) -> object:
        task = work(n)
        await ctx.wait_for_external_event("go")
        if n == 0:
            ctx.continue_as_new(1)
        return await task

    life = live(renews)
    first = life.record.execution_id
    life.start(0)
    late = addressed(completed(1, "of the old one"), first)
    turn = life.turn(raised("go"), late, raised("go", 2), h.ExecutionSuspended(at=T0), late)
    assert [type(row.event) for row in turn.kept] == [h.EventRaised, h.ExecutionSuspended]
    assert len(turn.dropped) == 2
    life.turn(late)  # and once more, behind the new start
    assert life.record.status == "SUSPENDED"
    life.turn(h.ExecutionResumed(at=T0), late)
    assert life.turn(addressed(completed(1, "mine"), life.record.execution_id)).record.output == '"mine"'


@pytest.mark.semantics(63)
def test_a_termination_that_comes_behind_the_end_ends_the_next_generation(live: Live) -> None:
    @workflow
    async def renews(ctx: WorkflowContext, n: int) -> None:
        ctx.set_custom_status(n)
        await ctx.wait_for_external_event("go")
        ctx.continue_as_new(n + 1)

    life = live(renews)
    life.start(0)
    life.turn(raised("go"), h.ExecutionTerminated(at=T0, output='"enough"'))
    assert life.record.status == "RUNNING"
    turn = life.go_on()
    assert (turn.record.status, turn.record.output, turn.record.generation) == ("TERMINATED", '"enough"', 1)
    assert turn.record.custom_status == "1"
