"""Unions: plain JSON where that says which member it is, a tag where it doesn't, and never a guess."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any, Literal, TypedDict
from uuid import UUID

import msgspec
import pytest

from nbflow.core.payloads import codec
from nbflow.errors import DefinitionError, PayloadError

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass
class Paid:
    receipt: str


@dataclass
class Declined:
    reason: str


@dataclass
class Approved:
    by: str


@dataclass
class Rejected:
    by: str


@dataclass
class Short:
    x: int


@dataclass
class Long:
    x: int
    y: int = 0


@dataclass
class Yes:
    by: str
    kind: Literal["yes"] = "yes"


@dataclass
class No:
    by: str
    kind: Literal["no"] = "no"


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 2


class Mood(Enum):
    GOOD = "good"


class Cat(msgspec.Struct, tag=True):
    name: str


class Dog(msgspec.Struct, tag=True):
    name: str


class Options(TypedDict):
    verbose: bool


WRITTEN = [
    # JSON's own type of its kind is plain, the others of that kind are tagged
    (str | datetime, "2026-01-01T12:00:00Z", '"2026-01-01T12:00:00Z"'),
    (str | datetime, NOON, '{"@datetime":"2026-01-01T12:00:00Z"}'),
    (datetime | str | None, NOON, '{"@datetime":"2026-01-01T12:00:00Z"}'),
    (bytes | str, b"x", '{"@bytes":"eA=="}'),
    (bytes | str, "eA==", '"eA=="'),
    (UUID | str, "00000000-0000-0000-0000-000000000001", '"00000000-0000-0000-0000-000000000001"'),
    (Colour | str, "red", '"red"'),
    (Colour | str, Colour.RED, '{"@Colour":"red"}'),
    (Level | int, Level.HIGH, '{"@Level":2}'),
    (Level | int, 2, "2"),
    (list[int] | set[int], {2, 1}, '{"@set[int]":[1,2]}'),
    (list[int] | tuple[int, ...], (1, 2), '{"@tuple[int, ...]":[1,2]}'),
    (dict[str, str] | Paid, Paid("r"), '{"@Paid":{"receipt":"r"}}'),
    (dict[str, str] | Paid, {"receipt": "r"}, '{"receipt":"r"}'),
    # no tag where the plain form can only be one of them
    (date | datetime, NOON, '"2026-01-01T12:00:00Z"'),
    (date | datetime, date(2026, 1, 1), '"2026-01-01"'),
    (Literal["now"] | datetime, "now", '"now"'),
    (Literal["now"] | str, "now", '"now"'),
    (Mood | datetime, Mood.GOOD, '"good"'),
    (Decimal | float, Decimal("1.5"), '"1.5"'),
    (Decimal | float, 1.5, "1.5"),
    (int | float, 5.0, "5.0"),
    (int | float | str, 5, "5"),
    (bool | int, True, "true"),
    (Paid | Declined, Declined("no"), '{"reason":"no"}'),
    (Paid | Options, {"verbose": True}, '{"verbose":true}'),
    (Yes | No, No("ann"), '{"by":"ann","kind":"no"}'),
    (Short | Long, Short(1), '{"x":1}'),
    (Long | Short, Short(1), '{"x":1}'),
    (Short | Long, Long(1), '{"x":1,"y":0}'),
    (Cat | Dog, Dog("rex"), '{"type":"Dog","name":"rex"}'),
    # a tag where it could be either
    (Approved | Rejected, Rejected("ann"), '{"@Rejected":{"by":"ann"}}'),
    (Approved | Rejected, Approved("ann"), '{"@Approved":{"by":"ann"}}'),
    (list[Paid] | list[Declined], [Declined("no")], '[{"reason":"no"}]'),
    (list[Paid] | list[Declined], [], "[]"),
    (list[str] | list[datetime], [NOON], '{"@list[datetime]":["2026-01-01T12:00:00Z"]}'),
    (dict[str, str] | datetime, {"@datetime": "x"}, '{"@datetime":"x"}'),
    (dict[str, str] | str | datetime, {"@datetime": "x"}, '{"@dict[str, str]":{"@datetime":"x"}}'),
]


@pytest.mark.parametrize(
    ("annotation", "value", "text"), WRITTEN, ids=[f"{a} {t}"[-60:] for a, _, t in WRITTEN]
)
def test_a_member_comes_back_as_itself(annotation: Any, value: Any, text: str) -> None:
    assert codec(annotation).encode(value, what="it") == text
    back = codec(annotation).decode(text, what="it")
    assert back == value
    assert type(back) is type(value)


@dataclass
class Visit:
    when: str | datetime
    then: "list[Visit | datetime]"


def test_a_union_inside_a_class_that_holds_itself() -> None:
    visit = Visit("soon", [NOON, Visit(NOON, [])])
    text = codec(Visit).encode(visit, what="it")
    assert text == (
        '{"when":"soon","then":["2026-01-01T12:00:00Z",{"when":{"@datetime":"2026-01-01T12:00:00Z"},"then":[]}]}'
    )
    assert codec(Visit).decode(text, what="it") == visit


def test_what_is_typed_by_hand_is_the_member_that_it_fits() -> None:
    either = codec(Paid | Declined | None)
    assert either.decode('{"reason": "no"}', what="it") == Declined("no")
    assert either.encode({"reason": "no"}, what="it") == '{"reason":"no"}'
    assert codec(Short | Long).decode('{"x": 1, "y": 2}', what="it") == Long(1, 2)
    assert (
        codec(Literal["now"] | datetime).encode("2026-01-01T12:00:00Z", what="it") == '"2026-01-01T12:00:00Z"'
    )
    assert (
        codec(Approved | Rejected).encode({"@Rejected": {"by": "ann"}}, what="it")
        == '{"@Rejected":{"by":"ann"}}'
    )
    assert codec(dict[str, int] | Paid).encode({"receipt": "r"}, what="it") == '{"receipt":"r"}'


def test_what_fits_two_members_alike_is_refused_and_never_guessed() -> None:
    words = (
        "the payload of 'approval' doesn't fit Approved | Rejected: it fits Approved and Rejected alike: give each "
        "class a field such as kind: Literal['…'] = '…', or write {\"@Rejected\": …} to say which it is"
    )
    for attempt in (
        lambda: codec(Approved | Rejected).decode('{"by":"ann"}', what="the payload of 'approval'"),
        lambda: codec(Approved | Rejected).encode({"by": "ann"}, what="the payload of 'approval'"),
    ):
        with pytest.raises(PayloadError) as error:
            attempt()
        assert str(error.value) == words


@pytest.mark.parametrize(
    ("annotation", "value", "words"),
    [
        (
            Paid | Declined,
            {"receipt": 5},
            "no Paid: Expected `str`, got `int` at .receipt; no Declined: 'receipt' is no field of Declined",
        ),
        (
            Paid | None,
            {"receipt": 5},
            "it doesn't fit Paid | None: Expected `str`, got `int` - at `$.receipt`",
        ),
        (Paid | None, Paid(5), "Expected `str`, got `int` - at `$.receipt`"),  # type: ignore[arg-type]
        (int | str, 1.5, "it doesn't fit int | str: Expected `int | str`, got `float`"),
        (list[str] | list[int], [1, "x"], "Expected `str`, got `int` - at `$[0]`"),
        (Paid | dict[str, Any], {"a": {1}}, "it at 'a' is a set"),
        (str | datetime, {"@datetime": "noon"}, "Invalid RFC3339 encoded datetime - at `$.@datetime`"),
        (Cat | Dog, {"type": "Cow", "name": "x"}, "Expected the type 'Cat', got 'Cow'"),
    ],
    ids=lambda part: str(part)[:40],
)
def test_what_fits_no_member_is_named(annotation: Any, value: Any, words: str) -> None:
    with pytest.raises(PayloadError) as error:
        codec(annotation).encode(value, what="it")
    assert words in str(error.value)


def test_two_classes_of_one_name_are_told_apart() -> None:
    def made(reason: str) -> type:
        return type("Paid", (), {"__annotations__": {"receipt": str}, "__doc__": reason})

    other = dataclass(made("another module's"))
    other.__module__ = "shop.paid"
    value = other("r")  # type: ignore[call-arg]
    text = codec(Paid | other).encode(value, what="it")
    assert text == '{"@shop.paid.Paid":{"receipt":"r"}}'
    assert type(codec(Paid | other).decode(text, what="it")) is other
    third = dataclass(made("the same module's"))
    third.__module__ = other.__module__
    text = codec(Paid | other | third).encode(third("r"), what="it")  # type: ignore[call-arg]
    assert type(codec(Paid | other | third).decode(text, what="it")) is third


@pytest.mark.semantics(36)
@pytest.mark.parametrize(
    ("annotation", "hidden"),
    [
        (str | datetime, "datetime"),
        (list[str | datetime], "datetime"),
        (dict[str, UUID | str | None], "UUID"),
        (list[int] | set[int], "set[int]"),
        (dict[str, str] | Paid, "Paid"),
    ],
    ids=str,
)
def test_an_event_can_not_be_of_a_type_that_plain_json_does_not_show(annotation: Any, hidden: str) -> None:
    with pytest.raises(DefinitionError, match="an event comes as plain JSON") as error:
        codec(annotation).for_events()
    assert f"nothing tells a {hidden} from the others" in str(error.value)
    assert f"wait for a {hidden} alone, or for a dataclass" in str(error.value)


@pytest.mark.semantics(36)
@pytest.mark.parametrize(
    "annotation",
    [Visit, Paid | Declined, Yes | No, date | datetime, str | None, int | float, Colour | None, Any],
)
def test_other_types_are_fine_for_an_event(annotation: Any) -> None:
    assert codec(annotation).for_events() is codec(annotation)


@pytest.mark.semantics(36)
def test_an_event_is_sent_as_its_own_class_says() -> None:
    """The sender doesn't know what the receiver waits for; the class of what is sent is annotation enough."""
    sent = codec().encode(Visit(NOON, []), what="it")
    assert codec(Visit).decode(sent, what="it") == Visit(NOON, [])
    assert codec().decode(sent, what="it") == {"when": {"@datetime": "2026-01-01T12:00:00Z"}, "then": []}
