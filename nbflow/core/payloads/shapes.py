"""How the values of an annotation look as JSON: what all shapes have in common, and those of single values.

A shape writes a value as what JSON has (None, bool, int, float, str, list, dict)
and makes the value again from that. It writes nothing that it would not read back
as it was; what only looks like a value of the type (the text of a date, an object
of a dataclass's fields) is taken too, but not where ``exact`` is asked for: there
a union looks for the member that a value belongs to.
"""

from __future__ import annotations

import base64
import enum
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, cast
from uuid import UUID

import msgspec

from nbflow.core.payloads.misfits import MisfitError, RefusedError, expected, uncarried

JSON_KINDS: Final[Mapping[type[Any], str]] = {
    type(None): "null",
    bool: "bool",
    int: "int",
    float: "float",
    str: "str",
    list: "array",
    dict: "object",
}
EVERY_KIND: Final = frozenset(JSON_KINDS.values())

json_text: Final = msgspec.json.Encoder(order="sorted").encode
"""JSON with the keys in order: equal texts are equal values."""


class Shape:
    """How the values of one annotation look as JSON.

    Attributes:
        name: The annotation as its author would write it.
        kinds: The kinds of JSON values that can be read.
        is_jsons: Whether it is JSON's own type of its kind, such as str; the others are written as that.
        python: The class whose objects are its values, if there is one.
    """

    name: str = "Any"
    kinds: frozenset[str] = EVERY_KIND
    is_jsons: bool = False
    python: type[Any] | None = None

    def fits(self, value: Any) -> bool:
        """Whether a value is of exactly this type, as far as can be seen from outside."""
        return type(value) is self.python

    def write(self, value: Any, exact: bool = False) -> Any:
        """Give what JSON has for a value; raises MisfitError."""
        raise NotImplementedError

    def read(self, data: Any) -> Any:
        """Make the value again; raises MisfitError."""
        raise NotImplementedError

    def parts(self) -> Iterable[Shape]:
        """The shapes of what a container holds."""
        return ()


def converted(data: Any, annotation: Any) -> Any:
    """What msgspec makes of JSON values."""
    try:
        return msgspec.convert(data, annotation)
    except msgspec.ValidationError as error:
        raise MisfitError(str(error)) from None


def form(value: Any) -> Any:
    """A value that is JSON in all of its parts; raises MisfitError for others."""
    match value:
        case list() if type(cast("object", value)) is list:
            return [form(item) for item in cast("list[Any]", value)]
        case dict() if type(cast("object", value)) is dict:
            return {
                Scalar(str).write(key, True): form(item)
                for key, item in cast("dict[Any, Any]", value).items()
            }
        case float():
            return finite(value)
        case _ if type(value) in JSON_KINDS:
            return value
        case _:
            raise expected("a JSON value", value)


class Constant(Shape):
    """None."""

    name = "None"
    kinds = frozenset({"null"})
    is_jsons = True
    python = type(None)

    def write(self, value: Any, exact: bool = False) -> Any:
        if value is not None:
            raise expected("null", value)

    def read(self, data: Any) -> Any:
        return self.write(data)


class Scalar(Shape):
    """str, bool, int or float, perhaps with constraints (``Annotated[int, Meta(ge=0)]``)."""

    is_jsons = True

    def __init__(self, python: type[Any], annotation: Any = None) -> None:
        self.python = python
        self.name = python.__name__
        self.kinds = frozenset({"int", "float"} if python is float else {JSON_KINDS[python]})
        self._annotation = python if annotation is None else annotation

    def write(self, value: Any, exact: bool = False) -> Any:
        if type(value) is self.python:
            return finite(value) if self.python is float else value
        if not exact:
            same = _plain_scalar(cast("type[Any]", self.python), value)
            if same is not None:
                return same
        raise expected(self.name, value)

    def read(self, data: Any) -> Any:
        return converted(data, self._annotation)


def finite(value: float) -> float:
    """A float that JSON has; raises RefusedError for others."""
    if not math.isfinite(value):
        raise RefusedError(f"is {float(value)!r}, which JSON doesn't have: use None, or a string")
    return value


def _plain_scalar(python: type[Any], value: Any) -> Any:
    """The str, bool, int or float that equals an object of another class; None if none does."""
    if any(base.__name__ == "generic" and base.__module__ == "numpy" for base in type(value).__mro__):
        value = value.item()
        if type(value) is python:
            return finite(value) if python is float else value
    if isinstance(value, bool):
        return None
    if python is str and isinstance(value, str):
        return str.__str__(value)
    if python is int and isinstance(value, int):
        return int.__int__(value)
    if python is float and isinstance(value, float):
        return finite(float.__float__(value))
    if python is float and isinstance(value, int):
        return int.__int__(value) if abs(value) <= 2**1023 and float(value) == value else None
    return None


class Binary(Shape):
    """bytes and bytearray, in base64."""

    kinds = frozenset({"str"})

    def __init__(self, python: type[bytes] | type[bytearray], annotation: Any = None) -> None:
        self.python = python
        self.name = python.__name__
        self._annotation = python if annotation is None else annotation

    def write(self, value: Any, exact: bool = False) -> Any:
        if type(value) is self.python or (not exact and isinstance(value, (bytes, bytearray))):
            return base64.b64encode(value).decode()
        raise expected(self.name, value)  # a str is no bytes, though its letters may be base64

    def read(self, data: Any) -> Any:
        return converted(data, self._annotation)


