"""The runs that a dashboard has loaded, and what each of them waits for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nbflow.core.history import HistoryEvent
from nbflow.core.state import InstanceRecord
from nbflow.views.instances import WantFold

MOST: Final = 20_000
"""Runs that may be loaded."""

_ROOM: Final = 1000
_READ_AT_ONCE: Final = 200


@dataclass
class _Loaded:
    """A run: its row, its fold (None: not known, or not needed), and what came while its history was read."""

    record: InstanceRecord
    fold: WantFold | None = None
    early: list[tuple[InstanceRecord, Sequence[HistoryEvent]]] | None = None


class LoadedRows:
    """Rows by ID. Not for several threads at once."""

    def __init__(self) -> None:
        self._rows: dict[str, _Loaded] = {}
        self._unread: dict[str, None] = {}

    def __contains__(self, instance_id: str) -> bool:
        return instance_id in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def has_unread(self) -> bool:
        """Whether there are runs of which it isn't known what they wait for."""
        return bool(self._unread)

    def record(self, instance_id: str) -> InstanceRecord:
        """A run's row."""
        return self._rows[instance_id].record

    def fold(self, instance_id: str) -> WantFold | None:
        """What its history was folded to; None if it wasn't."""
        return self._rows[instance_id].fold

    def newest(self, most: int | None = None) -> list[InstanceRecord]:
        """The rows, newest first."""
        records = [loaded.record for loaded in self._rows.values()]
        records.sort(key=lambda record: (record.created_at, record.instance_id), reverse=True)
        return records[:most]

    def add(self, record: InstanceRecord) -> None:
        """Add a row as the store has it; one that is known already is newer."""
        if record.instance_id not in self._rows:
            self._rows[record.instance_id] = _Loaded(record)
            if not record.status.is_terminal:
                self._unread[record.instance_id] = None

    def drop(self, instance_id: str) -> bool:
        """Remove a run; tell whether it was there."""
        self._unread.pop(instance_id, None)
        return self._rows.pop(instance_id, None) is not None

    def trim(self) -> list[str]:
        """Remove the oldest of those that have ended, if there are too many; give their IDs."""
        if len(self._rows) <= MOST:
            return []
        ended = [record.instance_id for record in self.newest() if record.status.is_terminal][-_ROOM:]
        return [instance_id for instance_id in ended if self.drop(instance_id)]

    def take(
        self, record: InstanceRecord, events: Sequence[HistoryEvent], *, only_known: bool = False
    ) -> bool:
        """Take in a commit; tell whether it changes how many runs have which status.

        Args:
            record: The run's row.
            events: What was appended to the history of the execution that it names.
            only_known: Whether runs that aren't loaded stay away.
        """
        loaded = self._rows.get(record.instance_id)
        if loaded is None:
            if only_known:
                return True
            loaded = self._rows[record.instance_id] = _Loaded(record)
            if events and events[0].seq == 1:
                loaded.fold = WantFold()
            self._follow(loaded, record, events)
            return True
        if loaded.early is not None:
            loaded.early.append((record, events))
        before = loaded.record.status
        self._follow(loaded, record, events)
        return before is not record.status

    def begin_reading(self) -> list[InstanceRecord]:
        """The next runs whose histories are to be read, newest first; `read` each of them, then `end_reading`."""
        wanted = [self._rows[instance_id] for instance_id in list(self._unread)[:_READ_AT_ONCE]]
        for loaded in wanted:
            loaded.early = []
        return [loaded.record for loaded in wanted]

    def read(self, record: InstanceRecord, history: Sequence[HistoryEvent]) -> None:
        """Take in a run as it is stored, and behind it what came meanwhile."""
        loaded = self._rows.get(record.instance_id)
        if loaded is None:  # purged meanwhile
            return
        early, loaded.early = loaded.early or [], None
        self._unread.pop(record.instance_id, None)
        loaded.fold = WantFold.of(history)
        if record.last_updated_at >= loaded.record.last_updated_at:
            loaded.record = record
        for newer, events in early:
            if newer.last_updated_at >= record.last_updated_at:
                self._follow(loaded, newer, events)

    def end_reading(self) -> None:
        """Wait for no more of what `begin_reading` gave."""
        for instance_id in list(self._unread):
            self._rows[instance_id].early = None

    def _follow(self, loaded: _Loaded, record: InstanceRecord, events: Sequence[HistoryEvent]) -> None:
        """Carry a run on; what doesn't follow on what is known has its history read."""
        if record.execution_id != loaded.record.execution_id:
            loaded.fold = WantFold()
        loaded.record = record
        if record.status.is_terminal:
            loaded.fold = loaded.early = None
            self._unread.pop(record.instance_id, None)
            return
        for event in events:
            if loaded.fold is None or event.seq > loaded.fold.length + 1:
                loaded.fold = None
                break
            if event.seq == loaded.fold.length + 1:
                loaded.fold.apply(event)
        if loaded.fold is None:
            self._unread[record.instance_id] = None
