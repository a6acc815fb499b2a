"""A run as a line of the table, and the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.views.excerpts import brief, excerpt, tame
from nbflow.views.instances.wants import Want, WantFold, wants

_NOTE: Final = 120
_ERROR: Final = 240
_WAITS: Final = 20


class InstanceRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the table tells of a run.

    Attributes:
        instance_id: The run.
        name: Its workflow.
        status: Its status.
        waits: What it waits for; None: nobody has looked.
        created_at: When it was scheduled.
        updated_at: When something last happened to it.
        start_at: Not before this time, if it was put off.
        custom_status: What the workflow published last, cut.
        output: What it gave, cut.
        failure: How it failed, cut.
        parent: Whose child it is.
        generation: How often it has continued as new.
    """

    instance_id: str
    name: str
    status: RuntimeStatus
    waits: tuple[Want, ...] | None
    created_at: datetime
    updated_at: datetime
    start_at: datetime | None = None
    custom_status: str = ""
    output: str = ""
    failure: str = ""
    parent: str | None = None
    generation: int = 0

    def took(self, now: datetime) -> timedelta:
        """How long it has been there, or was until it ended; none before its start."""
        begun = max(self.created_at, self.start_at or self.created_at)
        return max((self.updated_at if self.status.is_terminal else now) - begun, timedelta(0))

    @property
    def note(self) -> str:
        """What it came to: its failure, its output, or what it published last."""
        return self.failure or self.output or self.custom_status

    @property
    def waits_text(self) -> str:
        """What it waits for, in words."""
        waits = self.waits or ()
        more = [f"{len(waits) - _WAITS} more"] if len(waits) > _WAITS else []
        return ", ".join([*map(str, waits[:_WAITS]), *more])


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the runs.

    Attributes:
        rows: The runs, newest first.
        counts: How many runs have each status, also those that are not on the page.
        now: When this was so.
        more: How many stand behind the page.
    """

    rows: tuple[InstanceRow, ...]
    counts: Mapping[RuntimeStatus, int]
    now: datetime
    more: int = 0


def instance_row(
    record: InstanceRecord,
    fold: WantFold | None,
    *,
    missing_code: Sequence[str] = (),
    is_held: bool = False,
) -> InstanceRow:
    """Make the line of a run.

    Args:
        record: Its row.
        fold: The history of its present execution; None: not looked at.
        missing_code: Names of the workflow and activities that it needs and that aren't registered.
        is_held: Whether it waits for its owner's word since the store was opened.
    """
    waits: tuple[Want, ...] | None = None
    if fold is not None or record.status.is_terminal:
        waits = wants(record, fold or WantFold(), missing_code=missing_code, is_held=is_held)
    return InstanceRow(
        instance_id=record.instance_id,
        name=record.name,
        status=record.status,
        waits=waits,
        created_at=record.created_at,
        updated_at=record.last_updated_at,
        start_at=record.start_at,
        custom_status="" if record.custom_status is None else brief(record.custom_status, _NOTE),
        output="" if record.output is None else brief(record.output, _NOTE),
        failure="" if record.failure is None else tame(excerpt(str(record.failure), _ERROR)),
        parent=None if record.parent is None else record.parent.instance_id,
        generation=record.generation,
    )
