"""How a status looks: an icon, a word and a tone; never colour alone.

The icons are plain characters of one cell that no platform turns into emoji.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from nbflow.core.state import RuntimeStatus
from nbflow.views.timeline.rows import Row, RowKind, RowStatus, Span, SpanKind


class Tone(StrEnum):
    """What a colour stands for."""

    GOOD = "good"
    BAD = "bad"
    ACTIVE = "active"
    WAIT = "wait"
    QUIET = "quiet"


class Look(msgspec.Struct, frozen=True):
    """Icon, word and tone of a status."""

    icon: str
    word: str
    tone: Tone


RUN_LOOKS: Final[dict[RuntimeStatus, Look]] = {
    RuntimeStatus.PENDING: Look("○", "pending", Tone.QUIET),
    RuntimeStatus.RUNNING: Look("►", "running", Tone.ACTIVE),
    RuntimeStatus.SUSPENDED: Look("‖", "suspended", Tone.WAIT),
    RuntimeStatus.STALLED: Look("▲", "stalled", Tone.WAIT),
    RuntimeStatus.COMPLETED: Look("✓", "completed", Tone.GOOD),
    RuntimeStatus.FAILED: Look("✗", "failed", Tone.BAD),
    RuntimeStatus.TERMINATED: Look("⊘", "terminated", Tone.QUIET),
}

_ROW_LOOKS: Final[dict[RowStatus, Look]] = {
    RowStatus.RUNNING: Look("►", "running", Tone.ACTIVE),
    RowStatus.WAITING: Look("◷", "waiting", Tone.WAIT),
    RowStatus.RETRYING: Look("↻", "retrying", Tone.WAIT),
    RowStatus.KEPT: Look("◆", "kept", Tone.WAIT),
    RowStatus.COMPLETED: Look("✓", "completed", Tone.GOOD),
    RowStatus.FAILED: Look("✗", "failed", Tone.BAD),
    RowStatus.TIMED_OUT: Look("◔", "timed out", Tone.BAD),
    RowStatus.CANCELLED: Look("⊘", "cancelled", Tone.QUIET),
    RowStatus.LEFT_OPEN: Look("◌", "left open", Tone.QUIET),
}

_COMPLETED_WORDS: Final[dict[RowKind, str]] = {
    RowKind.TIMER: "fired",
    RowKind.WAIT: "received",
    RowKind.ARRIVAL: "taken",
    RowKind.SENT: "sent",
}

SPAN_WORDS: Final[dict[SpanKind, str]] = {
    SpanKind.RUNNING: "running",
    SpanKind.QUEUED: "queued",
    SpanKind.BACKOFF: "retry delay",
    SpanKind.WAITING: "waiting",
}

KIND_WORDS: Final[dict[RowKind, str]] = {
    RowKind.ACTIVITY: "activity",
    RowKind.TIMER: "durable timer",
    RowKind.WAIT: "wait for an event",
    RowKind.ARRIVAL: "event that came before it was asked for",
    RowKind.CHILD: "child workflow",
    RowKind.SENT: "event sent",
}


def look_of(row: Row) -> Look:
    """The look of a row; the word says what completion means for its kind."""
    look = _ROW_LOOKS[row.status]
    word = _COMPLETED_WORDS.get(row.kind)
    if row.status is RowStatus.COMPLETED and word is not None:
        return Look(look.icon, word, Tone.QUIET if row.kind in _PLAIN else look.tone)
    return look


_PLAIN: Final = frozenset({RowKind.TIMER, RowKind.ARRIVAL, RowKind.SENT})


def look_of_status(status: RowStatus) -> Look:
    """The look of a single attempt."""
    return _ROW_LOOKS[status]


def tone_of(span: Span) -> Tone:
    """The tone of a piece of a bar: waiting that is over is quiet, work shows how it came out."""
    if span.kind is SpanKind.BACKOFF:
        return Tone.WAIT if span.end is None else Tone.QUIET
    if span.kind is SpanKind.WAITING and span.status is RowStatus.COMPLETED:
        return Tone.QUIET
    return _ROW_LOOKS[span.status].tone
