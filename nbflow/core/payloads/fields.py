"""The fields of a class, with its type variables filled in."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, cast, get_args, get_origin, get_type_hints

import msgspec

from nbflow.core.payloads.records import Data, Field, Listed, Record, Structured, Typed
from nbflow.core.payloads.shapes import Shape
from nbflow.errors import DefinitionError

ShapeOfField: TypeAlias = Callable[[Any, type[Any]], Shape]
"""Gives the shape of an annotation that stands in a class."""


def has_fields(python: type[Any]) -> bool:
    """Whether a class's objects are written field by field."""
    return (
        dataclasses.is_dataclass(python)
        or typing.is_typeddict(python)
        or issubclass(python, msgspec.Struct)
        or (issubclass(python, tuple) and hasattr(cast("Any", python), "_fields"))
    )


def record_of(python: type[Any]) -> type[Record]:
    """Which kind of record a class is."""
    if typing.is_typeddict(python):
        return Typed
    if issubclass(python, msgspec.Struct):
        return Structured
    return Listed if issubclass(python, tuple) else Data


def fields_of(python: type[Any], shape_of: ShapeOfField) -> Sequence[Field]:
    """The fields of a class, in order.

    Raises:
        DefinitionError: An annotation names what isn't defined, or has no form in JSON.
    """
    hints = _hints(python)

    def shape(name: str) -> Shape:
        try:
            return shape_of(hints.get(name, Any), _owner(python, name))
        except DefinitionError as error:
            raise DefinitionError(f"{python.__name__}.{name}: {error}") from error.__cause__

    if typing.is_typeddict(python):
        return [Field(name=n, label=n, shape=shape(n), default=_optional(python, n, hints[n])) for n in hints]
    if issubclass(python, msgspec.Struct):
        return [
            Field(name=f.name, label=f.encode_name, shape=shape(f.name), default=_struct_default(f))
            for f in msgspec.structs.fields(python)
        ]
    if issubclass(python, tuple):
        named = cast("Any", python)
        return [
            Field(name=n, label=n, shape=shape(n), default=_constant(named._field_defaults, n))
            for n in named._fields
        ]
    return [*_data_fields(python, hints, shape)]


def _data_fields(python: type[Any], hints: dict[str, Any], shape: Callable[[str], Shape]) -> Iterable[Field]:
    declared: Mapping[str, dataclasses.Field[Any]] = cast("Any", python).__dataclass_fields__
    stored = {field.name for field in dataclasses.fields(cast("Any", python))}
    for name, field in declared.items():
        hint = hints.get(name)
        if name not in stored:
            if type(hint).__name__ != "InitVar":
                continue  # a ClassVar
            hints[name] = cast("Any", hint).type
        yield Field(
            name=name,
            label=name,
            shape=shape(name),
            default=_data_default(field),
            is_argument=field.init or name not in stored,
            is_stored=name in stored,
        )


def _data_default(field: dataclasses.Field[Any]) -> Callable[[], Any] | None:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory
    return None if field.default is dataclasses.MISSING else lambda: field.default


def _struct_default(field: msgspec.structs.FieldInfo) -> Callable[[], Any] | None:
    if field.default_factory is not msgspec.NODEFAULT:
        return cast("Callable[[], Any]", field.default_factory)
    return None if field.default is msgspec.NODEFAULT else lambda: field.default


def _constant(defaults: Mapping[str, Any], name: str) -> Callable[[], Any] | None:
    return (lambda: defaults[name]) if name in defaults else None


def _optional(python: type[Any], name: str, hint: Any) -> Callable[[], Any] | None:
    marks: list[str] = []
    while (origin := get_origin(hint)) is not None and hasattr(origin, "_name"):
        marks.append(origin._name)
        hint = get_args(hint)[0]
    is_optional = name in cast("Any", python).__optional_keys__
    return _nothing if "NotRequired" in marks or (is_optional and "Required" not in marks) else None


def _nothing() -> None:
    """The default of what may be missing and stay so."""


def _hints(python: type[Any]) -> dict[str, Any]:
    try:
        return get_type_hints(python, include_extras=True)
    except NameError:
        pass
    # A class inside a function that holds itself, and variables that older Pythons don't find.
    names = {variable.__name__: variable for variable in getattr(python, "__type_params__", ())}
    try:
        return get_type_hints(python, localns={**names, python.__name__: python}, include_extras=True)
    except NameError as error:
        raise DefinitionError(f"{python.__name__}: {error}: define that type first") from error


def _owner(python: type[Any], name: str) -> type[Any]:
    """The class that declares a field."""
    return next(
        (kind for kind in inspect.getmro(python) if name in vars(kind).get("__annotations__", ())), python
    )


def variables_of(
    python: type[Any], arguments: Sequence[Shape], shape: Callable[[Any, Mapping[Any, Shape]], Shape]
) -> Mapping[type[Any], Mapping[Any, Shape]]:
    """What the type variables of a class and of each of its bases stand for."""
    found: dict[type[Any], Mapping[Any, Shape]] = {kind: {} for kind in inspect.getmro(python)}

    def visit(kind: type[Any], given: Iterable[Shape]) -> None:
        bound = found[kind] = dict(zip(getattr(kind, "__parameters__", ()), given, strict=False))
        for base in vars(kind).get("__orig_bases__", kind.__bases__):
            origin = get_origin(base) or base
            if isinstance(origin, type) and origin in found and origin is not typing.Generic:
                visit(origin, [shape(arg, bound) for arg in get_args(base)])

    visit(python, arguments)
    return found
