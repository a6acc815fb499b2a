"""What the expressions of a tree name, followed to where the names come from."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from nbflow.lint.meanings import (
    AuthorClass,
    Code,
    FunctionNode,
    Kind,
    Meaning,
    Module,
    Names,
    Outside,
    Task,
    Text,
    Variable,
)
from nbflow.lint.scopes import FUNCTIONS, Binding, Layout

DEEPEST: Final = 12
"""Aliases of aliases; deeper ones are left alone."""

_PASS_ON: Final = ("functools.partial", "functools.lru_cache", "functools.cache")
_IMPORTERS: Final = ("builtins.__import__", "importlib.import_module")
_BUILTINS: Final = frozenset(dir(builtins))


@dataclass(frozen=True)
class Value:
    """What is known of an expression's value.

    Attributes:
        kind: ``set``: one whose order differs; ``task``: an activity's call, a timer, a task; ``coroutine``: of an
            author's function; ``instance``: of a library's class; ``object``: of an author's class.
        path: The library's class.
        owner: The author's class.
    """

    kind: Literal["set", "task", "coroutine", "instance", "object"]
    path: str = ""
    owner: AuthorClass | None = None


class NameReading:
    """A tree whose names are known; what is known of values, its heir tells.

    Args:
        layout: The tree.
        names: What the names mean that it finds outside of itself.
        texts: Of each tree of the layout, the text.
        code: The function, where the tree is one.
        is_workflow: Whether its parameters are a run's input.
    """

    def __init__(
        self,
        layout: Layout,
        names: Names,
        texts: Sequence[Text],
        *,
        code: Code | None = None,
        is_workflow: bool = False,
    ) -> None:
        self.layout = layout
        self.code = code
        self.is_workflow = is_workflow
        self.names = names
        self._texts = texts
        self._meanings: dict[ast.expr, Meaning | None] = {}

    # -- names --------------------------------------------------------------------------------

    def bindings(self, name: str, at: ast.AST) -> list[Binding] | None:
        """How a name gets its value inside of the tree; None if it is none of its names."""
        return self.layout.scopes.get(at, self.layout.root).find(name)

    def meaning_outside(self, name: ast.Name) -> Meaning | None:
        """What a name means that is none of the tree's own."""
        return self.names.find(name.id) if self.bindings(name.id, name) is None else None

    def meaning(self, node: ast.expr, deep: int = 0) -> Meaning | None:
        """What an expression names; None for values, and where nothing is known."""
        if node in self._meanings:
            return self._meanings[node]
        if deep > DEEPEST or not isinstance(node, (ast.Name, ast.Attribute, ast.Subscript, ast.Call)):
            return None
        meaning = self._meaning(node, deep)
        self._meanings[node] = meaning
        return meaning

    def _meaning(self, node: ast.expr, deep: int) -> Meaning | None:
        match node:
            case ast.Name(id=name):
                found = self.bindings(name, node)
                if found is not None:
                    return self.meaning_of(found, deep + 1)
                outer = self.names.find(name)
                if outer is None and name in _BUILTINS:
                    return Outside(path=f"builtins.{name}")
                return outer
            case ast.Attribute():
                return self._attribute(node, deep)
            case ast.Subscript(value=value):  # set[int](), Box[int]()
                meaning = self.meaning(value, deep + 1)
                return meaning if isinstance(meaning, (Kind, Outside)) else None
            case ast.Call(func=func, args=[first, *others]):
                return self._made_by(self.meaning(func, deep + 1), first, others, deep)
            case _:
                return None

    def _made_by(
        self, maker: Meaning | None, first: ast.expr, others: list[ast.expr], deep: int
    ) -> Meaning | None:
        """What a call gives that makes a function or module of a name: ``activity(f)``, ``getattr(m, "f")``."""
        path = maker.path if isinstance(maker, Outside) else ""
        if path in _PASS_ON:
            return self.meaning(first, deep + 1)
        if path in _IMPORTERS:
            return Outside(path=_text_in(first)) if _text_in(first) else None
        if path == "builtins.getattr" and others and _text_in(others[0]):
            base = self.meaning(first, deep + 1)
            return Outside(path=f"{base.path}.{_text_in(others[0])}") if isinstance(base, Outside) else None
        return self._defined_by(maker, first, deep)

    def _defined_by(self, maker: Meaning | None, first: ast.expr, deep: int) -> Task | None:
        if not isinstance(maker, Outside) or not maker.path.startswith("nbflow."):
            return None
        inner = self.meaning(first, deep + 1)
        plain = inner if isinstance(inner, Code) else None
        name = plain.name if plain else ast.unparse(first)
        match maker.path.rpartition(".")[2]:
            case "activity" | "ActivityDefinition":
                return Task(kind="activity", name=name, plain=lambda: plain)
            case "workflow" | "WorkflowDefinition":
                return Task(kind="workflow", name=name, plain=lambda: plain)
            case _:
                return None

    def _attribute(self, node: ast.Attribute, deep: int) -> Meaning | None:
        base = self.meaning(node.value, deep + 1)
        match base:
            case Outside(path=path):
                return Outside(path=f"{path}.{node.attr}")
            case Module(names=names):
                return names.find(node.attr)
            case Task(plain=plain) if node.attr in ("fn", "function", "__wrapped__"):
                return plain()
            case Kind(of=owner):
                return owner.member(node.attr)
            case Variable(owner=owner) if owner is not None:
                return owner.member(node.attr)
            case Variable(type_path=path) if path:
                return Outside(path=f"{path}.{node.attr}")
            case None:
                value = self.value(node.value, deep + 1)
                if value is not None and value.kind == "instance":
                    return Outside(path=f"{value.path}.{node.attr}")
                if value is not None and value.owner is not None:
                    return value.owner.member(node.attr)
                return None
            case _:
                return None

    def meaning_of(self, bindings: list[Binding], deep: int = 0) -> Meaning | None:
        """What a name means that gets its value so."""
        imports = [binding for binding in bindings if binding.kind == "import"]
        if imports and all(binding.kind == "import" or _is_none(binding.value) for binding in bindings):
            return Outside(path=imports[0].path)  # the first of those that are tried
        if any(binding.kind in ("parameter", "unpacked", "loop", "other") for binding in bindings):
            return None
        last = bindings[-1]
        match last.kind:
            case "def" | "class" if isinstance(
                last.node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
            ):
                return self.definition(last.node, last.tree)
            case "assigned" if (
                len(bindings) == 1 and last.value is not None and not isinstance(last.node, ast.withitem)
            ):
                return self._assigned(last, deep)
            case _:
                return None

    def _assigned(self, binding: Binding, deep: int) -> Meaning | None:
        assert binding.value is not None
        if isinstance(binding.value, ast.Call):
            meaning = self.meaning(binding.value, deep)
            return meaning if isinstance(meaning, (Task, Code, Outside)) else None
        if not isinstance(binding.value, (ast.Name, ast.Attribute)):
            return None
        meaning = self.meaning(binding.value, deep)
        return None if isinstance(meaning, Variable) else meaning

    def definition(self, node: FunctionNode | ast.ClassDef, tree: int = 0) -> Meaning | None:
        """What a definition in the tree is."""
        if isinstance(node, ast.ClassDef):
            return Kind(of=ClassInText(node, self, tree))
        kind = self._decorated(node)
        code = self.code_of(node, tree)
        return code if kind is None else Task(kind=kind, name=node.name, plain=lambda: code)

    def code_of(self, node: FunctionNode, tree: int = 0, owner: AuthorClass | None = None) -> Code:
        """A function that is defined in the tree."""
        return Code(
            name=node.name, node=node, text=self._texts[tree], names=self.names, key=node, owner=owner
        )

    def _decorated(self, node: FunctionNode) -> Literal["activity", "workflow"] | None:
        """What a decorator makes of a function: nbflow's, or a registry's like Dapr's ``runtime.workflow``."""
        for decorator in node.decorator_list:
            func = decorator.func if isinstance(decorator, ast.Call) else decorator
            meaning = self.meaning(func)
            if isinstance(meaning, Code) and self._makes_workflows(meaning):
                return "workflow"
            if isinstance(meaning, (Code, Kind, Task)):
                continue
            name = meaning.path if isinstance(meaning, Outside) else ast.unparse(func)
            match name.rpartition(".")[2]:
                case "activity":
                    return "activity"
                case "workflow" | "orchestrator":
                    return "workflow"
                case _:
                    continue
        return None

    def _makes_workflows(self, decorator: Code) -> bool:
        """Whether an author's decorator calls nbflow's."""
        named = (
            part for part in ast.walk(decorator.node) if isinstance(part, ast.Name) and part.id == "workflow"
        )
        return any(
            isinstance(found := self.meaning(name), Outside) and found.path == "nbflow.workflow"
            for name in named
        )

    def value(self, node: ast.expr, deep: int = 0) -> Value | None:
        """What is known of an expression's value."""
        return None


