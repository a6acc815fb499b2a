"""A history as a list: an event a row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from nbflow.core.history import HistoryEvent
from nbflow.core.rows import to_row
from nbflow.views.excerpts import excerpt

HEADING: Final = ("seq", "time (UTC)", "event", "name", "of", "what")


def event_rows(history: Iterable[HistoryEvent]) -> list[tuple[Any, ...]]:
    """What stands under `HEADING`."""
    rows: list[tuple[Any, ...]] = []
    for event in history:
        row = to_row(event)
        about = row.payload if row.data == "{}" else f"{row.payload or ''} {row.data}".strip()
        rows.append((row.seq, row.at, row.kind, row.name, row.scheduled_id, excerpt(about or "", 80)))
    return rows