_BARE: Final[Mapping[type[Any], Callable[[Any], Any]]] = {
    datetime: lambda v: datetime(
        v.year, v.month, v.day, v.hour, v.minute, v.second, v.microsecond, v.tzinfo, fold=v.fold
    ),
    date: lambda v: date(v.year, v.month, v.day),
    time: lambda v: time(v.hour, v.minute, v.second, v.microsecond, v.tzinfo),
    timedelta: lambda v: timedelta(v.days, v.seconds, v.microseconds),
    Decimal: Decimal,
    UUID: lambda v: UUID(int=v.int),
}
"""An object of a subclass (pandas' Timestamp, say) as one of the class itself."""

TEXTS: Final = tuple(_BARE)


class Text(Shape):
    """datetime, date, time, timedelta, Decimal and UUID: a text that only one value has."""

    kinds = frozenset({"str"})

    def __init__(self, python: type[Any], annotation: Any = None) -> None:
        self.python = python
        self.name = python.__name__
        self.kinds = frozenset({"str", "int", "float"} if python is Decimal else {"str"})
        self._annotation = python if annotation is None else annotation

    def write(self, value: Any, exact: bool = False) -> Any:
        if type(value) is self.python:
            return self._checked(value)
        if not exact:
            if type(value).__name__ == "NaTType":
                raise uncarried(value)
            if isinstance(value, cast("type[Any]", self.python)) and not isinstance(value, datetime):
                return self._checked(self._bare(value))
            if isinstance(value, datetime) and self.python is datetime:
                return self._checked(self._bare(value))
            if JSON_KINDS.get(type(cast("object", value))) in self.kinds:
                self.read(value)
                return value
        raise expected(self.name, value)

    def read(self, data: Any) -> Any:
        return converted(data, self._annotation)

    def _bare(self, value: Any) -> Any:
        bare = _BARE[cast("type[Any]", self.python)](value)
        if bare != value:
            raise RefusedError(f"is {value!r}, finer than a {self.name}: round it")
        return bare

    def _checked(self, value: Any) -> str:
        text = cast("str", msgspec.to_builtins(value))
        zone = getattr(value, "tzinfo", None)
        if zone is not None and zone is not UTC:
            back = msgspec.convert(text, cast("type[Any]", self.python))
            if back != value or value.utcoffset() is None or back.utcoffset() != value.utcoffset():
                raise RefusedError(
                    f"is {value!r}, whose zone has no offset in whole minutes: convert it with .astimezone(UTC)"
                    if isinstance(value, datetime)
                    else f"is {value!r}, whose zone has no offset without a date: use a datetime"
                )
        return text


class Choice(Shape):
    """An enum, by the values of its members, or a Literal."""

    def __init__(self, name: str, members: Iterable[tuple[Any, Any]], python: type[enum.Enum] | None) -> None:
        pairs = list(members)
        self.name = name
        self.python = python
        self.kinds = frozenset(JSON_KINDS[type(data)] for _, data in pairs)
        self._data: dict[tuple[type[Any], Any], Any] = {(type(value), value): data for value, data in pairs}
        self._values = {json_text(data): value for value, data in pairs}

    def fits(self, value: Any) -> bool:
        try:
            return (type(value), value) in self._data
        except TypeError:  # it can't be hashed
            return False

    def write(self, value: Any, exact: bool = False) -> Any:
        if self.fits(value):
            return self._data[type(value), value]
        if not exact and type(value) in JSON_KINDS:
            data = form(value)
            self.read(data)
            return data
        raise expected(self.name, value)

    def read(self, data: Any) -> Any:
        text = json_text(data)
        if text in self._values:
            return self._values[text]
        if self.python is not None:
            try:
                return self.python(data)  # an enum may know more values, by _missing_
            except ValueError:
                pass
        raise MisfitError(f"Invalid {'enum' if self.python else 'literal'} value {data!r}")


class Flags(Shape):
    """An enum.Flag: the number of all flags that are set."""

    kinds = frozenset({"int"})

    def __init__(self, python: type[enum.Flag]) -> None:
        self.python = python
        self.name = python.__name__

    def write(self, value: Any, exact: bool = False) -> Any:
        if type(value) is self.python:
            return value.value
        if not exact and type(value) is int:
            self.read(value)
            return value
        raise expected(self.name, value)

    def read(self, data: Any) -> Any:
        try:
            if type(data) is int:
                return cast("Any", self.python)(data)
        except ValueError:
            pass
        raise MisfitError(f"Invalid flags of {self.name}: {data!r}")


class Named(Shape):
    """A class of an author's that is a str, an int or a float, and nothing more: ``class Sku(str)``."""

    def __init__(self, python: type[Any], base: Scalar) -> None:
        self.python = python
        self.name = python.__name__
        self.kinds = base.kinds
        self._base = base

    def write(self, value: Any, exact: bool = False) -> Any:
        if type(value) is not self.python:
            if exact:
                raise expected(self.name, value)
            return self._base.write(value)
        data = self._base.write(value)
        if getattr(value, "__dict__", None):
            raise RefusedError(f"is a {self.name} with attributes of its own: make it a @dataclass")
        return data

    def read(self, data: Any) -> Any:
        return cast("Any", self.python)(self._base.read(data))
