"""Reading a JSON schema as somebody else may have written it: whatever makes no sense is as if it weren't there."""

from __future__ import annotations

from typing import Any, Final, TypeAlias, cast

import msgspec

Schema: TypeAlias = dict[str, Any]

_MOST_HOPS: Final = 5
_LONGEST: Final = 200_000


def read_schema(text: str | None) -> Schema:
    """The schema in a JSON text; one that takes anything, if there is none to be read."""
    if text is None or len(text) > _LONGEST:
        return {}
    try:
        root: Any = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return cast("Schema", root) if isinstance(root, dict) else {}


def resolved(schema: Any, root: Schema) -> Schema:
    """Follow ``$ref`` into ``$defs``; a chain that leads nowhere or round in a circle is anything.

    What stands beside a ``$ref`` (a default, a description) goes before what it leads to.
    """
    found: Schema = {}
    for _ in range(_MOST_HOPS):
        if not isinstance(schema, dict):
            return {}
        here = cast("Schema", schema)
        found = {**here, **found}
        reference = here.get("$ref")
        if not isinstance(reference, str):
            found.pop("$ref", None)
            return found
        schema = root
        for step in reference.removeprefix("#/").split("/"):
            schema = cast("Schema", schema).get(step) if isinstance(schema, dict) else None
    return {}


def types_of(schema: Schema) -> tuple[str, ...]:
    """JSON types that it takes at the top; empty: any."""
    found = schema.get("type")
    return (found,) if isinstance(found, str) else names(found)


def names(value: Any) -> tuple[str, ...]:
    """The texts in a list."""
    return tuple(item for item in as_list(value) if isinstance(item, str))


def as_list(value: Any) -> list[Any]:
    """A list, or an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def properties_of(schema: Schema) -> dict[str, Schema] | None:
    """The properties of an object, each a schema; None if they aren't all known."""
    found = schema.get("properties")
    if not isinstance(found, dict):
        return None
    parts = cast("dict[str, Any]", found)
    if not all(isinstance(part, dict) for part in parts.values()):
        return None
    required = schema.get("required", [])
    return parts if isinstance(required, list) and set(names(required)) <= parts.keys() else None


def choices_of(schema: Schema) -> list[Any]:
    """The values of an enum, a Literal or a constant."""
    return [schema["const"]] if "const" in schema else as_list(schema.get("enum"))


def options_of(schema: Schema) -> list[Any]:
    """The members of a union."""
    return as_list(schema.get("anyOf")) or as_list(schema.get("oneOf"))


def number(value: Any) -> float | None:
    """A number, or None."""
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def natural(value: Any) -> int | None:
    """A number of something, or None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def word(value: Any) -> str:
    """A text, or an empty one."""
    return value if isinstance(value, str) else ""


def json_text(value: Any) -> str:
    """A value as JSON text."""
    return msgspec.json.encode(value).decode()
