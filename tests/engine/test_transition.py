"""A turn, message by message, without any engine: what it appends, keeps, drops, and would have begun."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nbflow.core import actions as a
from nbflow.core import history as h
from nbflow.core.operations import (
    AppendHistory,
    CloseExecution,
    DeleteTimers,
    InboxRow,
    PutInbox,
    PutInstance,
)
from nbflow.core.state import InstanceRecord, RuntimeState, RuntimeStatus, Stall, StallReason
from nbflow.core.transition import Codeless, Transition, Turn, stalled
from tests.engine.worlds import kinds

BEGAN = datetime(2030, 1, 1, tzinfo=UTC)
NOW = BEGAN + timedelta(minutes=5)
INTERPRETER = h.Interpreter(python="3.11", anyio="4", loop_rules=1)
STARTED = h.ExecutionStarted(
    at=BEGAN, name="order", execution_id="e1", input="1", definition="d1", interpreter=INTERPRETER
)
SCHEDULE = a.ScheduleTask(id=1, task_id=1, name="check", input="1")
TIMER = a.CreateTimer(id=2, fire_at=BEGAN + timedelta(minutes=1))
WAIT = a.WaitForEvent(id=3, name="go")
DONE = a.CompleteWorkflow(status="COMPLETED", output="7")


class Scripted:
    """A live execution that does what it is told: so many actions for each event of a kind."""

    def __init__(self, answers: dict[type, list[list[a.WorkflowAction]]]) -> None:
        self.answers = answers

    def feed(self, event: Any, recorded: Any = None, *, open_ended: bool = False) -> list[a.WorkflowAction]:
        left = self.answers.get(type(event), [])
        return left.pop(0) if left else []


def record_of(status: RuntimeStatus = RuntimeStatus.RUNNING) -> InstanceRecord:
    return InstanceRecord(
        instance_id="order-42",
        name="order",
        execution_id="e1",
        status=status,
        created_at=BEGAN,
        last_updated_at=BEGAN,
        input="1",
        definition="d1",
    )


def rows_of(*events: h.InputEvent, execution_id: str | None = None) -> list[InboxRow]:
    return [
        InboxRow(row_id=n, instance_id="order-42", execution_id=execution_id, event=event)
        for n, event in enumerate(events, start=1)
    ]


def state_of(*events: h.HistoryEvent) -> RuntimeState:
    return RuntimeState.of(events)


def take(
    rows: Sequence[InboxRow],
    state: RuntimeState,
    answers: dict[type, list[list[a.WorkflowAction]]] | None = None,
    record: InstanceRecord | None = None,
) -> Transition:
    numbers = itertools.count(100)
    execution = Codeless() if answers is None else Scripted(answers)
    turn = Turn(
        record or record_of(),
        state,
        execution,
        now=NOW,
        next_row_id=lambda: next(numbers),
        interpreter=INTERPRETER,
    )
    return turn.take(rows)


def waiting() -> RuntimeState:
    """The state of a run that waits for a task, a timer and an event."""
    actions = [SCHEDULE, TIMER, WAIT]
    recorded = [a.record(action, seq=n, at=BEGAN) for n, action in enumerate(actions, start=3)]
    return state_of(h.WorkflowStarted(at=BEGAN, seq=1), STARTED, *recorded)


RESULT = h.TaskCompleted(at=NOW, scheduled_id=1, result="true")
FIRED = h.TimerFired(at=TIMER.fire_at, scheduled_id=2, fire_at=TIMER.fire_at)
GO = h.EventRaised(at=NOW, name="go", payload="5")


def test_s73_each_message_is_followed_by_what_it_caused() -> None:
    answers = {h.TaskCompleted: [[a.SetCustomStatus(value="1")]], h.EventRaised: [[DONE]]}
    turn = take(rows_of(RESULT, FIRED, GO), waiting(), answers)
    assert kinds(turn.events) == [
        "WorkflowStarted",
        "TaskCompleted",
        "CustomStatusSet",
        "TimerFired",
        "EventRaised",
        "ExecutionCompleted",
    ]
    assert [event.seq for event in turn.events] == [6, 7, 8, 9, 10, 11]
    assert turn.record.status is RuntimeStatus.COMPLETED
    assert (turn.record.output, turn.record.custom_status) == ("7", "1")
    assert [type(operation) for operation in turn.operations] == [AppendHistory, PutInstance, CloseExecution]


def test_s71_what_comes_twice_is_dropped_the_second_time() -> None:
    rows = rows_of(RESULT, FIRED, RESULT, FIRED)
    rows[3] = rows[1]  # the very same row, delivered twice
    turn = take(rows, waiting(), {})
    assert kinds(turn.events) == ["WorkflowStarted", "TaskCompleted", "TimerFired"]
    assert turn.consumed == rows
    assert turn.dropped == rows[2:]


def test_s2_what_is_for_another_execution_is_dropped() -> None:
    turn = take(rows_of(RESULT, execution_id="e0"), waiting(), {})
    assert (turn.events, turn.operations) == ([], [])
    assert turn.dropped == turn.consumed
    assert turn.record == record_of()


def test_s63_behind_terminate_nothing_is_taken_in_and_nothing_begun() -> None:
    ended = h.ExecutionTerminated(at=NOW, output='"x"')
    answers = {h.EventRaised: [[a.ScheduleTask(id=4, task_id=4, name="charge", input="1")]]}
    turn = take(rows_of(GO, ended, RESULT, FIRED, ended), waiting(), answers)
    assert kinds(turn.events) == ["WorkflowStarted", "EventRaised", "TaskScheduled", "ExecutionTerminated"]
    assert turn.tasks == []
    assert len(turn.dropped) == 3
    assert (turn.record.status, turn.record.output) == (RuntimeStatus.TERMINATED, '"x"')


def test_s64_a_suspended_run_keeps_everything_but_resume_and_terminate() -> None:
    suspended, resumed = h.ExecutionSuspended(at=NOW), h.ExecutionResumed(at=NOW)
    turn = take(rows_of(suspended, GO, RESULT, FIRED), waiting(), {})
    assert kinds(turn.events) == ["WorkflowStarted", "ExecutionSuspended"]
    assert [type(row.event) for row in turn.kept] == [h.EventRaised, h.TaskCompleted, h.TimerFired]
    assert turn.record.status is RuntimeStatus.SUSPENDED
    turn = take(rows_of(suspended, GO, resumed, RESULT), waiting(), {})
    assert turn.kept == [], "what came before the resume is first behind it"
    assert kinds(turn.events)[2:] == ["ExecutionResumed", "EventRaised", "TaskCompleted"]


@pytest.mark.semantics(26)
def test_timers_become_rows_and_cancelled_ones_go() -> None:
    again = a.CreateTimer(id=5, fire_at=NOW)
    answers = {
        h.EventRaised: [[again, a.CancelTimer(id=2), a.CreateTimer(id=6, fire_at=NOW), a.CancelTimer(id=6)]]
    }
    turn = take(rows_of(GO), waiting(), answers)
    assert [(row.row_id, row.due, row.event.scheduled_id) for row in turn.timers] == [(100, NOW, 5)]
    assert [o for o in turn.operations if isinstance(o, PutInbox)] == [PutInbox(row=turn.timers[0])]
    assert [o for o in turn.operations if isinstance(o, DeleteTimers)] == [
        DeleteTimers(execution_id="e1", timer_ids=(2,))
    ]


def test_s15_what_the_last_step_called_is_not_begun_and_what_came_before_is() -> None:
    later = a.ScheduleTask(id=4, task_id=4, name="charge", input="1")
    unawaited = a.ScheduleTask(id=5, task_id=5, name="notify", input="1")
    answers = {h.TaskCompleted: [[later]], h.EventRaised: [[unawaited, DONE]]}
    turn = take(rows_of(RESULT, GO), waiting(), answers)
    assert [task.name for task in turn.tasks] == ["charge"]
    assert turn.timers == []


def test_a_call_that_is_cancelled_in_the_same_turn_is_not_begun() -> None:
    later = a.ScheduleTask(id=4, task_id=4, name="charge", input="1")
    answers = {h.TaskCompleted: [[later]], h.EventRaised: [[a.CancelTask(id=4)]]}
    assert take(rows_of(RESULT, GO), waiting(), answers).tasks == []


def test_s36_a_refusal_is_told_with_its_message() -> None:
    bad = h.EventRaised(at=NOW, name="go", payload='"x"')
    answers = {h.EventRaised: [[], [a.RejectEvent(id=3, name="go", reason="no int")], []]}
    other = h.EventRaised(at=NOW, name="other", payload="1")
    turn = take(rows_of(other, bad, GO), waiting(), answers)
    assert turn.rejected == {2: "no int"}


def test_s36_a_refusal_of_an_event_that_was_buffered_before_is_not_that_of_this_one() -> None:
    wait = a.WaitForEvent(id=4, name="other")
    answers = {h.EventRaised: [[wait, a.RejectEvent(id=4, name="other", reason="no int")]]}
    assert take(rows_of(GO), waiting(), answers).rejected == {}


@pytest.mark.semantics(12)
def test_a_stalled_run_recovers_by_a_turn_that_could_be_taken() -> None:
    report = Stall(reason=StallReason.CODE_MISSING, message="waits for code")
    [put] = stalled(record_of(), report, now=NOW).operations
    assert (put.record.status, put.record.stall) == (RuntimeStatus.STALLED, report)
    turn = take([], waiting(), {}, record=put.record)
    assert (turn.record.status, turn.record.stall, turn.events) == (RuntimeStatus.RUNNING, None, [])
    assert turn.operations == [PutInstance(record=turn.record)]


def test_a_stall_that_says_nothing_new_is_not_written() -> None:
    report = Stall(reason=StallReason.CODE_MISSING, message="waits for code")
    first = stalled(record_of(), report, now=NOW).record
    again = stalled(first, report, now=NOW + timedelta(hours=1))
    assert (again.operations, again.record) == ([], first)


def test_the_clock_of_a_row_never_goes_back() -> None:
    record = record_of()
    late = InstanceRecord(
        **{f: getattr(record, f) for f in record.__struct_fields__} | {"last_updated_at": NOW}
    )
    turn = Turn(
        late, waiting(), Scripted({}), now=BEGAN, next_row_id=lambda: 1, interpreter=INTERPRETER
    ).take(rows_of(GO))
    assert turn.record.last_updated_at == NOW
