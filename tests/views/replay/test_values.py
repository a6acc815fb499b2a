"""Values as text: bounded, proof against what their authors wrote, and never changed by being looked at."""

from __future__ import annotations

import asyncio
import enum
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbflow import WorkflowContext, workflow
from nbflow.core.replay import replay
from nbflow.views.replay.travel import TimeTravel
from nbflow.views.replay.values import LONG, SHORT, Printer
from tests.views.stories_replay import Lived, charge, ran

Point = namedtuple("Point", "x y")


class Colour(enum.Enum):
    RED = 1


@dataclass
class Order:
    sku: str
    secret: str = field(default="s", repr=False)


class Struct(msgspec.Struct):
    a: int = 1


class Model(pydantic.BaseModel):
    a: int = 1
    hidden: int = pydantic.Field(default=2, repr=False)


class Plain:
    def __init__(self) -> None:
        self.x = 1


READ = [
    (None, "None"),
    (-0.0, "-0.0"),
    (float("nan"), "nan"),
    ("it's", '"it\'s"'),
    ([1, "a", [2.5]], "[1, 'a', [2.5]]"),
    ((1,), "(1,)"),
    ((), "()"),
    ({"a": 1, (1, 2): {3}}, "{'a': 1, (1, 2): {3}}"),
    (set(), "set()"),
    (frozenset({1}), "frozenset({1})"),
    (deque([1, 2]), "deque([1, 2])"),
    (Counter("aa"), "Counter({'a': 2})"),
    (OrderedDict(a=1), "OrderedDict({'a': 1})"),
    (defaultdict(list, a=[1]), "defaultdict({'a': [1]})"),
    (Point(1, "2"), "Point(x=1, y='2')"),
    (Colour.RED, "Colour.RED"),
    (Order("tea"), "Order(sku='tea')"),
    (Struct(), "Struct(a=1)"),
    (Model(), "Model(a=1)"),
    (Plain(), "<Plain: x=1>"),
    (object(), "<object object>"),
    (ValueError("no", 3), "ValueError('no', 3)"),
    (Order, "<class Order>"),
    (len, "<function len>"),
    (pytest, "<module pytest>"),
    (10**5000, "<int of 16,610 bits>"),
    (b"ab", "b'ab'"),
]


@pytest.mark.parametrize(("value", "text"), READ, ids=[text[:20] for _, text in READ])
def test_values_read_as_python_writes_them(value, text):
    assert Printer().short(value) == (text, True)
    assert Printer().full(value) == text


def looping() -> list[Any]:
    loop: list[Any] = [1]
    loop.append({"me": loop})
    return loop


@pytest.mark.parametrize(
    "value",
    [
        "x" * 5_000_000,
        "\u202e" * 1000,
        list(range(1_000_000)),
        {str(i) * 100: i for i in range(1000)},
        [[["deep" * 100] * 100] * 100],
        [Order("tea" * 100)] * 50,
        b"\x00" * 10_000,
        looping(),
    ],
    ids=["text", "turned", "list", "dict", "nested", "records", "bytes", "cycle"],
)
def test_large_values_are_cut_with_a_note_of_what_is_missing(value):
    text, is_whole = Printer().short(value)
    assert len(text) <= SHORT + 40
    assert is_whole or "more" in text
    assert len(Printer().full(value)) <= LONG + 100


def test_a_million_items_cost_what_the_first_ones_cost():
    class Counting(list[int]):
        asked = 0

        def __iter__(self) -> Any:
            raise AssertionError("an author's own iterator is not asked")

    assert Printer().short(Counting(range(1_000_000))).text.startswith("Counting([0, 1, 2,")


def test_ten_thousand_levels_are_no_trouble():
    deep: list[Any] = []
    for _ in range(10_000):
        deep = [deep]
    assert Printer().short(deep).text.startswith("[[[[[[[…")
    assert len(Printer().full(deep)) < 2000


def test_a_whole_value_is_laid_out_over_lines():
    assert Printer().full({"order": Order("tea" * 40), "more": [1, 2]}) == (
        "{\n    'order': Order(\n        sku='" + "tea" * 40 + "',\n    ),\n    'more': [1, 2],\n}"
    )


def raising(error: BaseException) -> Any:
    def tell(_self: object) -> str:
        raise error

    return type("Rude", (), {"__repr__": tell})()


class Sly(str):
    def __str__(self) -> str:
        raise AssertionError("asked")

    __getitem__ = __len__ = __str__  # type: ignore[assignment]


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


class Impostor:
    @property
    def __class__(self) -> Any:  # type: ignore[override]
        raise AssertionError("a proxy would do something now")

    def __repr__(self) -> str:
        return "<impostor>"


TAMED = [
    (raising(ValueError("no")), "<Rude: its repr raised ValueError: no>"),
    (raising(SystemExit(3)), "<Rude: its repr raised SystemExit: 3>"),
    (raising(UnspeakableError()), "<Rude: its repr raised UnspeakableError>"),
    (raising(RecursionError()), "<Rude: its repr raised RecursionError>"),
    (Sly("tea"), "'tea'"),
    (Impostor(), "<impostor>"),
    (
        type("Odd", (), {"__repr__": lambda _self: 3})(),
        "<Odd: its repr raised TypeError: __repr__ returned non-string (type int)>",
    ),
]


