"""The file gets smaller once runs were erased; nothing else changes by that, whatever happens meanwhile."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from nbflow.errors import StoreError
from nbflow.ports import InstanceFilter
from nbflow.stores.duckdb import DuckDBStore
from nbflow.stores.duckdb_schema import BALLAST, TABLES
from tests.stores.conftest import KEY
from tests.stores.processes import child, lines
from tests.stores.samples import append, at, definition, message, put, timer, turn
from tests.stores.sizes import MANY, names, purge, runs


def everything(store: DuckDBStore) -> dict[str, list[Any]]:
    """All rows of all tables, and what the tables are."""
    columns = "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal ORDER BY ALL"
    found = {table: ask(store, f"FROM {table} ORDER BY ALL") for table in TABLES}
    return {**found, "columns": ask(store, columns)}


def grown(store: DuckDBStore) -> None:
    """A store of which most is erased, with a row that stays in each table."""
    for n in range(12):
        store.commit(runs(f"gone{n}"))
        if n == 6:
            store.commit(
                [*runs("stays", 20), definition(), message(1, "stays-1"), timer(2, "stays-2", "e1", 1, 60)]
            )
        ask(store, "CHECKPOINT")
    for n in range(12):
        store.commit(purge(f"gone{n}"))


def ask(store: DuckDBStore, sql: str) -> list[Any]:
    cursor = store.cursor()
    try:
        return cursor.execute(sql).fetchall()
    finally:
        cursor.close()


def size(store: DuckDBStore) -> int:
    ((path,),) = ask(store, "SELECT path FROM duckdb_databases() WHERE NOT internal")
    return os.stat(path).st_size


def test_the_file_gets_smaller_and_holds_the_same(duck: DuckDBStore) -> None:
    grown(duck)
    before, bytes_before = everything(duck), size(duck)
    found = duck.compact()
    assert found is not None
    assert size(duck) < bytes_before / 3, "an erasure's room stays in the file"
    assert abs(found.after - size(duck)) < 100_000
    assert found.before > found.after
    assert everything(duck) == before
    assert duck.audit(thorough=True) == []
    duck.commit([put("next"), append("next", "e1", turn()), append("stays-1", "e1", turn(), start=3)])
    before = everything(duck)
    duck.close()
    duck.open()
    assert everything(duck) == before
    assert duck.audit(thorough=True) == []


@pytest.mark.parametrize("gone", [(0, 1, 2), (1, 4, 7), (7, 8, 9)], ids=["old", "some", "new"])
def test_it_gets_as_small_as_a_copy_wherever_the_room_is(
    duck: DuckDBStore, tmp_path: Path, gone: tuple[int, ...]
) -> None:
    for n in range(10):
        duck.commit(runs(f"run{n}", 800))
        ask(duck, "CHECKPOINT")
    for n in gone:
        duck.commit(purge(f"run{n}", 800))
    before = everything(duck)
    duck.compact()
    duck.export_to(tmp_path / "copy.duckdb")
    assert size(duck) <= 1.1 * (tmp_path / "copy.duckdb").stat().st_size
    assert everything(duck) == before


def test_what_a_kill_leaves_of_it_is_taken_away_on_opening(duck: DuckDBStore) -> None:
    duck.commit(runs("run", 5))
    before = everything(duck)
    ask(duck, f"CREATE TABLE {BALLAST} AS FROM range(1000)")
    assert everything(duck) != before
    duck.close()
    duck.open()
    assert everything(duck) == before


def test_a_file_that_is_as_small_as_it_can_be_is_left_alone(duck: DuckDBStore) -> None:
    grown(duck)
    duck.compact()
    rows = ask(duck, "SELECT table_oid FROM duckdb_tables() ORDER BY ALL")
    found = duck.compact()
    assert found is not None
    assert found.before == found.after
    assert ask(duck, "SELECT table_oid FROM duckdb_tables() ORDER BY ALL") == rows


def test_no_more_is_written_than_was_allowed(duck: DuckDBStore) -> None:
    grown(duck)
    before = size(duck)
    found = duck.compact(most=1000)
    assert found is not None
    assert found.spare > found.after / 2
    assert size(duck) >= before
    duck.compact(most=2**25)
    assert size(duck) < before / 3


def test_while_somebody_reads_it_stays_as_it_is(duck: DuckDBStore) -> None:
    grown(duck)
    before, cursor = everything(duck), duck.cursor()
    cursor.execute("SELECT instance_id FROM instances ORDER BY instance_id")
    first = cursor.fetchmany(5)
    with pytest.raises(StoreError, match="a query on it is still running: try again once that has ended"):
        duck.compact()
    assert [name for (name,) in (*first, *cursor.fetchall())] == sorted(row[1] for row in before["instances"])
    duck.commit([])
    assert everything(duck) == before
    size_before = size(duck)
    duck.compact()
    assert size(duck) < size_before / 3
    assert everything(duck) == before


def test_there_is_nothing_to_do_in_memory() -> None:
    store = DuckDBStore(":memory:")
    store.open()
    assert store.compact() is None
    store.close()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(2))
def test_a_kill_at_any_moment_leaves_it_whole(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "history.duckdb"
    store = DuckDBStore(path, key=KEY)
    store.open()
    grown(store)
    staying = {name: store.read_history(name) for name in names("stays", 20)}
    store.close()
    random = Random(f"compact {seed}")
    told: list[str] = []
    for number in range(4):
        with child("compact", path, number) as process:
            assert lines(process).readline() == "open\n", process.communicate()
            told += [lines(process).readline() for _ in range(random.randint(1, 4))]
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=random.uniform(0, 0.2))
            process.kill()
            process.communicate()
        store.open()
        there = {record.instance_id for record in store.list_instances(InstanceFilter())}
        assert len(there - staying.keys()) % MANY == 0, "half a batch is there"
        assert store.read_histories(list(staying)) == staying
        assert store.audit(thorough=True) == []
        assert (len(store.list_definitions()), len(store.read_inbox()), store.next_due()) == (1, 1, at(60))
        store.close()
    assert "compact\n" in told, "nobody was killed while it compacted"


def test_a_full_disk_leaves_it_as_it_was(tmp_path: Path) -> None:
    with child("cramped", tmp_path / "history.duckdb") as process:
        told, complaints = process.communicate()
    assert process.returncode == 0, complaints
    assert told == "refused, whole, compacted\n"
