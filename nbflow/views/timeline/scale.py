"""The time axis: where a moment lies between the beginning and the end, and round marks on it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from nbflow.views.durations import duration
from nbflow.views.timeline.rows import Row, Timeline

_SECOND: Final = 1000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
STEPS: Final[tuple[int, ...]] = (
    *(1, 2, 5, 10, 20, 50, 100, 200, 500),
    *(step * _SECOND for step in (1, 2, 5, 10, 15, 30)),
    *(step * _MINUTE for step in (1, 2, 5, 10, 15, 30)),
    *(step * _HOUR for step in (1, 2, 3, 6, 12)),
    *(step * _DAY for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)),
)
"""Round distances between marks, in milliseconds."""


class Mark(msgspec.Struct, frozen=True):
    """A mark on the axis: its place from 0 to 1, and the time since the beginning as text."""

    position: float
    label: str


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """A linear axis from ``start`` to ``end``."""

    start: datetime
    end: datetime

    @classmethod
    def of(cls, timeline: Timeline) -> Scale:
        """The axis that shows every row of a timeline, and the present while the run goes on."""
        header = timeline.header
        start = min([header.started_at or header.created_at, *(row.start for row in timeline.rows)])
        end = max([start, header.ended_at or timeline.now, *_ends(timeline.rows)])
        return cls(start=start, end=end)

    def position(self, at: datetime) -> float:
        """Where a moment lies, from 0 to 1."""
        length = self.end - self.start
        if not length:
            return 0.0
        return min(max((at - self.start) / length, 0.0), 1.0)

    def marks(self, most: int) -> tuple[Mark, ...]:
        """At most that many marks at round distances, the first at the beginning."""
        length = (self.end - self.start) // timedelta(milliseconds=1)
        if length <= 0:
            return (Mark(0.0, "0"),)
        step = next((step for step in STEPS if length / step < most), length)
        return tuple(
            Mark(at / length, duration(timedelta(milliseconds=at)).replace(".0 s", " s") if at else "0")
            for at in range(0, length + 1, step)
        )


def _ends(rows: Sequence[Row]) -> list[datetime]:
    return [row.end for row in rows if row.end is not None]
