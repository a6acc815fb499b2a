"""The timeline for terminals: aligned, of a given width, readable without any colour.

Every name and value is made tame first: a terminal obeys the control characters
that it is sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nbflow.views.divergence.text import lines_of as divergence_lines
from nbflow.views.durations import duration, moment, until
from nbflow.views.excerpts import cells, excerpt, fit, tame
from nbflow.views.looks import RUN_LOOKS, SPAN_WORDS, look_of
from nbflow.views.timeline.axis import Axis
from nbflow.views.timeline.details import short_of
from nbflow.views.timeline.rows import Header, Row, RowKind, RowStatus, Span, SpanKind, Timeline

_BARS: Final[dict[SpanKind, str]] = {
    SpanKind.WAITING: "─",
    SpanKind.BACKOFF: "·",
    SpanKind.QUEUED: "░",
    SpanKind.RUNNING: "█",
}
_FAILED: Final = "✗"
_SERVED: Final = "▒"
_BREAK: Final = "┊"
_BREAK_CELLS: Final = 5
_SHORT: Final = 14
_NARROWEST: Final = 60
_WORD: Final = 10
_DURATION: Final = 12


def sentence(timeline: Timeline) -> str:
    """Say in one sentence how the run stands and what it waits for."""
    header = timeline.header
    name = f"{tame(header.instance_id)} ({tame(header.name)})"
    if header.stall is not None:
        return f"{name} is stalled: {tame(header.stall.message)}"
    if header.status.is_terminal:
        text = f"{name} {RUN_LOOKS[header.status].word} after {duration(header.duration)}"
        if header.failure is not None:
            text += f": {excerpt(tame(str(header.failure)), 200)}"
        return text
    if header.started_at is None and header.start_at is not None:
        return f"{name} starts {until(header.start_at, timeline.now)}"
    text = f"{name} is {RUN_LOOKS[header.status].word}"
    waits = _awaited(timeline)
    return f"{text} and waits for {', '.join(waits)}" if waits else text


def _awaited(timeline: Timeline) -> list[str]:
    waiting, now = timeline.waiting_for, timeline.now
    waits = [f"{tame(row.name)!r} ({duration(row.duration(now))})" for row in waiting.events]
    waits += [f"a timer (due {until(row.due, now)})" for row in waiting.timers if row.due is not None]
    waits += [tame(row.name) for row in (*waiting.activities, *waiting.children)]
    return waits if len(waits) <= 4 else [*waits[:3], f"{len(waits) - 3} more"]


def text_timeline(timeline: Timeline, *, width: int = 100) -> str:
    """Draw the timeline in lines of at most ``width`` cells (at least 60), without a final newline."""
    width = max(width, _NARROWEST)
    return "\n".join(line.rstrip() for line in _lines(timeline, width))


def _lines(timeline: Timeline, width: int) -> Iterator[str]:
    header, rows = timeline.header, timeline.rows
    yield from _head(header, width)
    if timeline.caveat:
        yield fit(timeline.caveat, width)
    waits = _awaited(timeline)
    if waits:
        yield from _wrapped(f"◷ waits for {', '.join(waits)}", width, most=2)
    if rows:
        names = _names(rows, width)
        name = max(8, *(cells(text) for text in names))
        bar = width - name - _WORD - _DURATION - 8
        axis = Axis.of(timeline, width=_BREAK_CELLS / bar)
        yield ""
        yield " " * (name + 5) + _ruler(axis, bar)
        for row, text in zip(rows, names, strict=True):
            yield _line(row, text, timeline, axis, name, bar)
            yield from _remarks(row, timeline, width)
        yield ""
        yield from _wrapped(f"  {_legend(timeline, axis)}", width, indent="  ")
    else:
        yield "  nothing has happened yet"


def _names(rows: tuple[Row, ...], width: int) -> list[str]:
    """The rows' names, with a piece of what tells them apart where there is room for it."""
    most = 28 if width >= 90 else 20
    names = [fit(row.name, most).rstrip() for row in rows]
    widest = max(cells(name) for name in names)
    room = min(widest + 1 + _SHORT, most if width < 90 else 34)
    texts: list[str] = []
    for row, name in zip(rows, names, strict=True):
        short, left = short_of(row), room - cells(name) - 1
        texts.append(f"{name} {fit(short, left).rstrip()}" if short and left >= 6 else name)
    return texts


def _head(header: Header, width: int) -> Iterator[str]:
    look = RUN_LOOKS[header.status]
    over = header.status.is_terminal
    status = f"{look.icon} {look.word} {'in' if over else 'for'} {duration(header.duration)}"
    room = width - cells(status) - 2
    yield f"{fit(f'{tame(header.name)}  {tame(header.instance_id)}', room)}  {status}"
    facts = [f"started {moment(header.started_at or header.created_at)}"]
    if header.generation:
        facts.append(f"generation {header.generation + 1}")
    if header.custom_status is not None:
        facts.append(f"status {tame(header.custom_status)}")
    if header.output is not None:
        facts.append(f"output {tame(header.output)}")
    yield fit(" · ".join(facts), width)
    if header.stall is not None:
        divergence = header.stall.divergence
        if divergence is not None:
            yield from divergence_lines(divergence, header.instance_id, width)
        else:
            yield from _wrapped(f"{look.icon} {tame(header.stall.message)}", width)
    if header.failure is not None:
        yield from _wrapped(f"{look.icon} {tame(str(header.failure))}", width)


