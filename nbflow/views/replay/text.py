"""A moment of a run for terminals: the source with the lines it waits at, the branches with their variables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nbflow.definitions import Listing
from nbflow.views.divergence.text import lines_of as divergence_lines
from nbflow.views.excerpts import cells, fit, tame
from nbflow.views.replay.messages import file_label
from nbflow.views.replay.moments import Frame, Local, Moment
from nbflow.views.replay.narrative import Note

_NARROWEST = 60
_AROUND = 3
_NOTES = 8


def headline(moment: Moment, notes: Sequence[Note]) -> str:
    """Where one is, and what happened there."""
    place = f"event {moment.seq:,} of {len(notes):,}"
    return (
        f"{place}: {notes[moment.seq - 1].did}" if 0 < moment.seq <= len(notes) else f"{place}: nothing yet"
    )


def outcome(moment: Moment) -> str:
    """How the run ended, or why the code can't be followed; nothing while it goes on."""
    problem = moment.problem
    if problem is None:
        return f"at event {moment.last:,} {moment.words}" if moment.words else ""
    if problem.expected is None or problem.actual is None:
        return problem.words
    return f"{problem.words}\nhistory holds: {tame(problem.expected)}\nthe code did: {tame(problem.actual)}"


def marks(moment: Moment) -> dict[int, str]:
    """The lines of the listing to be marked: with the numbers of branches that wait there, and ``*`` for an action."""
    found: dict[int, list[str]] = {}
    for branch in moment.branches:
        line = next((frame.line for frame in reversed(branch.frames) if frame.is_own), None)
        if line is not None:
            found.setdefault(line, []).append(str(branch.number))
    for call in moment.calls:
        if call.seq == moment.seq and call.is_own:
            found.setdefault(call.line, []).append("*")
    if moment.problem is not None and moment.problem.line is not None:
        found.setdefault(moment.problem.line, []).append("!")
    return {line: ",".join(numbers) for line, numbers in found.items()}


def text_replay(moment: Moment, notes: Sequence[Note], listing: Listing | None, *, width: int = 100) -> str:
    """Draw a moment in lines of at most ``width`` cells (at least 60), without a final newline."""
    width = max(width, _NARROWEST)
    return "\n".join(line.rstrip() for line in _lines(moment, notes, listing, width))


def _lines(moment: Moment, notes: Sequence[Note], listing: Listing | None, width: int) -> Iterator[str]:
    yield fit(headline(moment, notes), width)
    problem = moment.problem
    if problem is not None and problem.divergence is not None:
        yield from divergence_lines(problem.divergence, problem.instance_id, width)
    else:
        yield from (fit(line, width) for line in filter(None, outcome(moment).split("\n")))
    if listing is not None:
        yield ""
        yield from _source(moment, listing, width)
    for branch in moment.branches:
        yield ""
        waits = f", waits for {branch.waits}" if branch.waits and not moment.words else ""
        yield fit(f"{branch.number} {branch.name}{waits}", width)
        for depth, frame in enumerate(branch.frames):
            if depth or not frame.is_own:
                yield fit(f"  {place(frame)}: {frame.source}", width)
            yield from (fit(f"    {variable(local)}", width) for local in frame.variables)
    if moment.more:
        yield f"and {moment.more:,} more branches"
    yield ""
    first = max(moment.seq - _NOTES, 0)
    for note in notes[first : max(moment.seq, 1) + 2]:
        yield fit(f"{'>' if note.seq == moment.seq else ' '} {note.seq:>6,}  {note.did}", width)


def _source(moment: Moment, listing: Listing, width: int) -> Iterator[str]:
    """The lines around those that are marked."""
    lines = listing.text.rstrip("\n").split("\n")
    marked = marks(moment)
    gutter = max((cells(mark) for mark in marked.values()), default=1)
    shown = {line + by for line in marked or [listing.first_line] for by in range(-_AROUND, _AROUND + 1)}
    before = listing.first_line - 1
    for number in sorted(shown):
        if not listing.first_line <= number < listing.first_line + len(lines):
            continue
        if number != before + 1:
            yield "     …"
        before = number
        mark = marked.get(number, "")
        arrow = ">" if mark else " "
        yield fit(
            f"{mark:>{gutter}} {arrow} {number:>4} {lines[number - listing.first_line].expandtabs(4)}", width
        )


def place(frame: Frame) -> str:
    """Where a frame is."""
    file = "" if frame.is_own else f"{file_label(frame.file)}, "
    return f"{tame(frame.function)}, {file}line {frame.line}"


def variable(local: Local) -> str:
    """A variable, with what has changed."""
    name = tame(local.name)
    match local.change:
        case "changed" if local.was != local.text:
            return f"{name}: {local.was} -> {local.text}"
        case "gone":
            return f"{name}: {local.was} -> gone"
        case "new":
            return f"{name}: {local.text} (new)"
        case _:
            return f"{name}: {local.text}"
