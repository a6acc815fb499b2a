"""What a batch is in the journal: lines of JSON, one for each row and each deletion, and a line that ends it.

Each line names its batch by the number (``lsn``) of the batch's last operation. The last line has the range of
numbers, the segment's epoch, how much was written, and a hash over all of that: a batch without it, or with another
hash, was never committed. Rows have the columns of the tables, so that DuckDB reads the lines by itself.
"""

from __future__ import annotations

import hashlib
from binascii import hexlify
from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import Any, Final

import msgspec

from nbflow.core.trust import Table
from nbflow.errors import StoreError
from nbflow.stores import duckdb_rows as rows
from nbflow.stores.duckdb_batch import Batch, Deletions
from nbflow.stores.duckdb_rows import Row
from nbflow.stores.seals import Seals

FORMAT: Final = 1
"""Version of the lines; a journal of a newer one is left alone."""

COLUMNS: Final[dict[str, str]] = {
    "row": "VARCHAR",
    "batch": "BIGINT",
    # of history and inbox
    "iid": "BIGINT",
    "row_id": "BIGINT",
    "instance_id": "VARCHAR",
    "execution_id": "VARCHAR",
    "seq": "BIGINT",
    "due": "TIMESTAMP",
    "happened_at": "TIMESTAMP",
    "kind": "VARCHAR",
    "name": "VARCHAR",
    "scheduled_id": "BIGINT",
    "payload": "VARCHAR",
    "data": "VARCHAR",
    "format": "INTEGER",
    "lsn": "BIGINT",
    "seal": "VARCHAR",
    # of instances
    "generation": "INTEGER",
    "created_at": "TIMESTAMP",
    "start_at": "TIMESTAMP",
    "input": "VARCHAR",
    "definition": "VARCHAR",
    "parent_instance_id": "VARCHAR",
    "parent_execution_id": "VARCHAR",
    "parent_scheduled_id": "BIGINT",
    "origin": "VARCHAR",
    "status": "VARCHAR",
    "last_updated_at": "TIMESTAMP",
    "output": "VARCHAR",
    "custom_status": "VARCHAR",
    "failure": "VARCHAR",
    "stall": "VARCHAR",
    # of definitions
    "code_hash": "VARCHAR",
    "source_hash": "VARCHAR",
    "source": "VARCHAR",
    "parameters": "VARCHAR",
    "pin": "VARCHAR",
}
"""What DuckDB is to read, whatever kind of line it is; seals are base64."""

_LIVE: Final = len(rows.FIXED)
_BIGINT: Final = 2**63
_INTEGER: Final = 2**31
# Where a row has numbers that are its author's, and how large they may be.
_HISTORY_NUMBERS: Final = ((rows.HISTORY.index("scheduled_id"), _BIGINT),)
_INBOX_NUMBERS: Final = ((rows.INBOX.index("row_id"), _BIGINT), (rows.INBOX.index("scheduled_id"), _BIGINT))
_INSTANCE_NUMBERS: Final = (
    (rows.INSTANCES.index("generation"), _INTEGER),
    (rows.INSTANCES.index("parent_scheduled_id"), _BIGINT),
)


def _line(row: str, columns: Iterable[str]) -> Any:
    """A struct that is written as a line of this kind: without what is NULL, and made from the columns in order."""
    fields: list[Any] = [(column, Any, None) for column in ("batch", *columns)]
    return msgspec.defstruct(
        f"{row.title()}Line", fields, tag=row, tag_field="row", omit_defaults=True, gc=False
    )


_History: Final = _line("history", (*rows.HISTORY, "seal"))
_Inbox: Final = _line("inbox", (*rows.INBOX, "seal"))
_Instance: Final = _line("instance", (*rows.INSTANCES, "seal"))
_Definition: Final = _line("definition", (*rows.DEFINITIONS, "seal"))
_Update: Final = _line("update", ("iid", *rows.LIVE, "seal"))
_Purge: Final = _line("purge", ["iid"])
_Replace: Final = _line("replace", ["iid"])
_Empty: Final = _line("empty", ["instance_id"])
_Close: Final = _line("close", ["instance_id", "execution_id"])
_Timer: Final = _line("timer", ["execution_id", "scheduled_id"])
_Take: Final = _line("take", ["row_id"])
_Forget: Final = _line("forget", ["kind", "name", "code_hash", "source_hash"])
_Drop: Final = _line("drop", ["kind", "name", "code_hash"])
_encode_lines: Final = msgspec.json.Encoder().encode_lines


