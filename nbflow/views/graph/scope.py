"""Where a reader is: whose names count, which lines, what it is inside of, and how much it has made.

Opening an author's helper leads from its name to its definition and the scope of its body.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from nbflow.views.graph.model import Group, GroupKind, Node, NodeKind
from nbflow.views.graph.names import Helper, Known, Library, Names

MOST_NODES: Final = 2_000
"""More than that nobody can look at; helpers are not opened any more from a quarter of it on."""

_MOST_OPENED: Final = 400

_DEEPEST: Final = 8
"""Helpers in helpers; deeper ones stay closed."""

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


class TooLargeError(Exception):
    """The code has more steps than can be drawn."""


@dataclass
class Numbers:
    """Counts nodes and groups, in the order of the code, and the helpers that were opened."""

    nodes: int = 0
    groups: int = 0
    opened: int = 0

    @property
    def are_many(self) -> bool:
        """Whether helpers are better left closed."""
        return self.nodes > MOST_NODES // 4 or self.opened > _MOST_OPENED

    def next_node(self) -> str:
        """The next node's id."""
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise TooLargeError
        return f"n{self.nodes}"

    def next_group(self) -> str:
        """The next frame's id."""
        self.groups += 1
        return f"g{self.groups}"


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The surroundings of a piece of code.

    Attributes:
        numbers: Counts what is made, over all scopes.
        names: What the names of the code mean.
        file: Where it stands.
        offset: What is added to a line of the tree to get one of the file.
        local: Functions that are defined in it, or around it.
        holders: Variables that hold something that was started.
        awaited: Variables that are waited for anywhere in the function.
        is_generator: A ``yield`` waits, as in Dapr's Python.
        repeats: It may be run more than once.
        opened: The helpers that it is inside of.
        waits: What each statement waits for, once that was asked.
    """

    numbers: Numbers
    names: Names
    file: str
    offset: int
    local: dict[str, tuple[FunctionNode, Scope]] = field(
        default_factory=dict[str, "tuple[FunctionNode, Scope]"]
    )
    holders: set[str] = field(default_factory=set[str])
    awaited: set[str] = field(default_factory=set[str])
    is_generator: bool = False
    repeats: bool = False
    opened: tuple[str, ...] = ()
    waits: dict[ast.AST, frozenset[str]] = field(default_factory=dict[ast.AST, frozenset[str]])

    def waits_for(self, node: ast.AST) -> frozenset[str]:
        """The variables in everything that a piece of code awaits."""
        if node not in self.waits:
            self.waits[node] = awaited_names(node, is_generator=self.is_generator)
        return self.waits[node]

    def again(self) -> Scope:
        """The same place, run more than once."""
        return replace(self, repeats=True)

    def find(self, dotted: str | None) -> Known | tuple[FunctionNode, Scope] | None:
        """What a dotted name is here."""
        if dotted is None:
            return None
        local = self.local.get(dotted)
        return self.names.find(dotted) if local is None else local

    def library(self, node: ast.AST) -> str:
        """The name of the library function that an expression names, or nothing."""
        known = self.find(dotted_name(node))
        return known.name if isinstance(known, Library) else ""

    def lines(self, at: ast.AST) -> dict[str, Any]:
        """Where a piece of code stands, as attributes of a node or group."""
        line = getattr(at, "lineno", 0) + self.offset
        end = (getattr(at, "end_lineno", None) or 0) + self.offset
        return {"file": self.file, "line": line, "end_line": max(line, end)}

    def node(self, kind: NodeKind, label: str, at: ast.AST, *, name: str = "", limit: str = "") -> Node:
        """A new node for a piece of code."""
        return Node(
            id=self.numbers.next_node(),
            kind=kind,
            label=label,
            name=name,
            limit=limit,
            repeats=self.repeats,
            **self.lines(at),
        )

    def group(self, kind: GroupKind, label: str, at: ast.AST) -> Group:
        """A new frame for a piece of code."""
        return Group(
            id=self.numbers.next_group(), kind=kind, label=label, repeats=self.repeats, **self.lines(at)
        )


def dotted_name(node: ast.AST | None) -> str | None:
    """``a.b.c`` as text; None for anything that is not a plain dotted name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([node.id, *reversed(parts)])


def names_in(node: ast.AST) -> frozenset[str]:
    """The variables that an expression names."""
    return frozenset(part.id for part in ast.walk(node) if isinstance(part, ast.Name))


def awaited_names(node: ast.AST, *, is_generator: bool) -> frozenset[str]:
    """The variables in everything that a piece of code awaits, functions inside it left out."""
    waits = (ast.Yield, ast.YieldFrom) if is_generator else (ast.Await,)
    found: set[str] = set()
    pending: list[ast.AST] = [node]
    while pending:
        part = pending.pop()
        if isinstance(part, waits):
            found |= names_in(part)
        elif isinstance(part, (ast.AsyncFor, ast.For)) and _has(part, waits):
            found |= names_in(part.iter)  # `for task in as_completed(tasks): await task`
        elif isinstance(part, ast.AsyncWith):
            found |= frozenset[str]().union(*(names_in(entry.context_expr) for entry in part.items))
        if not isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            pending.extend(ast.iter_child_nodes(part))
    return frozenset(found)


def _has(node: ast.AST, kinds: tuple[type[ast.AST], ...]) -> bool:
    return any(isinstance(part, kinds) for part in ast.walk(node))


def waits_by_yield(function: FunctionNode) -> bool:
    """Whether a function is a generator whose yields wait: a ``def`` with a yield of its own."""
    if isinstance(function, ast.AsyncFunctionDef):
        return False
    pending: list[ast.AST] = list(function.body)
    while pending:
        part = pending.pop()
        if isinstance(part, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            pending.extend(ast.iter_child_nodes(part))
    return False


def is_helper(known: object) -> bool:
    """Whether a name is one of an author's function whose text is known."""
    return isinstance(known, (Helper, tuple))


def open_helper(
    known: Helper | tuple[FunctionNode, Scope], scope: Scope
) -> tuple[FunctionNode, Scope] | None:
    """A helper's definition and the scope of its body; None: it stays closed (no text, or inside itself)."""
    if isinstance(known, tuple):
        function, home = known
        key = f"{home.file}:{function.lineno + home.offset}"
        names, file, offset, local = home.names, home.file, home.offset, dict(home.local)
    else:
        key = f"{known.file}:{known.first_line}"
        parsed = parse_function(known.text, known.name)
        if parsed is None:
            return None
        function, shift = parsed
        names, file, offset, local = known.names, known.file, known.first_line - 1 + shift, {}
    if key in scope.opened or len(scope.opened) >= _DEEPEST or scope.numbers.are_many:
        return None
    scope.numbers.opened += 1
    inner = Scope(
        numbers=scope.numbers,
        names=names,
        file=file,
        offset=offset,
        local=local,
        is_generator=waits_by_yield(function),
        repeats=scope.repeats,
        opened=(*scope.opened, key),
    )
    return function, inner


def parse_function(text: str, name: str) -> tuple[FunctionNode, int] | None:
    """The definition of a function in a text, and what its line numbers are off by; None: unreadable."""
    for wrapped, shift in ((text, 0), (f"if 1:\n{text}", -1)):
        try:
            tree = ast.parse(wrapped)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name:
                return node, shift
    return None
