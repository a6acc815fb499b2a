"""A comparison as plain JSON, for the card; with both runs on one time axis."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

import msgspec

from nbflow.core.history import HistoryEvent
from nbflow.core.state import InstanceRecord
from nbflow.views.comparison.rows import Comparison, Deed, Side
from nbflow.views.comparison.rows import Row as Difference
from nbflow.views.comparison.text import apart, summary
from nbflow.views.excerpts import excerpt, tame
from nbflow.views.looks import RUN_LOOKS, tone_of
from nbflow.views.timeline import timeline
from nbflow.views.timeline.idle import idling_of, millis
from nbflow.views.timeline.rows import Row, Timeline

Json: TypeAlias = dict[str, Any]
_Run: TypeAlias = tuple[InstanceRecord, Sequence[HistoryEvent]]

_MOST: Final = 300
"""Rows that are told; the others are counted."""

_MOST_BARS: Final = 400
_WORDS: Final = 240


def comparison_message(comparison: Comparison, left: _Run, right: _Run, *, now: datetime) -> Json:
    """A comparison: both sides, what they have in common, the rows from where they part, and both on one axis."""
    rows = apart(comparison)
    drawn = [timeline(*run, now=now) for run in (left, right)]
    return {
        "sides": [
            _side(one, two) for one, two in zip((comparison.left, comparison.right), drawn, strict=True)
        ],
        "summary": tame(summary(comparison)),
        "shared": comparison.shared,
        "alike": comparison.alike,
        "rows": [_row(row) for row in rows[:_MOST]],
        "more": max(len(rows) - _MOST, 0),
        **_axis(*drawn),
    }


def _side(one: Side, drawn: Timeline) -> Json:
    look = RUN_LOOKS[one.status]
    return {
        "id": one.instance_id,
        "look": [look.icon, look.word, look.tone],
        "live": not one.status.is_terminal,
        "outcome": one.outcome,
        "origin": tame(one.origin),
        "begun": millis(drawn.header.started_at or drawn.header.created_at),
        "took": drawn.header.duration // timedelta(milliseconds=1),
    }


def _row(row: Difference) -> list[Any]:
    """Verdict, kind, subject, and both deeds."""
    return [row.verdict, row.kind, _told(row.about), _deed(row.left), _deed(row.right)]


def _deed(deed: Deed | None) -> list[Any] | None:
    """Position, time, value, what the code did, and whether it tells of a failure."""
    if deed is None:
        return None
    return [deed.seq, millis(deed.at), deed.value, [_told(each) for each in deed.did], deed.is_bad]


def _told(text: str) -> str:
    return tame(excerpt(text, _WORDS))


def _axis(left: Timeline, right: Timeline) -> Json:
    """One axis for both, on which the right run begins where the left one does, and the bars on it."""
    begun = [one.header.started_at or one.header.created_at for one in (left, right)]
    shift = begun[0] - begun[1]
    theirs = [_shifted(row, shift) for row in right.rows]
    ends = [one.header.ended_at for one in (left, right)]
    known = [end + by for end, by in zip(ends, (timedelta(), shift), strict=True) if end is not None]
    presents = [left.now, right.now + shift]
    end = max(known) if len(known) == len(ends) else max([*known, *presents])
    rule = idling_of((*left.rows, *theirs)).rule(start=begun[0], end=end)
    return {
        "axis": {
            "start": rule.start,
            "last": rule.last,
            "end": rule.end,
            "breaks": rule.breaks,
            "patience": None,
        },
        "bars": [_bars(left.rows, presents[0]), _bars(theirs, presents[1])],
    }


def _shifted(row: Row, by: timedelta) -> Row:
    """A row of the right run, as if that had begun with the left one."""
    spans = tuple(
        msgspec.structs.replace(span, start=span.start + by, end=None if span.end is None else span.end + by)
        for span in row.spans
    )
    return msgspec.structs.replace(row, key=f"right {row.key}", spans=spans)


def _bars(rows: Sequence[Row], now: datetime) -> list[list[Any]]:
    """For each row its name, and its spans: kind, from, to, tone."""
    return [
        [
            _told(row.name),
            [
                [span.kind, millis(span.start), millis(span.end or max(now, span.start)), tone_of(span)]
                for span in row.spans
            ],
        ]
        for row in rows[:_MOST_BARS]
    ]