def encode(batch: Batch, seals: Seals | None) -> tuple[bytes, int]:
    """The lines of a batch's net effect, and how many they are.

    Raises:
        StoreError: A value could not be read back.
    """
    number = batch.lsn
    try:
        new = batch.history
        _check(new, _HISTORY_NUMBERS)
        sealed = zip(new, _seals(seals, "history", new), strict=False)
        lines: list[Any] = [_History(number, *row, seal) for row, seal in sealed]
        if new := batch.instance_updates:
            sealed = zip(new, _seals(seals, "instances", new), strict=False)
            lines += [_Update(number, row[0], *row[_LIVE:], seal) for row, seal in sealed]
        if new := batch.inbox:
            _check(new, _INBOX_NUMBERS)
            sealed = zip(new, _seals(seals, "inbox", new), strict=False)
            lines += [_Inbox(number, *row, seal) for row, seal in sealed]
        if new := batch.instances:
            _check(new, _INSTANCE_NUMBERS)
            sealed = zip(new, _seals(seals, "instances", new), strict=False)
            lines += [_Instance(number, *row, seal) for row, seal in sealed]
        if new := batch.definitions:
            sealed = zip(new, _seals(seals, "definitions", new), strict=False)
            lines += [_Definition(number, *row, seal) for row, seal in sealed]
        gone = batch.deletions
        if gone.has_rows or gone.has_messages or gone.has_code:
            lines += _gone(number, gone)
        return _encode_lines(lines), len(lines)
    except (UnicodeEncodeError, OverflowError, TypeError, ValueError) as error:
        raise StoreError(f"a row can't be written ({error}): nothing of this batch was") from error


def _seals(seals: Seals | None, table: Table, new: list[Row]) -> Iterable[bytes | None]:
    return repeat(None) if seals is None else seals.seals(table, new)


def _check(new: list[Row], numbers: tuple[tuple[int, int], ...]) -> None:
    for column, end in numbers:
        for row in new:
            if (number := row[column]) is not None and not -end <= number < end:
                # DuckDB would refuse it only when it reads the line, long after the commit.
                raise OverflowError(f"{number} is too large")


def _gone(number: int, gone: Deletions) -> Iterator[Any]:
    yield from (_Purge(number, iid) for iid in gone.iids)
    yield from (_Replace(number, iid) for iid in gone.replaced)
    yield from (_Empty(number, instance_id) for instance_id in gone.instance_ids)
    yield from (_Close(number, *execution) for execution in gone.closed)
    yield from (_Timer(number, *timer) for timer in gone.timers)
    yield from (_Take(number, row_id) for row_id in gone.row_ids)
    yield from (_Forget(number, *key) for key in gone.definitions)
    yield from (_Drop(number, *version) for version in gone.versions)


class Endings:
    """Makes and checks the last lines of batches.

    Args:
        store_id: The store's UUID; the batches of another don't pass.
    """

    def __init__(self, store_id: str) -> None:
        key = store_id.encode()[: hashlib.blake2b.MAX_KEY_SIZE]
        self._begun = hashlib.blake2b(key=key, digest_size=8, person=b"nbflow journal")

    def line(self, body: bytes, first: int, last: int, epoch: int, count: int, synced: int) -> bytes:
        """The line behind a batch's others.

        Args:
            body: Those others.
            first: Number of the batch's first operation.
            last: Number of its last one.
            epoch: The segment's.
            count: How many lines there are in ``body``.
            synced: Up to which number everything was durable before.
        """
        text = (
            f'{{"end":{last},"first":{first},"epoch":{epoch},"lines":{count},"size":{len(body)},'
            f'"synced":{synced},"hash":"'
        )
        head = text.encode()
        return head + self._hash(body, head) + b'"}\n'

    def is_whole(self, body: bytes | memoryview, head: bytes, found: bytes) -> bool:
        """Whether a batch is as it was written: its lines, the beginning of the last one, and the hash in that."""
        return self._hash(body, head) == found

    def _hash(self, body: bytes | memoryview, head: bytes) -> bytes:
        digest = self._begun.copy()
        digest.update(body)
        digest.update(head)
        return hexlify(digest.digest())
