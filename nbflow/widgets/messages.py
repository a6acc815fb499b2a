"""The JSON that the front end draws: rows, header and waits as plain dictionaries.

Times are milliseconds since 1970. Texts are cut here, so that a card of ten
thousand rows is no larger than a picture of it. A ``snapshot`` says everything;
a ``delta`` says the header, what is waited for, and the rows that changed. Both
carry ``n``, which counts a card's messages: the front end that misses one asks
for a snapshot with ``hello``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

import msgspec

from nbflow.views.excerpts import excerpt, tame, tame_lines
from nbflow.views.inbox.controls import control_for
from nbflow.views.looks import KIND_WORDS, RUN_LOOKS, SPAN_WORDS, Look, look_of, tone_of
from nbflow.views.timeline.details import Block, details_of, run_blocks
from nbflow.views.timeline.rows import Header, Row, RowKind, RowStatus, Span

Json: TypeAlias = dict[str, Any]
AckState: TypeAlias = Literal["delivered", "recorded", "rejected", "failed"]

_TEXT_BUDGET: Final = 2_000_000
"""Characters of values that all rows of a snapshot may hold together, about."""


def value_limit(rows: int) -> int:
    """How long a value may be when there are that many rows."""
    return max(min(_TEXT_BUDGET // max(rows, 1) // 4, 2000), 80)


def millis(at: datetime) -> int:
    """Milliseconds since 1970."""
    return int(at.timestamp() * 1000)


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
        "look": _look(RUN_LOOKS[header.status]),
        "live": not header.status.is_terminal,
        "created": millis(header.created_at),
        "started": _maybe(header.started_at),
        "ended": _maybe(header.ended_at),
        "startAt": _maybe(header.start_at),
        "customStatus": None if header.custom_status is None else _short(header.custom_status, 200),
        "output": None if header.output is None else _short(header.output, 200),
        "problem": None if problem is None else tame_lines(excerpt(problem, 1000)),
        "sentence": sentence,
        "blocks": _blocks(run_blocks(header)),
    }


def row_message(row: Row, limit: int) -> Json:
    """One row with what is behind it."""
    details = details_of(row, limit=limit)
    return {
        "key": row.key,
        "index": row.index,
        "kind": row.kind.value,
        "what": KIND_WORDS[row.kind],
        "name": _short(row.name, 300),
        "look": _look(look_of(row)),
        "start": millis(row.start),
        "end": _maybe(row.end),
        "due": _maybe(row.due) if row.status.is_open else None,
        "spans": [_span(span) for span in row.spans],
        "remark": _remark(row),
        "facts": [[fact.label, _short(fact.text, 300)] for fact in details.facts],
        "blocks": _blocks(details.blocks),
        "attempts": [
            [line.number, _look(line.look), line.queued, line.ran, line.worker, _short(line.error, 300)]
            for line in details.attempts
        ],
    }


def _span(span: Span) -> list[Any]:
    word = f"{SPAN_WORDS[span.kind]}, {span.status}" if span.end is not None else SPAN_WORDS[span.kind]
    return [span.kind.value, millis(span.start), _maybe(span.end), tone_of(span).value, word]


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
    refused = [delivery.rejected for delivery in row.deliveries if delivery.rejected is not None]
    return {
        "key": row.key,
        "name": row.name,
        "label": _short(row.name, 300),
        "since": millis(row.start),
        "due": _maybe(row.due),
        "refused": len(refused),
        "reason": _short(refused[-1], 1000) if refused else None,
        "control": msgspec.to_builtins(control_for(row.schema)),
    }


def ack_message(ack_id: str, state: AckState, reason: str | None = None) -> Json:
    """What became of an answer."""
    return {"type": "ack", "id": ack_id, "state": state, "reason": reason}
