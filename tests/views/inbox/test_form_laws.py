"""Whatever a form can send is taken by the type that the form was made from."""

from __future__ import annotations

import enum
import json
from dataclasses import field, make_dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, NotRequired, assert_never
from uuid import UUID

import msgspec
import pydantic
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from typing_extensions import TypedDict

from nbflow.core.payloads import codec
from nbflow.errors import PayloadError
from nbflow.views.inbox.controls import (
    ButtonsControl,
    ChoiceControl,
    Control,
    Field,
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
from nbflow.views.inbox.schemas import json_text
from nbflow.views.inbox.words import example, expected


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Many(enum.Enum):
    A, B, C, D, E, F = range(6)


# -- types, as authors write them ------------------------------------------------------------------

HASHABLE = st.sampled_from(
    [
        int,
        str,
        date,
        UUID,
        Colour,
        Level,
        Many,
        Literal["a", "b", "c"],
        Annotated[int, pydantic.Field(ge=-3, lt=3)],
    ]
)
SIMPLE = HASHABLE | st.sampled_from(
    [
        *(bool, float, datetime, time, timedelta, Decimal, bytes, None),
        *(Literal["only"], Literal[1, "one"], Literal["x", None]),
        Annotated[float, pydantic.Field(gt=0, le=10)],
        Annotated[int, pydantic.Field(gt=10, multiple_of=7)],
        Annotated[Decimal, pydantic.Field(ge=0, lt=100)],
        Annotated[str, pydantic.Field(min_length=1, max_length=4)],
        Annotated[str, pydantic.Field(pattern="^[a-z]{2}-[0-9]+$", examples=["ab-1"])],
        pydantic.NaiveDatetime,
        pydantic.AwareDatetime,
    ]
)
DEFAULTS: dict[Any, Any] = {
    int: 3,
    str: "as\nit was",
    bool: True,
    float: 0.1,
    date: date(2026, 1, 31),
    datetime: datetime(2026, 1, 31, 12, 30, 0, 7, tzinfo=UTC),
    Decimal: Decimal("1.50"),
    timedelta: timedelta(days=1, milliseconds=5),
    Colour: Colour.BLUE,
    Level: Level.HIGH,
}


def groups(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        inner.map(lambda kind: list[kind]),
        HASHABLE.map(lambda kind: set[kind]),
        inner.map(lambda kind: tuple[kind, ...]),
        inner.map(lambda kind: dict[str, kind]),
        inner.map(lambda kind: kind if kind is None else kind | None if isinstance(kind, type) else kind),
        inner.map(lambda kind: Annotated[list[kind], pydantic.Field(min_length=1, max_length=3)]),
        st.lists(st.tuples(inner, st.booleans()), min_size=1, max_size=4).flatmap(records),
    )


def records(parts: list[tuple[Any, bool]]) -> st.SearchStrategy[Any]:
    def default(kind: Any) -> Any:
        return DEFAULTS.get(kind) if not isinstance(kind, type(Annotated[int, 1])) else None

    given_ = [(f"part_{i}", kind, has and default(kind) is not None) for i, (kind, has) in enumerate(parts)]
    ordered = sorted(given_, key=lambda part: part[2])

    def dataclass() -> Any:
        return make_dataclass(
            "Made", [(n, k, field(default=default(k))) if has else (n, k) for n, k, has in ordered]
        )

    def model() -> Any:
        parts: dict[str, Any] = {n: (k, default(k)) if has else (k, ...) for n, k, has in ordered}
        return pydantic.create_model("Model", **parts)

    def typed_dict() -> Any:
        return TypedDict("Dict", {n: NotRequired[k] if has else k for n, k, has in ordered})  # type: ignore[operator]

    return st.sampled_from([dataclass, model, typed_dict]).map(lambda make: make())


METAS = st.sampled_from(
    [
        Annotated[datetime, msgspec.Meta(tz=True)],
        Annotated[datetime, msgspec.Meta(tz=False)],
        Annotated[time, msgspec.Meta(tz=True)],
        Annotated[int, msgspec.Meta(gt=10, multiple_of=7)],
        Annotated[list[Annotated[int, msgspec.Meta(lt=3)]], msgspec.Meta(min_length=2)],
    ]
)
TYPES = st.recursive(SIMPLE, groups, max_leaves=6) | METAS
"""Not msgspec's constraints within what pydantic describes: it doesn't know them, and the kernel says so."""


# -- what a form sends, as forms.js does it --------------------------------------------------------


def sent(control: Control) -> st.SearchStrategy[str]:
    match control:
        case ButtonsControl(choices=choices, more=more):
            payloads = st.sampled_from([choice.payload for choice in choices])
            if not more:
                return payloads
            return st.tuples(payloads, members(more)).map(
                lambda both: f"{both[0][:-1]},{both[1][1:]}" if both[1] != "{}" else both[0]
            )
        case ChoiceControl(choices=choices, initial=initial):
            assert initial is None or initial in {choice.payload for choice in choices}
            return st.sampled_from([choice.payload for choice in choices])
        case NumberControl():
            return numbers(control).map(lambda text: f'"{text}"' if control.quoted else text)
        case TextControl(patterns=patterns):
            free = st.from_regex(patterns[0], fullmatch=False) if patterns else st.text()
            clean = free.filter(lambda text: text.isprintable() and not any(c in text for c in "\ud800"))
            return initially(clean, control.initial).map(json_text)
        case MomentControl(kind=kind, zoned=zoned):
            moments = {"date": st.dates(), "time": st.times(), "datetime-local": st.datetimes()}[kind]
            texts = moments.map(lambda at: at.replace(microsecond=0) if hasattr(at, "microsecond") else at)
            return initially(texts.map(lambda at: at.isoformat()), control.initial).map(
                lambda text: json_text(f"{text}Z" if zoned else text)
            )
        case FixedControl(payload=payload):
            return st.just(payload)
        case ListControl(item=item, fewest=fewest, most=most, unique=unique):
            size = {"min_size": fewest, "max_size": min(most or 4, fewest + 4)}
            items = st.lists(sent(item), unique=unique, **size)
            return items.map(lambda texts: f"[{','.join(texts)}]")
        case OptionalControl(inner=inner, off=off):
            return sent(inner) | st.just(off)
        case FormControl(fields=fields):
            return members(fields)
        case JsonControl():
            return st.just(example(control))
        case _:
            assert_never(control)


def members(fields: tuple[Field, ...]) -> st.SearchStrategy[str]:
    parts = [st.tuples(st.just(json.dumps(one.key)), sent(one.control)) for one in fields]
    return st.tuples(*parts).map(
        lambda pairs: "{" + ",".join(f"{key}:{text}" for key, text in pairs if text) + "}"
    )


def initially(texts: st.SearchStrategy[str], initial: str) -> st.SearchStrategy[str]:
    return texts | st.just(initial) if initial else texts


def numbers(control: NumberControl) -> st.SearchStrategy[str]:
    low, high, step = control.least, control.most, control.step
    if control.whole:
        scale = int(step or 1)
        least, most = (None if bound is None else bound / scale for bound in (low, high))
        whole = st.integers(
            None if least is None else -int(-least // 1), None if most is None else int(most // 1)
        )
        return initially(whole.map(lambda number: str(number * scale)), control.initial)
    fractions = st.decimals(
        -(10**6) if low is None else low, 10**6 if high is None else high, places=3, allow_nan=False
    )
    inside = fractions.filter(
        lambda number: (
            not (
                (control.open_least and number == Decimal(str(low)))
                or (control.open_most and number == Decimal(str(high)))
            )
        )
    )
    return initially(inside.map(str), control.initial)


# -- the laws --------------------------------------------------------------------------------------


def takes(kind: Any, text: str) -> bool:
    try:
        codec(kind).decode(text, what="the payload")
    except PayloadError as error:
        raise AssertionError(f"{kind}: {text}: {error}: {control_for(codec(kind).schema())}") from None
    return True


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_what_a_form_sends_is_taken_by_its_type(data: st.DataObject) -> None:
    kind = data.draw(TYPES)
    schema = codec(kind).schema()
    assume(schema is not None)
    control = control_for(schema)
    assert takes(kind, data.draw(sent(control)))


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(TYPES)
def test_the_example_is_taken_and_every_control_can_be_sent_and_said(kind: Any) -> None:
    schema = codec(kind).schema()
    assume(schema is not None)
    control = control_for(schema)
    assert takes(kind, example(control))
    assert expected(control)
    assert msgspec.json.decode(msgspec.json.encode(control), type=type(control)) == control


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        *(
                            "type",
                            "enum",
                            "const",
                            "anyOf",
                            "properties",
                            "required",
                            "items",
                            "$ref",
                            "default",
                        ),
                        *(
                            "minimum",
                            "maximum",
                            "multipleOf",
                            "minItems",
                            "format",
                            "pattern",
                            "title",
                            "examples",
                        ),
                    ]
                ),
                inner
                | st.sampled_from(["object", "array", "string", "integer", "#/properties/type", "date-time"]),
                max_size=5,
            )
        ),
        max_leaves=12,
    )
)
def test_no_schema_is_so_odd_that_there_is_no_control(schema: Any) -> None:
    control = control_for(json.dumps(schema))
    assert msgspec.json.encode(control)
    assert expected(control)
    assert isinstance(example(control), str)
