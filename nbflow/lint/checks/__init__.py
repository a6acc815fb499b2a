"""What is looked for: each module has the checks of one kind, and a check is given every node of its types."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from nbflow.lint.checks import calls, cancellation, order, state, waiting
from nbflow.lint.hits import Hit
from nbflow.lint.reading import Reading

Check: TypeAlias = Callable[[ast.AST, Reading], Iterator[Hit]]

_CHANGES: Final = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Delete, ast.For, ast.AsyncFor, ast.Call)
_TABLE: Final[tuple[tuple[Check, tuple[type[ast.AST], ...]], ...]] = (
    (calls.forbidden, (ast.Call, ast.Name, ast.Attribute)),
    (calls.addresses, (ast.Call,)),
    (order.set_order, order.TAKES),
    (state.globals_used, (*_CHANGES, ast.Name, ast.Global, ast.Nonlocal)),
    (state.inputs_changed, _CHANGES),
    (waiting.not_awaited, waiting.LOOKED_AT),
    (waiting.endless, (ast.While, ast.For)),
    (waiting.bare_coroutines, (ast.Call,)),
    (cancellation.swallowed, (ast.Try, ast.TryStar, ast.With, ast.AsyncWith)),
    (cancellation.skipped, (ast.Try, ast.TryStar)),
)

_TYPES: Final = {kind for _, kinds in _TABLE for kind in kinds}

CHECKS: Final[Mapping[type[ast.AST], tuple[Check, ...]]] = {
    kind: tuple(check for check, kinds in _TABLE if kind in kinds) for kind in _TYPES
}
"""The checks, by the type of node that they are given."""
