"""JSON schemas of annotations, with what whoever fills them in has to know.

msgspec and pydantic describe values; a form needs a little more. That a text is a
point in time, with or without a zone, which msgspec leaves out where both are
allowed; that a Decimal is sent as text; enum members in their author's order, and
by name where a value says little. Formats are those of JSON Schema, and of
OpenAPI's registry (``date-time-local``, ``time-local``) where a zone is out of place.
"""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import Any, Final, TypeAlias, cast, get_type_hints

import msgspec
import msgspec.inspect as mi
import pydantic
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

NAMES_KEY: Final = "x-enum-varnames"
"""Where the names of an enum's members stand, as other tools look for them."""

_Schema: TypeAlias = dict[str, Any]


def msgspecs_schema(annotation: Any) -> str | None:
    """The schema of an annotation that msgspec reads, as JSON text; None where there is none."""
    try:
        schema: _Schema = msgspec.json.schema(annotation)
    except Exception:  # it stumbles over two classes of one name
        return pydantics_schema(annotation)
    definitions = cast("dict[str, _Schema]", schema.get("$defs", {}))
    _Additions(definitions).make(schema, mi.type_info(annotation))
    return msgspec.json.encode(schema).decode()


def pydantics_schema(annotation: Any) -> str | None:
    """The schema of any other annotation, as JSON text; None where pydantic doesn't know it."""
    try:
        return msgspec.json.encode(_adapter(annotation).json_schema(schema_generator=_Generator)).decode()
    except Exception:  # a schema is for showing: without one, any JSON is taken and then checked
        return None


def _adapter(annotation: Any) -> pydantic.TypeAdapter[Any]:
    return pydantic.TypeAdapter(annotation)


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
                    self._one(parts.get(field.encode_name), field.type)

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


class _Generator(GenerateJsonSchema):
    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> JsonSchemaValue:
        naive = schema.get("tz_constraint") == "naive"
        return {"type": "string", "format": "date-time-local" if naive else "date-time"}

    def time_schema(self, schema: core_schema.TimeSchema) -> JsonSchemaValue:
        aware = schema.get("tz_constraint") == "aware"
        return {"type": "string", "format": "time" if aware else "time-local"}

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        bounds = {
            "minimum": schema.get("ge"),
            "maximum": schema.get("le"),
            "exclusiveMinimum": schema.get("gt"),
            "exclusiveMaximum": schema.get("lt"),
            "multipleOf": schema.get("multiple_of"),
        }
        given = {key: _plain_number(value) for key, value in bounds.items() if value is not None}
        return {"type": "string", "format": "decimal", **given}

    def enum_schema(self, schema: core_schema.EnumSchema) -> JsonSchemaValue:
        made = super().enum_schema(schema)
        if made.get("type") != "string":
            made[NAMES_KEY] = [member.name for member in cast("list[enum.Enum]", schema["members"])]
        return made


def _plain_number(value: Decimal) -> int | float:
    return int(value) if value == int(value) else float(value)


__all__ = ["NAMES_KEY", "msgspecs_schema", "pydantics_schema"]
