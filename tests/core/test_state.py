"""The fold of a history: status, clock, what is open, and which messages still mean something."""

from datetime import timedelta

import pytest

from nbflow.core import history as h
from nbflow.core.state import RuntimeState, RuntimeStatus, same_name
from nbflow.errors import FailureDetails
from tests.core.builder import INTERPRETER, T0, completed, failed, raised

START = h.ExecutionStarted(
    at=T0, name="w", execution_id="e1", input="null", definition="", interpreter=INTERPRETER
)
FAILURE = FailureDetails(type="ValueError", message="no")


def after(*events: h.HistoryEvent) -> RuntimeState:
    return RuntimeState.of([h.WorkflowStarted(at=T0), START, *events])


def task(i: int) -> h.TaskScheduled:
    return h.TaskScheduled(at=T0, id=i, task_id=i, name="work", input="1")


def timer(i: int, seconds: float = 5) -> h.TimerCreated:
    return h.TimerCreated(at=T0, id=i, fire_at=T0 + timedelta(seconds=seconds))


def child(i: int) -> h.ChildWorkflowCreated:
    return h.ChildWorkflowCreated(at=T0, id=i, task_id=i, name="c", input="1", instance_id="x")


def wait(i: int, name: str = "go") -> h.EventWaitCreated:
    return h.EventWaitCreated(at=T0, id=i, name=name)


def test_a_new_execution():
    state = RuntimeState()
    assert (state.status, state.length, state.clock, state.started) == ("PENDING", 0, None, None)
    assert state.accepts(START)


def test_a_started_one():
    state = after()
    assert (state.status, state.length, state.clock, state.started) == ("RUNNING", 2, T0, START)
    assert not state.accepts(START)


@pytest.mark.parametrize(
    ("opened", "closing", "place"),
    [
        (task(1), completed(1), "tasks"),
        (task(1), failed(1), "tasks"),
        (task(1), h.TaskCancelled(at=T0, scheduled_id=1), "tasks"),
        (timer(1), h.TimerFired(at=T0, scheduled_id=1, fire_at=T0), "timers"),
        (timer(1), h.TimerCancelled(at=T0, scheduled_id=1), "timers"),
        (child(1), h.ChildWorkflowCompleted(at=T0, scheduled_id=1, result="1"), "children"),
        (child(1), h.ChildWorkflowFailed(at=T0, scheduled_id=1, failure=FAILURE), "children"),
        (wait(1), raised("go"), "waits"),
        (wait(1), h.EventWaitCancelled(at=T0, scheduled_id=1), "waits"),
    ],
    ids=lambda item: item if isinstance(item, str) else type(item).__name__,
)
def test_what_is_open_closes(opened, closing, place):
    state = after(opened)
    assert getattr(state, place) == {1: opened}
    if isinstance(closing, h.INPUT_KINDS):
        assert state.accepts(closing)
    state.apply(closing)
    assert getattr(state, place) == {}
    if isinstance(closing, h.INPUT_KINDS) and not isinstance(closing, h.EventRaised):
        assert not state.accepts(closing), "a second time it means nothing (S71)"


@pytest.mark.parametrize("result", [completed(9), failed(9), h.TimerFired(at=T0, scheduled_id=9, fire_at=T0)])
def test_s71_results_of_what_was_never_asked_for_are_not_accepted(result):
    assert not after(task(1), timer(2)).accepts(result)
    state = after(task(9)) if isinstance(result, h.TimerFired) else after(timer(9))
    assert not state.accepts(result), "an id of another kind is another thing"


def test_s45_the_clock_goes_by_turns_and_timers_and_never_back():
    state = after(timer(1, 60))
    state.apply(h.TimerFired(at=T0, scheduled_id=1, fire_at=T0 + timedelta(seconds=60)))
    assert state.clock == T0 + timedelta(seconds=60)
    state.apply(h.WorkflowStarted(at=T0 + timedelta(seconds=30)))
    assert state.clock == T0 + timedelta(seconds=60)
    state.apply(h.WorkflowStarted(at=T0 + timedelta(seconds=90)))
    assert state.clock == T0 + timedelta(seconds=90)


