"""The journal on a disk that is full or broken, and behind loads that fail: nothing acknowledged is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import duckdb
import pytest

from nbflow.core import operations as op
from nbflow.errors import StoreError, StoreLockedError, StoreUnavailableError
from nbflow.ports import InstanceFilter
from nbflow.stores.duckdb import DuckDBStore
from nbflow.stores.journal.journal import JournalOptions
from nbflow.stores.journal.leftover import load_leftover
from nbflow.stores.journal.place import folder_of
from nbflow.stores.journal.store import JournalStore
from nbflow.stores.memory import MemoryStore
from tests.stores.conftest import KEY
from tests.stores.faults import Faults
from tests.stores.journals import BadDisk, journal_in, segments_of, snapshot
from tests.stores.processes import child, lines
from tests.stores.samples import append, contents, message, put, script, turn


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.002)


def names(store: JournalStore) -> set[str]:
    return {name for name in "abcdef" if store.get_instance(name)}


# -- a full disk ------------------------------------------------------------------------------------------


@pytest.mark.semantics(67)
@pytest.mark.parametrize("room", [0, 1, 100, 300, 500, -1])
def test_a_batch_for_which_there_is_no_room_leaves_nothing(tmp_path: Path, room: int) -> None:
    """With -1 all of it is written but its last byte, a newline, which is there already."""
    disk, path = BadDisk(), tmp_path / "live" / "history.duckdb"
    path.parent.mkdir()
    store = journal_in(path, disk=disk)
    store.commit([put("a")])
    disk.room = room
    with pytest.raises(StoreError, match=r"can't be written \(No space left on device\)"):
        store.commit([put("b"), message(1, "b", execution_id="x" * 300)])
    assert store.commit([]) == 1
    assert names(store) == {"a"}
    # Neither in this life nor in the next.
    crashed = journal_in(snapshot(path, tmp_path / "crashed"))
    assert names(crashed) == {"a"}
    assert crashed.read_inbox() == []
    crashed.close()
    assert store.commit([put("c")]) == 2
    crashed = journal_in(snapshot(path, tmp_path / "crashed again"))
    assert names(crashed) == {"a", "c"}
    crashed.close()
    store.close()


def test_half_a_batch_is_blotted_out_before_another_is_written(tmp_path: Path) -> None:
    """On a disk that writes nothing in place, there is no room for that either: were another batch of the same
    number written beside it, both might count.
    """
    disk, path = BadDisk(), tmp_path / "live" / "history.duckdb"
    path.parent.mkdir()
    store = journal_in(path, disk=disk)
    store.commit([put("a")])
    disk.room, disk.stays_full = 1_200, True
    with pytest.raises(StoreError, match="No space left"):
        store.commit([put("b", input="x" * 900)])
    for _ in range(2):
        with pytest.raises(StoreError, match="No space left"):
            store.commit([put("c")])
    disk.room = None
    store.commit([put("c")])
    (segment,) = segments_of(path)
    assert b"xxxx" not in segment.read_bytes()
    assert names(store) == {"a", "c"}
    store.close()


def test_no_room_for_another_segment(tmp_path: Path) -> None:
    disk = BadDisk()
    store = journal_in(tmp_path / "history.duckdb", disk=disk, segment_bytes=2_000)
    oracle = MemoryStore()
    oracle.open()
    refused = 0
    for number in range(30):
        batch: list[op.Operation] = [put(f"i{number}"), message(number + 1, f"i{number}")]
        disk.room = 600 if number % 2 else None
        try:
            store.commit(batch)
        except StoreError:
            refused += 1
        else:
            oracle.commit(batch)
    disk.room = None
    assert 3 < refused < 20
    assert contents(store) == contents(oracle)
    store.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB; the test is skipped where none may be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.semantics(67)
@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")
def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    path = small_disk / "history.duckdb"
    store = journal_in(path, segment_bytes=1 << 20, most_bytes=4 << 20, has_threads=True, load_seconds=0.01)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * (14 << 20))
    accepted: list[int] = []
    refused = 0
    for row_id in range(1, 4000):
        try:
            store.commit([put(f"i{row_id}"), message(row_id, f"i{row_id}", execution_id="x" * 5000)])
        except StoreError:
            refused += 1
            if refused == 3:
                break
        else:
            accepted.append(row_id)
    assert refused == 3, "the disk was never full"
    ballast.unlink()
    store.commit([message(9000, "last")])
    accepted.append(9000)
    assert [row.row_id for row in store.read_inbox()] == accepted
    assert store.audit(thorough=True) == []
    store.close()
    store.open()
    assert [row.row_id for row in store.read_inbox()] == accepted
    store.close()


# -- a sync that fails ------------------------------------------------------------------------------------


@pytest.mark.semantics(67)
def test_behind_a_sync_that_failed_nothing_is_written_and_everything_is_read(tmp_path: Path) -> None:
    disk, path = BadDisk(), tmp_path / "history.duckdb"
    store = journal_in(path, disk=disk)
    store.commit([put("a"), append("a", "e1", turn())])
    disk.is_dead = True
    with pytest.raises(StoreError, match="could not be synced") as caught:
        store.commit([put("b")])
    assert isinstance(caught.value.__cause__, OSError)
    disk.is_dead = False
    for _ in range(2):
        with pytest.raises(StoreError, match=r"nothing more is written.*restart the kernel"):
            store.commit([put("c")])
    assert names(store) == {"a"}
    assert len(store.read_history("a")) == 1
    assert [record.instance_id for record in store.list_instances(InstanceFilter())] == ["a"]
    store.close()
    store = journal_in(path)
    assert names(store) == {"a"}, "what was refused must not come back"
    assert store.commit([put("c")]) == 3
    store.close()


def test_relaxed_a_sync_that_fails_is_told_by_the_next_commit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk = BadDisk()
    path = tmp_path / "history.duckdb"
    store = journal_in(path, disk=disk, durability="relaxed", has_threads=True, load_seconds=60.0)
    store.commit([put("a")])
    disk.is_dead = True
    store.commit([put("b")])
    until(lambda: "is closed for writing" in caplog.text)
    disk.is_dead = False
    with pytest.raises(StoreError, match="nothing more is written"):
        store.commit([put("c")])
    assert names(store) == {"a", "b"}
    store.close()
    assert not folder_of(path).exists()


# -- loading ----------------------------------------------------------------------------------------------


def in_duckdb(store: JournalStore) -> int:
    """How many instances are in the tables, without having anything loaded."""
    with store._file.cursor() as cursor:
        ((count,),) = cursor.execute("SELECT count(*) FROM instances").fetchall()
    return count


def test_a_thread_loads_what_was_committed(tmp_path: Path) -> None:
    store = journal_in(tmp_path / "history.duckdb", has_threads=True, load_seconds=0.001, segment_bytes=3_000)
    for number in range(40):
        store.commit([put(f"i{number}"), message(number + 1, f"i{number}")])
    until(lambda: in_duckdb(store) == 40)
    until(lambda: len(segments_of(tmp_path / "history.duckdb")) <= 4)
    store.close()
    assert "nbflow-loader" not in [thread.name for thread in threading.enumerate()]


def test_a_load_that_fails_is_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = journal_in(tmp_path / "history.duckdb", has_threads=True, load_seconds=0.001)
    cursor = store.cursor()
    cursor.execute("ALTER TABLE inbox RENAME TO elsewhere")
    store.commit([put("a"), message(1, "a")])
    until(lambda: "tried again" in caplog.text)
    assert "stays in the journal, since it can't be loaded" in caplog.text
    assert "inbox" in caplog.text
    with pytest.raises(StoreError, match="inbox"):
        store.read_inbox()
    assert names(store) == {"a"}
    store.commit([put("b"), message(2, "b")])
    cursor.execute("ALTER TABLE elsewhere RENAME TO inbox")
    until(lambda: in_duckdb(store) == 2)
    assert [row.row_id for row in store.read_inbox()] == [1, 2]
    store.close()


def commit_many(store: JournalStore) -> None:
    for number in range(100, 200):
        store.commit([put(f"i{number}"), message(number, f"i{number}")])


def test_when_too_much_waits_a_commit_loads_it_or_says_why_not(tmp_path: Path) -> None:
    store = journal_in(tmp_path / "history.duckdb", most_bytes=10_000)
    for number in range(60):
        store.commit([put(f"i{number}"), message(number + 1, f"i{number}")])
        assert store._journal is not None
        assert store._journal.tail.size < 11_000
    assert in_duckdb(store) > 30
    store.cursor().execute("ALTER TABLE inbox RENAME TO elsewhere")
    with pytest.raises(StoreError, match=r"takes no more commits: 0 MB wait in its journal.*inbox") as caught:
        commit_many(store)
    accepted = store.commit([])
    assert "make room on its disk" in str(caught.value)
    store._file.cursor().execute("ALTER TABLE elsewhere RENAME TO inbox")
    assert store.commit([put("a")]) == accepted + 1
    store.close()


def test_what_cannot_be_loaded_at_the_close_is_loaded_at_the_next_opening(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, faults = tmp_path / "history.duckdb", Faults()
    store = JournalStore(path, key=KEY, connect=faults.connect, options=JournalOptions(has_threads=False))
    store.open()
    store.commit([put("a"), message(1, "a")])
    faults.arm_statement("DROP TABLE carried", duckdb.FatalException)
    store.close()
    assert "is loaded when it is opened again" in caplog.text
    assert segments_of(path)
    store = journal_in(path)
    assert names(store) == {"a"}
    assert [row.row_id for row in store.read_inbox()] == [1]
    store.close()
    assert not folder_of(path).exists()


def test_a_batch_that_is_longer_than_a_segment(tmp_path: Path) -> None:
    path = tmp_path / "live" / "history.duckdb"
    path.parent.mkdir()
    store, oracle = journal_in(path, segment_bytes=3_000), MemoryStore()
    oracle.open()
    batches: list[list[op.Operation]] = [
        [put("a")],
        [put("a", input='"' + "x" * 20_000_000 + '"'), put("b")],
        [put("c"), message(1, "c")],
    ]
    for batch in batches:
        store.commit(batch)
        oracle.commit(batch)
    crashed = journal_in(snapshot(path, tmp_path / "crashed"))
    assert contents(crashed) == contents(oracle)
    crashed.close()
    assert contents(store) == contents(oracle)
    assert len(segments_of(path)) <= 3
    store.close()


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    for name in ("a", "ab", "with 'quotes' and ü", "[a]*", "100%"):
        path = tmp_path / name / "history.duckdb"
        path.parent.mkdir()
        if len(name) < 3:  # what the pattern further on would find
            folder_of(path).mkdir()
            (folder_of(path) / "loading.json").write_text("not for you")
            continue
        store = journal_in(path)
        store.commit([put("a"), message(1, "a")])
        assert len(store.read_inbox()) == 1
        store.close()


def test_what_would_not_fit_its_column_is_refused_before_it_is_written(tmp_path: Path) -> None:
    store = journal_in(tmp_path / "history.duckdb")
    for batch in (
        [put("a", generation=2**31)],
        [message(2**63, "a")],
        [put("a"), append("a", "e1", turn()), put("b", name="\ud800")],
    ):
        with pytest.raises(StoreError, match="can't be written"):
            store.commit(batch)
    assert store.commit([put("a", generation=2**31 - 1, custom_status='"\0"'), message(2**63 - 1, "a")]) == 2
    store.flush()
    assert in_duckdb(store) == 1
    store.close()


# -- whose it is ------------------------------------------------------------------------------------------


@pytest.mark.semantics(72)
def test_the_journal_of_an_owner_that_lives_is_not_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "history.duckdb"
    with child("write", "journal", path, 1, 50) as process:
        out = lines(process)
        assert out.readline() == "open\n"
        out.readline()
        for attempt in (lambda: journal_in(path), lambda: load_leftover(path)):
            if process.poll() is None:
                with pytest.raises(StoreLockedError, match=f"process {process.pid}"):
                    attempt()
        assert process.wait() == 0 or out.read()
    path = tmp_path / "other.duckdb"
    with child("hold", path) as process:
        assert lines(process).readline() == "open\n"
        folder_of(path).mkdir()
        (folder_of(path) / "1.ndjson").write_bytes(b"\n")
        with pytest.raises(StoreLockedError, match=f"process {process.pid}"):
            journal_in(path)
        assert segments_of(path)
        process.communicate()


def test_duckdb_alone_does_not_go_on_beside_a_journal(tmp_path: Path) -> None:
    """It would use the numbers of commits that it doesn't see."""
    (tmp_path / "live").mkdir()
    live = tmp_path / "live" / "history.duckdb"
    store = journal_in(live)
    store.commit([put("a")])
    path = snapshot(live, tmp_path / "crashed")
    store.close()
    for read_only in (False, True):
        with pytest.raises(StoreError, match=r"the last commits .* are in the journal"):
            DuckDBStore(path, key=KEY, read_only=read_only).open()
    load_leftover(path)
    plain = DuckDBStore(path, key=KEY, read_only=True)
    plain.open()
    assert plain.get_instance("a")
    plain.close()
    assert not folder_of(path).exists()


