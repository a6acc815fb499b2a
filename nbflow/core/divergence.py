"""History against code: what to say when they no longer match.

A run whose code does something else than its history holds is STALLED, never
failed, and the report has both sides: what was recorded at this place, and what
the code did instead, with its source line.
"""

from __future__ import annotations

from datetime import UTC, datetime

from nbflow.core import actions as a
from nbflow.core import history as h
from nbflow.core.state import Stall, StallReason


class ExecutionStalledError(Exception):
    """An execution can't go on; carries the report. Internal: the engine turns it into STALLED."""

    def __init__(self, stall: Stall) -> None:
        super().__init__(stall.message)
        self.stall = stall


def diverged(
    *,
    expected: h.ActionEvent | None,
    actual: a.WorkflowAction | None,
    line: tuple[str, int] | None,
    seq: int,
) -> Stall:
    """The two-sided report of a mismatch.

    Args:
        expected: What history holds at this place; None if history ends here.
        actual: What the code did; None if it did nothing.
        line: Source file and line of the code at that moment.
        seq: The history position concerned.
    """
    recorded = describe_event(expected) if expected is not None else "nothing more"
    if actual is None:
        did = "it waits" if expected is not None else "nothing"
    else:
        did = describe_event(a.record(actual, seq=seq, at=_NEVER))
    place = f", line {line[1]}" if line is not None else ""
    return Stall(
        reason=StallReason.DIVERGED,
        message=f"the code no longer matches its history: event {seq} is {recorded}, the code did: {did}{place}",
        expected=recorded,
        actual=did,
        seq=seq,
        file=line[0] if line is not None else None,
        line=line[1] if line is not None else None,
    )


def another_interpreter(recorded: h.Interpreter | None, present: h.Interpreter) -> str:
    """What to say where a history was recorded under another interpreter (S75); nothing if it wasn't."""
    if recorded is None or recorded == present:
        return ""
    return (
        f"it was recorded on {_interpreter(recorded)}, while this is {_interpreter(present)}, "
        "which may do things in another order: the same versions as then replay it"
    )


def _interpreter(interpreter: h.Interpreter) -> str:
    return f"Python {interpreter.python} with anyio {interpreter.anyio}, loop rules {interpreter.loop_rules}"


def describe_event(event: h.ActionEvent) -> str:
    """One recorded action in words."""
    match event:
        case h.TaskScheduled(name=name, input=data, attempt=attempt):
            again = f", attempt {attempt}" if attempt > 1 else ""
            return f"call of activity {name}({_short(data)}){again}"
        case h.TimerCreated(fire_at=fire_at, purpose=purpose):
            whose = "timer" if purpose == "timer" else f"{purpose} timer"
            return f"{whose} until {fire_at.replace(tzinfo=None).isoformat(' ')}"
        case h.ChildWorkflowCreated(name=name, input=data):
            return f"call of child workflow {name}({_short(data)})"
        case h.EventWaitCreated(name=name):
            return f"wait for event {name!r}"
        case h.EventSent(name=name, instance_id=target):
            return f"event {name!r} sent to {target}"
        case h.CustomStatusSet(value=value):
            return f"custom status {_short(value)}"
        case h.ContinuedAsNew(new_input=data):
            return f"continue-as-new({_short(data)})"
        case h.ExecutionCompleted(status="FAILED", failure=failure):
            return f"failure with {failure}"
        case h.ExecutionCompleted(output=output):
            return f"return {_short(output)}"
        case h.TaskCancelled() | h.TimerCancelled() | h.EventWaitCancelled():
            return f"{_WITHDRAWN[type(event)]} {event.scheduled_id} cancelled"
        case h.EventRejected(name=name):
            return f"event {name!r} rejected"
        case h.Marker(name=name):
            return f"marker {name!r}"


def describe_input(event: h.HistoryEvent) -> str:
    """One event that came from outside, in words."""
    match event:
        case (
            h.TaskCompleted(scheduled_id=i, result=result)
            | h.ChildWorkflowCompleted(scheduled_id=i, result=result)
        ):
            return f"result of {i}: {_short(result)}"
        case (
            h.TaskFailed(scheduled_id=i, failure=failure)
            | h.ChildWorkflowFailed(scheduled_id=i, failure=failure)
        ):
            return f"failure of {i}: {_short(str(failure))}"
        case h.TimerFired(scheduled_id=i):
            return f"timer {i} fired"
        case h.EventRaised(name=name, payload=payload):
            return f"event {name!r} arrived: {_short(payload)}"
        case h.ExecutionStarted(input=data):
            return f"start with {_short(data)}"
        case h.ExecutionTerminated():
            return "termination"
        case _:
            return type(event).__name__


_WITHDRAWN = {h.TaskCancelled: "activity", h.TimerCancelled: "timer", h.EventWaitCancelled: "event wait"}
_NEVER = datetime.min.replace(tzinfo=UTC)


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "…"
