"""The end of a run, as a turn passes it on to those below: to each of them, to nobody else, and once (S23)."""

import pytest

from nbflow import WorkflowContext, workflow
from nbflow.core import history as h
from nbflow.core.outbox import Descendant
from nbflow.core.transition import Transition
from tests.core.builder import T0, child_completed, raised
from tests.core.lives import Live

pytestmark = pytest.mark.semantics(23)

ROOT = h.ParentReference(instance_id="root", execution_id="r1", scheduled_id=4)


@workflow
async def child(n: int) -> int: ...


@workflow
async def parent(ctx: WorkflowContext) -> str:
    """Begins two children, one of them with an ID of its own; then two more, and waits for its end."""
    children = [child(1), ctx.call_child_workflow(child, input=2, instance_id="given")]
    if await ctx.wait_for_external_event("go") == "more":
        children += [child(3), ctx.call_child_workflow(child, input=4, instance_id="another")]
        await ctx.wait_for_external_event("go")
    return "ended"


def below(instance_id: str, scheduled_id: int, caller: str = "run-1") -> Descendant:
    reference = h.ParentReference(instance_id=caller, execution_id="0123456789", scheduled_id=scheduled_id)
    return Descendant(instance_id=instance_id, parent=reference)


DERIVED, GIVEN = below("run-1:01234567:0001", 1), below("given", 2)
LATER_DERIVED, LATER_GIVEN = below("run-1:01234567:0002", 4), below("another", 5)
DEEP = below("run-1:01234567:0009:x:0001", 7, caller="run-1:01234567:0009")


def told(turn: Transition) -> list[Descendant]:
    """Whom a turn has an end for."""
    found: list[Descendant] = []
    for row in [out.row for out in turn.outgoing]:
        if isinstance(row.event, h.ExecutionTerminated):
            assert row.event.child is not None
            assert row.event.recursive
            assert row.execution_id is None, "for whichever generation the run has come to"
            found.append(Descendant(instance_id=row.instance_id, parent=row.event.child))
    return found


def begun(turn: Transition) -> list[str]:
    return [out.row.instance_id for out in turn.outgoing if isinstance(out.row.event, h.ExecutionStarted)]


def ended(output: str = '"enough"', **known: object) -> h.ExecutionTerminated:
    return h.ExecutionTerminated(at=T0, output=output, **known)


def test_an_end_goes_to_all_that_are_alive_below_with_the_output(live: Live) -> None:
    life = live(parent, family=[DERIVED, GIVEN, DEEP])
    life.start()
    turn = life.turn(ended())
    assert told(turn) == [DERIVED, GIVEN, DEEP]
    assert {out.row.event.output for out in turn.outgoing} == {'"enough"'}
    assert {out.row.event.by for out in turn.outgoing} == {"run-1"}


def test_an_end_that_was_passed_on_names_the_first_of_them_all(live: Live) -> None:
    life = live(parent, parent=ROOT, family=[DERIVED])
    life.start()
    turn = life.turn(ended(by="root", child=ROOT))
    assert turn.record.status == "TERMINATED"
    assert told(turn) == [DERIVED, GIVEN]
    ends = [out.row.event for out in turn.outgoing if isinstance(out.row.event, h.ExecutionTerminated)]
    assert {event.by for event in ends} == {"root"}
    [outcome] = [out.row for out in turn.outgoing if isinstance(out.row.event, h.ChildWorkflowFailed)]
    assert (outcome.instance_id, outcome.execution_id) == ("root", "r1")


def test_an_end_of_this_run_alone_goes_to_nobody(live: Live) -> None:
    life = live(parent, family=[DERIVED, GIVEN])
    life.start()
    assert told(life.turn(ended(recursive=False))) == []


def test_a_child_with_a_given_id_is_told_also_before_it_is_a_run_that_could_be_found(live: Live) -> None:
    life = live(parent)
    life.start()
    assert told(life.turn(ended())) == [GIVEN]
    life = live(parent)
    life.start()
    life.turn(child_completed(2))
    assert told(life.turn(ended())) == [], "it has ended"


def test_what_this_turn_has_called_neither_begins_nor_is_told(live: Live) -> None:
    life = live(parent, family=[DERIVED, GIVEN])
    life.start()
    turn = life.turn(raised("go", "more"), ended())
    assert begun(turn) == []
    assert told(turn) == [DERIVED, GIVEN]


def test_whoever_ends_by_itself_in_this_turn_passes_the_end_on(live: Live) -> None:
    life = live(parent, parent=ROOT, family=[DERIVED, GIVEN])
    life.start()
    end = ended(by="root", child=ROOT)
    turn = life.turn(raised("go", "more"), raised("go"), end, end)
    assert turn.record.status == "COMPLETED"
    assert begun(turn) == [LATER_DERIVED.instance_id, LATER_GIVEN.instance_id]
    assert told(turn) == [DERIVED, GIVEN, LATER_DERIVED, LATER_GIVEN], "once, and those that begin as well"
    positions = {out.row.instance_id: [] for out in turn.outgoing}
    for out in turn.outgoing:
        positions[out.row.instance_id].append(type(out.row.event))
    assert positions["another"] == [h.ExecutionStarted, h.ExecutionTerminated]


@pytest.mark.parametrize(
    "end",
    [ended(), ended(by="root", child=ROOT, recursive=False), ended(by="other", child=below("x", 9).parent)],
    ids=["by hand", "of one alone", "for another run"],
)
def test_who_has_ended_passes_on_nothing_else(live: Live, end: h.ExecutionTerminated) -> None:
    life = live(parent, parent=ROOT, family=[DERIVED, GIVEN])
    life.start()
    turn = life.turn(raised("go"), end)
    assert turn.record.status == "COMPLETED"
    assert told(turn) == []


@pytest.mark.semantics(2)
@pytest.mark.parametrize("mine", [None, ROOT], ids=["by hand", "by another parent"])
def test_an_end_for_the_run_that_a_call_began_is_not_for_one_that_was_begun_otherwise(
    live: Live, mine: h.ParentReference | None
) -> None:
    life = live(parent, parent=mine, family=[DERIVED])
    life.start()
    other = h.ParentReference(instance_id="root", execution_id="r1", scheduled_id=5)
    turn = life.turn(ended(by="root", child=other))
    assert (turn.record.status, turn.events, turn.outgoing) == ("RUNNING", [], [])
    assert len(turn.dropped) == 1
