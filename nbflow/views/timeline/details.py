"""What is behind a row: facts, values, errors and attempts, as texts ready to be shown.

The card and the HTML twin show the same details; they only set them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Literal, TypeAlias

import msgspec

from nbflow.views.durations import about, duration, moment
from nbflow.views.excerpts import brief, excerpt, failure_text, middle, pretty, tame
from nbflow.views.looks import KIND_WORDS, Look, look_of_status
from nbflow.views.timeline.rows import Attempt, Header, Row, RowKind

Form: TypeAlias = Literal["json", "trace", "prints", "text"]

_MOST_ERRORS: Final = 4


class Fact(msgspec.Struct, frozen=True):
    """A short thing to know: a label and one line."""

    label: str
    text: str


class Block(msgspec.Struct, frozen=True):
    """A longer text under a label; ``form`` says what it is."""

    label: str
    text: str
    form: Form


class AttemptLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the attempt table; unknown times are empty."""

    number: int
    look: Look
    scheduled: str
    queued: str
    ran: str
    worker: str
    error: str


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """Everything behind a row; ``attempts`` is empty unless there was more than one."""

    facts: tuple[Fact, ...]
    blocks: tuple[Block, ...]
    attempts: tuple[AttemptLine, ...] = ()


def short_of(row: Row) -> str:
    """What tells a row from others of its name, on one line: its input, payload, instance or length."""
    match row.kind:
        case RowKind.ACTIVITY | RowKind.ARRIVAL:
            return brief(row.input or "")
        case RowKind.WAIT:
            return brief(row.result or "")
        case RowKind.CHILD:
            return middle(tame(row.instance_id or ""), 48)
        case RowKind.SENT:
            return f"→ {middle(tame(row.instance_id or ''), 32)} {brief(row.input or '')}".rstrip()
        case RowKind.TIMER:
            return about(row.due - row.start) if row.due is not None else ""


def details_of(row: Row, *, limit: int = 2000, served: bool = False) -> Details:
    """Give what is behind a row; each text is cut at ``limit`` characters.

    Args:
        row: The row.
        limit: Of a text.
        served: Whether replay took it from history.
    """
    blocks: list[Block] = []
    for number, delivery in enumerate(row.deliveries, start=1):
        if delivery.rejected is not None:
            text = f"{excerpt(delivery.rejected, limit)}\n{pretty(delivery.payload, limit)}"
            blocks.append(Block(f"Rejected ({number})", text, "text"))
    if row.input is not None:
        payload = row.kind in (RowKind.SENT, RowKind.ARRIVAL)
        blocks.append(Block("Payload" if payload else "Input", pretty(row.input, limit), "json"))
    if row.result is not None:
        label = "Payload" if row.kind is RowKind.WAIT else "Result"
        blocks.append(Block(label, pretty(row.result, limit), "json"))
    blocks += _errors(row, 4 * limit)
    several = len(row.attempts) > 1
    for attempt in row.attempts:
        if attempt.prints:
            label = f"Printed by attempt {attempt.number}" if several else "Printed"
            blocks.append(Block(label, excerpt(attempt.prints.rstrip("\n"), limit), "prints"))
    return Details(
        facts=tuple(_facts(row, served)),
        blocks=tuple(blocks),
        attempts=tuple(_line(attempt) for attempt in row.attempts) if several else (),
    )


def run_blocks(header: Header, *, limit: int = 2000) -> tuple[Block, ...]:
    """Give the long texts that belong to the run as a whole: input, status, output, failure."""
    blocks = [Block("Input", pretty(header.input, limit), "json")]
    if header.custom_status is not None:
        blocks.append(Block("Custom status", pretty(header.custom_status, limit), "json"))
    if header.output is not None:
        blocks.append(Block("Output", pretty(header.output, limit), "json"))
    if header.failure is not None:
        blocks.append(Block("Error", excerpt(failure_text(header.failure), 4 * limit), "trace"))
    if header.notes:
        blocks.append(Block("Notes", excerpt("\n".join(header.notes), limit), "text"))
    return tuple(blocks)


def _errors(row: Row, limit: int) -> list[Block]:
    """The last error, and the earlier ones that were different."""
    blocks: list[Block] = []
    seen: set[str] = set()
    if row.failure is not None:
        text = failure_text(row.failure)
        seen.add(text)
        blocks.append(Block("Error", excerpt(text, limit), "trace"))
    for attempt in reversed(row.attempts):
        text = "" if attempt.failure is None else failure_text(attempt.failure)
        if text and text not in seen and len(seen) < _MOST_ERRORS:
            seen.add(text)
            blocks.append(Block(f"Error of attempt {attempt.number}", excerpt(text, limit), "trace"))
    return blocks


def _facts(row: Row, served: bool) -> list[Fact]:
    number = "" if row.id is None else f" #{row.id}"
    facts = [Fact("What", f"{KIND_WORDS[row.kind]}{number}"), Fact("Began", moment(row.start))]
    if row.end is not None and row.end > row.start:
        facts += [Fact("Ended", moment(row.end)), Fact("Took", duration(row.end - row.start))]
    if served:
        facts.append(Fact("Served", "from history, by replay: it did not run again"))
    if row.due is not None:
        facts.append(Fact("Due", moment(row.due)))
    if row.instance_id is not None:
        facts.append(Fact("To" if row.kind is RowKind.SENT else "Instance", row.instance_id))
    if row.taken_by is not None:
        facts.append(Fact("Taken by", f"wait #{row.taken_by}"))
    if len(row.attempts) == 1:
        line = _line(row.attempts[0])
        facts += [
            Fact(label, text)
            for label, text in (("Queued", line.queued), ("Ran", line.ran), ("Worker", line.worker))
            if text
        ]
        if row.attempts[0].timeout is not None:
            facts.append(Fact("Timeout", duration(timedelta(seconds=row.attempts[0].timeout))))
    return facts


def _line(attempt: Attempt) -> AttemptLine:
    begun, ended = attempt.started_at, attempt.ended_at
    return AttemptLine(
        number=attempt.number,
        look=look_of_status(attempt.status),
        scheduled=moment(attempt.scheduled_at),
        queued=duration(begun - attempt.scheduled_at) if begun is not None else "",
        ran=duration(ended - begun) if begun is not None and ended is not None else "",
        worker=attempt.worker,
        error=str(attempt.failure) if attempt.failure is not None else "",
    )
