"""What happened: the closed union of history events, and their stored form.

The history of one execution is an append-only list of these events, numbered
by ``seq`` from 1. These sorts stand in it:

* **inputs**, which arrive from outside and wake the workflow (`InputEvent`);
* **recorded actions**, which the workflow's code asked for, directly behind the
  input that made it ask (`ActionEvent`);
* `WorkflowStarted`, which begins a turn and sets the workflow's clock, and `ExecutionForked`, where one
  execution parts from another.

Scheduling events carry an ``id``, counted from 1 within the execution; results
name it as ``scheduled_id``. Payloads are JSON text, decoded where they are used.

An event that still waits in an inbox has ``seq`` 0. How events are stored is
`nbflow.core.rows`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

import msgspec

from nbflow.errors import FailureDetails


class _Event(
    msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="kind", tag=True, omit_defaults=True
):
    """What every event carries: its position in the history and when it happened (aware UTC)."""

    at: datetime
    seq: int = 0


class ParentReference(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Whose child an execution is, and which scheduling event made it."""

    instance_id: str
    execution_id: str
    scheduled_id: int


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where an execution comes from that did not begin at the beginning.

    Attributes:
        reason: A fork is another instance's from then on; a rewind is the same instance's.
        instance_id: Whose history it shares.
        execution_id: Which execution of that instance.
        seq: The last event of that execution that it shares.
    """

    reason: Literal["fork", "rewind"]
    instance_id: str
    execution_id: str
    seq: int


class Interpreter(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What decides the order of things beside the code itself (semantics S75)."""

    python: str
    anyio: str
    loop_rules: int


class ExecutionStarted(_Event, frozen=True):
    """An execution begins: its workflow, its input, and what it was started under.

    A generation that follows on another has its number, its custom status, the events that it
    ``carried`` along unconsumed, and how many generations directly before it never waited (S16).
    In an inbox an empty ``definition`` stands for the newest one when the execution begins.
    """

    name: str
    execution_id: str
    input: str
    definition: str
    interpreter: Interpreter
    parent: ParentReference | None = None
    generation: int = 0
    carried: tuple[EventRaised, ...] = ()
    custom_status: str | None = None
    restless: int = 0


class WorkflowStarted(_Event, frozen=True):
    """A turn begins; ``at`` becomes the workflow's clock."""


class ExecutionForked(_Event, frozen=True):
    """What stands before this is another execution's history, and here the two part.

    Up to here the workflow's code was that execution, and saw its IDs; from here on it is this one.

    Attributes:
        origin: Where it comes from.
        instance_id: Whose history this is.
        execution_id: Which execution of it.
        parent: Whose child it is from here on.
        left_out: Positions before ``origin.seq`` there that are not shared: failures that are tried again.
        changed: Position there of the event that is delivered anew with another value.
        kept: Scheduling ids of children that go on under the call of before.
        begun: Scheduling ids of children that begin here in runs of their own.
    """

    origin: Origin
    instance_id: str
    execution_id: str
    parent: ParentReference | None = None
    left_out: tuple[int, ...] = ()
    changed: int | None = None
    kept: tuple[int, ...] = ()
    begun: tuple[int, ...] = ()


class TaskScheduled(_Event, frozen=True):
    """An activity was called. ``task_id`` is the id of the call's first attempt."""

    id: int
    task_id: int
    name: str
    input: str
    attempt: int = 1
    timeout: float | None = None


class TaskCompleted(_Event, frozen=True):
    """An attempt returned; ``at`` is when it ended."""

    scheduled_id: int
    result: str
    started_at: datetime | None = None
    attempt: int = 1
    worker: str = ""
    prints: str = ""


class TaskFailed(_Event, frozen=True):
    """An attempt raised; ``at`` is when it ended."""

    scheduled_id: int
    failure: FailureDetails
    started_at: datetime | None = None
    attempt: int = 1
    worker: str = ""
    prints: str = ""


class TaskCancelled(_Event, frozen=True):
    """The branch that waited for an activity or a child was cancelled; a late result is ignored."""

    scheduled_id: int


