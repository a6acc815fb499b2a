"""A killed owner's segments, once they are loaded: the next life writes to them, and nothing of before comes back."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from nbflow.stores.journal.recovery import _reusable
from nbflow.stores.journal.scanning import Found, read_header
from nbflow.stores.memory import MemoryStore
from tests.stores.journals import BadDisk, journal_in, segments_of, snapshot
from tests.stores.samples import contents, put, script


class Filled(BadDisk):
    """Counts the segments that are made."""

    made = 0

    def fill(self, fd: int, size: int) -> None:
        self.made += 1
        super().fill(fd, size)


@pytest.mark.semantics(67)
@pytest.mark.parametrize("durability", ["full", "relaxed"])
def test_life_after_life_uses_the_segments_of_the_one_before(tmp_path: Path, durability: str) -> None:
    """Each is killed with more or fewer batches than the last, so that old ones lie behind the new."""
    (tmp_path / "first").mkdir()
    path, oracle, batches = tmp_path / "first" / "history.duckdb", MemoryStore(), script(3)
    oracle.open()
    epochs = [0]
    for life, count in enumerate((9, 2, 1, 5, 1, 0, 3)):
        disk = Filled()
        store = journal_in(path, durability=durability, disk=disk, segment_bytes=60_000)
        assert contents(store) == contents(oracle)
        assert store.audit(thorough=True) == []
        assert disk.made == (0 if life and epochs[-1] else 1), "a segment was there"
        for batch in islice(batches, count):
            assert store.commit(batch) == oracle.commit(batch)
        path = snapshot(path, tmp_path / str(life))
        store.close()
        (segment,) = segments_of(path)
        header = read_header(segment.read_bytes())
        assert header is not None
        assert header.epoch > epochs[-1] or not count
        epochs.append(header.epoch)
    store = journal_in(path)
    assert contents(store) == contents(oracle)
    store.close()
    assert [left.name for left in path.parent.iterdir()] == ["history.duckdb"]


def test_a_segment_of_another_size_is_not_used_again(tmp_path: Path) -> None:
    (tmp_path / "live").mkdir()
    path = tmp_path / "live" / "history.duckdb"
    store = journal_in(path)
    store.commit([put("large", input=f'"{"x" * 50_000}"')])
    copy = snapshot(path, tmp_path / "crashed")
    store.close()
    again = journal_in(copy)
    assert [segment.stat().st_size for segment in segments_of(copy)] == [20_000]
    assert again.get_instance("large") is not None
    again.close()


def test_names_that_are_taken_are_not_given_again(tmp_path: Path) -> None:
    (tmp_path / "live").mkdir()
    path = tmp_path / "live" / "history.duckdb"
    store = journal_in(path)
    store.commit([put("one")])
    copy = snapshot(path, tmp_path / "crashed")
    store.close()
    again = journal_in(copy)
    for number in range(60):  # more than one segment
        again.commit([put(f"more-{number}", input=f'"{"y" * 500}"')])
    last = snapshot(copy, tmp_path / "once more")
    again.close()
    assert len(segments_of(last)) > 1
    third = journal_in(last)
    assert len(third.get_instances(["one", *(f"more-{number}" for number in range(60))])) == 61
    third.close()


def test_no_segment_is_used_again_beside_a_batch_that_follows_on_nothing() -> None:
    one, two = Path("1.ndjson"), Path("2.ndjson")
    found = [
        Found(epoch=epoch, start=0, end=1, first=last, last=last, synced=0, path=path)
        for epoch, last, path in ((1, 4, one), (1, 5, one), (2, 7, two))
    ]
    assert _reusable(found, 7) == [one, two]
    assert _reusable(found, 5) == []
