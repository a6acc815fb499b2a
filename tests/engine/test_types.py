"""A value of any type goes through a run and comes back as it was, at every place where one can stand."""

import enum
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypedDict, TypeVar
from uuid import UUID

import msgspec
import pydantic
import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.errors import DefinitionError, PayloadError, WorkflowFailedError
from tests.core.annotations import is_same
from tests.engine.worlds import World

pytestmark = pytest.mark.semantics(60)

T = TypeVar("T")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 2


class Sku(str): ...


class Point(NamedTuple):
    x: int
    y: float = 0.5


class Options(TypedDict, total=False):
    level: Level


@dataclass(frozen=True)
class Item:
    sku: Sku
    price: Decimal
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Gift:
    sku: Sku
    price: Decimal
    tags: frozenset[str] = frozenset()


@dataclass
class Tree:
    when: "str | datetime"
    children: "list[Tree]" = field(default_factory=list)


@dataclass
class Box(Generic[T]):
    item: T


class Record(msgspec.Struct, rename="camel"):
    two_words: int


class Model(pydantic.BaseModel):
    at: datetime


VALUES: list[tuple[Any, Any]] = [
    (float, 5.0),
    (int, 2**100),
    (bool, True),
    (bytes, b"\x00\xff"),
    (date, date(2026, 1, 1)),
    (time, time(12, 30)),
    (timedelta, timedelta(days=-1, microseconds=1)),
    (datetime, datetime(2026, 1, 1)),  # noqa: DTZ001
    (datetime, NOON),
    (Decimal, Decimal("1.10")),
    (UUID, UUID(int=1)),
    (Path, Path("/data/x.csv")),
    (Colour | None, Colour.RED),
    (Literal["a", 2], 2),
    (Annotated[int, msgspec.Meta(ge=1)], 1),
    (Sku, Sku("tea")),
    (Point, Point(1)),
    (Options, {"level": Level.HIGH}),
    (Record, Record(1)),
    (Model, Model(at=NOON)),
    (list[Item | None], [Item(Sku("cup"), Decimal(2), frozenset({"b", "a"})), None]),
    (Tree, Tree(NOON, [Tree("2026-01-01T12:00:00Z"), Tree(NOON)])),
    (Box[Box[datetime]], Box(Box(NOON))),
    (dict[tuple[int, int], set[date]], {(1, 2): {date(2026, 1, 1)}}),
    (dict[int, list[tuple[str, Decimal | None]]], {1: [("a", Decimal("0.1")), ("b", None)]}),
]
TAGGED: list[tuple[Any, Any]] = [
    (str | datetime, NOON),
    (str | datetime, "2026-01-01T12:00:00Z"),
    (bytes | str, b"x"),
    (list[int] | set[int] | None, {2, 1}),
    (Level | int, Level.HIGH),
    (list[Item | Gift], [Gift(Sku("tea"), Decimal("1.10")), Item(Sku("cup"), Decimal(2))]),
    (set[int], {2, 1}),
]
"""What plain JSON doesn't show: a sender that doesn't know the annotation can't say it."""


def passing(number: int, annotation: Any) -> tuple[Any, Any]:
    """A workflow that hands its input to a child, to an activity, and back; and the child."""

    def handle(value: Any, other: Any) -> Any:
        assert type(value) is type(other)
        return value

    async def below(value: Any) -> Any:
        return await handling(value, value)

    async def above(ctx: WorkflowContext, value: Any) -> Any:
        from_below = await starting(value)
        assert_same(from_below, value)
        again = await ctx.call_activity(handling, input={"value": from_below, "other": value})
        assert_same(again, value)
        return again

    for function in (handle, below, above):
        function.__annotations__.update(
            {name: annotation for name in function.__annotations__ if name != "ctx"}
        )
    handling = activity(name=f"handle_{number}")(handle)
    starting = workflow(name=f"below_{number}")(below)
    return workflow(name=f"above_{number}")(above), starting


