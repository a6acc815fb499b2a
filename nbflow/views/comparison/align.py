"""Two histories, aligned: a row for each thing that came, with what each run did then.

What came is the same thing in both runs if it answers the same call (calls are numbered by the code, so that a
result of ``charge #5`` stands beside the other run's) or is the same event for the same time. Clocks, turns and the
IDs of children say nothing about a decision, and are not compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from difflib import SequenceMatcher
from itertools import takewhile
from typing import Any, Final, NamedTuple

import msgspec

from nbflow.core import history as h
from nbflow.core.identity import is_derived
from nbflow.core.replay import end_of_step
from nbflow.core.state import InstanceRecord
from nbflow.views.comparison.rows import Comparison, Deed, Row, Side, Verdict
from nbflow.views.excerpts import brief, excerpt, tame
from nbflow.views.replay.narrative import Note, narrate

_OUTCOME: Final = 240
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_NO_DECISIONS: Final = (h.WorkflowStarted, h.ExecutionForked)


class _Step(NamedTuple):
    """What came, what the code did, and by what the two are compared."""

    key: tuple[Any, ...]
    note: Note
    deed: Deed
    value: Any
    actions: tuple[Any, ...]


def compare(
    left: InstanceRecord,
    left_history: Sequence[h.HistoryEvent],
    right: InstanceRecord,
    right_history: Sequence[h.HistoryEvent],
) -> Comparison:
    """Compare two runs."""
    ours, theirs = [*_steps(left_history)], [*_steps(right_history)]
    rows = tuple(_rows(ours, theirs))
    shared = sum(
        1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(left_history, right_history, strict=False))
    )
    return Comparison(
        left=_side(left, left_history),
        right=_side(right, right_history),
        shared=shared,
        rows=rows,
        alike=sum(1 for _ in takewhile(lambda row: row.verdict == "same", rows)),
    )


def _steps(history: Sequence[h.HistoryEvent]) -> Iterator[_Step]:
    notes = narrate(history)
    counts: Counter[tuple[Any, ...]] = Counter()
    position = 0
    while position < len(history):
        end = end_of_step(history, position)
        event, begin, position = history[position], position, end
        if isinstance(event, _NO_DECISIONS):
            continue
        note, behind = notes[begin], notes[begin + 1 : end]
        key = _key(event, note.about)
        counts[key] += 1
        deed = Deed(
            seq=begin + 1,
            at=event.at,
            value=note.value,
            did=tuple(each.did for each in behind),
            is_bad=note.is_bad or any(each.is_bad for each in behind),
        )
        actions = tuple(_bare(each) for each in history[begin + 1 : end])
        yield _Step((*key, counts[key]), note, deed, _value(event), actions)


def _rows(ours: Sequence[_Step], theirs: Sequence[_Step]) -> Iterator[Row]:
    matcher = SequenceMatcher(
        None, [step.key for step in ours], [step.key for step in theirs], autojunk=False
    )
    for _, a, b, c, d in matcher.get_opcodes():
        if [step.key for step in ours[a:b]] == [step.key for step in theirs[c:d]]:
            yield from (_both(one, other) for one, other in zip(ours[a:b], theirs[c:d], strict=True))
        else:
            yield from (_row(step, "left", step.deed, None) for step in ours[a:b])
            yield from (_row(step, "right", None, step.deed) for step in theirs[c:d])


def _both(one: _Step, other: _Step) -> Row:
    is_value, is_action = one.value != other.value, one.actions != other.actions
    return Row(
        kind=one.note.kind,
        about=one.note.about,
        verdict="differs" if is_value or is_action else "same",
        left=one.deed,
        right=other.deed,
        is_value=is_value,
        is_action=is_action,
    )


def _row(step: _Step, verdict: Verdict, left: Deed | None, right: Deed | None) -> Row:
    return Row(kind=step.note.kind, about=step.note.about, verdict=verdict, left=left, right=right)


def _key(event: h.HistoryEvent, about: str) -> tuple[Any, ...]:
    """What makes an input the same thing in another run; a result and a failure of a call are one thing."""
    match event:
        case h.TaskCompleted(scheduled_id=i) | h.TaskFailed(scheduled_id=i):
            return "task", i, about
        case h.ChildWorkflowCompleted(scheduled_id=i) | h.ChildWorkflowFailed(scheduled_id=i):
            return "child", i, about
        case h.TimerFired(scheduled_id=i):
            return "timer", i, about
        case h.EventRaised(name=name):
            return "event", name.casefold()
        case _:
            return (type(event).__name__,)


def _value(event: h.HistoryEvent) -> Any:
    """What an input brought."""
    match event:
        case h.ExecutionStarted(input=data):
            return data
        case h.TaskCompleted(result=result) | h.ChildWorkflowCompleted(result=result):
            return "result", result
        case h.TaskFailed(failure=failure) | h.ChildWorkflowFailed(failure=failure):
            return "failure", failure.type, failure.message
        case h.EventRaised(payload=payload):
            return payload
        case h.ExecutionTerminated(output=output):
            return output
        case _:
            return None


def _bare(action: h.HistoryEvent) -> Any:
    """An action without what depends on when and where it was taken."""
    bare: Any = msgspec.structs.replace(action, seq=0, at=_NEVER)
    match action:
        case h.TimerCreated(at=at, fire_at=fire_at):
            return msgspec.structs.replace(bare, fire_at=_NEVER + max(fire_at - at, timedelta()))
        case h.ChildWorkflowCreated(instance_id=child) if is_derived(child):
            return msgspec.structs.replace(bare, instance_id="")
        case h.ExecutionCompleted(failure=failure) if failure is not None:
            return "fails", failure.type, failure.message
        case _:
            return bare


def _side(record: InstanceRecord, history: Sequence[h.HistoryEvent]) -> Side:
    started = next((event.at for event in history if isinstance(event, h.ExecutionStarted)), None)
    outcome = ""
    if record.failure is not None:
        outcome = tame(excerpt(str(record.failure), _OUTCOME))
    elif record.output is not None:
        outcome = brief(record.output, _OUTCOME)
    return Side(
        instance_id=record.instance_id,
        name=record.name,
        status=record.status,
        outcome=outcome,
        took=None if started is None else max(record.last_updated_at - started, timedelta()),
        length=len(history),
        origin=_origin(record.origin),
    )


def _origin(origin: h.Origin | None) -> str:
    if origin is None:
        return ""
    if origin.reason == "rewind":
        return f"taken back to event {origin.seq}"
    return f"forked from {origin.instance_id} at event {origin.seq}"
