"""The simulation's store: one in memory, whose commits fail, or are the last that an engine makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from nbflow.core.history import HistoryEvent
from nbflow.core.operations import DefinitionRecord, InboxRow, Operation
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.core.trust import Finding
from nbflow.engine.delivery import Delivery
from nbflow.errors import StoreError
from nbflow.ports import HistoryStore, InstanceFilter, PendingTask
from nbflow.stores import refusals
from nbflow.testing.simulation.faults import Dice
from nbflow.testing.simulation.ledger import Ledger
from nbflow.testing.simulation.loop import Crashed, SimulationLoop
from nbflow.testing.simulation.trace import Trace

_T = TypeVar("_T")


class FaultyStore:
    """A store as one engine sees it, until that crashes.

    Args:
        inner: The store that outlives the engine.
        dice: Decides what fails.
        ledger: Is told of every commit.
        trace: Likewise.
        loop: Where a timer is delivered for the second time.
        crash: Ends the engine's life.

    Attributes:
        delivery: How messages come to the engine.
    """

    def __init__(
        self,
        inner: HistoryStore,
        dice: Dice,
        *,
        ledger: Ledger,
        trace: Trace,
        loop: SimulationLoop,
        crash: Callable[[str], None],
    ) -> None:
        self.delivery: Delivery | None = None
        self._inner = inner
        self._dice = dice
        self._ledger = ledger
        self._trace = trace
        self._loop = loop
        self._crash = crash
        self._is_dead = False
        self._is_open = False

    def die(self) -> None:
        """Refuse everything from now on."""
        self._is_dead = True

    def commit(self, operations: Sequence[Operation]) -> int:
        self._check_alive()
        self._crash_here("before a commit")
        if self._dice.commit_fails():
            self._trace.say("a commit fails: %s", tuple(operations))
            raise StoreError("a commit failed, as the simulation wants it")
        lsn = self._inner.commit(operations)
        self._dice.tally.commits += 1
        self._trace.say("commit %s: %s", lsn, tuple(operations))
        self._ledger.committed(operations)
        self._crash_here("right after a commit")
        return lsn

    def _crash_here(self, moment: str) -> None:
        if self._dice.crashes():
            self._crash(moment)
            raise Crashed

    def _read(self, query: Callable[[], _T]) -> _T:
        self._check_alive()
        if self._dice.read_fails():
            self._trace.say("a read fails")
            raise StoreError("a read failed, as the simulation wants it")
        return query()

    def _check_alive(self) -> None:
        if self._is_dead:
            raise Crashed
        if not self._is_open:
            raise refusals.not_open("of the simulation")

    def open(self) -> None:
        self._is_open = True
        self._check_alive()
        self._inner.open()

    def close(self) -> None:
        self._is_open = False

    @property
    def store_id(self) -> str:
        return self._inner.store_id

    @property
    def is_quick(self) -> bool:
        return self._inner.is_quick

    def next_row_id(self) -> int:
        return self._inner.next_row_id()

    def get_instance(self, instance_id: str) -> InstanceRecord | None:
        return self._read(lambda: self._inner.get_instance(instance_id))

    def get_instances(self, instance_ids: Sequence[str]) -> dict[str, InstanceRecord]:
        return self._read(lambda: self._inner.get_instances(instance_ids))

    def list_instances(
        self,
        where: InstanceFilter,
        *,
        after: str | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[InstanceRecord]:
        return self._read(
            lambda: self._inner.list_instances(where, after=after, limit=limit, newest_first=newest_first)
        )

    def count_by_status(self, where: InstanceFilter | None = None) -> dict[RuntimeStatus, int]:
        return self._read(lambda: self._inner.count_by_status(where))

    def read_history(
        self, instance_id: str, execution_id: str | None = None, *, checked: bool = False
    ) -> list[HistoryEvent]:
        return self._read(lambda: self._inner.read_history(instance_id, execution_id, checked=checked))

    def read_histories(
        self, instance_ids: Sequence[str], *, checked: bool = False
    ) -> dict[str, list[HistoryEvent]]:
        return self._read(lambda: self._inner.read_histories(instance_ids, checked=checked))

    def list_executions(self, instance_id: str) -> list[str]:
        return self._read(lambda: self._inner.list_executions(instance_id))

    def read_inbox(self, instance_id: str | None = None) -> list[InboxRow]:
        return self._inner.read_inbox(instance_id)

    def read_due(
        self, until: datetime, *, after: tuple[datetime, int] | None = None, limit: int = 1000
    ) -> list[InboxRow]:
        rows = self._read(lambda: self._inner.read_due(until, after=after, limit=limit))
        for row in rows:
            if self.delivery is not None and self._dice.duplicates():
                self._loop.call_later(self._dice.job_time(), self.delivery.post_stored, row)
        return rows

    def next_due(self, after: tuple[datetime, int] | None = None) -> datetime | None:
        return self._read(lambda: self._inner.next_due(after))

    def pending_tasks(self) -> list[PendingTask]:
        return self._inner.pending_tasks()

    def list_definitions(self, name: str | None = None) -> list[DefinitionRecord]:
        return self._read(lambda: self._inner.list_definitions(name))

    def audit(
        self, *, limit: int = 20, thorough: bool = False, instance_id: str | None = None
    ) -> list[Finding]:
        return self._inner.audit(limit=limit, thorough=thorough, instance_id=instance_id)

    def seal_anew(self) -> int:
        return self._inner.seal_anew()
