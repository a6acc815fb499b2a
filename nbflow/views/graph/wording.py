"""Short words for pieces of code: what stands in a node."""

from __future__ import annotations

import ast
import re
from datetime import timedelta
from typing import Final

from nbflow.views.durations import duration
from nbflow.views.excerpts import tame

LABEL_LIMIT: Final = 34
_NAME_LIMIT: Final = 40
_LONGEST_EXPRESSION: Final = 4_000
_DEPTH: Final = 20
_NO_XML: Final = re.compile("[\ufffe\uffff]")
"""Characters that no XML may hold, and so no picture."""

_UNITS: Final = {
    "days": 86_400,
    "hours": 3_600,
    "minutes": 60,
    "seconds": 1,
    "weeks": 604_800,
    "milliseconds": 0.001,
}


def cut(text: str, limit: int = LABEL_LIMIT) -> str:
    """A tame piece of a text on one line, with an ellipsis where it was cut."""
    text = _NO_XML.sub("\N{REPLACEMENT CHARACTER}", tame(" ".join(text[: limit * 4].split())))
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"


def short(node: ast.AST, limit: int = LABEL_LIMIT) -> str:
    """An expression as it would be written, without ``await``, cut."""
    try:
        text = ast.unparse(node)
    except (RecursionError, ValueError):
        return "…"
    return cut(text[:_LONGEST_EXPRESSION].replace("await ", ""), limit)


def name_label(name: str) -> str:
    """A name, cut."""
    return cut(name, _NAME_LIMIT)


def seconds_of(node: ast.AST | None, depth: int = 0) -> float | None:
    """What a duration in the code comes to in seconds, if that can be told without running it."""
    if depth > _DEPTH:
        return None
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return float(value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            value = seconds_of(operand, depth + 1)
            return None if value is None else -value
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div() as op, right=right):
            return _computed(seconds_of(left, depth + 1), op, seconds_of(right, depth + 1))
        case ast.Call(func=ast.Name(id="timedelta") | ast.Attribute(attr="timedelta")):
            return _timedelta(node, depth)
        case _:
            return None


def _computed(left: float | None, op: ast.operator, right: float | None) -> float | None:
    if left is None or right is None:
        return None
    match op:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case _:
            return left / right if right else None


def _timedelta(call: ast.Call, depth: int) -> float | None:
    total = 0.0
    places = ("days", "seconds")
    if len(call.args) > len(places):
        return None
    parts = [*zip(places, call.args, strict=False), *((word.arg, word.value) for word in call.keywords)]
    for unit, value in parts:
        number = seconds_of(value, depth + 1)
        if unit is None or unit not in _UNITS or number is None:
            return None
        total += number * _UNITS[unit]
    return total


def span_words(node: ast.AST | None, limit: int = 20) -> str:
    """A duration in words: ``30 d`` if it can be told, else the expression."""
    if node is None:
        return ""
    seconds = seconds_of(node)
    if seconds is not None and 0 <= seconds < 1e9:
        return duration(timedelta(seconds=seconds)).replace(".0 s", " s")
    return short(node, limit)


def text_of(node: ast.AST | None) -> str | None:
    """The text of a literal string; None for anything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
