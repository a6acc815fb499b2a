from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nbflow.ports import HistoryStore
from nbflow.stores.duckdb import DuckDBStore
from nbflow.stores.journal.store import JournalStore
from nbflow.stores.memory import MemoryStore

KEY = bytes(range(32))


@pytest.fixture(params=["memory", "duckdb", "journal"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HistoryStore]:
    """Each store in turn, open and empty."""
    path = tmp_path / "history.duckdb"
    made: HistoryStore = MemoryStore()
    if request.param != "memory":
        made = DuckDBStore(path, key=KEY) if request.param == "duckdb" else JournalStore(path, key=KEY)
    made.open()
    yield made
    made.close()


@pytest.fixture
def duck(tmp_path: Path) -> Iterator[DuckDBStore]:
    """A DuckDB store in ``history.duckdb``, open and empty."""
    made = DuckDBStore(tmp_path / "history.duckdb", key=KEY)
    made.open()
    yield made
    made.close()
