"""Questions in SQL to a history's tables, and nothing but questions.

A statement runs on a cursor of its own, in a read-only transaction, and can't see
the variables of the Python around it.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, cast

import duckdb

from nbflow.errors import QuestionError
from nbflow.stores.duckdb_errors import first_line

_QUESTIONS: Final = ("SELECT", "EXPLAIN")  # DESCRIBE, SHOW, SUMMARIZE, FROM and VALUES are SELECTs to DuckDB


class Answer:
    """What a question found, see `nbflow.runtime.questions.Answer`.

    Args:
        cursor: What the question was put to.
    """

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self.heading: tuple[str, ...] = tuple(column[0] for column in cursor.description)

    def rows(self, limit: int | None = None) -> list[tuple[Any, ...]]:
        """The rows, or the first few of them."""
        return self._cursor.fetchall() if limit is None else self._cursor.fetchmany(limit)

    def frame(self) -> Any:
        """The rows as a DataFrame of pandas, or else of polars; None where neither is installed."""
        if find_spec("pandas") is not None:
            return self._cursor.df()
        if find_spec("polars") is None:
            return None
        # From rows: DuckDB's own way to polars needs pyarrow.
        make: Any = import_module("polars").DataFrame
        return make(self.rows(), schema=_distinct(self.heading), orient="row", infer_schema_length=None)


@contextmanager
def asked(cursor: Any, question: str, command: str) -> Generator[Answer]:
    """Put a question, and have its answer for as long as the block takes.

    Args:
        cursor: A cursor of the store that nobody else uses.
        question: One statement.
        command: What the person typed before it, for messages: ``%wf sql``.

    Raises:
        QuestionError: It is no SELECT, EXPLAIN, DESCRIBE or SHOW; or DuckDB refuses it.
    """
    try:
        _check(question, command)
        cursor.execute("SET python_enable_replacements = false")
        cursor.execute("BEGIN TRANSACTION READ ONLY")
        yield Answer(cursor.execute(question))
    except duckdb.Error as error:
        raise QuestionError(f"{first_line(error)} - {command} SHOW TABLES lists what there is") from None
    finally:
        with suppress(duckdb.Error):  # there is no transaction if the question was refused before
            cursor.execute("ROLLBACK")


def _check(question: str, command: str) -> None:
    if not question.strip():
        raise QuestionError(f"{command} needs a question: type {command} SELECT * FROM runs")
    statements = cast("list[Any]", cast("Any", duckdb).extract_statements(question))
    if len(statements) != 1:
        raise QuestionError(f"{command} takes one statement, not {len(statements)}: type {command} SELECT …")
    if statements[0].type.name not in _QUESTIONS:
        raise QuestionError(
            f"{command} takes only questions, and this is {statements[0].type.name}: history is append-only: "
            f"type {command} SELECT …"
        )


def _distinct(names: tuple[str, ...]) -> list[str]:
    """The names, with a number behind those that are there already: pandas has columns of one name, polars has not."""
    found: list[str] = []
    for name in names:
        other, number = name, 1
        while other in found:
            other, number = f"{name}_{number}", number + 1
        found.append(other)
    return found
