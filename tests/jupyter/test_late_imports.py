"""What ``import nbflow``, ``%load_ext nbflow`` and a first card leave for later: each name here is time that somebody waits."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import nbflow

IMPORTING = "import nbflow"
LOADING = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
import sys
before = set(sys.modules)
shell.run_cell("%load_ext nbflow").raise_error()
"""
DRAWING = (
    "anywidget",
    "graphviz",
    "ipywidgets",
    "nbflow.views.timeline",
    "nbflow.views.graph",
    "nbflow.widgets.card",
)
ONLY_SOMETIMES = (
    "nbflow.cli",
    "nbflow.core.explain.explaining",
    "nbflow.lint",
    "nbflow.runtime.exports.writing",
    "nbflow.runtime.tracing",
    "nbflow.testing",
    "pandas",
    "pydantic",
)
WITH_A_COMMAND = ("nbflow.jupyter.commands", "nbflow.jupyter.defining", "nbflow.jupyter.handlers")
SHOWING = "import nbflow.widgets.card, nbflow.jupyter.looking, nbflow.jupyter.handlers"
WITH_A_VIEW = (
    "graphviz",
    "nbflow.core.explain.explaining",
    "nbflow.views.comparison",
    "nbflow.views.graph",
    "nbflow.views.replay",
)
WITH_ANOTHER_COMMAND = (
    "nbflow.jupyter.help",
    "nbflow.jupyter.listing",
    "nbflow.jupyter.torturing",
    "nbflow.lint",
    "nbflow.runtime.exports.writing",
)
WHAT_RUNS = ("IPython", "duckdb", "nbflow.engine", "nbflow.jupyter", "nbflow.runtime", "nbflow.stores")


EVERY = (*DRAWING, *ONLY_SOMETIMES, *WITH_A_COMMAND, *WITH_A_VIEW, *WITH_ANOTHER_COMMAND, *WHAT_RUNS)


def imported(code: str, folder: Path) -> set[str]:
    """The modules that a fresh process has after some code, but for those of before it, where it tells."""
    told = "\nimport json, os, sys\nprint('modules', json.dumps(sorted(set(sys.modules) - globals().get('before', set()))), flush=True)\nos._exit(0)"
    done = subprocess.run(
        [sys.executable, "-c", code + told],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("modules "))
    return set(json.loads(line.removeprefix("modules ")))


@pytest.mark.parametrize(
    ("code", "late"),
    [
        (IMPORTING, (*WHAT_RUNS, *DRAWING, *ONLY_SOMETIMES)),
        (LOADING, (*DRAWING, *ONLY_SOMETIMES, *WITH_A_COMMAND)),
        (SHOWING, (*WITH_A_VIEW, *WITH_ANOTHER_COMMAND)),
    ],
    ids=["import", "load_ext", "show"],
)
def test_what_is_not_needed_yet_is_not_imported(
    code: str, late: tuple[str, ...], notebook_folder: Path
) -> None:
    found = imported(code, notebook_folder)
    assert any(name.startswith("nbflow.") for name in found)
    assert found.isdisjoint(late)


def test_every_late_module_is_there() -> None:
    """A name that was moved would never be imported, and the test above would say nothing."""
    code = f"import importlib\nfor name in {EVERY!r}: importlib.import_module(name)"
    subprocess.run([sys.executable, "-c", code], timeout=60, check=True)


def test_names_that_come_late_are_listed() -> None:
    assert set(nbflow.__all__) <= set(dir(nbflow))
