"""What was committed and is not in DuckDB yet: where it lies, and what readers have to know of it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from nbflow.core.history import HistoryEvent
from nbflow.core.state import InstanceRecord
from nbflow.stores.duckdb_batch import Batch
from nbflow.stores.journal.messages import Messages
from nbflow.stores.journal.writing import Span


@dataclass(slots=True)
class Pending:
    """Some batches in a row.

    Attributes:
        lsn: The last one's number.
        size: How many bytes they have.
        spans: Where they lie.
        records: The rows of instances that were written; None: there is no such instance.
        ends: The last ``seq`` of executions that got some.
        events: What they got.
        messages: Which messages came and went.
        has_code: Whether definitions did.
    """

    lsn: int = 0
    size: int = 0
    spans: list[Span] = field(default_factory=list[Span])
    records: dict[str, InstanceRecord | None] = field(default_factory=dict[str, InstanceRecord | None])
    ends: dict[tuple[int, str], int] = field(default_factory=dict[tuple[int, str], int])
    events: dict[tuple[int, str], list[HistoryEvent]] = field(
        default_factory=dict[tuple[int, str], list[HistoryEvent]]
    )
    messages: Messages = field(default_factory=Messages)
    has_code: bool = False

    def add(self, batch: Batch, span: Span) -> None:
        """Take note of the next batch."""
        self.lsn = batch.lsn
        self.size += span.end - span.start
        spans = self.spans
        if spans and (last := spans[-1]).segment is span.segment and last.end == span.start:
            last.end = span.end
        else:
            spans.append(span)
        self.records.update(batch.records)
        self.ends.update(batch.ends)
        for execution, new in batch.events.items():
            known = self.events.get(execution)
            if known is None:
                self.events[execution] = new
            else:
                known.extend(new)
        if batch.messages or batch.deletions.has_messages:
            self.messages.add(batch.deletions, batch.messages)
        if batch.definitions or batch.deletions.has_code:
            self.has_code = True

    def followed_by(self, later: Pending) -> Pending:
        """Both together."""
        return Pending(
            lsn=later.lsn or self.lsn,
            size=self.size + later.size,
            spans=self.spans + later.spans,
            records=self.records | later.records,
            ends=self.ends | later.ends,
            events=self.events
            | {execution: self.events.get(execution, []) + new for execution, new in later.events.items()},
            messages=self.messages.followed_by(later.messages),
            has_code=self.has_code or later.has_code,
        )


class Tail:
    """The batches that DuckDB doesn't have: those on their way there, and those behind them.

    One thread commits and reads, another loads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._leaving = Pending()
        self._new = Pending()

    @property
    def size(self) -> int:
        """How many bytes wait to be loaded."""
        return self._leaving.size + self._new.size

    def add(self, batch: Batch, span: Span) -> int:
        """Take note of a batch that was committed; gives how many bytes nobody loads yet."""
        with self._lock:
            new = self._new
            new.add(batch, span)
            return new.size

    def take(self) -> Pending:
        """What is to be loaded now; it stays visible here until it is `done`, or comes back by `give_back`."""
        with self._lock:
            self._leaving, self._new = self._new, Pending()
            return self._leaving

    def done(self) -> None:
        """What was taken is in DuckDB."""
        with self._lock:
            self._leaving = Pending()

    def give_back(self) -> None:
        """What was taken could not be loaded."""
        with self._lock:
            self._new = self._leaving.followed_by(self._new)
            self._leaving = Pending()

    def records(self, instance_ids: Iterable[str]) -> dict[str, InstanceRecord | None]:
        """The rows of those instances that were written here; None: purged."""
        with self._lock:
            new, leaving = self._new.records, self._leaving.records
            if not new and not leaving:
                return {}
            return {i: new[i] if i in new else leaving[i] for i in instance_ids if i in new or i in leaving}

    def ends(self, iids: Iterable[int]) -> dict[tuple[int, str], int]:
        """The last ``seq`` of executions of these instances that were written to here."""
        wanted = set(iids)
        with self._lock:
            every = self._leaving.ends | self._new.ends
        return {end: seq for end, seq in every.items() if end[0] in wanted}

    def events(self, iid: int, execution_id: str) -> list[HistoryEvent]:
        """The events of an execution that were written here, in order."""
        with self._lock:
            parts = (self._leaving.events, self._new.events)
            return [event for part in parts for event in part.get((iid, execution_id), ())]

    def has_history(self, iids: Iterable[int]) -> bool:
        """Whether one of these instances got history here."""
        wanted = set(iids)
        with self._lock:
            return any(iid in wanted for part in (self._leaving, self._new) for iid, _ in part.ends)

    @property
    def has_any(self) -> bool:
        """Whether anything is here."""
        return bool(self._new.lsn or self._leaving.lsn)

    @property
    def has_inbox(self) -> bool:
        """Whether messages came or went here."""
        with self._lock:
            return self._new.messages.has_any or self._leaving.messages.has_any

    def messages(self) -> Messages:
        """Which messages came and went here."""
        with self._lock:
            return self._leaving.messages.followed_by(self._new.messages)

    @property
    def has_code(self) -> bool:
        """Whether definitions came or went here."""
        with self._lock:
            return self._new.has_code or self._leaving.has_code
