"""Opening a store: what can be at its place, who holds it, and what is said then."""

from __future__ import annotations

import hashlib
import itertools
import logging
import os
import re
import sqlite3
import threading
from pathlib import Path

import duckdb
import pytest

from nbflow.core import operations as op
from nbflow.errors import (
    StoreError,
    StoreFormatError,
    StoreLockedError,
    StoreUnavailableError,
)
from nbflow.stores.duckdb import DuckDBStore
from nbflow.stores.memory import MemoryStore
from tests.stores.faults import Faults
from tests.stores.processes import child, lines
from tests.stores.samples import NOON, append, contents, message, put, scheduled, script, turn


def refusal(path: Path | str, kind: type[StoreError]) -> str:
    """Open a store that can't be opened; one line without a traceback's noise, and the next command."""
    with pytest.raises(kind) as caught:
        DuckDBStore(path).open()
    assert type(caught.value) is kind
    text = str(caught.value)
    assert "\n" not in text
    assert "`" in text
    assert str(path) in text
    return text


def fingerprint(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.mark.parametrize("content", [b"", b"hi", b"order,qty\ntea,2\n" * 2000], ids=["empty", "short", "csv"])
def test_a_file_that_is_no_database(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(content)
    assert "no nbflow store" in refusal(path, StoreFormatError)
    assert path.read_bytes() == content
    assert len(list(tmp_path.iterdir())) == 1


def test_a_sqlite_file(tmp_path: Path) -> None:
    path = tmp_path / "orders.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE orders (id)")
    connection.commit()
    connection.close()
    before = fingerprint(tmp_path)
    assert "no nbflow store" in refusal(path, StoreFormatError)
    assert fingerprint(tmp_path) == before


def test_a_database_of_somebody_else(tmp_path: Path) -> None:
    path = tmp_path / "sales.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        connection.execute("CREATE TABLE sales AS SELECT 1 AS a")
        connection.execute("CREATE VIEW meta AS SELECT 1 AS schema_version")
    before = fingerprint(tmp_path)
    assert len(before) == 2, "the test wants a log beside the file"
    text = refusal(path, StoreFormatError)
    assert "is a DuckDB database, but no nbflow store (it holds meta, sales): `%wf db other.duckdb`" in text
    assert fingerprint(tmp_path) == before


def test_a_damaged_store(tmp_path: Path) -> None:
    path = tmp_path / "orders.duckdb"
    store = DuckDBStore(path)
    store.open()
    store.commit([put("a")])
    store.close()
    whole = path.read_bytes()
    with duckdb.connect(str(path)) as connection:
        connection.execute("DELETE FROM meta")
    assert "its table meta is empty" in refusal(path, StoreFormatError)
    for damaged in (whole[:5000], whole[:9000] + b"\xff" * 4000 + whole[13000:], b"\0" * len(whole)):
        path.write_bytes(damaged)
        assert "no nbflow store" in refusal(path, StoreFormatError)
        assert path.read_bytes() == damaged


def test_places_where_no_store_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    text = refusal(tmp_path / "missing" / "orders.duckdb", StoreUnavailableError)
    assert f"no folder {tmp_path / 'missing'}: `mkdir -p {tmp_path / 'missing'}`" in text
    assert "no folder" in refusal(tmp_path / "file" / "orders.duckdb", StoreUnavailableError)
    assert "is a folder" in refusal(tmp_path, StoreUnavailableError)
    assert "File name too long" in refusal(tmp_path / ("x" * 300), StoreUnavailableError)
    with pytest.raises(StoreUnavailableError, match="no file name"):
        DuckDBStore(tmp_path / "a\0b").open()


@pytest.mark.skipif(not Path("/sys").is_dir(), reason="needs a folder that nobody can write")
def test_a_folder_that_cannot_be_written() -> None:
    text = refusal("/sys/orders.duckdb", StoreUnavailableError)
    assert "can't be opened" in text
    assert "Permission denied" in text


def test_a_path_may_be_relative_or_in_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("orders.duckdb", "~/other.duckdb", "with 'quotes' and ü.duckdb"):
        store = DuckDBStore(name)
        store.open()
        store.commit([put("a")])
        monkeypatch.chdir("/")
        store.close()
        store.open()
        assert store.get_instance("a")
        store.close()
        monkeypatch.chdir(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "orders.duckdb",
        "other.duckdb",
        "with 'quotes' and ü.duckdb",
    }


def test_memory_stores_know_nothing_of_each_other() -> None:
    one, two = DuckDBStore(":memory:"), DuckDBStore(":memory:")
    one.open()
    two.open()
    one.commit([put("a"), append("a", "e1", turn())])
    assert two.get_instance("a") is None
    assert one.store_id != two.store_id
    assert len(one.read_history("a")) == 1
    one.close()
    two.close()


@pytest.mark.semantics(72)
@pytest.mark.parametrize("argument", ["", "ipykernel_launcher"])
def test_another_process_has_it_open(tmp_path: Path, argument: str) -> None:
    path = tmp_path / "orders.duckdb"
    with child("hold", path, argument) as process:
        assert lines(process).readline() == "open\n", process.communicate()
        text = refusal(path, StoreLockedError)
        with pytest.raises(StoreLockedError) as caught:
            DuckDBStore(path).open()
        assert caught.value.pid == process.pid
        assert caught.value.path == str(path)
        process.communicate()
    if argument:
        what = f"{path} is open in kernel PID {process.pid}: shut that kernel down, or `%wf db other.duckdb`"
    else:
        what = f"{path} is open in process {process.pid}: end that process, or `%wf db other.duckdb`"
    assert text == what
    store = DuckDBStore(path)
    store.open()
    store.close()


@pytest.mark.semantics(72)
def test_the_same_process_has_it_open(tmp_path: Path, duck: DuckDBStore) -> None:
    path = tmp_path / "history.duckdb"
    text = refusal(path, StoreLockedError)
    assert text == (
        f"{path} is open already in this process ({os.getpid()}): close it there first, or `%wf db other.duckdb`"
    )
    (tmp_path / "link.duckdb").symlink_to(path)
    refusal(tmp_path / "link.duckdb", StoreLockedError)
    duck.commit([put("a")])
    with pytest.raises(duckdb.Error):
        duckdb.connect(str(path))


@pytest.mark.semantics(72)
def test_a_store_can_be_tried_again_once_it_is_free(tmp_path: Path, duck: DuckDBStore) -> None:
    other = DuckDBStore(tmp_path / "history.duckdb")
    with pytest.raises(StoreLockedError):
        other.open()
    with pytest.raises(StoreError, match="not open"):
        other.next_row_id()
    duck.close()
    other.open()
    other.commit([put("a")])
    other.close()


def test_closing_leaves_one_file(tmp_path: Path, duck: DuckDBStore) -> None:
    duck.commit([put("a"), append("a", "e1", turn())])
    assert (tmp_path / "history.duckdb.wal").exists()
    duck.close()
    assert [path.name for path in tmp_path.iterdir()] == ["history.duckdb"]


def test_the_log_is_folded_into_the_file_as_it_grows(tmp_path: Path) -> None:
    store = DuckDBStore(tmp_path / "history.duckdb", checkpoint_bytes=20_000)
    store.open()
    log = tmp_path / "history.duckdb.wal"
    sizes: list[int] = []
    for n in range(1, 60):
        store.commit([put(f"i{n}"), message(n, f"i{n}", execution_id="x" * 2000)])
        sizes.append(log.stat().st_size if log.exists() else 0)
    assert max(sizes) < 30_000
    assert len([size for size in sizes if size == 0]) > 2
    store.close()


def test_a_checkpoint_that_fails_harms_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    faults = Faults()
    store = DuckDBStore(tmp_path / "history.duckdb", checkpoint_bytes=1, connect=faults.connect)
    store.open()
    store.commit([put("a")])
    caplog.set_level(logging.INFO, "nbflow.stores")
    for row_id, error in enumerate((duckdb.TransactionException, duckdb.FatalException), 1):
        caplog.clear()
        faults.arm_statement("CHECKPOINT", error)
        # The log is written again only when it has grown by as much again: with one byte, at the second commit.
        store.commit([message(row_id, "a")])
        store.commit([op.DeleteInbox(row_ids=(99,))])
        (told,) = [entry for entry in caplog.records if "checkpointed" in entry.message]
        is_harmless = error is duckdb.TransactionException  # a transaction of somebody else's
        assert told.levelno == (logging.INFO if is_harmless else logging.WARNING)
        assert told.message.endswith("injected")
    assert len(store.read_inbox()) == 2
    store.close()
    store.open()
    assert len(store.read_inbox()) == 2
    store.close()


@pytest.mark.semantics(67)
@pytest.mark.parametrize("kind", ["duckdb", "journal"])
def test_a_full_disk_refuses_whole_batches_and_the_store_lives_on(tmp_path: Path, kind: str) -> None:
    with child("fill", kind, tmp_path / "history.duckdb") as process:
        told, complaints = process.communicate()
    assert process.returncode == 0, complaints
    assert re.fullmatch(r"accepted \d+, refused 3\n", told)


def test_what_is_forgotten_is_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nbflow.stores.duckdb_facts._REMEMBERED", 2)
    store, oracle = DuckDBStore(tmp_path / "history.duckdb"), MemoryStore()
    store.open()
    oracle.open()
    for batch in itertools.islice(script(3), 60):
        assert store.commit(batch) == oracle.commit(batch)
    assert contents(store) == contents(oracle)
    store.close()


def test_what_duckdb_raises_is_wrapped(duck: DuckDBStore) -> None:
    duck.commit([put("a")])
    duck.cursor().execute("ALTER TABLE inbox RENAME TO elsewhere")
    with pytest.raises(StoreError, match=r"history\.duckdb: Catalog Error") as caught:
        duck.read_inbox()
    assert isinstance(caught.value.__cause__, duckdb.Error)
    with pytest.raises(StoreError, match=r"history\.duckdb: Catalog Error"):
        duck.commit([put("b"), message(1, "b")])
    duck.cursor().execute("ALTER TABLE elsewhere RENAME TO inbox")
    assert duck.get_instance("b") is None
    assert duck.commit([put("b"), message(1, "b")]) == 3


def test_a_value_that_cannot_be_stored_is_refused(duck: DuckDBStore) -> None:
    with pytest.raises(StoreError, match="surrogate"):
        duck.commit([put("a"), put("b", name="\ud800")])
    with pytest.raises(StoreError, match="no time zone"):
        duck.commit([put("a"), put("a", start_at=NOON.replace(tzinfo=None))])
    assert duck.get_instance("a") is None
    assert duck.commit([put("a")]) == 1


def test_a_cursor_sees_what_is_committed(duck: DuckDBStore) -> None:
    cursor = duck.cursor()
    duck.commit([put("a"), append("a", "e1", turn(), scheduled(1))])
    found: list[object] = []
    reader = threading.Thread(target=lambda: found.extend(cursor.execute("FROM activities").fetchall()))
    reader.start()
    reader.join()
    assert len(found) == 1
    orders = found  # a Python variable that SQL must not see
    with pytest.raises(duckdb.CatalogException):
        cursor.execute("FROM orders")
    assert orders


def test_closing_interrupts_a_query_and_closes_cursors(tmp_path: Path, duck: DuckDBStore) -> None:
    cursor = duck.cursor()
    begun = threading.Event()
    told: list[str] = []

    def query() -> None:
        begun.set()
        try:
            cursor.execute("SELECT count(*) FROM range(10_000_000) a, range(10_000_000) b").fetchall()
        except duckdb.Error as error:
            told.append(type(error).__name__)

    reader = threading.Thread(target=query, daemon=True)
    reader.start()
    begun.wait()
    duck.close()
    reader.join()
    assert told in (["InterruptException"], ["ConnectionException"])
    with child("hold", tmp_path / "history.duckdb") as process:
        assert lines(process).readline() == "open\n"
        process.communicate()


def test_a_cursor_that_somebody_kept_is_no_trouble_later(duck: DuckDBStore) -> None:
    kept = duck.cursor()
    duck.close()
    duck.open()
    duck.commit([put("a")])
    duck.close()
    with pytest.raises(duckdb.ConnectionException):
        kept.execute("SELECT 1")


def test_a_snapshot_is_a_store_of_its_own(tmp_path: Path, duck: DuckDBStore) -> None:
    duck.commit([put("a"), append("a", "e1", turn(), scheduled(1)), message(1, "a")])
    target = tmp_path / "copy of 'today'.duckdb"
    duck.export_to(target)
    duck.commit([put("b")])
    copy = DuckDBStore(target)
    copy.open()
    assert copy.store_id == duck.store_id
    assert contents(copy)["lsn"] == 3
    assert contents(copy)["histories"] == contents(duck)["histories"]
    assert len(copy.cursor().execute("FROM activities").fetchall()) == 1
    copy.commit([put("c")])
    copy.close()
    assert duck.get_instance("c") is None
    assert {path.suffix for path in tmp_path.iterdir()} <= {".duckdb", ".wal"}


def test_a_snapshot_overwrites_nothing(tmp_path: Path, duck: DuckDBStore) -> None:
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(
        StoreUnavailableError, match=r"exists already: name a new file, `%wf export db copy\.duckdb`"
    ):
        duck.export_to(tmp_path / "taken")
    assert (tmp_path / "taken").read_text() == "mine"
    with pytest.raises(StoreUnavailableError, match="no folder"):
        duck.export_to(tmp_path / "missing" / "copy.duckdb")
    if Path("/sys").is_dir():
        with pytest.raises(StoreUnavailableError, match="could not be written"):
            duck.export_to("/sys/copy.duckdb")
    assert duck.commit([put("a")]) == 1
