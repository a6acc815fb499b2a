"""What happened: the closed union of history events, and their stored form.

The history of one execution is an append-only list of these events, numbered
by ``seq`` from 1. Three sorts stand in it:

* **inputs**, which arrive from outside and wake the workflow (`InputEvent`);
* **recorded actions**, which the workflow's code asked for, directly behind the
  input that made it ask (`ActionEvent`);
* `WorkflowStarted`, which begins a turn and sets the workflow's clock.

Scheduling events carry an ``id``, counted from 1 within the execution; results
name it as ``scheduled_id``. Payloads are JSON text, decoded where they are used.

An event that still waits in an inbox has ``seq`` 0. Events are stored as rows of
`HistoryRow`; a row of a kind or format that is not known raises
`UnknownHistoryKindError`: it is never skipped.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

import msgspec

from nbflow.errors import FailureDetails, UnknownHistoryKindError

FORMAT_VERSION: Final = 1
"""Format of the rows that this version writes."""


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag=True, omit_defaults=True):
    """What every event carries: its position in the history and when it happened (aware UTC)."""

    at: datetime
    seq: int = 0


class ParentReference(msgspec.Struct, frozen=True, kw_only=True):
    """Whose child an execution is, and which scheduling event made it."""

    instance_id: str
    execution_id: str
    scheduled_id: int


class Interpreter(msgspec.Struct, frozen=True, kw_only=True):
    """What decides the order of things beside the code itself (semantics S75)."""

    python: str
    anyio: str
    loop_rules: int


class ExecutionStarted(_Event, frozen=True):
    """An execution begins: its workflow, its input, and what it was started under."""

    name: str
    execution_id: str
    input: str
    definition: str
    interpreter: Interpreter
    parent: ParentReference | None = None
    generation: int = 0


class WorkflowStarted(_Event, frozen=True):
    """A turn begins; ``at`` becomes the workflow's clock."""


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
    """The branch that waited for an activity was cancelled; a late result is ignored."""

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
    """A paused run goes on."""

    reason: str = ""


class ContinuedAsNew(_Event, frozen=True):
    """The execution ended and a new one took its place."""

    new_input: str
    save_events: bool = True


class ExecutionTerminated(_Event, frozen=True):
    """The run was ended from outside."""

    output: str = "null"
    recursive: bool = True


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

HistoryEvent: TypeAlias = WorkflowStarted | InputEvent | ActionEvent

INPUT_KINDS: Final[tuple[type[Any], ...]] = InputEvent.__args__
ACTION_KINDS: Final[tuple[type[Any], ...]] = ActionEvent.__args__


class HistoryRow(msgspec.Struct, frozen=True, kw_only=True):
    """The stored form of one event: columns that queries want, and the rest as JSON in ``data``.

    Attributes:
        format: Format version of the row.
        seq: Position in the execution's history, from 1; 0 in an inbox.
        kind: Name of the event's class.
        at: When it happened, aware UTC.
        name: Name of the activity, event, workflow or marker.
        scheduled_id: The id that it has (scheduling events) or names (results).
        payload: Input, result, output or event payload: JSON text. `data`: every other field, as an object.
    """

    format: int
    seq: int
    kind: str
    at: datetime
    name: str | None
    scheduled_id: int | None
    payload: str | None
    data: str


_PAYLOAD_FIELD: Final[dict[type[Any], str]] = {
    ExecutionStarted: "input",
    TaskScheduled: "input",
    TaskCompleted: "result",
    ChildWorkflowCreated: "input",
    ChildWorkflowCompleted: "result",
    EventRaised: "payload",
    EventSent: "payload",
    CustomStatusSet: "value",
    Marker: "value",
    ContinuedAsNew: "new_input",
    ExecutionTerminated: "output",
    ExecutionCompleted: "output",
}


class _Layout:
    """How the fields of one event class spread over a row."""

    def __init__(self, cls: type[Any]) -> None:
        fields: tuple[str, ...] = cls.__struct_fields__
        self.cls = cls
        self.kind: str = cls.__struct_config__.tag
        self.name = "name" if "name" in fields else None
        self.scheduled_id = "id" if "id" in fields else "scheduled_id" if "scheduled_id" in fields else None
        self.payload = _PAYLOAD_FIELD.get(cls)
        lifted = {"at", "seq", self.name, self.scheduled_id, self.payload}
        self.rest = tuple(field for field in fields if field not in lifted)


_LAYOUTS: Final[dict[type[Any], _Layout]] = {
    cls: _Layout(cls) for cls in (WorkflowStarted, *INPUT_KINDS, *ACTION_KINDS)
}
_BY_KIND: Final[dict[str, _Layout]] = {layout.kind: layout for layout in _LAYOUTS.values()}
_encode_data = msgspec.json.Encoder().encode
_decode_data = msgspec.json.Decoder(dict[str, Any]).decode


def to_row(event: HistoryEvent) -> HistoryRow:
    """Turn an event into its stored form."""
    layout = _LAYOUTS[type(event)]
    rest = {field: value for field in layout.rest if (value := getattr(event, field)) is not None}
    return HistoryRow(
        format=FORMAT_VERSION,
        seq=event.seq,
        kind=layout.kind,
        at=event.at,
        name=getattr(event, layout.name) if layout.name else None,
        scheduled_id=getattr(event, layout.scheduled_id) if layout.scheduled_id else None,
        payload=getattr(event, layout.payload) if layout.payload else None,
        data=_encode_data(rest).decode() if rest else "{}",
    )


def from_row(row: HistoryRow) -> HistoryEvent:
    """Turn a stored row back into its event; rows of older formats are upcast here.

    Raises:
        UnknownHistoryKindError: The row was written by a newer nbflow.
    """
    layout = _BY_KIND.get(row.kind)
    if layout is None or row.format > FORMAT_VERSION:
        raise UnknownHistoryKindError(
            f"history row {row.seq} is a {row.kind!r} of format {row.format}, which this nbflow doesn't know: "
            "it was written by a newer version; update nbflow to go on with this run"
        )
    fields = _decode_data(row.data) if row.data != "{}" else {}
    fields["at"], fields["seq"] = row.at, row.seq
    if layout.name:
        fields["name"] = row.name
    if layout.scheduled_id:
        fields[layout.scheduled_id] = row.scheduled_id
    if layout.payload:
        fields[layout.payload] = row.payload
    return msgspec.convert(fields, layout.cls)


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[HistoryEvent] = msgspec.json.Decoder(HistoryEvent)


def to_json(event: HistoryEvent) -> str:
    """Write one event as a JSON object: a line of an exported history."""
    return _encoder.encode(event).decode()


def from_json(text: str | bytes) -> HistoryEvent:
    """Read an event that `to_json` wrote.

    Raises:
        UnknownHistoryKindError: The text is no event that this nbflow knows.
    """
    try:
        return _decoder.decode(text)
    except msgspec.DecodeError as error:
        raise UnknownHistoryKindError(f"not a history event of this nbflow: {error}") from error
