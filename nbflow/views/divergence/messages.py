"""A mismatch as plain JSON, for the card: what is drawn is said here, and the front end only lays it out."""

from __future__ import annotations

from typing import Any

from nbflow.core.explain.report import DiffRow, Divergence
from nbflow.views.divergence.words import (
    cause,
    cells_of,
    expected_and_actual,
    left_out,
    look_of,
    place,
    ways_out,
)


def divergence_message(divergence: Divergence, instance_id: str) -> dict[str, Any]:
    """Both sides and the cause; the order of a row's members stands in `_row`."""
    above, below = left_out(divergence)
    return {
        "sides": list(expected_and_actual(divergence)),
        "place": place(divergence),
        "cause": cause(divergence),
        "rows": [_row(row) for row in divergence.rows],
        "above": above,
        "below": below,
        "ways": [list(way) for way in ways_out(divergence, instance_id)],
    }


def _row(row: DiffRow) -> list[Any]:
    """Icon, word, tone, event, history, code, remark, whether it is the first mismatch."""
    look = look_of(row)
    return [look.icon, look.word, look.tone, *cells_of(row), row.is_first]