def test_s39_an_event_goes_to_the_oldest_wait_of_its_name():
    state = after(wait(1, "a"), wait(2, "go"), wait(3, "GO"), raised("Go"))
    assert list(state.waits) == [1, 3]
    state.apply(raised("go"))
    state.apply(raised("go", "kept"))
    assert list(state.waits) == [1]
    assert [event.payload for event in state.buffered] == ['"kept"']


def test_s40_a_wait_takes_the_oldest_event_of_its_name():
    state = after(raised("other"), raised("go", 1), raised("go", 2), wait(1))
    assert state.waits == {}
    assert [event.payload for event in state.buffered] == ["null", "2"]


def test_s36_a_rejected_event_leaves_the_wait_where_it_was():
    rejected = h.EventRejected(at=T0, scheduled_id=1, name="go", reason="no")
    state = after(wait(1), wait(2), raised("go"), rejected)
    assert list(state.waits) == [1, 2]
    state.apply(raised("go"))
    assert list(state.waits) == [2]


def test_s36_a_rejected_event_that_was_kept_makes_room_for_the_next():
    rejected = h.EventRejected(at=T0, scheduled_id=1, name="go", reason="no")
    state = after(raised("go", 1), raised("go", 2), wait(1), rejected)
    assert (state.waits, list(state.buffered)) == ({}, [])
    state.apply(rejected)
    assert list(state.waits) == [1]


def test_s64_suspended_and_resumed():
    suspend, resume = h.ExecutionSuspended(at=T0), h.ExecutionResumed(at=T0)
    state = after()
    assert state.accepts(suspend)
    assert not state.accepts(resume)
    state.apply(suspend)
    assert state.status is RuntimeStatus.SUSPENDED
    assert not state.accepts(suspend)
    assert state.accepts(resume)
    assert state.accepts(raised("go")), "what comes is kept"
    state.apply(resume)
    assert state.status is RuntimeStatus.RUNNING


@pytest.mark.semantics(63)
@pytest.mark.parametrize(
    ("end", "status", "output", "failure"),
    [
        (h.ExecutionCompleted(at=T0, status="COMPLETED", output="5"), "COMPLETED", "5", None),
        (h.ExecutionCompleted(at=T0, status="FAILED", failure=FAILURE), "FAILED", None, FAILURE),
        (h.ExecutionTerminated(at=T0, output='"why"'), "TERMINATED", '"why"', None),
    ],
    ids=["completed", "failed", "terminated"],
)
def test_the_end(end, status, output, failure):
    state = after(task(1), timer(2), child(3), end)
    assert (state.status, state.output, state.failure) == (status, output, failure)
    assert state.status.is_terminal
    late = [
        completed(1),
        failed(1),
        h.TimerFired(at=T0, scheduled_id=2, fire_at=T0),
        h.ChildWorkflowCompleted(at=T0, scheduled_id=3, result="1"),
        raised("go"),
        h.ExecutionTerminated(at=T0),
        h.ExecutionSuspended(at=T0),
        h.ExecutionResumed(at=T0),
        START,
    ]
    assert [event for event in late if state.accepts(event)] == [], "nothing happens any more (S63)"


@pytest.mark.parametrize("status", list(RuntimeStatus))
def test_three_statuses_are_for_ever(status):
    assert status.is_terminal == (status in ("COMPLETED", "FAILED", "TERMINATED"))


def test_custom_status_continue_as_new_and_the_rest():
    state = after(
        h.CustomStatusSet(at=T0, value="1"),
        h.CustomStatusSet(at=T0, value="2"),
        h.Marker(at=T0, name="m"),
        h.EventSent(at=T0, id=1, instance_id="x", name="go", payload="1"),
        h.ContinuedAsNew(at=T0, new_input="3"),
    )
    assert state.custom_status == "2"
    assert state.continued is not None
    assert state.length == 7


def test_s41_names_compare_without_case():
    assert same_name("Go", "gO")
    assert same_name("Straße", "STRASSE")
    assert not same_name("go", "goo")
