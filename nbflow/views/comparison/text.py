"""A comparison of two runs for terminals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nbflow.views.comparison.rows import Comparison, Deed, Row, Side
from nbflow.views.durations import duration
from nbflow.views.excerpts import cells, fit

_NARROWEST = 60


def summary(comparison: Comparison) -> str:
    """What the two have in common, and how far they go together."""
    left, right = comparison.left.instance_id, comparison.right.instance_id
    if comparison.is_same:
        return f"{left} and {right} saw the same and did the same"
    shared = (
        f"the first {comparison.shared:,} events are shared" if comparison.shared else "no event is shared"
    )
    if comparison.alike == 0:
        return f"{shared}; they differ from the beginning"
    first = comparison.rows[comparison.alike]
    return f"{shared}; they part at {first.about} ({first.kind})"


def side(one: Side) -> str:
    """A run in a line."""
    took = f" in {duration(one.took)}" if one.took is not None and one.status.is_terminal else ""
    parts = [f"{one.name}, {one.status}{took}", one.origin, one.outcome]
    return " · ".join(filter(None, parts))


def apart(comparison: Comparison) -> tuple[Row, ...]:
    """The rows from the first on that is not the same in both."""
    return comparison.rows[comparison.alike :]


def words(deed: Deed | None) -> tuple[str, ...]:
    """What one run had of a row, in lines."""
    if deed is None:
        return ("—",)
    first = f"#{deed.seq} {deed.value}".rstrip()
    return (first, *deed.did)


def text_comparison(comparison: Comparison, *, width: int = 100) -> str:
    """Draw a comparison in lines of at most ``width`` cells (at least 60), without a final newline."""
    width = max(width, _NARROWEST)
    return "\n".join(line.rstrip() for line in _lines(comparison, width))


def _lines(comparison: Comparison, width: int) -> Iterator[str]:
    half = (width - 3) // 2
    for one in (comparison.left, comparison.right):
        yield fit(f"{one.instance_id}: {side(one)}", width)
    yield fit(summary(comparison), width)
    rows = apart(comparison)
    if not rows:
        return
    yield ""
    yield _beside(comparison.left.instance_id, comparison.right.instance_id, half)
    for row in rows:
        yield fit(f"{_mark(row)} {row.about} ({row.kind})", width)
        yield from _pairs(words(row.left), words(row.right), half)


def _mark(row: Row) -> str:
    return {"same": "=", "differs": "≠", "left": "<", "right": ">"}[row.verdict]


def _pairs(left: Sequence[str], right: Sequence[str], half: int) -> Iterator[str]:
    for number in range(max(len(left), len(right))):
        one = left[number] if number < len(left) else ""
        other = right[number] if number < len(right) else ""
        yield _beside(f"  {one}", f"  {other}", half)


def _beside(left: str, right: str, half: int) -> str:
    left = fit(left, half)
    return f"{left}{' ' * (half - cells(left))} │ {fit(right, half)}"
