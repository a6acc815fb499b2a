"""What a killed owner leaves in the journal: every acknowledged batch, none twice, and no half of one.

``test_killed_writer.py`` kills real processes at random moments. Here the moments are chosen: a batch that is cut
off at every byte, a crash between loading and deleting, journals that don't belong to their file.
"""

from __future__ import annotations

import logging
import os
import shutil
from itertools import islice
from pathlib import Path

import duckdb
import pytest

from nbflow.core import operations as op
from nbflow.errors import StoreError, StoreVersionError
from nbflow.stores.duckdb import DuckDBStore
from nbflow.stores.journal.lines import Endings
from nbflow.stores.journal.place import folder_of
from nbflow.stores.journal.scanning import find_batches, read_header
from nbflow.stores.journal.segments import HEADER_BYTES, header
from nbflow.stores.journal.store import JournalStore
from nbflow.stores.memory import MemoryStore
from tests.stores.conftest import KEY
from tests.stores.faults import Faults
from tests.stores.journals import BadDisk, journal_in, segments_of, snapshot
from tests.stores.samples import append, contents, definition, message, put, scheduled, script, turn

BATCHES: list[list[op.Operation]] = [
    [put("a"), append("a", "e1", turn(), scheduled(1)), message(1, "a")],
    [definition(), put("b", "e2"), message(2, "b")],
    [op.DeleteInbox(row_ids=(1,)), put("a", custom_status="1")],
    [append("a", "e1", turn(3), start=3)],
    [op.DeleteInbox(row_ids=(2,))],
]
NUMBERS = [3, 6, 8, 9, 10]
"""The number of each batch's last operation."""


def oracle_of(count: int) -> MemoryStore:
    """What a store holds behind the first batches."""
    memory = MemoryStore()
    memory.open()
    for batch in BATCHES[:count]:
        memory.commit(batch)
    return memory


@pytest.fixture
def crashed(tmp_path: Path) -> Path:
    """A store with five batches in its journal, of which DuckDB has the first, as its killed owner left it."""
    (tmp_path / "live").mkdir()
    store = journal_in(tmp_path / "live" / "history.duckdb")
    for number, batch in enumerate(BATCHES):
        store.commit(batch)
        if number == 0:
            store.flush()
    path = snapshot(tmp_path / "live" / "history.duckdb", tmp_path / "crashed")
    store.close()
    return path


def ends_of(segment: Path, store_id: str) -> list[tuple[int, int]]:
    """Where the batches of a segment begin and end."""
    found = find_batches(segment, segment.read_bytes(), Endings(store_id))
    return [(batch.start, batch.end) for batch in found]


def store_id_of(segment: Path) -> str:
    found = read_header(segment.read_bytes())
    assert found is not None
    return found.store_id


def test_what_was_committed_is_loaded_and_the_journal_is_gone(crashed: Path) -> None:
    assert len(segments_of(crashed)) == 1
    store = journal_in(crashed)
    assert contents(store) == contents(oracle_of(5))
    assert store.audit(thorough=True) == []
    assert store.commit([put("c")]) == store.commit([]) == contents(oracle_of(5))["lsn"] + 1
    store.close()
    assert [path.name for path in crashed.parent.iterdir()] == ["history.duckdb"]


@pytest.mark.semantics(67)
@pytest.mark.parametrize("left", ["nothing", "newlines", "zeros", "old lines"])
def test_a_batch_that_is_cut_off_at_any_byte_never_was(crashed: Path, left: str) -> None:
    """The scan: of a batch that lacks as little as its last byte, nothing counts, and the others do."""
    (segment,) = segments_of(crashed)
    store_id, data = store_id_of(segment), segment.read_bytes()
    whole = ends_of(segment, store_id)
    start, end = whole[-1]
    old = data[whole[0][0] : whole[0][1]] * 9
    for cut in range(start, end):
        behind = {
            "nothing": b"",
            "newlines": data[end:],
            "zeros": b"\0" * (end - cut),
            "old lines": old[cut - start :],
        }[left]
        torn = find_batches(segment, data[:cut] + behind, Endings(store_id))
        expected = whole[:-1]
        if left == "newlines" and cut == end - 1:
            expected = whole  # the byte that is missing is a newline
        kept = [
            (batch.start, batch.end) for batch in torn if batch.start < start or batch.last == NUMBERS[-1]
        ]
        assert kept == expected, f"cut at byte {cut - start} of {end - start}"


