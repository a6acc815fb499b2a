"""State that is no part of the run: variables from outside, and the run's own input changed in place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from nbflow.lint.changes import MUTATORS, changed_in_place
from nbflow.lint.hits import Hit, shown
from nbflow.lint.meanings import FunctionNode, Kind, Module, Variable
from nbflow.lint.reading import Reading

_BOXES: Final = [
    "list",
    "dict",
    "set",
    "List",
    "Dict",
    "Set",
    "MutableSequence",
    "MutableMapping",
    "MutableSet",
    "defaultdict",
    "deque",
    "Counter",
    "Any",
    "object",
]


def globals_used(node: ast.AST, reading: Reading) -> Iterator[Hit]:
    """Variables of the module or notebook that change: read, or written."""
    if isinstance(node, (ast.Global, ast.Nonlocal)):
        yield from _declared(node, reading)
        return
    for name in changed_in_place(node):
        meaning = reading.meaning_outside(name)
        if isinstance(meaning, (Variable, Kind, Module)):
            place = f" ({meaning.place})" if isinstance(meaning, Variable) and meaning.place else ""
            yield Hit(
                "NBF012",
                name,
                f"the global {name.id}{place}",
                "is changed, and changed again on every replay",
            )
    if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load):
        return
    meaning = reading.meaning_outside(node)
    if not isinstance(meaning, Variable) or node.id.startswith("__"):
        return
    if meaning.changes or (meaning.is_mutable and not node.id.isupper()):
        place = f" ({meaning.place})" if meaning.place else ""
        why = f" ({meaning.changes})" if meaning.changes else ""
        yield Hit(
            "NBF012", node, f"the global {node.id}{place}", f"can change between a step and its replay{why}"
        )


def _declared(node: ast.Global | ast.Nonlocal, reading: Reading) -> Iterator[Hit]:
    """``global`` and ``nonlocal`` over a variable that is not the workflow's."""
    scope = reading.layout.scopes.get(node, reading.layout.root)
    for name in node.names:
        outer = scope.parent
        is_ours = isinstance(node, ast.Nonlocal) and outer is not None and outer.find(name) is not None
        if name in scope.names and not is_ours:
            says = "is assigned, and assigned again on every replay"
            yield Hit("NBF012", node, f"the global {name}", says)


def inputs_changed(node: ast.AST, reading: Reading) -> Iterator[Hit]:
    """The workflow's parameters, changed in place."""
    code = reading.code
    if code is None or not reading.is_workflow:
        return
    for name in changed_in_place(node):
        parameter = _parameter(code.node, name.id)
        found = reading.bindings(name.id, name)
        if parameter is None or found is None or len(found) != 1 or found[0].node is not parameter:
            continue
        if isinstance(node, ast.Call) and not _may_be_box(node, parameter):
            continue
        yield Hit("NBF016", node, _what(node), "changes the run's input in place")


def _what(node: ast.AST) -> str:
    match node:
        case ast.Assign(targets=[target, *_]) | ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            return f"{shown(target)} = …"
        case _:
            return shown(node)


def _parameter(function: FunctionNode, name: str) -> ast.arg | None:
    """A parameter of the workflow that is a part of its input: not the context."""
    every = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    for number, argument in enumerate(every):
        if argument.arg == name:
            annotation = "" if argument.annotation is None else ast.unparse(argument.annotation)
            is_context = (
                name == "ctx" or "Context" in annotation or (number == 0 and name in ("context", "self"))
            )
            return None if is_context else argument
    return None


def _may_be_box(call: ast.Call, parameter: ast.arg) -> bool:
    """Whether the method that is called is that of a list, dict or set, and not of an author's class."""
    assert isinstance(call.func, ast.Attribute)
    if parameter.annotation is None or not isinstance(call.func.value, ast.Name):
        return call.func.attr in MUTATORS
    names = {part.id for part in ast.walk(parameter.annotation) if isinstance(part, ast.Name)}
    outer = parameter.annotation
    if isinstance(outer, ast.Subscript):
        names = {getattr(outer.value, "id", getattr(outer.value, "attr", ""))}
    return bool(names & set(_BOXES))
