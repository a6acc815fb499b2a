"""Tables of runs and of history events: text in a terminal, HTML in a notebook, rows for Python."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape
from typing import Any, Final

from nbflow.views.table import WIDEST, shown, text_table

_CELL_STYLE: Final = "text-align: left; vertical-align: top"
_LINE_STYLE: Final = f"{_CELL_STYLE}; white-space: nowrap"
_TEXT_STYLE: Final = f"{_CELL_STYLE}; overflow-wrap: anywhere"


class Table:
    """Rows under a heading; iterating gives the rows as they are.

    Args:
        heading: The columns' names.
        rows: What stands in them; shown as text, and as text only.
        empty: What is said if there are none.
        note: One line below the rows.
    """

    def __init__(
        self, heading: Sequence[str], rows: Sequence[Sequence[Any]], *, empty: str, note: str = ""
    ) -> None:
        self.heading = tuple(heading)
        self.rows = [tuple(row) for row in rows]
        self.note = note
        self.empty = empty

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.rows)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        return self.rows[index]

    def __repr__(self) -> str:
        if not self.rows:
            return self.empty
        text = text_table(self.heading, self.rows)
        return f"{text}\n{self.note}" if self.note else text

    def _repr_html_(self) -> str | None:
        if not self.rows:
            return f"<p>{escape(self.empty)}</p>"
        head = "".join(f'<th style="{_LINE_STYLE}">{escape(name)}</th>' for name in self.heading)
        body = "".join(
            "<tr>"
            + "".join(f'<td style="{_style(value)}">{escape(shown(value))}</td>' for value in row)
            + "</tr>"
            for row in self.rows
        )
        note = f"<p>{escape(self.note)}</p>" if self.note else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}"


def _style(value: Any) -> str:
    """A date stays on one line; a long text, which may have no blank in it, does not push the rest off the page."""
    if isinstance(value, datetime):
        return _LINE_STYLE
    return _TEXT_STYLE if len(str(value)) > WIDEST else _CELL_STYLE
