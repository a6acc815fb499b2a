"""Where a runtime's history is: in memory, or in a file whose rows its owner signs."""

from __future__ import annotations

import os
from typing import Final

from nbflow.ports import HistoryStore
from nbflow.runtime.keys import user_key

MEMORY: Final = ":memory:"


def store_at(path: str, key: bytes | None) -> HistoryStore:
    """The store at a path, signed with a key, the user's own if None.

    Raises:
        KeyFileError: That key can't be used.
    """
    from nbflow.stores.duckdb import DuckDBStore

    if path == MEMORY:
        return DuckDBStore(path)  # nobody else can have written there
    return DuckDBStore(path, key=user_key(os.environ) if key is None else key)