@pytest.mark.semantics(67)
@pytest.mark.slow
def test_a_store_is_opened_whatever_byte_its_journal_was_cut_off_at(crashed: Path, tmp_path: Path) -> None:
    (segment,) = segments_of(crashed)
    data = segment.read_bytes()
    start, end = ends_of(segment, store_id_of(segment))[-1]
    for cut in range(start, end + 1):
        path = snapshot(crashed, tmp_path / str(cut))
        (torn,) = segments_of(path)
        torn.write_bytes(data[:cut])
        store = journal_in(path)
        oracle = oracle_of(5 if cut == end else 4)
        assert contents(store) == contents(oracle), f"cut at byte {cut - start} of {end - start}"
        assert store.audit(thorough=True) == []
        assert store.commit(BATCHES[4] if cut < end else [put("c")]) == contents(oracle)["lsn"] + 1
        store.close()
        shutil.rmtree(path.parent)


@pytest.mark.semantics(67)
def test_a_crash_between_loading_and_deleting_loads_nothing_twice(tmp_path: Path, crashed: Path) -> None:
    kept = tmp_path / "kept"
    shutil.copytree(folder_of(crashed), kept)
    for _ in range(2):
        store = journal_in(crashed)
        assert contents(store) == contents(oracle_of(5))
        assert store.audit(thorough=True) == []
        store.close()
        shutil.copytree(kept, folder_of(crashed))
    # The next life has gone on meanwhile, in files of the same names.
    store = journal_in(crashed)
    store.commit([put("c")])
    later = snapshot(crashed, tmp_path / "later")
    store.close()
    for segment in kept.iterdir():
        shutil.copy(segment, folder_of(later) / f"old-{segment.name}")
    store = journal_in(later)
    assert store.get_instance("c")
    assert store.commit([]) == contents(oracle_of(5))["lsn"] + 1
    store.close()


@pytest.mark.semantics(67)
@pytest.mark.slow
@pytest.mark.parametrize("kind", [duckdb.IOException, duckdb.FatalException])
def test_a_crash_in_a_recovery_leaves_another_one(
    crashed: Path, tmp_path: Path, kind: type[duckdb.Error]
) -> None:
    failed = 0
    for step in range(1, 60):
        path, faults = snapshot(crashed, tmp_path / str(step)), Faults()
        store = JournalStore(path, key=KEY, connect=faults.connect)
        faults.arm(step, kind)
        try:
            store.open()
        except StoreError:
            failed += 1
        else:
            store.close()
        store = journal_in(path)
        assert contents(store) == contents(oracle_of(5)), f"failed at step {step}"
        assert store.audit(thorough=True) == []
        store.close()
        if faults.before is not None:
            break
    assert failed > 12, "the failures came too late"


def test_old_batches_of_a_file_that_was_used_again_mean_nothing(tmp_path: Path) -> None:
    (tmp_path / "live").mkdir()
    path = tmp_path / "live" / "history.duckdb"
    store, oracle = journal_in(path, segment_bytes=6_000), MemoryStore()
    oracle.open()
    used: set[int] = set()
    for number, batch in enumerate(islice(script(5), 60)):
        assert store.commit(batch) == oracle.commit(batch)
        if number % 3 == 0:
            store.flush()
        used.update(segment.stat().st_ino for segment in segments_of(path))
        if number % 7 == 0:
            copy = journal_in(snapshot(path, tmp_path / str(number)))
            assert contents(copy) == contents(oracle)
            copy.close()
    epochs = [found.epoch for segment in segments_of(path) if (found := read_header(segment.read_bytes()))]
    assert max(epochs) > len(used), "no file was used twice"
    store.close()


