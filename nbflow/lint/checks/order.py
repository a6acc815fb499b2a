"""Sets whose order comes to matter: it is another one in another process."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from nbflow.lint.hits import Hit, shown
from nbflow.lint.meanings import Outside
from nbflow.lint.reading import Reading
from nbflow.lint.scopes import COMPREHENSIONS

TAKES: Final = (
    ast.For,
    ast.ListComp,
    ast.DictComp,
    ast.GeneratorExp,
    ast.Starred,
    ast.YieldFrom,
    ast.Assign,
    ast.FormattedValue,
    ast.Call,
)
_KEEPS_NO_ORDER: Final = frozenset(
    f"builtins.{name}"
    for name in ["sorted", "set", "frozenset", "len", "any", "all", "sum", "min", "max", "bool"]
)
_TAKES_ORDER: Final = frozenset(
    {
        f"builtins.{name}"
        for name in [
            "list",
            "tuple",
            "enumerate",
            "iter",
            "zip",
            "map",
            "filter",
            "reversed",
            "dict",
            "str",
            "repr",
            "next",
        ]
    }
    | {"collections.deque", "collections.OrderedDict", "functools.reduce", "json.dumps"}
)
_TAKES_ORDER_METHODS: Final = frozenset(
    {"join", "extend", "fromkeys", "choice", "shuffle", "sample", "writelines"}
)
_SAYS: Final = frozenset({"print", "debug", "info", "warning", "error", "exception", "critical", "log"})


def set_order(node: ast.AST, reading: Reading) -> Iterator[Hit]:
    """Whatever makes an order of a set: loops, lists, unpacking, ``pop``, ``join``, text."""
    match node:
        case ast.For(iter=iterated) if _is_set(iterated, reading) and not _only_fills_sets(node.body):
            yield _hit(iterated)
        case ast.ListComp() | ast.DictComp() | ast.GeneratorExp():
            for generator in node.generators:
                if _is_set(generator.iter, reading) and not _order_is_lost(node, reading):
                    yield _hit(generator.iter)
        case ast.Starred(value=value, ctx=ast.Load()) if _is_set(value, reading):
            if not isinstance(reading.layout.parents.get(node), ast.Set):
                yield _hit(value)
        case ast.YieldFrom(value=value) if _is_set(value, reading):
            yield _hit(value)
        case ast.Assign(targets=[ast.Tuple() | ast.List(), *_], value=value) if _is_set(value, reading):
            yield _hit(value)
        case ast.FormattedValue(value=value) if _is_set(value, reading) and not _is_only_said(node, reading):
            yield _hit(value)
        case ast.Call():
            yield from _in_call(node, reading)
        case _:
            pass


def _in_call(node: ast.Call, reading: Reading) -> Iterator[Hit]:
    func = node.func
    if (
        isinstance(func, ast.Attribute)
        and func.attr == "pop"
        and not node.args
        and _is_set(func.value, reading)
    ):
        yield Hit("NBF010", node, shown(node), "takes any element: another one in another process")
        return
    meaning = reading.meaning(func)
    path = meaning.path if isinstance(meaning, Outside) else ""
    takes = (
        path in _TAKES_ORDER
        or path.startswith("itertools.")
        or (isinstance(func, ast.Attribute) and func.attr in _TAKES_ORDER_METHODS)
    )
    if not takes or _order_is_lost(node, reading):
        return
    if path in ("builtins.str", "builtins.repr") and _is_only_said(node, reading):
        return
    for given in node.args:
        if _is_set(given, reading):
            yield _hit(given)


def _hit(node: ast.expr) -> Hit:
    return Hit("NBF010", node, shown(node))


def _is_set(node: ast.expr, reading: Reading) -> bool:
    value = reading.value(node)
    return value is not None and value.kind == "set"


def _order_is_lost(node: ast.AST, reading: Reading) -> bool:
    """Whether what has taken an order is given to something that doesn't keep it: ``sorted(list(names))``."""
    parent = reading.layout.parents.get(node)
    if isinstance(parent, ast.Compare):
        return (
            all(isinstance(operator, (ast.In, ast.NotIn)) for operator in parent.ops)
            and parent.left is not node
        )
    if isinstance(parent, ast.comprehension) and isinstance(reading.layout.parents.get(parent), ast.SetComp):
        return True
    if not isinstance(parent, ast.Call) or node not in parent.args:
        return False
    meaning = reading.meaning(parent.func)
    if isinstance(meaning, Outside) and meaning.path in _KEEPS_NO_ORDER:
        return True
    passes_on = (
        isinstance(meaning, Outside) and meaning.path in _TAKES_ORDER and meaning.path != "builtins.next"
    )
    return passes_on and _order_is_lost(parent, reading)


def _is_only_said(node: ast.AST, reading: Reading) -> bool:
    """Whether a text goes to a print, a log line or an exception, which are no part of the run's steps."""
    at: ast.AST | None = node
    while at is not None and not isinstance(at, (ast.stmt, *COMPREHENSIONS)):
        if isinstance(at, ast.Call):
            last = at.func.attr if isinstance(at.func, ast.Attribute) else getattr(at.func, "id", "")
            if last in _SAYS:
                return True
        at = reading.layout.parents.get(at)
    return isinstance(at, ast.Raise)


def _only_fills_sets(body: list[ast.stmt]) -> bool:
    """Whether a loop does nothing but put things into sets, in which no order is kept."""
    return all(
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Call)
        and isinstance(statement.value.func, ast.Attribute)
        and statement.value.func.attr in ("add", "discard")
        for statement in body
    )
