"""The text of a function, and the hash of what it means.

Two versions of a workflow are the same code if they differ in comments, layout
and decorators only. Where there is no text, the compiled code counts.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import textwrap
from collections.abc import Callable
from types import CodeType
from typing import Any, cast

import msgspec


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A function's text as its author sees it.

    Attributes:
        text: The lines; of a cell that is a body, the cell with the magic's line.
        first_line: The number of the first of them in the file.
        file: The name under which frames and tracebacks know it.
        label: What a person calls that file: ``Cell In[3]``; empty where that is the file's own name.
    """

    text: str
    first_line: int
    file: str
    label: str = ""


def listing_of(
    function: Callable[..., Any], source: str, *, cell: str | None = None, label: str = ""
) -> Listing | None:
    """How a function is shown; None where there is no text.

    Args:
        function: The function.
        source: Its text.
        cell: The cell that it was made of, if the cell is its body: line by line what was compiled.
        label: What a person calls the cell that it is in.
    """
    code = inspect.unwrap(function).__code__
    if cell is not None:
        return Listing(text=cell, first_line=1, file=code.co_filename, label=label)
    if not source:
        return None
    return Listing(text=source, first_line=code.co_firstlineno, file=code.co_filename, label=label)


def source_of(function: Callable[..., Any]) -> str:
    """The function's text, or nothing where Python can't tell."""
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        return ""


def text_hash(text: str) -> str:
    """Hash a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def code_hash(function: Callable[..., Any], source: str) -> str:
    """Hash what the code means: its syntax tree, without comments, layout and decorators."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        tree = ast.Module(body=[], type_ignores=[])
    if not tree.body:
        return text_hash(repr(_code_as_data(inspect.unwrap(function).__code__)))
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.decorator_list = []
    return text_hash(ast.unparse(tree))


def _code_as_data(code: CodeType) -> tuple[Any, ...]:
    """What compiled code does, without the place where it stands."""
    constants = [_constant(value) for value in code.co_consts]
    return (code.co_code, code.co_names, code.co_varnames, code.co_freevars, constants)


def _constant(value: Any) -> Any:
    if isinstance(value, CodeType):
        return _code_as_data(value)
    # the order of a set differs from process to process
    return sorted(map(repr, cast("frozenset[object]", value))) if isinstance(value, frozenset) else value
