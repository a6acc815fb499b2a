"""The table of runs as a piece of HTML: what GitHub, an untrusted notebook and a saved page show.

Only what survives there: a table and style attributes. No text has a colour of its own, so that light and
dark pages can both be read; a status is told by icon and word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Final

from nbflow.core.state import RuntimeStatus
from nbflow.views.durations import duration, moment, until
from nbflow.views.excerpts import excerpt, tame
from nbflow.views.instances.choice import forest
from nbflow.views.instances.rows import InstanceRow, Listing
from nbflow.views.instances.wants import Want, WantKind
from nbflow.views.looks import RUN_LOOKS, Look, Tone

_COLOURS: Final[dict[Tone, str]] = {
    Tone.GOOD: "#2f9e63",
    Tone.BAD: "#d9534f",
    Tone.ACTIVE: "#3b82d6",
    Tone.WAIT: "#d08700",
    Tone.QUIET: "#8a8f98",
}
_LINE: Final = "1px solid rgba(128, 128, 128, 0.25)"
_CELL: Final = f"border: none; border-top: {_LINE}; padding: 3px 10px; text-align: left; vertical-align: top"
_HEAD: Final = "border: none; padding: 3px 10px; text-align: left; font-weight: normal; opacity: 0.75"
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
    return "".join(_page(listing, empty, note))


def counts_text(counts: Mapping[RuntimeStatus, int]) -> str:
    """How many runs have each status: ``◷ 3 running · ✓ 12 completed``."""
    return " · ".join(
        f"{RUN_LOOKS[status].icon} {counts[status]:,} {RUN_LOOKS[status].word}"
        for status in RuntimeStatus
        if counts.get(status)
    )


def _text(value: str, limit: int = 300) -> str:
    return escape(tame(excerpt(value, limit)))


def _page(listing: Listing, empty: str, note: str) -> Iterator[str]:
    yield (
        f'<div style="border: {_LINE}; border-radius: 6px; padding: 10px 14px; max-width: 1100px; '
        'font-family: system-ui, sans-serif; font-size: 13px; line-height: 1.45">'
    )
    total = sum(listing.counts.values())
    yield f"<div><strong>{total:,} run{'' if total == 1 else 's'}</strong> "
    yield f'<span style="opacity: 0.75">{counts_text(listing.counts)} · as of {moment(listing.now)}</span></div>'
    if listing.rows:
        yield '<table style="width: 100%; border-collapse: collapse; margin: 6px 0px; font-size: 13px"><thead><tr>'
        yield "".join(f'<th style="{_HEAD}">{title}</th>' for title in _COLUMNS)
        yield "</tr></thead><tbody>"
        for row, depth in forest(listing.rows):
            yield from _row(row, depth, listing)
        yield "</tbody></table>"
    else:
        yield f'<p style="margin: 6px 0px">{escape(empty)}</p>'
    if note:
        yield f'<div style="opacity: 0.75">{escape(note)}</div>'
    yield "</div>"


def _row(row: InstanceRow, depth: int, listing: Listing) -> Iterator[str]:
    look = RUN_LOOKS[row.status]
    indent = "&nbsp;&nbsp;&nbsp;" * (min(depth, _DEEPEST) - 1) + "└ " if depth else ""
    yield f'<tr><td style="{_CELL}; white-space: nowrap">{_status(look)}</td>'
    yield f'<td style="{_CELL}; overflow-wrap: anywhere">{indent}<code>{_text(row.instance_id)}</code></td>'
    generation = f" (generation {row.generation + 1})" if row.generation else ""
    yield f'<td style="{_CELL}; overflow-wrap: anywhere">{_text(row.name, 100)}{generation}</td>'
    yield f'<td style="{_CELL}; overflow-wrap: anywhere">{_what(row, listing)}</td>'
    yield f'<td style="{_CELL}; white-space: nowrap">{row.created_at:%Y-%m-%d %H:%M:%S}</td>'
    yield f'<td style="{_CELL}; white-space: nowrap">{duration(row.took(listing.now))}</td></tr>'


def _status(look: Look) -> str:
    return f'<span style="color: {_COLOURS[look.tone]}">{look.icon}</span> {look.word}'


def _what(row: InstanceRow, listing: Listing) -> str:
    waits = row.waits or ()
    shown = [_want(want, listing) for want in waits[:_MOST_WAITS]]
    if len(waits) > _MOST_WAITS:
        shown.append(f"{len(waits) - _MOST_WAITS} more")
    if row.note:
        shown.append(f'<span style="opacity: 0.75">{_text(row.note)}</span>')
    return "<br>".join(shown)


def _want(want: Want, listing: Listing) -> str:
    text = _text(want.label)
    if want.kind is WantKind.CODE:
        text += ": run the cell that defines it"
    if want.instance_id is not None:
        text += f" <code>{_text(want.instance_id)}</code>"
    if want.due is not None:
        text += f"{', times out' if want.kind is WantKind.EVENT else ''} {until(want.due, listing.now)}"
    return f"<strong>{text}</strong>" if want.is_personal else text
