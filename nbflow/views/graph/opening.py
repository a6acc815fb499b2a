"""Opening an author's helper: from its name to its definition and the scope of its body."""

from __future__ import annotations

import ast
from typing import Final

from nbflow.views.graph.names import Helper
from nbflow.views.graph.scope import FunctionNode, Scope, waits_by_yield

_DEEPEST: Final = 8
"""Helpers in helpers; deeper ones stay closed."""


def open_helper(
    known: Helper | tuple[FunctionNode, Scope], scope: Scope
) -> tuple[FunctionNode, Scope] | None:
    """A helper's definition and the scope of its body; None: it stays closed (no text, or inside itself)."""
    if isinstance(known, tuple):
        function, home = known
        key = f"{home.file}:{function.lineno + home.offset}"
        names, file, offset, local = home.names, home.file, home.offset, dict(home.local)
    else:
        key = f"{known.file}:{known.first_line}"
        parsed = parse_function(known.text, known.name)
        if parsed is None:
            return None
        function, shift = parsed
        names, file, offset, local = known.names, known.file, known.first_line - 1 + shift, {}
    if key in scope.opened or len(scope.opened) >= _DEEPEST or scope.numbers.are_many:
        return None
    scope.numbers.opened += 1
    inner = Scope(
        numbers=scope.numbers,
        names=names,
        file=file,
        offset=offset,
        local=local,
        is_generator=waits_by_yield(function),
        repeats=scope.repeats,
        opened=(*scope.opened, key),
    )
    return function, inner


def parse_function(text: str, name: str) -> tuple[FunctionNode, int] | None:
    """The definition of a function in a text, and what its line numbers are off by; None: unreadable."""
    for wrapped, shift in ((text, 0), (f"if 1:\n{text}", -1)):
        try:
            tree = ast.parse(wrapped)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name:
                return node, shift
    return None
