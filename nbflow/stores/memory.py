"""A store in dictionaries: for tests, simulations and runs that may be forgotten.

It is written to be plainly right rather than fast, and is the oracle that the
DuckDB store is compared with. Operations are applied one by one; each change
leaves its inverse behind, and a batch that fails is taken back in reverse.

`close` keeps the contents, so that the same object can be opened again: that is
how a simulation restarts an engine without a disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar, assert_never
from uuid import uuid4

from nbflow.core import operations as op
from nbflow.core.history import (
    HistoryEvent,
    TaskCancelled,
    TaskCompleted,
    TaskFailed,
    TaskScheduled,
    TimerFired,
)
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.core.trust import Finding
from nbflow.ports import InstanceFilter, PendingTask
from nbflow.stores import refusals

K = TypeVar("K")
V = TypeVar("V")
Undo = list[Callable[[], object]]


class _Execution:
    """One execution's history, and the number of the operation that began it."""

    def __init__(self, execution_id: str, born: int) -> None:
        self.execution_id = execution_id
        self.born = born
        self.events: list[HistoryEvent] = []


class MemoryStore:
    """A `HistoryStore` that lives as long as the object."""

    def __init__(self) -> None:
        self._store_id = str(uuid4())
        self._is_open = False
        self._lsn = 0
        self._instances: dict[str, InstanceRecord] = {}
        self._born: dict[str, int] = {}
        self._executions: dict[tuple[str, str], _Execution] = {}
        self._inbox: dict[int, op.InboxRow] = {}
        self._definitions: dict[tuple[str, str, str, str], op.DefinitionRecord] = {}

    def open(self) -> None:
        """Make the store usable."""
        self._is_open = True

    def close(self) -> None:
        """Refuse further calls until it is opened again; the contents stay."""
        self._is_open = False

    @property
    def store_id(self) -> str:
        """A UUID, made with the object."""
        return self._store_id

    @property
    def is_quick(self) -> bool:
        """False: the memory store is used as one that may take its time."""
        return False

    def commit(self, operations: Sequence[op.Operation]) -> int:
        """Carry out all operations or none, and return the ``lsn`` of the last one."""
        self._check_open()
        undo: Undo = []
        try:
            for number, operation in enumerate(operations, self._lsn + 1):
                self._apply(operation, number, undo)
        except BaseException:
            for step in reversed(undo):
                step()
            raise
        self._lsn += len(operations)
        return self._lsn

    def _apply(self, operation: op.Operation, lsn: int, undo: Undo) -> None:
        match operation:
            case op.AppendHistory():
                self._append(operation, lsn, undo)
            case op.PutInbox(row=row):
                if row.row_id in self._inbox:
                    raise refusals.row_taken(row.row_id)
                _put(self._inbox, row.row_id, row, undo)
            case op.DeleteInbox(row_ids=row_ids):
                self._drop_rows(row_ids, undo)
            case op.DeleteTimers(execution_id=execution_id, timer_ids=ids):
                self._drop_rows(self._timer_rows(execution_id, ids), undo)
            case op.CloseExecution(instance_id=instance_id, execution_id=execution_id):
                rows = self._inbox.values()
                theirs = [
                    r.row_id for r in rows if (r.instance_id, r.execution_id) == (instance_id, execution_id)
                ]
                self._drop_rows(theirs, undo)
            case op.PutInstance(record=record):
                if record.instance_id not in self._instances:
                    _put(self._born, record.instance_id, lsn, undo)
                _put(self._instances, record.instance_id, record, undo)
            case op.PurgeInstance(instance_id=instance_id):
                self._purge(instance_id, undo)
            case op.PutDefinition(record=record):
                key = (record.kind, record.name, record.code_hash, record.source_hash)
                if key not in self._definitions:
                    _put(self._definitions, key, record, undo)
            case op.DropDefinition(kind=kind, name=name, code_hash=code_hash):
                for key in [key for key in self._definitions if key[:3] == (kind, name, code_hash)]:
                    _drop(self._definitions, key, undo)
            case _:
                assert_never(operation)

    def _append(self, operation: op.AppendHistory, lsn: int, undo: Undo) -> None:
        if operation.instance_id not in self._instances:
            raise refusals.without_instance(operation)
        key = (operation.instance_id, operation.execution_id)
        known = self._executions.get(key)
        last = len(known.events) if known else 0
        if [event.seq for event in operation.events] != list(
            range(last + 1, last + 1 + len(operation.events))
        ):
            raise refusals.out_of_sequence(operation, last)
        if not operation.events:
            return
        if known is None:
            known = _Execution(operation.execution_id, lsn)
            _put(self._executions, key, known, undo)
        known.events.extend(operation.events)
        events = known.events
        undo.append(lambda: events.__delitem__(slice(last, None)))

    def _timer_rows(self, execution_id: str, timer_ids: Sequence[int]) -> list[int]:
        return [
            row.row_id
            for row in self._inbox.values()
            if row.execution_id == execution_id
            and isinstance(row.event, TimerFired)
            and row.event.scheduled_id in timer_ids
        ]

    def _drop_rows(self, row_ids: Iterable[int], undo: Undo) -> None:
        for row_id in row_ids:
            _drop(self._inbox, row_id, undo)

    def _purge(self, instance_id: str, undo: Undo) -> None:
        _drop(self._instances, instance_id, undo)
        _drop(self._born, instance_id, undo)
        for key in [key for key in self._executions if key[0] == instance_id]:
            _drop(self._executions, key, undo)
        self._drop_rows([r.row_id for r in self._inbox.values() if r.instance_id == instance_id], undo)

    def next_row_id(self) -> int:
        """A number above every ``row_id`` that the inbox holds now."""
        self._check_open()
        return max(self._inbox, default=0) + 1

    def get_instance(self, instance_id: str) -> InstanceRecord | None:
        """The instance's row, or None."""
        self._check_open()
        return self._instances.get(instance_id)

    def get_instances(self, instance_ids: Sequence[str]) -> dict[str, InstanceRecord]:
        """The rows of several instances by ID; unknown IDs are left out."""
        self._check_open()
        return {i: self._instances[i] for i in instance_ids if i in self._instances}

    def list_instances(
        self,
        where: InstanceFilter,
        *,
        after: str | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[InstanceRecord]:
        """Instances that pass the filter, oldest or newest first; ``after`` is the last ID of the page before."""
        self._check_open()
        found = sorted(filter(_passes(where), self._instances.values()), key=_age, reverse=newest_first)
        if after is not None:
            if (last := self._instances.get(after)) is None:
                raise refusals.page_lost(after)
            place = _age(last)
            found = [
                record for record in found if (_age(record) < place if newest_first else _age(record) > place)
            ]
        return found[:limit]

    def count_by_status(self, where: InstanceFilter | None = None) -> dict[RuntimeStatus, int]:
        """How many instances that pass the filter have each status; statuses that nobody has are left out."""
        self._check_open()
        counts: dict[RuntimeStatus, int] = {}
        for record in filter(_passes(where or InstanceFilter()), self._instances.values()):
            counts[record.status] = counts.get(record.status, 0) + 1
        return counts

    def read_history(
        self, instance_id: str, execution_id: str | None = None, *, checked: bool = False
    ) -> list[HistoryEvent]:
        """An execution's events in order; nobody else can have written them, so there is nothing to check."""
        self._check_open()
        if execution_id is None:
            if (record := self._instances.get(instance_id)) is None:
                return []
            execution_id = record.execution_id
        execution = self._executions.get((instance_id, execution_id))
        return list(execution.events) if execution else []

    def read_histories(
        self, instance_ids: Sequence[str], *, checked: bool = False
    ) -> dict[str, list[HistoryEvent]]:
        """The histories of the present executions of several instances, by ID; unknown IDs are left out."""
        return {each: self.read_history(each) for each in instance_ids if each in self._instances}

    def list_executions(self, instance_id: str) -> list[str]:
        """The instance's executions that have a history, oldest first."""
        self._check_open()
        theirs = [execution for key, execution in self._executions.items() if key[0] == instance_id]
        return [execution.execution_id for execution in sorted(theirs, key=lambda e: e.born)]

    def read_inbox(self, instance_id: str | None = None) -> list[op.InboxRow]:
        """Messages that can be delivered at once, of one or all instances, by ``row_id``."""
        self._check_open()
        rows = (row for row in self._inbox.values() if row.due is None)
        return sorted((r for r in rows if instance_id in (None, r.instance_id)), key=lambda row: row.row_id)

    def read_due(
        self, until: datetime, *, after: tuple[datetime, int] | None = None, limit: int = 1000
    ) -> list[op.InboxRow]:
        """Messages with ``due`` at or before ``until``, in the order (``due``, ``row_id``), behind ``after``."""
        self._check_open()
        return [row for due, _, row in self._waiting(after) if due <= until][:limit]

    def next_due(self, after: tuple[datetime, int] | None = None) -> datetime | None:
        """The earliest ``due`` behind ``after``, or None."""
        self._check_open()
        return next((due for due, _, _ in self._waiting(after)), None)

    def _waiting(self, after: tuple[datetime, int] | None) -> list[tuple[datetime, int, op.InboxRow]]:
        rows = [(row.due, row.row_id, row) for row in self._inbox.values() if row.due is not None]
        return sorted(
            (entry for entry in rows if after is None or entry[:2] > after), key=lambda entry: entry[:2]
        )

    def pending_tasks(self) -> list[PendingTask]:
        """Every `TaskScheduled` of a live execution that has no result or cancellation in history."""
        self._check_open()
        found: list[PendingTask] = []
        for record in sorted(self._instances.values(), key=lambda record: self._born[record.instance_id]):
            execution = self._executions.get((record.instance_id, record.execution_id))
            if record.status.is_terminal or execution is None:
                continue
            found.extend(
                PendingTask(instance_id=record.instance_id, execution_id=record.execution_id, event=event)
                for event in _open_tasks(execution.events)
            )
        return found

    def list_definitions(self, name: str | None = None) -> list[op.DefinitionRecord]:
        """Stored versions of code, oldest first."""
        self._check_open()
        found = (record for record in self._definitions.values() if name in (None, record.name))
        return sorted(found, key=lambda record: record.created_at)

    def audit(
        self, *, limit: int = 20, thorough: bool = False, instance_id: str | None = None
    ) -> list[Finding]:
        """Nothing: nobody else can have written here."""
        return []

    def seal_anew(self) -> int:
        """Nothing to do, likewise."""
        return 0

    def _check_open(self) -> None:
        if not self._is_open:
            raise refusals.not_open("in memory")


def _put(mapping: dict[K, V], key: K, value: V, undo: Undo) -> None:
    if key in mapping:
        before = mapping[key]
        undo.append(lambda: mapping.__setitem__(key, before))
    else:
        undo.append(lambda: mapping.pop(key))
    mapping[key] = value


def _drop(mapping: dict[K, V], key: K, undo: Undo) -> None:
    if key in mapping:
        before = mapping.pop(key)
        undo.append(lambda: mapping.__setitem__(key, before))


def _age(record: InstanceRecord) -> tuple[datetime, str]:
    return record.created_at, record.instance_id


def _passes(where: InstanceFilter) -> Callable[[InstanceRecord], bool]:
    return lambda record: (
        (not where.statuses or record.status in where.statuses)
        and where.name in (None, record.name)
        and record.instance_id.startswith(where.id_prefix or "")
        and (not where.parents or (record.parent is not None and record.parent.instance_id in where.parents))
        and (where.created_from is None or record.created_at >= where.created_from)
        and (where.created_to is None or record.created_at < where.created_to)
    )


def _open_tasks(events: Iterable[HistoryEvent]) -> list[TaskScheduled]:
    scheduled: list[TaskScheduled] = []
    done: set[int] = set()
    for event in events:
        match event:
            case TaskScheduled():
                scheduled.append(event)
            case TaskCompleted(scheduled_id=i) | TaskFailed(scheduled_id=i) | TaskCancelled(scheduled_id=i):
                done.add(i)
            case _:
                pass
    return [event for event in scheduled if event.id not in done]
