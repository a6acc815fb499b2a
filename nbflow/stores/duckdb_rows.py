"""How records and events become rows of the DuckDB tables, and back.

DuckDB keeps times without a zone, in UTC: reading TIMESTAMPTZ would need pytz.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias, overload

import msgspec

from nbflow.core.history import HistoryEvent, Origin, ParentReference
from nbflow.core.operations import DefinitionRecord, InboxRow
from nbflow.core.rows import HistoryRow, from_row, to_values
from nbflow.core.state import InstanceRecord, RuntimeStatus, Stall
from nbflow.errors import FailureDetails, StoreError

Row: TypeAlias = tuple[Any, ...]
DefinitionKey: TypeAlias = tuple[str, str, str, str]

_EVENT = ("happened_at", "kind", "name", "scheduled_id", "payload", "data", "format")
HISTORY: Final = ("iid", "instance_id", "execution_id", "seq", *_EVENT, "lsn")
INBOX: Final = ("row_id", "instance_id", "execution_id", "due", *_EVENT, "lsn")
DEFINITIONS: Final = (
    "kind", "name", "code_hash", "source_hash", "source", "parameters", "created_at", "pin", "lsn"
)  # fmt: skip

FIXED: Final = (
    "iid", "instance_id", "name", "execution_id", "generation", "created_at", "start_at", "input", "definition",
    "parent_instance_id", "parent_execution_id", "parent_scheduled_id", "origin",
)  # fmt: skip
"""Columns of an instance that stay as they are for as long as an execution goes on."""
LIVE: Final = ("status", "last_updated_at", "output", "custom_status", "failure", "stall", "lsn")
"""Columns of an instance that most commits change: updating these alone costs half."""
INSTANCES: Final = (*FIXED, *LIVE)

_encode = msgspec.json.Encoder().encode
_failure = msgspec.json.Decoder(FailureDetails).decode
_stall = msgspec.json.Decoder(Stall).decode
_origin = msgspec.json.Decoder(Origin).decode


@overload
def to_utc(time: datetime) -> datetime: ...
@overload
def to_utc(time: None) -> None: ...
def to_utc(time: datetime | None) -> datetime | None:
    """Take the zone off a time, which must have one."""
    if time is None:
        return None
    if (zone := time.tzinfo) is UTC:
        return datetime.combine(time, time.time())  # a sixth of what `replace` takes, and the same
    if zone is None:
        raise StoreError(f"{time.isoformat()} has no time zone: times in a store are aware, in UTC")
    return time.astimezone(UTC).replace(tzinfo=None)


def from_utc(time: Any) -> Any:
    """Put the zone back on a time as a row has it, which may be None."""
    return None if time is None else time.replace(tzinfo=UTC)


def fixed_values(iid: int, record: InstanceRecord) -> Row:
    """The values of `FIXED`."""
    parent = record.parent
    return (
        iid,
        record.instance_id,
        record.name,
        record.execution_id,
        record.generation,
        to_utc(record.created_at),
        to_utc(record.start_at),
        record.input,
        record.definition,
        parent and parent.instance_id,
        parent and parent.execution_id,
        parent and parent.scheduled_id,
        _encode(record.origin).decode() if record.origin else None,
    )


def live_values(record: InstanceRecord, lsn: int) -> Row:
    """The values of `LIVE`."""
    return (
        record.status.value,
        to_utc(record.last_updated_at),
        record.output,
        record.custom_status,
        _encode(record.failure).decode() if record.failure else None,
        _encode(record.stall).decode() if record.stall else None,
        lsn,
    )


def to_instance(row: Row) -> InstanceRecord:
    """Rebuild an instance from its `INSTANCES`; raises StoreError for a row that nbflow would not write."""
    try:
        return _to_instance(row)
    except (ValueError, TypeError, AttributeError, msgspec.MsgspecError) as error:
        raise StoreError(f"the row of instance {row[1]!r} can't be read: {error}") from error


def _to_instance(row: Row) -> InstanceRecord:
    _, instance_id, name, execution_id, generation, created_at, start_at, given, definition = row[:9]
    *parent, origin = row[9 : len(FIXED)]
    status, updated_at, output, custom_status, failure, stall, _ = row[len(FIXED) :]
    return InstanceRecord(
        instance_id=instance_id,
        name=name,
        execution_id=execution_id,
        generation=generation,
        status=RuntimeStatus(status),
        created_at=from_utc(created_at),
        last_updated_at=from_utc(updated_at),
        start_at=from_utc(start_at),
        input=given,
        output=output,
        custom_status=custom_status,
        definition=definition,
        failure=_failure(failure) if failure else None,
        stall=_stall(stall) if stall else None,
        parent=None
        if parent[0] is None
        else ParentReference(instance_id=parent[0], execution_id=parent[1], scheduled_id=parent[2]),
        origin=_origin(origin) if origin else None,
    )


def _to_event(seq: int, values: Sequence[Any]) -> HistoryEvent:
    at, kind, name, scheduled_id, payload, data, row_format = values
    try:
        return from_row(
            HistoryRow(
                format=row_format,
                seq=seq,
                kind=kind,
                at=from_utc(at),
                name=name,
                scheduled_id=scheduled_id,
                payload=payload,
                data=data,
            )
        )
    except (ValueError, TypeError, AttributeError, msgspec.MsgspecError) as error:
        raise StoreError(f"row {seq} of a history, a {kind!r}, can't be read: {error}") from error


def history_values(
    iid: int, instance_id: str, execution_id: str, events: Iterable[HistoryEvent], lsn: int
) -> list[Row]:
    """The values of `HISTORY` for each of these events."""
    return [
        (
            iid,
            instance_id,
            execution_id,
            seq,
            to_utc(at),
            kind,
            name,
            scheduled_id,
            payload,
            data,
            format_,
            lsn,
        )
        for seq, at, kind, name, scheduled_id, payload, data, format_ in map(to_values, events)
    ]


def to_event(row: Row) -> HistoryEvent:
    """Rebuild an event from its `HISTORY`."""
    return _to_event(row[3], row[4:11])


def inbox_values(row: InboxRow, lsn: int) -> Row:
    """The values of `INBOX`."""
    _, at, *event = to_values(row.event)
    return (row.row_id, row.instance_id, row.execution_id, to_utc(row.due), to_utc(at), *event, lsn)


def to_inbox(row: Row) -> InboxRow:
    """Rebuild a message from its `INBOX`."""
    event: Any = _to_event(0, row[4:11])
    return InboxRow(row_id=row[0], instance_id=row[1], execution_id=row[2], due=from_utc(row[3]), event=event)


def definition_values(record: DefinitionRecord, lsn: int) -> Row:
    """The values of `DEFINITIONS`."""
    return (
        record.kind,
        record.name,
        record.code_hash,
        record.source_hash,
        record.source,
        record.parameters,
        to_utc(record.created_at),
        record.pin,
        lsn,
    )


def to_definition(row: Row) -> DefinitionRecord:
    """Rebuild a definition from its `DEFINITIONS`."""
    kind, name, code_hash, source_hash, source, parameters, created_at, pin, _ = row
    return DefinitionRecord(
        kind=kind,
        name=name,
        code_hash=code_hash,
        source_hash=source_hash,
        source=source,
        parameters=parameters,
        created_at=from_utc(created_at),
        pin=pin,
    )
