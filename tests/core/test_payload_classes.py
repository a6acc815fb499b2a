"""Classes with fields: whatever their authors do with them, their objects come back as they were, or not at all."""

import collections
from collections import Counter, defaultdict, deque
from dataclasses import KW_ONLY, InitVar, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import (
    Annotated,
    Any,
    ClassVar,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    Required,
    Self,
    TypedDict,
    TypeVar,
)
from zoneinfo import ZoneInfo

import annotated_types
import msgspec
import pydantic
import pytest

from nbflow.core.failures import is_unresolved
from nbflow.core.payloads import codec
from nbflow.errors import DefinitionError, PayloadError

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
T = TypeVar("T")
K = TypeVar("K")
N = TypeVar("N", bound=datetime)
Money = NewType("Money", int)


def back(annotation: Any, value: Any, text: str | None = None) -> Any:
    written = codec(annotation).encode(value, what="it")
    if text is not None:
        assert written == text
    return codec(annotation).decode(written, what="it")


@dataclass
class Order:
    sku: str
    cents: Money = Money(5)
    tags: list[str] = field(default_factory=list)
    kind: ClassVar[str] = "order"
    _: KW_ONLY
    total: int = field(default=0, init=False)
    note: str = field(default="", repr=False, compare=False)

    def __post_init__(self) -> None:
        self.total = self.total or self.cents * 2


@dataclass
class Scaled:
    size: int
    factor: InitVar[int]
    whole: "str | datetime" = "no"

    def __post_init__(self, factor: int) -> None:
        self.size *= factor


@dataclass
class Celsius:
    degrees: float = 0.0
    fahrenheit: InitVar[float | None] = None

    def __post_init__(self, fahrenheit: float | None) -> None:
        if fahrenheit is not None:
            self.degrees = (fahrenheit - 32) * 5 / 9


@dataclass
class Doubled:
    n: int

    def __post_init__(self) -> None:
        self.n *= 2


@dataclass(frozen=True, slots=True)
class Box(Generic[T]):
    item: T
    more: tuple[T, ...] = ()


@dataclass(frozen=True)
class Pair(Box[list[K]], Generic[K, T]):
    second: T | None = None


@dataclass
class Tree:
    value: int
    children: list["Tree"] = field(default_factory=list)
    parent: "Tree | None" = None


@dataclass
class Chain(Generic[T]):
    value: T
    next: "Chain[T] | None" = None


@dataclass
class Selfish:
    other: Self | None = None


class Link(NamedTuple):
    name: str
    next: "Link | None" = None


class Total(TypedDict, total=False):
    id: Required[int]
    note: str


class GenericDict(TypedDict, Generic[T]):
    item: T


class Named(msgspec.Struct, rename="camel", omit_defaults=True):
    first_name: str
    last_name: str = "unknown"


class Row(msgspec.Struct, array_like=True, tag="row"):
    a: int
    b: datetime | str = "x"


