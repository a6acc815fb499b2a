"""How a person answers a wait: the control that a payload's JSON schema asks for.

A yes-or-no question gets two buttons; everything else a JSON field that is
already filled in with the shape that the schema wants. Richer controls (choices,
forms) are further members of the same union.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias, cast

import msgspec

_APPROVALS: Final = frozenset(
    {"approve", "approved", "accept", "accepted", "allow", "allowed", "confirm", "confirmed", "granted", "ok"}
)
_DEEPEST: Final = 3

Schema: TypeAlias = dict[str, Any]


class Choice(msgspec.Struct, frozen=True):
    """A button: what it says and the JSON text that it sends."""

    label: str
    payload: str
    tone: Literal["good", "bad", "quiet"]


class ButtonsControl(msgspec.Struct, frozen=True, kw_only=True, tag="buttons", tag_field="control"):
    """One click is the answer."""

    choices: tuple[Choice, ...]
    hint: str = ""


class JsonControl(msgspec.Struct, frozen=True, kw_only=True, tag="json", tag_field="control"):
    """A field for JSON text; left empty it sends null, where nothing is declared.

    Attributes:
        initial: What stands in the field at first.
        hint: What is expected, in words.
        types: JSON types that the schema takes at the top; empty: any.
        required: Keys that an object must have.
    """

    initial: str = ""
    hint: str = ""
    types: tuple[str, ...] = ()
    required: tuple[str, ...] = ()


Control: TypeAlias = ButtonsControl | JsonControl

_ANYTHING: Final = JsonControl(hint='any JSON, such as true or {"approved": true}; empty sends null')


def control_for(schema: str | None) -> Control:
    """Give the control for a wait; a schema that can't be read gets the field that takes anything."""
    if schema is None:
        return _ANYTHING
    try:
        root: Any = msgspec.json.decode(schema)
        if not isinstance(root, dict):
            return _ANYTHING
        return _control(cast("Schema", root))
    except (msgspec.DecodeError, RecursionError):
        return _ANYTHING


def _control(root: Schema) -> Control:
    schema = _resolve(root, root)
    if not schema:
        return _ANYTHING
    if schema.get("type") == "boolean":
        return _approval("true", "false")
    question = _only_question(schema, root)
    if question is not None:
        yes, no = (msgspec.json.encode({question: answer}).decode() for answer in (True, False))
        if question.casefold() in _APPROVALS:
            return _approval(yes, no, hint=_optional(schema, question))
        choices = (Choice("Yes", yes, "good"), Choice("No", no, "quiet"))
        return ButtonsControl(choices=choices, hint=f"{question}? {_optional(schema, question)}".strip())
    types = _types(schema)
    required = _names(schema.get("required"))
    initial = msgspec.json.encode(_example(schema, root, _DEEPEST))
    return JsonControl(
        initial=msgspec.json.format(initial, indent=2).decode() if len(initial) > 40 else initial.decode(),
        hint=_hint(schema, types, required),
        types=types,
        required=required,
    )


def _approval(yes: str, no: str, hint: str = "") -> ButtonsControl:
    return ButtonsControl(choices=(Choice("Approve", yes, "good"), Choice("Reject", no, "bad")), hint=hint)


def _only_question(schema: Schema, root: Schema) -> str | None:
    """The name of the boolean that an object asks for, if it asks for nothing else."""
    properties = _properties(schema)
    required = _names(schema.get("required")) or (tuple(properties) if len(properties) == 1 else ())
    if len(required) != 1 or required[0] not in properties:
        return None
    asked = _resolve(properties[required[0]], root)
    return required[0] if asked.get("type") == "boolean" else None


def _optional(schema: Schema, question: str) -> str:
    others = [name for name in _properties(schema) if name != question]
    return f"leaves {', '.join(others)} at the default" if others else ""


def _hint(schema: Schema, types: tuple[str, ...], required: tuple[str, ...]) -> str:
    choices = _choices(schema)
    if choices:
        return "one of " + ", ".join(msgspec.json.encode(value).decode() for value in choices)
    title = schema.get("title")
    what = " or ".join(types) if types else "JSON"
    what = f"{title} ({what})" if isinstance(title, str) else what
    return f"{what} with {', '.join(required)}" if required else what


def _types(schema: Schema) -> tuple[str, ...]:
    found = schema.get("type")
    if isinstance(found, str):
        return (found,)
    return _names(found)


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(item for item in cast("list[Any]", value) if isinstance(item, str))


def _choices(schema: Schema) -> list[Any]:
    found = schema.get("enum")
    return cast("list[Any]", found) if isinstance(found, list) else []


def _properties(schema: Schema) -> dict[str, Schema]:
    found = schema.get("properties")
    if not isinstance(found, dict):
        return {}
    return {name: part for name, part in cast("dict[str, Any]", found).items() if isinstance(part, dict)}


def _resolve(schema: Schema, root: Schema) -> Schema:
    """Follow ``$ref`` into ``$defs``; a chain that leads nowhere or round in a circle is anything."""
    for _ in range(_DEEPEST):
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return schema
        target: Any = root
        for step in reference.removeprefix("#/").split("/"):
            target = cast("Schema", target).get(step) if isinstance(target, dict) else None
        if not isinstance(target, dict):
            return {}
        schema = cast("Schema", target)
    return {}


def _example(schema: Schema, root: Schema, deepest: int) -> Any:
    """A value of the schema's shape: defaults where it has them, else the plainest of its type."""
    schema = _resolve(schema, root)
    if "default" in schema:
        return schema["default"]
    choices = _choices(schema)
    if choices:
        return choices[0]
    for key in ("anyOf", "oneOf"):
        parts: Any = schema.get(key)
        if isinstance(parts, list) and parts and isinstance(parts[0], dict) and deepest:
            return _example(cast("Schema", parts[0]), root, deepest - 1)
    match next(iter(_types(schema)), None):
        case "object":
            inner = _properties(schema) if deepest else {}
            return {name: _example(part, root, deepest - 1) for name, part in inner.items()}
        case "array":
            return []
        case "string":
            return ""
        case "integer" | "number":
            return 0
        case "boolean":
            return False
        case _:
            return None
