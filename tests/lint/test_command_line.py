"""``nbflow lint`` over modules and notebooks: lines for editors, and an exit status for CI."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nbflow.cli import main

BAD = (
    "import time\nfrom nbflow import workflow\n\n@workflow\nasync def remind(ctx):\n    return time.time()\n"
)
GOOD = (
    "from nbflow import workflow\n\n@workflow\nasync def remind(ctx):\n    return ctx.current_utc_datetime\n"
)


def notebook(path: Path, *cells: str) -> Path:
    parts: list[dict[str, Any]] = [{"cell_type": "markdown", "metadata": {}, "source": ["# Orders"]}]
    parts += [
        {"cell_type": "code", "metadata": {}, "outputs": [], "source": cell.splitlines(True)}
        for cell in cells
    ]
    path.write_text(json.dumps({"cells": parts, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def test_a_module_with_findings_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "orders.py"
    path.write_text(BAD)
    assert main(["lint", str(path)]) == 1
    first, last = capsys.readouterr().out.splitlines()
    assert (
        first
        == f"{path}:6:12: NBF001 time.time() gives another value on replay: use ctx.current_utc_datetime"
    )
    assert last == "1 found; nbflow lint --explain RULE tells about a rule"


def test_sound_modules_and_folders_end_with_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.py").write_text(GOOD)
    (tmp_path / "b.py").write_text("x = 1\n")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "c.py").write_text(BAD)
    (tmp_path / "data.txt").write_text("no Python")
    assert main(["lint", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "nothing found in 2 files\n"


CELLS = (
    "%load_ext nbflow\nimport time, uuid\n!ls\nseen = []",
    "\n%%activity charge(sku: str) -> str\nimport uuid\nreturn str(uuid.uuid4())",
    '\n%%workflow fulfil(sku: str) -> str --version 2\ntext = """\nkept as it is\n"""\nawait charge(sku)\nreturn f"{time.time()}"',
    "def stamp():\n    return uuid.uuid4()",
    "%%workflow\nasync def second(ctx):\n    seen.append(1)\n    return stamp()\n\ndef plain(ctx):\n    return stamp()",
    "%%workflow third()\nwhile True: pass",
    "%%bash\nthis is no Python (",
    "%%time\nfrom nbflow import workflow\n@workflow\nasync def fourth(ctx):\n    time.sleep(1)",
    "await fourth; run = %wf run fulfil('tea')",
)


def test_the_cells_of_a_notebook(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = notebook(tmp_path / "orders.ipynb", *CELLS)
    assert main(["lint", str(path)]) == 1
    found = [line.removeprefix(f"{path}:") for line in capsys.readouterr().out.splitlines()[:-1]]
    assert [line.split(" ", 3)[:3] for line in found] == [
        ["cell", "4:7:11:", "NBF001"],
        ["cell", "5:2:12:", "NBF003"],
        ["cell", "6:3:5:", "NBF012"],
        ["cell", "7:2:1:", "NBF014"],
        ["cell", "9:5:5:", "NBF009"],
    ]
    assert "(in stamp, called by second)" in found[1]
    assert "the global seen (cell 2) is changed" in found[2]


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (
            "%%workflow fulfil(sku",
            "2:1:1: NBF000 this can't be read: %%workflow fulfil(sku: the '(' is never closed",
        ),
        ("%%workflow fulfil()\nreturn (", "2:2:1: NBF000 this can't be read: '(' was never closed"),
        ("x = (", "2:1:5: NBF000 this can't be read: '(' was never closed"),
    ],
)
def test_a_cell_that_is_no_python(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cell: str, said: str
) -> None:
    path = notebook(tmp_path / "orders.ipynb", cell)
    assert main(["lint", str(path)]) == 1
    assert capsys.readouterr().out.startswith(f"{path}:cell {said}")


def test_wrong_use_ends_with_2_and_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "broken.ipynb").write_text("{")
    (tmp_path / "list.ipynb").write_text("[]")
    (tmp_path / "old.ipynb").write_text('{"worksheets": []}')
    (tmp_path / "bytes.py").write_bytes(b"# coding: utf-8\n\xff\n")
    for arguments, said in (
        ([], "name a file or folder: type nbflow lint FILE"),
        ([str(tmp_path / "missing.py")], "isn't there"),
        ([str(tmp_path / "notes.txt")], "is neither a module (.py) nor a notebook (.ipynb)"),
        ([str(tmp_path / "broken.ipynb")], "can't be read: it is no JSON"),
        ([str(tmp_path / "list.ipynb")], "can't be read: it has no cells"),
        ([str(tmp_path / "old.ipynb")], "can't be read: it has no cells"),
        ([str(tmp_path / "bytes.py")], "can't be read: "),
        (["--explain", "NBF999"], "there is no rule 'NBF999': they are NBF001"),
    ):
        assert main(["lint", *arguments]) == 2
        error = capsys.readouterr().err
        assert error.startswith("nbflow lint: ")
        assert said in error
        assert error.count("\n") == 1


def test_a_rule_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--explain", "nbf012"]) == 0
    assert capsys.readouterr().out.startswith(
        "NBF012 (global): can change between a step and its replay\nInstead:"
    )


def test_nothing_of_what_is_read_is_run(tmp_path: Path) -> None:
    """In a process of its own, as CI has it: neither the module nor DuckDB is imported."""
    path = tmp_path / "orders.py"
    path.write_text("raise SystemExit(7)\n" + BAD)
    code = f"import sys; from nbflow.cli import main; s = main(['lint', {str(path)!r}]); print('duckdb' in sys.modules); sys.exit(s)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert done.stdout.endswith("False\n")
