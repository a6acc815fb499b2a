"""Values to JSON and back: unchanged, or an error that names the type and the path."""

import enum
import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, TypedDict
from uuid import UUID

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbflow.core.payloads import Codec, codec, codecs
from nbflow.errors import DefinitionError, PayloadError
from tests.core.strategies import json_values


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Shade(enum.StrEnum):
    DARK = "dark"


@dataclass(frozen=True)
class Item:
    sku: str
    qty: int = 1


@dataclass
class Order:
    items: list[Item]
    due: date | None = None
    notes: dict[str, str] = field(default_factory=dict)


@dataclass
class Refund:
    amount: Decimal


class Point(NamedTuple):
    x: int
    y: int


class Options(TypedDict, total=False):
    verbose: bool
    level: Level


class Model(pydantic.BaseModel):
    at: datetime
    tags: set[str] = set()


class Record(msgspec.Struct):
    a: int
    b: Item | None = None


class Node(msgspec.Struct):
    value: int
    next: "Node | None" = None


ROUND_TRIPS = [
    (int, 2**200),
    (int, -(2**63)),
    (float, 1.5),
    (float, 1e300),
    (str, "é\x00\n"),
    (bool, False),
    (None, None),
    (bytes, b"\x00\xff"),
    (Decimal, Decimal("1.10")),
    (UUID, UUID(int=5)),
    (datetime, datetime(2026, 1, 1, 12, 30, 0, 5, tzinfo=UTC)),
    (datetime, datetime(2026, 1, 1)),  # noqa: DTZ001
    (date, date(2026, 1, 1)),
    (time, time(12, 30)),
    (timedelta, timedelta(days=-3, microseconds=1)),
    (Colour, Colour.GREEN),
    (Level, Level.HIGH),
    (Shade, Shade.DARK),
    (Literal["a", 2], 2),
    (list[Item], [Item("a"), Item("b", 2)]),
    (dict[str, Item], {"x": Item("a")}),
    (dict[int, str], {1: "a", -2: "b"}),
    (dict[Colour, int], {Colour.RED: 1}),
    (dict[date, int], {date(2026, 1, 1): 1}),
    (dict[UUID, int], {UUID(int=7): 1}),
    (tuple[int, str], (1, "a")),
    (tuple[int, ...], (1, 2, 3)),
    (set[str], {"b", "a", "c"}),
    (frozenset[int], frozenset({3, 1})),
    (Order, Order([Item("a")], date(2026, 1, 1), {"k": "v"})),
    (Order | None, None),
    (int | str, "1"),
    (Item | Refund, Refund(Decimal("1.5"))),
    (Model, Model(at=datetime(2026, 1, 1, tzinfo=UTC), tags={"b", "a"})),
    (list[Model], [Model(at=datetime(2026, 1, 1, tzinfo=UTC))]),
    (Record, Record(1, Item("x"))),
    (Node, Node(1, Node(2))),
    (Point, Point(1, 2)),
    (Options, {"verbose": True, "level": Level.LOW}),
    (Annotated[int, msgspec.Meta(ge=1)], 1),
    (Any, {"a": [1, None]}),
]


@pytest.mark.parametrize(("annotation", "value"), ROUND_TRIPS, ids=[str(item) for item, _ in ROUND_TRIPS])
def test_values_are_rebuilt_by_annotation(annotation, value):
    text = codec(annotation).encode(value, what="it")
    assert codec(annotation).decode(text, what="it") == value
    assert type(codec(annotation).decode(text, what="it")) is type(value)
    # What is written is JSON as any reader knows it, and always the same.
    assert codec(annotation).encode(value, what="it") == text
    msgspec.json.decode(text)


@given(json_values)
def test_without_an_annotation_plain_json_comes_back_as_it_was(value):
    text = codec().encode(value, what="it")
    assert codec().decode(text, what="it") == value


