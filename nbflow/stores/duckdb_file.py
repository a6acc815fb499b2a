"""The DuckDB file under a store: its connection, its lock, its checkpoints, its errors.

DuckDB checkpoints on its own at the end of some commits. Here it is told not to:
when such a checkpoint fails (a full disk), DuckDB reports a commit as failed that
is durable, and refuses everything until the file is opened again. So commits only
write the log, and `checkpoint_if_due` is called behind them. When that fails, or
anything else makes DuckDB give the database up, the next use opens it afresh.

Never open the store's file with Python's ``open`` while it is in use here: closing
any handle to a file drops the process's lock on it (POSIX).
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import duckdb

from nbflow.errors import StoreError
from nbflow.stores import duckdb_errors as errors
from nbflow.stores import refusals
from nbflow.stores.duckdb_rows import Row
from nbflow.stores.duckdb_schema import Schema, check, prepare

CHECKPOINT_BYTES: Final = 4_000_000
"""Size of the log at which it is folded into the file: a stall of some 20 to 50 ms, and little to replay."""

_SETTINGS: Final[dict[str, str]] = {
    "threads": "1",  # a commit costs a quarter more with two
    "memory_limit": "1GB",  # the kernel's memory is its user's; larger queries spill into a folder beside the file
    "checkpoint_threshold": "1TB",  # see above
    "autoinstall_known_extensions": "false",  # opening somebody's SQLite file must not download anything
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",  # a table name in SQL never means a Python variable
    "fsync_mode": "FULL",  # on macOS a plain fsync doesn't reach the disk
}
_BUSY_SECONDS: Final = 5.0
_log = logging.getLogger(__name__)


class DatabaseFile:
    """A DuckDB database that one process holds, with errors that say what to do.

    Attributes:
        name: The path as it was given, for messages.
        store_id: The store's UUID, once it was opened.
        openings: How often it was opened; what hangs on a connection is stale when this has changed.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        schema: Schema,
        checkpoint_bytes: int,
        connect: Callable[..., duckdb.DuckDBPyConnection],
        read_only: bool = False,
    ) -> None:
        self.name = str(path)
        self.store_id = ""
        self.openings = 0
        self._path = None if self.name == ":memory:" else Path(path).expanduser().absolute()
        self._schema = schema
        self._checkpoint_bytes = self._due = checkpoint_bytes
        self._connect_to = connect
        self._is_read_only = read_only
        self._wanted = False
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._opening = threading.RLock()
        self._cursors: weakref.WeakSet[duckdb.DuckDBPyConnection] = weakref.WeakSet()

    def open(self) -> None:
        """Connect, and make or migrate the tables, or only check them; opening twice is no error."""
        with self._opening:  # a reader and a loader may both find that DuckDB gave the last connection up
            if self._connection is None:
                self._open()

    def _open(self) -> None:
        connection = self._connect()
        look = check if self._is_read_only else prepare
        try:
            self.store_id = look(connection, self._schema, self.name)
        except BaseException as error:
            _leave_as_found(connection)
            if isinstance(error, duckdb.Error):
                raise errors.unreadable(self.name, error) from error
            raise
        self._connection = connection
        self._wanted = True
        self.openings += 1
        self.checkpoint_if_due()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        # DuckDB lets a process open a file twice if the settings are equal; ours never are.
        settings = _SETTINGS | {"custom_user_agent": f"nbflow {uuid4()}"}
        if self._path is None:
            return self._connect_to(":memory:", config=settings)
        if self._is_read_only:
            errors.check_presence(self.name, self._path)
            settings |= {"access_mode": "READ_ONLY"}
        errors.check_place(self.name, self._path)
        try:
            return self._connect_to(str(self._path), config=settings)
        except duckdb.Error as error:
            raise errors.why_not_opened(self.name, error) from error

    def close(self) -> None:
        """Fold the log into the file and let go of it; queries under way on cursors are interrupted."""
        self._wanted = False
        if self._connection is None:
            return
        try:
            if not self._is_read_only:
                self._connection.execute("CHECKPOINT")
        except duckdb.Error as error:
            _log.warning("%s was closed without a checkpoint: %s", self.name, errors.first_line(error))
        self._disconnect()

    def _disconnect(self) -> None:
        with self._opening:
            self._let_go()

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        deadline = time.monotonic() + _BUSY_SECONDS
        while connection is not None:
            for cursor in list(self._cursors):
                cursor.interrupt()
            try:
                connection.close()
                self._cursors.clear()  # whoever kept one has a closed one, which can't be interrupted
                return
            except duckdb.ResourceInUseException as error:
                if time.monotonic() > deadline:
                    raise StoreError(
                        f"{self.name} can't be closed: a query on it is still running"
                    ) from error
                time.sleep(0.005)

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The writer's connection, made anew if DuckDB gave the last one up."""
        if not self._wanted:
            raise refusals.not_open(self.name)
        if self._connection is None:
            self.open()
        connection = self._connection
        if connection is None:
            raise StoreError(f"{self.name} was given up by DuckDB just now: try again")
        return connection

    @property
    def is_kept(self) -> bool:
        """Whether there is a file that may be written."""
        return self._path is not None and not self._is_read_only

    @property
    def is_lost(self) -> bool:
        """Whether DuckDB gave the database up, so that the next use opens it again."""
        return self._wanted and self._connection is None

    def run(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Carry out one statement and fetch everything: an open result would own the connection."""
        connection = self.connection
        try:
            return connection.execute(sql, values or None).fetchall()
        except duckdb.Error as error:
            raise self.failed(error) from error

    def failed(self, error: Exception) -> StoreError:
        """The error to raise for one of DuckDB's; lets go of a database that DuckDB gave up."""
        if isinstance(error, StoreError):
            return error
        if isinstance(error, duckdb.FatalException):
            _log.warning("%s has to be opened again: %s", self.name, errors.first_line(error))
            self._disconnect()
        return StoreError(f"{self.name}: {errors.first_line(error)}")

    @contextmanager
    def transaction(self) -> Generator[duckdb.DuckDBPyConnection]:
        """Do the block's work in one transaction, or none of it.

        Raises:
            StoreError: Anything failed. If `is_lost` then, it is not known yet whether it was committed.
        """
        connection = self.connection
        try:
            connection.begin()
            yield connection
            connection.commit()
        except BaseException as error:
            try:
                connection.rollback()
            except duckdb.Error:
                pass  # a commit that fails has ended its transaction already
            if isinstance(error, Exception):
                raise self.failed(error) from error
            raise

    def checkpoint_if_due(self, connection: duckdb.DuckDBPyConnection | None = None) -> None:
        """Fold the log into the file once it has grown; never raises: what was committed stays so.

        Args:
            connection: The one to do it on; the writer's if None.
        """
        connection = connection or self._connection
        if self._path is None or connection is None or self._is_read_only:
            return
        try:
            size = os.stat(f"{self._path}.wal").st_size
        except OSError:
            return
        if size < self._due:
            return
        self._due = self._checkpoint_bytes
        try:
            connection.execute("CHECKPOINT")
        except duckdb.TransactionException as error:  # somebody's is under way: no reason to alarm anybody
            self._due += size
            _log.info("%s is checkpointed later: %s", self.name, errors.first_line(error))
        except duckdb.Error as error:
            # The disk is full, say: try again when there is as much again.
            self._due += size
            _log.warning("%s could not be checkpointed: %s", self.name, errors.first_line(error))
            self._give_up_after(error)

    def _give_up_after(self, error: duckdb.Error) -> None:
        try:
            self.failed(error)
        except StoreError:
            _log.exception("%s could not be let go of", self.name)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own for one reader; it is closed with the store."""
        cursor = self.connection.cursor()
        self._cursors.add(cursor)
        return cursor

    def export_to(self, path: str | Path) -> None:
        """Write a copy of the whole database, as of now, into a new file."""
        target = Path(path).expanduser().absolute()
        errors.check_target(str(path), target)
        connection = self.connection
        place, copy = str(target).replace("'", "''"), f"copy_{uuid4().hex}"
        try:
            connection.execute(f"ATTACH '{place}' AS {copy} (READ_WRITE)")
            try:
                ((own,),) = connection.execute("SELECT current_database()").fetchall()
                quoted = own.replace('"', '""')
                connection.execute(f'COPY FROM DATABASE "{quoted}" TO {copy}')
                connection.execute(f"CHECKPOINT {copy}")
            except duckdb.Error:
                target.unlink()
                raise
            finally:
                connection.execute(f"DETACH {copy}")
        except duckdb.Error as error:
            self._give_up_after(error)
            raise errors.not_exported(str(path), error) from error


def _leave_as_found(connection: duckdb.DuckDBPyConnection) -> None:
    try:
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
    except duckdb.Error:
        pass  # DuckDB gave it up: it won't write either
    connection.close()
