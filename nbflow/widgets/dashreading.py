"""What a dashboard has read of its runs: pages of rows, what those that go on wait for, and counts."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from nbflow.core.history import HistoryEvent
from nbflow.core.state import InstanceRecord
from nbflow.errors import StoreError
from nbflow.ports import InstanceFilter
from nbflow.widgets.dashmessages import counts_message
from nbflow.widgets.dashrows import LoadedRows
from nbflow.widgets.instances import InstancesSource


class Reading:
    """The runs as they were read, and what of that nobody has been told yet.

    Args:
        source: The runs.
        lock: Held while something here changes, never while the source is asked for what may have to wait
            for the store. Who reads `rows` and `counts` holds it as well.
        page: How many are loaded at once.
    """

    def __init__(self, source: InstancesSource, *, lock: AbstractContextManager[Any], page: int) -> None:
        self.rows = LoadedRows()
        self.counts: list[list[Any]] = []
        self._source = source
        self._lock = lock
        self._page = page
        self._reader = threading.Lock()  # held by the one who reads histories
        self._changed: dict[str, None] = {}
        self._gone: list[str] = []
        self._ends: dict[InstanceFilter, str | None] = {}

    def forget(self) -> None:
        """Hold nothing any more, but for the counts."""
        with self._lock:
            self.rows = LoadedRows()
            self._ends.clear()
            self.news()

    def news(self) -> tuple[list[InstanceRecord], list[str]]:
        """What nobody has been told yet, which now counts as told: changed rows, and IDs that are gone."""
        changed = [self.rows.record(each) for each in self._changed if each in self.rows]
        gone = list(self._gone)
        self._changed.clear()
        self._gone.clear()
        return changed, gone

    # -- from the store -----------------------------------------------------------------------

    def next_page(self, where: InstanceFilter, after: str | None) -> bool:
        """Load the runs behind those that were loaded with this filter; tell whether there are more.

        Args:
            where: The filter.
            after: The run behind which its first page begins.
        """
        after = self._ends.get(where, after)
        if where in self._ends and after is None:
            return False
        try:
            found = self._source.page(where, after=after, limit=self._page)
        except StoreError:  # what stood last was purged: once more from the top
            found = self._source.page(where, after=None, limit=self._page)
        more = len(found) == self._page
        with self._lock:
            self._ends[where] = found[-1].instance_id if more else None
            for record in found:
                self.rows.add(record)
                self._changed[record.instance_id] = None
        return more

    def histories(self) -> bool:
        """Read the histories of a few rows of which it isn't known what they wait for; tell if there were any."""
        with self._reader:
            with self._lock:
                rows, wanted = self.rows, self.rows.begin_reading()
            if not wanted:
                return False
            read = self._source.histories(wanted)
            with self._lock:
                for record, found in zip(wanted, read, strict=False):
                    if found is None:
                        self.erase([record.instance_id])
                    else:
                        rows.read(*found)
                        self._changed[record.instance_id] = None
                rows.end_reading()
            return True

    def count(self, where: InstanceFilter) -> None:
        """Ask how many runs have each status."""
        counts = self._source.counts(where)
        with self._lock:
            self.counts = counts_message(counts)

    # -- as it comes --------------------------------------------------------------------------

    def take(self, record: InstanceRecord, events: Sequence[HistoryEvent], *, only_known: bool) -> bool:
        """Take in a commit; tell whether it changes how many runs have which status."""
        is_counted = self.rows.take(record, events, only_known=only_known)
        if record.instance_id in self.rows:
            self._changed[record.instance_id] = None
        return is_counted

    def trim(self) -> None:
        """Let the oldest go, if there are too many."""
        self._gone += self.rows.trim()

    def erase(self, instance_ids: Sequence[str]) -> None:
        """Runs are gone from the store."""
        self._gone += [each for each in instance_ids if self.rows.drop(each)]