@pytest.mark.semantics(68)
@given(
    st.recursive(st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_a_value_comes_back_unchanged_or_is_refused(value):
    try:
        text = codec().encode(value, what="it")
    except PayloadError:
        return
    assert codec().decode(text, what="it") == value


@given(st.sets(st.text(st.characters(exclude_categories=("Cs",))), max_size=8))
def test_s74_a_set_is_written_in_an_order_that_repeats(value):
    shuffled: set[str] = set()
    for item in sorted(value, reverse=True):
        shuffled.add(item)
    assert codec(set[str]).encode(value, what="it") == codec(set[str]).encode(shuffled, what="it")


@given(st.sets(st.text(st.characters(exclude_categories=("Cs",))), max_size=8))
def test_s74_a_set_of_a_pydantic_model_is_written_in_an_order_that_repeats(value):
    shuffled: set[str] = set()
    for item in sorted(value, reverse=True):
        shuffled.add(item)
    once, again = (Model(at=datetime(2026, 1, 1, tzinfo=UTC), tags=tags) for tags in (value, shuffled))
    kind = dict[str, list[Model]]
    text = codec(kind).encode({"a": [once]}, what="it")
    assert codec(kind).encode({"a": [again]}, what="it") == text
    assert codec(kind).decode(text, what="it") == {"a": [once]}


def str_of_type(value: object) -> str | None:
    """Names of cases that hold no address, which differs from process to process."""
    return ascii(value)[:30] if isinstance(value, str) else type(value).__name__


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (float("nan"), "it is nan, which JSON doesn't have: use None, or a string"),
        ([1, {"rate": math.inf}], "it at '[1].rate' is inf, which JSON doesn't have"),
        (
            {"a": {1: "x"}},
            "it at 'a' has the key 1 (int), and JSON's keys are strings: use str keys, or annotate",
        ),
        (
            {1, 2},
            "it is a set, which can't be carried as JSON: annotate it, such as set[str], or pass sorted(...) of it",
        ),
        ({"raw": b"x"}, "it at 'raw' is a bytes, which can't be carried as JSON: annotate it as bytes, or"),
        (
            [object()],
            "it at '[0]' is an object, which can't be carried as JSON: turn it into JSON values first",
        ),
        (len, "it is a builtin_function_or_method, which can't be carried as JSON"),
        (Item, "it is a type, which can't be carried as JSON"),
        ({"deep": [[Item("a"), {"x": {1j}}]]}, "it at 'deep[0][1].x' is a set"),
        ("\ud800", "it has text that is no Unicode ('\\ud800'), such as a file name of other bytes"),
        ({"\udfff": 1}, "it has text that is no Unicode ('\\udfff')"),
    ],
    ids=str_of_type,
)
def test_s68_what_json_can_not_carry_is_named_with_its_path(value, words):
    with pytest.raises(PayloadError) as error:
        codec().encode(value, what="it")
    assert words in str(error.value)


def test_s68_a_value_that_holds_itself_is_named():
    loop: list[Any] = []
    loop.append(loop)
    deep: Any = 0
    for _ in range(100_000):
        deep = [deep]
    for value in (loop, deep, {"a": loop}):
        with pytest.raises(PayloadError, match="it is nested too deeply, or holds itself"):
            codec().encode(value, what="it")
    while deep:
        deep = deep[0]


def test_too_deep_a_text_is_refused():
    with pytest.raises(PayloadError, match="it doesn't fit"):
        codec().decode("[" * 100_000 + "]" * 100_000, what="it")


@pytest.mark.semantics(68)
@pytest.mark.parametrize(
    ("annotation", "value", "words"),
    [
        (int, "x", "it doesn't fit int: Expected `int`, got `str`"),
        (Item, {"sku": 1}, "it doesn't fit Item: Expected `str`, got `int` - at `$.sku`"),
        (list[int], [1, "x"], "it doesn't fit list[int]: Expected `int`, got `str` - at `$[1]`"),
        (Model, {"tags": []}, "it doesn't fit Model: Field required - at `$.at`"),
        (Item | Refund, {"x": 1}, "it doesn't fit"),
        (Colour, "blue", "it doesn't fit Colour: Invalid enum value 'blue'"),
        (dict[int, str], {"a": "b"}, "it doesn't fit dict[int, str]"),
    ],
    ids=lambda item: str(item)[:30],
)
def test_a_value_that_does_not_fit_its_annotation_is_named(annotation, value, words):
    with pytest.raises(PayloadError) as error:
        codec(annotation).encode(value, what="it")
    assert words in str(error.value)


def test_s68_a_payload_over_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr(codecs, "MAX_PAYLOAD_BYTES", 4 * 2**20)
    fits, over = "x" * (4 * 2**20 - 2), "x" * (4 * 2**20 - 1)
    assert len(codec().encode(fits, what="it")) == 4 * 2**20
    for value in (over, "é" * (2 * 2**20), ["é" * (2 * 2**20)]):
        with pytest.raises(PayloadError, match=r"it is 4.0 MiB of JSON \((str|list)\), more than the 4 MiB"):
            codec().encode(value, what="it")


def test_tuples_and_subclasses_become_plain_json_without_an_annotation():
    class Name(str):
        pass

    text = codec().encode((1, Name("x"), Level.HIGH, Shade.DARK, Colour.RED, Point(1, 2)), what="it")
    assert text == '[1,"x",2,"dark","red",[1,2]]'


def test_an_annotation_that_can_not_be_json_is_an_error_at_once():
    class Handle:
        pass

    with pytest.raises(DefinitionError, match=r"Handle can't be kept in a history as JSON"):
        Codec(Handle)


def test_schemas_are_json():
    assert codec().schema() is None
    assert codec(Any).schema() is None
    assert msgspec.json.decode(codec(bool).schema() or "") == {"type": "boolean"}
    assert "sku" in (codec(Item).schema() or "")
    assert "at" in msgspec.json.decode(codec(Model).schema() or "")["properties"]


def test_equal_annotations_share_a_codec():
    assert codec(list[int]) is codec(list[int])
    assert codec(Annotated[int, {"not": "hashable"}]).decode("1", what="it") == 1


def test_true_is_not_one():
    assert codec(Literal[1]) is not codec(Literal[True])
    assert codec(bool).encode(True, what="it") == "true"
    with pytest.raises(PayloadError):
        codec(int).encode(True, what="it")
