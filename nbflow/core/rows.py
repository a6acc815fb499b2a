"""How events are stored: as rows with columns that queries want, and as lines of JSON.

A row of a kind or format that is not known raises `UnknownHistoryKindError`: it
is never skipped. Rows of older formats are upcast here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, TypeAlias

import msgspec

from nbflow.core import history as h
from nbflow.errors import UnknownHistoryKindError

FORMAT_VERSION: Final = 1
"""Format of the rows that this version writes."""


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
    h.ExecutionStarted: "input",
    h.TaskScheduled: "input",
    h.TaskCompleted: "result",
    h.ChildWorkflowCreated: "input",
    h.ChildWorkflowCompleted: "result",
    h.EventRaised: "payload",
    h.EventSent: "payload",
    h.CustomStatusSet: "value",
    h.Marker: "value",
    h.ContinuedAsNew: "new_input",
    h.ExecutionTerminated: "output",
    h.ExecutionCompleted: "output",
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
        # One call instead of one for each field; "seq" stands in for those that there are not.
        self.read: Callable[[Any], tuple[Any, ...]] = attrgetter(
            "seq", "at", self.name or "seq", self.scheduled_id or "seq", self.payload or "seq"
        )


_LAYOUTS: Final[dict[type[Any], _Layout]] = {
    cls: _Layout(cls) for cls in (h.WorkflowStarted, h.ExecutionForked, *h.INPUT_KINDS, *h.ACTION_KINDS)
}
_BY_KIND: Final[dict[str, _Layout]] = {layout.kind: layout for layout in _LAYOUTS.values()}
_encode_data = msgspec.json.Encoder().encode
_decode_data = msgspec.json.Decoder(dict[str, Any]).decode


RowValues: TypeAlias = tuple[int, datetime, str, str | None, int | None, str | None, str, int]
"""Sequence number, time, kind, name, scheduled ID, payload, data and format of a `HistoryRow`."""


def to_values(event: h.HistoryEvent) -> RowValues:
    """Turn an event into the values of its stored form: a commit does little else."""
    layout = _LAYOUTS[type(event)]
    seq, at, name, scheduled_id, payload = layout.read(event)
    data = "{}"
    if layout.rest:
        rest = {field: value for field in layout.rest if (value := getattr(event, field)) is not None}
        data = _encode_data(rest).decode() if rest else "{}"
    return (
        seq,
        at,
        layout.kind,
        name if layout.name else None,
        scheduled_id if layout.scheduled_id else None,
        payload if layout.payload else None,
        data,
        FORMAT_VERSION,
    )


def payload_size(events: Iterable[h.HistoryEvent]) -> int:
    """How long the payloads of some events are together, in characters."""
    size = 0
    for event in events:
        field = _PAYLOAD_FIELD.get(type(event))
        if field is not None:
            size += len(getattr(event, field) or "")
    return size


def to_row(event: h.HistoryEvent) -> HistoryRow:
    """Turn an event into its stored form."""
    seq, at, kind, name, scheduled_id, payload, data, row_format = to_values(event)
    return HistoryRow(
        format=row_format,
        seq=seq,
        kind=kind,
        at=at,
        name=name,
        scheduled_id=scheduled_id,
        payload=payload,
        data=data,
    )


def from_row(row: HistoryRow) -> h.HistoryEvent:
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
_decoder: msgspec.json.Decoder[h.HistoryEvent] = msgspec.json.Decoder(h.HistoryEvent)


def to_json(event: h.HistoryEvent) -> str:
    """Write one event as a JSON object: a line of an exported history."""
    return _encoder.encode(event).decode()


def from_json(text: str | bytes) -> h.HistoryEvent:
    """Read an event that `to_json` wrote.

    Raises:
        UnknownHistoryKindError: The text is no event that this nbflow knows.
    """
    try:
        return _decoder.decode(text)
    except msgspec.DecodeError as error:
        raise UnknownHistoryKindError(f"not a history event of this nbflow: {error}") from error
