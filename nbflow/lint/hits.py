"""What a check has found, before it is known where its author sees it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from nbflow.lint.scopes import FUNCTIONS

_LONGEST: Final = 40
_SCOPES: Final = (*FUNCTIONS, ast.Lambda, ast.ClassDef)


@dataclass(frozen=True)
class Hit:
    """A place that a rule speaks of.

    Attributes:
        code: The rule.
        node: The place.
        what: What is there; the message begins with it.
        says: What is wrong with it; the rule's own words, if empty.
        fix: Likewise.
    """

    code: str
    node: ast.AST
    what: str
    says: str = ""
    fix: str = ""


def shown(node: ast.AST) -> str:
    """Code as text, cut where it is long."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def own_level(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """What belongs to a piece of code itself, and not to functions and classes in it."""
    pending = list(nodes)
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, _SCOPES):
            pending.extend(ast.iter_child_nodes(node))


def waits(nodes: Iterable[ast.AST]) -> bool:
    """Whether code gives way to others: by await, or by yield in a generator."""
    return any(
        isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.Yield, ast.YieldFrom))
        or (isinstance(node, ast.comprehension) and bool(node.is_async))
        for node in own_level(nodes)
    )
