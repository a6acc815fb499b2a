"""The JSON that the front end draws: rows, header and waits as plain dictionaries.

Times are milliseconds since 1970. A row says what is drawn; what is behind it comes
along while rows are few, and is asked for where they are many. Texts are cut
here, so that a card of ten thousand rows is no larger than a picture of it. A
``snapshot`` says everything; a ``delta`` says the header, the axis, what is waited for, and the
rows that changed. Both carry ``n``, which counts a card's messages: the front end
that misses one asks for a snapshot with ``hello``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

import msgspec

from nbflow.views.divergence.messages import divergence_message
from nbflow.views.excerpts import excerpt, tame, tame_lines
from nbflow.views.inbox.commands import commands_for
from nbflow.views.inbox.forms import control_for
from nbflow.views.inbox.log import refused
from nbflow.views.inbox.refusals import refusal_of
from nbflow.views.looks import RUN_LOOKS, Look, look_of, tone_of
from nbflow.views.timeline.details import Block, Details, run_blocks, short_of
from nbflow.views.timeline.idle import millis
from nbflow.views.timeline.rows import AxisRule, Header, Row, RowKind, RowStatus, Span

Json: TypeAlias = dict[str, Any]
AckState: TypeAlias = Literal["delivered", "recorded", "rejected", "failed"]

INLINE_ROWS: Final = 300
"""Up to that many rows bring along what is behind them."""

INLINE_LIMIT: Final = 1600
"""How long a value may be that comes along: the rows of a snapshot hold a few megabytes at most."""


def _maybe(at: datetime | None) -> int | None:
    return None if at is None else millis(at)


def _look(look: Look) -> list[str]:
    return [look.icon, look.word, look.tone]


def _short(text: str, limit: int) -> str:
    return tame(excerpt(text, limit))


def _blocks(blocks: Iterable[Block]) -> list[list[str]]:
    return [[block.label, tame_lines(block.text), block.form] for block in blocks]


def run_message(header: Header, sentence: str) -> Json:
    """The header of the card."""
    problem = header.stall.message if header.stall is not None else None
    if header.failure is not None:
        problem = str(header.failure)
    return {
        "name": _short(header.name, 300),
        "id": header.instance_id,
        "execution": header.execution_id,
        "generation": header.generation,
        "parent": None if header.parent is None else header.parent.instance_id,
        "origin": None
        if header.origin is None
        else [header.origin.reason, header.origin.instance_id, header.origin.seq],
        "look": _look(RUN_LOOKS[header.status]),
        "live": not header.status.is_terminal,
        "created": millis(header.created_at),
        "started": _maybe(header.started_at),
        "ended": _maybe(header.ended_at),
        "startAt": _maybe(header.start_at),
        "customStatus": None if header.custom_status is None else _short(header.custom_status, 200),
        "output": None if header.output is None else _short(header.output, 200),
        "problem": None if problem is None else tame_lines(excerpt(problem, 1000)),
        "parting": _parting(header),
        "sentence": sentence,
        "blocks": _blocks(run_blocks(header)),
    }


def _parting(header: Header) -> Json | None:
    """Where the run's code and its history part."""
    if header.stall is None or header.stall.divergence is None:
        return None
    return divergence_message(header.stall.divergence, header.instance_id)


def commands_message(header: Header, can: Iterable[str]) -> list[list[str]]:
    """What can be done to the run: name, title, and what is asked before."""
    commands = commands_for(header.status, header.instance_id, can, is_child=header.parent is not None)
    return [[command.name, command.title, command.asks] for command in commands]


def row_message(row: Row, details: Details | None) -> Json:
    """One row, with what is behind it if that is given."""
    begin = millis(row.start)
    message: Json = {
        "key": row.key,
        "index": row.index,
        "turn": row.turn,
        "kind": row.kind,  # a StrEnum is text: its `value` would cost more than the rest of the row
        "name": _short(row.name, 300),
        "short": short_of(row),
        "look": _look(look_of(row)),
        "start": begin,
        "end": _maybe(row.end),
        "due": _maybe(row.due) if row.status.is_open else None,
        "spans": [_span(span, begin) for span in row.spans],
        "remark": _remark(row),
        "seqs": [row.seqs[0], row.seqs[-1]] if row.seqs else None,
    }
    if row.kind is RowKind.CHILD or row.kind is RowKind.SENT:
        message["instance"] = row.instance_id
    refusals = [refused(delivery.rejected) for delivery in row.deliveries if delivery.rejected is not None]
    if refusals:
        message["refused"] = [_short(text, 300) for text in refusals[-5:]]
    if details is not None:
        message["details"] = details_message(details)
    return message


def details_message(details: Details) -> Json:
    """What is behind a row."""
    return {
        "facts": [[fact.label, _short(fact.text, 300)] for fact in details.facts],
        "blocks": _blocks(details.blocks),
        "attempts": [
            [line.number, _look(line.look), line.queued, line.ran, line.worker, _short(line.error, 300)]
            for line in details.attempts
        ],
    }


def axis_message(rule: AxisRule, served_until: datetime | None) -> Json:
    """What the time axis shows, and until when the run was served from history."""
    return {
        "start": rule.start,
        "last": rule.last,
        "end": rule.end,
        "breaks": rule.breaks,
        "patience": rule.patience,
        "served": _maybe(served_until),
    }


def _span(span: Span, begin: int) -> list[Any]:
    """Kind, begin after the row's, length (None: it goes on), tone, and how it came out."""
    start = millis(span.start)
    length = None if span.end is None else millis(span.end) - start
    out = "" if span.end is None else span.status
    return [span.kind, start - begin, length, tone_of(span), out]


def _remark(row: Row) -> str:
    if len(row.attempts) > 1:
        open_ = row.status is RowStatus.RUNNING
        return f"attempt {len(row.attempts)}" if open_ else f"{len(row.attempts)} attempts"
    refused = sum(delivery.rejected is not None for delivery in row.deliveries)
    if refused:
        return f"{refused} refused"
    return "came early" if row.kind is RowKind.ARRIVAL else ""


def wait_message(row: Row) -> Json:
    """A wait that a person may answer, with the control for it."""
    refusals = [delivery.rejected for delivery in row.deliveries if delivery.rejected is not None]
    return {
        "key": row.key,
        "name": row.name,
        "label": _short(row.name, 300),
        "since": millis(row.start),
        "due": _maybe(row.due),
        "refused": len(refusals),
        **(_refusal(refusals[-1]) if refusals else {"reason": None}),
        "control": msgspec.to_builtins(control_for(row.schema)),
    }


def _refusal(reason: str) -> Json:
    refusal = refusal_of(reason)
    return {"reason": _short(reason, 1000), "path": refusal.path, "brief": _short(refusal.brief, 500)}


def ack_message(ack_id: str, state: AckState, reason: str | None = None) -> Json:
    """What became of an answer."""
    return {"type": "ack", "id": ack_id, "state": state, "reason": reason}
