"""Giving the room back that purges leave in a DuckDB file.

DuckDB writes into free blocks again, but a file gets smaller only by those at its end, and its checkpoints
write what stays behind what is free. So the tables are made anew in one transaction: their rows go to the
front, and the checkpoint behind it cuts the rest off. Where there isn't room enough at the front, ballast takes
it, so that the rows go to the end, and all before them is free. A process that is killed meanwhile leaves the file as it
was, or as it is to be. (A new file and a rename would leave a moment in which nobody holds the lock.)
"""

from __future__ import annotations

from typing import Final

import duckdb

from nbflow.errors import StoreError
from nbflow.ports import Compacted
from nbflow.stores.duckdb_file import DatabaseFile
from nbflow.stores.duckdb_schema import BALLAST, TABLES, Schema

_WORTH: Final = 0.25
"""The part of a file that has to be free for it to be written anew."""

_FEW: Final = 2**20
"""Bytes that are no loss."""

_ROWS: Final = """
    SELECT sum(there), sum(alive) FROM (
        SELECT coalesce(max(rowid) + 1, 0) AS there, count(*) AS alive FROM history
        UNION ALL SELECT coalesce(max(rowid) + 1, 0), count(*) FROM instances
    )
"""

_AMPLE: Final = 1.2
"""How much more has to be free than stays, so that the rows find room at the front; metadata takes some, too."""

_TIMES: Final = 2


def compact(file: DatabaseFile, schema: Schema, *, most: int | None) -> Compacted:
    """Make the file as small as it can be.

    Args:
        file: The file; nothing else may hang on its connection, since its tables are replaced.
        schema: Its tables.
        most: Bytes of history that may be written anew for that; where more would stay, or less than half of the
            file is spare, the file is left as it is.

    Raises:
        StoreError: It can't be written, or is being read; what it holds is as it was.
    """
    _checkpoint(file)
    before = now = _room(file)
    for _ in range(_TIMES):
        stays = now.after - now.spare
        is_worth = now.spare > max(_FEW, _WORTH * now.after)
        if not is_worth or (most is not None and stays > min(most, now.spare)):
            break
        _, free = _blocks(file)
        if free < _AMPLE * stays:
            _move_to_the_end(file, schema, free)
        _rewrite(file, schema)
        _checkpoint(file)
        now = _room(file)
    return Compacted(before=before.after, after=now.after, spare=now.spare)


def _move_to_the_end(file: DatabaseFile, schema: Schema, free: int) -> None:
    """Have enough room at the front, where the free bytes alone would not suffice."""
    file.run(f"CREATE TABLE {BALLAST} AS SELECT hash(range) FROM range({free // 8})")
    _checkpoint(file)
    _rewrite(file, schema)
    _checkpoint(file)
    file.run(f"DROP TABLE {BALLAST}")
    _checkpoint(file)


def _checkpoint(file: DatabaseFile) -> None:
    try:
        file.connection.execute("CHECKPOINT")
    except duckdb.TransactionException as error:
        raise StoreError(
            f"{file.name}: a query on it is still running: try again once that has ended"
        ) from error
    except duckdb.Error as error:
        raise file.failed(error) from error


def _room(file: DatabaseFile) -> Compacted:
    """What the file has, and how much of it nothing needs: free blocks, and rows that are erased but still there."""
    total, free = _blocks(file)
    ((there, alive),) = file.run(_ROWS)
    erased = 1 - alive / there if there else 0.0
    return Compacted(before=total, after=total, spare=int(free + (total - free) * erased))


def _blocks(file: DatabaseFile) -> tuple[int, int]:
    """Bytes of all blocks, and of those that are free."""
    ((block, total, free),) = file.run(
        "SELECT block_size, total_blocks, free_blocks FROM pragma_database_size()"
    )
    return total * block, free * block


def _rewrite(file: DatabaseFile, schema: Schema) -> None:
    with file.transaction() as connection:
        for table in TABLES:
            connection.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
        connection.execute(schema.tables)
        for table in TABLES:
            connection.execute(f"INSERT INTO {table} BY NAME FROM old_{table}")
            connection.execute(f"DROP TABLE old_{table}")
