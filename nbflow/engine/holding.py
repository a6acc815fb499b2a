"""Runs of before that wait for their owner's word: a runtime may be opened without going on by itself.

What comes for such a run is kept, and it can be terminated; nothing of it advances
until it is released.
"""

from __future__ import annotations

from collections.abc import Iterable

from nbflow.core.history import TaskScheduled
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.ports import HistoryStore, InstanceFilter


class Holding:
    """The runs that are held, and the attempts that begin again once they are not."""

    def __init__(self) -> None:
        self._attempts: dict[str, list[TaskScheduled]] = {}

    def __contains__(self, instance_id: str) -> bool:
        return instance_id in self._attempts

    @property
    def instance_ids(self) -> list[str]:
        """Who is held, oldest first."""
        return list(self._attempts)

    def hold(self, records: Iterable[InstanceRecord]) -> None:
        """Hold these runs."""
        self._attempts.update((record.instance_id, []) for record in records)

    def keep(self, instance_id: str, attempt: TaskScheduled) -> None:
        """Note an attempt of a held run that was under way."""
        self._attempts[instance_id].append(attempt)

    def release(self, instance_id: str) -> list[TaskScheduled]:
        """Hold a run no more; gives the attempts that were under way."""
        return self._attempts.pop(instance_id, [])


def not_ended(store: HistoryStore) -> list[InstanceRecord]:
    """Every run that can still go on."""
    active = tuple(status for status in RuntimeStatus if not status.is_terminal)
    return store.list_instances(InstanceFilter(statuses=active))
