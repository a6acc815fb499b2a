"""From the text of a cell to the text that is compiled, and what stands in it: no shell, no execution.

Line numbers are kept: line 1 is the magic's line, so that tracebacks, syntax
errors and the line at which a run waits are those that a person sees. In the
body form that line is the ``def``, and the body is indented below it by four,
but not inside strings over several lines, whose text would change.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from nbflow.jupyter.complaints import CommandError
from nbflow.jupyter.headers import CellKind, Header

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

_INDENT: Final = "    "
_SCOPES: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_STRING_STARTS: Final = {"STRING", "FSTRING_START", "TSTRING_START"}
_STRING_ENDS: Final = {"STRING", "FSTRING_END", "TSTRING_END"}


@dataclass(frozen=True, kw_only=True)
class CellSource:
    """What is compiled of a cell.

    Attributes:
        text: The module's text, with the line numbers of the cell.
        names: The functions in it that become definitions, in their order.
        cell: The cell as it is seen, where it is a body.
    """

    text: str
    names: tuple[str, ...]
    cell: str | None = None


def body_form(kind: CellKind, header: Header, body: str, *, line: int, filename: str) -> CellSource:
    """Make a function of a cell that is its body.

    The context is there as ``ctx`` wherever the body names it. An activity that awaits nothing
    at its own level is a ``def``, and runs in a worker thread.

    Args:
        kind: What the function is to be.
        header: The magic's line.
        body: The cell below it, as Python.
        line: The number of the magic's line in the cell, from 1.
        filename: For syntax errors.

    Raises:
        SyntaxError: In the header or the body, with the line and column as seen.
        CommandError: The body is empty, or yields.
    """
    above = "\n" * (line - 1)
    _check_header(header, kind, above, filename)
    tree = ast.parse(f"{above}\n{body}", filename)
    if not tree.body:
        raise CommandError(
            f"the body of {header.name} is empty: write it below the line %%{kind} {header.name}(…)"
        )
    own = list(_own_level(tree.body))
    for node in own:
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            raise CommandError(
                f"line {node.lineno}: a body can't yield: use await and return, or define a generator in the "
                f"plain form, below %%{kind} alone"
            )
    is_async = kind == "workflow" or any(map(_awaits, own))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    definition = header.definition(
        with_context="ctx" in names and "ctx" not in _parameter_names(header), is_async=is_async
    )
    return CellSource(text=f"{above}{definition}\n{_indented(body)}", names=(header.name or "",))


def plain_form(kind: CellKind, code: str, *, line: int, filename: str) -> CellSource:
    """Find the functions of a cell that is ordinary code.

    ``%%activity`` takes every function at top level whose name doesn't begin with ``_``;
    ``%%workflow`` every ``async def`` and generator among them.

    Raises:
        SyntaxError: With the line and column as seen.
        CommandError: There is no such function, or an ``await`` outside of all functions.
    """
    text = "\n" * line + code
    tree = ast.parse(text, filename)
    for node in _own_level(tree.body):
        if _awaits(node):
            raise CommandError(
                f"line {getattr(node, 'lineno', line)}: await stands outside of every function: put it into one, "
                "or into a cell without a magic"
            )
    names = tuple(
        node.name
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and not node.name.startswith("_")
        and (kind == "activity" or _is_workflow(node))
    )
    if not names:
        what = "def or async def" if kind == "activity" else "async def"
        raise CommandError(
            f"%%{kind} found no {what} at the top level of the cell: define one, or type %%{kind} NAME(PARAMETERS) "
            "for a cell that is the body"
        )
    return CellSource(text=text, names=names)


def _check_header(header: Header, kind: CellKind, above: str, filename: str) -> None:
    """Let a syntax error of the magic's line be shown as that line."""
    try:
        ast.parse(f"{above}{header.definition()} pass", filename)
    except SyntaxError as error:
        arrow = f" -> {header.returns}" if header.returns else ""
        line = f"%%{kind} {header.name}({header.parameters}){arrow}"
        column = (error.offset or 1) - len("async def ") + len(f"%%{kind} ")
        seen = (filename, error.lineno, max(column, 1), line)
        raise SyntaxError(error.msg, seen) from None


def _parameter_names(header: Header) -> set[str]:
    function = ast.parse(f"{header.definition()} pass").body[0]
    assert isinstance(function, ast.AsyncFunctionDef)
    return {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}


def _own_level(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """The nodes that belong to a body itself, not to functions and classes in it."""
    pending: list[ast.AST] = list(body)
    while pending:
        node = pending.pop(0)
        yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            pending[:0] = [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]
        elif not isinstance(node, _SCOPES):
            pending[:0] = ast.iter_child_nodes(node)


def _awaits(node: ast.AST) -> bool:
    return isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith)) or (
        isinstance(node, ast.comprehension) and bool(node.is_async)
    )


def _is_workflow(function: Function) -> bool:
    return isinstance(function, ast.AsyncFunctionDef) or any(
        isinstance(node, (ast.Yield, ast.YieldFrom)) for node in _own_level(function.body)
    )


def _indented(body: str) -> str:
    """Indent every line that doesn't begin inside a string."""
    inside: set[int] = set()
    started: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(body).readline):
        name = tokenize.tok_name[token.type]
        if name in _STRING_STARTS:
            started.append(token.start[0])
        if name in _STRING_ENDS:
            inside.update(range(started.pop() + 1, token.end[0] + 1))
    lines = body.split("\n")
    return "\n".join(
        line if number in inside or not line.strip() else _INDENT + line
        for number, line in enumerate(lines, start=1)
    )
