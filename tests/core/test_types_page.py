"""`docs/types.md` says what each type looks like on record, and says it truly."""

import enum
import re
from collections import OrderedDict
from dataclasses import InitVar, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypedDict, TypeVar
from uuid import UUID

import msgspec
import numpy
import pandas
import pydantic
import pytest

from nbflow.core.payloads import codec
from tests.core.annotations import is_same

PAGE = (Path(__file__).parents[2] / "docs" / "types.md").read_text()
T = TypeVar("T")


class Colour(enum.Enum):
    RED = "red"


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Sku(str): ...


@dataclass
class Item:
    sku: str
    qty: int = 1


@dataclass
class Box(Generic[T]):
    content: T


@dataclass
class Tree:
    value: int
    children: "list[Tree]" = field(default_factory=list)


@dataclass
class Scaled:
    size: int
    factor: InitVar[int]

    def __post_init__(self, factor: int) -> None:
        self.size *= factor


class Point(NamedTuple):
    x: int
    y: int


class Options(TypedDict):
    level: int


class Record(msgspec.Struct):
    number: int


class Model(pydantic.BaseModel):
    number: int


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


def names() -> dict[str, Any]:
    """What the page's expressions may use."""
    found = dict(globals())
    found |= {"OrderedDict": OrderedDict, "Annotated": Annotated, "Literal": Literal, "UTC": UTC}
    found |= {kind.__name__: kind for kind in (date, datetime, time, timedelta, Decimal, UUID)}
    found |= {"numpy": numpy, "pandas": pandas, "msgspec": msgspec, "pydantic": pydantic}
    return found


def table(*heads: str) -> list[tuple[str, ...]]:
    """The code in the rows of the table with these heads."""
    lines = PAGE.splitlines()
    first = lines.index(f"| {' | '.join(heads)} |") + 2
    rows: list[tuple[str, ...]] = []
    for line in lines[first:]:
        if not line.startswith("|"):
            break
        row = [cell.replace("\\|", "|").strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        rows.append(tuple(re.findall(r"`([^`]*)`", cell)[0] for cell in row))
    assert rows
    return rows


@pytest.mark.semantics(60)
@pytest.mark.parametrize(
    ("annotation", "value", "text"), table("Annotation", "A value", "JSON in the history")
)
def test_what_can_be_annotated(annotation: str, value: str, text: str) -> None:
    written = codec(eval(annotation, names()))
    assert written.encode(eval(value, names()), what="it") == text
    assert is_same(written.decode(text, what="it"), eval(value, names()))


@pytest.mark.semantics(68)
@pytest.mark.parametrize(("value", "text", "back"), table("A value", "JSON in the history", "comes back as"))
def test_without_an_annotation(value: str, text: str, back: str) -> None:
    assert codec().encode(eval(value, names()), what="it") == text
    assert is_same(codec().decode(text, what="it"), eval(back, names()))


@pytest.mark.parametrize(("annotation", "given", "back"), table("Annotation", "Given", "comes back as"))
def test_what_becomes_what_the_annotation_says(annotation: str, given: str, back: str) -> None:
    written = codec(eval(annotation, names()))
    text = written.encode(eval(given, names()), what="it")
    assert is_same(written.decode(text, what="it"), eval(back, names()))


def test_the_message_on_the_page_is_the_real_one() -> None:
    (shown,) = re.findall(r"```\nPayloadError: (.*?)\n```", PAGE, re.DOTALL)
    rows = [{}, {}, {"prices": pandas.DataFrame()}]
    with pytest.raises(Exception, match="DataFrame") as error:
        codec().encode({"rows": rows}, what="the result of load")
    assert str(error.value) == " ".join(shown.split())
