"""Messages that came and went in batches that DuckDB doesn't have, laid over what it answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from nbflow.core.history import TimerFired
from nbflow.core.operations import InboxRow


class Gone(Protocol):
    """Which messages are deleted: by number, by timer, by execution, by instance."""

    @property
    def row_ids(self) -> Iterable[int]: ...
    @property
    def timers(self) -> Iterable[tuple[str, int]]: ...
    @property
    def closed(self) -> Iterable[tuple[str, str]]: ...
    @property
    def instance_ids(self) -> Iterable[str]: ...


class Messages:
    """What some batches in a row do to the inbox.

    Attributes:
        new: The messages that they leave there, by number.
        row_ids: What they delete of what was there before, as the following; see `Deletions`.
        timers: See above.
        closed: See above.
        instance_ids: See above.
    """

    __slots__ = ("_by_execution", "closed", "instance_ids", "new", "row_ids", "timers")

    def __init__(self) -> None:
        self.new: dict[int, InboxRow] = {}
        self.row_ids: set[int] = set()
        self.timers: set[tuple[str, int]] = set()
        self.closed: set[tuple[str, str]] = set()
        self.instance_ids: set[str] = set()
        self._by_execution: dict[str | None, set[int]] = {}

    @property
    def has_any(self) -> bool:
        """Whether anything came or went."""
        return bool(self.new or self.row_ids or self.timers or self.closed or self.instance_ids)

    def add(self, gone: Gone, new: Iterable[InboxRow]) -> None:
        """Take note of the next batch: what it deletes, and then what it adds."""
        self.row_ids.update(gone.row_ids)
        for row_id in gone.row_ids:
            self.new.pop(row_id, None)
        self.timers.update(gone.timers)
        self.closed.update(gone.closed)
        for execution_id in {execution_id for execution_id, _ in gone.timers} | {e for _, e in gone.closed}:
            self._drop(self._by_execution.get(execution_id, ()), gone)
        if instance_ids := set(gone.instance_ids):
            self.instance_ids |= instance_ids
            self._drop([i for i, row in self.new.items() if row.instance_id in instance_ids], gone)
        for row in new:
            self.new[row.row_id] = row
            self._by_execution.setdefault(row.execution_id, set()).add(row.row_id)

    def _drop(self, row_ids: Iterable[int], gone: Gone) -> None:
        reach = Messages()
        reach.timers, reach.closed = set(gone.timers), set(gone.closed)
        reach.instance_ids = set(gone.instance_ids)
        for row_id in list(row_ids):
            row = self.new.get(row_id)
            if row is not None and not reach.keeps(row):
                del self.new[row_id]

    def followed_by(self, later: Messages) -> Messages:
        """Both together."""
        both = Messages()
        both.add(self, self.new.values())
        both.add(later, later.new.values())
        return both

    def keeps(self, row: InboxRow) -> bool:
        """Whether a message that was there before is there still."""
        execution_id = row.execution_id
        if row.row_id in self.row_ids or row.instance_id in self.instance_ids:
            return False
        if execution_id is None:
            return True
        event = row.event
        is_timer = isinstance(event, TimerFired) and (execution_id, event.scheduled_id) in self.timers
        return not is_timer and (row.instance_id, execution_id) not in self.closed

    def over(self, stored: Iterable[InboxRow]) -> dict[int, InboxRow]:
        """What there is now of these messages that were there before, and of the new ones, by number."""
        return {row.row_id: row for row in stored if self.keeps(row)} | self.new
