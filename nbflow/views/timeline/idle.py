"""Which stretches of a run are idle, so that they may be left out of its picture.

A run that waits a month for an approval has worked for four seconds. Drawn to
scale, the work is a hair's breadth. So a stretch in which nothing runs and
nothing is queued becomes a *break* if it is long compared with what is left: all
breaks aside, at most two thirds of a picture are idle. Lengths are compared by
their order of magnitude (powers of two), so that of equal waits either all are
left out or none.

A child workflow runs elsewhere, and may well wait there: a stretch in which
nothing but children run is left out only where it dwarfs everything else.

The rule does not depend on the present time. `Idling` is fed row by row, as a
run goes on; the browser lets the present grow by the same rule.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from nbflow.views.timeline.rows import AxisRule, Row, RowKind, SpanKind

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

_IDLE_SHARE: Final = 2
"""How much longer than the work the idle time may be that is drawn to scale."""

_CHILD_SHARE: Final = 30
"""The same for time in which nothing but children run."""

_SHORTEST: Final = 1 << 8
"""Idle milliseconds that are never left out."""

_SHORTEST_CHILD: Final = 60_000
_MOST_BREAKS: Final = 200


def millis(at: datetime) -> int:
    """Milliseconds since 1970, cut off."""
    return (at - _EPOCH) // _MILLISECOND


class _Moment:
    """What begins (+1) and ends (-1) at one time, and how many spans touch it."""

    __slots__ = ("children", "touched", "work")

    def __init__(self) -> None:
        self.touched = self.work = self.children = 0


class Idling:
    """The idle stretches of a run, as far as its rows are known."""

    def __init__(self) -> None:
        self._times: list[int] = []
        self._moments: dict[int, _Moment] = {}
        self._rows: dict[str, Row] = {}

    def put(self, row: Row) -> None:
        """Take in a row, new or changed."""
        before = self._rows.get(row.key)
        if before is not None:
            self._count(before, -1)
        self._rows[row.key] = row
        self._count(row, 1)

    def _count(self, row: Row, by: int) -> None:
        is_child = row.kind is RowKind.CHILD
        for span in row.spans:
            busy = span.kind is SpanKind.RUNNING or span.kind is SpanKind.QUEUED
            self._mark(millis(span.start), is_child, busy, by, by)
            if span.end is not None:
                self._mark(millis(span.end), is_child, busy, by, -by)

    def _mark(self, at: int, is_child: bool, busy: bool, touched: int, by: int) -> None:
        moment = self._moments.get(at)
        if moment is None:
            moment = self._moments[at] = _Moment()
            insort(self._times, at)
        moment.touched += touched
        if busy and is_child:
            moment.children += by
        elif busy:
            moment.work += by
        if not moment.touched:
            del self._moments[at]
            del self._times[bisect_left(self._times, at)]

    def rule(self, *, start: datetime, end: datetime | None) -> AxisRule:
        """Give the axis of a run that began and (unless it goes on) ended then."""
        first, over = millis(start), None if end is None else millis(end)
        if self._times:
            first = min(first, self._times[0])
        last = max(first, self._times[-1] if self._times else first, first if over is None else over)
        sweep = _Sweep()
        reached, work, children = first, 0, 0
        for at in self._times:
            if at > reached:
                sweep.add(reached, at, work, children)
                reached = at
            moment = self._moments[at]
            work += moment.work
            children += moment.children
        if last > reached:
            sweep.add(reached, last, work, children)
        breaks, idle_limit, child_limit = sweep.choose()
        patience = None if over is not None or work else child_limit if children else idle_limit
        return AxisRule(
            start=first,
            last=last,
            end=None if over is None else last,
            breaks=breaks,
            patience=patience,
        )


class _Sweep:
    """The stretches of a run by what goes on in them, and the choice among them."""

    def __init__(self) -> None:
        self.work = 0
        self.idle: list[tuple[int, int]] = []
        self.children: list[tuple[int, int]] = []

    def add(self, start: int, end: int, work: int, children: int) -> None:
        if work:
            self.work += end - start
        elif children:
            self.children.append((start, end))
        else:
            self.idle.append((start, end))

    def choose(self) -> tuple[tuple[tuple[int, int], ...], int | None, int | None]:
        """Give the breaks, and how long a further idle stretch, or one of children, may be."""
        shown = self.work
        for length in sorted(end - start for start, end in self.children):
            if shown and length >= _child_limit(shown):
                break
            shown += length
        child_limit = _child_limit(shown) if shown else None
        idle_limit = _idle_limit(shown, (end - start for start, end in self.idle))
        breaks = [
            (start, end)
            for stretches, limit in ((self.idle, idle_limit), (self.children, child_limit))
            for start, end in stretches
            if limit is not None and end - start >= limit
        ]
        shortest = _SHORTEST
        while len(breaks) > _MOST_BREAKS:
            shortest *= 2
            breaks = [(start, end) for start, end in breaks if end - start >= shortest]
        return tuple(sorted(breaks)), idle_limit, child_limit


def _child_limit(shown: int) -> int:
    return max(_CHILD_SHARE * shown, _SHORTEST_CHILD)


def _idle_limit(shown: int, lengths: Iterable[int]) -> int | None:
    """How long an idle stretch may be: the longer ones would take more than their share.

    Without any work the shortest waits are what the others are compared with; without those there is
    nothing to compare with (None).
    """
    orders: dict[int, int] = {}
    for length in lengths:
        order = length.bit_length()
        orders[order] = orders.get(order, 0) + length
    room = _IDLE_SHARE * shown
    kept, longest = 0, 1
    for order, total in sorted(orders.items()):
        if not room:
            room = _IDLE_SHARE * total
        if kept + total > room:
            return max(min(1 << (order - 1), max(room - kept, longest)), _SHORTEST)
        kept, longest = kept + total, 1 << order
    return max(room - kept, 1 << max(orders, default=0), _SHORTEST) if room else None


def idling_of(rows: Iterable[Row]) -> Idling:
    """The idle stretches of a run whose rows are all known."""
    idling = Idling()
    for row in rows:
        idling.put(row)
    return idling