@pytest.mark.parametrize(("value", "text"), TAMED, ids=[text[:60] for _, text in TAMED])
def test_hostile_reprs_are_tamed(value, text):
    assert Printer().short(value).text == text
    assert Printer().short([value]).text == f"[{text}]"
    assert Printer().full(value) == text


def test_a_huge_repr_is_cut():
    huge = type("Huge", (), {"__repr__": lambda _self: "h" * 1_000_000})()
    text, is_whole = Printer().short(huge)
    assert (len(text) < SHORT, is_whole) == (True, False)
    assert text.endswith(" more characters)")
    assert len(Printer().full(huge)) < LONG


def test_addresses_are_left_out_and_control_characters_made_visible():
    shown = type("Shown", (), {"__repr__": lambda _self: "<Shown at 0x7f001122aabb>\x1b[31m\u202e"})()
    assert Printer().short(shown).text == "<Shown>\\u001b[31m\\u202e"


def test_a_slow_repr_is_asked_once():
    class Slow:
        def __repr__(self) -> str:
            time.append(time[-1] + 1)
            return "<slow>"

    time = [0.0]
    printer = Printer(clock=lambda: time[-1])
    assert printer.short(Slow()).text == "<slow>"
    assert printer.short(Slow()).text == "<Slow: its repr takes too long to be asked again>"
    assert len(time) == 2


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner)
    ),
)


@settings(max_examples=200)
@given(values)
def test_any_value_is_short_and_unchanged_and_repeats(value):
    before = repr(value)
    first = Printer().short(value)
    assert first == Printer().short(value)
    assert len(first.text.replace("\\u", "")) <= 6 * SHORT
    assert not any(ord(character) < 32 for character in first.text)
    if first.is_whole and before.isascii():
        assert first.text == before
    Printer().full(value)
    assert repr(value) == before


# -- reprs that act on the workflow -----------------------------------------------------------------


class Acting:
    """Does something to its workflow when it is looked at."""

    def __init__(self, act: Any) -> None:
        self.act = act

    def __repr__(self) -> str:
        try:
            self.act()
        except BaseException as error:
            if type(error).__name__ == "Evicted":
                raise
        return "<acted>"


ACTS: dict[str, Callable[[WorkflowContext, Any, Any, Any], Any]] = {
    "calls an activity": lambda ctx, loop, task, event: charge(1),
    "calls by name": lambda ctx, loop, task, event: ctx.call_activity("a"),
    "sets a status": lambda ctx, loop, task, event: ctx.set_custom_status("seen"),
    "draws a number": lambda ctx, loop, task, event: ctx.random().random(),
    "makes a guid": lambda ctx, loop, task, event: ctx.new_guid(),
    "waits": lambda ctx, loop, task, event: ctx.wait_for_external_event("e"),
    "starts a timer": lambda ctx, loop, task, event: loop.call_later(5, print),
    "makes a future": lambda ctx, loop, task, event: loop.create_future(),
    "calls soon": lambda ctx, loop, task, event: loop.call_soon(print),
    "cancels": lambda ctx, loop, task, event: task.cancel(),
    "sets an event": lambda ctx, loop, task, event: event.set(),
    "continues as new": lambda ctx, loop, task, event: ctx.continue_as_new(None),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_a_repr_that_acts_on_the_workflow_changes_nothing(act):
    @workflow
    async def looked_at(ctx: WorkflowContext) -> list[str]:
        event = asyncio.Event()
        waits = asyncio.create_task(event.wait())
        task = ctx.call_activity("held")
        value = Acting(partial(act, ctx, asyncio.get_running_loop(), task, event))
        seen = []
        for i in range(4):
            await ctx.call_activity("step", input=i)
            await asyncio.sleep(0)
            seen.append(
                f"{ctx.random().random():.3f} {ctx.new_guid()} {len({asyncio.create_task(asyncio.sleep(0)), waits})}"
            )
        del value
        event.set()
        await waits
        return seen

    run = Lived(looked_at)
    for i in (2, 3, 4, 5):
        run.done(i, after=1)
    ran.clear()
    travel = TimeTravel(looked_at, run.history, instance_id="order-42")
    for seq in [*range(len(run.history) + 1), 5, 8]:
        moment = travel.moment(seq)
        assert moment.problem is None
    assert travel.moment(len(run.history)).state == "completed"
    travel.close()
    fresh = TimeTravel(looked_at, run.history, instance_id="order-42")
    fresh.value(5, 1, 0, "value")
    assert fresh.value(len(run.history), 1, 0, "seen") is not None
    assert fresh.moment(len(run.history)).state == "completed"
    fresh.close()
    assert ran == []
    replay(looked_at, run.history, instance_id="order-42").evict()
