"""Where the history is: which rule names it, and the folder that is made for it."""

import stat
from pathlib import Path

import pytest

from nbflow.errors import StoreUnavailableError
from nbflow.jupyter.location import locate, prepare, shorten, siblings


def test_beside_the_notebook_that_jupyter_names(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    environment = {"JPY_SESSION_NAME": str(tmp_path / "sub" / "Order desk.ipynb")}
    assert locate("", environment, {}, tmp_path) == str(tmp_path / "sub/.nbflow/Order desk.duckdb")


def test_a_relative_notebook_is_below_the_working_directory(tmp_path: Path) -> None:
    assert locate("", {"JPY_SESSION_NAME": "a.ipynb"}, {}, tmp_path) == str(tmp_path / ".nbflow/a.duckdb")


def test_a_notebook_in_a_folder_that_is_not_here(tmp_path: Path) -> None:
    environment = {"JPY_SESSION_NAME": "/nowhere/else/a.ipynb"}
    assert locate("", environment, {}, tmp_path) == str(tmp_path / ".nbflow/a.duckdb")


def test_beside_the_notebook_that_vs_code_names(tmp_path: Path) -> None:
    namespace = {"__vsc_ipynb_file__": str(tmp_path / "b.ipynb")}
    environment = {"JPY_SESSION_NAME": "console-1-3f6b"}
    assert locate("", environment, namespace, tmp_path) == str(tmp_path / ".nbflow/b.duckdb")


def test_elsewhere_in_the_working_directory(tmp_path: Path) -> None:
    assert locate("", {}, {"__vsc_ipynb_file__": 3}, tmp_path) == str(tmp_path / ".nbflow/history.duckdb")


def test_the_environment_overrides_and_a_choice_overrides_that(tmp_path: Path) -> None:
    environment = {"NBFLOW_DB": "x.duckdb", "JPY_SESSION_NAME": "a.ipynb"}
    assert locate("", environment, {}, tmp_path) == str(tmp_path / "x.duckdb")
    assert locate("y.duckdb", environment, {}, tmp_path) == str(tmp_path / "y.duckdb")
    assert locate(":memory:", environment, {}, tmp_path) == ":memory:"
    assert locate("~/z.duckdb", environment, {}, tmp_path) == str(Path.home() / "z.duckdb")


def test_the_folder_is_the_owners_alone_and_not_for_git(tmp_path: Path) -> None:
    store = tmp_path / ".nbflow" / "a.duckdb"
    prepare(str(store))
    prepare(str(store))
    assert stat.S_IMODE(store.parent.stat().st_mode) == 0o700
    assert (store.parent / ".gitignore").read_text() == "*\n"


def test_no_other_folder_is_made(tmp_path: Path) -> None:
    prepare(str(tmp_path / "other" / "a.duckdb"))
    prepare(":memory:")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made() -> None:
    with pytest.raises(StoreUnavailableError, match=r"/sys/\.nbflow can't be made \(.+\): type %wf db PATH"):
        prepare("/sys/.nbflow/a.duckdb")


def test_siblings_are_the_other_histories_in_the_same_folder(tmp_path: Path) -> None:
    folder = tmp_path / ".nbflow"
    folder.mkdir()
    for name in ("a.duckdb", "b.duckdb", "b.duckdb.wal", ".gitignore"):
        (folder / name).touch()
    assert siblings(str(folder / "a.duckdb")) == [folder / "b.duckdb"]
    assert siblings(str(tmp_path / "a.duckdb")) == []
    assert siblings(":memory:") == []


def test_paths_are_told_as_a_person_would_write_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shorten(str(tmp_path / ".nbflow" / "a.duckdb")) == ".nbflow/a.duckdb"
    assert shorten(str(Path.home() / "a.duckdb")) == "~/a.duckdb"
    assert shorten("/elsewhere/a.duckdb") == "/elsewhere/a.duckdb"
    assert shorten(":memory:") == "memory (nothing is kept)"