def _wrapped(text: str, width: int, indent: str = "", most: int = 3) -> Iterator[str]:
    """Break a tame text over at most that many lines, at spaces where there are any."""
    words, line = excerpt(text, width * most).split(" "), indent
    for word in words:
        if cells(line) + 1 + cells(word) > width and line.strip():
            yield line
            line = indent
        line = f"{line} {word}" if line.strip() else indent + word
        while cells(line) > width:
            head = fit(line, width).rstrip()[:-1]
            yield head
            line = indent + line[len(head) :]
    yield line


def _ruler(axis: Axis, width: int) -> str:
    """Marks and the lengths of the breaks, as far as there is room; a break goes first."""
    texts = [(one.first, one.label) for one in axis.breaks]
    cell = [" "] * (width + _WORD)
    for place, label in [*texts, *((mark.place, mark.label) for mark in axis.marks(max(width // 10, 2)))]:
        first = round(place * (width - 1))
        last = first + cells(label)
        if last <= len(cell) and all(one == " " for one in cell[max(first - 2, 0) : last + 2]):
            cell[first:last] = label
    return "".join(cell).rstrip()


def _line(row: Row, text: str, timeline: Timeline, axis: Axis, name: int, width: int) -> str:
    look = look_of(row)
    bar = bar_of(row, timeline, axis, width)
    took = duration(row.duration(timeline.now)) if row.kind is not RowKind.SENT else ""
    return f"  {look.icon} {fit(text, name)} {bar} {fit(look.word, _WORD)} {took:>{_DURATION}}"


def bar_of(row: Row, timeline: Timeline, axis: Axis, width: int) -> str:
    """Draw a row's spans over that many cells; each span gets at least one, work over waiting."""
    line = [" "] * width
    for kind in _BARS:
        for span in row.spans:
            if span.kind is kind:
                first, last = _place(span, timeline, axis, width)
                served = kind is SpanKind.RUNNING and timeline.is_served(span)
                line[first : last + 1] = (_SERVED if served else _BARS[kind]) * (last + 1 - first)
    for one in axis.breaks:
        line[min(round((one.first + one.last) / 2 * (width - 1)), width - 1)] = _BREAK
    for span in row.spans:
        if span.kind is SpanKind.RUNNING and span.status in (RowStatus.FAILED, RowStatus.TIMED_OUT):
            line[_place(span, timeline, axis, width)[1]] = _FAILED
    return "".join(line)


def _place(span: Span, timeline: Timeline, axis: Axis, width: int) -> tuple[int, int]:
    first = int(axis.place_of(span.start) * width)
    last = int(axis.place_of(span.end or timeline.now) * width - 1e-9)
    first = min(first, width - 1)
    return first, min(max(last, first), width - 1)


def _remarks(row: Row, timeline: Timeline, width: int) -> Iterator[str]:
    """What can't be seen in the bar: attempts, errors, due times, payloads that were refused."""
    texts: list[str] = []
    if row.due is not None and row.status.is_open:
        word = {RowStatus.RETRYING: "next attempt", RowStatus.RUNNING: "times out"}.get(row.status)
        if word is None:
            word = "times out" if row.kind is RowKind.WAIT else "fires"
        texts.append(f"{word} {until(row.due, timeline.now)}")
    if len(row.attempts) > 1:
        running = row.status is RowStatus.RUNNING
        texts.append(f"attempt {len(row.attempts)}" if running else f"{len(row.attempts)} attempts")
    refused = [delivery.rejected for delivery in row.deliveries if delivery.rejected is not None]
    if refused:
        times = f" {len(refused)} times, last" if len(refused) > 1 else ""
        texts.append(f"refused{times}: {excerpt(tame(refused[-1]), 200)}")
    if row.failure is not None:
        last = "last error: " if row.status.is_open else ""
        texts.append(last + excerpt(tame(str(row.failure)), 200))
    if row.status is RowStatus.KEPT:
        texts.append("nobody has asked for it yet")
    if texts:
        yield from _wrapped(" · ".join(texts), width, indent="      ", most=2)


def _legend(timeline: Timeline, axis: Axis) -> str:
    spans = [span for row in timeline.rows for span in row.spans]
    worked = [span for span in spans if span.kind is SpanKind.RUNNING]
    kinds = {span.kind for span in spans} - {SpanKind.RUNNING}
    parts: list[str] = []
    if not all(timeline.is_served(span) for span in worked):
        parts.append(f"{_BARS[SpanKind.RUNNING]} {SPAN_WORDS[SpanKind.RUNNING]}")
    if any(timeline.is_served(span) for span in worked):
        parts.append(f"{_SERVED} served from history")
    parts += [f"{_BARS[kind]} {word}" for kind, word in SPAN_WORDS.items() if kind in kinds]
    statuses = {attempt.status for row in timeline.rows for attempt in row.attempts}
    if statuses & {RowStatus.FAILED, RowStatus.TIMED_OUT}:
        parts.append(f"{_FAILED} failed attempt")
    if axis.breaks:
        parts.append(f"{_BREAK} idle time left out")
    return "   ".join(parts)
