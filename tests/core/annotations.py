"""Annotations with values of theirs, for Hypothesis; and what it means that a value came back as it was."""

import dataclasses
import enum
from collections import OrderedDict, deque
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, Literal, NamedTuple, NotRequired, TypedDict, Union
from uuid import UUID

import msgspec
import pydantic
from hypothesis import strategies as st


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Shade(enum.StrEnum):
    DARK = "dark"
    RED = "red"


class Corner(enum.Enum):
    TOP_LEFT = (0, 0)
    MIDDLE = (0.5, 0.5)


class Rights(enum.Flag):
    READ = 1
    WRITE = 2
    RUN = 4


class Sku(str): ...


class Cents(int): ...


@dataclasses.dataclass(frozen=True)
class Item:
    sku: str
    qty: int = 1


@dataclasses.dataclass(frozen=True)
class Gift:
    sku: str
    qty: int = 1


@dataclasses.dataclass
class Refund:
    amount: Decimal
    reason: str | None = None


class Point(NamedTuple):
    x: int
    y: float = 0.5


class Options(TypedDict):
    level: Level
    verbose: NotRequired[bool]


class Record(msgspec.Struct, rename="camel", frozen=True):
    at_home: bool
    two_words: int = 2


class Model(pydantic.BaseModel):
    at: datetime
    tags: list[str] = []
    seen: set[str] = set()


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=8) | st.sampled_from(
    ["2026-01-01", "2026-01-01T00:00:00Z", "12:30:00", "PT1S", "red", "1.5", "1", "eA==", "null", "", "dark"]
)
zones = st.none() | st.sampled_from(
    [UTC, timezone(timedelta(hours=5, minutes=30)), timezone(-timedelta(minutes=1))]
)
moments = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=zones)  # noqa: DTZ001
times_of_day = st.builds(
    time, st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999_999), zones
)
LEAVES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (None, st.none()),
    (bool, st.booleans()),
    (int, st.integers() | st.sampled_from([2**63, 2**64, -(2**200)])),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (str, texts),
    (bytes, st.binary(max_size=5)),
    (bytearray, st.binary(max_size=5).map(bytearray)),
    (datetime, moments.map(lambda moment: moment.replace(fold=0))),
    (date, st.dates()),
    (time, times_of_day),
    (timedelta, st.timedeltas()),
    (Decimal, st.decimals(allow_nan=False)),
    (UUID, st.uuids()),
    (Colour, st.sampled_from(Colour)),
    (Level, st.sampled_from(Level)),
    (Shade, st.sampled_from(Shade)),
    (Corner, st.sampled_from(Corner)),
    (Rights, st.integers(0, 7).map(Rights)),
    (Sku, texts.map(Sku)),
    (Cents, st.integers().map(Cents)),
    (Literal["red", 2, None], st.sampled_from(["red", 2, None])),
    (Literal[True, "1"], st.sampled_from([True, "1"])),
    (Item, st.builds(Item, texts, st.integers())),
    (Gift, st.builds(Gift, texts, st.integers())),
    (Refund, st.builds(Refund, st.decimals(allow_nan=False), st.none() | texts)),
    (Point, st.builds(Point, st.integers(), st.floats(allow_nan=False, allow_infinity=False))),
    (Options, st.fixed_dictionaries({"level": st.sampled_from(Level)}, optional={"verbose": st.booleans()})),
    (Record, st.builds(Record, st.booleans(), st.integers())),
    (
        Model,
        st.builds(
            Model,
            at=st.datetimes(timezones=st.just(UTC)),
            tags=st.lists(texts, max_size=2),
            seen=st.sets(texts, max_size=3),
        ),
    ),
]
SIMPLE = (bool, int, float, str, bytes, date, datetime, time, timedelta, Decimal, UUID)
HASHABLE = (*SIMPLE, Colour, Level, Shade, Corner, Sku, Cents, Item, Gift, Point, Record)
Typed = tuple[Any, st.SearchStrategy[Any]]
leaves = st.sampled_from(LEAVES)
hashables = st.sampled_from([(kind, values) for kind, values in LEAVES if kind in HASHABLE])


def _items(kind: Any, inner: Typed) -> Typed:
    annotation, values = inner
    many = st.lists(values, max_size=3)
    if kind == "tuple":
        return tuple[annotation, ...], many.map(tuple)
    return kind[annotation], many.map(kind)


def _dict(kind: Any, key: Typed, value: Typed) -> Typed:
    return kind[key[0], value[0]], st.dictionaries(key[1], value[1], max_size=3).map(kind)


def union_of(members: list[Typed]) -> Typed:
    """One of several annotations, and values of any of them."""
    annotation: Any = Union.__getitem__(tuple(annotation for annotation, _ in members))
    return annotation, st.one_of(*[values for _, values in members])


def _dataclass(fields: list[Typed]) -> Typed:
    names = "abc"[: len(fields)]
    made = dataclasses.make_dataclass("Made", [(n, kind) for n, (kind, _) in zip(names, fields, strict=True)])
    return made, st.builds(made, *[values for _, values in fields])


def _composed(inner: st.SearchStrategy[Typed]) -> st.SearchStrategy[Typed]:
    several = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.builds(_items, st.sampled_from([list, deque, "tuple"]), inner),
        st.builds(_items, st.sampled_from([set, frozenset]), hashables),
        st.builds(_dict, st.sampled_from([dict, OrderedDict]), hashables, inner),
        several.map(lambda parts: (tuple[tuple(a for a, _ in parts)], st.tuples(*[v for _, v in parts]))),
        several.map(union_of),
        several.map(union_of),
        several.map(_dataclass),
    )


annotations: st.SearchStrategy[Typed] = st.recursive(leaves, _composed, max_leaves=5)
"""An annotation, and a strategy of its values."""


def is_same(one: Any, other: Any) -> bool:
    """Whether two values are of one type and equal, in all of their parts."""
    if type(one) is not type(other):
        return False
    match one:
        case dict():
            pairs = zip(one.items(), other.items(), strict=False)
            return len(one) == len(other) and all(is_same(a, b) and is_same(c, d) for (a, c), (b, d) in pairs)
        case list() | tuple() | deque():
            return len(one) == len(other) and all(is_same(a, b) for a, b in zip(one, other, strict=True))
        case set() | frozenset():
            return one == other and sorted(map(_typed, one)) == sorted(map(_typed, other))
        case datetime() | time():
            return one == other and one.utcoffset() == other.utcoffset()
        case _ if dataclasses.is_dataclass(one):
            names = [field.name for field in dataclasses.fields(one)]
            return all(is_same(getattr(one, name), getattr(other, name)) for name in names)
        case float():
            return one.hex() == other.hex()
        case _:
            return bool(one == other)


def _typed(value: Any) -> str:
    return f"{type(value).__name__} {value!r}"
