"""What a workflow's code asks for: the closed union of actions.

Every action has one recorded form in history (`record`), and replay is the
comparison of the two: an action of the code against the event that stands at
that place (`agrees`).
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final, Literal, TypeAlias, assert_never

import msgspec

from nbflow.core import history as h
from nbflow.core.history import TimerPurpose
from nbflow.errors import FailureDetails


class _Action(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of the actions."""


class ScheduleTask(_Action, frozen=True):
    """Run an attempt of an activity."""

    id: int
    task_id: int
    name: str
    input: str
    attempt: int = 1
    timeout: float | None = None


class CancelTask(_Action, frozen=True):
    """Ignore the result of a running activity."""

    id: int


class CreateTimer(_Action, frozen=True):
    """Wake the workflow at a time."""

    id: int
    fire_at: datetime
    purpose: TimerPurpose = "timer"
    for_id: int | None = None


class CancelTimer(_Action, frozen=True):
    """Forget a timer."""

    id: int


class CreateChildWorkflow(_Action, frozen=True):
    """Start a child workflow."""

    id: int
    task_id: int
    name: str
    input: str
    instance_id: str
    attempt: int = 1


class WaitForEvent(_Action, frozen=True):
    """Wait for an external event."""

    id: int
    name: str
    schema: str | None = None


class CancelEventWait(_Action, frozen=True):
    """Stop waiting for an external event."""

    id: int


class RejectEvent(_Action, frozen=True):
    """Refuse an event whose payload doesn't fit the wait ``id``."""

    id: int
    name: str
    reason: str


class SendEvent(_Action, frozen=True):
    """Raise an event at another instance."""

    id: int
    instance_id: str
    name: str
    payload: str


class SetCustomStatus(_Action, frozen=True):
    """Publish a custom status."""

    value: str


class AddMarker(_Action, frozen=True):
    """Leave a note in the history."""

    name: str
    value: str = "null"


class ContinueAsNew(_Action, frozen=True):
    """End this execution and begin a new one in its place."""

    new_input: str
    save_events: bool = True


class CompleteWorkflow(_Action, frozen=True):
    """End the execution with an output or a failure."""

    status: Literal["COMPLETED", "FAILED"]
    output: str = "null"
    failure: FailureDetails | None = None


WorkflowAction: TypeAlias = (
    ScheduleTask
    | CancelTask
    | CreateTimer
    | CancelTimer
    | CreateChildWorkflow
    | WaitForEvent
    | CancelEventWait
    | RejectEvent
    | SendEvent
    | SetCustomStatus
    | AddMarker
    | ContinueAsNew
    | CompleteWorkflow
)


_ADDRESS: Final = re.compile(r"\bat 0x[0-9a-fA-F]+")


def record(action: WorkflowAction, *, seq: int, at: datetime) -> h.ActionEvent:
    """Give the history event that records an action at a position and a time."""
    match action:
        case ScheduleTask(id=i, task_id=task, name=name, input=data, attempt=n, timeout=timeout):
            return h.TaskScheduled(
                seq=seq, at=at, id=i, task_id=task, name=name, input=data, attempt=n, timeout=timeout
            )
        case CancelTask(id=i):
            return h.TaskCancelled(seq=seq, at=at, scheduled_id=i)
        case CreateTimer(id=i, fire_at=fire_at, purpose=purpose, for_id=for_id):
            return h.TimerCreated(seq=seq, at=at, id=i, fire_at=fire_at, purpose=purpose, for_id=for_id)
        case CancelTimer(id=i):
            return h.TimerCancelled(seq=seq, at=at, scheduled_id=i)
        case CreateChildWorkflow(id=i, task_id=task, name=name, input=data, instance_id=child, attempt=n):
            return h.ChildWorkflowCreated(
                seq=seq, at=at, id=i, task_id=task, name=name, input=data, instance_id=child, attempt=n
            )
        case WaitForEvent(id=i, name=name, schema=schema):
            return h.EventWaitCreated(seq=seq, at=at, id=i, name=name, schema=schema)
        case CancelEventWait(id=i):
            return h.EventWaitCancelled(seq=seq, at=at, scheduled_id=i)
        case RejectEvent(id=i, name=name, reason=reason):
            return h.EventRejected(seq=seq, at=at, scheduled_id=i, name=name, reason=reason)
        case SendEvent(id=i, instance_id=target, name=name, payload=payload):
            return h.EventSent(seq=seq, at=at, id=i, instance_id=target, name=name, payload=payload)
        case SetCustomStatus(value=value):
            return h.CustomStatusSet(seq=seq, at=at, value=value)
        case AddMarker(name=name, value=value):
            return h.Marker(seq=seq, at=at, name=name, value=value)
        case ContinueAsNew(new_input=data, save_events=save):
            return h.ContinuedAsNew(seq=seq, at=at, new_input=data, save_events=save)
        case CompleteWorkflow(status=status, output=output, failure=failure):
            return h.ExecutionCompleted(seq=seq, at=at, status=status, output=output, failure=failure)
        case _:
            assert_never(action)


def agrees(action: WorkflowAction, event: h.ActionEvent) -> bool:
    """Tell whether an action is what history holds at this place; see `same_event`."""
    return same_event(record(action, seq=event.seq, at=event.at), event)


def same_event(mine: h.ActionEvent, theirs: h.ActionEvent) -> bool:
    """Tell whether two recorded actions are the same, wherever and whenever they were recorded.

    A failure agrees by type and message: tracebacks name files and lines, which
    move without any change of meaning, and so do addresses in a message.
    """
    if isinstance(mine, h.ExecutionCompleted) and isinstance(theirs, h.ExecutionCompleted):
        one, other = mine.failure, theirs.failure
        if one is not None and other is not None:
            return (one.type, _ADDRESS.sub("", one.message)) == (other.type, _ADDRESS.sub("", other.message))
        return (mine.status, mine.output) == (theirs.status, theirs.output)
    if (mine.seq, mine.at) != (theirs.seq, theirs.at):
        mine = msgspec.structs.replace(mine, seq=theirs.seq, at=theirs.at)
    return mine == theirs
