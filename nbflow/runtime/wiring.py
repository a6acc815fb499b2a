"""What a runtime is put together from: a store in memory, or in a file whose rows its owner signs; an engine."""

from __future__ import annotations

import os
from typing import Final

from nbflow.definitions import Registry
from nbflow.engine.engine import Engine, EngineOptions
from nbflow.ports import ActivityExecutor, Clock, HistoryStore
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


async def make_engine(
    store: HistoryStore, executor: ActivityExecutor, clock: Clock, registry: Registry, options: EngineOptions
) -> Engine:
    """An engine on the loop that runs this."""
    return Engine(store, executor, clock, registry, options)
