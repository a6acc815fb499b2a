"""``%wf sql``: questions to the history's tables, and nothing but questions."""

from __future__ import annotations

from typing import Any, Final

from nbflow.errors import QuestionError
from nbflow.jupyter.actions import Request
from nbflow.jupyter.complaints import CommandError
from nbflow.jupyter.session import NbFlow
from nbflow.jupyter.tables import Table
from nbflow.runtime.questions import Answer, asked

_MOST_ROWS: Final = 1000


def sql(session: NbFlow, request: Request) -> Any:
    """The answer to a SELECT: a DataFrame if there is pandas or polars, else a table.

    Raises:
        CommandError: It is no SELECT, or DuckDB refuses it.
    """
    question = request.cell if request.cell is not None else request.line
    try:
        with asked(session.runtime, question, command="%wf sql") as answer:
            frame = answer.frame()
            return _table(answer) if frame is None else frame
    except QuestionError as error:
        raise CommandError(str(error)) from None


def _table(answer: Answer) -> Table:
    rows = answer.rows(_MOST_ROWS + 1)
    note = f"only the first {_MOST_ROWS} rows are shown" if len(rows) > _MOST_ROWS else ""
    return Table(answer.heading, rows[:_MOST_ROWS], empty="no rows", note=note)
