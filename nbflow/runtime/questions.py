"""Whoever can be asked: an open runtime, or a history that is only read."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from nbflow.errors import QuestionError
from nbflow.ports import HistoryStore

_T = TypeVar("_T")


class Answer(Protocol):
    """What a question found; the rows are there to be taken once."""

    @property
    def heading(self) -> tuple[str, ...]:
        """The columns' names."""
        ...

    def rows(self, limit: int | None = None) -> list[tuple[Any, ...]]:
        """The rows, or the first few of them."""
        ...

    def frame(self) -> Any:
        """The rows as a DataFrame of pandas, or else of polars; None where neither is installed."""
        ...


class Readable(Protocol):
    """Something with a store behind it."""

    @property
    def path(self) -> str:
        """The store's file."""
        ...

    def read(self, query: Callable[[HistoryStore], _T]) -> _T:
        """Run a query on the store's thread, behind every commit that was asked for before."""
        ...


@contextmanager
def asked(place: Readable, question: str, *, command: str) -> Generator[Answer]:
    """Put a question in SQL, and have its answer for as long as the block takes.

    Args:
        place: Whom to ask.
        question: One SELECT, EXPLAIN, DESCRIBE or SHOW.
        command: What the person typed before it, for messages: ``%wf sql``.

    Raises:
        QuestionError: It is something else, or there is no answer.
    """
    from nbflow.stores import duckdb_questions

    with duckdb_questions.asked(cursor_of(place), question, command) as answer:
        yield answer


def cursor_of(place: Readable) -> Any:
    """A cursor on the store's tables, to be used by one thread; raises QuestionError where there are none."""
    cursor: Any = place.read(lambda store: getattr(store, "cursor", lambda: None)())
    if cursor is None:
        raise QuestionError(
            "this history has no tables: type %wf db PATH for one in a file, with DuckDB behind it"
        )
    return cursor
