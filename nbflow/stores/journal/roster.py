"""Which instance IDs are surely nobody's, known without asking DuckDB.

Every start has a new ID, and a question to DuckDB costs four commits. The IDs that there are mark places in a table of bytes: one
whose place is free is nobody's. A place may be marked for another ID, or for one that was purged: then DuckDB is asked.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Final

_FEWEST: Final = 1 << 20
_MOST: Final = 1 << 24
_PLACES_EACH: Final = 16
"""So many places for each ID that was there at first: one in sixteen questions to DuckDB is for nothing."""


class Roster:
    """Marks IDs; until it was told of all that are stored, it knows nothing."""

    def __init__(self) -> None:
        self._marks = bytearray()
        self._mask = 0
        self._new: list[str] = []
        self._is_complete = False
        self._lock = threading.Lock()

    def begin(self, count: int) -> None:
        """Make room for this number of stored IDs, and for as many again."""
        size = _FEWEST
        while size < count * _PLACES_EACH and size < _MOST:
            size *= 2
        self._marks, self._mask = bytearray(size), size - 1

    def add_stored(self, instance_ids: Iterable[str]) -> None:
        """Mark IDs that are stored."""
        marks, mask = self._marks, self._mask
        for instance_id in instance_ids:
            marks[hash(instance_id) & mask] = 1

    def complete(self) -> None:
        """All that are stored were marked."""
        with self._lock:
            self.add_stored(self._new)
            self._new.clear()
            self._is_complete = True

    def add(self, instance_ids: Iterable[str]) -> None:
        """Mark IDs that are being committed."""
        with self._lock:
            if self._is_complete:
                self.add_stored(instance_ids)
            else:
                self._new += instance_ids

    def may_have(self, instance_id: str) -> bool:
        """Whether DuckDB has to be asked for an ID."""
        return not self._is_complete or bool(self._marks[hash(instance_id) & self._mask])
