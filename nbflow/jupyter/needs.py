"""Which parts of a notebook's cells a workflow needs, told from their text alone: who binds a name, who uses it.

What is used only when an activity runs doesn't count: a replay runs none.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

import msgspec

from nbflow.jupyter.complaints import CommandError
from nbflow.jupyter.headers import CellKind, parse_header
from nbflow.jupyter.shell import Shell

_EVERYTHING: Final = "*"
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A top-level statement of a plain cell, or a whole cell of ``%%activity`` or ``%%workflow``.

    Attributes:
        cell: The number of its code cell, from 0.
        binds: The names that it gives something; ``*`` for an import of everything.
        uses: The names that it needs when it is run, or that code in it needs when a workflow is replayed.
        kind: The magic.
        node: The statement.
        is_workflow: Whether it defines a workflow.
    """

    cell: int
    binds: frozenset[str]
    uses: frozenset[str]
    kind: CellKind | None = None
    node: ast.stmt | None = None
    is_workflow: bool = False


def pieces_of(shell: Shell, number: int, cell: str) -> Iterator[Piece]:
    """The pieces of a cell; none of one that is not Python, or of another magic."""
    line = cell.lstrip().partition("\n")[0]
    kinds: tuple[CellKind, ...] = ("activity", "workflow")
    kind: CellKind | None = next(
        (kind for kind in kinds if line.split(maxsplit=1)[:1] == [f"%%{kind}"]), None
    )
    if kind is not None:
        yield from _magic_piece(shell, number, cell, kind)
    elif not line.startswith("%%"):
        for node in _parsed(shell, cell):
            is_ours = _decorator(node)
            yield Piece(
                cell=number,
                binds=frozenset(_bound(node)),
                uses=frozenset(_used_outside(node) if is_ours == "activity" else _used([node])),
                node=node,
                is_workflow=is_ours == "workflow",
            )


def needed(pieces: Sequence[Piece], name: str) -> Iterator[tuple[int, list[Piece]]]:
    """The pieces that a name needs, by cell, in the order in which they stand."""
    wanted, names = set[int](), {name, _EVERYTHING}
    while True:
        more = {
            at for at, piece in enumerate(pieces) if at not in wanted and not names.isdisjoint(piece.binds)
        }
        if not more:
            break
        wanted |= more
        for at in more:
            names |= pieces[at].uses
    for cell, found in groupby((pieces[at] for at in sorted(wanted)), key=lambda piece: piece.cell):
        yield cell, list(found)


def _magic_piece(shell: Shell, number: int, cell: str, kind: CellKind) -> Iterator[Piece]:
    line, _, body = cell.lstrip().partition("\n")
    try:
        header = parse_header(line.removeprefix(f"%%{kind}").strip(), kind)
    except CommandError:
        return
    statements = _parsed(shell, body)
    if header.name is None:
        functions = [node for node in statements if isinstance(node, _FUNCTIONS)]
        binds = {name for node in statements for name in _bound(node)}
        uses = _used([node for node in statements if kind == "workflow" or node not in functions])
        uses |= {name for node in functions for name in _used_outside(node)}
    else:
        binds = {header.name}
        uses = _used(_parsed(shell, f"{header.definition()} pass"))
        uses |= _used(statements) if kind == "workflow" else set()
    options = header.options.replace("{", " ").replace("}", " ").split()
    uses |= {word for word in options if word.isidentifier()}
    yield Piece(
        cell=number,
        binds=frozenset(binds),
        uses=frozenset(uses),
        kind=kind,
        is_workflow=kind == "workflow",
    )


def _parsed(shell: Shell, text: str) -> list[ast.stmt]:
    try:
        return ast.parse(shell.transform_cell(text)).body
    except SyntaxError:
        return []


def _bound(node: ast.stmt) -> Iterator[str]:
    """The names of the module that a statement gives something."""
    pending: list[ast.AST] = [node]
    while pending:
        each = pending.pop()
        match each:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
                yield from _registered(each)
                continue
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                is_future = isinstance(each, ast.ImportFrom) and each.module == "__future__"
                yield from (
                    _EVERYTHING if is_future else (alias.asname or alias.name.partition(".")[0])
                    for alias in names
                )
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Lambda() | ast.GeneratorExp() | ast.ListComp() | ast.SetComp() | ast.DictComp():
                continue
            case _:
                pass
        pending.extend(ast.iter_child_nodes(each))


def _registered(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Iterator[str]:
    """The name under which a decorator makes a function known, if that is another one."""
    for decorator in node.decorator_list:
        for keyword in decorator.keywords if isinstance(decorator, ast.Call) else ():
            if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                yield str(keyword.value.value)


def _decorator(node: ast.stmt) -> str | None:
    """``activity`` or ``workflow``, if a decorator makes the statement one."""
    for decorator in node.decorator_list if isinstance(node, _FUNCTIONS) else ():
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        if name in ("activity", "workflow"):
            return name
    return None


def _used_outside(node: ast.stmt) -> set[str]:
    """The names that a function needs to be defined, without those of its body."""
    if not isinstance(node, _FUNCTIONS):
        return _used([node])
    return _used([*node.decorator_list, node.args, *([node.returns] if node.returns is not None else [])])


def _used(nodes: Sequence[ast.AST]) -> set[str]:
    """The names that stand in some code, those in annotations that are text included."""
    found: set[str] = set()
    for node in (each for top in nodes for each in ast.walk(top)):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, (ast.arg, ast.AnnAssign)):
            found |= _in_text(node.annotation)
        elif isinstance(node, _FUNCTIONS):
            found |= _in_text(node.returns)
    return found


def _in_text(annotation: ast.expr | None) -> set[str]:
    texts = [
        node.value
        for node in (ast.walk(annotation) if annotation is not None else ())
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    found: set[str] = set()
    for text in texts:
        try:
            found |= {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
        except SyntaxError:
            continue
    return found
