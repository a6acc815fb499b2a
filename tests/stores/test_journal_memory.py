"""What a load needs, DuckDB keeps; behind a large one it gives it back, and its other commits don't pay for that."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from nbflow.errors import StoreError
from nbflow.stores.journal.journal import JournalOptions
from nbflow.stores.journal.store import JournalStore
from tests.stores.conftest import KEY
from tests.stores.faults import Told
from tests.stores.samples import put

LARGE = "x" * 10_000


def setting(store: JournalStore) -> str:
    query = "SELECT current_setting('allocator_bulk_deallocation_flush_threshold')"
    with store._file.cursor() as cursor:
        ((value,),) = cursor.execute(query).fetchall()
    return value


def opened(path: Path, told: Told) -> JournalStore:
    options = JournalOptions(has_threads=False)
    store = JournalStore(path, key=KEY, options=options, connect=told.connect)
    store.open()
    return store


def flushes(told: Told) -> list[str]:
    wanted = ("SET GLOBAL allocator", "RESET GLOBAL allocator", "DROP TABLE carried")
    return [each.partition(" ")[0] for each in told.statements if each.startswith(wanted)]


def test_a_large_load_gives_back_what_it_needed_and_a_small_one_does_not_take_the_time(
    tmp_path: Path,
) -> None:
    told = Told()
    store = opened(tmp_path / "history.duckdb", told)
    usual = setting(store)
    store.commit([put("small")])
    store.flush()
    assert flushes(told) == ["DROP"]
    told.statements.clear()
    store.commit([put(f"large-{number}", input=f'"{LARGE}"') for number in range(40)])
    store.flush()
    assert flushes(told) == ["SET", "DROP", "RESET"]
    assert setting(store) == usual
    store.close()


@pytest.mark.parametrize("error", [duckdb.IOException, duckdb.FatalException])
def test_a_large_load_that_fails_leaves_nothing_behind(tmp_path: Path, error: type[duckdb.Error]) -> None:
    told = Told()
    store = opened(tmp_path / "history.duckdb", told)
    usual = setting(store)
    lsn = store.commit([put(f"large-{number}", input=f'"{LARGE}"') for number in range(40)])
    told.arm_statement("UPDATE meta SET lsn = ?", error)
    with pytest.raises(StoreError, match="injected"):
        store.flush()
    assert setting(store) == usual
    store.flush()
    assert (store.commit([]), len(store.get_instances([f"large-{number}" for number in range(40)]))) == (
        lsn,
        40,
    )
    store.close()
