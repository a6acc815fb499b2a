"""The inbox where no kernel answers: tables and style attributes only, which survive in untrusted notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from nbflow.views.durations import duration, moment, until
from nbflow.views.excerpts import excerpt, tame, tame_lines
from nbflow.views.inbox.forms import control_for
from nbflow.views.inbox.log import Entry, log_of
from nbflow.views.inbox.text import command_for
from nbflow.views.inbox.words import expected
from nbflow.views.timeline.rows import Row, Timeline

_LINE: Final = "1px solid rgba(128, 128, 128, 0.25)"
_CELL: Final = f"border: none; border-top: {_LINE}; padding: 4px 8px; text-align: left; vertical-align: top"
_HEAD: Final = "border: none; padding: 3px 8px; text-align: left; font-weight: normal; opacity: 0.75"
_MOST: Final = 100


def html_inbox(timeline: Timeline) -> str:
    """Draw the inbox as a piece of HTML; every name and value in it is escaped."""
    return "".join(_page(timeline))


def _text(value: str, limit: int = 300) -> str:
    return escape(tame(excerpt(value, limit)))


def _page(timeline: Timeline) -> Iterator[str]:
    header = timeline.header
    yield (
        f'<div style="border: {_LINE}; border-radius: 6px; padding: 12px 16px; max-width: 1100px; '
        'font-family: system-ui, sans-serif; font-size: 13px; line-height: 1.45">'
    )
    yield f'<div><strong style="font-size: 15px">{_text(header.name)}</strong> '
    yield f"<code>{_text(header.instance_id)}</code> &nbsp; inbox</div>"
    waits = timeline.waiting_for.events
    if waits:
        yield from _table(
            ("Event", "Waits", "Takes", "Type in a cell"), (_wait(row, timeline) for row in waits)
        )
    else:
        yield '<div style="opacity: 0.75; margin: 6px 0px">no event is waited for</div>'
    entries = log_of(timeline)
    if entries:
        shown = entries[-_MOST:]
        yield f"<details open><summary>Events ({len(entries):,})</summary>"
        if len(shown) < len(entries):
            yield f'<div style="opacity: 0.75">… {len(entries) - len(shown):,} earlier ones not shown here</div>'
        yield from _table(("When", "Event", "What became of it", "Payload"), map(_entry, shown))
        yield "</details>"
    yield "</div>"


def _table(titles: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield '<table style="border-collapse: collapse; margin: 8px 0px; font-size: 13px"><thead><tr>'
    for title in titles:
        yield f'<th style="{_HEAD}">{title}</th>'
    yield "</tr></thead><tbody>"
    for row in rows:
        yield "<tr>" + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in row) + "</tr>"
    yield "</tbody></table>"


def _wait(row: Row, timeline: Timeline) -> tuple[str, ...]:
    due = "" if row.due is None else f"<br>times out {escape(until(row.due, timeline.now))}"
    return (
        f"◷ <strong>{_text(row.name, 120)}</strong>",
        f"{escape(duration(row.duration(timeline.now)))}{due}",
        _text(expected(control_for(row.schema)), 500),
        f"<code>{escape(command_for(row, timeline.header.instance_id))}</code>",
    )


def _entry(entry: Entry) -> tuple[str, ...]:
    told = f'<br><span style="opacity: 0.75">{_text(entry.told)}</span>' if entry.told else ""
    payload = (
        "" if entry.payload is None else f"<code>{escape(tame_lines(excerpt(entry.payload, 500)))}</code>"
    )
    return (
        escape(moment(entry.at)),
        _text(entry.name, 120),
        f"{entry.look.icon} {escape(entry.look.word)}{told}",
        payload,
    )
