"""The store of a file, as it is by default: a journal that commits are written to, and DuckDB behind it.

A commit is played through as for DuckDB alone, by the same rules; then its net effect is written to the journal, and
that is all. A thread loads it into DuckDB a little later. Who asks for what is not there yet gets it from memory, or
waits until it is loaded: every reader sees all that was committed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import duckdb

from nbflow.core.history import HistoryEvent
from nbflow.core.operations import DefinitionRecord, InboxRow, Operation
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.core.trust import Finding
from nbflow.ports import Compacted, InstanceFilter, PendingTask
from nbflow.stores import refusals
from nbflow.stores.duckdb_audit import Auditor
from nbflow.stores.duckdb_batch import plan
from nbflow.stores.duckdb_compact import compact
from nbflow.stores.duckdb_facts import Ledger
from nbflow.stores.duckdb_file import CHECKPOINT_BYTES, DatabaseFile
from nbflow.stores.duckdb_schema import Schema, current
from nbflow.stores.journal.journal import Journal, JournalOptions
from nbflow.stores.journal.lines import Endings, encode
from nbflow.stores.journal.loading import Loader
from nbflow.stores.journal.place import folder_of
from nbflow.stores.journal.reading import SettledReader
from nbflow.stores.journal.recovery import recover
from nbflow.stores.journal.roster import Roster
from nbflow.stores.journal.segments import Segments
from nbflow.stores.journal.writing import BatchWriter, Durability
from nbflow.stores.seals import Seals

_PAGE: Final = 100
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class JournalStore:
    """A `HistoryStore` in a DuckDB file with a journal in a folder beside it.

    Args:
        path: The file; its folder must exist.
        key: Its owner's key, with which each row is sealed; None: rows are written without seals, and none is looked for.
        durability: ``full``: a commit that has returned outlives a power cut. ``relaxed``: it outlives the end of
            the process, and a power cut takes no more than the last 50 ms.
        checkpoint_bytes: Size of DuckDB's log at which it is folded into the file.
        schema: The tables to expect; a test of migrations gives another than the present one.
        connect: How to reach DuckDB; a test of failures gives connections that fail.
        options: How the journal works; a test gives others.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        key: bytes | None = None,
        durability: Durability = "full",
        checkpoint_bytes: int = CHECKPOINT_BYTES,
        schema: Schema | None = None,
        connect: Callable[..., duckdb.DuckDBPyConnection] = duckdb.connect,
        options: JournalOptions | None = None,
    ) -> None:
        self._path = Path(path).expanduser().absolute()
        self._schema = schema or current()
        self._file = DatabaseFile(
            path, schema=self._schema, checkpoint_bytes=checkpoint_bytes, connect=connect
        )
        self._reader = SettledReader(self._file, key)
        self._auditor = Auditor(self._file, self._reader)
        self._options = options or JournalOptions(durability=durability)
        self._journal: Journal | None = None
        self._ledger: Ledger | None = None
        self._seals: Seals | None = None

    def open(self) -> None:
        """Open, create or migrate the file, and load what a killed owner left in the journal.

        Raises:
            StoreLockedError: Another process, or another store of this one, has it open.
            StoreFormatError: The file is no nbflow store.
            StoreVersionError: It was written by a newer nbflow.
            StoreUnavailableError: The file can't be read or written.
            StoreError: The journal is damaged, or can't be loaded.
        """
        if self._journal is not None:
            return
        self._file.open()  # from here on no other process looks at the journal
        try:
            self._journal = self._start_journal()
        except BaseException:
            self._file.close()
            raise
        self._journal.start()

    def _start_journal(self) -> Journal:
        name, store_id, disk = self._file.name, self._file.store_id, self._options.disk
        folder = folder_of(self._path)
        loader = Loader(self._file, folder, disk, self._reader.last_lsn)
        watermark = self._reader.last_lsn()
        found = recover(folder, loader, disk, name=name, store_id=store_id, watermark=watermark)
        self._seals, self._ledger = self._reader.seals, Ledger(self._reader)
        # Also above the segments of a life that left no trace but its commits.
        epoch = max(found.epoch, found.lsn)
        size = self._options.segment_bytes
        segments = Segments(folder, store_id, disk, size=size, epoch=epoch, used=found.used)
        endings = Endings(store_id)
        writer = BatchWriter(name, segments, disk, endings, found.lsn, self._options.durability)
        self._reader.roster = Roster()
        self._reader.journal = Journal(
            name, segments, writer, loader, self._options, self._reader.fill_roster
        )
        return self._reader.journal

    def close(self) -> None:
        """Load everything, delete the journal and let go of the file; cursors are closed with it."""
        journal, self._journal, self._ledger = self._journal, None, None
        self._reader.journal = None
        try:
            if journal is not None:
                journal.close()
        finally:
            self._file.close()

    @property
    def store_id(self) -> str:
        """A UUID, made when the store was created."""
        return self._file.store_id

    @property
    def durability(self) -> Durability:
        """Whether a commit waits for the disk."""
        return self._options.durability

    @property
    def is_quick(self) -> bool:
        """Whether commits have taken less than half a millisecond of late, and none has to wait for the loading."""
        return self._journal is not None and self._journal.is_quick

    def commit(self, operations: Sequence[Operation]) -> int:
        """Carry out all operations or none, durably, and return the ``lsn`` of the last one.

        Raises:
            StoreError: Nothing was written. When the disk has failed to sync, so does every later commit.
        """
        journal, ledger = self._journal, self._ledger
        if journal is None or ledger is None:
            raise refusals.not_open(self._file.name)
        if not operations:
            return ledger.lsn
        batch = plan(operations, ledger.facts(operations))
        if batch.instances:
            self._reader.roster.add(record.instance_id for record in batch.records.values() if record)
        journal.append(batch, *encode(batch, self._seals))
        ledger.absorb(batch)
        return batch.lsn

    def flush(self) -> None:
        """Return once everything that was committed is in DuckDB; raises StoreError."""
        self._opened().flush()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own for a reader, such as ``%wf sql``; to be used by one thread.

        It sees what was committed before it was made, and what is loaded later.
        """
        self.flush()
        return self._file.cursor()

    def export_to(self, path: str | Path) -> None:
        """Write a copy of the store, as of now, into a new file; the copy has the same ``store_id``.

        Raises:
            StoreUnavailableError: The file exists already, or can't be written.
        """
        with self._opened().paused():
            self.flush()
            self._file.export_to(path)

    def compact(self, *, most: int | None = None) -> Compacted | None:
        """Make DuckDB's file as small as it can be, behind the journal's loading.

        Args:
            most: Bytes that may be written for that; if they don't suffice, the file stays as it is.

        Raises:
            StoreError: It can't be written; the file is as it was.
        """
        with self._opened().paused():
            self.flush()
            return compact(self._file, self._schema, most=most)

    def next_row_id(self) -> int:
        """A number above every ``row_id`` that the inbox holds now."""
        journal = self._opened()
        if journal.tail.has_inbox:
            journal.flush()
        return self._reader.last_row_id() + 1

    def get_instance(self, instance_id: str) -> InstanceRecord | None:
        """The instance's row, or None."""
        return self.get_instances([instance_id]).get(instance_id)

    def get_instances(self, instance_ids: Sequence[str]) -> dict[str, InstanceRecord]:
        """The rows of several instances by ID; unknown IDs are left out."""
        pending = self._opened().tail.records(instance_ids)
        assert self._ledger is not None
        found = self._ledger.records([i for i in instance_ids if i not in pending])
        return found | {i: record for i, record in pending.items() if record is not None}

    def list_instances(
        self,
        where: InstanceFilter,
        *,
        after: str | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[InstanceRecord]:
        """Instances that pass the filter, oldest or newest first; ``after`` is the last ID of the page before."""
        self.flush()
        return self._reader.list_instances(where, after, limit, newest_first=newest_first)

    def count_by_status(self, where: InstanceFilter | None = None) -> dict[RuntimeStatus, int]:
        """How many instances that pass the filter have each status; statuses that nobody has are left out."""
        self.flush()
        return self._reader.count_by_status(where)

    def read_history(
        self, instance_id: str, execution_id: str | None = None, *, checked: bool = False
    ) -> list[HistoryEvent]:
        """An execution's events in order; without ``execution_id`` those of the present execution.

        Args:
            instance_id: The instance.
            execution_id: The execution.
            checked: Whether somebody acts upon them, so that its owner must have written them.

        Raises:
            UntrustedError: Its owner did not.
            UnknownHistoryKindError: A row was written by a newer nbflow.
        """
        tail = self._opened().tail
        assert self._ledger is not None
        known = self._ledger.known(instance_id)
        if known is None:
            return []
        execution_id = execution_id or known.execution_id
        # In this order: what is loaded in between is in both. What is in the journal, this very process has written.
        pending = tail.events(known.iid, execution_id)
        read = self._auditor.history if checked else self._reader.history
        stored = read(known.iid, execution_id)
        last = stored[-1].seq if stored else 0
        return [*stored, *(event for event in pending if event.seq > last)]

    def read_histories(
        self, instance_ids: Sequence[str], *, checked: bool = False
    ) -> dict[str, list[HistoryEvent]]:
        """The histories of the present executions of several instances, by ID; unknown IDs are left out.

        Raises:
            UntrustedError: They are to be acted upon, and their owner did not write all of them so.
            UnknownHistoryKindError: A row was written by a newer nbflow.
        """
        self._settle(instance_ids)
        assert self._ledger is not None
        read = self._auditor.histories if checked else self._reader.histories
        histories = read(instance_ids)
        self._ledger.has_read(histories)
        return histories

    def list_executions(self, instance_id: str) -> list[str]:
        """The instance's executions that have a history, oldest first."""
        self._settle([instance_id])
        assert self._ledger is not None
        known = self._ledger.known(instance_id)
        return self._reader.executions(known.iid) if known else []

    def read_inbox(self, instance_id: str | None = None) -> list[InboxRow]:
        """Messages that can be delivered at once, of one or all instances, by ``row_id``."""
        tail = self._opened().tail
        if not tail.has_inbox:
            return self._reader.inbox(instance_id)
        pending = tail.messages()
        found = pending.over(self._reader.inbox(instance_id))
        return [
            row
            for _, row in sorted(found.items())
            if row.due is None and instance_id in (None, row.instance_id)
        ]

    def read_due(
        self, until: datetime, *, after: tuple[datetime, int] | None = None, limit: int = 1000
    ) -> list[InboxRow]:
        """Messages with ``due`` at or before ``until``, in the order (``due``, ``row_id``), behind ``after``."""
        tail = self._opened().tail
        if not tail.has_inbox:
            return self._reader.due(until, after, limit)
        pending, place, size = tail.messages(), after, max(limit, _PAGE)
        found = {row.row_id: row for row in pending.new.values() if _is_due(row, until, after)}
        kept = 0
        while kept < limit:
            page = self._reader.due(until, place, size)
            still = [row for row in page if pending.keeps(row) and row.row_id not in pending.new]
            found.update((row.row_id, row) for row in still)
            kept += len(still)
            if len(page) < size:
                break
            place = _place(page[-1])
        return sorted(found.values(), key=_place)[:limit]

    def next_due(self, after: tuple[datetime, int] | None = None) -> datetime | None:
        """The earliest ``due`` behind ``after``, or None."""
        if not self._opened().tail.has_inbox:
            return self._reader.next_due(after)
        first = self.read_due(_NEVER, after=after, limit=1)
        return first[0].due if first else None

    def pending_tasks(self) -> list[PendingTask]:
        """Every `TaskScheduled` of a live execution that has no result or cancellation in history."""
        self.flush()
        return self._reader.pending_tasks()

    def list_definitions(self, name: str | None = None) -> list[DefinitionRecord]:
        """Stored versions of code, oldest first."""
        if self._opened().tail.has_code:
            self.flush()
        return self._reader.definitions(name)

    def audit(
        self, *, limit: int = 20, thorough: bool = False, instance_id: str | None = None
    ) -> list[Finding]:
        """Rows that their owner did not write: code, whole, and the first of the others."""
        self.flush()
        return self._auditor.findings(limit, thorough=thorough, instance_id=instance_id)

    def seal_anew(self) -> int:
        """Sign every row that its owner did not write, as theirs; gives how many those were."""
        with self._opened().paused():
            self.flush()
            return self._auditor.seal_anew()

    def _settle(self, instance_ids: Sequence[str]) -> None:
        """Have what was committed of these instances in DuckDB."""
        journal, ledger = self._opened(), self._ledger
        assert ledger is not None
        if journal.tail.records(instance_ids) or journal.tail.has_history(ledger.numbers(instance_ids)):
            journal.flush()

    def _opened(self) -> Journal:
        if self._journal is None:
            raise refusals.not_open(self._file.name)
        return self._journal


def _place(row: InboxRow) -> tuple[datetime, int]:
    assert row.due is not None
    return row.due, row.row_id


def _is_due(row: InboxRow, until: datetime, after: tuple[datetime, int] | None) -> bool:
    return row.due is not None and row.due <= until and (after is None or _place(row) > after)
