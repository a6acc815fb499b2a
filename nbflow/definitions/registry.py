"""The code that is known, by name, and where it is found.

The registry keeps every version of a workflow that it has seen, since a run in
flight goes on with the code that it was started with.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, ModuleType
from typing import Any, cast

from nbflow.core.failures import is_author_file
from nbflow.definitions.definition import ActivityDefinition, Definition, WorkflowDefinition


class Registry:
    """Workflows and activities by name; of a workflow every version, of an activity the newest."""

    def __init__(self) -> None:
        self._workflows: dict[str, dict[str, WorkflowDefinition[Any, Any]]] = {}
        self._activities: dict[str, ActivityDefinition[Any, Any]] = {}

    def add(self, definition: Definition) -> bool:
        """Register a definition as the newest of its name, and tell whether that is news."""
        if isinstance(definition, ActivityDefinition):
            known = self._activities.get(definition.name)
            self._activities[definition.name] = definition
            return known is None or known.code_hash != definition.code_hash
        versions = self._workflows.setdefault(definition.name, {})
        newest = next(reversed(versions.values()), None)
        versions.pop(definition.code_hash, None)
        versions[definition.code_hash] = definition
        return newest is None or newest.code_hash != definition.code_hash

    def workflow(self, name: str, code_hash: str | None = None) -> WorkflowDefinition[Any, Any] | None:
        """The version of a workflow with that hash, or the newest; None if there is none."""
        versions = self._workflows.get(name, {})
        if code_hash is not None:
            return versions.get(code_hash)
        return next(reversed(versions.values()), None)

    def activity(self, name: str) -> ActivityDefinition[Any, Any] | None:
        """The newest activity of that name, or None."""
        return self._activities.get(name)

    def workflow_names(self) -> list[str]:
        """The names of all workflows, sorted."""
        return sorted(self._workflows)

    def activity_names(self) -> list[str]:
        """The names of all activities, sorted."""
        return sorted(self._activities)


def definitions_in(*places: ModuleType | Mapping[str, Any] | Definition) -> Iterator[Definition]:
    """The definitions in modules and namespaces, and those that they refer to.

    A workflow brings the activities that its code names, also where those live in
    another module or in an enclosing function, and those that the functions name
    which it calls.
    """
    seen: set[int] = set()
    pending: list[Any] = []
    for place in places:
        if isinstance(place, ModuleType):
            pending.extend(vars(place).values())
        elif isinstance(place, (ActivityDefinition, WorkflowDefinition)):
            pending.append(place)
        else:
            pending.extend(place.values())
    functions: set[Callable[..., Any]] = set()
    while pending:
        item = pending.pop(0)
        if not isinstance(item, (ActivityDefinition, WorkflowDefinition)):
            continue
        definition = cast("Definition", item)
        if id(definition) in seen:
            continue
        seen.add(id(definition))
        yield definition
        pending.extend(_named_by(definition.function, functions))


def _named_by(function: Callable[..., Any], seen: set[Callable[..., Any]]) -> Iterator[Any]:
    """What a function's code names, and the author's functions that it names: globals and enclosing variables."""
    code = getattr(function, "__code__", None)
    if code is None or function in seen:
        return
    seen.add(function)
    for value in _values_named_by(function, code):
        yield value
        if inspect.isfunction(value) and is_author_file(value.__code__.co_filename):
            yield from _named_by(value, seen)


def _values_named_by(function: Callable[..., Any], code: CodeType) -> Iterator[Any]:
    namespace: dict[str, Any] = getattr(function, "__globals__", {})
    codes = [code]
    while codes:
        code = codes.pop()
        for name in code.co_names:
            if name in namespace:
                yield namespace[name]
        codes.extend(constant for constant in code.co_consts if inspect.iscode(constant))
    for cell in getattr(function, "__closure__", None) or ():
        try:
            yield cell.cell_contents
        except ValueError:  # a variable that is not assigned yet
            continue
