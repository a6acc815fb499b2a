"""The static twin of the timeline: what a card shows where no kernel answers.

Where even style attributes are removed (GitHub), the bars fall back to text: they are there all along,
hidden by the attribute that is removed.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from nbflow.views.divergence.html import html_divergence
from nbflow.views.durations import duration, moment, until
from nbflow.views.excerpts import tame_lines
from nbflow.views.looks import RUN_LOOKS, Look, look_of, tone_of
from nbflow.views.markup import (
    CELL,
    COLOURS,
    FAINT,
    HEAD,
    LINE,
    escaped,
    faint,
    frame,
    icon,
    notice,
    text,
    title,
)
from nbflow.views.timeline.axis import BREAK, Axis
from nbflow.views.timeline.details import Block, Details, details_of, run_blocks, short_of
from nbflow.views.timeline.rows import Row, RowKind, Span, SpanKind, Timeline
from nbflow.views.timeline.text import bar_of, sentence

_MOST_ROWS: Final = 200
_VALUE_LIMIT: Final = 1000


def html_timeline(timeline: Timeline) -> str:
    """Draw the timeline as a piece of HTML; every name and value in it is escaped."""
    return frame(_page(timeline))


def _page(timeline: Timeline) -> Iterator[str]:
    yield from _head(timeline)
    if timeline.rows:
        yield from _table(timeline)
    yield from _behind(timeline)


def _head(timeline: Timeline) -> Iterator[str]:
    header = timeline.header
    look = RUN_LOOKS[header.status]
    yield f"<div>{title(header.name)} <code>{text(header.instance_id)}</code> &nbsp; {_badge(look)} "
    over = "in" if header.status.is_terminal else "for"
    yield faint(f"{over} {duration(header.duration)}") + "</div>"
    facts = [f"started {moment(header.started_at or header.created_at)}"]
    if header.generation:
        facts.append(f"generation {header.generation + 1}")
    if header.custom_status is not None:
        facts.append(f"status <code>{text(header.custom_status, 120)}</code>")
    if header.output is not None:
        facts.append(f"output <code>{text(header.output, 120)}</code>")
    if timeline.caveat:
        facts.append(escaped(timeline.caveat))
    yield faint(" · ".join(facts), "div")
    problem = header.stall.message if header.stall is not None else None
    if header.failure is not None:
        problem = str(header.failure)
    if problem is not None:
        yield notice(text(problem, 900), look.tone)
        if header.stall is not None and header.stall.divergence is not None:
            yield from html_divergence(header.stall.divergence, header.instance_id)
    elif timeline.waiting_for.events:
        yield notice(escaped(sentence(timeline)))


def _badge(look: Look) -> str:
    return (
        f'<span style="border: 1px solid {COLOURS[look.tone]}; border-radius: 10px; padding: 1px 8px; '
        f'font-size: 12px; white-space: nowrap">{look.icon} {look.word}</span>'
    )


def _table(timeline: Timeline) -> Iterator[str]:
    axis = Axis.of(timeline, width=0.08)
    yield '<table style="width: 100%; table-layout: fixed; border-collapse: collapse; margin: 8px 0px; '
    yield 'font-size: 13px"><thead><tr>'
    titles = (
        ("What", 26),
        (f"Timeline, 0 to {duration(axis.length)}", 46),
        ("Status", 17),
        ("Took", 11),
    )
    for head, width in titles:
        side = "; text-align: right" if head == "Took" else ""
        yield f'<th style="{HEAD}; width: {width}%{side}">{head}</th>'
    yield "</tr></thead><tbody>"
    yield f'<tr><td style="border: none"></td><td style="border: none; padding: 0px 8px">{_ruler(axis)}</td>'
    yield '<td style="border: none"></td><td style="border: none"></td></tr>'
    rows, skipped = timeline.rows, 0
    if len(rows) > _MOST_ROWS:
        skipped = len(rows) - _MOST_ROWS
        rows = rows[: _MOST_ROWS // 4] + rows[-(_MOST_ROWS - _MOST_ROWS // 4) :]
    for place, row in enumerate(rows):
        if skipped and place == _MOST_ROWS // 4:
            yield f'<tr><td colspan="4" style="{FAINT}">… {skipped:,} rows not shown here …</td></tr>'
        yield from _row(row, timeline, axis)
    yield "</tbody></table>"


def _ruler(axis: Axis) -> str:
    """Marks and the lengths of the breaks as texts side by side, each as wide as it is far to the next."""
    labels = sorted(
        [(one.first, one.label) for one in axis.breaks] + [(mark.place, mark.label) for mark in axis.marks(5)]
    )
    labels = [
        (place, label)
        for place, label in labels
        if label.startswith(BREAK) or not any(0 <= one.first - place < 0.09 for one in axis.breaks)
    ]
    ends = [place for place, _ in labels[1:]] + [1.0]
    parts = [
        f'<span style="display: inline-block; width: {100 * (end - place):.2f}%; overflow: hidden">{label}</span>'
        for (place, label), end in zip(labels, ends, strict=True)
        if end > place
    ]
    return (
        f'<div style="white-space: nowrap; font-size: 11px; text-align: left; {FAINT}">{"".join(parts)}</div>'
    )


def _row(row: Row, timeline: Timeline, axis: Axis) -> Iterator[str]:
    look = look_of(row)
    yield f'<tr><td style="{CELL}; overflow-wrap: break-word">{icon(look)} {text(row.name, 60)}'
    short = short_of(row)
    if short:
        yield f' <span style="font-size: 12px; {FAINT}">{text(short, 60)}</span>'
    yield f'</td><td style="{CELL}">'
    yield f'<code style="display: none">{escape(bar_of(row, timeline, axis, 40))}</code>'
    yield f'{_bar(row, timeline, axis)}</td><td style="{CELL}">{look.word}'
    remark = _remark(row, timeline)
    if remark:
        yield f"<br>{faint(remark)}"
    took = "" if row.kind is RowKind.SENT else duration(row.duration(timeline.now))
    yield f'</td><td style="{CELL}; text-align: right">{took}</td></tr>'


def _remark(row: Row, timeline: Timeline) -> str:
    parts: list[str] = []
    if len(row.attempts) > 1:
        parts.append(f"{len(row.attempts)} attempts")
    refused = sum(delivery.rejected is not None for delivery in row.deliveries)
    if refused:
        parts.append(f"{refused} refused")
    if row.due is not None and row.status.is_open:
        parts.append(f"due {until(row.due, timeline.now).removeprefix('due ')}")
    if timeline.is_served(row):
        parts.append("from history")
    return ", ".join(parts)


def _bar(row: Row, timeline: Timeline, axis: Axis) -> str:
    """The spans as blocks side by side, each at least 2 px wide, after a gap of their distance.

    A break cuts through all rows.
    """
    blocks: list[tuple[float, float, str]] = []
    row_end = row.end or timeline.now
    for span in row.spans:
        first = axis.place_of(span.start)
        last = max(axis.place_of(span.end or timeline.now), first + 0.003)
        look = _span_style(span, served=timeline.is_served(span))
        for one in axis.breaks:
            if first < one.first < last:
                blocks.append((first, one.first, look))
            if one.first <= first < one.last or first < one.first < last:
                first = one.last
        if first < last:
            blocks.append((first, last, look))
    for one in axis.breaks:
        through = row.start < row_end and axis.place_of(row.start) <= one.first < axis.place_of(row_end)
        blocks.append(
            (
                one.first,
                one.last,
                f"{'height: 4px; border-bottom: 2px dotted #8a8f98; ' if through else 'height: 12px; '}{_BREAK_STYLE}",
            )
        )
    parts: list[str] = []
    reached = 0.0
    for first, last, look in sorted(blocks):
        begin = max(first, reached)
        width = min(max(last - begin, 0.003), 1 - begin)
        if width > 0:
            parts.append(
                f'<span style="display: inline-block; vertical-align: middle; margin-left: '
                f'{100 * (begin - reached):.2f}%; width: {100 * width:.2f}%; min-width: 2px; {look}"></span>'
            )
            reached = begin + width
    return f'<div style="white-space: nowrap; font-size: 0px; padding: 4px 0px">{"".join(parts)}</div>'


_BREAK_STYLE: Final = "border-left: 1px dashed #8a8f98; border-right: 1px dashed #8a8f98"


def _span_style(span: Span, *, served: bool) -> str:
    """Filled where it ran, hollow where replay took it from history, a line where it waited."""
    colour = COLOURS[tone_of(span)]
    match span.kind:
        case SpanKind.RUNNING if served:
            return f"height: 10px; border: 1px solid {colour}; box-sizing: border-box"
        case SpanKind.RUNNING:
            return f"height: 10px; background-color: {colour}"
        case SpanKind.QUEUED:
            return f"height: 10px; background-color: {colour}; opacity: 0.35"
        case SpanKind.WAITING | SpanKind.BACKOFF:
            style = "dotted" if span.kind is SpanKind.BACKOFF else "solid"
            return f"height: 4px; border-bottom: 2px {style} {colour}"


def _behind(timeline: Timeline) -> Iterator[str]:
    """Values and errors, folded away: of the run, and of each row that is shown."""
    yield "<details><summary>Inputs, results and errors</summary>"
    yield from _blocks(run_blocks(timeline.header, limit=_VALUE_LIMIT))
    for row in timeline.rows[-_MOST_ROWS:]:
        look = look_of(row)
        yield f'<details style="margin-left: 12px"><summary>{look.icon} {text(row.name, 60)} '
        yield faint(f"{text(short_of(row), 60)} {look.word}") + "</summary>"
        yield from _details(details_of(row, limit=_VALUE_LIMIT, served=timeline.is_served(row)))
        yield "</details>"
    yield "</details>"


def _details(details: Details) -> Iterator[str]:
    facts = " · ".join(f"{fact.label}: {text(fact.text)}" for fact in details.facts)
    yield faint(facts, "div")
    if details.attempts:
        cell = '<td style="text-align: left; padding: 2px 12px 2px 0px">'
        yield '<table style="font-size: 13px; border-collapse: collapse"><tbody><tr>'
        titles = ("Attempt", "Scheduled", "Queued", "Ran", "Outcome", "Worker")
        yield "".join(f"{cell}<em>{title}</em></td>" for title in titles) + "</tr>"
        for line in details.attempts:
            outcome = f"{line.look.icon} {line.look.word} {text(line.error)}"
            texts = (str(line.number), line.scheduled, line.queued, line.ran, outcome, text(line.worker))
            yield "<tr>" + "".join(f"{cell}{text}</td>" for text in texts) + "</tr>"
        yield "</tbody></table>"
    yield from _blocks(details.blocks)


def _blocks(blocks: tuple[Block, ...]) -> Iterator[str]:
    for block in blocks:
        yield f'<div style="margin: 6px 0px 0px 12px"><em>{block.label}</em>'
        yield f'<pre style="white-space: pre-wrap; margin: 2px 0px; padding: 4px 8px; border-left: {LINE}">'
        yield f"{escape(tame_lines(block.text))}</pre></div>"