class ClassInText:
    """A class whose definition stands in a tree."""

    def __init__(self, node: ast.ClassDef, reading: NameReading, tree: int) -> None:
        self._node = node
        self._reading = reading
        self._tree = tree

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ClassInText) and other._node is self._node

    def __hash__(self) -> int:
        return hash(self._node)

    @property
    def name(self) -> str:
        """The class's name."""
        return self._node.name

    @property
    def is_frozen(self) -> bool:
        """Whether its instances stay as they are: a frozen dataclass, a named tuple, an enum."""
        marks = [*self._node.decorator_list, *self._node.keywords, *self._node.bases]
        words = {last_word(mark) for mark in self._node.bases}
        if words & {"Enum", "StrEnum", "IntEnum", "Flag", "IntFlag", "NamedTuple"}:
            return True
        keywords = [
            k
            for mark in marks
            for k in (
                mark.keywords
                if isinstance(mark, ast.Call)
                else [mark]
                if isinstance(mark, ast.keyword)
                else []
            )
        ]
        return any(
            k.arg == "frozen" and isinstance(k.value, ast.Constant) and k.value.value is True
            for k in keywords
        )

    def field(self, name: str) -> ast.expr | None:
        """What an annotation in the class says of an attribute."""
        return _annotation_in(self._node, name)

    def member(self, name: str) -> Code | None:
        """A method or property of the class, or of one that it is based on in the same text."""
        for node in self._node.body:
            if isinstance(node, FUNCTIONS) and node.name == name:
                assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
                return self._reading.code_of(node, self._tree, owner=self)
        for base in self._node.bases:
            meaning = self._reading.meaning(base)
            if isinstance(meaning, Kind) and meaning.of != self:
                found = meaning.of.member(name)
                if found is not None:
                    return replace(found, owner=self)
        return None


def _annotation_in(node: ast.ClassDef, name: str) -> ast.expr | None:
    for part in node.body:
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name) and part.target.id == name:
            return part.annotation
    return None


def last_word(node: ast.AST) -> str:
    """The last part of a dotted name; empty for all else."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _text_in(node: ast.expr) -> str:
    """The text of a literal; empty for all else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _is_none(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
