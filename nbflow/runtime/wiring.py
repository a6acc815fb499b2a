"""What a runtime is put together from: a store in memory, or in a file whose rows its owner signs; an engine."""

from __future__ import annotations

import os
from typing import Final, Literal, TypeAlias

from nbflow.definitions import Registry
from nbflow.engine.engine import Engine, EngineOptions
from nbflow.ports import ActivityExecutor, Clock, HistoryStore
from nbflow.runtime.keys import user_key

MEMORY: Final = ":memory:"
Durability: TypeAlias = Literal["full", "relaxed"]

RELAXED: Final = "relaxed durability: a power cut may take the last 50 ms"
"""What is said wherever runs are shown whose commits don't wait for the disk."""


def store_at(path: str, key: bytes | None, durability: Durability = "full") -> HistoryStore:
    """The store at a path, signed with a key, the user's own if None.

    Raises:
        KeyFileError: That key can't be used.
    """
    if path == MEMORY:
        from nbflow.stores.duckdb import DuckDBStore

        return DuckDBStore(path)  # nobody else can have written there, and nothing of it lasts
    from nbflow.stores.journal.store import JournalStore

    return JournalStore(path, key=user_key(os.environ) if key is None else key, durability=durability)


def durability_of(path: str, store: HistoryStore | None, wanted: Durability) -> Durability:
    """What a runtime's commits are good for: as its store says, or as it was wanted of a file."""
    if store is not None:
        return getattr(store, "durability", "full")
    return "full" if path == MEMORY else wanted


def caveat(durability: Durability) -> str:
    """What is said of a durability; empty: nothing."""
    return RELAXED if durability == "relaxed" else ""


async def make_engine(
    store: HistoryStore, executor: ActivityExecutor, clock: Clock, registry: Registry, options: EngineOptions
) -> Engine:
    """An engine on the loop that runs this."""
    return Engine(store, executor, clock, registry, options)
