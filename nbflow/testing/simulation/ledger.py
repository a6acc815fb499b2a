"""A second set of books: what was committed, and what must hold after every commit.

The ledger is told each batch behind the store's back, keeps a copy of every history and folds it on
its own, and compares that with what the store and the engine make of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from nbflow.core import history as h
from nbflow.core import operations as op
from nbflow.core.context import WorkflowActivityContext
from nbflow.core.state import InstanceRecord, RuntimeState, RuntimeStatus
from nbflow.ports import HistoryStore
from nbflow.testing.simulation.invariants import Broken, Invariant

_FOR_EVER: Final = datetime.max.replace(tzinfo=UTC)


class ExecutionBook:
    """One execution as the ledger knows it.

    Attributes:
        events: Everything that was appended.
        state: The fold of it.
        attempts: The ids of activity attempts, by task and number of the attempt.
        results: The ids of activities that a result is in history for.
        asked: The ids of everything that was scheduled.
        answered: The ids of everything that has come to an end.
        is_first: Whether the execution began a run, rather than following on another generation.
    """

    def __init__(self) -> None:
        self.events: list[h.HistoryEvent] = []
        self.state = RuntimeState()
        self.attempts: dict[tuple[int, int], int] = {}
        self.results: set[int] = set()
        self.asked: set[int] = set()
        self.answered: set[int] = set()
        self.is_first = True

    def apply(self, event: h.HistoryEvent) -> None:
        """Take in the next event."""
        self.events.append(event)
        self.state.apply(event)
        match event:
            case h.ExecutionStarted(generation=generation):
                self.is_first = generation == 0
            case h.TaskScheduled(id=i, task_id=task_id, attempt=attempt):
                self.asked.add(i)
                self.attempts[task_id, attempt] = i
            case h.TaskCompleted(scheduled_id=i) | h.TaskFailed(scheduled_id=i):
                self.answered.add(i)
                self.results.add(i)
            case h.TimerCreated(id=i) | h.ChildWorkflowCreated(id=i):
                self.asked.add(i)
            case _:
                answered = _answered(event)
                if answered is not None:
                    self.answered.add(answered)

    def expects(self, event: h.HistoryEvent) -> bool:
        """Whether an event means something here; found out without the fold that the engine goes by."""
        answered = _answered(event)
        return answered is None or (answered in self.asked and answered not in self.answered)


def _answered(event: h.HistoryEvent) -> int | None:
    """The id of what has come to an end with an event, if anything has."""
    match event:
        case (
            h.TaskCompleted(scheduled_id=i)
            | h.TaskFailed(scheduled_id=i)
            | h.TaskCancelled(scheduled_id=i)
            | h.TimerFired(scheduled_id=i)
            | h.TimerCancelled(scheduled_id=i)
            | h.ChildWorkflowCompleted(scheduled_id=i)
            | h.ChildWorkflowFailed(scheduled_id=i)
        ):
            return i
        case _:
            return None


class Ledger:
    """Keeps the books of one store, and compares.

    Args:
        store: The store itself, undisturbed.
        broken: Told what doesn't hold.

    Attributes:
        records: The rows of instances.
        sent: Events that workflows sent: (run, name, payload).
        owed: Those among them that were for a run that was open, and so had to arrive.
    """

    def __init__(self, store: HistoryStore, broken: Broken) -> None:
        self.records: dict[str, InstanceRecord] = {}
        self.sent: list[tuple[str, str, str]] = []
        self.owed: list[tuple[str, str, str]] = []
        self._store = store
        self._broken = broken
        self._books: dict[str, dict[str, ExecutionBook]] = {}
        self._begun: set[tuple[str, int]] = set()
        self._purged: set[str] = set()

    # -- after a commit -----------------------------------------------------------------------

    def committed(self, operations: Sequence[op.Operation]) -> None:
        """Take in a batch that is written, and see whether all is well with what it touched."""
        touched: dict[str, None] = {}
        open_before = {i for i in self.records if self.is_open(i)}
        news = len(self.sent)
        for operation in operations:
            match operation:
                case op.AppendHistory(instance_id=instance_id, execution_id=execution_id, events=events):
                    touched[instance_id] = None
                    self._append(instance_id, execution_id, events)
                case op.PutInstance(record=record):
                    touched[record.instance_id] = None
                    self._purged.discard(record.instance_id)
                    self.records[record.instance_id] = record
                case op.PurgeInstance(instance_id=instance_id):
                    self._purged.add(instance_id)
                    self.records.pop(instance_id, None)
                    self._books.pop(instance_id, None)
                case _:
                    pass
        self.owed += [sent for sent in self.sent[news:] if sent[0] in open_before and self.is_open(sent[0])]
        timers = [row for row in self._store.read_due(_FOR_EVER) if isinstance(row.event, h.TimerFired)]
        for instance_id in touched:
            self._check_status(instance_id)
            self._check_timers(instance_id, timers)

    def _append(self, instance_id: str, execution_id: str, events: Sequence[h.HistoryEvent]) -> None:
        book = self._books.setdefault(instance_id, {}).setdefault(execution_id, ExecutionBook())
        for event in events:
            what = f"{instance_id}: {type(event).__name__} at {event.seq}"
            if event.seq != len(book.events) + 1:
                self._broken(Invariant.APPEND_ONLY, f"{what} follows on {len(book.events)} events")
            elif book.state.status.is_terminal or book.state.continued is not None:
                self._broken(Invariant.APPEND_ONLY, f"{what} comes behind the end of the execution")
            elif not book.expects(event):
                self._broken(Invariant.HANDLED_ONCE, f"{what} is taken in, though it means nothing there")
            if isinstance(event, h.ExecutionStarted):
                self._check_carried(instance_id, execution_id, event)
            if isinstance(event, h.EventSent):
                self.sent.append((event.instance_id, event.name, event.payload))
            book.apply(event)

    def _check_carried(self, instance_id: str, execution_id: str, event: h.ExecutionStarted) -> None:
        """A generation begins with the events that the one before had not consumed, in their order."""
        before = [book for key, book in self._books[instance_id].items() if key != execution_id]
        if event.generation == 0 or not before:
            return
        last = before[-1].state
        saved = last.continued is not None and last.continued.save_events
        expected = [(e.name, e.payload) for e in last.buffered] if saved else []
        carried = [(e.name, e.payload) for e in event.carried]
        if carried != expected:
            message = (
                f"{instance_id}: generation {event.generation} begins with {carried}, not with {expected}"
            )
            self._broken(Invariant.HANDLED_ONCE, message)

    def _check_status(self, instance_id: str) -> None:
        record = self.records.get(instance_id)
        if record is None:
            return
        if record.status is RuntimeStatus.STALLED:
            why = record.stall.message if record.stall is not None else "nobody knows why"
            self._broken(Invariant.REPLAY, f"{instance_id} stalled: {why}")
            return
        book = self._books.get(instance_id, {}).get(record.execution_id)
        if book is None:
            if record.status is not RuntimeStatus.PENDING and record.generation == 0:
                self._broken(Invariant.STATUS, f"{instance_id} is {record.status} without any history")
            return
        row = (record.status, record.output, record.custom_status, record.failure)
        state = book.state
        fold = (state.status, state.output, state.custom_status, state.failure)
        if state.continued is None and row != fold:
            self._broken(Invariant.STATUS, f"{instance_id} is {row}, and its history says {fold}")

    # -- the inbox ----------------------------------------------------------------------------

    def check_inbox(self) -> None:
        """At rest, nothing waits that nobody will ever take."""
        for row in [*self._store.read_inbox(), *self._store.read_due(_FOR_EVER)]:
            record = self.records.get(row.instance_id)
            what = f"a {type(row.event).__name__} (row {row.row_id}) waits for {row.instance_id}"
            if record is None:
                self._broken(Invariant.INBOX, f"{what}, which there is not")
            elif record.status.is_terminal:
                self._broken(Invariant.INBOX, f"{what}, which has ended")
            elif row.execution_id not in (None, record.execution_id):
                self._broken(Invariant.INBOX, f"{what}, for an execution that has ended")

    def _check_timers(self, instance_id: str, timers: Sequence[op.InboxRow]) -> None:
        """An open timer in history is a message that waits, and the other way round."""
        record = self.records.get(instance_id)
        if record is None or record.status.is_terminal:
            return
        book = self._books.get(instance_id, {}).get(record.execution_id)
        expected = sorted(book.state.timers) if book is not None and book.state.continued is None else []
        waiting = sorted(
            row.event.scheduled_id
            for row in timers
            if row.execution_id == record.execution_id and isinstance(row.event, h.TimerFired)
        )
        if waiting != expected:
            message = f"{instance_id} has the timers {expected} in history, and {waiting} in the inbox"
            self._broken(Invariant.INBOX, message)

    # -- activities ---------------------------------------------------------------------------

    def new_life(self) -> None:
        """An engine was opened: what had begun before may begin again."""
        self._begun.clear()

    def begins(self, name: str, context: WorkflowActivityContext) -> None:
        """An attempt begins; it has to be in history, without a result."""
        book, execution_id = self._book_of(context)
        attempt_id = self.attempt_id(context)
        what = f"{context.instance_id}: attempt {context.attempt} of {name} (task {context.task_id}) begins"
        if book is None or attempt_id is None:
            self._broken(Invariant.WRITTEN_FIRST, f"{what}, and history does not hold it")
        elif attempt_id in book.results or self._is_delivered(execution_id, attempt_id):
            self._broken(Invariant.RUN_ONCE, f"{what}, though its result is recorded")
        elif (execution_id, attempt_id) in self._begun:
            self._broken(Invariant.RUN_ONCE, f"{what} for the second time without any crash")
        else:
            self._begun.add((execution_id, attempt_id))

    def attempt_id(self, context: WorkflowActivityContext) -> int | None:
        """The id of an attempt, if it is in history."""
        book, _ = self._book_of(context)
        return book.attempts.get((context.task_id, context.attempt)) if book is not None else None

    def _book_of(self, context: WorkflowActivityContext) -> tuple[ExecutionBook | None, str]:
        instance_id, execution_id, _ = context.idempotency_key.rsplit(":", 2)
        return self._books.get(instance_id, {}).get(execution_id), execution_id

    def _is_delivered(self, execution_id: str, attempt_id: int) -> bool:
        return any(
            row.execution_id == execution_id and row.event.scheduled_id == attempt_id
            for row in self._store.read_inbox()
            if isinstance(row.event, (h.TaskCompleted, h.TaskFailed))
        )

    # -- what others ask ----------------------------------------------------------------------

    def is_open(self, instance_id: str) -> bool:
        """Whether there is such a run, and it has not ended."""
        record = self.records.get(instance_id)
        return record is not None and not record.status.is_terminal

    def is_purged(self, instance_id: str) -> bool:
        """Whether the last that happened to a run is that it was erased."""
        return instance_id in self._purged

    def has_execution(self, instance_id: str, execution_id: str) -> bool:
        """Whether this execution of a run was ever written."""
        record = self.records.get(instance_id)
        is_present = record is not None and record.execution_id == execution_id
        return is_present or execution_id in self._books.get(instance_id, {})

    def books(self, instance_id: str) -> list[ExecutionBook]:
        """The generations of a run's present incarnation, oldest first."""
        record = self.records.get(instance_id)
        known = self._books.get(instance_id, {})
        if record is None or (record.execution_id not in known and record.generation == 0):
            return []  # it has not begun
        books = list(known.values())
        first = max((n for n, book in enumerate(books) if book.is_first), default=0)
        return books[first:]

    def taken_in(self, instance_id: str) -> list[tuple[str, str]]:
        """The events in a run's history, as (name, payload); those that a generation carried on count once."""
        books = self.books(instance_id)
        return [(e.name, e.payload) for book in books for e in book.events if isinstance(e, h.EventRaised)]

    def waiting(self, instance_id: str) -> list[tuple[str, str]]:
        """The events for a run that are in the inbox."""
        rows = self._store.read_inbox(instance_id)
        return [(r.event.name, r.event.payload) for r in rows if isinstance(r.event, h.EventRaised)]

    def check_stored(self) -> None:
        """The store must hold what was committed, from the first event to the last."""
        for instance_id, books in self._books.items():
            for execution_id, book in books.items():
                if self._store.read_history(instance_id, execution_id) != book.events:
                    message = (
                        f"{instance_id}: the history of execution {execution_id} is not what was committed"
                    )
                    self._broken(Invariant.APPEND_ONLY, message)

    def check_sent(self, clients: Mapping[str, set[str]]) -> None:
        """Each event that a workflow sent to an open run has arrived there once.

        Args:
            clients: The names of the events that a run gets from elsewhere.
        """
        for instance_id, record in self.records.items():
            others = clients.get(instance_id, set[str]())
            arrived = Counter(
                (name, payload)
                for name, payload in self.taken_in(instance_id) + self.waiting(instance_id)
                if name.casefold() not in others
            )
            sent, owed = (
                Counter((name, payload) for target, name, payload in events if target == instance_id)
                for events in (self.sent, self.owed)
            )
            if arrived - sent or (owed - arrived and not record.status.is_terminal):
                message = f"{instance_id} got {dict(arrived)}, and {dict(sent)} were sent by workflows"
                self._broken(Invariant.HANDLED_ONCE, message)
