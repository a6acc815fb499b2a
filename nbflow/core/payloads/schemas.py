"""JSON schemas of annotations, with what whoever fills them in has to know.

msgspec and pydantic describe values; a form needs a little more. That a text is a
point in time, with or without a zone, which msgspec leaves out where both are
allowed; that a Decimal is sent as text; enum members in their author's order, and
by name where a value says little. Formats are those of JSON Schema, and of
OpenAPI's registry (``date-time-local``, ``time-local``) where a zone is out of place.
"""

from __future__ import annotations

import enum
from typing import Any, Final, TypeAlias, cast, get_type_hints

import msgspec
import msgspec.inspect as mi

NAMES_KEY: Final = "x-enum-varnames"
"""Where the names of an enum's members stand, as other tools look for them."""

_Schema: TypeAlias = dict[str, Any]


def msgspecs_schema(annotation: Any) -> str | None:
    """The schema of an annotation that msgspec reads, as JSON text; None where there is none."""
    try:
        schema: _Schema = msgspec.json.schema(annotation)
    except Exception:  # it stumbles over two classes of one name
        return other_schema(annotation)
    definitions = cast("dict[str, _Schema]", schema.get("$defs", {}))
    _Additions(definitions).make(schema, mi.type_info(annotation))
    return msgspec.json.encode(schema).decode()


def other_schema(annotation: Any) -> str | None:
    """The schema of any other annotation, as JSON text; None where pydantic doesn't know it."""
    from nbflow.core.payloads.pydantics import pydantics_schema  # importing pydantic takes a while

    return pydantics_schema(annotation)


class _Additions:
    """Goes through a schema of msgspec's and the types that it was made of, side by side."""

    def __init__(self, definitions: dict[str, _Schema]) -> None:
        self._definitions = definitions
        self._seen: set[str] = set()

    def make(self, schema: _Schema, info: mi.Type) -> None:
        info = _bare(info)
        reference = cast("str | None", schema.get("$ref"))
        if reference is not None:
            name = reference.rpartition("/")[2]
            if name in self._seen or name not in self._definitions:
                return
            self._seen.add(name)
            schema = self._definitions[name]
        match info:
            case mi.DateTimeType(tz=zone):
                schema.setdefault("format", "date-time-local" if zone is False else "date-time")
            case mi.TimeType(tz=zone):
                if zone is not True:
                    schema["format"] = "time-local"
            case mi.EnumType(cls=cls):
                schema.update(_members(cls))
            case _:
                self._parts(schema, info)

    def _parts(self, schema: _Schema, info: Any) -> None:
        match info:
            case mi.CollectionType(item_type=item):
                self._one(schema.get("items"), item)
            case mi.DictType(value_type=value):
                self._one(schema.get("additionalProperties"), value)
            case mi.TupleType(item_types=items):
                for part, item in zip(schema.get("prefixItems", ()), items, strict=False):
                    self._one(part, item)
            case mi.UnionType(types=types):
                self._union(schema, types)
            case _:
                fields = getattr(info, "fields", ())
                parts: Any = schema.get("properties", {})
                if "prefixItems" in schema:
                    parts = {
                        field.encode_name: part
                        for field, part in zip(fields, schema["prefixItems"], strict=False)
                    }
                if isinstance(info, mi.TypedDictType):
                    known = [key for key in get_type_hints(info.cls) if key in parts]
                    schema["properties"] = {key: parts[key] for key in known}
                    schema["required"] = [key for key in known if key in schema.get("required", ())]
                for field in fields:
                    part = parts.get(field.encode_name)
                    if getattr(field, "default_factory", None) is list and isinstance(part, dict):
                        cast("_Schema", part).setdefault("default", [])  # as msgspec itself does from 0.23 on
                    self._one(part, field.type)

    def _union(self, schema: _Schema, types: tuple[mi.Type, ...]) -> None:
        """The members in the order that msgspec gives them: a struct behind the others, null last."""
        order = sorted(types, key=lambda one: isinstance(_bare(one), (mi.StructType, mi.NoneType)))
        members = sorted(order, key=lambda one: isinstance(_bare(one), mi.NoneType))
        for option, member in zip(cast("list[_Schema]", schema.get("anyOf", [])), members, strict=False):
            self.make(option, member)

    def _one(self, schema: Any, info: mi.Type | None) -> None:
        if isinstance(schema, dict) and info is not None:
            self.make(cast("_Schema", schema), info)


def _bare(info: mi.Type) -> mi.Type:
    while isinstance(info, mi.Metadata):
        info = info.type
    return info


def _members(cls: type[enum.Enum]) -> _Schema:
    values = [msgspec.to_builtins(member.value) for member in cls]
    if all(isinstance(value, str) for value in values):
        return {"enum": values}
    return {"enum": values, NAMES_KEY: [member.name for member in cls]}
