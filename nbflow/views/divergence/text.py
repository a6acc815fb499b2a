"""A mismatch for terminals: two columns with event numbers, the cause, and the ways out."""

from __future__ import annotations

from collections.abc import Iterator

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
from nbflow.views.excerpts import cells, fit

_NARROWEST = 60


def text_divergence(divergence: Divergence, instance_id: str, *, width: int = 100) -> str:
    """Draw a mismatch in lines of at most ``width`` cells (at least 60), without a final newline."""
    return "\n".join(line.rstrip() for line in lines_of(divergence, instance_id, max(width, _NARROWEST)))


def lines_of(divergence: Divergence, instance_id: str, width: int) -> Iterator[str]:
    """The lines of it."""
    expected, actual = expected_and_actual(divergence)
    yield fit(f"✗ {TITLE}", width)
    yield fit(f"  {expected}", width)
    yield fit(f"  {actual}", width)
    if place(divergence):
        yield fit(f"  {place(divergence)}", width)
    yield from _broken(cause(divergence), width)
    yield ""
    yield from lines_of_rows(divergence, width)
    yield ""
    for command, means in ways_out(divergence, instance_id):
        yield fit(f"  {command}: {means}" if command else f"  {means}", width)


def lines_of_rows(divergence: Divergence, width: int) -> Iterator[str]:
    """Both sides, row by row: event, history, sign, code: the first mismatch has a word beside it."""
    above, below = left_out(divergence)
    side = (width - 14) // 2
    yield fit(f"  {'event':>6}  {fit('history', side)}   code", width)
    if above:
        yield f"  {above}"
    for row in divergence.rows:
        yield from _row(row, side, width)
    if below:
        yield f"  {below}"


def _row(row: DiffRow, side: int, width: int) -> Iterator[str]:
    look, (seq, expected, actual, note) = look_of(row), cells_of(row)
    mark = "✗" if row.is_first else " "
    sign = "≠" if row.is_first and row.kind == "changed" else look.icon
    yield fit(f"{mark} {seq:>6}  {fit(expected, side)} {sign} {actual}", width)
    if row.is_first or (note and row.kind in ("changed", "moved")):
        said = ": ".join(filter(None, (look.word, note)))
        yield fit(f"{'':10}{said}", width)


def _broken(text: str, width: int) -> Iterator[str]:
    """Break a sentence over lines, at spaces."""
    line = " "
    for word in text.split(" "):
        if cells(line) + 1 + cells(word) > width and line.strip():
            yield fit(line, width)
            line = " "
        line = f"{line} {word}"
    yield fit(line, width)
