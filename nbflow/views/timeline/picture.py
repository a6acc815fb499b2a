"""The timeline of a run: its header, its rows, and what it waits for.

`timeline` folds a whole history; `timeline_of` gives the same from a fold that
was fed as the events came. The instance's record has the last word on status,
output, failure and stall: a stall is on the record and never in the history.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from nbflow.core.history import HistoryEvent
from nbflow.core.state import InstanceRecord
from nbflow.views.timeline.fold import TimelineFold
from nbflow.views.timeline.rows import Header, Row, RowKind, Timeline, WaitingFor


def timeline(
    record: InstanceRecord,
    history: Sequence[HistoryEvent],
    *,
    now: datetime,
    opened_at: datetime | None = None,
    caveat: str = "",
) -> Timeline:
    """Give the timeline of one execution.

    Args:
        record: The instance's row; it belongs to the same execution as the history.
        history: The execution's events, from the first.
        now: The present time, aware UTC.
        opened_at: When the engine of today took the history up; None: there is none.
        caveat: What is to be known of how the history is kept.
    """
    fold = TimelineFold()
    for event in history:
        fold.apply(event)
    drawn = timeline_of(record, fold, now=now, opened_at=opened_at)
    return msgspec.structs.replace(drawn, caveat=caveat)


def timeline_of(
    record: InstanceRecord, fold: TimelineFold, *, now: datetime, opened_at: datetime | None = None
) -> Timeline:
    """Give the timeline of what a fold was fed so far."""
    head = header(record, fold, now=now)
    return Timeline(
        header=head,
        rows=fold.rows(),
        waiting_for=waiting_for(record, fold),
        now=now,
        length=fold.length,
        served_until=served_until(head, opened_at),
    )


def is_of(drawn: Timeline, record: InstanceRecord, history: Sequence[HistoryEvent]) -> bool:
    """Whether a timeline shows that record and that history, and nothing older."""
    head = drawn.header
    return (head.execution_id, head.updated_at, head.status, head.stall, drawn.length) == (
        record.execution_id,
        record.last_updated_at,
        record.status,
        record.stall,
        len(history),
    )


def served_until(header: Header, opened_at: datetime | None) -> datetime | None:
    """Until when a run's work was taken from history: the opening, if the run had begun and not ended by then."""
    if opened_at is None or (header.started_at or header.created_at) >= opened_at:
        return None
    return opened_at if header.ended_at is None or header.ended_at > opened_at else None


def header(record: InstanceRecord, fold: TimelineFold, *, now: datetime) -> Header:
    """Give what is said of the run as a whole."""
    run = fold.run
    started_at = run.started.at if run.started is not None else None
    ended_at = run.ended_at
    if ended_at is None and record.status.is_terminal:
        ended_at = record.last_updated_at
    begun = started_at or record.created_at
    return Header(
        name=record.name,
        instance_id=record.instance_id,
        execution_id=record.execution_id,
        status=record.status,
        created_at=record.created_at,
        updated_at=record.last_updated_at,
        started_at=started_at,
        ended_at=ended_at,
        duration=max((ended_at or now) - begun, timedelta(0)),
        generation=record.generation,
        turns=run.turns,
        seqs=tuple(run.seqs),
        input=record.input,
        output=record.output,
        custom_status=record.custom_status,
        failure=record.failure,
        stall=record.stall,
        parent=record.parent,
        start_at=record.start_at,
        pauses=tuple(run.pauses),
        notes=tuple(run.notes),
        origin=record.origin,
    )


def waiting_for(record: InstanceRecord, fold: TimelineFold) -> WaitingFor:
    """Give the open rows by what would close them; a run that has ended waits for nothing."""
    if record.status.is_terminal:
        return WaitingFor()
    open_rows = sorted(fold.open_rows(), key=lambda row: row.index)

    def of_kind(kind: RowKind) -> tuple[Row, ...]:
        return tuple(row for row in open_rows if row.kind is kind)

    return WaitingFor(
        events=of_kind(RowKind.WAIT),
        timers=of_kind(RowKind.TIMER),
        activities=of_kind(RowKind.ACTIVITY),
        children=of_kind(RowKind.CHILD),
    )
