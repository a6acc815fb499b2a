"""What a comparison of two runs holds, as data."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, TypeAlias

import msgspec

from nbflow.core.state import RuntimeStatus

Verdict: TypeAlias = Literal["same", "differs", "left", "right"]
"""Whether both runs have it, with the same value and the same consequences, or only one of them."""


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """Something that came, and what one run did then.

    Attributes:
        seq: Its position in that run's history.
        at: When it came.
        value: What it brought, cut.
        did: What the code did, a phrase for each action.
        is_bad: Whether it tells of a failure.
    """

    seq: int
    at: datetime
    value: str
    did: tuple[str, ...]
    is_bad: bool = False


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One decision: something that came, in both runs or in one.

    Attributes:
        kind: What it is, in a word or two: ``activity result``.
        about: What it concerns: ``charge #5``.
        verdict: How the two compare.
        left: What the one run had of it.
        right: What the other had.
        is_value: Whether what it brought differs.
        is_action: Whether what the code did differs.
    """

    kind: str
    about: str
    verdict: Verdict
    left: Deed | None
    right: Deed | None
    is_value: bool = False
    is_action: bool = False


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two runs.

    Attributes:
        instance_id: The run.
        name: Its workflow.
        status: Its status.
        outcome: What it came to: output or failure, cut; empty while it goes on.
        took: From its start to the last that happened; None before its start.
        length: Events of its history.
        origin: Where it comes from, in words; empty if it began at the beginning.
    """

    instance_id: str
    name: str
    status: RuntimeStatus
    outcome: str
    took: timedelta | None
    length: int
    origin: str = ""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two runs side by side.

    Attributes:
        left: The one.
        right: The other.
        shared: How many events both histories begin with, word for word.
        rows: What came, in order.
        alike: How many of the first rows are the same.
    """

    left: Side
    right: Side
    shared: int
    rows: tuple[Row, ...]
    alike: int

    @property
    def is_same(self) -> bool:
        """Whether both runs saw the same and did the same."""
        return self.alike == len(self.rows)
