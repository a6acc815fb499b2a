"""What a name in workflow code can mean, wherever that was learned.

Two things tell: `live` knows the values that a definition's variables have, `static` what a text says of
them. The checks see only what is here.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


class Names(Protocol):
    """Tells what the names mean that code finds outside of itself."""

    def find(self, name: str) -> Meaning | None:
        """What a single name means there; None where nothing is known of it."""
        ...


@dataclass(frozen=True, kw_only=True)
class Outside:
    """Something of a library, by its full name: ``time.time``, ``datetime.datetime``."""

    path: str


@dataclass(frozen=True, kw_only=True)
class Task:
    """An activity or a workflow: what a call of it does is on record, and nobody looks into it.

    Attributes:
        plain: Finds the function behind it, which ``charge.fn`` gives.
    """

    kind: Literal["activity", "workflow"]
    name: str
    plain: Callable[[], Code | None] = lambda: None


@dataclass(frozen=True, kw_only=True)
class Text:
    """A text with code in it.

    Attributes:
        source: The text, whose first line has the number 1 in the trees made of it.
        file: The file's name, or the name of the cell's code.
        label: What a person calls it, where that is not the file's name.
        shift: What is added to a line's number in the tree to get the one that its author sees.
        seen: The text as its author sees it, from line 1 on, where that is another one: a cell that is a body.
    """

    source: str
    file: str
    label: str = ""
    shift: int = 0
    seen: str = ""


@dataclass(frozen=True, kw_only=True)
class Code:
    """An author's function.

    Attributes:
        key: The same for the same function, however it was found.
        owner: The class that it is a method of.
        wrapped: What decorators have put around it.
        takes_input: Whether its parameters are a run's input, if it is a workflow.
    """

    name: str
    node: FunctionNode
    text: Text
    names: Names
    key: Hashable
    owner: AuthorClass | None = None
    wrapped: tuple[Code, ...] = ()
    takes_input: bool = True

    @property
    def is_async(self) -> bool:
        """Whether a call of it does nothing until it is awaited."""
        return isinstance(self.node, ast.AsyncFunctionDef)


class AuthorClass(Protocol):
    """An author's class."""

    @property
    def name(self) -> str: ...

    def member(self, name: str) -> Code | None:
        """A method or a property's function."""
        ...

    def field(self, name: str) -> ast.expr | None:
        """What an annotation in the class says of an attribute."""
        ...


@dataclass(frozen=True, kw_only=True)
class Module:
    """A module of the author's."""

    name: str
    names: Names


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A variable of a module or notebook, or of a function around the workflow.

    Attributes:
        changes: How it comes to have another value: what does it; empty if nothing is known that does.
        is_mutable: Whether its value can be changed in place.
        is_set: Whether it is a set whose order differs from process to process.
        type_path: The library's class that its value is of.
        owner: The author's class that its value is of.
        place: Where it is defined, for a person.
    """

    name: str
    changes: str = ""
    is_mutable: bool = False
    is_set: bool = False
    type_path: str = ""
    owner: AuthorClass | None = None
    place: str = ""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A class of the author's, as a meaning."""

    of: AuthorClass


Meaning: TypeAlias = Outside | Task | Code | Module | Variable | Kind
