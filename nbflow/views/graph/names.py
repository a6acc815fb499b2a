"""Which call is what: the names of a workflow's code, and what stands behind them.

A reader asks for dotted names as they stand in the code. `Namespace` answers from the variables that
the code has; nothing is called and no attribute of anything but a module is looked up, so that
reading runs no code. `Words` answers from plain lists, where there is no function at hand.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import FunctionType, ModuleType
from typing import Any, Final, Literal, Protocol, TypeAlias, cast

import msgspec

from nbflow.core.failures import is_author_file
from nbflow.definitions import ActivityDefinition, WorkflowDefinition

LIBRARIES: Final = frozenset({"asyncio", "anyio", "nbflow"})

KNOWN_ALONE: Final = frozenset({"when_all", "when_any", "gather", "as_completed", "wait_for", "shield"})
"""Names of library functions that are taken for such even where nothing is known of them."""


class Named(msgspec.Struct, frozen=True):
    """An activity or a workflow, by its registered name."""

    kind: Literal["activity", "workflow"]
    name: str


class Library(msgspec.Struct, frozen=True):
    """A function or class of asyncio, anyio or nbflow, by its own name."""

    name: str


class Helper(msgspec.Struct, frozen=True):
    """An author's function: its text, where that stands, and what its names mean."""

    name: str
    text: str
    file: str
    first_line: int
    names: Names


Known: TypeAlias = Named | Library | Helper


class Names(Protocol):
    """Tells what a dotted name in the code stands for."""

    def find(self, dotted: str) -> Known | None:
        """What it is, or None for anything else."""
        ...


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """What a list of names tells.

    Attributes:
        activities: Names of activities.
        workflows: Names of workflows.
        helpers: Texts of author's functions, by name.
    """

    activities: frozenset[str] = frozenset()
    workflows: frozenset[str] = frozenset()
    helpers: Mapping[str, str] = {}

    def find(self, dotted: str) -> Known | None:
        """What a name is by these lists."""
        if dotted in self.activities:
            return Named("activity", dotted)
        if dotted in self.workflows:
            return Named("workflow", dotted)
        if dotted in self.helpers:
            return Helper(dotted, self.helpers[dotted], f"<{dotted}>", 1, self)
        return library_by_name(dotted)


class Namespace:
    """What the variables of a function tell.

    Args:
        function: The code whose names are asked for.
        text_of: Gives the text of a function, or nothing. (The one thing that may look into a file.)
    """

    def __init__(self, function: Callable[..., Any], *, text_of: Callable[[Callable[..., Any]], str]) -> None:
        function = inspect.unwrap(function)
        self._globals = cast("Mapping[str, Any]", getattr(function, "__globals__", {}))
        self._enclosed = _enclosed(function)
        self._text_of = text_of

    def find(self, dotted: str) -> Known | None:
        """What a name is where the function stands."""
        first, *rest = dotted.split(".")
        if first in self._enclosed:
            value = self._enclosed[first]
        elif first in self._globals:
            value = self._globals[first]
        else:
            return library_by_name(dotted)
        for name in rest:
            if not isinstance(value, ModuleType):
                return None
            if value.__name__.partition(".")[0] in LIBRARIES:  # its names may come lazily
                return Library(rest[-1])
            value = vars(value).get(name)
        return self._known(value)

    def _known(self, value: Any) -> Known | None:
        if isinstance(value, ActivityDefinition):
            return Named("activity", value.name)
        if isinstance(value, WorkflowDefinition):
            return Named("workflow", value.name)
        if not isinstance(value, (FunctionType, type)):
            return None
        if value.__module__.partition(".")[0] in LIBRARIES:
            return Library(value.__name__)
        if isinstance(value, FunctionType) and is_author_file(value.__code__.co_filename):
            text = self._text_of(value)
            code = value.__code__
            names = Namespace(value, text_of=self._text_of)
            return Helper(value.__name__, text, code.co_filename, code.co_firstlineno, names)
        return None


def library_by_name(dotted: str) -> Library | None:
    """What a name must be by its looks: ``asyncio.sleep``, or ``when_all`` alone."""
    root, _, last = dotted.rpartition(".")
    if root.partition(".")[0] in LIBRARIES or (not root and last in KNOWN_ALONE):
        return Library(last)
    return None


def _enclosed(function: Callable[..., Any]) -> dict[str, Any]:
    code = getattr(function, "__code__", None)
    found: dict[str, Any] = {}
    if code is None:
        return found
    for name, cell in zip(code.co_freevars, getattr(function, "__closure__", None) or (), strict=False):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # a variable that is not assigned yet
            continue
    return found
