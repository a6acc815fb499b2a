"""What the writer knows of the tables, so that a commit seldom has to ask them.

It keeps the counters exactly, and of the instances and executions that were used
last their number and their last event. What isn't remembered is looked up, for a
whole batch at once. That an ID is *not* there is remembered too: whoever starts
an instance has asked for its ID just before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from nbflow.core import operations as op
from nbflow.core.state import InstanceRecord
from nbflow.stores.duckdb_batch import Batch, Facts, Known
from nbflow.stores.duckdb_read import Reader
from nbflow.stores.duckdb_rows import FIXED, to_instance
from nbflow.stores.recent import Recent

_REMEMBERED: Final = 16_384


class Ledger:
    """The counters of an open store, and what it remembers of its rows.

    Attributes:
        lsn: The number of the last operation.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.lsn = reader.last_lsn()
        self._next_iid = reader.last_iid() + 1
        self._top_row_id = reader.last_row_id()
        self._known: Recent[str, Known | None] = Recent(_REMEMBERED)
        self._ends: Recent[tuple[int, str], int] = Recent(_REMEMBERED)

    def facts(self, operations: Sequence[op.Operation]) -> Facts:
        """Gather what `plan` needs for these operations."""
        ids: dict[str, None] = {}
        executions: dict[tuple[str, str], None] = {}
        row_ids: list[int] = []
        defines = False
        for operation in operations:
            match operation:
                case op.AppendHistory(instance_id=instance_id, execution_id=execution_id):
                    ids[instance_id] = executions[instance_id, execution_id] = None
                case op.PutInstance(record=record):
                    ids[record.instance_id] = None
                case op.PurgeInstance(instance_id=instance_id):
                    ids[instance_id] = None
                case op.PutInbox(row=row) if row.row_id <= self._top_row_id:
                    row_ids.append(row.row_id)
                case op.PutDefinition():
                    defines = True
                case _:
                    pass
        instances = self._instances(ids)
        stored, strange = self._reader.definition_keys() if defines else ((), ())
        return Facts(
            lsn=self.lsn,
            next_iid=self._next_iid,
            instances=instances,
            ends=self._ends_of([(known.iid, e) for i, e in executions if (known := instances[i])]),
            taken=self._reader.inbox_rows(row_ids) if row_ids else (),
            definitions=frozenset(stored),
            strange=frozenset(strange),
        )

    def absorb(self, batch: Batch) -> None:
        """Take note of a batch that was committed."""
        self.lsn = batch.lsn
        self._next_iid = batch.next_iid
        self._top_row_id = max([self._top_row_id, *(row[0] for row in batch.inbox)])
        for instance_id, known in batch.known.items():
            self._known[instance_id] = known
        for end, seq in batch.ends.items():
            self._ends[end] = seq

    def records(self, instance_ids: Sequence[str]) -> dict[str, InstanceRecord]:
        """Read instances, and remember them: they will be written soon."""
        return {record.instance_id: record for _, record in self._look_up(instance_ids).values()}

    def known(self, instance_id: str) -> Known | None:
        """An instance's numbers, or None if there is no such instance."""
        return self._instances([instance_id])[instance_id]

    def _instances(self, instance_ids: Iterable[str]) -> dict[str, Known | None]:
        found = {i: self._known.get(i) for i in instance_ids}
        if unknown := [i for i in found if i not in self._known]:
            found.update((i, known) for i, (known, _) in self._look_up(unknown).items())
        return found

    def _look_up(self, instance_ids: Sequence[str]) -> dict[str, tuple[Known, InstanceRecord]]:
        absent = dict.fromkeys(instance_ids)
        found: dict[str, tuple[Known, InstanceRecord]] = {}
        for row in self._reader.instance_rows(instance_ids) if absent else ():
            record = to_instance(row)
            known = Known(row[0], record.execution_id, hash(row[: len(FIXED)]))
            found[record.instance_id] = known, record
            self._known[record.instance_id] = known
            del absent[record.instance_id]
        for instance_id in absent:
            self._known[instance_id] = None
        return found

    def _ends_of(self, executions: list[tuple[int, str]]) -> dict[tuple[int, str], int]:
        found = {end: self._ends.get(end) for end in executions}
        if unknown := [end for end, seq in found.items() if seq is None]:
            found |= self._reader.ends({iid for iid, _ in unknown})
        return {end: seq for end, seq in found.items() if seq is not None}
