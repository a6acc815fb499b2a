"""The likely cause of a mismatch, from its shape: what history holds first, what the code did first, and the rest.

The shape alone says what the code does otherwise. Why, if its text is as it was, is another question: see
`nbflow.core.explain.explaining`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, TypeAlias

from nbflow.core import history as h
from nbflow.core.explain.aligning import Entry, Pair
from nbflow.core.explain.payloads import difference
from nbflow.core.explain.report import CauseKind

Cause: TypeAlias = tuple[CauseKind, str]

_SHORT: Final = 40
_ENDS: Final = (h.ExecutionCompleted, h.ContinuedAsNew)


def cause_of(
    expected: Entry | None, actual: Entry | None, pairs: Sequence[Pair], *, waits_for_unknown: bool
) -> Cause:
    """Name the likely cause.

    Args:
        expected: What history holds at the first mismatch; None: that the code waits.
        actual: What the code did there; None: it waits.
        pairs: Both sides from there on.
        waits_for_unknown: Whether the code comes to wait for something that history has no answer to.
    """
    mine = _row_of(pairs, actual)
    theirs = _row_of(pairs, expected)
    if actual is None:
        return _waiting(expected, theirs, pairs, waits_for_unknown)
    if isinstance(actual.event, _ENDS) or _is_unstarted(actual):
        if (
            expected is not None
            and isinstance(expected.event, h.TimerCreated)
            and expected.event.purpose == "retry"
        ):
            return "changed_policy", "a retry policy was changed: the call is not tried again"
        return _ending(expected, actual)
    if expected is None or expected.is_input:
        if mine is not None and mine.kind == "moved":
            answer = next((p.expected for p in pairs if p.expected is not None and p.expected.is_input), None)
            what = f"the answer to {told(answer)}" if answer is not None else "what it waited for"
            return "removed_await", f"an await was removed, so that {told(actual)} no longer waits for {what}"
        return "added_call", f"{told(actual)} was added"
    if isinstance(expected.event, _ENDS):
        return "added_call", f"{told(actual)} was added, where the run had ended"
    if theirs is not None and theirs.kind == "changed" and theirs.actual is actual:
        return changed(expected, actual)
    return _displaced(expected, actual, theirs, mine)


def _displaced(expected: Entry, actual: Entry, theirs: Pair | None, mine: Pair | None) -> Cause:
    """Neither stands for the other: at least one of them is found elsewhere, or nowhere."""
    is_kept = theirs is not None and theirs.kind in ("same", "moved", "changed")
    was_known = mine is not None and mine.kind in ("same", "moved", "changed")
    policy = _of_policy(expected, actual)
    if policy is not None:
        return policy
    if is_kept and was_known:
        return "reordered", f"{told(expected)} and {told(actual)} were reordered"
    if was_known:
        return "removed_call", f"{told(expected)} was removed"
    return "added_call", f"{told(actual)} was added before {told(expected)}"


def _waiting(expected: Entry | None, theirs: Pair | None, pairs: Sequence[Pair], for_unknown: bool) -> Cause:
    if expected is None:
        return "other_path", "the code takes another path"
    policy = _of_policy(expected, None)
    if policy is not None:
        return policy
    if theirs is not None and theirs.kind in ("moved", "same", "changed"):
        first = next((p.actual for p in pairs if p.actual is not None and p.actual.is_input), None)
        what = f"the answer to {told(first)}" if first is not None else "something else"
        return "added_await", f"an await was added, so that {told(expected)} now waits for {what}"
    if theirs is not None and theirs.kind == "removed" and any(p.actual is not None for p in pairs):
        return "removed_call", f"{told(expected)} was removed"
    if for_unknown:
        return "added_await", f"an await was added before {told(expected)}, for what has no answer in history"
    return "waits", f"the code waits for something that history knows nothing of, before {told(expected)}"


def _ending(expected: Entry | None, actual: Entry) -> Cause:
    event = actual.event
    end = expected.event if expected is not None else None
    if isinstance(event, h.ExecutionCompleted) and event.failure is not None:
        if isinstance(end, h.ExecutionCompleted) and end.failure is not None:
            return "changed_result", "the run fails with another error"
        return "raises", f"the code raises {event.failure.type} where history goes on"
    if isinstance(end, h.ExecutionCompleted) and isinstance(event, h.ExecutionCompleted):
        if end.failure is not None:
            return "changed_result", "the code returns where the run had failed"
        return (
            "changed_result",
            f"another value is returned{_in_brackets(difference(end.output, event.output))}",
        )
    if isinstance(end, h.ContinuedAsNew) and isinstance(event, h.ContinuedAsNew):
        what = _in_brackets(difference(end.new_input, event.new_input))
        return "changed_input", f"the input of continue-as-new was changed{what}"
    if _is_unstarted(actual):
        return "removed_await", "an await was removed: the code ends without the answer to what it called"
    how = "continues as new" if isinstance(event, h.ContinuedAsNew) else "returns"
    return "ends_early", f"the code {how} before {_rest(expected)}"


def _rest(expected: Entry | None) -> str:
    return told(expected) if expected is not None and not expected.is_input else "history ends"


def _of_policy(expected: Entry, actual: Entry | None) -> Cause | None:
    """Attempts, retry timers and timeouts: what a retry policy asks for, and no line of the workflow."""
    mine, theirs = actual.event if actual is not None else None, expected.event
    if isinstance(theirs, h.TimerCreated) and theirs.purpose != "timer":
        if theirs.purpose == "retry":
            return "changed_policy", "a retry policy was changed: the call is not tried again"
        return "changed_policy", "a timeout was removed"
    if isinstance(mine, h.TimerCreated) and mine.purpose != "timer":
        if mine.purpose == "retry":
            return "changed_policy", "a retry policy was changed: the call is tried again"
        return "changed_policy", "a timeout was added"
    return None


def changed(expected: Entry, actual: Entry) -> Cause:
    """What was changed, where one thing stands for the other."""
    match expected.event, actual.event:
        case h.TimerCreated() as was, h.TimerCreated() as now if was.purpose == now.purpose:
            lengths = f"from {length(expected.ahead)} to {length(actual.ahead)}"
            if was.purpose == "timer":
                return "changed_timer", f"the duration of a timer was changed, {lengths}"
            policy = "the delay of a retry policy" if was.purpose == "retry" else "a timeout"
            return "changed_policy", f"{policy} was changed, {lengths}"
        case h.TaskScheduled() as was, h.TaskScheduled() as now if was.name == now.name:
            if was.input != now.input:
                return (
                    "changed_input",
                    f"the input of the call of {was.name} was changed{_difference(was.input, now.input)}",
                )
            if was.timeout != now.timeout:
                return "changed_policy", (
                    f"the timeout of {told(expected)} was changed, from {_seconds(was.timeout)} to {_seconds(now.timeout)}"
                )
            return "changed_policy", f"{told(expected)} is tried another number of times"
        case h.ChildWorkflowCreated() as was, h.ChildWorkflowCreated() as now if was.name == now.name:
            if was.input != now.input:
                return (
                    "changed_input",
                    f"the input of the call of {was.name} was changed{_difference(was.input, now.input)}",
                )
            return "changed_call", f"{told(expected)} gets another instance ID"
        case h.EventWaitCreated() as was, h.EventWaitCreated() as now:
            if was.name != now.name:
                return "changed_event", f"the code waits for event {now.name!r} instead of {was.name!r}"
            return "changed_event", f"event {was.name!r} is expected with another type of data"
        case h.EventSent() as was, h.EventSent() as now:
            if was.name == now.name and was.instance_id == now.instance_id:
                what = _difference(was.payload, now.payload)
                return "changed_input", f"the data of event {was.name!r} was changed{what}"
            return "changed_event", f"{told(actual)} is sent instead of {told(expected)}"
        case h.CustomStatusSet() as was, h.CustomStatusSet() as now:
            return "changed_status", f"the custom status was changed{_difference(was.value, now.value)}"
        case _:
            return "changed_call", f"{told(expected)} was replaced by {told(actual)}"


def part_of(expected: Entry, actual: Entry) -> str:
    """What differs between two entries that stand for each other, in a few words."""
    kind, _ = changed(expected, actual)
    match expected.event, actual.event:
        case (h.TaskScheduled(name=one, input=was), h.TaskScheduled(name=other, input=now)) | (
            h.ChildWorkflowCreated(name=one, input=was),
            h.ChildWorkflowCreated(name=other, input=now),
        ) if one == other and was != now:
            return difference(was, now) or "input"
        case _:
            pass
    return {
        "changed_timer": "duration",
        "changed_policy": "policy",
        "changed_event": "event",
        "changed_status": "value",
        "changed_input": "input",
    }.get(kind, "another call")


def _difference(was: str, now: str) -> str:
    return _in_brackets(difference(was, now))


def _in_brackets(text: str) -> str:
    return f" ({text})" if text else ""


def _row_of(pairs: Sequence[Pair], entry: Entry | None) -> Pair | None:
    return next((p for p in pairs if entry is not None and entry in (p.expected, p.actual)), None)


def _is_unstarted(entry: Entry) -> bool:
    return isinstance(entry.event, h.Marker) and entry.event.name == "not_started"


def told(entry: Entry) -> str:
    """An entry as part of a sentence: what it is, and its name."""
    match entry.event:
        case h.TaskScheduled(name=name, input=data, attempt=attempt):
            again = f", attempt {attempt}" if attempt > 1 else ""
            return f"the call {name}({_brief(data)}){again}"
        case h.ChildWorkflowCreated(name=name, input=data):
            return f"the call of child workflow {name}({_brief(data)})"
        case h.TimerCreated(purpose=purpose):
            return f"the timer of {length(entry.ahead)}" if purpose == "timer" else f"the {purpose} timer"
        case h.EventWaitCreated(name=name):
            return f"the wait for event {name!r}"
        case h.EventSent(name=name, instance_id=target):
            return f"event {name!r} to {target}"
        case h.CustomStatusSet():
            return "the custom status"
        case h.TaskCompleted() | h.TaskFailed() | h.ChildWorkflowCompleted() | h.ChildWorkflowFailed():
            return entry.about
        case h.TimerFired():
            return f"the {entry.about}" if entry.about != "timer" else "the timer"
        case h.EventRaised(name=name):
            return f"the wait for event {name!r}"
        case h.TaskCancelled() | h.TimerCancelled() | h.EventWaitCancelled():
            return f"the cancellation of {entry.about or 'a call'}"
        case h.ContinuedAsNew():
            return "continue-as-new"
        case h.ExecutionCompleted():
            return "the end of the run"
        case _:
            return type(entry.event).__name__


def _brief(data: str) -> str:
    if data == "null":
        return ""
    return data if len(data) <= _SHORT else f"{data[: _SHORT - 1]}…"


def length(ahead: timedelta) -> str:
    """A duration in words."""
    seconds = ahead.total_seconds()
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:g} {unit}" if (seconds / size * 100).is_integer() else f"{seconds:g} s"
    return f"{seconds:g} s"


def _seconds(timeout: float | None) -> str:
    return "none" if timeout is None else length(timedelta(seconds=timeout))