class Aliased(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(populate_by_name=True)
    at: datetime = pydantic.Field(alias="happenedAt")
    extra: dict[str, int] = {}


@pydantic.dataclasses.dataclass
class Validated:
    n: Annotated[int, pydantic.Field(ge=1)]


Plain = collections.namedtuple("Plain", "a b")

BACK: list[tuple[Any, Any, str]] = [
    (Order, Order("tea"), '{"sku":"tea","cents":5,"tags":[],"total":10,"note":""}'),
    (Scaled, Scaled(2, 3), '{"size":6,"whole":"no"}'),
    (Scaled | None, Scaled(2, 3, NOON), '{"size":6,"whole":{"@datetime":"2026-01-01T12:00:00Z"}}'),
    (Celsius, Celsius(fahrenheit=212), '{"degrees":100.0}'),
    (Box[int], Box(1, (2, 3)), '{"item":1,"more":[2,3]}'),
    (Box[str | datetime], Box(NOON), '{"item":{"@datetime":"2026-01-01T12:00:00Z"},"more":[]}'),
    (Box, Box({"a": [1]}), '{"item":{"a":[1]},"more":[]}'),
    (Pair[datetime, int], Pair([NOON], second=5), '{"item":["2026-01-01T12:00:00Z"],"more":[],"second":5}'),
    (
        Tree,
        Tree(1, [Tree(2)]),
        '{"value":1,"children":[{"value":2,"children":[],"parent":null}],"parent":null}',
    ),
    (Chain[datetime], Chain(NOON, Chain(NOON)), None),
    (Chain[bytes | str], Chain(b"x", Chain("eA==")), None),
    (Selfish, Selfish(Selfish()), '{"other":{"other":null}}'),
    (Link, Link("a", Link("b")), '["a",["b",null]]'),
    (Plain, Plain(1, "x"), '[1,"x"]'),
    (Total, {"id": 1}, '{"id":1}'),
    (GenericDict[datetime], {"item": NOON}, '{"item":"2026-01-01T12:00:00Z"}'),
    (Named, Named("ann"), '{"firstName":"ann","lastName":"unknown"}'),
    (Row, Row(1, NOON), '["row",1,{"@datetime":"2026-01-01T12:00:00Z"}]'),
    (Row | int, Row(1), '["row",1,"x"]'),
    (Aliased, Aliased(at=NOON), '{"happenedAt":"2026-01-01T12:00:00Z","extra":{}}'),
    (list[Aliased], [Aliased(at=NOON, extra={"b": 1, "a": 2})], None),
    (Validated, Validated(3), '{"n":3}'),
    (Counter[str], Counter("aab"), '{"a":2,"b":1}'),
    (defaultdict[str, list[int]], defaultdict(list, a=[1]), '{"a":[1]}'),
    (deque[int], deque([1, 2]), "[1,2]"),
    (dict[tuple[int, int], str], {(1, 2): "a"}, '[[[1,2],"a"]]'),
    (dict[int | str, int], {1: 1, "1": 2}, '[[1,1],["1",2]]'),
    (dict[bool, int], {True: 1}, "[[true,1]]"),
    (Path, Path("/data/x"), '"/data/x"'),
    (list[Path | None], [Path("x"), None], '["x",null]'),
    (ZoneInfo, ZoneInfo("Europe/Paris"), '"Europe/Paris"'),
    (datetime, datetime(2026, 7, 1, tzinfo=ZoneInfo("Europe/Paris")), '"2026-07-01T00:00:00+02:00"'),
    (N, NOON, '"2026-01-01T12:00:00Z"'),
    (Annotated[list[Path], msgspec.Meta(min_length=1)], [Path("x")], '["x"]'),
    (Annotated[int, annotated_types.Ge(1)], 1, "1"),
    (Annotated[str, "what it is"], "x", '"x"'),
]


@pytest.mark.semantics(60)
@pytest.mark.parametrize(("annotation", "value", "text"), BACK, ids=[str(a)[-50:] for a, _, _ in BACK])
def test_an_object_comes_back_as_it_was(annotation: Any, value: Any, text: str | None) -> None:
    found = back(annotation, value, text)
    assert found == value
    assert type(found) is type(value)


def test_a_class_inside_a_function_may_hold_itself() -> None:
    @dataclass
    class Local:
        inner: "Local | None" = None
        at: str | datetime = ""

    assert back(Local, Local(Local(at=NOON))) == Local(Local(at=NOON))


def test_what_is_typed_by_hand_becomes_the_object() -> None:
    assert back(Order, {"sku": "tea"}) == Order("tea")
    assert back(Scaled, {"size": 2, "factor": 3}).size == 6
    assert back(Celsius, {"fahrenheit": 212}) == Celsius(100.0)
    assert back(Named, {"firstName": "ann"}) == Named("ann")
    assert back(Link, ["a"]) == Link("a")
    assert back(Aliased, {"happenedAt": "2026-01-01T12:00:00Z"}) == Aliased(at=NOON)
    assert back(list[datetime], ["2026-01-01T12:00:00Z"]) == [NOON]
    assert back(tuple[int, int], [1, 2]) == (1, 2)
    assert back(Box[datetime], {"item": NOON}) == Box(NOON)
    assert back(dict[tuple[int, int], str], [[[1, 2], "a"]]) == {(1, 2): "a"}


@dataclass
class Dog(Order):
    breed: str = "terrier"


class Labelled(str):
    label: str


class Shout(str):
    def __new__(cls, text: str) -> "Shout":
        return super().__new__(cls, text + "!")


class Hidden(pydantic.BaseModel):
    shown: int
    secret: int = pydantic.Field(default=0, exclude=True)


class Either(pydantic.BaseModel):
    when: str | datetime


class Animal(pydantic.BaseModel):
    name: str


class Cat(Animal):
    lives: int = 9


def labelled() -> Labelled:
    text = Labelled("x")
    text.label = "y"
    return text


@pytest.mark.semantics(68)
@pytest.mark.parametrize(
    ("annotation", "value", "words"),
    [
        (Order, Dog("tea"), "it is a Dog, and would come back as a Order alone: annotate it as Order | Dog"),
        (
            Doubled,
            Doubled(1),
            "it would come back as Doubled(n=4) and not as Doubled(n=2): what runs when a Doubled",
        ),
        (list[Doubled], [Doubled(1)], "it would come back as [Doubled(n=4)] and not as"),
        (Order, {"sku": "tea", "cent": 1}, "'cent' is no field of Order: did you mean 'cents'?"),
        (Order, {"sku": "tea", "kind": "x"}, "'kind' is no field of Order"),
        (Order, {}, "it doesn't fit Order: Object missing required field `sku`"),
        (Scaled, {"size": 2}, "Object missing required field `factor`"),
        (Total, {"note": "x"}, "Object missing required field `id`"),
        (Total, {"id": 1, "nota": "x"}, "'nota' is no field of Total: did you mean 'note'?"),
        (Link, ["a", None, 3], "Expected `array` of length 1 to 2, got 3"),
        (tuple[int, int], (1, 2, 3), "Expected `array` of length 2, got 3"),
        (list[int], Link("a"), "Expected `list`, got `Link`"),
        (Labelled, labelled(), "it is a Labelled with attributes of its own: make it a @dataclass"),
        (Shout, Shout("x"), "it would come back as 'x!!' and not as 'x!'"),
        (
            Hidden,
            Hidden(shown=1, secret=5),
            "it is a Hidden that would come back as Hidden(shown=1, secret=0)",
        ),
        (
            Either,
            Either(when=NOON),
            "it is an Either that would come back as Either(when='2026-01-01T12:00:00Z')",
        ),
        (Animal, Cat(name="tom"), "it is a Cat that would come back as Animal(name='tom')"),
        (Animal, 5, "it doesn't fit Animal: Input should be an object"),
        (Validated, {"n": 0}, "Input should be greater than or equal to 1 - at `$.n`"),
        (Annotated[int, annotated_types.Ge(1)], 0, "Input should be greater than or equal to 1"),
        (Annotated[int, annotated_types.Ge(1)], "5", "Input should be a valid integer"),
        (Annotated[list[Path], msgspec.Meta(min_length=1)], [], "Expected `array` of length >= 1"),
        (Annotated[str | bytes, msgspec.Meta(min_length=1)] | None, "", "Expected `str` of length >= 1"),
        (deque[int], deque([1], maxlen=3), "it is a deque with maxlen=3, which JSON doesn't keep"),
        (dict[str, Any], {1: "a"}, "it has the key 1 (int), and JSON's keys are strings"),
        (dict[int, str], {"x": "a"}, "Expected `int`, got `str` - at `$.keys()['x']`"),
        (dict[int, Order], {1: Order(5)}, "Expected `str`, got `int` - at `$[1].sku`"),  # type: ignore[arg-type]
    ],
    ids=lambda part: str(part)[-40:],
)
def test_what_would_be_lost_is_refused(annotation: Any, value: Any, words: str) -> None:
    with pytest.raises(PayloadError) as error:
        codec(annotation).encode(value, what="it")
    assert words in str(error.value)


@dataclass
class Early:
    item: "Undefined"  # noqa: F821


@dataclass
class Holding:
    file: Literal["x"]
    handle: "threading.Lock"  # noqa: F821


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (Early, "Early: name 'Undefined' is not defined: define that type first"),
        (list["Undefined"], "'Undefined' is only a name here: define that type first"),  # noqa: F821
        (list[Box[object]] | list[type[int]], "can't be kept in a history as JSON: pass its name"),
        (dict[str, range], "a range can't be kept in a history as JSON: pass list(...) of it"),
        (Annotated[str | datetime, msgspec.Meta(min_length=1)], "Can only set `min_length` on a str, bytes"),
        (Literal[b"x"], "b'x' in typing.Literal[b'x'] is a bytes"),
    ],
    ids=str,
)
def test_an_annotation_that_can_not_work_is_named(annotation: Any, words: str) -> None:
    with pytest.raises(DefinitionError) as error:
        codec(annotation)
    assert words in str(error.value)


