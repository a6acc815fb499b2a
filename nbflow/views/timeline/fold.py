"""The fold: history events, one by one, become the rows of a timeline.

The same object serves a whole history at once and a card that is fed commit by
commit: `apply` takes the next event, `changed` tells which rows the events since
the last look have touched. Every event belongs to exactly one row, or to the
header.

An event that names an id which was never scheduled, or a result that comes twice,
can't come from an engine that keeps the semantics; it is shown by the header or
its row and changes nothing, since a picture must not fail where a replay would
say what is wrong.
"""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from nbflow.core import history as h
from nbflow.core.identity import forked_child_id
from nbflow.views.timeline.drafts import Draft
from nbflow.views.timeline.mailbox import Mailbox
from nbflow.views.timeline.rows import Attempt, Delivery, Row, RowKind, RowStatus
from nbflow.views.timeline.run import RunFacts


class TimelineFold:
    """What a history has come to, as rows.

    Attributes:
        length: Number of events taken in.
        run: What is known of the run as a whole.
    """

    def __init__(self) -> None:
        self.length = 0
        self.run = RunFacts()
        self._drafts: dict[str, Draft] = {}
        self._rows: dict[str, Row] = {}
        self._changed: dict[str, None] = {}
        self._open: dict[str, Draft] = {}
        self._by_id: dict[int, Draft] = {}
        self._timers: dict[int, h.TimerCreated] = {}
        self._mailbox = Mailbox()

    # -- what callers ask --------------------------------------------------------------------

    def changed(self) -> tuple[str, ...]:
        """Keys of the rows that have changed since this was last asked."""
        keys = tuple(self._changed)
        self._changed.clear()
        return keys

    @property
    def row_count(self) -> int:
        """Number of rows."""
        return len(self._drafts)

    def has(self, key: str) -> bool:
        """Whether there is a row of that key."""
        return key in self._drafts

    def row(self, key: str) -> Row:
        """The row of that key, as it stands now."""
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = self._drafts[key].freeze()
        return row

    def rows(self) -> tuple[Row, ...]:
        """All rows, in the order in which they began."""
        return tuple(self.row(key) for key in self._drafts)

    def open_rows(self) -> tuple[Row, ...]:
        """The rows that have not come to an end."""
        return tuple(self.row(key) for key in self._open)

    def apply(self, event: h.HistoryEvent) -> None:
        """Take in the next event."""
        self.length += 1
        draft = self._take(event)
        if draft is None:
            self.run.apply(event, self.length)
            return
        draft.seqs.append(self.length)
        self._touch(draft)

    # -- one event ---------------------------------------------------------------------------

    def _take(self, event: h.HistoryEvent) -> Draft | None:
        """Give the draft that the event belongs to, changed by it; None: it is the header's."""
        match event:
            case h.WorkflowStarted():  # a third of all events: they come first
                return None
            case h.TaskScheduled():
                return self._attempt(event, RowKind.ACTIVITY, timeout=event.timeout)
            case h.ChildWorkflowCreated():
                draft = self._attempt(event, RowKind.CHILD)
                draft.instance_id = event.instance_id
                return draft
            case h.TaskCompleted() | h.TaskFailed():
                return self._task_ended(event)
            case h.TaskCancelled():
                return self._call_cancelled(event)
            case h.ChildWorkflowCompleted() | h.ChildWorkflowFailed():
                return self._child_ended(event)
            case h.TimerCreated():
                return self._timer(event)
            case h.TimerFired() | h.TimerCancelled():
                return self._timer_ended(event)
            case h.EventWaitCreated():
                return self._wait(event)
            case h.EventRaised():
                return self._raised(event)
            case h.EventRejected() | h.EventWaitCancelled():
                return self._wait_refused(event)
            case h.EventSent():
                return self._sent(event)
            case h.ExecutionStarted():
                for number, raised in enumerate(event.carried):
                    self._arrived(raised, f"c{number}")
                return None
            case h.ContinuedAsNew() | h.ExecutionTerminated() | h.ExecutionCompleted():
                self._end(event.at)
                return None
            case h.ExecutionForked():
                self._part(event)
                return None
            case _:
                return None

    def _attempt(
        self,
        event: h.TaskScheduled | h.ChildWorkflowCreated,
        kind: RowKind,
        *,
        timeout: float | None = None,
    ) -> Draft:
        key = str(event.task_id)
        draft = self._drafts.get(key)
        if draft is None or draft.kind is not kind:
            draft = self._new(str(event.id), kind, event.name, event.at, RowStatus.RUNNING, event.id)
        draft.leave_attempts(event.at)
        draft.end_backoff(event.at)
        draft.reopen(RowStatus.RUNNING)
        draft.due = None
        draft.input = event.input
        draft.begin_attempt(
            Attempt(number=event.attempt, id=event.id, scheduled_at=event.at, timeout=timeout)
        )
        self._by_id.setdefault(event.id, draft)
        return draft

    def _task_ended(self, event: h.TaskCompleted | h.TaskFailed) -> Draft | None:
        i = event.scheduled_id
        draft = self._by_id.get(i)
        if draft is None or draft.kind is not RowKind.ACTIVITY:
            return None
        match event:
            case h.TaskCompleted(result=result):
                draft.end_attempt(
                    i,
                    event.at,
                    RowStatus.COMPLETED,
                    started_at=event.started_at,
                    worker=event.worker,
                    prints=event.prints,
                )
                draft.result = result
            case h.TaskFailed():
                draft.end_attempt(
                    i,
                    event.at,
                    RowStatus.FAILED,
                    started_at=event.started_at,
                    failure=event.failure,
                    worker=event.worker,
                    prints=event.prints,
                )
            case _:
                assert_never(event)
        return draft

    def _call_cancelled(self, event: h.TaskCancelled) -> Draft | None:
        draft = self._by_id.get(event.scheduled_id)
        if draft is None or draft.kind not in (RowKind.ACTIVITY, RowKind.CHILD):
            return None
        is_late = draft.is_overdue(event.scheduled_id)
        draft.end_attempt(
            event.scheduled_id, event.at, RowStatus.TIMED_OUT if is_late else RowStatus.CANCELLED
        )
        return draft

    def _child_ended(self, event: h.ChildWorkflowCompleted | h.ChildWorkflowFailed) -> Draft | None:
        draft = self._by_id.get(event.scheduled_id)
        if draft is None or draft.kind is not RowKind.CHILD:
            return None
        match event:
            case h.ChildWorkflowCompleted(result=result):
                draft.end_attempt(event.scheduled_id, event.at, RowStatus.COMPLETED)
                draft.result = result
            case h.ChildWorkflowFailed(failure=failure):
                draft.end_attempt(event.scheduled_id, event.at, RowStatus.FAILED, failure=failure)
            case _:
                assert_never(event)
        return draft

    # -- timers: a row of their own, or part of what they serve ------------------------------

    def _timer(self, event: h.TimerCreated) -> Draft:
        served = None if event.for_id is None else self._by_id.get(event.for_id)
        self._timers.setdefault(event.id, event)
        if event.purpose == "timer" or served is None:
            draft = self._new(str(event.id), RowKind.TIMER, "timer", event.at, RowStatus.WAITING, event.id)
            draft.due = event.fire_at
            return draft
        self._by_id.setdefault(event.id, served)
        served.due = event.fire_at
        if event.purpose == "retry":
            served.begin_backoff(max(event.at, served.end or event.at))
            served.reopen(RowStatus.RETRYING)
        return served

    def _timer_ended(self, event: h.TimerFired | h.TimerCancelled) -> Draft | None:
        timer = self._timers.get(event.scheduled_id)
        draft = self._by_id.get(event.scheduled_id)
        if timer is None or draft is None:
            return None
        fired = isinstance(event, h.TimerFired)
        # A timer that came due while nobody was there fires when the workflow next wakes.
        at = self.run.not_before_turn(event.at)
        if draft.kind is RowKind.TIMER:
            if draft.end is None:
                draft.close(at, RowStatus.COMPLETED if fired else RowStatus.CANCELLED)
        elif timer.purpose == "retry":
            if not fired and draft.status is RowStatus.RETRYING:  # a fired one ends with the next attempt
                draft.leave_attempts(at)
                draft.close(at, RowStatus.CANCELLED)
        elif fired and timer.for_id is not None:
            draft.note_overdue(timer.for_id)
        return draft

    # -- external events ---------------------------------------------------------------------

    def _wait(self, event: h.EventWaitCreated) -> Draft:
        draft = self._new(str(event.id), RowKind.WAIT, event.name, event.at, RowStatus.WAITING, event.id)
        draft.schema = event.schema
        self._look_for_kept(draft)
        return draft

    def _look_for_kept(self, draft: Draft) -> None:
        kept = self._mailbox.ask(draft)
        if kept is not None:
            arrival, event = kept
            arrival.taken_by = draft.id
            arrival.close(self.run.not_before_turn(draft.start), RowStatus.COMPLETED)
            self._touch(arrival)
            self._deliver(draft, event)

    def _deliver(self, draft: Draft, event: h.EventRaised) -> None:
        draft.deliver(Delivery(at=event.at, payload=event.payload))
        draft.result = event.payload
        draft.close(event.at, RowStatus.COMPLETED)

    def _raised(self, event: h.EventRaised) -> Draft:
        draft = self._mailbox.offer(event.name)
        if draft is not None:
            self._deliver(draft, event)
            return draft
        return self._arrived(event, f"e{self.length}")

    def _arrived(self, event: h.EventRaised, key: str) -> Draft:
        """An event that nobody waits for yet, or that an earlier generation didn't consume."""
        draft = self._new(key, RowKind.ARRIVAL, event.name, event.at, RowStatus.KEPT, None)
        draft.input = event.payload
        self._mailbox.keep(draft, event)
        self._touch(draft)
        return draft

    def _wait_refused(self, event: h.EventRejected | h.EventWaitCancelled) -> Draft | None:
        i = event.scheduled_id
        draft = self._by_id.get(i)
        if draft is None or draft.kind is not RowKind.WAIT:
            return None
        match event:
            case h.EventRejected(reason=reason):
                if draft.reject(reason):
                    self._look_for_kept(draft)
            case h.EventWaitCancelled(at=at):
                if self._mailbox.withdraw(draft):
                    draft.close(at, RowStatus.TIMED_OUT if draft.is_overdue(i) else RowStatus.CANCELLED)
            case _:
                assert_never(event)
        return draft

    def _sent(self, event: h.EventSent) -> Draft:
        draft = self._new(str(event.id), RowKind.SENT, event.name, event.at, RowStatus.COMPLETED, event.id)
        draft.input, draft.instance_id = event.payload, event.instance_id
        draft.close(event.at, RowStatus.COMPLETED)
        return draft

    def _end(self, at: datetime) -> None:
        for draft in list(self._open.values()):
            draft.leave_open(at)
            self._touch(draft)

    def _part(self, event: h.ExecutionForked) -> None:
        """Name the children that a fork begins in the place of those of the run that it comes from."""
        for i in event.begun:
            draft = self._by_id.get(i)
            if draft is not None and draft.instance_id is not None:
                draft.instance_id = forked_child_id(event.instance_id, event.execution_id, draft.instance_id)
                self._touch(draft)

    # -- bookkeeping -------------------------------------------------------------------------

    def _new(
        self, key: str, kind: RowKind, name: str, start: datetime, status: RowStatus, id: int | None
    ) -> Draft:
        if key in self._drafts:  # an id given twice: keep both
            key = f"{key}#{self.length}"
        draft = Draft(
            key=key,
            index=len(self._drafts),
            kind=kind,
            name=name,
            start=start,
            status=status,
            id=id,
            turn=self.run.turns,
        )
        self._drafts[key] = draft
        if id is not None:
            self._by_id.setdefault(id, draft)
        return draft

    def _touch(self, draft: Draft) -> None:
        self._rows.pop(draft.key, None)
        self._changed[draft.key] = None
        if draft.end is None:
            self._open[draft.key] = draft
        else:
            self._open.pop(draft.key, None)
