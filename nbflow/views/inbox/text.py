"""The inbox for terminals: what is waited for, what would be taken, what to type, and what came."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nbflow.views.durations import duration, moment, until
from nbflow.views.excerpts import excerpt, fit, tame
from nbflow.views.inbox.forms import control_for
from nbflow.views.inbox.log import log_of
from nbflow.views.inbox.words import example, expected, raise_command
from nbflow.views.timeline.rows import Row, Timeline

_NARROWEST: Final = 60
_MOST: Final = 50
_LONGEST_COMMAND: Final = 400


def text_inbox(timeline: Timeline, *, width: int = 100) -> str:
    """Say what the run waits for from outside, in lines of at most ``width`` cells (at least 60).

    Commands to type are never cut: they may be longer.
    """
    width = max(width, _NARROWEST)
    return "\n".join(line.rstrip() for line in _lines(timeline, width))


def _lines(timeline: Timeline, width: int) -> Iterator[str]:
    waits = timeline.waiting_for.events
    yield fit(f"{timeline.header.name}  {timeline.header.instance_id}  inbox", width)
    if not waits:
        yield "  no event is waited for"
    for row in waits:
        yield ""
        yield from _wait(row, timeline, width)
    entries = log_of(timeline)
    if entries:
        yield ""
        yield "  events"
    if len(entries) > _MOST:
        yield f"    … {len(entries) - _MOST:,} earlier ones"
    for entry in entries[-_MOST:]:
        payload = "" if entry.payload is None else f" {excerpt(tame(entry.payload), 60)}"
        told = f" · {entry.told}" if entry.told else ""
        line = f"    {moment(entry.at)}  {entry.look.icon} {fit(entry.look.word, 10)} {tame(entry.name)}{payload}{told}"
        yield fit(line, width)


def _wait(row: Row, timeline: Timeline, width: int) -> Iterator[str]:
    control = control_for(row.schema)
    since = f"waits {duration(row.duration(timeline.now))}"
    due = "" if row.due is None else f", times out {until(row.due, timeline.now)}"
    yield fit(f"  ◷ {tame(row.name)}  {since}{due}", width)
    yield fit(f"      takes: {tame(expected(control))}", width)
    yield f"      {command_for(row, timeline.header.instance_id)}"


def command_for(row: Row, instance_id: str) -> str:
    """The command that answers a wait, with a payload that it takes; without one that is too long to type."""
    payload = example(control_for(row.schema))
    whole = tame(raise_command(instance_id, row.name, payload))
    return whole if len(whole) <= _LONGEST_COMMAND else tame(raise_command(instance_id, row.name, "…"))
