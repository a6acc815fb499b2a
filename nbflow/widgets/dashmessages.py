"""The JSON that the dashboard draws: rows and counts as plain dictionaries. Times are milliseconds since 1970.

A ``snapshot`` has all rows that are loaded, a ``delta`` those that changed and the IDs of those that are ``gone``. Both
carry ``n``, which counts a dashboard's messages: who misses one asks for a snapshot with ``hello``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from nbflow.core.state import RuntimeStatus
from nbflow.views.excerpts import excerpt, tame
from nbflow.views.instances import InstanceRow, Want, WantKind
from nbflow.views.looks import RUN_LOOKS
from nbflow.widgets.messages import Json, millis

_MOST_WAITS = 8


def counts_message(counts: Mapping[RuntimeStatus, int]) -> list[list[Any]]:
    """How many runs have each status, and its look: icon, word and tone."""
    looks = ((status, RUN_LOOKS[status]) for status in RuntimeStatus)
    return [[str(status), counts.get(status, 0), look.icon, look.word, look.tone] for status, look in looks]


def instance_message(row: InstanceRow) -> Json:
    """A run's line."""
    look = RUN_LOOKS[row.status]
    waits = row.waits or ()
    message: Json = {
        "id": row.instance_id,
        "name": _short(row.name, 200),
        "status": str(row.status),
        "look": [look.icon, look.word, look.tone],
        "waits": None if row.waits is None else [_want(want, row) for want in waits[:_MOST_WAITS]],
        "created": millis(row.created_at),
        "updated": millis(row.updated_at),
        "live": not row.status.is_terminal,
    }
    if len(waits) > _MOST_WAITS:
        message["waits"].append([f"{len(waits) - _MOST_WAITS} more", None, 0])
    if row.start_at is not None:
        message["start"] = millis(row.start_at)
    if row.note:
        message["note"] = row.note
    if row.parent is not None:
        message["parent"] = row.parent
    if row.generation:
        message["generation"] = row.generation
    return message


def _want(want: Want, row: InstanceRow) -> list[Any]:
    """What, when, and whether only a person can bring it."""
    label = want.label
    if want.kind is WantKind.CHILD and want.instance_id is not None:
        own = f"{row.instance_id}:"  # with which the IDs of children begin that were given none
        run = want.instance_id
        label = f"child {want.name} {'…:' + run.removeprefix(own) if run.startswith(own) else run}"
    return [_short(label, 200), _maybe(want.due), int(want.is_personal)]


def _maybe(at: datetime | None) -> int | None:
    return None if at is None else millis(at)


def _short(text: str, limit: int) -> str:
    return tame(excerpt(text, limit))
