"""``%wf sql``: questions to the history's tables, and nothing but questions.

A statement runs on a cursor of its own, behind every commit that was asked for
before it, in a read-only transaction, and can't see the notebook's variables.
"""

from __future__ import annotations

from contextlib import suppress
from importlib.util import find_spec
from typing import Any, Final, cast

import duckdb

from nbflow.jupyter.actions import Request
from nbflow.jupyter.complaints import CommandError
from nbflow.jupyter.session import NbFlow
from nbflow.jupyter.tables import Table

_QUESTIONS: Final = ("SELECT", "EXPLAIN")  # DESCRIBE, SHOW, SUMMARIZE, FROM and VALUES are SELECTs to DuckDB
_MOST_ROWS: Final = 1000


def sql(session: NbFlow, request: Request) -> Any:
    """The answer to a SELECT: a DataFrame if there is pandas, else a table.

    Raises:
        CommandError: It is no SELECT, or DuckDB refuses it.
    """
    question = request.cell if request.cell is not None else request.line
    if not question.strip():
        raise CommandError("%wf sql needs a question: type %wf sql SELECT * FROM runs")
    cursor: Any = session.runtime.read(lambda store: getattr(store, "cursor", lambda: None)())
    if cursor is None:
        raise CommandError("this history can't be asked by SQL: type %wf db PATH to open one in a file")
    try:
        _check(question)
        cursor.execute("SET python_enable_replacements = false")
        cursor.execute("BEGIN TRANSACTION READ ONLY")
        return _answer(cursor.execute(question))
    except duckdb.Error as error:
        first = str(error).strip().splitlines()[0]
        raise CommandError(f"{first} - %wf sql SHOW TABLES lists what there is") from None
    finally:
        with suppress(duckdb.Error):  # there is no transaction if the question was refused before
            cursor.execute("ROLLBACK")


def _check(question: str) -> None:
    statements = cast("list[Any]", cast("Any", duckdb).extract_statements(question))
    if len(statements) != 1:
        raise CommandError(f"%wf sql takes one statement, not {len(statements)}: type %wf sql SELECT …")
    if statements[0].type.name not in _QUESTIONS:
        raise CommandError(
            f"%wf sql takes only questions, and this is {statements[0].type.name}: history is append-only: "
            "type %wf sql SELECT …"
        )


def _answer(cursor: Any) -> Any:
    if find_spec("pandas") is not None:
        return cursor.df()
    heading = [column[0] for column in cursor.description]
    rows: list[tuple[Any, ...]] = cursor.fetchmany(_MOST_ROWS + 1)
    note = f"only the first {_MOST_ROWS} rows are shown" if len(rows) > _MOST_ROWS else ""
    return Table(heading, rows[:_MOST_ROWS], empty="no rows", note=note)
