"""The static picture of a comparison: a table with a column for each run."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from nbflow.views.comparison.rows import Comparison, Deed, Row, Side
from nbflow.views.comparison.text import apart, side, summary
from nbflow.views.excerpts import tame
from nbflow.views.markup import CELL, LINE, faint, frame, head, notice, text, title

_DIFFERS: Final = "background-color: rgba(208, 135, 0, 0.18)"
_MOST: Final = 300
_WORDS: Final = {"same": "same", "differs": "differs", "left": "only left", "right": "only right"}


def html_comparison(comparison: Comparison) -> str:
    """Draw a comparison as a piece of HTML."""
    return frame(_page(comparison))


def _page(comparison: Comparison) -> Iterator[str]:
    for one in (comparison.left, comparison.right):
        yield f"<div>{_name(one)}</div>"
    yield notice(escape(tame(summary(comparison))))
    rows = apart(comparison)
    if rows:
        yield f'<table style="border-collapse: collapse; width: 100%; border-bottom: {LINE}">'
        yield from head(
            ("", "what came", text(comparison.left.instance_id, 60), text(comparison.right.instance_id, 60))
        )
        yield "<tbody>"
        yield from (_row(row) for row in rows[:_MOST])
        yield "</tbody></table>"
    if len(rows) > _MOST:
        yield faint(f"and {len(rows) - _MOST:,} more", "div")
    alike = comparison.rows[: comparison.alike]
    if alike and rows:
        yield f"<details><summary>{_count(len(alike))} before that, the same in both</summary>"
        yield f'<table style="border-collapse: collapse; width: 100%; border-bottom: {LINE}"><tbody>'
        yield from (_row(row) for row in alike[-_MOST:])
        yield "</tbody></table></details>"


def _count(number: int) -> str:
    return "1 thing" if number == 1 else f"{number:,} things"


def _name(one: Side) -> str:
    return f"{title(one.instance_id)} {faint(text(side(one), 500))}"


def _row(row: Row) -> str:
    about = f"{text(row.about, 80)} {faint(text(row.kind))}"
    return (
        f'<tr><td style="{CELL}; white-space: nowrap">{_WORDS[row.verdict]}</td><td style="{CELL}">{about}</td>'
        f"{_deed(row.left, row)}{_deed(row.right, row)}</tr>"
    )


def _deed(deed: Deed | None, row: Row) -> str:
    if deed is None:
        return f'<td style="{CELL}">{faint("—")}</td>'
    style = f"{CELL}; {_DIFFERS}" if row.verdict != "same" else CELL
    value = f" <code>{text(deed.value)}</code>" if deed.value else ""
    did = "".join(f"<div>{text(each)}</div>" for each in deed.did)
    return f'<td style="{style}">{faint(f"event {deed.seq:,}")}{value}{did}</td>'
