"""Which control a wait's schema asks for."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import pydantic
import pytest

from nbflow.views.inbox.controls import ButtonsControl, JsonControl, control_for
from tests.views.stories import ADDRESS, BOOLEAN


@dataclass
class Decision:
    approved: bool
    note: str = ""


@dataclass
class Paid:
    paid: bool


class Review(pydantic.BaseModel):
    ok: bool
    reason: str | None = None


@dataclass
class Question:
    text: str
    decision: Decision
    tags: list[str]
    urgency: int = 3


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Chain:
    next: Chain
    value: int


def schema(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel):
        return json.dumps(kind.model_json_schema())
    return json.dumps(msgspec.json.schema(kind))


def buttons(text: str | None) -> list[tuple[str, Any]]:
    control = control_for(text)
    assert isinstance(control, ButtonsControl)
    return [(choice.label, json.loads(choice.payload)) for choice in control.choices]


def field(text: str | None) -> JsonControl:
    control = control_for(text)
    assert isinstance(control, JsonControl)
    return control


def test_a_boolean_is_approved_or_rejected() -> None:
    assert buttons(BOOLEAN) == [("Approve", True), ("Reject", False)]


@pytest.mark.parametrize(("kind", "key"), [(Decision, "approved"), (Review, "ok")])
def test_an_object_that_asks_for_one_approval_too(kind: Any, key: str) -> None:
    assert buttons(schema(kind)) == [("Approve", {key: True}), ("Reject", {key: False})]


def test_what_the_buttons_send_is_what_the_workflow_takes() -> None:
    for _, payload in buttons(schema(Decision)):
        msgspec.convert(payload, Decision)


def test_a_boolean_of_another_name_is_yes_or_no() -> None:
    assert buttons(schema(Paid)) == [("Yes", {"paid": True}), ("No", {"paid": False})]
    control = control_for(schema(Paid))
    assert isinstance(control, ButtonsControl)
    assert control.hint == "paid?"


def test_without_a_schema_nobody_knows_what_yes_would_be() -> None:
    control = field(None)

    assert (control.initial, control.types, control.required) == ("", (), ())
    assert "empty sends null" in control.hint


def test_an_object_gets_a_field_with_its_shape() -> None:
    control = field(schema(Question))

    assert json.loads(control.initial) == {
        "text": "",
        "decision": {"approved": False, "note": ""},
        "tags": [],
        "urgency": 3,
    }
    assert (control.types, control.required) == (("object",), ("text", "decision", "tags"))
    assert control.hint == "Question (object) with text, decision, tags"
    assert field(ADDRESS).initial == '{"street":"","city":"","zip":0}'


@pytest.mark.parametrize(
    ("kind", "initial", "hint"),
    [
        (int, "0", "integer"),
        (str, '""', "string"),
        (list[int], "[]", "array"),
        (Literal["a", "b"], '"a"', 'one of "a", "b"'),
        (Colour, '"blue"', 'one of "blue", "red"'),
    ],
)
def test_other_types_get_a_field_with_the_plainest_value(kind: Any, initial: str, hint: str) -> None:
    assert (field(schema(kind)).initial, field(schema(kind)).hint) == (initial, hint)


def test_a_type_that_contains_itself_comes_to_an_end() -> None:
    assert len(field(schema(Chain)).initial) < 1000


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[",
        "true",
        '"x"',
        "[" * 100_000,
        '{"$ref": "#/nowhere"}',
        '{"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}',
        '{"type": 5, "required": 3, "properties": 7, "enum": 8}',
        '{"type": "object", "properties": {"approved": true}, "required": ["approved"]}',
    ],
)
def test_a_schema_that_makes_no_sense_gets_a_field(text: str) -> None:
    assert isinstance(control_for(text), JsonControl)
