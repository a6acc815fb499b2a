"""Values without an annotation: what JSON has comes back as it was, the rest as JSON's nearest.

An object of a class with fields is written by the annotations of the class, and
comes back as a dictionary; a tuple as a list; a date or a Decimal as its text.
What would lose something on the way is refused.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Iterable
from typing import Any, cast

import msgspec

from nbflow.core.payloads.containers import each
from nbflow.core.payloads.foreign import is_model
from nbflow.core.payloads.misfits import MisfitError, RefusedError, uncarried
from nbflow.core.payloads.shapes import TEXTS, Shape, Text, finite
from nbflow.errors import DefinitionError

_TEXTS = {python: Text(python) for python in TEXTS}


class Plain(Shape):
    """Any value that JSON can carry.

    Args:
        shape_of: Gives the shape of a class; raises DefinitionError.
    """

    def __init__(self, shape_of: Callable[[type[Any]], Shape]) -> None:
        self._shape_of = shape_of

    def fits(self, value: Any) -> bool:
        return True

    def read(self, data: Any) -> Any:
        return data

    def write(self, value: object, exact: bool = False) -> Any:
        kind = type(value)
        if kind is str or kind is bool or kind is int or value is None:
            return value
        if kind is float:
            return finite(cast("float", value))
        if kind is dict:
            return self._entries(cast("dict[Any, Any]", value))
        if kind is list or kind is tuple:
            return each(cast("list[Any]", value), self.write)
        return self._other(value)

    def _entries(self, value: dict[Any, Any]) -> dict[str, Any]:
        written: dict[str, Any] = {}
        for key, item in value.items():
            if not isinstance(key, str):
                raise RefusedError(
                    f"has the key {key!r} ({type(key).__name__}), and JSON's keys are strings: use str keys, or "
                    f"annotate it, such as dict[{type(key).__name__}, ...]"
                )
            name = str.__str__(key)
            try:
                written[name] = self.write(item)
            except MisfitError as misfit:
                raise misfit.inside(f".{name}") from None
        return written

    def _other(self, value: object) -> Any:
        match value:
            case enum.Enum():
                return self.write(value.value)
            case str():
                return str.__str__(value)
            case int():
                return int.__int__(value)
            case float():
                return finite(float.__float__(value))
            case dict():
                return self._entries(cast("dict[Any, Any]", value))
            case list() | tuple():
                items = cast("list[Any]", value)
                if hasattr(items, "_fields"):  # a NamedTuple
                    return self._by_class(items, lambda: each(items, self.write))
                return each(items, self.write)
            case _ if is_model(value):
                return self._shape_of(type(value)).write(value)
            case msgspec.Struct():
                return self._by_class(value, lambda: self._fields(value, value.__struct_fields__))
            case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
                names = [field.name for field in dataclasses.fields(value)]
                return self._by_class(value, lambda: self._fields(value, names))
            case _:
                return self._text(value)

    def _by_class(self, value: object, otherwise: Callable[[], Any]) -> Any:
        """Write an object as its class says, or field by field if it doesn't keep to that."""
        try:
            return self._shape_of(type(value)).write(value)
        except (DefinitionError, MisfitError):
            return otherwise()

    def _fields(self, value: object, names: Iterable[str]) -> dict[str, Any]:
        return self._entries({name: getattr(value, name) for name in names})

    def _text(self, value: object) -> Any:
        for python, shape in _TEXTS.items():
            if isinstance(value, python):
                return shape.write(value)
        raise uncarried(value)
