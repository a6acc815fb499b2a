"""Handlers that keep a run from being cancelled or unloaded, and cleanup that is not done."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from nbflow.lint.hits import Hit, own_level, shown, waits
from nbflow.lint.meanings import Outside, Task
from nbflow.lint.reading import Reading

_CANCELLATIONS: Final = (
    "builtins.BaseException",
    "builtins.BaseExceptionGroup",
    "builtins.GeneratorExit",
    "asyncio.CancelledError",
    "asyncio.exceptions.CancelledError",
    "concurrent.futures.CancelledError",
)


def swallowed(node: ast.AST, reading: Reading) -> Iterator[Hit]:
    """Handlers around an await that catch a cancellation and don't raise it again."""
    match node:
        case ast.Try() | ast.TryStar():
            yield from _in_try(node, reading)
        case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
            for item in items:
                call = item.context_expr
                if isinstance(call, ast.Call) and _path(call.func, reading) == "contextlib.suppress":
                    caught = [kind for kind in call.args if _catches(kind, reading)]
                    if caught and waits(body) and not _awaits_what_it_cancelled(body, reading):
                        yield Hit("NBF015", call, f"suppress({shown(caught[0])})")
        case _:
            pass


def _in_try(node: ast.Try | ast.TryStar, reading: Reading) -> Iterator[Hit]:
    if not waits(node.body):
        return
    for handler in node.handlers:
        if handler.type is not None and not _catches(handler.type, reading):
            continue
        raises = any(isinstance(part, ast.Raise) for part in own_level(handler.body))
        if not raises and not _awaits_what_it_cancelled(node.body, reading):
            kind = "except:" if handler.type is None else f"except {shown(handler.type)}:"
            yield Hit("NBF015", handler, kind)
        if handler.type is None or _path(handler.type, reading) == "builtins.BaseException":
            break  # the handlers below it catch nothing
        if raises:
            break
    for part in _leaving(node.finalbody):
        word = type(part).__name__.lower()
        yield Hit("NBF015", part, f"{word} in finally", fix=f"move the {word} behind the try statement")


def _leaving(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """What leaves a ``finally`` block, and drops the exception that came through it."""
    pending: list[ast.AST] = list(body)
    in_loops = {
        part
        for loop in own_level(body)
        if isinstance(loop, (ast.For, ast.While, ast.AsyncFor))
        for part in own_level(loop.body)
        if isinstance(part, (ast.Break, ast.Continue))
    }
    for part in own_level(pending):
        if isinstance(part, (ast.Return, ast.Break, ast.Continue)) and part not in in_loops:
            yield part


def _catches(kind: ast.expr, reading: Reading) -> bool:
    """Whether an except clause catches a cancellation."""
    if isinstance(kind, ast.Tuple):
        return any(_catches(part, reading) for part in kind.elts)
    if isinstance(kind, ast.Call):
        return _path(kind.func, reading).endswith("anyio.get_cancelled_exc_class")
    return _path(kind, reading) in _CANCELLATIONS


def _awaits_what_it_cancelled(body: list[ast.stmt], reading: Reading) -> bool:
    """The usual way to end a task: ``task.cancel()``, then ``await task`` inside of a try statement."""
    awaited = [part for part in own_level(body) if isinstance(part, (ast.Await, ast.Yield))]
    names = {part.id for wait in awaited for part in ast.walk(wait) if isinstance(part, ast.Name)}
    cancelled = {
        node.func.value.id
        for node in reading.layout.nodes
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "cancel"
        and isinstance(node.func.value, ast.Name)
    }
    return len(awaited) == 1 and bool(names & cancelled)


def skipped(node: ast.AST, reading: Reading) -> Iterator[Hit]:
    """Activities in a ``finally`` around ``ctx.continue_as_new``, which are not called then."""
    if not isinstance(node, (ast.Try, ast.TryStar)) or not node.finalbody:
        return
    body = [*node.body, *node.handlers, *node.orelse]
    if not any(
        isinstance(part, ast.Attribute) and part.attr == "continue_as_new" for part in own_level(body)
    ):
        return
    for part in own_level(node.finalbody):
        if isinstance(part, ast.Call):
            by_context = isinstance(part.func, ast.Attribute) and part.func.attr.startswith("call_")
            if by_context or isinstance(reading.meaning(part.func), Task):
                yield Hit("NBF018", part, f"{shown(part)} in finally")


def _path(node: ast.expr, reading: Reading) -> str:
    meaning = reading.meaning(node)
    return meaning.path if isinstance(meaning, Outside) else ""