def test_the_field_of_a_class_is_named() -> None:
    @dataclass
    class Job:
        source: range

    with pytest.raises(DefinitionError, match=r"^Job.source: a range can't be kept in a history as JSON"):
        codec(list[Job])


def test_without_an_annotation_the_class_says_how_its_fields_look() -> None:
    @dataclass
    class Raw:
        data: bytes
        seen: set[int]
        by_day: dict[int, str]

    raw = Raw(b"x", {2, 1}, {1: "mon"})
    text = codec().encode({"raw": raw}, what="it")
    assert text == '{"raw":{"data":"eA==","seen":[1,2],"by_day":{"1":"mon"}}}'
    assert codec(dict[str, Raw]).decode(text, what="it") == {"raw": raw}
    # ... and one whose fields hold something else than they say is written as it is.
    assert codec().encode(Order(5), what="it") == '{"sku":5,"cents":5,"tags":[],"total":10,"note":""}'  # type: ignore[arg-type]
    with pytest.raises(PayloadError, match="it at 'sku' is a set"):
        codec().encode(Order({1}), what="it")  # type: ignore[arg-type]


class Unfinished(pydantic.BaseModel):
    item: "Undefined"  # noqa: F821


@pytest.mark.parametrize("annotation", [Unfinished, list[Unfinished], Early])
def test_a_name_that_is_not_there_yet_is_known_as_such(annotation: Any) -> None:
    """A run whose code names it waits for its owner (S12), as with any other name."""
    with pytest.raises(DefinitionError) as error:
        codec(annotation)
    assert is_unresolved(error.value)
    assert "is not defined" in str(error.value)
