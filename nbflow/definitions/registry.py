"""The code that is known, by name, and where it is found.

The registry keeps every version of a workflow that it has seen, or that the store has, since
a run in flight goes on with the code that it was started with. Live code comes from cells and
modules; stored code is made of its pin when it is needed.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import CodeType, ModuleType
from typing import Any, cast

from nbflow.core.failures import is_author_file
from nbflow.core.operations import DefinitionRecord
from nbflow.definitions.captured import Captured, completed
from nbflow.definitions.definition import (
    ActivityDefinition,
    Definition,
    WorkflowDefinition,
    is_definition,
)
from nbflow.definitions.pins import Pin, Sources, pin_from_json
from nbflow.definitions.versions import Version
from nbflow.errors import CodeNotRestoredError

Workflow = WorkflowDefinition[Any, Any]
Activity = ActivityDefinition[Any, Any]


class Registry:
    """Workflows and activities by name; of a workflow every version, of an activity the newest."""

    def __init__(self) -> None:
        self._workflows: dict[str, dict[str, Version[Workflow]]] = {}
        self._newest: dict[str, str] = {}
        self._activities: dict[str, Version[Activity]] = {}
        self._lock = threading.RLock()

    # -- what becomes known -------------------------------------------------------------------

    def add(self, definition: Definition) -> bool:
        """Register a definition as the newest of its name, and tell whether that is news."""
        code_hash = definition.code_hash
        if isinstance(definition, ActivityDefinition):
            known = self._activities.get(definition.name)
            self._activities[definition.name] = Version(code_hash, definition, None, self._lock)
            return known is None or known.live is None or known.code_hash != code_hash
        versions = self._workflows.setdefault(definition.name, {})
        before = self._newest.get(definition.name)
        is_news = before is None or before != code_hash or versions[before].live is None
        for version in versions.values():
            if version.live is definition:
                version.live = None  # what it uses is another now
        known_version = versions.get(code_hash)
        if known_version is None:
            versions[code_hash] = Version(code_hash, definition, definition.pin, self._lock)
        else:
            known_version.live = definition
        self._newest[definition.name] = code_hash
        return is_news

    def add_stored(self, record: DefinitionRecord) -> bool:
        """Note code that the store has, unless it is here already; tells whether it can be used.

        What is stored later takes the place of what was stored before, and live code goes before all of it.
        """
        if not record.pin:
            return False
        try:
            pin = pin_from_json(record.pin)
        except ValueError:
            return False
        if record.kind == "activity":
            known = self._activities.get(record.name)
            if known is None or known.live is None:
                self._activities[record.name] = Version(record.code_hash, None, pin, self._lock)
            return True
        versions = self._workflows.setdefault(record.name, {})
        known_version = versions.get(record.code_hash)
        if known_version is None:
            versions[record.code_hash] = Version(record.code_hash, None, pin, self._lock)
        newest = self._newest.get(record.name)
        if newest is None or versions[newest].live is None:
            self._newest[record.name] = record.code_hash
        return True

    def add_pin(self, name: str, code_hash: str, pin: Pin) -> None:
        """Note a version that is nobody's newest: a run in flight changes over to it."""
        versions = self._workflows.setdefault(name, {})
        if code_hash not in versions:
            versions[code_hash] = Version(code_hash, None, pin, self._lock)

    def completed(
        self, name: str, code_hash: str, namespace: dict[str, Any], sources: Sources
    ) -> Captured | None:
        """A version with what it missed, as far as that is there by now; None if nothing of it is."""
        version = self.version(name, code_hash)
        if version is None or version.pin is None or not any(n in namespace for n in version.pin.missing):
            return None
        return completed(version.pin, version.made(), namespace, sources, is_definition)

    def changed_uses(self, name: str, before: str, after: str) -> tuple[str, ...]:
        """Names that mean something else in one version of a workflow than in another; none where that isn't known."""
        pins = [
            version.pin if version is not None else None
            for version in map(partial(self.version, name), (before, after))
        ]
        if pins[0] is None or pins[1] is None:
            return ()
        old, new = pins[0].items, pins[1].items
        return tuple(sorted(each for each in {**old, **new} if old.get(each) != new.get(each)))

    def drop(self, name: str, code_hash: str) -> None:
        """Forget a version of a workflow."""
        versions = self._workflows.get(name, {})
        versions.pop(code_hash, None)
        if self._newest.get(name) == code_hash:
            del self._newest[name]
            if versions:
                self._newest[name] = next(reversed(versions))

    # -- what is there ------------------------------------------------------------------------

    def version(self, name: str, code_hash: str | None = None) -> Version[Workflow] | None:
        """The version of a workflow with that hash, or the newest; None if there is none. Nothing is made."""
        return self._workflows.get(name, {}).get(code_hash or self._newest.get(name, ""))

    def newest_hash(self, kind: str, name: str) -> str | None:
        """The hash of the newest code of that name; None if there is none."""
        if kind == "workflow":
            return self._newest.get(name)
        version = self._activities.get(name)
        return version.code_hash if version is not None else None

    def versions(self, name: str) -> list[Version[Workflow]]:
        """Every version of a workflow, the newest last."""
        versions = dict(self._workflows.get(name, {}))
        newest = versions.pop(self._newest.get(name, ""), None)
        return [*versions.values(), *([newest] if newest is not None else [])]

    def workflow(self, name: str, code_hash: str | None = None) -> Workflow | None:
        """The version of a workflow with that hash, or the newest, as people use it; None if there is none.

        Stored code is made now; None where that can't be. If a notebook's present code has the same signature,
        it is that, so that results are of the classes that the notebook has now.
        """
        version, newest = self.version(name, code_hash), self.version(name)
        try:
            found = version.definition() if version is not None else None
        except CodeNotRestoredError:
            return None
        if found is None or version is newest or newest is None or newest.live is None:
            return found
        if not newest.live.is_of_notebook:
            return found
        return newest.live if newest.live.parameters == found.parameters else found

    def running(self, name: str, code_hash: str | None = None) -> Workflow | None:
        """The version of a workflow with that hash, or the newest, as its runs have it; None if there is none.

        Stored code is made now; None where that can't be.
        """
        version = self.version(name, code_hash)
        try:
            return version.running() if version is not None else None
        except CodeNotRestoredError:
            return None

    def has_activity(self, name: str) -> bool:
        """Whether there is an activity of that name; nothing is made."""
        version = self._activities.get(name)
        return version is not None and version.error is None

    def activity(self, name: str) -> Activity | None:
        """The newest activity of that name; None if there is none, or it can't be made here."""
        version = self._activities.get(name)
        try:
            return version.definition() if version is not None else None
        except CodeNotRestoredError:
            return None

    @property
    def misses_names(self) -> bool:
        """Whether the code of some version uses names that meant nothing when it was registered."""
        return any(
            version.pin is not None and version.pin.missing
            for versions in self._workflows.values()
            for version in versions.values()
        )

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
