"""Seals: how a store knows the rows that its owner wrote.

A seal is a keyed hash over a whole row, its table and its store, so that a row can't be altered, nor be
put into another place, without its owner's key. That a row was taken away, or an old one put back, shows in
none; docs/decisions/0017-trust.md says what follows from that.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from nbflow.core.trust import Flaw, Table
from nbflow.stores.duckdb_rows import Row

_TABLES: Final[tuple[Table, ...]] = ("instances", "history", "inbox", "definitions")
_encode: Final = msgspec.msgpack.Encoder().encode


class Seals:
    """Seals the rows of one store with one key.

    A seal is the key's mark, by which a foreign key is told from an altered row, and a hash.

    Args:
        key: The owner's key.
        store_id: The store.

    Attributes:
        store_id: The store.
    """

    def __init__(self, key: bytes, store_id: str) -> None:
        self.store_id = store_id
        own = hashlib.blake2b(store_id.encode(), key=key, digest_size=32, person=b"nbflow store").digest()
        self._mark = hashlib.blake2b(key=key, digest_size=4, person=b"nbflow mark").digest()
        self._begun = {
            table: hashlib.blake2b(key=own, digest_size=16, person=table.encode()) for table in _TABLES
        }

    def sealed(self, table: Table, rows: Iterable[Row]) -> list[Row]:
        """The rows, each with its seal behind its columns."""
        every = list(rows)
        return [(*row, seal) for row, seal in zip(every, self.seals(table, every), strict=True)]

    def seals(self, table: Table, rows: Iterable[Row]) -> list[bytes]:
        """The seals of these rows."""
        begin, mark, encode = self._begun[table].copy, self._mark, _encode
        result: list[bytes] = []
        for row in rows:
            seal = begin()
            seal.update(encode(row))
            result.append(mark + seal.digest())
        return result

    def flaw(self, table: Table, row: Row, seal: Any) -> Flaw | None:
        """What is wrong with a row that has this seal; None if its owner wrote it just so."""
        if seal is None:
            return Flaw.UNSIGNED
        try:
            ((*_, own),) = self.sealed(table, (row,))
            is_own = hmac.compare_digest(own, seal)
        except (TypeError, ValueError, OverflowError):  # somebody has changed a column's type
            return Flaw.ALTERED
        if is_own:
            return None
        return Flaw.ALTERED if seal[: len(self._mark)] == self._mark else Flaw.FOREIGN
