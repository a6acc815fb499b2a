"""Carrying batches from the journal into DuckDB's tables, any number of them in one transaction.

DuckDB reads the lines into a temporary table by itself, without Python's lock; a few statements over all of them do the rest.
They mean what the batches mean one after another: a deletion reaches the rows of earlier batches and never those of its own, where
it was played through already; of what is written to one instance, the last counts.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import duckdb

from nbflow.stores import duckdb_rows as rows
from nbflow.stores.journal.lines import COLUMNS

_FEW: Final = 30
"""Up to so many numbers are spelled out in a DELETE, so that DuckDB skips the blocks that hold none of them."""
LONGEST: Final = 16 << 20
"""Bytes of a line that DuckDB reads without being told to have more room."""

_TYPES: Final = "{" + ", ".join(f"'{column}': '{kind}'" for column, kind in COLUMNS.items()) + "}"
_SEAL: Final = "from_base64(seal)"
_LAST: Final = "QUALIFY row_number() OVER (PARTITION BY iid ORDER BY batch DESC) = 1"
_LATER: Final = "SELECT 1 FROM carried AS g WHERE g.row = '{row}' AND g.batch > s.batch AND "
_SAME_CODE: Final = "g.kind = s.kind AND g.name = s.name AND g.code_hash = s.code_hash"

_MESSAGES: Final = {
    "take": "g.row_id = s.row_id",
    "empty": "g.instance_id = s.instance_id",
    "close": "g.instance_id = s.instance_id AND g.execution_id = s.execution_id",
    "timer": "s.kind = 'TimerFired' AND g.execution_id = s.execution_id AND g.scheduled_id = s.scheduled_id",
}
"""The messages ``s`` that a deletion ``g`` reaches."""
_CODE: Final = {
    "forget": f"{_SAME_CODE} AND g.source_hash = s.source_hash",
    "drop": _SAME_CODE,
}
"""The definitions likewise."""


def carry(connection: duckdb.DuckDBPyConnection, path: Path, lsn: int, *, longest: int) -> None:
    """Carry out all batches of a file, in a transaction that the caller begins and ends.

    Args:
        connection: Where.
        path: Whole batches that DuckDB doesn't have, and nothing else.
        lsn: The last one's number.
        longest: Bytes of the longest line, or more.
    """
    run = connection.execute
    run(
        f"CREATE OR REPLACE TEMP TABLE carried AS SELECT * FROM read_json({_quoted(path)}, format = "
        f"'newline_delimited', columns = {_TYPES}, maximum_object_size = {max(longest, LONGEST)})"
    )
    kinds = {kind for (kind,) in run("SELECT DISTINCT row FROM carried").fetchall()}
    if "purge" in kinds:
        _delete_numbers(connection, "history", "iid", "purge")
        _delete_numbers(connection, "instances", "iid", "purge")
    if "replace" in kinds:
        _delete_numbers(connection, "instances", "iid", "replace")
    purged = "AND iid NOT IN (SELECT iid FROM carried WHERE row = 'purge')" if "purge" in kinds else ""
    if "history" in kinds:
        run(f"{_insert('history', rows.HISTORY)} FROM carried WHERE row = 'history' {purged}")
    if "instance" in kinds:
        run(f"{_insert('instances', rows.INSTANCES)} FROM carried WHERE row = 'instance' {purged} {_LAST}")
    if "update" in kinds:
        _update(run, is_replaced="instance" in kinds)
    _replace_rows(run, kinds, "inbox", rows.INBOX, "inbox", _MESSAGES)
    _replace_rows(run, kinds, "definitions", rows.DEFINITIONS, "definition", _CODE)
    run("UPDATE meta SET lsn = ?", [lsn])
    run("DROP TABLE carried")


def _quoted(path: Path) -> str:
    # A name that is there is never taken for a pattern, whatever is in it.
    return "'" + str(path).replace("'", "''") + "'"


def _insert(table: str, columns: tuple[str, ...]) -> str:
    named = ", ".join(columns)
    return f"INSERT INTO {table} ({named}, seal) SELECT {named}, {_SEAL}"


def _update(run: Callable[[str], object], *, is_replaced: bool) -> None:
    newer = _LATER.format(row="instance") + "g.iid = s.iid"
    still = f"AND NOT EXISTS ({newer})" if is_replaced else ""
    changes = ", ".join(f"{column} = u.{column}" for column in rows.LIVE)
    run(
        f"UPDATE instances SET {changes}, seal = from_base64(u.seal) FROM "
        f"(SELECT * FROM carried AS s WHERE row = 'update' {still} {_LAST}) AS u WHERE instances.iid = u.iid"
    )


def _replace_rows(
    run: Callable[[str], object],
    kinds: set[str],
    table: str,
    columns: tuple[str, ...],
    kind: str,
    reaches: dict[str, str],
) -> None:
    """Delete what the batches delete of a table, and write those of their rows that no later batch deletes."""
    deletions = {row: condition for row, condition in reaches.items() if row in kinds}
    for row, condition in deletions.items():
        run(f"DELETE FROM {table} AS s USING carried AS g WHERE g.row = '{row}' AND {condition}")
    if kind in kinds:
        gone = "".join(
            f" AND NOT EXISTS ({_LATER.format(row=row)}{condition})" for row, condition in deletions.items()
        )
        run(f"{_insert(table, columns)} FROM carried AS s WHERE row = '{kind}'{gone}")


def _delete_numbers(connection: duckdb.DuckDBPyConnection, table: str, column: str, row: str) -> None:
    numbers = f"SELECT {column} FROM carried WHERE row = '{row}'"
    found = connection.execute(f"{numbers} LIMIT {_FEW + 1}").fetchall()
    if len(found) <= _FEW:
        numbers = ", ".join(str(int(number)) for (number,) in found)
    connection.execute(f"DELETE FROM {table} WHERE {column} IN ({numbers})")
