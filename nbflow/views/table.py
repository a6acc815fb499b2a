"""A table for a terminal: rows under a heading, in columns that fit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from nbflow.views.excerpts import cells, excerpt, fit, tame

WIDEST: Final = 60
"""Cells that a column takes at the most."""

_NARROWEST: Final = 8
_BETWEEN: Final = 2


def text_table(heading: Sequence[str], rows: Sequence[Sequence[Any]], *, width: int | None = None) -> str:
    """Lay out rows under their heading, a line each, without a final newline.

    Args:
        heading: The columns' names.
        rows: What stands in them.
        width: Cells that a line may take: the widest columns give way; None: as many as it needs.
    """
    lines = [tuple(heading), *(tuple(shown(value) for value in row) for row in rows)]
    widths = [min(max(cells(line[i]) for line in lines), WIDEST) for i in range(len(heading))]
    if width is not None:
        _narrow(widths, width - _BETWEEN * (len(widths) - 1))
    return "\n".join(
        (" " * _BETWEEN).join(fit(value, each) for value, each in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def shown(value: Any) -> str:
    """A value as it stands in a table: tame, on one line, cut where it is long."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return tame(excerpt(str(value), 200))


def _narrow(widths: list[int], room: int) -> None:
    """Take from the widest columns until all of them fit, or none can give any more."""
    while sum(widths) > room and max(widths) > _NARROWEST:
        widest = max(widths)
        widths[widths.index(widest)] = widest - 1