def test_a_value_is_the_same_after_input_child_activity_and_output(world: World) -> None:
    values = [*VALUES, *TAGGED]
    definitions = [passing(number, annotation) for number, (annotation, _) in enumerate(values)]
    every = [definition for pair in definitions for definition in pair]
    world.open(*every)
    for number, (_, value) in enumerate(values):
        world.start(definitions[number][0], value, f"run-{number}")
    for number, (_, value) in enumerate(values):
        assert_same(world.handle(f"run-{number}").result(20), value)
    world.reopen(*every)
    for number, (_, value) in enumerate(values):
        assert_same(world.handle(f"run-{number}").result(20), value)


@pytest.mark.semantics(36)
@pytest.mark.parametrize("is_buffered", [False, True], ids=["waited-for", "buffered"])
def test_an_events_payload_is_built_by_its_declared_type(world: World, is_buffered: bool) -> None:
    @workflow
    async def waits(ctx: WorkflowContext) -> list[str]:
        await ctx.wait_for_external_event("go")
        wrong: list[str] = []
        for number, (annotation, value) in enumerate(VALUES):
            found = await ctx.wait_for_external_event(f"value-{number}", data_type=annotation)
            if not is_same(found, value):
                wrong.append(f"{annotation}: {found!r}")
        return wrong

    world.open(waits)
    run = world.start(waits, None, "order-42")
    world.until_waiting(run, "go")
    if not is_buffered:
        run.raise_event("go")
    for number, (_, value) in enumerate(VALUES):
        if not is_buffered:
            world.until_waiting(run, f"value-{number}")
        run.raise_event(f"value-{number}", sendable(value))
    if is_buffered:
        run.raise_event("go")
    assert run.result(10) == []


@pytest.mark.semantics(36)
def test_an_event_that_plain_json_can_not_show_is_refused_where_it_is_waited_for(world: World) -> None:
    @workflow
    async def waits(ctx: WorkflowContext) -> Any:
        return await ctx.wait_for_external_event("value", data_type=str | datetime)

    world.open(waits)
    with pytest.raises(WorkflowFailedError, match="wait for a datetime alone, or for a dataclass") as caught:
        world.start(waits).result(10)
    assert caught.value.details.type == DefinitionError.__name__


@pytest.mark.semantics(68)
def test_a_value_that_json_has_nothing_for_is_told_where_its_author_can_see_it(world: World) -> None:
    @activity
    def load() -> dict[str, Any]:
        return {"rows": [1, {"seen": {1, 2}}]}

    @workflow
    async def loads(order: Tree) -> Any:
        return await load()

    world.open(loads)
    with pytest.raises(
        PayloadError, match=r"order of loads\(.*\) -> Any doesn't fit Tree: Expected `str \| datetime`"
    ):
        world.start(loads, Tree(5))  # type: ignore[arg-type]
    with pytest.raises(WorkflowFailedError) as caught:
        world.start(loads, Tree("now")).result(10)
    assert caught.value.details.cause is not None
    assert caught.value.details.cause.type == "PayloadError"
    assert caught.value.details.cause.message == (
        "the result of load at 'rows[1].seen' is a set, which can't be carried as JSON: annotate it, such as "
        "set[str], or pass sorted(...) of it"
    )


def sendable(value: Any) -> Any:
    """The value as somebody sends it who doesn't know the annotation: plain JSON."""
    match value:
        case bytes():
            return msgspec.to_builtins(value)
        case Path():
            return str(value)
        case dict() if all(isinstance(key, int) for key in value):
            return {str(key): item for key, item in value.items()}
        case dict() if all(isinstance(key, tuple) for key in value):
            return [[key, sorted(item)] for key, item in value.items()]
        case _:
            return value


def assert_same(found: Any, value: Any) -> None:
    assert is_same(found, value), f"{value!r} came back as {found!r}"
