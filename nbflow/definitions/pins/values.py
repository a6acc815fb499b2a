"""Values that a pin keeps: those that can't change, as JSON, and back.

``None``, booleans, numbers, texts and lists of such are themselves in JSON. Everything else is an object with
one key that says what it is: ``{"tuple": [...]}``, ``{"dict": [[key, value], ...]}``, ``{"import": ["datetime",
"timezone.utc"]}``, ``{"name": "Order"}`` for a class of the notebook, ``{"member": [enum, "NAME"]}``, and
``{"made": [callable, [arguments]]}`` for whatever Python itself takes apart (``__reduce_ex__``).
"""

from __future__ import annotations

import copyreg
import dataclasses
import enum
import importlib
import math
import re
import sys
import types
import typing
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePath
from typing import Any, Final, cast
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from nbflow.core.failures import PINNED
from nbflow.core.retry import RetryPolicy
from nbflow.definitions.pins.model import Node

_UNCHANGING: Final = (
    date,
    datetime,
    time,
    timedelta,
    timezone,
    Decimal,
    Fraction,
    PurePath,
    UUID,
    ZoneInfo,
    complex,
    range,
    re.Pattern,
    types.GenericAlias,
    types.UnionType,
    RetryPolicy,
)
_PARTS: Final[dict[str, Callable[[Any], Any]]] = {"tuple": tuple, "set": set, "frozenset": frozenset}
_MOST: Final = 100_000
"""Characters and items of a value that is kept with the code; what is larger is data, and no constant."""


class NotConstantError(Exception):
    """A value may change, or can't be written down; says why in a few words."""


def to_node(value: Any, local: Callable[[Any], str | None]) -> Node:
    """Write a value down.

    Args:
        value: The value.
        local: Gives the name under which the pin has a class or function that is the author's own; None for
            what can't be had by a name.

    Raises:
        NotConstantError: It is no constant.
    """
    return _Writer(local).node(value, ())


def from_node(node: Node, namespace: Mapping[str, Any]) -> Any:
    """Make a value again; raises ImportError, KeyError and what its class raises."""
    if isinstance(node, list):
        return [from_node(part, namespace) for part in cast("list[Node]", node)]
    if not isinstance(node, dict):
        return node
    ((kind, content),) = cast("dict[str, Any]", node).items()
    match kind:
        case "tuple" | "set" | "frozenset":
            return _PARTS[kind](from_node(part, namespace) for part in content)
        case "dict":
            return {from_node(key, namespace): from_node(value, namespace) for key, value in content}
        case "float":
            return float(content)
        case "bytes":
            return bytes.fromhex(content)
        case "import":
            return imported(*content)
        case "name":
            return namespace[content]
        case "member":
            return from_node(content[0], namespace)[content[1]]
        case "fields":
            made = from_node(content[0], namespace)
            return made(**{name: from_node(part, namespace) for name, part in content[1]})
        case "made":
            make, arguments = (from_node(part, namespace) for part in content)
            return make(*arguments)
        case _:
            raise ValueError(f"the stored code has a value of an unknown kind: {kind}")


def imported(module: str, name: str = "") -> Any:
    """A module, or what has that qualified name in it; raises ImportError."""
    found: Any = importlib.import_module(module)
    for part in filter(None, name.split(".")):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise ImportError(f"cannot import name {name!r} from {module!r}", name=name) from None
    return found


def importable(value: Any) -> tuple[str, str] | None:
    """Module and qualified name that lead to a function or class; None if none does."""
    if value is types.NoneType:
        return "types", "NoneType"
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str) or module == "__main__":
        return None
    parts = module.split(".")
    places = [".".join(parts[: count + 1]) for count in range(len(parts))]
    # where people import it from, which stays where it is when a package moves its insides
    public = (place for place in places if name in vars(sys.modules.get(place, sys)))
    found = next((place for place in public if has_identical(place, name, value)), module)
    return (found, name) if has_identical(found, name, value) else None


def found_in_module(name: str, value: Any) -> str | None:
    """The module that has just this under a name, where the value itself doesn't know: ``from settings import limits``."""
    places = [
        place
        for place, module in list(sys.modules.items())
        if getattr(module, "__dict__", {}).get(name) is value and _is_public(place)
    ]
    return min(places, key=lambda place: (place.count("."), len(place)), default=None)