# -- damage -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 2])
def test_damage_before_a_good_batch_is_an_error_that_names_the_place(crashed: Path, batch: int) -> None:
    (segment,) = segments_of(crashed)
    data = bytearray(segment.read_bytes())
    places = ends_of(segment, store_id_of(segment))
    data[places[batch][0] + 40] ^= 1
    segment.write_bytes(data)
    store = JournalStore(crashed, key=KEY)
    with pytest.raises(StoreError, match="is missing") as caught:
        store.open()
    said = str(caught.value)
    assert f"{crashed} ends at operation {NUMBERS[0]}" in said
    assert (
        f"operation {NUMBERS[batch - 1] + 1} is missing, {segment} behind byte {places[batch - 1][1]}" in said
    )
    assert f"`mv {segment.parent} {segment.parent}-damaged`" in said
    assert segment.read_bytes() == data
    with pytest.raises(StoreError, match="is missing"):
        store.open()
    segment.parent.rename(f"{segment.parent}-damaged")
    store.open()
    assert contents(store) == contents(oracle_of(1))
    store.close()


def test_damage_in_what_is_loaded_already_harms_nobody(crashed: Path) -> None:
    (segment,) = segments_of(crashed)
    data = bytearray(segment.read_bytes())
    data[: HEADER_BYTES + 40] = b"?" * (HEADER_BYTES + 40)
    segment.write_bytes(data)
    store = journal_in(crashed)
    assert contents(store) == contents(oracle_of(5))
    store.close()


def test_a_file_of_before_its_journal_is_refused(crashed: Path, tmp_path: Path) -> None:
    older = tmp_path / "older.duckdb"
    store = DuckDBStore(older, key=KEY)
    store.open()
    store.close()
    with duckdb.connect(str(older)) as connection:
        (segment,) = segments_of(crashed)
        connection.execute("UPDATE meta SET store_id = ?", [store_id_of(segment)])
    for name in ("history.duckdb", "history.duckdb.wal"):
        (crashed.parent / name).unlink(missing_ok=True)
    # DuckDB has the first batch, so that the journal has no need of it any more.
    data = segment.read_bytes()
    start, end = ends_of(segment, store_id_of(segment))[0]
    segment.write_bytes(data[:start] + b"\n" * (end - start) + data[end:])
    shutil.move(older, crashed)
    with pytest.raises(StoreError, match=r"ends at operation 0, .* operation 1 is missing") as caught:
        journal_in(crashed)
    assert "put back the file that belongs to this folder, or leave out what is in it" in str(caught.value)
    assert segment.exists()


