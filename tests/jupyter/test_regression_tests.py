"""``%wf export ID test_order.py``: a real pytest run of the written test, while the code fits and when it no longer does."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nbflow.errors import DefinitionError
from nbflow.jupyter.loading import load_workflow
from tests.jupyter.conftest import Notebook

MODULE = """\
from nbflow import WorkflowContext, activity, workflow


@activity
def weigh(sku: str) -> int:
    return len(sku)


@workflow
async def fulfil(ctx: WorkflowContext, sku: str) -> str:
    grams = await weigh(sku)
    ctx.set_custom_status(grams)
    return await ctx.wait_for_external_event("approval")
"""

CELLS = [
    "%load_ext nbflow",
    "from dataclasses import dataclass\nimport asyncio, sys",
    "TRIES = 2",
    "@dataclass\nclass Order:\n    sku: str\n    boxes: int = FEW",
    "open('was-run.txt', 'w').close()\nFEW = 2\nraise SystemExit('nobody needs this statement')",
    "from nbflow import activity\n@activity\ndef weigh(order: Order) -> int:\n    return SCALES.weigh(order)",
    "%%activity pack(order: Order) -> str --retries {TRIES} --first-retry 1s\nreturn STAPLER.pack(order)",
    "from helpers import label_of\n%matplotlib inline",
    (
        "%%workflow fulfil(order: Order) -> str\n"
        "grams = await weigh(order)\n"
        "await asyncio.gather(*[pack(order) for _ in range(order.boxes)])\n"
        "return f'{label_of(order)}: {grams} g'"
    ),
    'run = %wf run fulfil({"sku": "tea"}) --id order-1\nawait run',
    "%%bash\necho not Python",
    "weigh = 3 +",
]


def book_of(cells: list[str]) -> str:
    made: list[dict[str, Any]] = [
        {"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells
    ]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": ["# Orders"]}, *made], "nbformat": 4})


def run_pytest(folder: Path, *arguments: str) -> tuple[int, str]:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-W",
        "error",
        "-c",
        os.devnull,
    ]
    options = ["--rootdir", str(folder), "-o", "asyncio_default_fixture_loop_scope=function"]
    done = subprocess.run([*command, *options, *arguments], cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def of_a_module(notebook: Notebook, notebook_folder: Path) -> Path:
    """A folder with a module, a run of its workflow, and the test that was made of it."""
    (notebook_folder / "orders_module.py").write_text(MODULE)
    notebook.run("import sys\nsys.path.insert(0, '')\nfrom orders_module import fulfil")
    notebook.run("run = %wf run fulfil('tea') --id order-1;")
    notebook.run("%wf wait run")
    said = notebook.run("%wf export run test_order.py")
    assert said.startswith("order-1 is written to test_order.py and test_order.json (")
    assert said.endswith(" kB): pytest test_order.py replays it against the code")
    notebook.run("sys.path.remove('')\ndel sys.modules['orders_module']")
    return notebook_folder


def test_a_test_of_a_module_s_workflow_imports_it_and_passes(of_a_module: Path) -> None:
    text = (of_a_module / "test_order.py").read_text()
    assert "from orders_module import fulfil\n" in text
    assert (
        'def test_order_1_still_fits() -> None:\n    replay_history(fulfil, HERE / "test_order.json")\n'
        in text
    )
    status, said = run_pytest(of_a_module, "test_order.py")
    assert (status, "1 passed" in said) == (0, True), said


def test_it_fails_with_both_sides_when_the_code_no_longer_fits(of_a_module: Path) -> None:
    module = of_a_module / "orders_module.py"
    module.write_text(MODULE.replace("await weigh(sku)", "await weigh(sku.upper())"))
    status, said = run_pytest(of_a_module, "test_order.py")
    assert status == 1
    assert "fulfil no longer matches its history at event 3" in said
    assert 'history: call of activity weigh("tea")' in said
    assert 'code:    call of activity weigh("TEA")' in said
    assert f"{module}:11" in said


@pytest.fixture
def of_a_notebook(notebook: Notebook, notebook_folder: Path) -> Path:
    """A folder with a notebook, of which the kernel has run the cells that work, and the test that was made of a run."""
    (notebook_folder / "helpers.py").write_text("def label_of(order):\n    return f'{order.sku}!'\n")
    (notebook_folder / "tests").mkdir()
    (notebook_folder / "orders.ipynb").write_text(book_of(CELLS))
    notebook.run("import sys\nsys.path.insert(0, '')\nSCALES = STAPLER = FEW = None")
    notebook.run("FEW = 2\nclass Scales:\n    weigh = pack = staticmethod(lambda order: 7)\nSCALES = Scales")
    notebook.run("class Stapler:\n    pack = staticmethod(lambda order: 'box')\nSTAPLER = Stapler")
    for cell in (*CELLS[1:4], *CELLS[5:7], CELLS[7].splitlines()[0], CELLS[8]):
        notebook.run(cell)
    notebook.run('run = %wf run fulfil({"sku": "tea"}) --id order-1;')
    assert notebook["run"].result(10) == "tea!: 7 g"
    notebook.run("%wf export run tests/test_order.py --code orders.ipynb")
    notebook.run("sys.path.remove('')\ndel sys.modules['helpers']")
    return notebook_folder


NEEDED = [cell for cell in CELLS if "SystemExit" not in cell] + ["FEW = 2"]


def test_a_test_of_a_notebook_s_workflow_runs_what_it_needs_of_the_cells(of_a_notebook: Path) -> None:
    # "FEW" has to stand above the class that needs it, as in a run of all cells
    (of_a_notebook / "orders.ipynb").write_text(book_of(["FEW = 2", *NEEDED]))
    text = (of_a_notebook / "tests" / "test_order.py").read_text()
    assert 'load_workflow(HERE / "../orders.ipynb", "fulfil")' in text
    status, said = run_pytest(of_a_notebook, "tests/test_order.py")
    assert (status, "1 passed" in said) == (0, True), said
    assert not (of_a_notebook / "was-run.txt").exists()
    assert not (of_a_notebook / "tests" / ".nbflow").exists()


def test_a_cell_that_was_changed_is_found_with_its_line(of_a_notebook: Path) -> None:
    changed = [cell.replace("range(order.boxes)", "range(order.boxes + 1)") for cell in ["FEW = 2", *NEEDED]]
    (of_a_notebook / "orders.ipynb").write_text(book_of(changed))
    status, said = run_pytest(of_a_notebook, "tests/test_order.py")
    assert status == 1
    assert "fulfil no longer matches its history at event" in said
    assert "code:    call of activity pack(" in said
    assert "await asyncio.gather(*[pack(order) for _ in range(order.boxes + 1)])" in said


def test_a_run_that_has_continued_as_new_is_replayed_generation_by_generation(
    notebook: Notebook, notebook_folder: Path
) -> None:
    cell = (
        "%%workflow count(n: int = 0) -> int\nif n < 3:\n    ctx.continue_as_new(n + 1)\nelse:\n    return n"
    )
    (notebook_folder / "counts.ipynb").write_text(book_of([cell]))
    notebook.run(cell)
    for _ in range(2):  # an older run of the same ID is not part of it
        notebook.run("run = %wf run count() --id count-1;")
        assert notebook["run"].result(10) == 3
    notebook.run("run.export('test_count.py', code='counts.ipynb')")
    executions = json.loads((notebook_folder / "test_count.json").read_text())["executions"]
    assert len(executions) == 4
    status, said = run_pytest(notebook_folder, "test_count.py")
    assert (status, "1 passed" in said) == (0, True), said
    (notebook_folder / "counts.ipynb").write_text(book_of([cell.replace("n < 3", "n < 2")]))
    assert run_pytest(notebook_folder, "test_count.py")[0] == 1


def test_the_notebook_that_jupyter_names_is_the_code_s_place(
    notebook: Notebook, notebook_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = "%%workflow count(n: int = 0) -> int\nreturn n"
    (notebook_folder / "counts.ipynb").write_text(book_of([cell]))
    monkeypatch.setenv("JPY_SESSION_NAME", str(notebook_folder / "counts.ipynb"))
    notebook.run(cell)
    notebook.run("run = %wf run count() --id count-1;")
    notebook["run"].result(10)
    notebook.run("%wf export run test_count.py")
    assert 'load_workflow(HERE / "counts.ipynb", "count")' in (notebook_folder / "test_count.py").read_text()


# -- loading ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ([], "x.ipynb has no workflow 'fulfil' - there are: none"),
        (
            ["%%workflow fulfill()\nreturn 1"],
            "no workflow 'fulfil': did you mean 'fulfill'? - there are: fulfill",
        ),
        (["%%workflow fulfil()\nreturn 1 +"], "cell 1 of x.ipynb: "),
        (
            ["a = 1", "B = 1 / 0", "%%workflow fulfil()\nreturn B"],
            "cell 2 of x.ipynb can't be run: ZeroDivisionError",
        ),
        (["fulfil = 3"], "x.ipynb has no workflow 'fulfil' - there are: none"),
        (
            ["%%workflow fulfil() --versoin 3\nreturn 1"],
            "cell 1 of x.ipynb: %%workflow has no option --versoin",
        ),
    ],
)
def test_what_cannot_be_loaded_is_named(tmp_path: Path, cells: list[str], says: str) -> None:
    (tmp_path / "x.ipynb").write_text(book_of(cells))
    with pytest.raises(DefinitionError) as refused:
        load_workflow(tmp_path / "x.ipynb", "fulfil")
    assert says in str(refused.value)


def test_files_that_are_no_notebook_are_named(tmp_path: Path) -> None:
    with pytest.raises(
        DefinitionError, match=r"there is no file .*x\.ipynb, which is to have the workflow fulfil"
    ):
        load_workflow(tmp_path / "x.ipynb", "fulfil")
    (tmp_path / "x.ipynb").write_text("[")
    with pytest.raises(DefinitionError, match=r"x\.ipynb is no notebook that can be read"):
        load_workflow(tmp_path / "x.ipynb", "fulfil")
    (tmp_path / "x.py").write_text("1 / 0")
    with pytest.raises(DefinitionError, match=r"x\.py can't be run: ZeroDivisionError"):
        load_workflow(tmp_path / "x.py", "fulfil")


@pytest.mark.parametrize(
    "cells",
    [
        ["%%workflow\nasync def fulfil(ctx):\n    return helper()\ndef helper():\n    return LIMIT", "LIMIT = 1"],
        ["from nbflow import workflow\n@workflow(name='fulfil')\nasync def other(ctx):\n    return 1"],
        ["import nbflow\n@nbflow.workflow\nasync def fulfil(ctx, order: 'Order') -> 'Order':\n    return order",
         "from dataclasses import dataclass\n@dataclass\nclass Order:\n    sku: str"],
        ["from __future__ import annotations", "%%workflow fulfil(order: Later) -> int\nreturn 1", "class Later: ..."],
        ["if True:\n    A = 1\nelse:\n    A = 2", "(B, C), *D = (A, 2), 3", "%%workflow fulfil() -> int\nreturn B + D"],
        ["from os.path import *", "%%workflow fulfil() -> str\nreturn join('a', 'b')"],
    ],
    ids=["plain-form", "named", "text-annotations", "future", "branches", "star"],
)  # fmt: skip
def test_what_a_workflow_needs_is_there(tmp_path: Path, cells: list[str]) -> None:
    (tmp_path / "x.ipynb").write_text(book_of(cells))
    path = list(sys.path)
    found = load_workflow(tmp_path / "x.ipynb", "fulfil")
    assert found.name == "fulfil"
    missing = set(found.function.__code__.co_names) - set(found.function.__globals__) - set(dir(__builtins__))
    assert missing <= {"helper"} - set(found.function.__globals__)
    assert sys.path == path
    assert sys.modules["__main__"].__name__ == "__main__"


def test_every_workflow_of_our_notebooks_is_found() -> None:
    folder = Path(__file__).parents[2] / "notebooks"
    for name, workflow in (
        ("00_quickstart", "publish_penguins"),
        ("06_children", "survey_all"),
        ("09_the_card", "survey"),
    ):
        assert load_workflow(folder / f"{name}.ipynb", workflow).name == workflow
