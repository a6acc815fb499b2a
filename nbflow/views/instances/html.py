"""The static twin of the dashboard: the table of runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from nbflow.core.state import RuntimeStatus
from nbflow.views.durations import duration, moment, until
from nbflow.views.instances.choice import forest
from nbflow.views.instances.rows import InstanceRow, Listing
from nbflow.views.instances.wants import Want, WantKind
from nbflow.views.looks import RUN_LOOKS
from nbflow.views.markup import CELL, escaped, faint, frame, head, icon, text

_COLUMNS: Final = ("Status", "ID", "Workflow", "Waits for, or came to", "Created (UTC)", "Took")
_MOST_WAITS: Final = 4
_DEEPEST: Final = 6


def html_instances(listing: Listing, *, empty: str, note: str = "") -> str:
    """Draw the runs; every name and value in it is escaped.

    Args:
        listing: The runs.
        empty: What is said if there are none.
        note: One line below the rows.
    """
    return frame(_page(listing, empty, note))


def counts_text(counts: Mapping[RuntimeStatus, int]) -> str:
    """How many runs have each status: ``◷ 3 running · ✓ 12 completed``."""
    return " · ".join(
        f"{RUN_LOOKS[status].icon} {counts[status]:,} {RUN_LOOKS[status].word}"
        for status in RuntimeStatus
        if counts.get(status)
    )


def _page(listing: Listing, empty: str, note: str) -> Iterator[str]:
    total = sum(listing.counts.values())
    yield f"<div><strong>{total:,} run{'' if total == 1 else 's'}</strong> "
    yield faint(f"{counts_text(listing.counts)} · as of {moment(listing.now)}") + "</div>"
    if listing.rows:
        yield '<table style="width: 100%; border-collapse: collapse; margin: 6px 0px; font-size: 13px">'
        yield from head(_COLUMNS)
        yield "<tbody>"
        for row, depth in forest(listing.rows):
            yield from _row(row, depth, listing)
        yield "</tbody></table>"
    else:
        yield f'<p style="margin: 6px 0px">{escaped(empty)}</p>'
    if note:
        yield faint(escaped(note), "div")


def _row(row: InstanceRow, depth: int, listing: Listing) -> Iterator[str]:
    look = RUN_LOOKS[row.status]
    indent = "&nbsp;&nbsp;&nbsp;" * (min(depth, _DEEPEST) - 1) + "└ " if depth else ""
    yield f'<tr><td style="{CELL}; white-space: nowrap">{icon(look)} {look.word}</td>'
    yield f'<td style="{CELL}; overflow-wrap: anywhere">{indent}<code>{text(row.instance_id)}</code></td>'
    generation = f" (generation {row.generation + 1})" if row.generation else ""
    yield f'<td style="{CELL}; overflow-wrap: anywhere">{text(row.name, 100)}{generation}</td>'
    yield f'<td style="{CELL}; overflow-wrap: anywhere">{_what(row, listing)}</td>'
    yield f'<td style="{CELL}; white-space: nowrap">{row.created_at:%Y-%m-%d %H:%M:%S}</td>'
    yield f'<td style="{CELL}; white-space: nowrap">{duration(row.took(listing.now))}</td></tr>'


def _what(row: InstanceRow, listing: Listing) -> str:
    waits = row.waits or ()
    shown = [_want(want, listing) for want in waits[:_MOST_WAITS]]
    if len(waits) > _MOST_WAITS:
        shown.append(f"{len(waits) - _MOST_WAITS} more")
    if row.note:
        shown.append(faint(text(row.note)))
    return "<br>".join(shown)


def _want(want: Want, listing: Listing) -> str:
    words = text(want.label)
    if want.kind is WantKind.CODE:
        words += ": run the cell that defines it"
    if want.instance_id is not None:
        words += f" <code>{text(want.instance_id)}</code>"
    if want.due is not None:
        words += f"{', times out' if want.kind is WantKind.EVENT else ''} {until(want.due, listing.now)}"
    return f"<strong>{words}</strong>" if want.is_personal else words
