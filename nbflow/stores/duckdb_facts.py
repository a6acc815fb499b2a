"""What the writer knows of the tables, so that a commit seldom has to ask them.

It keeps the counters exactly, and of the instances and executions that were used
last their number and their last event. What isn't remembered is looked up, for a
whole batch at once. That an ID is *not* there is remembered too: whoever starts
an instance has asked for its ID just before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from nbflow.core import operations as op
from nbflow.core.history import HistoryEvent
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
        instances: dict[str, Known | None] = {}
        executions: dict[tuple[str, str], None] = {}
        row_ids: list[int] = []
        defines = False
        for operation in operations:
            match operation:
                case op.AppendHistory(instance_id=instance_id, execution_id=execution_id):
                    instances[instance_id] = executions[instance_id, execution_id] = None
                case op.PutInstance(record=record, is_new=is_new):
                    instances[record.instance_id] = None
                    if is_new and record.instance_id not in self._known:
                        self._known[record.instance_id] = None
                case op.PurgeInstance(instance_id=instance_id):
                    instances[instance_id] = None
                case op.PutInbox(row=row) if row.row_id <= self._top_row_id:
                    row_ids.append(row.row_id)
                case op.PutDefinition():
                    defines = True
                case _:
                    pass
        self._fill_in(instances)
        facts = Facts(
            lsn=self.lsn,
            next_iid=self._next_iid,
            instances=instances,
            ends=self._ends_of([(known.iid, e) for i, e in executions if (known := instances[i])]),
        )
        if row_ids:
            facts.taken = self._reader.inbox_rows(row_ids)
        if defines:
            stored, strange = self._reader.definition_keys()
            facts.definitions, facts.strange = frozenset(stored), frozenset(strange)
        return facts

    def absorb(self, batch: Batch) -> None:
        """Take note of a batch that was committed."""
        self.lsn = batch.lsn
        self._next_iid = batch.next_iid
        if batch.inbox:
            self._top_row_id = max(self._top_row_id, *(row[0] for row in batch.inbox))
        for instance_id, known in batch.known.items():
            self._known[instance_id] = known
        for end, seq in batch.ends.items():
            self._ends[end] = seq

    def records(self, instance_ids: Sequence[str]) -> dict[str, InstanceRecord]:
        """Read instances, and remember them: they will be written soon."""
        return {record.instance_id: record for _, record in self._look_up(instance_ids).values()}

    def has_read(self, histories: Mapping[str, Sequence[HistoryEvent]]) -> None:
        """Take note of where the histories of some instances' present executions end, which were read to their ends."""
        for instance_id, events in histories.items():
            if events and (known := self._known.get(instance_id)) is not None:
                self._ends[known.iid, known.execution_id] = events[-1].seq

    def known(self, instance_id: str) -> Known | None:
        """An instance's numbers, or None if there is no such instance."""
        found: dict[str, Known | None] = {instance_id: None}
        self._fill_in(found)
        return found[instance_id]

    def numbers(self, instance_ids: Sequence[str]) -> list[int]:
        """The numbers of those of these instances that there are."""
        found: dict[str, Known | None] = dict.fromkeys(instance_ids)
        self._fill_in(found)
        return [known.iid for known in found.values() if known is not None]

    def _fill_in(self, instances: dict[str, Known | None]) -> None:
        """Set what is known of these instances."""
        remembered, unknown = self._known, list[str]()
        for instance_id in instances:
            known = instances[instance_id] = remembered.get(instance_id)
            if known is None and instance_id not in remembered:
                unknown.append(instance_id)
        if unknown:
            instances.update((i, known) for i, (known, _) in self._look_up(unknown).items())

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
        found: dict[tuple[int, str], int] = {}
        unknown: list[tuple[int, str]] = []
        for end in executions:
            if (seq := self._ends.get(end)) is None:
                unknown.append(end)
            else:
                found[end] = seq
        return found | self._reader.ends({iid for iid, _ in unknown}) if unknown else found
