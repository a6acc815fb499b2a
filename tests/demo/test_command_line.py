"""The command line itself: its help, its version, and one line for what it doesn't understand."""

import sys
from importlib import metadata
from pathlib import Path

import pytest

from nbflow.cli import main
from nbflow.cli.complaints import CommandError
from nbflow.cli.stage import Stage
from tests.demo.conftest import QUICKSTART


def ended(arguments: list[str]) -> int | str | None:
    with pytest.raises(SystemExit) as ending:
        main(arguments)
    return ending.value.code


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(["--version"]) == 0
    assert capsys.readouterr().out == f"nbflow {metadata.version('nbflow')}\n"


def test_help_names_the_commands_with_and_without_asking(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    asked_by_nobody = capsys.readouterr().out
    assert ended(["--help"]) == 0
    assert capsys.readouterr().out == asked_by_nobody
    assert "demo" in asked_by_nobody


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["demoo"], "nbflow: argument COMMAND: invalid choice: 'demoo'"),
        (["demo", "--fast"], "nbflow: unrecognized arguments: --fast"),
        (
            ["demo", "--within", "soon"],
            "nbflow demo: argument --within: invalid number of seconds value: 'soon'",
        ),
        (["demo", "--within", "0"], "nbflow demo: argument --within: invalid number of seconds value: '0'"),
        (
            ["demo", "--within", "nan"],
            "nbflow demo: argument --within: invalid number of seconds value: 'nan'",
        ),
        (["demo", "--out"], "nbflow demo: argument --out: expected one argument"),
    ],
)
def test_what_it_does_not_understand_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert ended(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(said)
    assert error.count("\n") == 1
    assert error.endswith(" --help\n")


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["demo", *arguments]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err.removeprefix("nbflow demo failed: ").rstrip("\n")


def test_a_folder_with_other_things_in_it_is_left_alone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").touch()
    said = complaint(capsys, "--out", str(tmp_path))
    assert said == f"{tmp_path} has other things in it: type nbflow demo --out with a new folder"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_folder_that_cannot_be_written_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert complaint(capsys, "--out", "/sys/nbflow").startswith("/sys/nbflow can't be written: ")


@pytest.mark.parametrize("name", ["nbconvert", "nbformat"])
def test_without_the_extra_it_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    assert complaint(capsys) == f"{name} is not installed: pip install 'nbflow[demo]'"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"launch"', '"start"', "book.ipynb: the cell 'run = %wf run publish_penguins(SOURCE, embargo=3)"),
        ('"answer"', '"result"', "book.ipynb has no cell with the tag 'answer'"),
        ("%wf raise", "%wf show", "book.ipynb has no '%wf raise ID EVENT' in a cell with the tag 'answer'"),
        ('"cells"', '"sells"', "book.ipynb is no notebook"),
        ("{", "<", "book.ipynb is no notebook"),
    ],
)
def test_a_notebook_that_is_not_made_for_it_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, old: str, new: str, said: str
) -> None:
    book = tmp_path / "book.ipynb"
    book.write_text(QUICKSTART.read_text().replace(old, new))
    out = tmp_path / "out"
    assert said in complaint(capsys, "--notebook", str(book), "--out", str(out))
    assert not out.exists()


def test_a_notebook_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        complaint(capsys, "--notebook", "mine.ipynb") == "mine.ipynb can't be read: No such file or directory"
    )


def test_a_second_demo_replaces_the_first_and_nothing_else(tmp_path: Path) -> None:
    book = tmp_path / "book.ipynb"
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "new.csv").touch()
    out = tmp_path / "out"
    Stage(out, book, tmp_path)
    for name in ("data/old.csv", ".nbflow/book.duckdb", "published/old.csv", "mine/mine.txt"):
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).touch()
    for name in ("book.ipynb", "book.html", "audit.log", "mine.txt"):
        (out / name).touch()
    Stage(out, book, tmp_path)
    left = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert left == [".nbflow-demo", "data/new.csv", "mine.txt", "mine/mine.txt"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(CommandError, match=r"out can't be written: "):
        Stage(tmp_path / "out", tmp_path / "book.ipynb", tmp_path)