def test_the_journal_of_another_history_is_moved_aside(
    crashed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody has deleted the file behind a crash, and begins anew."""
    (segment,) = segments_of(crashed)
    data, store_id = segment.read_bytes(), store_id_of(segment)
    place = Path(f"{crashed}.journal-of-{store_id[:8]}")
    for name in (place, Path(f"{place}-2")):
        for end in ("", ".wal"):
            Path(f"{crashed}{end}").unlink(missing_ok=True)
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            store = journal_in(crashed)
        assert store.commit([put("new")]) == 1
        store.close()
        assert str(name) in caplog.text
        assert (name / segment.name).read_bytes() == data
        shutil.copytree(name, folder_of(crashed))


def test_a_name_from_a_journal_leads_nowhere(crashed: Path) -> None:
    (segment,) = segments_of(crashed)
    segment.write_bytes(header("/../x/..", 1))
    store = journal_in(crashed)
    store.close()
    assert (crashed.parent / f"{crashed.name}.journal-of-x" / segment.name).exists()


def test_a_journal_of_a_newer_nbflow_is_refused(crashed: Path) -> None:
    (segment,) = segments_of(crashed)
    data = segment.read_bytes()
    newer = header(store_id_of(segment), 1).replace(b'"journal":1', b'"journal":9')
    segment.write_bytes(newer + data[HEADER_BYTES:])
    with pytest.raises(StoreVersionError, match="format 9, this one knows 1"):
        journal_in(crashed)
    assert segment.exists()


def test_a_row_of_somebody_else_in_the_journal_is_found(crashed: Path, tmp_path: Path) -> None:
    """A journal is no way around the seals: its hash is no secret, and the rows come in as they are."""
    (segment,) = segments_of(crashed)
    data, store_id = segment.read_bytes(), store_id_of(segment)
    start, _ = ends_of(segment, store_id)[3]
    body = data[start : data.index(b'{"end"', start)].replace(
        b'"kind":"WorkflowStarted"', b'"kind":"TaskCompleted"'
    )
    forged = body + Endings(store_id).line(body, 9, 9, 1, 1, 8)
    segment.write_bytes(data[:start] + forged + b"\n" * 900)
    store = journal_in(crashed)
    assert [str(found) for found in store.audit(thorough=True)] == ["a: a result, event 3, was altered"]
    store.close()


def test_an_unfinished_folder_is_no_journal(tmp_path: Path) -> None:
    path = tmp_path / "history.duckdb"
    folder_of(path).mkdir()
    (folder_of(path) / "1.ndjson").write_bytes(b"\n" * 5000)
    (folder_of(path) / "2.ndjson").write_bytes(b"")
    (folder_of(path) / "3.ndjson").write_bytes(header("x", 1)[:20])
    (folder_of(path) / "loading.json").write_bytes(b"{")
    store = journal_in(path)
    store.commit([put("a")])
    store.close()
    assert [each.name for each in tmp_path.iterdir()] == ["history.duckdb"]


def test_what_somebody_else_has_put_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "history.duckdb"
    folder_of(path).mkdir()
    (folder_of(path) / "notes.txt").write_text("mine")
    store = journal_in(path)
    store.commit([put("a")])
    store.close()
    assert (folder_of(path) / "notes.txt").read_text() == "mine"
    assert len(os.listdir(folder_of(path))) == 1


# -- relaxed ----------------------------------------------------------------------------------------------


def relaxed_and_cut(tmp_path: Path, disk: BadDisk) -> Path:
    """Three batches that were never synced, as a power cut leaves them that has lost the second."""
    (tmp_path / "live").mkdir()
    path = tmp_path / "live" / "history.duckdb"
    store = journal_in(path, durability="relaxed", disk=disk)
    for batch in BATCHES[:3]:
        store.commit(batch)
    copy = snapshot(path, tmp_path / "cut")
    store.close()
    (segment,) = segments_of(copy)
    data = bytearray(segment.read_bytes())
    start, end = ends_of(segment, store_id_of(segment))[1]
    data[start:end] = b"\n" * (end - start)
    segment.write_bytes(data)
    return copy


def test_relaxed_a_power_cut_takes_the_end_whatever_the_disk_has_of_it(tmp_path: Path) -> None:
    """The disk may have written what was not synced in any order: what is behind a gap is gone, and no damage."""
    path = relaxed_and_cut(tmp_path, BadDisk())
    store = journal_in(path)
    assert contents(store) == contents(oracle_of(1))
    # Nor does it come back when the numbers are used again.
    store.commit([put("c"), put("d"), put("e")])
    copy = snapshot(path, tmp_path / "again")
    store.close()
    store = journal_in(copy)
    assert {name for name in "abcde" if store.get_instance(name)} == set("acde")
    store.close()


def test_relaxed_what_was_synced_is_promised(tmp_path: Path) -> None:
    (tmp_path / "live").mkdir()
    path = tmp_path / "live" / "history.duckdb"
    store = journal_in(path, durability="relaxed")
    for batch in BATCHES[:3]:
        store.commit(batch)
        store._journal._sync_by_itself()  # pyright: ignore[reportOptionalMemberAccess, reportPrivateUsage]
    copy = snapshot(path, tmp_path / "cut")
    store.close()
    (segment,) = segments_of(copy)
    data = bytearray(segment.read_bytes())
    start, end = ends_of(segment, store_id_of(segment))[1]
    data[start:end] = b"\n" * (end - start)
    segment.write_bytes(data)
    with pytest.raises(StoreError, match="operation 4 is missing"):
        journal_in(copy)


def test_relaxed_the_disk_is_waited_for_now_and_then(tmp_path: Path) -> None:
    disk = BadDisk()
    store = journal_in(tmp_path / "history.duckdb", durability="relaxed", disk=disk, segment_bytes=1 << 20)
    assert store.durability == "relaxed"
    store.commit(BATCHES[0])
    before = disk.syncs
    for number in range(100):
        store.commit([put(f"i{number}")])
    assert disk.syncs == before
    store.close()
