"""Carrying out a batch's net effect on the DuckDB tables, in few statements.

Which path is the fastest depends on the number of rows; the figures are in
docs/decisions/0003-duckdb-store-layout.md. Appenders are kept as long as their
connection: making one costs as much as a commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import duckdb

from nbflow.core.trust import Table
from nbflow.stores import duckdb_rows as rows
from nbflow.stores.duckdb_batch import Batch, Deletions
from nbflow.stores.duckdb_rows import Row
from nbflow.stores.seals import Seals

_FEW: Final = 30
"""Up to so many numbers are spelled out in a DELETE; a join with an appender's rows is cheaper for more."""

_LIVE: Final = (*rows.LIVE, "seal")
_UPDATE_ONE: Final = f"UPDATE instances SET {', '.join(f'{c} = ?' for c in _LIVE)} WHERE iid = ?"
_DROP_CODE: Final = (
    "DELETE FROM definitions WHERE kind = ? AND name = ? AND code_hash = ? AND source_hash = ?"
)
_DROP_VERSION: Final = "DELETE FROM definitions WHERE kind = ? AND name = ? AND code_hash = ?"
_DROP_CLOSED: Final = "DELETE FROM inbox WHERE (instance_id, execution_id) IN (SELECT unnest(?), unnest(?))"
_DROP_TIMERS: Final = (
    "DELETE FROM inbox WHERE kind = 'TimerFired' "
    "AND (execution_id, scheduled_id) IN (SELECT unnest(?), unnest(?::BIGINT[]))"
)


class Writer:
    """Writes batches over one connection, inside transactions that its caller begins and ends.

    Args:
        connection: The connection.
        seals: Seals each row; None: they get none.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, seals: Seals | None = None) -> None:
        self._connection = connection
        self._seals = seals
        self._appenders: dict[str, duckdb.Appender] = {}

    def write(self, batch: Batch) -> None:
        """Carry out a batch: deletions, then rows. When it raises, its caller rolls back."""
        try:
            self._write(batch)
        except BaseException:
            self._discard()
            raise

    def _write(self, batch: Batch) -> None:
        self._delete(batch.deletions)
        self._append("history", rows.HISTORY, batch.history)
        self._append("inbox", rows.INBOX, batch.inbox)
        self._append("instances", rows.INSTANCES, batch.instances)
        self._append("definitions", rows.DEFINITIONS, batch.definitions)
        self._update(batch.instance_updates)
        if not batch.leaves_its_number():
            self._connection.execute("UPDATE meta SET lsn = ?", [batch.lsn])

    def _discard(self) -> None:
        # Rows that were not flushed would be written by the next batch.
        for appender in self._appenders.values():
            try:
                appender.clear()
            except duckdb.Error:
                pass  # its connection is gone, and the rows with it
        self._appenders.clear()

    def _delete(self, gone: Deletions) -> None:
        for version in gone.versions:
            self._connection.execute(_DROP_VERSION, version)
        if gone.iids:
            self._delete_numbers("history", "iid", gone.iids)
        if gone.iids or gone.replaced:
            self._delete_numbers("instances", "iid", [*gone.iids, *gone.replaced])
        if gone.instance_ids:
            of_these = "DELETE FROM inbox WHERE instance_id IN (SELECT unnest(?))"
            self._connection.execute(of_these, [gone.instance_ids])
        if gone.closed:
            self._connection.execute(
                _DROP_CLOSED, [list(column) for column in zip(*gone.closed, strict=True)]
            )
        if gone.timers:
            self._connection.execute(
                _DROP_TIMERS, [list(column) for column in zip(*gone.timers, strict=True)]
            )
        if gone.row_ids:
            self._delete_numbers("inbox", "row_id", gone.row_ids)
        for key in gone.definitions:
            self._connection.execute(_DROP_CODE, key)

    def _delete_numbers(self, table: str, column: str, numbers: list[int]) -> None:
        if len(numbers) <= _FEW:
            spelled = ", ".join(str(int(number)) for number in numbers)
            self._connection.execute(f"DELETE FROM {table} WHERE {column} IN ({spelled})")
            return
        make = self._connection.appender
        self._flush(
            f"delete {table}", lambda: make(table, action="delete", key=[column]), ((n,) for n in numbers)
        )

    def _append(self, table: Table, columns: tuple[str, ...], new: list[Row]) -> None:
        if new:
            make = self._connection.appender
            sealed = self._sealed(table, new)
            self._flush(table, lambda: make(table, columns=[*columns, "seal"]), sealed)

    def _sealed(self, table: Table, new: list[Row]) -> list[Row]:
        return [(*row, None) for row in new] if self._seals is None else self._seals.sealed(table, new)

    def _update(self, whole: list[Row]) -> None:
        live = len(rows.FIXED)
        changed = [(*row[live:], row[0]) for row in self._sealed("instances", whole)]
        if len(changed) == 1:
            self._connection.execute(_UPDATE_ONE, changed[0])
        elif changed:
            columns = [*_LIVE, "iid"]
            make = self._connection.appender
            update = "update instances"
            self._flush(
                update, lambda: make("instances", columns=columns, action="update", key=["iid"]), changed
            )

    def _flush(self, name: str, make: Callable[[], duckdb.Appender], new: Iterable[Row]) -> None:
        appender = self._appenders.get(name)
        if appender is None:
            appender = self._appenders[name] = make()
        appender.append_rows(new)
        appender.flush()