def test_what_nobody_can_load_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "live").mkdir()
    live = tmp_path / "live" / "history.duckdb"
    store = journal_in(live)
    store.commit([put("a")])
    path = snapshot(live, tmp_path / "crashed")
    store.close()

    def refused(*_args: object, **_options: object) -> None:
        raise duckdb.IOException('IO Error: Cannot open file "history.duckdb": Permission denied')

    monkeypatch.setattr("nbflow.stores.journal.leftover.JournalStore", partial(JournalStore, connect=refused))
    with pytest.raises(
        StoreUnavailableError, match=r"in the journal of a kernel that was killed.*Permission denied"
    ):
        load_leftover(path)
    assert segments_of(path)


def test_a_link_to_the_file_has_the_same_journal(tmp_path: Path) -> None:
    (tmp_path / "live").mkdir()
    live = tmp_path / "live" / "history.duckdb"
    store = journal_in(live)
    (tmp_path / "link.duckdb").symlink_to(live)
    store.close()
    store = journal_in(tmp_path / "link.duckdb")
    store.commit([put("a")])
    path = snapshot(live, tmp_path / "crashed")
    store.close()
    store = journal_in(path)
    assert names(store) == {"a"}
    store.close()


# -- who is there -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_threads", [True, False])
def test_an_id_that_is_there_is_found_whatever_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_threads: bool
) -> None:
    monkeypatch.setattr("nbflow.stores.duckdb_facts._REMEMBERED", 2)
    path = tmp_path / "history.duckdb"
    every = [f"i{number}" for number in range(50)]
    for opening in range(5):
        store = journal_in(path, has_threads=has_threads)
        store.commit([put(name) for name in every[10 * opening : 10 * opening + 10]])
        found = [name for name in every if store.get_instance(name)]
        assert found == every[: 10 * opening + 10]
        store.flush()
        assert [name for name in every if store.get_instance(name)] == found
        store.close()


