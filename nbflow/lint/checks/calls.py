"""Calls of what a replay can't repeat: the table of `forbidden`, and addresses."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from nbflow.lint.forbidden import LOOP_METHODS, Row, row_for
from nbflow.lint.hits import Hit, shown
from nbflow.lint.meanings import Outside
from nbflow.lint.reading import Reading

_TYPE_TESTS: Final = ("builtins.isinstance", "builtins.issubclass", "builtins.getattr", "builtins.hasattr")
_LOOPS: Final = ("get_running_loop", "get_event_loop")

_OF: Final = {
    "asyncio.to_thread": (
        "goes on by itself, outside of the workflow",
        "put it in an activity: it runs in a thread",
    ),
    "builtins.input": (
        "asks again on every replay, and keeps all runs waiting",
        'await ctx.wait_for_external_event("answer")',
    ),
    "asyncio.Future": ("has no place in the order of sets", "asyncio.get_running_loop().create_future()"),
    "asyncio.Task": ("has no place in the order of sets", "asyncio.create_task(…)"),
}
"""Words of their own for some names: what is wrong, and the fix."""


def forbidden(node: ast.AST, reading: Reading) -> Iterator[Hit]:
    """Calls of the clock, of chance, files, the network and so on; also handed on, as in ``map(uuid4, names)``."""
    match node:
        case ast.Call():
            path = _path(node.func, reading)
            row = row_for(path) if path else None
            if row is not None and not row.is_value and (row.when is None or row.when(node)):
                yield _hit(row, node, path, _named(node.func, path, "()"))
            elif not path and (of_loop := _of_loop(node.func, reading)) is not None:
                yield _hit(of_loop, node, path, f"{shown(node.func)}()")
            if path not in _TYPE_TESTS:
                for given in [*node.args, *(keyword.value for keyword in node.keywords)]:
                    yield from _handed_on(given, reading)
        case ast.Name(ctx=ast.Load()) | ast.Attribute(ctx=ast.Load()):
            path = _path(node, reading)
            row = row_for(path) if path else None
            if row is not None and row.is_value and not _is_inner(node, reading):
                yield _hit(row, node, path, _named(node, path))
        case _:
            pass


def addresses(node: ast.AST, reading: Reading) -> Iterator[Hit]:
    """``id(…)`` and ``hash(…)``, called or handed on as a key."""
    if not isinstance(node, ast.Call):
        return
    path = _path(node.func, reading)
    of_number = any(isinstance(given, ast.Constant) and isinstance(given.value, int) for given in node.args)
    if path in ("builtins.id", "builtins.hash") and not of_number:
        yield Hit("NBF011", node, shown(node))
    for given in [*node.args, *(keyword.value for keyword in node.keywords)]:
        if isinstance(given, ast.Name) and _path(given, reading) in ("builtins.id", "builtins.hash"):
            yield Hit("NBF011", given, f"{given.id}()")


def _handed_on(given: ast.expr, reading: Reading) -> Iterator[Hit]:
    """A function that is given to another one, which will call it."""
    if not isinstance(given, (ast.Name, ast.Attribute)):
        return
    path = _path(given, reading)
    row = row_for(path) if path else None
    last = path.rpartition(".")[2] if path else ""
    if row is not None and not row.is_value and row.when is None and last.islower():
        yield _hit(row, given, path, _named(given, path, "()"))


def _path(node: ast.expr, reading: Reading) -> str:
    meaning = reading.meaning(node)
    return meaning.path if isinstance(meaning, Outside) else ""


def _hit(row: Row, node: ast.AST, path: str, what: str) -> Hit:
    says, fix = _OF.get(path, ("", ""))
    return Hit(row.code, node, what, says, fix)


def _named(node: ast.expr, path: str, called: str = "") -> str:
    """A name as it is typed; with the full one, where that doesn't tell."""
    typed = shown(node)
    is_plain = typed.rpartition(".")[2] == path.rpartition(".")[2]
    return f"{typed}{called}" if is_plain else f"{typed}{called} ({path.removeprefix('builtins.')})"


def _is_inner(node: ast.AST, reading: Reading) -> bool:
    """Whether ``os.environ`` is spoken of elsewhere: in a longer name, or where a variable got it."""
    if isinstance(node, ast.Name):
        found = reading.bindings(node.id, node)
        if found is not None and any(binding.kind != "import" for binding in found):
            return True
    parent = reading.layout.parents.get(node)
    return isinstance(parent, ast.Attribute) and isinstance(reading.layout.parents.get(parent), ast.Attribute)


def _of_loop(func: ast.expr, reading: Reading) -> Row | None:
    """What is known of a method of an event loop, by its name and that of the variable."""
    if not isinstance(func, ast.Attribute):
        return None
    loop = func.value
    if isinstance(loop, ast.Call):
        is_loop = _path(loop.func, reading).rpartition(".")[2] in _LOOPS
    else:
        is_loop = isinstance(loop, ast.Name) and loop.id in ("loop", "event_loop")
    return LOOP_METHODS.get(func.attr) if is_loop else None
