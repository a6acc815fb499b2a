"""What happened in a simulation, one line each: to be read when it went wrong, and to be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import cast

from nbflow.core import operations as op


class Trace:
    """Lines with their virtual time, written out only when somebody wants to read them."""

    def __init__(self) -> None:
        self._entries: list[tuple[float, str, tuple[object, ...]]] = []
        self.time: Callable[[], float] = lambda: 0.0

    def __len__(self) -> int:
        return len(self._entries)

    def say(self, what: str, *things: object) -> None:
        """Note that something happened; ``what`` has a %s for each of the things."""
        self._entries.append((self.time(), what, things))

    def lines(self, last: int | None = None) -> list[str]:
        """The lines, or the last of them."""
        entries = self._entries if last is None else self._entries[-last:]
        return [f"{time:12.6f}  {what % tuple(map(_text, things))}" for time, what, things in entries]

    def digest(self) -> str:
        """A hash of all lines: two simulations with the same one went the same way."""
        return hashlib.sha256("\n".join(map(repr, self._entries)).encode()).hexdigest()


def _text(thing: object) -> str:
    if isinstance(thing, tuple):
        return "; ".join(filter(None, map(_operation, cast("tuple[object, ...]", thing))))
    return str(thing)


def _operation(operation: object) -> str:
    """An operation of a commit in few words; what follows from others is left out."""
    match operation:
        case op.AppendHistory(instance_id=instance_id, events=events):
            kinds = " ".join(type(event).__name__ for event in events)
            return f"{instance_id} #{events[0].seq if events else 0} {kinds}"
        case op.PutInstance(record=record):
            return f"{record.instance_id} is {record.status}"
        case op.PutInbox(row=row):
            return f"{row.instance_id} gets {type(row.event).__name__} (row {row.row_id})"
        case op.DeleteInbox(row_ids=row_ids):
            return f"rows {', '.join(map(str, row_ids))} go"
        case op.PurgeInstance(instance_id=instance_id):
            return f"{instance_id} is purged"
        case _:
            return ""