def test_duckdb_is_not_asked_for_an_id_that_is_nobodys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = journal_in(tmp_path / "history.duckdb")
    store.commit([put("a")])
    store.flush()
    asked: list[str] = []
    monkeypatch.setattr(store._file, "run", lambda sql, *_: asked.append(sql) or [])
    for number in range(100):
        assert store.get_instance(f"i{number}") is None
        store.commit([put(f"i{number}"), append(f"i{number}", "e1", turn())])
    assert len(asked) < 5, "but where two IDs have one place"
    monkeypatch.undo()
    store.close()


# -- quick ------------------------------------------------------------------------------------------------


def test_commits_are_quick_as_long_as_the_disk_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = [0.0]
    took = [0.0001]

    class Slow(BadDisk):
        def sync(self, fd: int) -> None:
            moment[0] += took[0]

    monkeypatch.setattr("nbflow.stores.journal.writing.perf_counter", lambda: moment[0])
    store = journal_in(tmp_path / "history.duckdb", disk=Slow(), segment_bytes=1 << 20, most_bytes=200_000)
    assert not store.is_quick, "nobody knows yet"
    store.commit([put("a")])
    assert store.is_quick
    took[0] = 0.02
    store.commit([put("a")])
    assert not store.is_quick
    took[0] = 0.0001
    for _ in range(60):
        store.commit([put("a")])
    assert store.is_quick
    store.commit([put("a", input="x" * 150_000)])
    assert not store.is_quick, "the next one may have to wait for the loading"
    store.flush()
    assert store.is_quick
    store.close()
    assert not store.is_quick


def test_a_script_leaves_the_same_by_way_of_any_thread(tmp_path: Path) -> None:
    """The port asks for one caller at a time, and not for one thread."""
    store = journal_in(tmp_path / "history.duckdb", has_threads=True, load_seconds=0.001, segment_bytes=8_000)
    oracle = MemoryStore()
    oracle.open()
    batches = script(11)
    failures: list[BaseException] = []

    def go_on() -> None:
        try:
            for _ in range(20):
                batch = next(batches)
                assert store.commit(batch) == oracle.commit(batch)
            assert contents(store) == contents(oracle)
        except BaseException as error:
            failures.append(error)

    for _ in range(6):
        thread = threading.Thread(target=go_on)
        thread.start()
        thread.join()
    assert failures == []
    assert os.listdir(folder_of(tmp_path / "history.duckdb"))
    store.close()
