"""A look into a history that isn't open here, and whose owner may be alive, dead, or nobody's business."""

from pathlib import Path

from nbflow.jupyter.peek import count_active
from tests.stores.journals import journal_in, segments_of, snapshot
from tests.stores.samples import put


def test_what_a_killed_kernel_has_committed_last_counts(tmp_path: Path) -> None:
    (tmp_path / "alive").mkdir()
    path = tmp_path / "alive" / "history.duckdb"
    store = journal_in(path)
    store.commit([put("a"), put("b")])
    copy = snapshot(path, tmp_path / "killed")
    assert segments_of(copy)
    assert count_active(path) is None  # it is open
    store.close()
    assert count_active(path) == 2
    assert count_active(copy) == 2
    assert not segments_of(copy)


def test_a_file_that_is_no_history_has_no_count(tmp_path: Path) -> None:
    path = tmp_path / "history.duckdb"
    path.write_text("something else")
    assert count_active(path) is None
    assert path.read_text() == "something else"
