"""Classes with named fields as JSON: dataclasses, TypedDicts, NamedTuples and msgspec's Structs.

Their fields become shapes when they are first needed, since a class may hold itself.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, cast

import msgspec

from nbflow.core.payloads.misfits import MisfitError, RefusedError, expected
from nbflow.core.payloads.shapes import JSON_KINDS, Shape

MISSING: Final = object()


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of a class.

    Attributes:
        name: Its name in Python.
        shape: How its values look.
        label: Its name in JSON.
        default: Gives the value of a field that isn't there; None: it must be there.
        is_argument: Whether the class is called with it.
        is_stored: Whether its objects hold it; those of an InitVar don't.
    """

    name: str
    shape: Shape
    label: str
    default: Callable[[], Any] | None = None
    is_argument: bool = True
    is_stored: bool = True


class Record(Shape):
    """A class with named fields, as an object.

    Args:
        python: The class.
        name: As its author writes it.
        fields: Gives the fields, once.
    """

    def __init__(self, python: type[Any], name: str, fields: Callable[[], Sequence[Field]]) -> None:
        self.python = python
        self.name = name
        self.kinds = frozenset({"object"})
        self._make_fields = fields

    @cached_property
    def fields(self) -> Mapping[str, Field]:
        """By name in JSON."""
        return {field.label: field for field in self._make_fields()}

    def write(self, value: Any, exact: bool = False) -> Any:
        if type(value) is self.python:
            return self._written({name: getattr(value, f.name) for name, f in self._stored.items()}, exact)
        if not exact and type(value) is dict:
            return self._from_form(cast("dict[Any, Any]", value))
        raise self._stranger(value)

    def read(self, data: Any) -> Any:
        if type(data) is not dict:
            raise MisfitError(f"Expected `object`, got `{JSON_KINDS[type(data)]}`")
        return self.made(self._read_fields(cast("dict[str, Any]", data)))

    def made(self, values: dict[str, Any]) -> Any:
        """Make an object from the values that JSON has, by name in Python."""
        raise NotImplementedError

    @cached_property
    def _stored(self) -> Mapping[str, Field]:
        return {name: field for name, field in self.fields.items() if field.is_stored}

    def _written(self, values: Mapping[str, Any], exact: bool) -> dict[str, Any]:
        written: dict[str, Any] = {}
        for name, value in values.items():
            field = self.fields[name]
            try:
                written[name] = field.shape.write(value, exact)
            except MisfitError as misfit:
                raise misfit.inside(f".{field.name}") from None
        return written

    def _from_form(self, form: dict[Any, Any]) -> dict[str, Any]:
        """Write what has the fields, but is no object of the class: a dictionary typed by hand."""
        known = self.fields
        for name in form:
            if name not in known:
                near = difflib.get_close_matches(str(name), known, n=1)
                hint = f": did you mean {near[0]!r}?" if near else f", which has {', '.join(known) or 'none'}"
                raise MisfitError(f"{name!r} is no field of {self.name}{hint}")
        for name, field in known.items():
            if field.default is None and field.is_argument and name not in form:
                raise MisfitError(f"Object missing required field `{name}`")
        return self._written(form, False)

    def _read_fields(self, data: dict[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for label, item in data.items():
            field = self.fields.get(label)
            if field is not None:  # a field that is gone may stand in an old history
                try:
                    values[field.name] = field.shape.read(item)
                except MisfitError as misfit:
                    raise misfit.inside(f".{field.name}") from None
        return values

    def _stranger(self, value: Any) -> MisfitError:
        """The error for a value that is no object of the class."""
        if self.python is not None and isinstance(value, self.python):
            mine, wanted = type(value).__qualname__, self.python.__name__
            return RefusedError(
                f"is a {mine}, and would come back as a {wanted} alone: annotate it as {wanted} | {mine}"
            )
        return expected(self.name, value)

    def _missing(self, field: Field) -> MisfitError:
        return MisfitError(f"Object missing required field `{field.label}`")


class Data(Record):
    """A dataclass.

    An object is made as msgspec does it: its fields are set and ``__post_init__`` runs, which may check them.
    A class with an InitVar gets no ``__post_init__`` if JSON has exactly what its objects hold, as it has run
    for them; else it is called as its author does it.
    """

    def made(self, values: dict[str, Any]) -> Any:
        fields = self.fields.values()
        if any(not field.is_stored for field in fields):
            if values.keys() != {field.name for field in fields if field.is_stored}:
                return self._called(values)
            return self._with(values)
        for field in fields:
            if field.name not in values:
                if field.default is None:
                    if field.is_argument:
                        raise self._missing(field)
                    continue
                values[field.name] = field.default()
        made = self._with(values)
        if (check := getattr(made, "__post_init__", None)) is not None:
            check()
        return made

    def _with(self, values: Mapping[str, Any]) -> Any:
        made = object.__new__(cast("type[Any]", self.python))
        for name, value in values.items():
            object.__setattr__(made, name, value)
        return made

    def _called(self, values: dict[str, Any]) -> Any:
        for field in self.fields.values():
            if field.is_argument and field.default is None and field.name not in values:
                raise self._missing(field)
        arguments = {f.name: values.pop(f.name) for f in self.fields.values() if _is_given(f, values)}
        made = cast("Any", self.python)(**arguments)
        for name, value in values.items():
            object.__setattr__(made, name, value)
        return made


def _is_given(field: Field, values: Mapping[str, Any]) -> bool:
    return field.is_argument and field.name in values


class Typed(Record):
    """A TypedDict; a field without a default is required."""

    def __init__(self, python: type[Any], name: str, fields: Callable[[], Sequence[Field]]) -> None:
        super().__init__(python, name, fields)
        self.python = None  # its values are dictionaries, and it refuses isinstance()

    def fits(self, value: Any) -> bool:
        if type(value) is not dict:
            return False
        names = cast("dict[Any, Any]", value).keys()
        return names <= self.fields.keys() and all(
            name in names for name, field in self.fields.items() if field.default is None
        )

    def write(self, value: Any, exact: bool = False) -> Any:
        if exact and self.fits(value):
            return self._written(value, True)
        if not exact and isinstance(value, dict):
            return self._from_form(cast("dict[Any, Any]", value))
        raise expected(self.name, value)

    def made(self, values: dict[str, Any]) -> Any:
        for field in self.fields.values():
            if field.default is None and field.name not in values:
                raise self._missing(field)
        return values


class Listed(Record):
    """A NamedTuple, as an array."""

    def __init__(self, python: type[Any], name: str, fields: Callable[[], Sequence[Field]]) -> None:
        super().__init__(python, name, fields)
        self.kinds = frozenset({"array"})

    def write(self, value: Any, exact: bool = False) -> Any:
        if type(value) is self.python or (not exact and type(value) in (list, tuple)):
            self._check_length(value)
            return [*self._written(dict(zip(self.fields, value, strict=False)), exact).values()]
        raise self._stranger(value)

    def read(self, data: Any) -> Any:
        if type(data) is not list:
            raise MisfitError(f"Expected `array`, got `{JSON_KINDS[type(data)]}`")
        items = cast("list[Any]", data)
        self._check_length(items)
        values = self._read_fields(dict(zip(self.fields, items, strict=False)))
        return cast("Any", self.python)(**values)

    def _check_length(self, items: Sequence[Any]) -> None:
        most = len(self.fields)
        least = sum(field.default is None for field in self.fields.values())
        if not least <= len(items) <= most:
            wanted = f"{least}" if least == most else f"{least} to {most}"
            raise MisfitError(f"Expected `array` of length {wanted}, got {len(items)}")


class Structured(Record):
    """A msgspec Struct: with its names in JSON, its tag, and as an array if it is ``array_like``."""

    def __init__(self, python: type[Any], name: str, fields: Callable[[], Sequence[Field]]) -> None:
        super().__init__(python, name, fields)
        self._config = cast("type[msgspec.Struct]", python).__struct_config__
        self.kinds = frozenset({"array" if self._config.array_like else "object"})

    def write(self, value: Any, exact: bool = False) -> Any:
        if type(value) is self.python:
            values = {name: getattr(value, field.name) for name, field in self.fields.items()}
            written = {**self._tag, **self._written(values, exact)}
            return [*written.values()] if self._config.array_like else written
        if not exact and type(value) is dict and not self._config.array_like:
            given = cast("dict[Any, Any]", value)
            self._check_tag(given)
            rest = {name: item for name, item in given.items() if name not in self._tag}
            return {**self._tag, **self._from_form(rest)}
        raise self._stranger(value)

    def read(self, data: Any) -> Any:
        if self._config.array_like and type(data) is list:
            names = [*self._tag, *self.fields]
            data = dict(zip(names, cast("list[Any]", data), strict=False))
        if type(data) is not dict:
            raise MisfitError(f"Expected `object`, got `{JSON_KINDS[type(data)]}`")
        self._check_tag(cast("dict[str, Any]", data))
        return super().read(cast("dict[str, Any]", data))

    def _check_tag(self, data: Mapping[str, Any]) -> None:
        for name, tag in self._tag.items():
            if data.get(name, tag) != tag:
                raise MisfitError(f"Expected the {name} {tag!r}, got {data[name]!r}")

    def made(self, values: dict[str, Any]) -> Any:
        for field in self.fields.values():
            if field.default is None and field.name not in values:
                raise self._missing(field)
        return cast("Any", self.python)(**values)

    @property
    def _tag(self) -> dict[str, Any]:
        config = self._config
        return {} if config.tag_field is None else {config.tag_field: config.tag}
