"""The quickstart as people run it: again, after a restart, after a kill, and with a no.

That it runs from top to bottom is nbmake's test, and that it survives the demo is the demo's.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from nbflow.cli.complaints import Deadline
from nbflow.cli.kernels import Kernel
from nbflow.cli.notebook import Cell, TaggedNotebook
from nbflow.cli.outputs import text_of
from nbflow.cli.stage import Stage

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "notebooks" / "00_quickstart.ipynb"
ROLES = ["load", "definition", "launch", "answer", "result"]


class Desk:
    """A folder with the quickstart in it, and kernels to run it in."""

    def __init__(self, folder: Path) -> None:
        self.book = TaggedNotebook(QUICKSTART)
        self.home = folder / "home"
        self.home.mkdir()
        self.stage = Stage(folder / "work", QUICKSTART, self.home)

    @contextmanager
    def kernel(self) -> Iterator[Kernel]:
        number = sum(1 for _ in self.home.glob("*.log"))
        with Kernel(
            f"kernel-{number}",
            folder=self.stage.folder,
            home=self.home,
            environment=self.stage.environment,
            deadline=Deadline(100),
        ) as kernel:
            yield kernel

    def run(self, kernel: Kernel, cells: Iterable[Cell], **replaced: str) -> str:
        """Run cells, some of them with another text; gives the run's result, if it is among them."""
        result = ""
        for cell in cells:
            outputs, _ = kernel.run(replaced.get(cell.node["id"], cell.source), cell.first_line)
            result = text_of(outputs) if cell.node["id"] == "result" else result
        return result

    @property
    def steps(self) -> Counter[str]:
        lines = self.stage.proof.read_text().splitlines()
        return Counter(line.partition(" ")[2] for line in lines)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.slow
@pytest.mark.kernel
def test_all_cells_run_again_in_the_same_kernel_and_in_another_one(desk: Desk) -> None:
    everything = desk.book.of("load", "definition", "launch", "answer", "result")
    with desk.kernel() as kernel:
        first = desk.run(kernel, everything)
        second = desk.run(kernel, everything)
        kernel.shut_down()
    with desk.kernel() as kernel:
        third = desk.run(kernel, everything)
    assert first == second == third == "'342 birds of 3 species published: the odd values may stay'"
    assert set(desk.steps.values()) == {3}


@pytest.mark.semantics(11)
@pytest.mark.slow
@pytest.mark.kernel
def test_run_all_cells_after_a_kill_goes_on_with_the_run(desk: Desk) -> None:
    with desk.kernel() as kernel:
        desk.run(kernel, desk.book.of("load", "definition", "launch"))
        kernel.kill()
    with desk.kernel() as kernel:
        result = desk.run(kernel, desk.book.of("load", "definition", "launch", "answer", "result"))
    assert result == "'342 birds of 3 species published: the odd values may stay'"
    assert set(desk.steps.values()) == {1}


@pytest.mark.semantics(51, 79)
@pytest.mark.slow
@pytest.mark.kernel
def test_after_a_kill_the_run_goes_on_without_the_cells_that_define_its_steps(desk: Desk) -> None:
    with desk.kernel() as kernel:
        desk.run(kernel, desk.book.of("load", "definition", "launch"))
        kernel.kill()
    with desk.kernel() as kernel:
        result = desk.run(kernel, desk.book.of("load", "answer", "result"))
    assert result == "'342 birds of 3 species published: the odd values may stay'"
    assert set(desk.steps.values()) == {1}


@pytest.mark.slow
@pytest.mark.kernel
def test_a_no_publishes_nothing(desk: Desk) -> None:
    no = '%wf raise penguins-1 approval {"approved": false, "comment": "who measured N71A2?"}'
    with desk.kernel() as kernel:
        result = desk.run(
            kernel, desk.book.of("load", "definition", "launch", "answer", "result"), approve=no
        )
    assert result == "'not published: who measured N71A2?'"
    assert "publish" not in desk.steps
    assert not (desk.stage.folder / "published" / "penguins.csv").exists()


# -- the file itself ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cells() -> list[dict[str, Any]]:
    return json.loads(QUICKSTART.read_text())["cells"]


def test_pytest_collects_it() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, "notebooks"], cwd=ROOT, capture_output=True, text=True)
    assert re.search(r"00_quickstart\.ipynb", done.stdout), done.stdout + done.stderr
    assert (
        "notebooks" in re.findall(r"^testpaths = .*$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[0]
    )


def test_it_is_kept_without_outputs(cells: list[dict[str, Any]]) -> None:
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["id"] for cell in code if cell["outputs"] or cell["execution_count"] is not None] == []


def test_the_cells_come_in_the_order_in_which_the_demo_runs_them(cells: list[dict[str, Any]]) -> None:
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["id"] for cell in code if len(cell["metadata"]["tags"]) != 1] == []
    roles = [cell["metadata"]["tags"][0] for cell in code]
    assert roles == sorted(roles, key=ROLES.index)
    assert set(roles) == set(ROLES)


def test_every_activity_signs_and_none_sleeps(cells: list[dict[str, Any]]) -> None:
    activities = [
        "".join(cell["source"]) for cell in cells if "".join(cell["source"]).startswith("%%activity")
    ]
    assert len(activities) == 5
    assert [text for text in activities if not text.splitlines()[1].startswith("sign(")] == []
    assert [text for text in activities if "sleep" in text] == []


def test_lines_fit_on_the_page(cells: list[dict[str, Any]]) -> None:
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    lines = [line.rstrip("\n") for cell in code for line in cell["source"]]
    assert [line for line in lines if len(line) > 96] == []


# -- its data -------------------------------------------------------------------------------------------


def test_the_data_say_where_they_come_from_and_what_one_may_do_with_them() -> None:
    table, note = QUICKSTART.parent / "data" / "penguins-raw.csv", QUICKSTART.parent / "data" / "README.md"
    assert table.stat().st_size < 60_000
    assert "CC0 1.0" in note.read_text()
    assert "https://doi.org/10.1371/journal.pone.0090081" in note.read_text()


def test_nothing_that_runs_leave_behind_is_kept() -> None:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    left = [
        "notebooks/published/penguins.csv",
        "notebooks/.nbflow/00_quickstart.duckdb",
        "demo-output/audit.log",
    ]
    done = subprocess.run(
        ["git", "check-ignore", *left], cwd=ROOT, capture_output=True, text=True, env=os.environ
    )
    assert done.stdout.split() == left