TimerPurpose: TypeAlias = Literal["timer", "retry", "timeout"]


class TimerCreated(_Event, frozen=True):
    """A durable timer; ``purpose`` says whose, ``for_id`` names the task that it serves."""

    id: int
    fire_at: datetime
    purpose: TimerPurpose = "timer"
    for_id: int | None = None


class TimerFired(_Event, frozen=True):
    """A timer came due."""

    scheduled_id: int
    fire_at: datetime


class TimerCancelled(_Event, frozen=True):
    """A timer is no longer wanted."""

    scheduled_id: int


class ChildWorkflowCreated(_Event, frozen=True):
    """A child workflow was started. ``task_id`` is the id of the call's first attempt."""

    id: int
    task_id: int
    name: str
    input: str
    instance_id: str
    attempt: int = 1


class ChildWorkflowCompleted(_Event, frozen=True):
    """A child returned."""

    scheduled_id: int
    result: str


class ChildWorkflowFailed(_Event, frozen=True):
    """A child failed or was terminated."""

    scheduled_id: int
    failure: FailureDetails


class EventWaitCreated(_Event, frozen=True):
    """The workflow waits for an external event; ``schema`` is the payload's JSON schema, if declared."""

    id: int
    name: str
    schema: str | None = None


class EventWaitCancelled(_Event, frozen=True):
    """A wait ended without an event: its time was up, or its branch was cancelled."""

    scheduled_id: int


class EventRaised(_Event, frozen=True):
    """An external event arrived."""

    name: str
    payload: str


class EventRejected(_Event, frozen=True):
    """An event's payload didn't fit the wait that would have consumed it."""

    scheduled_id: int
    name: str
    reason: str


class EventSent(_Event, frozen=True):
    """The workflow raised an event at another instance."""

    id: int
    instance_id: str
    name: str
    payload: str


class CustomStatusSet(_Event, frozen=True):
    """The workflow published a custom status."""

    value: str


class Marker(_Event, frozen=True):
    """A note of the engine's in the history, such as calls of a last turn that were not started."""

    name: str
    value: str = "null"


class ExecutionSuspended(_Event, frozen=True):
    """The run was paused."""

    reason: str = ""


class ExecutionResumed(_Event, frozen=True):
    """A paused run goes on; or one that has come to a limit, which is counted anew from here."""

    reason: str = ""
    lifts_limit: bool = False


class ContinuedAsNew(_Event, frozen=True):
    """The execution ended and a new one took its place."""

    new_input: str
    save_events: bool = True


class ExecutionTerminated(_Event, frozen=True):
    """The run was ended from outside; ``by`` names the ancestor whose end it is part of.

    Then ``child`` tells which run that is: the one that this call started, and no other that has its ID by now.
    """

    output: str = "null"
    recursive: bool = True
    by: str | None = None
    child: ParentReference | None = None


class ExecutionCompleted(_Event, frozen=True):
    """The workflow's code returned or raised."""

    status: Literal["COMPLETED", "FAILED"]
    output: str = "null"
    failure: FailureDetails | None = None


InputEvent: TypeAlias = (
    ExecutionStarted
    | TaskCompleted
    | TaskFailed
    | TimerFired
    | ChildWorkflowCompleted
    | ChildWorkflowFailed
    | EventRaised
    | ExecutionSuspended
    | ExecutionResumed
    | ExecutionTerminated
)
"""Events that come from outside; they are what an inbox holds."""

ActionEvent: TypeAlias = (
    TaskScheduled
    | TaskCancelled
    | TimerCreated
    | TimerCancelled
    | ChildWorkflowCreated
    | EventWaitCreated
    | EventWaitCancelled
    | EventRejected
    | EventSent
    | CustomStatusSet
    | Marker
    | ContinuedAsNew
    | ExecutionCompleted
)
"""Events that record what the workflow's code asked for."""

HistoryEvent: TypeAlias = WorkflowStarted | ExecutionForked | InputEvent | ActionEvent

INPUT_KINDS: Final[tuple[type[Any], ...]] = InputEvent.__args__
ACTION_KINDS: Final[tuple[type[Any], ...]] = ActionEvent.__args__
