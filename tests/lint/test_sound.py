"""Nothing is found where nothing is wrong."""

import ast
import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from nbflow.definitions import WorkflowDefinition
from nbflow.jupyter.notebooks import cells_of
from nbflow.lint import check, check_cells, check_source
from tests.core.shapes import SHAPES
from tests.lint import sound

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))
PAGES = sorted([*ROOT.glob("docs/*.md"), ROOT / "README.md"])
WORKFLOWS = {name: value for name, value in vars(sound).items() if isinstance(value, WorkflowDefinition)}
TEXT = Path(sound.__file__).read_text()

ON_PURPOSE = {"07_async_and_generators.ipynb": ("in_a_thread", 2), "10_changing_code.ipynb": ("letter", 1)}
"""Notebooks that show what becomes of code that reaches for a thread or a clock: the function, and how often."""


def test_thirty_and_more_sound_workflows() -> None:
    assert len(WORKFLOWS) >= 30


@pytest.mark.semantics(46)
@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_sound_definition(name: str) -> None:
    assert list(map(str, check(WORKFLOWS[name]))) == []


@pytest.mark.semantics(46)
def test_sound_texts() -> None:
    assert [f"{found.line}: {found}" for found in check_source(TEXT)] == []


@pytest.mark.parametrize("name", WORKFLOWS)
def test_the_sound_ones_are_read(name: str) -> None:
    """The same text with one line more: that one is found, so that the rest was looked at."""
    tree = ast.parse(TEXT)
    function: Any = next(node for node in tree.body if getattr(node, "name", "") == name)
    first = function.body[0]
    lines = TEXT.split("\n")
    lines.insert(first.lineno - 1, f"{' ' * first.col_offset}__import__; datetime.now(UTC)")
    found = check_source("\n".join(lines))
    assert [(each.code, each.line) for each in found] == [("NBF001", first.lineno)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebooks(path: Path) -> None:
    found = check_cells(cells_of(path.read_bytes()), path.name)
    name, count = ON_PURPOSE.get(path.name, ("", 0))
    meant = [each for each in found if name in (each.function, *each.via)]
    assert [str(each) for each in found if each not in meant] == []
    assert len(meant) == count


@pytest.mark.parametrize("name", SHAPES)
def test_the_corpus_of_histories(name: str) -> None:
    found = [str(each) for each in check(SHAPES[name].code)]
    # a call that nothing waits for is what this shape is about
    assert [each for each in found if not (name == "one_generation" and each.startswith("NBF013"))] == []


def test_the_corpus_of_histories_as_text() -> None:
    module = importlib.import_module("tests.core.shapes")
    assert list(map(str, check_source(Path(str(module.__file__)).read_text()))) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_the_examples_of_the_documentation(path: Path) -> None:
    if path.name == "lint.md":
        return  # its examples are found, which another test shows
    for code in _blocks(path.read_text()):
        text = code
        if code.startswith("%%"):
            notebook = f'{{"cells": [{{"cell_type": "code", "source": {json.dumps(code)}}}]}}'
            assert list(map(str, check_cells(cells_of(notebook.encode())))) == []
        else:
            shown = {"NBF000", "NBF012"} if "test_a_hidden_global_is_found" in code else {"NBF000"}
            assert [str(each) for each in check_source(text) if each.code not in shown] == []


def _blocks(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


@pytest.mark.semantics(46)
def test_planted_sources_of_chance_are_all_found() -> None:
    """The same workflows whose histories diverge when they are replayed."""
    planted = importlib.import_module("tests.core.planted")
    definitions = [value for value in vars(planted).values() if isinstance(value, WorkflowDefinition)]
    assert definitions
    for definition in definitions:
        assert check(definition), definition.name
