"""Which control a wait's schema asks for."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pydantic
import pytest

from nbflow.core.payloads import codec
from nbflow.views.inbox.controls import (
    ButtonsControl,
    ChoiceControl,
    Control,
    FixedControl,
    FormControl,
    JsonControl,
    ListControl,
    MomentControl,
    NumberControl,
    OptionalControl,
    TextControl,
)
from nbflow.views.inbox.forms import control_for
from tests.views.stories import BOOLEAN
from tests.views.stories_inbox import (
    Address,
    Approval,
    Deep,
    Invoice,
    Options,
    Order,
    Priority,
    Size,
    Verdict,
)


@dataclass
class Paid:
    paid: bool


class Review(pydantic.BaseModel):
    ok: bool
    reason: str | None = None


@dataclass
class Chain:
    next: Chain | None
    value: int


@dataclass
class Defaults:
    count: int = 3
    price: Decimal = Decimal("1.50")
    on: date = date(2026, 1, 2)
    at: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    fine: datetime = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    text: str = "a\nb"
    kind: Literal["x", "y", "z"] = "y"
    some: tuple[int, ...] = (1, 2)
    wait: timedelta = timedelta(minutes=1)
    address: Address = field(default_factory=lambda: Address("", "", "1"))


def control(kind: Any) -> Control:
    return control_for(codec(kind).schema())


def buttons(text: str | None) -> list[tuple[str, Any]]:
    made = control_for(text)
    assert isinstance(made, ButtonsControl)
    return [(choice.label, json.loads(choice.payload)) for choice in made.choices]


def fields(kind: Any) -> dict[str, Control]:
    made = control(kind)
    assert isinstance(made, FormControl)
    return {one.key: one.control for one in made.fields}


def test_a_boolean_is_approved_or_rejected() -> None:
    assert buttons(BOOLEAN) == [("Approve", True), ("Reject", False)]


@pytest.mark.parametrize(("kind", "key"), [(Approval, "approved"), (Review, "ok")])
def test_an_object_that_asks_for_one_approval_too(kind: Any, key: str) -> None:
    assert buttons(codec(kind).schema()) == [("Approve", {key: True}), ("Reject", {key: False})]


def test_what_need_not_be_said_with_an_approval_can_be() -> None:
    made = control(Approval)
    assert isinstance(made, ButtonsControl)
    assert [(one.key, type(one.control)) for one in made.more] == [
        ("note", TextControl),
        ("limit", NumberControl),
    ]


def test_a_boolean_of_another_name_is_yes_or_no() -> None:
    assert buttons(codec(Paid).schema()) == [("Yes", {"paid": True}), ("No", {"paid": False})]
    made = control(Paid)
    assert isinstance(made, ButtonsControl)
    assert made.hint == "paid?"


def test_two_values_are_two_buttons_with_the_yes_first() -> None:
    assert buttons(codec(Verdict).schema()) == [("accept", "accept"), ("decline", "decline")]
    assert buttons(codec(Literal["reject", "approve"]).schema())[0] == ("approve", "approve")
    made = control(Verdict)
    assert isinstance(made, ButtonsControl)
    assert [choice.tone for choice in made.choices] == ["good", "bad"]


def test_what_may_be_null_has_a_third_button() -> None:
    assert buttons(codec(bool | None).schema())[2] == ("Neither", None)
    assert buttons(codec(None).schema()) == [("Send", None)]


def test_a_few_choices_are_side_by_side_and_many_in_a_list() -> None:
    few, many = control(Priority), control(Size)
    assert isinstance(few, ChoiceControl)
    assert isinstance(many, ChoiceControl)
    assert (few.many, [choice.label for choice in few.choices]) == (
        False,
        ["LOW (1)", "NORMAL (2)", "HIGH (3)"],
    )
    assert (many.many, many.choices[0].label) == (True, "extra small")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (int, NumberControl(whole=True, told="a whole number", hint="a whole number")),
        (
            Annotated[int, pydantic.Field(gt=1, lt=9)],
            NumberControl(
                whole=True,
                least=2,
                most=8,
                told="a whole number from 2 to 8",
                hint="a whole number from 2 to 8",
            ),
        ),
        (Decimal, NumberControl(quoted=True, told="a decimal number", hint="a decimal number")),
        (str, TextControl()),
        (date, MomentControl(kind="date", told="a date", hint="a date")),
        (
            datetime,
            MomentControl(kind="datetime-local", zoned=True, told="a date and time", hint="a date and time"),
        ),
    ],
)
def test_a_single_value_has_an_input_of_its_kind(kind: Any, expected: Control) -> None:
    assert control(kind) == expected


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (Annotated[float, pydantic.Field(gt=0)], "a number, more than 0"),
        (Annotated[int, msgspec.Meta(ge=0, multiple_of=5)], "a whole number, at least 0, a multiple of 5"),
        (Annotated[str, msgspec.Meta(min_length=1)], "text of at least 1 character"),
        (
            Annotated[str, msgspec.Meta(pattern="^a", max_length=9)],
            "text of at most 9 characters that matches ^a",
        ),
        (time, "a time of day, without a time zone"),
        (Annotated[time, msgspec.Meta(tz=True)], "a time of day with its time zone"),
        (Annotated[datetime, msgspec.Meta(tz=False)], "a date and time, without a time zone"),
        (timedelta, "a duration"),
        (UUID, "a UUID"),
        (bytes, "bytes in base64"),
    ],
)
def test_what_is_taken_is_said_in_words(kind: Any, told: str) -> None:
    made = control(kind)
    assert isinstance(made, NumberControl | TextControl | MomentControl)
    assert made.told == told


def test_an_object_is_a_form_of_its_fields() -> None:
    made = control(Order)
    assert isinstance(made, FormControl)
    assert (made.title, made.hint) == ("Order", "What to send, and where to.")
    assert {key: type(one) for key, one in fields(Order).items()} == {
        "customer": TextControl,
        "quantity": NumberControl,
        "size": ChoiceControl,
        "address": FormControl,
        "gift": ChoiceControl,
        "tags": ListControl,
        "note": OptionalControl,
    }


def test_a_model_is_one_too() -> None:
    parts = fields(Invoice)
    number, lines = parts["number"], parts["lines"]
    assert isinstance(number, TextControl)
    assert number.hint == "as printed on it · text that matches ^R-[0-9]+$, such as R-1017"
    assert isinstance(lines, ListControl)
    assert (len(lines.items), lines.fewest, lines.most) == (1, 1, 3)


def test_what_may_be_missing_is_left_out_or_null() -> None:
    label, note = fields(Options)["label"], fields(Order)["note"]
    maybe = control(int | None)
    for made, off in ((label, ""), (note, ""), (maybe, "null")):
        assert isinstance(made, OptionalControl)
        assert (made.off, made.on) == (off, False)


def test_defaults_are_filled_in_where_an_input_can_show_them() -> None:
    parts = fields(Defaults)
    initials = {
        key: getattr(parts[key], "initial", None)
        for key in ("count", "price", "on", "at", "text", "kind", "wait")
    }
    assert initials == {
        "count": "3",
        "price": "1.50",
        "on": "2026-01-02",
        "at": "2026-01-02T03:04:05",
        "text": "a\nb",
        "kind": '"y"',
        "wait": "PT60S",
    }
    fine, text = parts["fine"], parts["text"]
    assert isinstance(fine, OptionalControl), "microseconds are more than the input shows"
    assert fine.hint == '"2026-01-02T03:04:05.000006Z", as by default'
    assert isinstance(text, TextControl)
    assert text.lines


def test_groups_lie_three_deep_and_then_it_is_json() -> None:
    box = fields(Deep)["box"]
    assert isinstance(box, FormControl)
    assert isinstance(box.fields[0].control, FormControl)

    @dataclass
    class Deeper:
        deep: Deep

    inner: Any = fields(Deeper)["deep"]
    assert isinstance(inner.fields[0].control.fields[0].control, JsonControl)


def test_a_type_that_contains_itself_comes_to_an_end() -> None:
    assert len(msgspec.json.encode(control(Chain))) < 2000


@pytest.mark.parametrize(
    ("kind", "initial", "hint", "types"),
    [
        (dict[str, int], "{}", "object", ("object",)),
        (list[Address], "[]", "array", ("array",)),
        (tuple[int, str], '[0,""]', "array", ("array",)),
        (list[Address] | None, "[]", "array", ("array",)),
        (int | str, "0", "integer or string", ("integer", "string")),
        (Any, "", 'any JSON, such as true or {"approved": true}; empty sends null', ()),
    ],
)
def test_what_no_form_can_say_is_json(kind: Any, initial: str, hint: str, types: tuple[str, ...]) -> None:
    made = control(kind)
    if isinstance(made, OptionalControl):
        made = made.inner
    assert made == JsonControl(initial=initial, hint=hint, types=types)


def test_one_value_is_not_asked_for() -> None:
    class Tagged(msgspec.Struct, tag="t"):
        count: int

    assert fields(Tagged)["type"] == FixedControl(payload='"t"')


def test_a_hostile_schema_is_answered_soon_and_shortly() -> None:
    wide = {f"p{i}": {"$ref": "#/$defs/A"} for i in range(2000)}
    root = {
        "$ref": "#/$defs/A",
        "$defs": {"A": {"type": "object", "properties": wide, "required": list(wide)}},
    }
    assert len(msgspec.json.encode(control_for(json.dumps(root)))) < 100_000
    long = {"type": "object", "properties": {"x" * 90_000: {"type": "string"}}}
    assert len(msgspec.json.encode(control_for(json.dumps(long)))) < 1000


def test_labels_are_tame() -> None:
    made = control_for(json.dumps({"enum": ["\u202eevil", "\x1b[31m", " ", "x" * 500]}))
    assert isinstance(made, ChoiceControl)
    assert [choice.label[:12] for choice in made.choices] == ["\\u202eevil", "\\u001b[31m", '" "', "x" * 12]
    assert json.loads(made.choices[0].payload) == "\u202eevil"


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
        '{"$ref": "#/$defs/A", "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]}}}',
        '{"type": 5, "required": 3, "properties": 7, "enum": 8}',
        '{"type": "object", "properties": {"approved": true}, "required": ["approved"]}',
        '{"type": "object", "properties": {}, "required": ["approved"]}',
        '{"anyOf": 3, "type": ["a", "b", "c"]}',
    ],
)
def test_a_schema_that_makes_no_sense_gets_a_field(text: str) -> None:
    assert isinstance(control_for(text), JsonControl)


@pytest.mark.parametrize(
    "text",
    [
        '{"type": "integer", "minimum": "x", "maximum": true, "multipleOf": 0, "default": "y"}',
        '{"type": "string", "minLength": -1, "maxLength": "x", "pattern": 7, "default": 8, "examples": 9}',
        '{"type": "array", "items": {"type": "string"}, "minItems": 1e9, "default": 3}',
        '{"type": "object", "title": 3, "properties": {"a": {"type": "string", "format": [1]}}}',
        '{"enum": [[1], {"a": 2}, null], "x-enum-varnames": "no"}',
    ],
)
def test_parts_of_a_schema_that_make_no_sense_are_passed_over(text: str) -> None:
    msgspec.json.encode(control_for(text))
