"""A mismatch as HTML: two columns with event numbers, the first mismatch in red, the cause, and the ways out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nbflow.core.explain.report import DiffRow, Divergence
from nbflow.views.divergence.words import (
    TITLE,
    cause,
    cells_of,
    expected_and_actual,
    left_out,
    look_of,
    place,
    ways_out,
)
from nbflow.views.looks import Tone
from nbflow.views.markup import COLOURS, DENSE_CELL, HEAD, escaped, faint, head, icon, notice

_PARTS: Final = f"border-top: 2px solid {COLOURS[Tone.BAD]}; border-bottom: 2px solid {COLOURS[Tone.BAD]}"


def html_divergence(divergence: Divergence, instance_id: str) -> Iterator[str]:
    """Draw a mismatch; every value in it is escaped."""
    expected, actual = map(escaped, expected_and_actual(divergence))
    said = f"✗ <strong>{TITLE}</strong>\n{expected}\n{actual}"
    if place(divergence):
        said += f"\n<code>{escaped(place(divergence))}</code>"
    yield notice(f"{said}\n{escaped(cause(divergence))}", Tone.BAD)
    yield from html_rows(divergence)
    yield from _ways(divergence, instance_id)


def html_rows(divergence: Divergence) -> Iterator[str]:
    """Both sides, row by row."""
    above, below = left_out(divergence)
    yield '<details open="open"><summary>Both sides</summary>'
    if above:
        yield faint(above, "div")
    yield '<table style="border-collapse: collapse; font-size: 12px; margin: 4px 0px">'
    yield from head(("Compared", "Event", "History", "Code", "What differs"))
    yield "<tbody>"
    yield from (_row(row) for row in divergence.rows)
    yield "</tbody></table>"
    if below:
        yield faint(below, "div")
    yield "</details>"


def _row(row: DiffRow) -> str:
    look, (seq, expected, actual, note) = look_of(row), cells_of(row)
    style = f"{DENSE_CELL}; {_PARTS}" if row.is_first else DENSE_CELL
    cells = [
        f'<td style="{style}; white-space: nowrap">{icon(look)} {escaped(look.word)}</td>',
        f'<td style="{style}; text-align: right">{seq}</td>',
        *(f'<td style="{style}">{escaped(text)}</td>' for text in (expected, actual)),
        f'<td style="{style}">{faint(escaped(note))}</td>',
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _ways(divergence: Divergence, instance_id: str) -> Iterator[str]:
    yield f'<div style="{HEAD}">What can be done</div><ul style="margin: 0px 0px 8px 0px">'
    for command, means in ways_out(divergence, instance_id):
        typed = f"<code>{escaped(command)}</code> " if command else ""
        yield f"<li>{typed}{escaped(means)}</li>"
    yield "</ul>"
