"""The store in a DuckDB file: durable, and open to SQL.

One process owns the file. A commit is one transaction and one fsync, whatever
number of operations it holds: the engine groups everything that happened in a
tick. How a batch is turned into few statements is in `duckdb_batch` and
`duckdb_write`; what the tables are is in ``schema.sql`` and ``views.sql``, which
users query; the file and its failures are in `duckdb_file`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import duckdb

from nbflow.core.history import HistoryEvent
from nbflow.core.operations import DefinitionRecord, InboxRow, Operation
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.core.trust import Finding
from nbflow.errors import StoreError
from nbflow.ports import Compacted, InstanceFilter, PendingTask
from nbflow.stores.duckdb_audit import Auditor
from nbflow.stores.duckdb_batch import Batch, plan
from nbflow.stores.duckdb_compact import compact
from nbflow.stores.duckdb_facts import Ledger
from nbflow.stores.duckdb_file import CHECKPOINT_BYTES, DatabaseFile
from nbflow.stores.duckdb_read import Reader
from nbflow.stores.duckdb_schema import Schema, current
from nbflow.stores.duckdb_write import Writer
from nbflow.stores.journal.place import refuse_beside_journal


class DuckDBStore:
    """A `HistoryStore` in a DuckDB file, or in memory with ``":memory:"``.

    Args:
        path: The file; its folder must exist.
        checkpoint_bytes: Size of the write-ahead log at which it is folded into the file.
        key: Its owner's key, with which each row is sealed; None: rows are written without seals, and none is looked for.
        schema: The tables to expect; a test of migrations gives another than the present one.
        connect: How to reach DuckDB; a test of failures gives connections that fail.
        read_only: Whether to leave the file as it is: any number of such stores may have it open, but none
            beside an owner. Nothing is made or migrated then, and a commit is an error.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        key: bytes | None = None,
        checkpoint_bytes: int = CHECKPOINT_BYTES,
        schema: Schema | None = None,
        connect: Callable[..., duckdb.DuckDBPyConnection] = duckdb.connect,
        read_only: bool = False,
    ) -> None:
        self._schema = schema or current()
        self._path = Path(path)
        self._file = DatabaseFile(
            path,
            schema=self._schema,
            checkpoint_bytes=checkpoint_bytes,
            connect=connect,
            read_only=read_only,
        )
        self._reader = Reader(self._file, key)
        self._auditor = Auditor(self._file, self._reader)
        self._opening = 0
        self._writer: Writer | None = None
        self._ledger: Ledger | None = None

    def open(self) -> None:
        """Open, create or migrate the file.

        Raises:
            StoreLockedError: Another process, or another store of this one, has it open.
            StoreFormatError: The file is no nbflow store.
            StoreVersionError: It was written by a newer nbflow.
            StoreUnavailableError: The file can't be read or written, or a journal lies beside it: its owner was a
                `JournalStore`, and was killed.
        """
        self._file.open()
        try:
            refuse_beside_journal(self._path)
        except BaseException:
            self._file.close()
            raise
        self._tools()

    def close(self) -> None:
        """Fold the log into the file and let go of it; cursors are closed with it."""
        self._writer = self._ledger = None
        self._file.close()

    @property
    def store_id(self) -> str:
        """A UUID, made when the store was created."""
        return self._file.store_id

    @property
    def is_quick(self) -> bool:
        """False: a commit takes milliseconds."""
        return False

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own for a reader, such as ``%wf sql``; to be used by one thread.

        It sees what is committed, beside the writer. Make it on the store's thread.
        """
        return self._file.cursor()

    def export_to(self, path: str | Path) -> None:
        """Write a copy of the store, as of now, into a new file; the copy has the same ``store_id``.

        Raises:
            StoreUnavailableError: The file exists already, or can't be written.
        """
        self._file.export_to(path)

    def compact(self, *, most: int | None = None) -> Compacted | None:
        """Make the file as small as it can be; None for a store that has none.

        Args:
            most: Bytes that may be written for that; if they don't suffice, the file stays as it is.

        Raises:
            StoreError: It can't be written; the file is as it was.
        """
        if not self._file.is_kept:
            return None
        self._writer = self._ledger = None  # its appenders are for the tables of before
        return compact(self._file, self._schema, most=most)

    def commit(self, operations: Sequence[Operation]) -> int:
        """Carry out all operations or none, durably, and return the ``lsn`` of the last one.

        Raises:
            StoreError: Nothing was written.
        """
        writer, ledger = self._tools()
        if not operations:
            return ledger.lsn
        batch = plan(operations, ledger.facts(operations))
        try:
            with self._file.transaction():
                writer.write(batch)
        except StoreError:
            if not self._file.is_lost or not self._was_committed(batch):
                raise
            return batch.lsn
        ledger.absorb(batch)
        self._file.checkpoint_if_due()
        return batch.lsn

    def _was_committed(self, batch: Batch) -> bool:
        """Whether a commit behind which DuckDB gave the database up is in the file; if so, see that it stays."""
        _, ledger = self._tools()
        if ledger.lsn != batch.lsn:
            return False
        self._file.run("CHECKPOINT")
        return True

    def _tools(self) -> tuple[Writer, Ledger]:
        """What hangs on the present connection; made anew when that was."""
        connection = self._file.connection
        if self._writer is None or self._ledger is None or self._opening != self._file.openings:
            self._opening = self._file.openings
            self._writer = Writer(connection, self._reader.seals)
            self._ledger = Ledger(self._reader)
        return self._writer, self._ledger

    def next_row_id(self) -> int:
        """A number above every ``row_id`` that the inbox holds now."""
        return self._reader.last_row_id() + 1

    def get_instance(self, instance_id: str) -> InstanceRecord | None:
        """The instance's row, or None."""
        return self.get_instances([instance_id]).get(instance_id)

    def get_instances(self, instance_ids: Sequence[str]) -> dict[str, InstanceRecord]:
        """The rows of several instances by ID; unknown IDs are left out."""
        return self._tools()[1].records(instance_ids)

    def list_instances(
        self,
        where: InstanceFilter,
        *,
        after: str | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[InstanceRecord]:
        """Instances that pass the filter, oldest or newest first; ``after`` is the last ID of the page before."""
        return self._reader.list_instances(where, after, limit, newest_first=newest_first)

    def count_by_status(self, where: InstanceFilter | None = None) -> dict[RuntimeStatus, int]:
        """How many instances that pass the filter have each status; statuses that nobody has are left out."""
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
        known = self._tools()[1].known(instance_id)
        read = self._auditor.history if checked else self._reader.history
        return read(known.iid, execution_id or known.execution_id) if known else []

    def read_histories(
        self, instance_ids: Sequence[str], *, checked: bool = False
    ) -> dict[str, list[HistoryEvent]]:
        """The histories of the present executions of several instances, by ID; unknown IDs are left out.

        Raises:
            UntrustedError: They are to be acted upon, and their owner did not write all of them so.
            UnknownHistoryKindError: A row was written by a newer nbflow.
        """
        _, ledger = self._tools()
        read = self._auditor.histories if checked else self._reader.histories
        histories = read(instance_ids)
        ledger.has_read(histories)
        return histories

    def list_executions(self, instance_id: str) -> list[str]:
        """The instance's executions that have a history, oldest first."""
        known = self._tools()[1].known(instance_id)
        return self._reader.executions(known.iid) if known else []

    def read_inbox(self, instance_id: str | None = None) -> list[InboxRow]:
        """Messages that can be delivered at once, of one or all instances, by ``row_id``."""
        return self._reader.inbox(instance_id)

    def read_due(
        self, until: datetime, *, after: tuple[datetime, int] | None = None, limit: int = 1000
    ) -> list[InboxRow]:
        """Messages with ``due`` at or before ``until``, in the order (``due``, ``row_id``), behind ``after``."""
        return self._reader.due(until, after, limit)

    def next_due(self, after: tuple[datetime, int] | None = None) -> datetime | None:
        """The earliest ``due`` behind ``after``, or None."""
        return self._reader.next_due(after)

    def pending_tasks(self) -> list[PendingTask]:
        """Every `TaskScheduled` of a live execution that has no result or cancellation in history."""
        return self._reader.pending_tasks()

    def list_definitions(self, name: str | None = None) -> list[DefinitionRecord]:
        """Stored versions of code, oldest first."""
        return self._reader.definitions(name)

    def audit(
        self, *, limit: int = 20, thorough: bool = False, instance_id: str | None = None
    ) -> list[Finding]:
        """Rows that their owner did not write: code, whole, and the first of the others."""
        self._tools()
        return self._auditor.findings(limit, thorough=thorough, instance_id=instance_id)

    def seal_anew(self) -> int:
        """Sign every row that its owner did not write, as theirs; gives how many those were."""
        self._tools()
        return self._auditor.seal_anew()
