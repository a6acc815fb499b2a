"""Whatever code there is, reading it raises nothing."""

import ast
import random
import sys
import sysconfig
import weakref
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbflow.lint import check_source
from nbflow.lint.live import LiveNames, Places
from nbflow.lint.meanings import Kind, Variable
from tests.lint.unsound import FOUND, PRELUDE

LIBRARY = Path(sysconfig.get_paths()["stdlib"])
FILES = sorted([*LIBRARY.glob("*.py"), *LIBRARY.glob("asyncio/*.py"), *LIBRARY.glob("test/test_*.py")])
SAMPLE = random.Random(7).sample(FILES, min(40, len(FILES)))


@pytest.mark.parametrize("path", SAMPLE, ids=lambda path: path.name)
def test_files_of_the_standard_library(path: Path) -> None:
    try:
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source)
    except (SyntaxError, UnicodeDecodeError):
        return
    found = check_source(_as_workflows(tree))
    assert [each for each in found if each.code == "NBF000"] == []


def _as_workflows(tree: ast.Module) -> str:
    """The module, with every function of it a workflow."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.decorator_list.append(ast.Name("workflow", ast.Load()))
    return "from nbflow import workflow\n" + ast.unparse(tree).replace("from __future__", "from future")


BODIES = st.lists(st.sampled_from([body for _, body in FOUND]), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(
    bodies=BODIES,
    deep=st.integers(0, 4),
    word=st.sampled_from(["if sku:", "try:", "for x in sku:", "def f():"]),
)
def test_statements_in_any_nesting(bodies: list[str], deep: int, word: str) -> None:
    lines = [line for body in bodies for line in body.split("\n")]
    head = ["@workflow", "async def under_test(ctx, sku, order: Order, names, free):"]
    head += [f"{'    ' * (level + 1)}{word}" for level in range(deep)]
    indented = [f"{'    ' * (deep + 1)}{line}" for line in lines]
    check_source("\n".join([PRELUDE, *head, *indented]))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    check_source(text)
    check_source(f"from nbflow import workflow\n@workflow\nasync def f(ctx):\n    {text}\n")


@pytest.mark.parametrize(
    "expression",
    [
        "+".join(["1"] * 3000),
        "a" + ".b" * 3000,
        "(" * 80 + ")" * 80,
        "[" * 90 + "]" * 90,
        "not " * 1500 + "x",
        "f" + "(1)" * 1500,
    ],
    ids=["sums", "attributes", "brackets", "lists", "nots", "calls"],
)
def test_code_that_is_nested_too_deep_is_left_alone(expression: str) -> None:
    found = check_source(
        f"from nbflow import workflow\n@workflow\nasync def f(ctx, a, x):\n    y = {expression}\n"
    )
    assert [each.code for each in found if each.code != "NBF000"] == []
    assert sys.getrecursionlimit() > 0


def test_whatever_values_there_are() -> None:
    """All names of all modules that are loaded here, classes and proxies among them."""
    for module in list(sys.modules.values()):
        if isinstance(module, ModuleType):
            names = LiveNames(None, vars(module), Places())
            for name in list(vars(module)):
                meaning = names.find(name)
                if isinstance(meaning, Kind):
                    meaning.of.member("__init__")


class Hostile:
    """An object that raises at whatever it is asked."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    def __hash__(self) -> int:
        raise RuntimeError


def test_a_hostile_value_is_not_asked() -> None:
    names = LiveNames(None, {"thing": Hostile(), "proxy": weakref.proxy(Hostile)}, Places())
    for name in ("thing", "proxy"):
        meaning = names.find(name)
        assert isinstance(meaning, Variable)


def test_names_that_go_in_circles() -> None:
    source = """
from nbflow import workflow
a = b
b = a
class A(B): ...
class B(A): ...
@workflow
async def f(ctx, x: A):
    c = d
    d = c
    s = s | t
    t = t | s
    for _ in s: c()
    A().nothing()
    x.nothing()
    a()
"""
    check_source(source)
