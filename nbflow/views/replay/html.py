"""The static twin of the replay: one moment, with its lines, its variables and what each event did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from nbflow.definitions import Listing
from nbflow.views.divergence.html import html_divergence
from nbflow.views.excerpts import tame, tame_lines
from nbflow.views.markup import DENSE_CELL, LINE, escaped, faint, frame, notice, text
from nbflow.views.replay.moments import Branch, Local, Moment
from nbflow.views.replay.narrative import Note
from nbflow.views.replay.text import headline, marks, outcome, place

_MARKED: Final = "background-color: rgba(59, 130, 214, 0.18)"
_CHANGED: Final = "background-color: rgba(208, 135, 0, 0.18)"
_MOST_LINES: Final = 200
_MOST_EVENTS: Final = 200
_MOST_BRANCHES: Final = 20


def html_replay(moment: Moment, notes: Sequence[Note], listing: Listing | None) -> str:
    """Draw a moment as a piece of HTML: the source with the lines it waits at, variables, events."""
    return frame(_page(moment, notes, listing))


def _page(moment: Moment, notes: Sequence[Note], listing: Listing | None) -> Iterator[str]:
    yield f"<div><strong>{escaped(headline(moment, notes))}</strong></div>"
    told, problem = outcome(moment), moment.problem
    if problem is not None and problem.divergence is not None:
        yield from html_divergence(problem.divergence, problem.instance_id)
    elif told:
        yield notice(escaped(told))
    if listing is not None:
        yield from _source(moment, listing)
    for branch in moment.branches[:_MOST_BRANCHES]:
        yield from _branch(branch, is_over=bool(moment.words))
    hidden = len(moment.branches) - _MOST_BRANCHES + moment.more
    if hidden > 0:
        yield faint(f"and {hidden:,} more branches", "div")
    yield from _events(moment, notes)


def _source(moment: Moment, listing: Listing) -> Iterator[str]:
    marked = marks(moment)
    lines = listing.text.rstrip("\n").split("\n")
    first = 0
    if len(lines) > _MOST_LINES:
        at = min(marked, default=listing.first_line) - listing.first_line
        first = max(min(at - _MOST_LINES // 2, len(lines) - _MOST_LINES), 0)
    gutter = max(map(len, marked.values()), default=1)
    yield f'<pre style="margin: 8px 0px; padding: 6px 0px; border: {LINE}; overflow-x: auto; line-height: 1.4">'
    for offset, line in enumerate(lines[first : first + _MOST_LINES], start=first + listing.first_line):
        mark = marked.get(offset, "")
        row = escape(f"{mark:>{gutter}} {'→' if mark else ' '} {offset:>4}  {tame(line.expandtabs(4))}")
        yield f'<span style="{_MARKED}">{row}</span>\n' if mark else f"{row}\n"
    yield "</pre>"


def _branch(branch: Branch, *, is_over: bool) -> Iterator[str]:
    waits = "" if is_over or not branch.waits else " " + faint(f"waits for {escaped(branch.waits)}")
    new = " (new)" if branch.is_new else ""
    yield f"<div><strong>{branch.number} {escaped(branch.name)}</strong>{new}{waits}</div>"
    for depth, one in enumerate(branch.frames):
        if depth or not one.is_own:
            yield faint(f"{escaped(place(one))}: <code>{escape(one.source)}</code>", "div")
        if one.variables:
            yield '<table style="border-collapse: collapse; font-size: 12px; margin: 2px 0px 8px 0px"><tbody>'
            yield from (_variable(local) for local in one.variables)
            yield "</tbody></table>"


def _variable(local: Local) -> str:
    before = "" if local.was is None or local.was == local.text else f"<del>{escaped(local.was)}</del> → "
    value = "gone" if local.change == "gone" else f"<code>{escape(local.text)}</code>"
    change = f" <em>{local.change}</em>" if local.change in ("new", "changed") else ""
    style = f"{DENSE_CELL}; {_CHANGED}" if local.change else DENSE_CELL
    return f'<tr><td style="{style}">{text(local.name, 60)}{change}</td><td style="{style}">{before}{value}</td></tr>'


def _events(moment: Moment, notes: Sequence[Note]) -> Iterator[str]:
    first = max(min(moment.seq - _MOST_EVENTS // 2, len(notes) - _MOST_EVENTS), 0)
    shown = notes[first : first + _MOST_EVENTS]
    count = "" if len(shown) == len(notes) else f" ({len(shown)} of {len(notes):,})"
    yield f"<details><summary>What each event did{count}</summary>"
    yield '<table style="border-collapse: collapse; font-size: 12px"><tbody>'
    for note in shown:
        style = f"{DENSE_CELL}; {_MARKED}" if note.seq == moment.seq else DENSE_CELL
        mark = "→ " if note.seq == moment.seq else ""
        did = escaped(tame_lines(note.did))
        value = " " + faint(escaped(note.value)) if note.value else ""
        at = f"{note.at:%H:%M:%S}"
        yield f'<tr><td style="{style}; text-align: right">{mark}{note.seq:,}</td><td style="{style}">{at}</td>'
        yield f'<td style="{style}">{did}{value}</td></tr>'
    yield "</tbody></table></details>"
