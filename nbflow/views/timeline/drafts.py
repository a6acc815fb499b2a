"""Rows in the making: what the fold has gathered of one row so far.

A draft is changed by events and frozen into a `Row` when somebody looks. Times
are made to fit here: workers have clocks of their own, and no span may end
before it starts.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from nbflow.errors import FailureDetails
from nbflow.views.timeline.rows import Attempt, Delivery, Row, RowKind, RowStatus, Span, SpanKind


class Backoff(msgspec.Struct):
    """The wait after the failed attempt number ``after``."""

    after: int
    start: datetime
    end: datetime | None = None


class Draft:
    """What is known of one row; `freeze` gives the row.

    There is one for each row of a long history, and most never wait, fail or are late: what only some of them need
    is None until they do, as each object more is also one that the garbage collector looks at.

    Attributes:
        backoffs: The waits between attempts, in order.
        overdue: Ids of attempts (or the wait's own id) whose timeout fired.
    """

    __slots__ = (
        "attempts",
        "backoffs",
        "deliveries",
        "due",
        "end",
        "failure",
        "id",
        "index",
        "input",
        "instance_id",
        "key",
        "kind",
        "name",
        "overdue",
        "result",
        "schema",
        "seqs",
        "start",
        "status",
        "taken_by",
        "turn",
    )

    def __init__(
        self,
        *,
        key: str,
        index: int,
        kind: RowKind,
        name: str,
        start: datetime,
        status: RowStatus,
        id: int | None = None,
        turn: int = 0,
    ) -> None:
        self.key = key
        self.index = index
        self.kind = kind
        self.name = name
        self.start = start
        self.status = status
        self.id = id
        self.turn = turn
        self.end: datetime | None = None
        self.seqs: list[int] = []
        self.attempts: list[Attempt] | None = None
        self.backoffs: list[Backoff] | None = None
        self.overdue: set[int] | None = None
        self.deliveries: list[Delivery] | None = None
        self.input: str | None = None
        self.result: str | None = None
        self.failure: FailureDetails | None = None
        self.schema: str | None = None
        self.due: datetime | None = None
        self.instance_id: str | None = None
        self.taken_by: int | None = None

    def begin_attempt(self, attempt: Attempt) -> None:
        """Another attempt is made."""
        if self.attempts is None:
            self.attempts = []
        self.attempts.append(attempt)

    def begin_backoff(self, start: datetime) -> None:
        """The last attempt failed, and another one will be made, but not yet."""
        if self.backoffs is None:
            self.backoffs = []
        self.backoffs.append(Backoff(after=len(self.attempts or ()), start=start))

    def note_overdue(self, id: int) -> None:
        """The timeout of an attempt (or of the wait) of that id has fired."""
        if self.overdue is None:
            self.overdue = set()
        self.overdue.add(id)

    def is_overdue(self, id: int) -> bool:
        """Whether it has."""
        return self.overdue is not None and id in self.overdue

    def deliver(self, delivery: Delivery) -> None:
        """An event has reached the wait."""
        if self.deliveries is None:
            self.deliveries = []
        self.deliveries.append(delivery)

    def reject(self, reason: str) -> bool:
        """The event that reached the wait last didn't fit; tell whether there was one."""
        if self.end is None or not self.deliveries or self.deliveries[-1].rejected is not None:
            return False
        self.deliveries[-1] = msgspec.structs.replace(self.deliveries[-1], rejected=reason)
        self.result = None
        self.reopen(RowStatus.WAITING)
        return True

    def close(self, at: datetime, status: RowStatus) -> None:
        """Come to an end, never before the start."""
        self.status = status
        self.end = max(at, self.start)
        self.end_backoff(at)
        self.due = self.due if self.kind is RowKind.TIMER else None

    def end_backoff(self, at: datetime) -> None:
        """End the wait between two attempts, if there is one."""
        if self.backoffs and self.backoffs[-1].end is None:
            self.backoffs[-1].end = max(at, self.backoffs[-1].start)

    def reopen(self, status: RowStatus) -> None:
        """Go on: a failed call is tried again, a rejected event leaves its wait open."""
        self.status = status
        self.end = None

    def end_attempt(
        self,
        scheduled_id: int,
        at: datetime,
        status: RowStatus,
        *,
        started_at: datetime | None = None,
        failure: FailureDetails | None = None,
        worker: str = "",
        prints: str = "",
    ) -> None:
        """Close the attempt of that id, and the row with it; a retry opens it again."""
        attempts = self.attempts
        if attempts is None:
            return
        for place, attempt in enumerate(attempts):
            if attempt.id != scheduled_id or attempt.ended_at is not None:
                continue
            ended_at = max(at, attempt.scheduled_at)
            if started_at is not None:
                started_at = min(max(started_at, attempt.scheduled_at), ended_at)
            attempts[place] = msgspec.structs.replace(
                attempt,
                started_at=started_at,
                ended_at=ended_at,
                status=status,
                failure=failure,
                worker=worker,
                prints=prints,
            )
            self.failure = failure
            self.close(ended_at, status)

    def leave_open(self, at: datetime) -> None:
        """The execution ended without this: mark the row, and what was open in it."""
        if self.status.is_open:
            self.leave_attempts(at)
            self.close(at, RowStatus.LEFT_OPEN)

    def leave_attempts(self, at: datetime) -> None:
        """Nothing more is heard of the attempts that are open: another one begins, or the execution ended."""
        for attempt in self.attempts or ():
            if attempt.ended_at is None:
                self.end_attempt(attempt.id, at, RowStatus.LEFT_OPEN)

    def freeze(self) -> Row:
        """The row as it stands."""
        spans = self._spans()
        end, last = self.end, spans[-1].end
        if end is not None and last is not None and last > end:
            end = last
        return Row(
            key=self.key,
            index=self.index,
            kind=self.kind,
            name=self.name,
            id=self.id,
            status=self.status,
            start=self.start,
            end=end,
            spans=spans,
            seqs=tuple(self.seqs),
            input=self.input,
            result=self.result,
            failure=self.failure,
            attempts=tuple(self.attempts or ()),
            deliveries=tuple(self.deliveries or ()),
            schema=self.schema,
            due=self.due,
            instance_id=self.instance_id,
            taken_by=self.taken_by,
            turn=self.turn,
        )

    def _spans(self) -> tuple[Span, ...]:
        if not self.attempts:
            return (Span(kind=SpanKind.WAITING, start=self.start, end=self.end, status=self.status),)
        spans: list[Span] = []
        backoffs = self.backoffs or ()
        for number, attempt in enumerate(self.attempts, start=1):
            begun, asked = attempt.started_at, attempt.scheduled_at
            if begun is not None and begun > asked:
                _add(spans, SpanKind.QUEUED, asked, begun, attempt.status)
            _add(spans, SpanKind.RUNNING, begun or asked, attempt.ended_at, attempt.status)
            for backoff in backoffs:
                if backoff.after == number:
                    _add(spans, SpanKind.BACKOFF, backoff.start, backoff.end, RowStatus.RETRYING)
        return tuple(spans)


def _add(spans: list[Span], kind: SpanKind, start: datetime, end: datetime | None, status: RowStatus) -> None:
    """Append a span behind the last one: the attempts of a call never overlap, whatever the clocks say."""
    if spans:
        last = spans[-1]
        if last.end is None:
            last = msgspec.structs.replace(last, end=max(start, last.start))
            spans[-1] = last
        assert last.end is not None, "closed just above"
        if last.end > start:
            start = last.end
    if end is not None and end < start:
        end = start
    spans.append(Span(kind=kind, start=start, end=end, status=status))
