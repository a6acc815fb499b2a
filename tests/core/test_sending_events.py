"""Events that workflow code raises at other runs: recorded, sent with the turn, and never sent again by a replay."""

import asyncio

import pytest

from nbflow import WorkflowContext, workflow
from nbflow.core import history as h
from nbflow.core.identity import next_execution_id
from nbflow.core.operations import InboxRow, PutInbox, PutInstance
from nbflow.core.outbox import Outgoing
from nbflow.core.transition import Transition
from nbflow.errors import NotReplayableError, PayloadError
from tests.core.builder import T0, completed, raised, work
from tests.core.lives import Live

pytestmark = pytest.mark.semantics(38)


@workflow
async def child(n: int) -> int: ...


def events(transition: Transition) -> list[tuple[str, str, str]]:
    """Whom a turn has events for, and which."""
    return [
        (row.instance_id, row.event.name, row.event.payload)
        for row in [out.row for out in transition.outgoing]
        if isinstance(row.event, h.EventRaised)
    ]


def test_an_event_is_recorded_and_sent_in_the_order_of_the_code(live: Live) -> None:
    @workflow
    async def sends(ctx: WorkflowContext) -> None:
        ctx.send_event("order-41", "paid", data={"cents": 5})
        ctx.send_event("order-40", "paid")
        ctx.send_event("order-41", "Shipped", data=0)
        await work()
        ctx.send_event("order-41", "done", data="ä\n")

    life = live(sends)
    turn = life.start()
    assert events(turn) == [
        ("order-41", "paid", '{"cents":5}'),
        ("order-40", "paid", "null"),
        ("order-41", "Shipped", "0"),
    ]
    sent = [event for event in life.history if isinstance(event, h.EventSent)]
    assert [event.id for event in sent] == [1, 2, 3]
    assert {out.row.execution_id for out in turn.outgoing} == {None}, "for whichever execution the run has"
    assert all(PutInbox(row=out.row) in turn.operations for out in turn.outgoing)
    assert events(life.turn(completed(4))) == [("order-41", "done", '"ä\\n"')]


def test_what_the_last_turn_sends_is_sent(live: Live) -> None:
    @workflow
    async def sends(ctx: WorkflowContext, how: str) -> None:
        ctx.send_event("order-41", "last words")
        if how == "fails":
            raise ValueError("out of paper")

    for how in ("returns", "fails"):
        life = live(sends)
        turn = life.start(how)
        assert turn.record.status.is_terminal
        assert events(turn) == [("order-41", "last words", "null")]


def test_an_event_for_a_child_comes_behind_its_start(live: Live) -> None:
    @workflow
    async def sends(ctx: WorkflowContext) -> None:
        task = ctx.call_child_workflow(child, input=1)
        ctx.send_event("run-1:01234567:0001", "go", data=7)
        await task

    turn = live(sends).start()
    start, event = (out.row for out in turn.outgoing)
    assert start.instance_id == event.instance_id == "run-1:01234567:0001"
    assert (type(start.event), type(event.event)) == (h.ExecutionStarted, h.EventRaised)
    assert start.row_id < event.row_id


@pytest.mark.semantics(2, 8)
def test_a_childs_start_is_written_with_its_row_unless_its_id_was_given(live: Live) -> None:
    @workflow
    async def starts(ctx: WorkflowContext) -> None:
        await asyncio.gather(child(1), ctx.call_child_workflow(child, input=2, instance_id="mine"))

    turn = live(starts).start()
    derived, given = turn.outgoing
    assert isinstance(derived, Outgoing)
    assert derived.birth is not None
    assert (derived.birth.status, derived.birth.input, derived.birth.name) == ("PENDING", "1", "child")
    assert given.birth is None
    assert [o for o in turn.operations if isinstance(o, PutInstance)] == [
        PutInstance(record=turn.record),
        PutInstance(record=derived.birth, is_new=True),
    ]
    for out in (derived, given):
        assert isinstance(out.row, InboxRow)
        start = out.row.event
        assert isinstance(start, h.ExecutionStarted)
        assert out.row.execution_id == start.execution_id
        assert start.parent is not None
        assert (start.parent.instance_id, start.parent.execution_id) == ("run-1", "0123456789")
    assert derived.row.execution_id != given.row.execution_id
    assert derived.row.execution_id == next_execution_id("0123456789", "child 1"), "the same in every try"


def test_who_was_ended_in_this_very_turn_has_sent_and_started_nothing_more(live: Live) -> None:
    @workflow
    async def sends(ctx: WorkflowContext) -> None:
        await ctx.wait_for_external_event("go")
        ctx.send_event("order-41", "went")
        child(1)
        work(1)
        await ctx.wait_for_external_event("go on")
        ctx.send_event("order-41", "went on")

    life = live(sends)
    life.start()
    turn = life.turn(raised("go"), h.ExecutionTerminated(at=T0), raised("go on"))
    assert turn.record.status == "TERMINATED"
    assert turn.tasks == []
    assert events(turn) == [("order-41", "went", "null")], "recorded before the end"
    assert not [out for out in turn.outgoing if isinstance(out.row.event, h.ExecutionStarted)]


@pytest.mark.parametrize(("to", "name"), [("", "go"), ("order-41", "")])
def test_an_event_needs_a_name_and_somebody_to_go_to(live: Live, to: str, name: str) -> None:
    @workflow
    async def sends(ctx: WorkflowContext) -> str:
        try:
            ctx.send_event(to, name)
        except ValueError as error:
            return str(error)
        return "sent"

    turn = live(sends).start()
    assert turn.record.output == '"send_event needs the ID of a run and the name of an event"'
    assert turn.outgoing == []


@pytest.mark.semantics(68)
def test_a_payload_that_json_cannot_carry_is_refused_where_it_is_sent(live: Live) -> None:
    @workflow
    async def sends(ctx: WorkflowContext) -> str:
        try:
            ctx.send_event("order-41", "go", data={"now": float("inf")})
        except PayloadError as error:
            return str(error)
        return "sent"

    turn = live(sends).start()
    assert "the payload of 'go'" in (turn.record.output or "")
    assert turn.outgoing == []


@pytest.mark.semantics(47)
@pytest.mark.parametrize("call", ["send_event", "continue_as_new", "call_child_workflow"])
def test_nothing_of_it_works_outside_the_workflow(drive, call: str) -> None:
    kept: list[WorkflowContext] = []

    @workflow
    async def keeps(ctx: WorkflowContext) -> None:
        kept.append(ctx)
        await ctx.wait_for_external_event("never")

    run = drive(keeps, prefixes=False)
    run.start()
    arguments = {"send_event": ("order-41", "go"), "continue_as_new": (), "call_child_workflow": (child,)}
    options = {"input": 1} if call == "call_child_workflow" else {}
    with pytest.raises(NotReplayableError, match=rf"ctx.{call}\(\) was called outside the workflow 'run-1'"):
        getattr(kept[0], call)(*arguments[call], **options)
    assert not run.execution.is_finished
