"""The time axis: where a moment lies between the beginning and the end, and what is written along it.

An axis consists of stretches of time: those drawn to scale, and breaks, which
have one small width whatever they hold. The browser's twin is ``static/axis.js``;
a test holds the two together.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import msgspec

from nbflow.views.durations import about, duration
from nbflow.views.timeline.idle import idling_of, millis
from nbflow.views.timeline.rows import AxisRule, Timeline

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

_BREAKS_SHARE: Final = 0.4
"""How much of an axis its breaks may take together."""

BREAK: Final = "◇"


class Mark(msgspec.Struct, frozen=True):
    """Something written at a place (0 to 1) of the axis."""

    place: float
    label: str


class Break(msgspec.Struct, frozen=True):
    """A stretch that is left out: from one place to another, in milliseconds since 1970, and how long it is."""

    first: float
    last: float
    start: int
    end: int
    label: str


class Axis:
    """A time axis at one time.

    Args:
        rule: What it shows.
        now: The present, in milliseconds since 1970.
        width: The width of a break, as a share of the axis; many breaks are narrower.
    """

    def __init__(self, rule: AxisRule, now: int, *, width: float = 0.06) -> None:
        end = max(rule.last, now) if rule.end is None else rule.end
        breaks = list(rule.breaks)
        if rule.end is None and rule.patience is not None and end - rule.last >= rule.patience:
            breaks.append((rule.last, end))
        self.start, self.end = rule.start, max(end, rule.start + 1)
        left_out = sum(last - first for first, last in breaks)
        to_scale = self.end - self.start - left_out
        if to_scale <= 0:
            breaks, to_scale = [], self.end - self.start
        self._width = min(width, _BREAKS_SHARE / len(breaks)) if breaks else 0.0
        self._per_ms = (1 - self._width * len(breaks)) / to_scale
        self._times, self._places = [self.start], [0.0]
        self._breaks: list[Break] = []
        for first, last in breaks:
            place = self._places[-1] + (first - self._times[-1]) * self._per_ms
            label = f"{BREAK} {about(timedelta(milliseconds=last - first))}"
            self._breaks.append(Break(place, place + self._width, first, last, label))
            self._times += [first, last]
            self._places += [place, place + self._width]
        self._times.append(self.end)
        self._places.append(1.0)

    @classmethod
    def of(cls, timeline: Timeline, *, width: float = 0.06) -> Axis:
        """The axis that shows every row of a timeline, and the present while the run goes on."""
        return cls(rule_of(timeline), millis(timeline.now), width=width)

    @property
    def length(self) -> timedelta:
        """From the beginning to the end, breaks included."""
        return timedelta(milliseconds=self.end - self.start)

    @property
    def breaks(self) -> tuple[Break, ...]:
        """What is left out."""
        return tuple(self._breaks)

    def place(self, at: float) -> float:
        """Where a moment (milliseconds since 1970) lies, from 0 to 1."""
        return _between(at, self._times, self._places)

    def place_of(self, at: datetime) -> float:
        """Where a moment lies, from 0 to 1."""
        return self.place(millis(at))

    def time(self, place: float) -> float:
        """Which moment lies at a place, in milliseconds since 1970: the inverse of `place`."""
        return _between(place, self._places, self._times)

    def marks(self, most: int) -> tuple[Mark, ...]:
        """At most that many marks at round distances.

        The first is at the beginning; behind a break they count from its end.
        """
        to_scale = (1 - self._width * len(self._breaks)) / self._per_ms
        step = next((step for step in STEPS if to_scale / step < most), to_scale)
        return tuple(self._marks(step))

    def _marks(self, step: float) -> Iterator[Mark]:
        edges = [(self.start, 0.0), *((one.end, one.last) for one in self._breaks)]
        ends = [*(one.start for one in self._breaks), self.end]
        for number, ((start, place), end) in enumerate(zip(edges, ends, strict=True)):
            at = step if number else 0.0
            while start + at <= end:
                text = duration(timedelta(milliseconds=at)).replace(".0 s", " s") if at else "0"
                yield Mark(place + at * self._per_ms, f"+{text}" if number else text)
                at += step


def rule_of(timeline: Timeline) -> AxisRule:
    """What the axis of a timeline shows."""
    if timeline.axis is not None:
        return timeline.axis
    header = timeline.header
    idling = idling_of(timeline.rows)
    return idling.rule(start=header.started_at or header.created_at, end=header.ended_at)


def _between(value: float, of: list[float] | list[int], to: list[float] | list[int]) -> float:
    """The value on the line through the points (of, to), which both rise; within their ends."""
    if value <= of[0]:
        return to[0]
    if value >= of[-1]:
        return to[-1]
    right = bisect_right(of, value)
    first, last = of[right - 1], of[right]
    return to[right - 1] + (value - first) / (last - first) * (to[right] - to[right - 1])
