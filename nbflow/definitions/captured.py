"""What a definition's code comes to with all that it uses: its hash, and the pin if there can be one."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import FunctionType
from typing import Any, Final

import msgspec

from nbflow.definitions.pins import (
    Defined,
    Pin,
    Problem,
    Sources,
    capture,
    future_flags,
    in_order,
    to_node,
)
from nbflow.definitions.pins.model import Alias, Constant, Declared, Imported, Item
from nbflow.definitions.pins.values import importable
from nbflow.definitions.source import text_hash

_LEFT_OUT: Final = object()


class Captured(msgspec.Struct, frozen=True, kw_only=True):
    """The state of some code.

    Attributes:
        code_hash: Hash of what the code means, with all that it uses.
        pin: The code; None if some of it can't be kept.
        problems: What can't be kept.
        missing: Names that meant nothing.
        values: The values that were seen by name, for `is_outdated`.
    """

    code_hash: str
    pin: Pin | None
    problems: tuple[Problem, ...] = ()
    missing: tuple[str, ...] = ()
    values: Mapping[str, Any] = {}

    def differing(self, before: Captured) -> list[str]:
        """The names that mean something else than before."""
        if self.pin is None or before.pin is None:
            return []
        ours, theirs = self.pin.items, before.pin.items
        names = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
        return sorted(names)

    def is_outdated(self, namespace: Mapping[str, Any]) -> bool:
        """Whether a name means something else in the namespace by now, or something where it meant nothing."""
        if any(name in namespace for name in self.missing):
            return True
        return any(namespace.get(name, _LEFT_OUT) is not value for name, value in self.values.items())


def captured(definition: Any, sources: Sources, is_definition: Callable[[Any], bool]) -> Captured:
    """Look at what a definition's code uses now."""
    found = capture(definition, sources, is_definition=is_definition)
    problems = found.problems
    if not definition.source:
        problems = (*problems, Problem(name=definition.name, what="has no source text that can be found"))
    pin: Pin | None = None
    if not problems:
        pin = _pin(definition, found.items, found.missing)
    return Captured(
        code_hash=hash_of(definition.own_hash, found.items, problems),
        pin=pin,
        problems=problems,
        missing=found.missing,
        values=found.values,
    )


def completed(
    pin: Pin,
    made: Any,
    namespace: dict[str, Any],
    sources: Sources,
    is_definition: Callable[[Any], bool],
) -> Captured | None:
    """A pin with what it missed, as far as a namespace has that by now; what it had stays as it was.

    Args:
        pin: The pin, some of whose names meant nothing.
        made: The definition that was made of it.
        namespace: Where to look.
        sources: Finds source texts.
        is_definition: Tells activities and workflows from everything else.

    Returns:
        The code with those names; None if none of them is there, or one can't be kept.
    """
    function = FunctionType(made.function.__code__, namespace, pin.function, None, made.function.__closure__)
    now = capture(_Stand(pin, function), sources, is_definition=is_definition)
    if not any(name in now.items for name in pin.missing):
        return None
    reached = {name: item for name, item in now.items.items() if name not in pin.items}
    if any(problem.name not in pin.items for problem in now.problems):
        return None
    items = in_order({**reached, **pin.items})
    missing = tuple(name for name in pin.missing if name not in items)
    whole = msgspec.structs.replace(pin, items=items, missing=missing)
    return Captured(code_hash=hash_of(made.own_hash, items), pin=whole, missing=missing)


class _Stand:
    """Stands in for a definition whose surroundings are another namespace."""

    def __init__(self, pin: Pin, function: FunctionType) -> None:
        self.kind: Any = pin.kind
        self.name = pin.registered
        self.source = pin.root.source
        self.function = function


def hash_of(own_hash: str, items: Mapping[str, Item], problems: tuple[Problem, ...] = ()) -> str:
    """The hash of some code with all that it uses; of code that uses nothing, its own."""
    parts = [f"{name}={_meaning(items[name])}" for name in sorted(items) if not _is_ours(items[name])]
    parts += sorted(problem.name for problem in problems)
    return text_hash("\n".join([own_hash, *parts])) if parts else own_hash


def _is_ours(item: Item) -> bool:
    """Whether it is nbflow itself: a decorator's name is no part of what code means, as the decorator is none."""
    return isinstance(item, Imported) and item.module.partition(".")[0] == "nbflow"


def _meaning(item: Item) -> str:
    """What an item comes to, whatever its comments and layout."""
    match item:
        case Imported(module=module, name=name):
            return f"import {module}:{name}"
        case Alias(of=of):
            return f"alias {of}"
        case Constant(value=value):
            return f"value {msgspec.json.encode(value).decode()}"
        case Defined(source=source):
            return f"source {text_hash(ast.unparse(ast.parse(source)))}"
        case Declared(kind=kind, registered=name, source=source, retry_policy=policy, timeout=timeout):
            return f"{kind} {name} {source} {msgspec.json.encode([policy, timeout]).decode()}"


def _pin(definition: Any, items: dict[str, Item], missing: tuple[str, ...]) -> Pin:
    function = inspect.unwrap(definition.function)
    timeout: timedelta | None = getattr(definition, "timeout", None)

    def own_name(value: Any) -> str | None:
        """The name of a class in the pin; what can be imported is, whether or not the code names it."""
        name: str = value.__name__
        return name if isinstance(items.get(name), Defined) or importable(value) is None else None

    return Pin(
        kind=definition.kind,
        registered=definition.name,
        function=function.__name__,
        root=Defined(
            source=definition.source,
            file=function.__code__.co_filename,
            first_line=function.__code__.co_firstlineno,
            flags=future_flags(function),
        ),
        items=items,
        missing=missing,
        cell=getattr(definition, "cell", None),
        label=getattr(definition, "label", ""),
        version=getattr(definition, "version", None),
        retry_policy=to_node(getattr(definition, "retry_policy", None), own_name),
        timeout=timeout.total_seconds() if timeout is not None else None,
        package=str(function.__globals__.get("__package__") or ""),
    )