def _is_public(module: str) -> bool:
    return module != "__main__" and not module.startswith((PINNED, "_"))


def has_identical(module: str, name: str, value: Any) -> bool:
    """Whether a module that is loaded has just this under a qualified name."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        if found is None or part == "<locals>":
            return False
        found = getattr(found, part, None)
    return found is value


class _Writer:
    def __init__(self, local: Callable[[Any], str | None]) -> None:
        self._local = local
        self._left = _MOST

    def node(self, value: Any, within: tuple[int, ...]) -> Node:
        kind = cast("type[Any]", type(value))
        self._left -= 1 + (len(value) if kind in (str, bytes) else 0)
        if self._left < 0:
            raise NotConstantError("is too large to be kept with the code")
        if id(value) in within:
            raise NotConstantError("contains itself")
        if value is None or kind in (bool, int, str):
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        within = (*within, id(value))
        if kind is list:
            return [self.node(part, within) for part in value]
        if kind in (tuple, set, frozenset):
            parts = value if kind is tuple else sorted(value, key=repr)
            return {kind.__name__: [self.node(part, within) for part in parts]}
        if kind is dict:
            return {
                "dict": [[self.node(key, within), self.node(part, within)] for key, part in value.items()]
            }
        if kind is bytes:
            return {"bytes": value.hex()}
        return self._object(value, kind, within)

    def _object(self, value: Any, kind: type[Any], within: tuple[int, ...]) -> Node:
        if isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)):
            return self.reference(value)
        if isinstance(value, enum.Enum):
            return {"member": [self.reference(kind), value.name]}
        if (fields := _fields(value, kind)) is not None:
            return {
                "fields": [
                    self.reference(kind),
                    [[name, self.node(part, within)] for name, part in fields.items()],
                ]
            }
        if isinstance(value, _UNCHANGING) or kind.__module__ in ("typing", "types") or _is_alias(value):
            return self._reduced(value, within)
        raise NotConstantError(f"is {_a(kind)}, which may change")

    def _reduced(self, value: Any, within: tuple[int, ...]) -> Node:
        if isinstance(value, (UUID, ZoneInfo)):
            return {"made": [self.reference(type(value)), [str(value)]]}
        take_apart = copyreg.dispatch_table.get(cast("type[Any]", type(value)))
        reduced: Any = value.__reduce_ex__(4) if take_apart is None else take_apart(value)
        if isinstance(reduced, str):  # the name of a thing that there is once, such as typing.Any
            return {"import": [_module_of(value), reduced]}
        make, arguments, *rest = reduced
        if any(part is not None for part in rest):
            kind = cast("type[Any]", type(value))
            raise NotConstantError(f"is {_a(kind)} that can't be written down")
        return {"made": [self.node(make, within), [self.node(part, within) for part in arguments]]}

    def reference(self, value: Any) -> Node:
        """How to get at a class or a function."""
        if (name := self._local(value)) is not None:
            return {"name": name}
        if (found := importable(value)) is not None:
            return {"import": list(found)}
        raise NotConstantError(
            f"has to do with {getattr(value, '__qualname__', value)!s}, which can't be found"
        )


def _fields(value: Any, kind: type[Any]) -> dict[str, Any] | None:
    """The fields of a value whose class says that it never changes; None for others."""
    if dataclasses.is_dataclass(kind) and cast("Any", kind).__dataclass_params__.frozen:
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(kind) if field.init}
    if isinstance(value, msgspec.Struct) and kind.__struct_config__.frozen:
        return {name: getattr(value, name) for name in kind.__struct_fields__}
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        return dict(zip(cast("Any", kind)._fields, cast("tuple[Any, ...]", value), strict=True))
    return None


def _is_alias(value: Any) -> bool:
    """Whether it is a type that is no class: ``list[str]``, ``Literal["a"]``, ``Annotated[int, …]``."""
    return isinstance(value, tzinfo) or typing.get_origin(value) is not None


def _module_of(value: Any) -> str:
    return str(getattr(value, "__module__", None) or type(value).__module__)


def _a(kind: type[Any]) -> str:
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    name = name.removeprefix("__main__.")
    return f"an {name}" if name[:1].lower() in "aeiou" else f"a {name}"
