"""A run as spans: one for the execution, and one below it for each activity attempt, timer, wait and child.

The spans come from the history, so that replays make none, and their numbers from
the IDs in it: whoever makes them again, in whatever process, makes the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

import msgspec

from nbflow.core import history as h
from nbflow.core.state import InstanceRecord
from nbflow.errors import FailureDetails

Attributes: TypeAlias = dict[str, str | int]


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Something that took time.

    Attributes:
        name: What it is called.
        trace_id: Of 128 bits; one for an instance with all its generations and descendants.
        span_id: Of 64 bits.
        parent_id: The span that it is part of; None for the root.
        start: When it began, aware UTC.
        end: When it ended.
        attributes: What it was, under OpenTelemetry's kind of names. No payloads: they are nobody else's business.
        failure: How it failed; None if it didn't.
    """

    name: str
    trace_id: int
    span_id: int
    parent_id: int | None
    start: datetime
    end: datetime
    attributes: Attributes = {}
    failure: FailureDetails | None = None


def spans(record: InstanceRecord, history: Sequence[h.HistoryEvent], *, root: InstanceRecord) -> list[Span]:
    """The spans of an execution that has ended, the execution's own first.

    Args:
        record: The instance's row while it had this execution.
        history: The execution's whole history.
        root: The row of the topmost ancestor; the instance's own if it has no parent.
    """
    started = next((event for event in history if isinstance(event, h.ExecutionStarted)), None)
    if started is None:
        return []
    trace_id = _number(16, root.instance_id, root.created_at.isoformat())
    above = started.parent
    own = Span(
        name=started.name,
        trace_id=trace_id,
        span_id=_number(8, started.execution_id),
        parent_id=None if above is None else _number(8, above.execution_id, str(above.scheduled_id)),
        start=started.at,
        end=max(started.at, history[-1].at),
        attributes={
            "nbflow.instance.id": record.instance_id,
            "nbflow.execution.id": started.execution_id,
            "nbflow.workflow.name": started.name,
            "nbflow.generation": started.generation,
            "nbflow.status": _status(history),
        },
        failure=next((e.failure for e in reversed(history) if isinstance(e, h.ExecutionCompleted)), None),
    )
    return [own, *_parts(own, started.execution_id, history)]


def _parts(own: Span, execution_id: str, history: Sequence[h.HistoryEvent]) -> list[Span]:
    opened: dict[int, h.HistoryEvent] = {}
    waiting: dict[str, list[int]] = {}
    found: list[Span] = []

    def close(
        scheduled_id: int, end: datetime, failure: FailureDetails | None = None, **more: str | int
    ) -> None:
        beginning = opened.pop(scheduled_id, None)
        if beginning is None:
            return
        name, attributes = _describe(beginning)
        attributes |= {f"nbflow.{key}": value for key, value in more.items()}
        span = Span(
            name=name,
            trace_id=own.trace_id,
            span_id=_number(8, execution_id, str(scheduled_id)),
            parent_id=own.span_id,
            start=beginning.at,
            end=max(beginning.at, end),
            attributes=attributes,
            failure=failure,
        )
        found.append(span)

    for event in history:
        match event:
            case h.TaskScheduled(id=i) | h.TimerCreated(id=i) | h.ChildWorkflowCreated(id=i):
                opened[i] = event
            case h.EventWaitCreated(id=i, name=name):
                opened[i] = event
                waiting.setdefault(name.casefold(), []).append(i)
            case h.TaskCompleted(scheduled_id=i, worker=worker):
                close(i, event.at, worker=worker)
            case h.TaskFailed(scheduled_id=i, worker=worker, failure=failure):
                close(i, event.at, failure, worker=worker)
            case h.ChildWorkflowFailed(scheduled_id=i, failure=failure):
                close(i, event.at, failure)
            case h.ChildWorkflowCompleted(scheduled_id=i) | h.TimerFired(scheduled_id=i):
                close(i, event.at)
            case (
                h.TaskCancelled(scheduled_id=i)
                | h.TimerCancelled(scheduled_id=i)
                | h.EventWaitCancelled(scheduled_id=i)
            ):
                close(i, event.at, cancelled="true")
            case h.EventRaised(name=name):
                waits = [i for i in waiting.get(name.casefold(), []) if i in opened]
                if waits:
                    close(waits[0], event.at)
            case _:
                pass
    for left in list(opened):
        close(left, own.end, left_open="true")
    return found


def _describe(event: h.HistoryEvent) -> tuple[str, Attributes]:
    match event:
        case h.TaskScheduled(name=name, attempt=attempt, task_id=task_id):
            return name, {"nbflow.kind": "activity", "nbflow.attempt": attempt, "nbflow.task.id": task_id}
        case h.ChildWorkflowCreated(name=name, attempt=attempt, instance_id=child):
            return name, {"nbflow.kind": "child", "nbflow.attempt": attempt, "nbflow.child.id": child}
        case h.TimerCreated(purpose=purpose):
            return "timer", {"nbflow.kind": "timer", "nbflow.purpose": purpose}
        case h.EventWaitCreated(name=name):
            return name, {"nbflow.kind": "event"}
        case _:
            return type(event).__name__, {}


def _status(history: Sequence[h.HistoryEvent]) -> str:
    match history[-1]:
        case h.ExecutionCompleted(status=status):
            return status
        case h.ExecutionTerminated():
            return "TERMINATED"
        case h.ContinuedAsNew():
            return "CONTINUED_AS_NEW"
        case _:
            return "RUNNING"


def _number(size: int, *parts: str) -> int:
    """A number of so many bytes, never 0, which means none in OpenTelemetry."""
    digest = hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=size).digest()
    return int.from_bytes(digest, "big") or 1
