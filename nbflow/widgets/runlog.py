"""A run kept in memory for those who draw it: read once, then carried on commit by commit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from nbflow.core.history import HistoryEvent
from nbflow.core.state import InstanceRecord
from nbflow.widgets.source import CardSource


class RunLog:
    """The record and the history of a run's present execution, as of the last commit.

    Nothing is read before somebody asks, and nothing is followed before that.

    Args:
        source: The run.
    """

    def __init__(self, source: CardSource) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._record: InstanceRecord | None = None
        self._history: list[HistoryEvent] = []
        self._early: list[tuple[InstanceRecord, Sequence[HistoryEvent]]] | None = None  # during a reading
        self._unsubscribe: Callable[[], None] | None = None
        self._is_closed = False

    def read(self) -> tuple[InstanceRecord, Sequence[HistoryEvent]]:
        """The run now. The list is the caller's to keep: it never changes.

        Raises:
            NbflowError: It can't be read; see `CardSource.snapshot`.
        """
        with self._reading:
            if self._unsubscribe is None and not self._is_closed:
                self._unsubscribe = self._source.subscribe(self._on_commit)
            with self._lock:
                if self._record is not None:
                    return self._record, tuple(self._history)
                self._early = []
            try:
                record, history = self._source.snapshot()
            finally:
                with self._lock:
                    early, self._early = self._early, None
            with self._lock:
                self._record, self._history = record, list(history)
                for newer, events in early:
                    if newer.last_updated_at >= record.last_updated_at:
                        self._take(newer, events)
                found = self._record or record, tuple(self._history or history)
                if self._is_closed:
                    self._record, self._history = None, []
                return found

    @property
    def execution(self) -> str | None:
        """The execution that was last seen; None if none was."""
        record = self._record
        return None if record is None else record.execution_id

    def close(self) -> None:
        """Follow the run no longer."""
        self._is_closed = True
        with self._lock:
            self._record, self._history = None, []
        unsubscribe, self._unsubscribe = self._unsubscribe, None
        if unsubscribe is not None:
            unsubscribe()

    def forget(self) -> None:
        """Have the run read anew by the next `read`."""
        with self._lock:
            self._record, self._history = None, []

    def _on_commit(self, record: InstanceRecord, events: Sequence[HistoryEvent]) -> None:
        with self._lock:
            if self._early is not None:
                self._early.append((record, events))
            else:
                self._take(record, events)

    def _take(self, record: InstanceRecord, events: Sequence[HistoryEvent]) -> None:
        """Take in a commit; what doesn't follow on has the run read anew."""
        if self._record is None:
            return
        if record.execution_id != self._record.execution_id:
            self._history = []
        self._record = record
        for event in events:
            if event.seq > len(self._history) + 1:
                self._record, self._history = None, []
                return
            if event.seq == len(self._history) + 1:
                self._history.append(event)
