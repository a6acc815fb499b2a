"""What names mean by a text alone: a module, or the cells of a notebook."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from nbflow.lint.changes import changed_in_place, changed_outside
from nbflow.lint.forbidden import TABLE, row_for
from nbflow.lint.meanings import Code, FunctionNode, Kind, Meaning, Outside, Task, Text, Variable
from nbflow.lint.names import ClassInText
from nbflow.lint.reading import Reading
from nbflow.lint.scopes import FUNCTIONS, Binding, Layout, Scope

_MUTABLE: Final = (
    *(f"builtins.{name}" for name in ("list", "dict", "set", "bytearray")),
    *(f"collections.{name}" for name in ("defaultdict", "deque", "Counter", "OrderedDict", "ChainMap")),
    "random.Random",
    "itertools.count",
)


class ModuleNames:
    """The top level of a module, or of all cells of a notebook.

    Args:
        trees: The code, in order.
        texts: The text of each.
        known: What a cell's magic makes of a function, by name.
    """

    def __init__(self, trees: Sequence[ast.Module], texts: Sequence[Text], known: dict[str, str]) -> None:
        self._texts = texts
        self._known = known
        self._layout = Layout(*trees)
        self.reading = Reading(self._layout, self, texts)
        self._changes = self._find_changes(trees)
        self._found: dict[str, Meaning | None] = {}

    def find(self, name: str) -> Meaning | None:
        """What a name of the module means."""
        if name not in self._found:
            self._found[name] = None  # for those who ask for it meanwhile
            self._found[name] = self._find(name)
        return self._found[name]

    def workflows(self) -> list[Code]:
        """The workflows that are defined here, at top level or deeper, in the order of the text."""
        found: list[Code] = []
        for node in self._layout.nodes:
            if not isinstance(node, FUNCTIONS):
                continue
            assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            tree = self._tree_of(node)
            meaning = self.reading.definition(node, tree)
            is_top = self._layout.scopes[node] is self._layout.root
            kind = self._known.get(node.name) if is_top and not isinstance(meaning, Task) else None
            if kind == "workflow" or (isinstance(meaning, Task) and meaning.kind == "workflow"):
                found.append(self._code_of(node, tree))
            elif kind is None and isinstance(meaning, Code) and _takes_context(node):
                found.append(replace(self._code_of(node, tree), takes_input=False))  # a helper, perhaps
        wrapped = [self.find(name) for name in self._layout.root.names]  # fulfil = workflow(function)
        for meaning in wrapped:
            plain = meaning.plain() if isinstance(meaning, Task) and meaning.kind == "workflow" else None
            if plain is not None and all(code.node is not plain.node for code in found):
                found.append(plain)
        return found

    def _code_of(self, node: FunctionNode, tree: int) -> Code:
        """A workflow, with the names of what is around it."""
        code = self.reading.code_of(node, tree)
        scope = self._layout.scopes[node]
        return code if scope is self._layout.root else replace(code, names=_Around(self, scope))

    def _from_star(self, name: str) -> Outside | None:
        """What ``from time import *`` brings, as far as the table of calls knows."""
        if hasattr(builtins, name):
            return None
        stars = self._layout.stars
        paths = [f"{module}.{name}" for module in stars]
        known = [path for path in paths if path in TABLE or (len(stars) == 1 and row_for(path) is not None)]
        return Outside(path=known[0]) if known else None

    def variable_of(self, name: str, bindings: list[Binding]) -> Variable | None:
        """A name that holds a value."""
        assigned = [
            binding for binding in bindings if binding.kind in ("assigned", "unpacked", "loop", "other")
        ]
        return self._variable(name, assigned) if assigned else None

    def _tree_of(self, node: FunctionNode) -> int:
        names = self._layout.scopes[node].names.get(node.name, [])
        return next((binding.tree for binding in names if binding.node is node), 0)

    def _find(self, name: str) -> Meaning | None:
        bindings = self._layout.root.names.get(name)
        if bindings is None:
            return self._from_star(name)
        meaning = self.reading.meaning_of(bindings)
        kind = self._known.get(name)
        if isinstance(meaning, Code) and kind is not None:
            return Task(
                kind="activity" if kind == "activity" else "workflow", name=name, plain=lambda: meaning
            )
        return self.variable_of(name, bindings) if meaning is None else meaning

    def _variable(self, name: str, bindings: list[Binding]) -> Variable:
        values = [
            binding.value for binding in bindings if binding.kind == "assigned" and binding.value is not None
        ]
        label = self._texts[bindings[-1].tree].label
        variable = Variable(name=name, changes=self._changes.get(name, ""), place=label)
        for value in values:
            found = self.reading.value(value)
            if found is not None:
                variable = replace(
                    variable,
                    is_set=variable.is_set or found.kind == "set",
                    owner=found.owner or variable.owner,
                    type_path=found.path or variable.type_path,
                )
            made = self.reading.meaning(value.func) if isinstance(value, ast.Call) else None
            if isinstance(made, Outside) and row_for(made.path) is not None:
                variable = replace(variable, type_path=made.path)
            if self._is_mutable(value):
                variable = replace(variable, is_mutable=True)
        return variable

    def _is_mutable(self, value: ast.expr) -> bool:
        if isinstance(value, (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)):
            return True
        if not isinstance(value, ast.Call):
            return False
        meaning = self.reading.meaning(value.func)
        if isinstance(meaning, Outside):
            return meaning.path in _MUTABLE
        return isinstance(meaning, Kind) and isinstance(meaning.of, ClassInText) and not meaning.of.is_frozen

    def _find_changes(self, trees: Sequence[ast.Module]) -> dict[str, str]:
        """The module's variables that functions change, or other cells do, and which of them."""
        found: dict[str, str] = {}
        for node in self._layout.nodes:
            if isinstance(node, FUNCTIONS):
                assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
                if isinstance(self._layout.parents[node], (ast.Module, ast.ClassDef)):
                    for name in changed_outside(Layout(node)):
                        found.setdefault(name, f"{node.name}() changes it")
        for number, tree in enumerate(trees):
            for node in tree.body:
                parts = list[ast.AST]() if isinstance(node, FUNCTIONS) else list(ast.walk(node))
                for part in parts:
                    for name in changed_in_place(part):
                        homes = {b.tree for b in self._layout.root.names.get(name.id, [])}
                        if homes and number not in homes:
                            found.setdefault(name.id, f"{self._texts[number].label or 'code'} changes it")
        return found


class _Around:
    """What the names of a nested function mean: those of the functions around it, then those of the module."""

    def __init__(self, module: ModuleNames, scope: Scope) -> None:
        self._module = module
        self._scope = scope

    def find(self, name: str) -> Meaning | None:
        """What a name means inside of the scope."""
        scope = self._scope
        while scope.parent is not None:
            if name in scope.names and not scope.is_class and name not in scope.outer:
                bindings = scope.names[name]
                meaning = self._module.reading.meaning_of(bindings)
                if isinstance(meaning, Code):
                    return replace(meaning, names=self)
                return self._module.variable_of(name, bindings) if meaning is None else meaning
            scope = scope.parent
        return self._module.find(name)


def _takes_context(node: FunctionNode) -> bool:
    """Whether a function's first parameter is a workflow's context, by its annotation."""
    first = next(iter([*node.args.posonlyargs, *node.args.args]), None)
    if first is None or first.annotation is None:
        return False
    name = ast.unparse(first.annotation).strip("'\"").rpartition(".")[2]
    return name.endswith("WorkflowContext")
