"""JSON schemas of what msgspec doesn't read, by pydantic; the formats are those of `schemas`."""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import Any, cast

import msgspec
import pydantic
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from nbflow.core.payloads.schemas import NAMES_KEY


def pydantics_schema(annotation: Any) -> str | None:
    """The schema of any other annotation, as JSON text; None where pydantic doesn't know it."""
    try:
        return msgspec.json.encode(_adapter(annotation).json_schema(schema_generator=_Generator)).decode()
    except Exception:  # a schema is for showing: without one, any JSON is taken and then checked
        return None


def _adapter(annotation: Any) -> pydantic.TypeAdapter[Any]:
    return pydantic.TypeAdapter(annotation)


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
