"""Which names a piece of code takes from around it, and which of them already when it is defined."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator
from contextlib import suppress


def outer_names(source: str) -> list[str]:
    """The names that a ``def``, a ``class`` or an assignment takes from around it, in order of appearance.

    Decorators, defaults and annotations count, those in quotes too; builtins are among them.

    Raises:
        SyntaxError: It is no Python.
    """
    table = symtable.symtable(source, "<pin>", "exec")
    own = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned()}
    found = dict.fromkeys(name for name in _looked_up(table) if name not in own)
    tree = ast.parse(source)
    found |= dict.fromkeys(name for name in _in_annotations(tree) if name not in own)
    places = {node.id: (node.lineno, node.col_offset) for node in _names(tree)}
    return sorted(found, key=lambda name: (places.get(name, (0, 0)), name))


def needed_at_once(source: str) -> set[str]:
    """Those of the names that must be there when the code is defined: of decorators, defaults, bases, annotations."""
    table = symtable.symtable(source, "<pin>", "exec")
    return set(_at_definition(table)) | set(_in_annotations(ast.parse(source)))


def attributes_of(source: str) -> set[tuple[str, str]]:
    """Each name of which an attribute is taken, with that attribute: ``charge.fn``."""
    return {
        (node.value.id, node.attr)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }


def _looked_up(table: symtable.SymbolTable) -> Iterator[str]:
    is_module = table.get_type() == "module"
    for symbol in table.get_symbols():
        if symbol.is_referenced() if is_module else symbol.is_global():
            yield symbol.get_name()
    for child in table.get_children():
        yield from _looked_up(child)


def _at_definition(table: symtable.SymbolTable) -> Iterator[str]:
    is_module = table.get_type() == "module"
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (is_module or symbol.is_global()):
            yield symbol.get_name()
    for child in table.get_children():
        if str(child.get_type()) != "function":
            yield from _at_definition(child)


def _names(tree: ast.AST) -> Iterator[ast.Name]:
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    return reversed(names)  # so that the first of a name is the last that is noted


def _in_annotations(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        for annotation in _annotations(node):
            yield from _named(annotation)


def _annotations(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        if node.returns is not None:
            yield node.returns
        given = node.args
        for argument in [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]:
            if argument is not None and argument.annotation is not None:
                yield argument.annotation
    elif isinstance(node, ast.ClassDef):
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign):
                yield statement.annotation


def _named(annotation: ast.expr) -> Iterator[str]:
    pending: list[ast.AST] = [annotation]
    while pending:
        node = pending.pop(0)
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).rpartition(".")[2] == "Literal":
            pending.append(node.value)  # the texts in it are texts
            continue
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            with suppress(
                SyntaxError, ValueError, MemoryError, RecursionError
            ):  # a text, and no type in quotes
                quoted = ast.parse(node.value, mode="eval").body
                if isinstance(quoted, (ast.Name, ast.Subscript, ast.Attribute, ast.BinOp)):
                    pending.append(quoted)
        pending += ast.iter_child_nodes(node)
