"""What a batch of operations comes to: its net effect on the tables.

Carrying out operations one by one would cost a statement each; DuckDB wants a
few statements over many rows. So the batch is played through in Python first,
in order, against what is known of the rows that it touches. What is left is a
set of deletions, which concern only rows that were there before, and of rows to
write. Doing all deletions first and all writing after means the same as the
sequence: an operation that deletes has taken away the batch's own earlier rows
while it was played, and can't reach its later ones.

Nothing here speaks to a database. A batch that breaks a rule raises, and nothing
has happened yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import assert_never

import msgspec

from nbflow.core import operations as op
from nbflow.core.history import HistoryEvent, TimerFired
from nbflow.core.operations import DefinitionRecord, InboxRow
from nbflow.core.state import InstanceRecord
from nbflow.stores import refusals
from nbflow.stores.duckdb_rows import (
    DefinitionKey,
    Row,
    definition_values,
    fixed_values,
    history_values,
    inbox_values,
    live_values,
)


def definition_key(record: DefinitionRecord) -> DefinitionKey:
    """What makes two definitions the same version of the same code."""
    return record.kind, record.name, record.code_hash, record.source_hash


class Known(msgspec.Struct, frozen=True, gc=False):
    """An instance as the tables have it: its number, its execution, and a hash of its `FIXED` columns."""

    iid: int
    execution_id: str
    fixed: int


class Facts(msgspec.Struct, kw_only=True, gc=False):
    """What the tables say about the rows that a batch touches, before it.

    Attributes:
        lsn: The number of the last operation.
        next_iid: The next free instance number.
        instances: By instance ID; None: no such instance.
        ends: The last ``seq`` of (iid, execution ID); absent: no history.
        taken: Inbox rows whose numbers the batch uses again.
        definitions: Keys that are stored.
        strange: Those of them whose rows their owner did not write.
    """

    lsn: int
    next_iid: int
    instances: Mapping[str, Known | None]
    ends: Mapping[tuple[int, str], int]
    taken: Sequence[InboxRow] = ()
    definitions: frozenset[DefinitionKey] = frozenset()
    strange: frozenset[DefinitionKey] = frozenset()


class Deletions:
    """Rows to delete, among those that were there before the batch.

    Attributes:
        iids: Instances and all their history.
        replaced: Instances whose row alone is written anew.
        instance_ids: Every message for these instances.
        closed: Every message for these (instance ID, execution ID).
        timers: The waiting timers of these (execution ID, timer ID).
        row_ids: Messages by number.
        definitions: Code by its key.
        versions: Code by (kind, name, code hash).
    """

    __slots__ = ("closed", "definitions", "iids", "instance_ids", "replaced", "row_ids", "timers", "versions")

    def __init__(self) -> None:
        self.iids: list[int] = []
        self.replaced: list[int] = []
        self.instance_ids: list[str] = []
        self.closed: list[tuple[str, str]] = []
        self.timers: list[tuple[str, int]] = []
        self.row_ids: list[int] = []
        self.definitions: list[DefinitionKey] = []
        self.versions: list[tuple[str, str, str]] = []

    @property
    def has_rows(self) -> bool:
        """Whether rows of instances and their history go."""
        return bool(self.iids or self.replaced)

    @property
    def has_messages(self) -> bool:
        """Whether messages go."""
        return bool(self.row_ids or self.closed or self.timers or self.instance_ids)

    @property
    def has_code(self) -> bool:
        """Whether definitions go."""
        return bool(self.definitions or self.versions)


class Batch(msgspec.Struct, kw_only=True, gc=False):
    """The net effect of some operations: deletions first, then rows to write.

    Attributes:
        first: The number of the first operation.
        lsn: That of the last one.
        next_iid: The next free instance number, after it.
        deletions: What goes.
        history: New rows, as are the following.
        inbox: See above.
        instances: See above.
        definitions: See above.
        instance_updates: Likewise, of instances of which no more than the `LIVE` values change.
        records: The new rows of instances as records; None: no such instance any more.
        events: The new events of (instance number, execution ID).
        messages: What `inbox` holds, as records.
        known: What `Facts.instances` will be, for these.
        ends: What `Facts.ends` will be.
    """

    first: int
    lsn: int
    next_iid: int
    deletions: Deletions
    history: list[Row]
    inbox: list[Row]
    instances: list[Row]
    definitions: list[Row]
    instance_updates: list[Row]
    records: dict[str, InstanceRecord | None]
    events: dict[tuple[int, str], list[HistoryEvent]]
    messages: list[InboxRow]
    known: dict[str, Known | None]
    ends: dict[tuple[int, str], int]

    def leaves_its_number(self) -> bool:
        """Tell whether a row carries the number of the last operation, so that it is known at the next opening."""
        tables = (self.history, self.inbox, self.instances, self.definitions, self.instance_updates)
        return self.lsn in [row[-1] for rows in tables for row in rows]


def plan(operations: Sequence[op.Operation], facts: Facts) -> Batch:
    """Play operations through and return what they come to.

    Raises:
        StoreError: An operation breaks a rule of `nbflow.stores.refusals`.
    """
    player = _Player(facts)
    for lsn, operation in enumerate(operations, facts.lsn + 1):
        player.play(operation, lsn)
    return player.result(facts.lsn + len(operations))


class _Player:
    """The tables as they stand in the middle of a batch, as far as it touches them."""

    __slots__ = (
        "_by_execution", "_definitions", "_deletions", "_ends", "_events", "_facts", "_history", "_iids", "_inbox", "_next_iid",
        "_records", "_taken",
    )  # fmt: skip

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._next_iid = facts.next_iid
        self._iids = {key: known.iid if known else None for key, known in facts.instances.items()}
        self._ends = dict(facts.ends)
        self._taken = {row.row_id: row for row in facts.taken} if facts.taken else {}
        self._deletions = Deletions()
        self._records: dict[str, tuple[int, InstanceRecord, int]] = {}
        self._history: dict[int, list[Row]] = {}
        self._events: dict[tuple[int, str], list[HistoryEvent]] = {}
        self._inbox: dict[int, tuple[InboxRow, int]] = {}
        self._by_execution: dict[str | None, list[int]] = {}
        self._definitions: dict[DefinitionKey, tuple[DefinitionRecord, int]] = {}

    def play(self, operation: op.Operation, lsn: int) -> None:
        match operation:
            case op.AppendHistory():
                self._append(operation, lsn)
            case op.PutInstance(record=record):
                self._records[record.instance_id] = (self._number(record), record, lsn)
            case op.PutInbox(row=row):
                if row.row_id in self._taken or row.row_id in self._inbox:
                    raise refusals.row_taken(row.row_id)
                self._inbox[row.row_id] = (row, lsn)
                self._by_execution.setdefault(row.execution_id, []).append(row.row_id)
            case op.DeleteInbox(row_ids=row_ids):
                # A row that this very batch put never reaches the table.
                self._deletions.row_ids += [i for i in row_ids if i not in self._inbox]
                self._drop(row_ids)
            case op.DeleteTimers(execution_id=execution_id, timer_ids=timer_ids):
                self._deletions.timers += [(execution_id, i) for i in timer_ids]
                self._drop(row.row_id for row in self._rows_of(execution_id) if _is_timer(row, timer_ids))
            case op.CloseExecution(instance_id=instance_id, execution_id=execution_id):
                self._deletions.closed.append((instance_id, execution_id))
                rows = self._rows_of(execution_id)
                self._drop(row.row_id for row in rows if row.instance_id == instance_id)
            case op.PurgeInstance(instance_id=instance_id):
                self._purge(instance_id)
            case op.PutDefinition(record=record):
                self._define(record, lsn)
            case op.DropDefinition(kind=kind, name=name, code_hash=code_hash):
                self._undefine((kind, name, code_hash))
            case _:
                assert_never(operation)

    def _append(self, operation: op.AppendHistory, lsn: int) -> None:
        instance_id, execution_id = operation.instance_id, operation.execution_id
        iid = self._iids[instance_id]
        if iid is None:
            raise refusals.without_instance(operation)
        end = (iid, execution_id)
        seq = last = self._ends.get(end, 0)
        for event in operation.events:
            seq += 1
            if event.seq != seq:
                raise refusals.out_of_sequence(operation, last)
        rows = history_values(iid, instance_id, execution_id, operation.events, lsn)
        self._history.setdefault(iid, []).extend(rows)
        self._events.setdefault(end, []).extend(operation.events)
        self._ends[end] = seq

    def _number(self, record: InstanceRecord) -> int:
        iid = self._iids[record.instance_id]
        if iid is None:
            iid = self._iids[record.instance_id] = self._next_iid
            self._next_iid += 1
            self._ends[iid, record.execution_id] = 0
        return iid

    def _purge(self, instance_id: str) -> None:
        iid = self._iids[instance_id]
        before = self._facts.instances[instance_id]
        if before is not None and before.iid == iid:
            self._deletions.iids.append(before.iid)
        if iid is not None:
            self._history.pop(iid, None)
        self._iids[instance_id] = None
        self._records.pop(instance_id, None)
        self._deletions.instance_ids.append(instance_id)
        rows = [*(row for row, _ in self._inbox.values()), *self._taken.values()]
        self._drop(row.row_id for row in rows if row.instance_id == instance_id)

    def _define(self, record: DefinitionRecord, lsn: int) -> None:
        key = definition_key(record)
        if key in self._definitions:
            return
        if key in self._facts.strange:
            self._deletions.definitions.append(key)
        elif key in self._facts.definitions and key[:3] not in self._deletions.versions:
            return
        self._definitions[key] = (record, lsn)

    def _undefine(self, version: tuple[str, str, str]) -> None:
        self._deletions.versions.append(version)
        for key in [key for key in self._definitions if key[:3] == version]:
            del self._definitions[key]

    def _rows_of(self, execution_id: str) -> list[InboxRow]:
        """The messages for an execution that are known here: new ones, and old ones whose number is wanted."""
        numbers = self._by_execution.get(execution_id, ())
        new = [self._inbox[i][0] for i in numbers if i in self._inbox]
        return [row for row in (*new, *self._taken.values()) if row.execution_id == execution_id]

    def _drop(self, row_ids: Iterable[int]) -> None:
        for row_id in list(row_ids):
            self._inbox.pop(row_id, None)
            self._taken.pop(row_id, None)

    def result(self, lsn: int) -> Batch:
        deletions = self._deletions
        instances: list[Row] = []
        updates: list[Row] = []
        known: dict[str, Known | None] = {}
        records: dict[str, InstanceRecord | None] = {}
        for instance_id, iid in self._iids.items():
            if iid is None:
                known[instance_id] = records[instance_id] = None
        for instance_id, (iid, record, number) in self._records.items():
            fixed = fixed_values(iid, record)
            row = fixed + live_values(record, number)
            before = self._facts.instances[instance_id]
            records[instance_id] = record
            now = known[instance_id] = Known(iid, record.execution_id, hash(fixed))
            if before == now:
                updates.append(row)
                continue
            if before is not None and before.iid == iid:
                deletions.replaced.append(iid)
            instances.append(row)
        return Batch(
            first=self._facts.lsn + 1,
            lsn=lsn,
            next_iid=self._next_iid,
            deletions=deletions,
            history=list(chain.from_iterable(self._history.values())),
            inbox=[inbox_values(row, n) for row, n in self._inbox.values()] if self._inbox else [],
            instances=instances,
            definitions=[definition_values(record, n) for record, n in self._definitions.values()]
            if self._definitions
            else [],
            instance_updates=updates,
            records=records,
            events=self._events,
            messages=[row for row, _ in self._inbox.values()] if self._inbox else [],
            known=known,
            ends=self._ends,
        )


def _is_timer(row: InboxRow, timer_ids: Sequence[int]) -> bool:
    return isinstance(row.event, TimerFired) and row.event.scheduled_id in timer_ids
