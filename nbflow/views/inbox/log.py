"""What became of the events of a run: received, kept, refused, too late."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import msgspec

from nbflow.views.inbox.refusals import refusal_of
from nbflow.views.looks import Look, Tone, look_of
from nbflow.views.timeline.rows import Row, RowKind, RowStatus, Timeline

_RECEIVED: Final = Look("✓", "received", Tone.GOOD)
_REFUSED: Final = Look("✗", "rejected", Tone.BAD)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to an event.

    Attributes:
        key: Of the row in the timeline.
        told: What there is to say beyond the look; may be empty.
        payload: JSON text; None where nothing came.
    """

    at: datetime
    key: str
    name: str
    look: Look
    told: str = ""
    payload: str | None = None


def log_of(timeline: Timeline) -> tuple[Entry, ...]:
    """Everything that came from outside, and what was waited for in vain, by time."""
    early = {row.taken_by for row in timeline.rows}
    entries = [entry for row in timeline.rows for entry in _entries(row, is_told=row.id in early)]
    return tuple(sorted(entries, key=lambda entry: entry.at))


def _entries(row: Row, *, is_told: bool) -> Iterator[Entry]:
    if row.kind is RowKind.ARRIVAL:
        told = (
            "nobody has asked for it yet"
            if row.status is RowStatus.KEPT
            else "it came before it was asked for"
        )
        yield Entry(at=row.start, key=row.key, name=row.name, look=look_of(row), told=told, payload=row.input)
    if row.kind is not RowKind.WAIT:
        return
    for delivery in row.deliveries:
        if delivery.rejected is None and not is_told:
            yield Entry(at=delivery.at, key=row.key, name=row.name, look=_RECEIVED, payload=delivery.payload)
        if delivery.rejected is not None:
            told = refused(delivery.rejected)
            yield Entry(
                at=delivery.at, key=row.key, name=row.name, look=_REFUSED, told=told, payload=delivery.payload
            )
    if row.end is not None and row.status in (RowStatus.TIMED_OUT, RowStatus.CANCELLED, RowStatus.LEFT_OPEN):
        yield Entry(at=row.end, key=row.key, name=row.name, look=look_of(row), told="no answer came")


def refused(reason: str) -> str:
    """Say where a payload was wrong, and what was."""
    refusal = refusal_of(reason)
    where = refusal.path.removeprefix("$").removeprefix(".")
    return f"{where}: {refusal.brief}" if where else refusal.brief
