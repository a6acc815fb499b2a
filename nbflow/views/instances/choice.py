"""Which rows are shown, in which order, and whose children stand where.

The dashboard's JavaScript has twins of `passes`, `arranged` and `forest`, since what a person types is answered
at once and without a kernel; a test holds them together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from nbflow.core.state import RuntimeStatus
from nbflow.views.instances.rows import InstanceRow

Column: TypeAlias = Literal["status", "id", "name", "waits", "created", "updated", "took"]
"""What the rows can be sorted by."""

_ORDER: Final = {status: place for place, status in enumerate(RuntimeStatus)}
_DIGITS: Final = re.compile(r"([0-9]+)")


def passes(row: InstanceRow, *, statuses: Sequence[RuntimeStatus] = (), text: str = "") -> bool:
    """Tell whether a row is shown.

    Args:
        row: The row.
        statuses: Any of these; all, if there are none.
        text: Words that stand in its ID, its workflow's name, in what it waits for or what it came to, each somewhere;
            upper and lower case are the same.
    """
    if statuses and row.status not in statuses:
        return False
    where = f"{row.instance_id} {row.name} {_what(row)}".casefold()
    return all(word in where for word in text.casefold().split())


def arranged(
    rows: Iterable[InstanceRow], column: Column = "created", *, descending: bool = True, now: datetime
) -> list[InstanceRow]:
    """Sort rows; those that are equal stay in the order of their creation, and then of their IDs.

    Args:
        rows: The rows.
        column: What to sort by; numbers in a text count as numbers.
        descending: Whether the last comes first.
        now: The present time, for durations.
    """
    keys: dict[Column, Callable[[InstanceRow], Any]] = {
        "status": lambda row: _ORDER[row.status],
        "id": lambda row: natural(row.instance_id),
        "name": lambda row: natural(row.name),
        "waits": lambda row: natural(_what(row)),
        "created": lambda row: row.created_at,
        "updated": lambda row: row.updated_at,
        "took": lambda row: row.took(now),
    }
    first = sorted(rows, key=lambda row: (row.created_at, natural(row.instance_id)), reverse=descending)
    return sorted(first, key=keys[column], reverse=descending)


def forest(rows: Sequence[InstanceRow]) -> list[tuple[InstanceRow, int]]:
    """Put children under their parents, with how deep each stands; each row is there once.

    Those whose parent is not among the rows stand at the top. IDs can be used again, so that two runs may
    each be the other's child: the first of them stands at the top, too.
    """
    here = {row.instance_id for row in rows}
    below: dict[str | None, list[InstanceRow]] = {}
    for row in rows:
        below.setdefault(row.parent if row.parent in here else None, []).append(row)
    found: dict[str, tuple[InstanceRow, int]] = {}
    for root in [*below.get(None, ()), *rows]:
        stack = [(root, 0)]
        while stack:
            row, depth = stack.pop()
            if row.instance_id not in found:
                found[row.instance_id] = (row, depth)
                stack += [(child, depth + 1) for child in reversed(below.get(row.instance_id, []))]
    return list(found.values())


def natural(text: str) -> list[tuple[int, int, str]]:
    """A text as what it is sorted by: ``order-9`` before ``order-10``."""
    return [
        (0, int(part), "") if part.isdigit() else (1, 0, part)
        for part in _DIGITS.split(text.casefold())
        if part
    ]


def _what(row: InstanceRow) -> str:
    return " ".join([*(want.label for want in row.waits or ()), row.note])
