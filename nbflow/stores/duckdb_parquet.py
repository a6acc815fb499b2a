"""A history's rows as Parquet files, written by DuckDB itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import duckdb

from nbflow.errors import StoreUnavailableError
from nbflow.stores.duckdb_errors import first_line

_ORDER: Final[Mapping[str, str]] = {
    "instances": "iid",
    "history": "iid, lsn, seq",
    "inbox": "row_id",
    "definitions": "created_at, lsn",
    "runs": "",
    "activities": "",
    "timers": "",
    "events": "",
}
"""What there is to write, and the order of the rows of what has none of its own."""

TABLES: Final = tuple(_ORDER)


def write_parquet(cursor: Any, table: str, path: Path, *, instance_id: str | None = None) -> int:
    """Write a table or view into one file, which is replaced; gives its size in bytes.

    Args:
        cursor: A cursor of the store that nobody else uses.
        table: One of `TABLES`.
        path: The file.
        instance_id: Only the rows of this run; definitions are of no run, and written whole.

    Raises:
        StoreUnavailableError: The file can't be written.
    """
    column = "instance_id" if table in ("instances", "history", "inbox") else "instance"
    is_all = instance_id is None or table == "definitions"
    where = "" if is_all else f" WHERE {column} = {_literal(str(instance_id))}"
    order = f" ORDER BY {_ORDER[table]}" if _ORDER[table] else ""
    try:
        cursor.execute(
            f"COPY (SELECT * FROM {table}{where}{order}) TO {_literal(str(path))} (FORMAT parquet, COMPRESSION zstd)"
        )
    except duckdb.Error as error:
        raise StoreUnavailableError(
            f"{path} could not be written ({first_line(error)}): name another file, `%wf export ID run.parquet`"
        ) from error
    return path.stat().st_size


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
