"""What a timeline consists of: rows, their spans, the header, and what is waited for.

Everything is frozen and independent of the present time: a span that is still
open has no end, so that a row changes only when an event changes it. Who draws
it decides what "now" is.

There are thousands of rows and spans at once, none of which can be part of a cycle: the garbage collector is told not
to look at them (``gc=False``).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from nbflow.core.history import Origin, ParentReference
from nbflow.core.state import RuntimeStatus, Stall
from nbflow.errors import FailureDetails


class RowKind(StrEnum):
    """What a row stands for."""

    ACTIVITY = "activity"
    TIMER = "timer"
    WAIT = "wait"
    ARRIVAL = "arrival"
    CHILD = "child"
    SENT = "sent"


class RowStatus(StrEnum):
    """How far a row, or one attempt in it, has come."""

    RUNNING = "running"
    WAITING = "waiting"
    RETRYING = "retrying"
    KEPT = "kept"
    COMPLETED = "completed"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    CANCELLED = "cancelled"
    LEFT_OPEN = "left open"

    @property
    def is_open(self) -> bool:
        """True while the row's last span goes on."""
        return self in _OPEN


_OPEN = frozenset({RowStatus.RUNNING, RowStatus.WAITING, RowStatus.RETRYING, RowStatus.KEPT})


class SpanKind(StrEnum):
    """What went on during a span."""

    QUEUED = "queued"
    RUNNING = "running"
    BACKOFF = "backoff"
    WAITING = "waiting"


class Span(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A piece of a row's bar.

    Attributes:
        kind: Queued, running, waiting between attempts, or waiting for a time, an event or a workflow.
        start: When it began.
        end: When it ended, never before ``start``; None while it goes on.
        status: How what filled it came out.
    """

    kind: SpanKind
    start: datetime
    end: datetime | None
    status: RowStatus


class Attempt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One attempt of an activity or child workflow.

    Attributes:
        number: From 1.
        id: The id of its scheduling event.
        scheduled_at: When the workflow asked for it.
        started_at: When a worker began, where that is known.
        ended_at: When it came to its end; None while it is open.
        status: How it came out.
        failure: What it raised.
        worker: Who ran it.
        prints: What it printed.
        timeout: Its limit in seconds.
    """

    number: int
    id: int
    scheduled_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    status: RowStatus = RowStatus.RUNNING
    failure: FailureDetails | None = None
    worker: str = ""
    prints: str = ""
    timeout: float | None = None


class Delivery(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event that reached a wait; ``rejected`` is the reason if its payload didn't fit."""

    at: datetime
    payload: str
    rejected: str | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line of the timeline.

    Attributes:
        key: Names the row within its execution, for good.
        index: Its place, from 0, in the order in which things began.
        kind: What it stands for.
        name: Of the activity, event or child workflow; of a timer, ``timer``.
        id: The id of its (first) scheduling event; None for an event that arrived unasked.
        status: How far it has come.
        start: When it began.
        end: When it ended; None while it is open.
        spans: Its bar, in order, without overlaps.
        seqs: Positions in the history of the events that it covers.
        input: JSON text of what went in: arguments, or the payload of an event sent or arrived.
        result: JSON text of what came out.
        failure: Why it failed.
        attempts: Of an activity or child workflow.
        deliveries: Of a wait: the events that reached it, rejected ones among them.
        schema: Of a wait: JSON schema of the payload, if declared.
        due: When a timer fires, a wait or attempt times out, or the next attempt begins.
        instance_id: The child's instance, or whom an event was sent to.
        taken_by: Of an arrival: the id of the wait that took it.
        turn: The turn of the workflow in which it began, from 1: rows of one turn began side by side.
    """

    key: str
    index: int
    kind: RowKind
    name: str
    id: int | None
    status: RowStatus
    start: datetime
    end: datetime | None
    spans: tuple[Span, ...]
    seqs: tuple[int, ...]
    input: str | None = None
    result: str | None = None
    failure: FailureDetails | None = None
    attempts: tuple[Attempt, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    schema: str | None = None
    due: datetime | None = None
    instance_id: str | None = None
    taken_by: int | None = None
    turn: int = 0

    def duration(self, now: datetime) -> timedelta:
        """How long it took, or has taken so far."""
        return max((self.end or now) - self.start, timedelta(0))


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """A time during which the run was suspended; ``end`` is None while it is."""

    start: datetime
    end: datetime | None
    reason: str = ""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of the run as a whole. Payloads are JSON text.

    Attributes:
        seqs: Positions of the history events that belong to no row.
        started_at: When the present execution began; None before.
        ended_at: When it came to its end; None while it hasn't.
        duration: From the start (or creation) to the end, or until now.
        turns: How often the workflow was woken.
        pauses: When it was suspended.
        notes: What the engine noted in the history, such as calls that were not started.
        origin: Where the execution comes from, if it did not begin at the beginning.
    """

    name: str
    instance_id: str
    execution_id: str
    status: RuntimeStatus
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    duration: timedelta
    generation: int
    turns: int
    seqs: tuple[int, ...]
    input: str
    output: str | None
    custom_status: str | None
    failure: FailureDetails | None
    stall: Stall | None
    parent: ParentReference | None
    start_at: datetime | None
    pauses: tuple[Pause, ...]
    notes: tuple[str, ...]
    origin: Origin | None = None


class AxisRule(msgspec.Struct, frozen=True, kw_only=True):
    """What a time axis shows, whatever the time is. Times are milliseconds since 1970.

    Attributes:
        start: Where the axis begins.
        last: The last moment at which anything began or ended.
        end: Where the axis ends; None: at the present.
        breaks: Idle stretches that are left out, in order, each from a moment to a later one.
        patience: How long after ``last`` the present may be before the time between them is left out
            too; None: it never is, since something runs.
    """

    start: int
    last: int
    end: int | None
    breaks: tuple[tuple[int, int], ...] = ()
    patience: int | None = None

    def to_scale(self) -> AxisRule:
        """The same without breaks."""
        return AxisRule(start=self.start, last=self.last, end=self.end)


class WaitingFor(msgspec.Struct, frozen=True, kw_only=True):
    """The open rows, by what would close them; all empty once the run has ended."""

    events: tuple[Row, ...] = ()
    timers: tuple[Row, ...] = ()
    activities: tuple[Row, ...] = ()
    children: tuple[Row, ...] = ()


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """One execution, as a picture: header, rows in the order in which they began, what is waited for.

    Attributes:
        length: How many events it was drawn from.
        served_until: What had ended by then was not done by the engine of today: its replay of the run
            took it from history. None: there was no such replay.
        caveat: What is to be known of how the history is kept; empty: nothing.
        axis: What its time axis shows, where that is known from drawing it elsewhere.
    """

    header: Header
    rows: tuple[Row, ...]
    waiting_for: WaitingFor
    now: datetime
    length: int = 0
    served_until: datetime | None = None
    caveat: str = ""
    axis: AxisRule | None = None

    def is_served(self, thing: Row | Span) -> bool:
        """Whether a row or span was taken from history by replay."""
        until = self.served_until
        return until is not None and thing.end is not None and thing.end <= until
