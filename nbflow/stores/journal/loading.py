"""Loading what is in the journal into DuckDB, from whichever thread has to or may wait for it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final

import duckdb

from nbflow.errors import StoreError
from nbflow.stores.duckdb_file import DatabaseFile
from nbflow.stores.journal.carrying import LONGEST, carry
from nbflow.stores.journal.disk import Disk
from nbflow.stores.journal.writing import Span

LOADED: Final = "loading.json"
"""A copy of the batches that DuckDB reads just now; it may always be deleted."""
_CHUNK: Final = 1 << 17
_LARGE: Final = 1 << 18
"""Bytes from which on a load's memory goes back to the system when it is done: up to ten times as many, and 5 ms."""
_FLUSHES: Final = "GLOBAL allocator_bulk_deallocation_flush_threshold"


class Loader:
    """Moves batches from the journal to DuckDB, one transaction at a time.

    Args:
        file: DuckDB's file; it is open.
        folder: The journal's.
        disk: How to read that.
        last_lsn: Asks DuckDB for the number of its last operation.
    """

    def __init__(self, file: DatabaseFile, folder: Path, disk: Disk, last_lsn: Callable[[], int]) -> None:
        self._file = file
        self._copy = folder / LOADED
        self._disk = disk
        self._last_lsn = last_lsn
        self._cursor: duckdb.DuckDBPyConnection | None = None
        self._opening = 0

    def load(self, spans: Iterable[Span], lsn: int, *, gives_back: bool = True) -> None:
        """Carry whole batches over, and return once DuckDB has them, durably.

        Args:
            spans: Where they lie, in order.
            lsn: The last one's number.
            gives_back: Whether the memory of a large load goes back to the system, or somebody waits.

        Raises:
            StoreError: DuckDB has none of them.
        """
        try:
            size = self._copy_out(spans)
            longest = size if size <= LONGEST else self._longest_line()
            with self._giving_back() if gives_back and size > _LARGE else nullcontext():
                self._carry(lsn, longest)
        except OSError as error:
            raise StoreError(f"{self._file.name}: its journal can't be loaded ({error.strerror})") from error
        except duckdb.Error as error:
            failure = self._file.failed(error)
            # A commit behind which DuckDB gave the database up may have happened all the same.
            if not self._file.is_lost or self._last_lsn() != lsn:
                raise failure from error
            self._file.run("CHECKPOINT")
        finally:
            self._copy.unlink(missing_ok=True)

    @contextmanager
    def _giving_back(self) -> Generator[None]:
        """Have DuckDB give the memory of what is deleted meanwhile back to the system, which it keeps by default.

        A commit of a few rows would take 1 ms longer by that.
        """
        cursor = self._connected()
        cursor.execute(f"SET {_FLUSHES} = '1KB'")
        try:
            yield
        finally:
            try:
                cursor.execute(f"RESET {_FLUSHES}")
            except duckdb.Error:
                pass  # DuckDB gave the database up: the next opening has it as by default

    def _carry(self, lsn: int, longest: int) -> None:
        cursor = self._connected()
        cursor.begin()
        try:
            carry(cursor, self._copy, lsn, longest=longest)
            cursor.commit()
        except BaseException:
            try:
                cursor.rollback()
            except duckdb.Error:
                pass  # a commit that fails has ended its transaction already
            raise

    def checkpoint_if_due(self) -> None:
        """Fold DuckDB's log into its file once it has grown."""
        self._file.checkpoint_if_due(self._connected())

    def _connected(self) -> duckdb.DuckDBPyConnection:
        """A connection of the loader's own: what it does keeps no reader waiting."""
        _ = self._file.connection  # opened anew, if DuckDB gave the last one up
        if self._cursor is None or self._opening != self._file.openings:
            self._cursor = self._file.cursor()
            self._opening = self._file.openings
        return self._cursor

    def _copy_out(self, spans: Iterable[Span]) -> int:
        """Copy batches into a file that nobody writes to any more; gives its length.

        What lies behind them in the segment may be half a batch, and DuckDB reads files to their end.
        """
        self._copy.unlink(missing_ok=True)
        target, size = self._disk.open(self._copy), 0
        try:
            for span in spans:
                place = span.start
                while place < span.end:
                    part = self._disk.read(span.segment.fd, min(_CHUNK, span.end - place), place)
                    if not part:
                        raise StoreError(f"{span.segment.path} has become shorter: nothing of it was loaded")
                    self._disk.write(target, part, size)
                    place, size = place + len(part), size + len(part)
        finally:
            self._disk.close(target)
        return size

    def _longest_line(self) -> int:
        with self._copy.open("rb") as lines:
            return max(len(line) for line in lines)
