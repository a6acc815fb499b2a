"""Which variables of a module code changes: by assigning again, or in place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from nbflow.lint.scopes import Layout

MUTATORS: Final = frozenset(
    [
        "append",
        "appendleft",
        "extend",
        "extendleft",
        "insert",
        "remove",
        "pop",
        "popleft",
        "popitem",
        "clear",
        "update",
        "setdefault",
        "add",
        "discard",
        "sort",
        "reverse",
        "rotate",
        "intersection_update",
        "difference_update",
        "symmetric_difference_update",
        "subtract",
        "move_to_end",
    ]
)
"""Methods that change lists, dicts, sets, deques and counters in place."""


def root_name(node: ast.expr) -> ast.Name | None:
    """The variable at the beginning of ``a.b[c].d``."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
        node = node.value
    return node if isinstance(node, ast.Name) else None


def changed_in_place(node: ast.AST) -> Iterator[ast.Name]:
    """The variables whose value a piece of code changes: by a method, an item, an attribute."""
    match node:
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            places = list(targets)
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            places: list[ast.expr] = [target]
        case ast.For(target=target) | ast.AsyncFor(target=target):
            places = [target]
        case ast.Call(func=ast.Attribute(value=value, attr=attr)) if attr in MUTATORS:
            name = root_name(value)
            if name is not None:
                yield name
            return
        case _:
            return
    while places:
        place = places.pop()
        if isinstance(place, (ast.Tuple, ast.List)):
            places.extend(place.elts)
        elif isinstance(place, (ast.Attribute, ast.Subscript)):
            name = root_name(place)
            if name is not None:
                yield name


def changed_outside(layout: Layout) -> set[str]:
    """The names from outside of a function that it changes, in place or as a ``global``."""
    found = set(layout.globals)
    for node in layout.nodes:
        for name in changed_in_place(node):
            scope = layout.scopes.get(name, layout.root)
            if scope.find(name.id) is None:
                found.add(name.id)
    return found
