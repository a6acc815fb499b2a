"""JSON schemas say what whoever fills them in has to know."""

from __future__ import annotations

import enum
from dataclasses import dataclass, make_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, NamedTuple, NotRequired, TypedDict

import msgspec
import pydantic
import pytest

from nbflow.core.payloads import codec


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    HIGH = 2
    LOW = 1


class Span(NamedTuple):
    begin: datetime
    end: datetime | None = None


@dataclass
class Tree:
    at: datetime
    children: list[Tree]


class Flat(TypedDict):
    zeta: int
    alpha: NotRequired[int]
    mid: list[datetime]


class Tagged(msgspec.Struct, tag=True):
    at: datetime


class Other(msgspec.Struct, tag=True):
    colour: Colour


class Model(pydantic.BaseModel):
    at: datetime
    there: pydantic.NaiveDatetime
    hour: time
    price: Annotated[Decimal, pydantic.Field(gt=0, le=Decimal("9.5"))]
    level: Level


def schema(kind: Any) -> Any:
    return msgspec.json.decode(codec(kind).schema() or "null")


def formats(kind: Any) -> list[str]:
    found: list[str] = []

    def look(part: Any) -> None:
        if isinstance(part, dict):
            if isinstance(part.get("format"), str):
                found.append(part["format"])
            for inner in part.values():
                look(inner)
        if isinstance(part, list):
            for inner in part:
                look(inner)

    look(schema(kind))
    return sorted(found)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (datetime, ["date-time"]),
        (Annotated[datetime, msgspec.Meta(tz=True)], ["date-time"]),
        (Annotated[datetime, msgspec.Meta(tz=False)], ["date-time-local"]),
        (time, ["time-local"]),
        (Annotated[time, msgspec.Meta(tz=True)], ["time"]),
        (date, ["date"]),
        (list[datetime], ["date-time"]),
        (dict[str, datetime], ["date-time"]),
        (tuple[int, datetime], ["date-time"]),
        (datetime | None, ["date-time"]),
        (Span, ["date-time", "date-time"]),
        (Tree, ["date-time"]),
        (Tagged | int | None, ["date-time"]),
        (Model, ["date-time", "date-time-local", "decimal", "time-local"]),
    ],
)
def test_moments_say_that_they_are_and_whether_they_have_a_zone(kind: Any, expected: list[str]) -> None:
    assert formats(kind) == expected


def test_an_enum_keeps_its_authors_order_and_names() -> None:
    assert schema(Colour)["$defs"]["Colour"]["enum"] == ["red", "blue"]
    level = schema(Level)["$defs"]["Level"]
    assert (level["enum"], level["x-enum-varnames"]) == ([2, 1], ["HIGH", "LOW"])
    assert schema(Model)["$defs"]["Level"]["x-enum-varnames"] == ["HIGH", "LOW"]
    assert schema(int | Other | None)["$defs"]["Colour"]["enum"] == ["red", "blue"]


def test_a_typed_dict_keeps_its_authors_order() -> None:
    made = schema(Flat)["$defs"]["Flat"]
    assert (list(made["properties"]), made["required"]) == (["zeta", "alpha", "mid"], ["zeta", "mid"])


def test_a_decimal_is_sent_as_text_within_its_bounds() -> None:
    price = schema(Model)["properties"]["price"]
    assert (price["type"], price["exclusiveMinimum"], price["maximum"]) == ("string", 0, 9.5)


def test_two_classes_of_one_name_have_a_schema() -> None:
    inner = make_dataclass("Made", [("at", datetime)])
    outer = make_dataclass("Made", [("inner", inner)])
    assert formats(outer) == ["date-time"]
    assert codec(outer).decode('{"inner": {"at": "2026-01-01T00:00:00Z"}}', what="it").inner.at.year == 2026
