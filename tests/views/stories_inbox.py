"""Types of payloads as authors write them, and what is raised and refused: for the tests of the inbox."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Literal, NotRequired, TypedDict
from uuid import UUID

import msgspec
import pydantic

from tests.views.stories import DECISION, Story


class Verdict(enum.Enum):
    ACCEPT = "accept"
    DECLINE = "decline"


class Size(enum.Enum):
    XS = "extra small"
    S = "small"
    M = "medium"
    L = "large"
    XL = "extra large"
    XXL = "double extra large"


class Priority(enum.IntEnum):
    LOW = 1
    NORMAL = 2
    HIGH = 3


@dataclass
class Address:
    street: str
    city: str
    zip: Annotated[str, msgspec.Meta(pattern=r"^\d{5}$", examples=["10115"])]


@dataclass
class Order:
    """What to send, and where to."""

    customer: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    quantity: Annotated[int, msgspec.Meta(ge=1, le=99)]
    size: Size
    address: Address
    gift: bool = False
    tags: list[str] = field(default_factory=list)
    note: str | None = None


class Invoice(pydantic.BaseModel):
    """A bill to pay."""

    number: str = pydantic.Field(pattern="^R-[0-9]+$", description="as printed on it", examples=["R-1017"])
    total: Decimal = pydantic.Field(gt=0)
    due: date
    priority: Priority = Priority.NORMAL
    lines: list[int] = pydantic.Field(min_length=1, max_length=3)
    address: Address | None = None


class Options(TypedDict):
    level: int
    label: NotRequired[str]


class Slot(msgspec.Struct):
    day: date
    at: time
    length: timedelta = timedelta(minutes=30)
    until: datetime | None = None
    room: UUID | None = None
    kind: Literal["call", "visit", "mail"] = "call"


@dataclass
class Approval:
    approved: bool
    note: str = ""
    limit: float = 100.5


@dataclass
class Box:
    inner: Address
    sizes: set[Size]


@dataclass
class Deep:
    box: Box
    address: Address


def refused() -> Story:
    """An event that is kept, one that was refused, one that came too late."""
    story = Story().start()
    story.raised(1.0, "hint", {"colour": "green"})
    story.raised(2.0, "Early")
    story.wait(3.0, "hint")
    wait = story.wait(3.0, "approval", DECISION)
    story.raised(7.0, "approval", {"approved": "yes"})
    reason = "the payload of 'approval' doesn't fit Decision: Expected `bool`, got `str` - at `$.approved`"
    story.rejected(7.0, wait, "approval", reason)
    late = story.wait(8.0, "delivery")
    timer = story.timer(8.0, 12.0, "timeout", late)
    story.fired(12.0, timer)
    story.wait_cancelled(12.0, late)
    story.now = 14.0
    return story
