"""The static twin of the inbox: what the run waits for, what to type to answer, and what has come."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from nbflow.views.durations import duration, moment, until
from nbflow.views.excerpts import excerpt, tame_lines
from nbflow.views.inbox.forms import control_for
from nbflow.views.inbox.log import Entry, log_of
from nbflow.views.inbox.text import command_for
from nbflow.views.inbox.words import expected
from nbflow.views.markup import faint, frame, table, text, title
from nbflow.views.timeline.rows import Row, Timeline

_MOST: Final = 100


def html_inbox(timeline: Timeline) -> str:
    """Draw the inbox as a piece of HTML; every name and value in it is escaped."""
    return frame(_page(timeline))


def _page(timeline: Timeline) -> Iterator[str]:
    header = timeline.header
    yield f"<div>{title(header.name)} <code>{text(header.instance_id)}</code> &nbsp; inbox</div>"
    waits = timeline.waiting_for.events
    if waits:
        yield from table(
            ("Event", "Waits", "Takes", "Type in a cell"), (_wait(row, timeline) for row in waits)
        )
    else:
        yield faint("no event is waited for", "div")
    entries = log_of(timeline)
    if entries:
        shown = entries[-_MOST:]
        yield f"<details open><summary>Events ({len(entries):,})</summary>"
        if len(shown) < len(entries):
            yield faint(f"… {len(entries) - len(shown):,} earlier ones not shown here", "div")
        yield from table(("When", "Event", "What became of it", "Payload"), map(_entry, shown))
        yield "</details>"


def _wait(row: Row, timeline: Timeline) -> tuple[str, ...]:
    due = "" if row.due is None else f"<br>times out {escape(until(row.due, timeline.now))}"
    return (
        f"◷ <strong>{text(row.name, 120)}</strong>",
        f"{escape(duration(row.duration(timeline.now)))}{due}",
        text(expected(control_for(row.schema)), 500),
        f"<code>{escape(command_for(row, timeline.header.instance_id))}</code>",
    )


def _entry(entry: Entry) -> tuple[str, ...]:
    told = f"<br>{faint(text(entry.told))}" if entry.told else ""
    payload = (
        "" if entry.payload is None else f"<code>{escape(tame_lines(excerpt(entry.payload, 500)))}</code>"
    )
    return (
        escape(moment(entry.at)),
        text(entry.name, 120),
        f"{entry.look.icon} {escape(entry.look.word)}{told}",
        payload,
    )
