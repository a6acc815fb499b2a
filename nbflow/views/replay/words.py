"""Each event of a history in words: what it is about, and what it did.

An input is a noun phrase (``the result of charge #5``), since it is what wakes the workflow; an action is
a verb phrase (``schedules charge #5``), since the workflow does it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, NamedTuple, TypeAlias

from nbflow.core import history as h
from nbflow.views.durations import duration
from nbflow.views.excerpts import excerpt, tame

_NAME: Final = 60
_VALUE: Final = 100

Scheduling: TypeAlias = (
    h.TaskScheduled | h.TimerCreated | h.ChildWorkflowCreated | h.EventWaitCreated | h.EventSent
)
"""Events that carry an id, by which later ones name them."""


class Words(NamedTuple):
    """An event in words.

    Attributes:
        kind: Of which sort it is: ``activity result``.
        about: What it concerns: ``charge #5``.
        phrase: What came, or what the workflow did.
        value: The payload, cut.
        is_bad: Whether it tells of a failure.
    """

    kind: str
    about: str
    phrase: str
    value: str = ""
    is_bad: bool = False


def named(name: str) -> str:
    """A name as it may be shown."""
    return tame(excerpt(name, _NAME))


def shown(value: str) -> str:
    """A payload, cut."""
    return tame(excerpt(value, _VALUE))


def clock(at: datetime) -> str:
    """A time of day, in UTC."""
    return f"{at.astimezone(UTC):%H:%M:%S} UTC"


def label(event: Scheduling | None, i: int) -> str:
    """What later events call a scheduled thing."""
    match event:
        case h.TaskScheduled(name=name, task_id=i) | h.ChildWorkflowCreated(name=name, task_id=i):
            return f"{named(name)} #{i}"
        case h.EventWaitCreated(name=name):
            return f"event {named(name)!r} #{i}"
        case h.TimerCreated():
            return f"timer #{i}"
        case h.EventSent(name=name):
            return f"event {named(name)!r}"
        case None:
            return f"#{i}"


def input_words(
    event: h.InputEvent | h.ExecutionForked, scheduled: Scheduling | None, served: Scheduling | None
) -> Words:
    """What came from outside.

    Args:
        event: The event.
        scheduled: What it is the outcome of.
        served: For a timer: what that was for.
    """
    match event:
        case h.ExecutionStarted(name=name, input=data, generation=generation, carried=carried):
            begun = f"the start of {named(name)}"
            if generation:
                begun += f", generation {generation + 1}"
            if carried:
                begun += f", with {len(carried)} event{'s' if len(carried) > 1 else ''} carried along"
            return Words("run starts", named(name), begun, shown(data))
        case h.ExecutionForked(origin=origin, changed=changed, left_out=left_out):
            return _parted(origin, changed, left_out)
        case h.TaskCompleted(scheduled_id=i, result=result):
            about = label(scheduled, i)
            return Words(
                "activity result", about, f"the result of {about}{_outcome(event, scheduled)}", shown(result)
            )
        case h.TaskFailed(scheduled_id=i, failure=failure):
            about = label(scheduled, i)
            phrase = f"the failure of {about}{_outcome(event, scheduled)}"
            return Words("activity failure", about, phrase, shown(str(failure)), is_bad=True)
        case h.ChildWorkflowCompleted(scheduled_id=i, result=result):
            about = label(scheduled, i)
            return Words(
                "child result",
                about,
                f"the result of child {about}{_outcome(event, scheduled)}",
                shown(result),
            )
        case h.ChildWorkflowFailed(scheduled_id=i, failure=failure):
            about = label(scheduled, i)
            phrase = f"the failure of child {about}{_outcome(event, scheduled)}"
            return Words("child failure", about, phrase, shown(str(failure)), is_bad=True)
        case h.TimerFired(scheduled_id=i):
            return _fired(i, scheduled, served)
        case h.EventRaised(name=name, payload=payload):
            return Words("event", named(name), f"event {named(name)!r}", shown(payload))
        case h.ExecutionSuspended(reason=reason):
            return Words("paused", "the run", "a pause", shown(reason))
        case h.ExecutionResumed(reason=reason, lifts_limit=lifts):
            also = ", with its limits counted anew" if lifts else ""
            return Words("resumed", "the run", f"its owner's word to go on{also}", shown(reason))
        case h.ExecutionTerminated(by=by):
            whose = f", as part of {named(by)}'s" if by is not None else ""
            return Words("terminated", "the run", f"its termination{whose}", is_bad=True)


def _parted(origin: h.Origin, changed: int | None, left_out: tuple[int, ...]) -> Words:
    """Where the run's history is its own from."""
    if origin.reason == "rewind":
        without = f", without {_events(left_out)}" if left_out else ""
        return Words(
            "rewound",
            "the run",
            f"being taken back to event {origin.seq} of its history{without}",
            str(origin.seq),
        )
    other = f"; event {changed} comes with another value" if changed is not None else ""
    return Words(
        "forked",
        named(origin.instance_id),
        f"being forked from {named(origin.instance_id)} at event {origin.seq}{other}",
        str(origin.seq),
    )


def _events(seqs: tuple[int, ...]) -> str:
    return f"event{'s' if len(seqs) > 1 else ''} {', '.join(map(str, seqs))}"


def _outcome(
    event: h.TaskCompleted | h.TaskFailed | h.ChildWorkflowCompleted | h.ChildWorkflowFailed,
    scheduled: Scheduling | None,
) -> str:
    """Which attempt it was, and how long it took."""
    if not isinstance(scheduled, (h.TaskScheduled, h.ChildWorkflowCreated)):
        return ""
    attempt = f" (attempt {scheduled.attempt})" if scheduled.attempt > 1 else ""
    return f"{attempt} after {duration(event.at - scheduled.at)}"


def _fired(i: int, timer: Scheduling | None, served: Scheduling | None) -> Words:
    if not isinstance(timer, h.TimerCreated):
        return Words("timer", f"timer #{i}", f"timer #{i}")
    waited = duration(timer.fire_at - timer.at)
    if timer.purpose == "timer" or timer.for_id is None:
        return Words("timer", f"timer #{i}", f"timer #{i} after {waited}", clock(timer.fire_at))
    about = label(served, timer.for_id)
    if timer.purpose == "retry":
        return Words("retry due", about, f"the next attempt of {about}, due after {waited}")
    return Words("timeout", about, f"the timeout of {about} after {waited}", is_bad=True)


def action_words(event: h.ActionEvent, scheduled: Scheduling | None, served: Scheduling | None) -> Words:
    """What the workflow did.

    Args:
        event: The event that records it.
        scheduled: What it takes back or refuses.
        served: For a timer: what it is for.
    """
    match event:
        case h.TaskScheduled(id=i, name=name, input=data, attempt=attempt, timeout=timeout):
            about = label(event, i)
            phrase = f"schedules {about}" if attempt == 1 else f"schedules attempt {attempt} of {about}"
            if timeout is not None:
                phrase += f", for at most {timeout:g} s"
            return Words("activity scheduled", about, phrase, shown(data))
        case h.ChildWorkflowCreated(id=i, input=data, instance_id=instance_id, attempt=attempt):
            about = label(event, i)
            phrase = (
                f"starts child {about}" if attempt == 1 else f"starts child {about} again (attempt {attempt})"
            )
            return Words("child started", about, f"{phrase} as {named(instance_id)}", shown(data))
        case h.TimerCreated() | h.TimerCancelled():
            return _timer(event, scheduled, served)
        case h.TaskCancelled(scheduled_id=i):
            about = label(scheduled, i)
            return Words("cancelled", about, f"gives up {about}: what it still brings is ignored")
        case h.EventWaitCreated(id=i):
            return Words("wait", label(event, i), f"waits for {label(event, i)}")
        case h.EventWaitCancelled(scheduled_id=i):
            return Words("wait over", label(scheduled, i), f"no longer waits for {label(scheduled, i)}")
        case h.EventRejected(name=name, reason=reason):
            return Words(
                "rejected", named(name), f"refuses event {named(name)!r}", shown(reason), is_bad=True
            )
        case h.EventSent(name=name, instance_id=target, payload=payload):
            return Words(
                "event sent", named(name), f"raises event {named(name)!r} at {named(target)}", shown(payload)
            )
        case h.CustomStatusSet(value=value):
            return Words("status", "custom status", f"sets its status to {shown(value)}", shown(value))
        case h.Marker(name=name, value=value):
            return Words("note", named(name), f"notes {named(name)}", shown(value))
        case h.ContinuedAsNew(new_input=data):
            return Words("continues as new", "the run", "begins anew, with an empty history", shown(data))
        case h.ExecutionCompleted(status="COMPLETED", output=output):
            return Words("run returns", "the run", f"returns {shown(output)}", shown(output))
        case h.ExecutionCompleted(failure=failure):
            return Words(
                "run fails", "the run", f"fails with {shown(str(failure))}", shown(str(failure)), is_bad=True
            )


def _timer(
    event: h.TimerCreated | h.TimerCancelled, timer: Scheduling | None, served: Scheduling | None
) -> Words:
    if isinstance(event, h.TimerCancelled):
        i = event.scheduled_id
        if isinstance(timer, h.TimerCreated) and timer.for_id is not None:
            about = label(served, timer.for_id)
            what = "no longer waits to try" if timer.purpose == "retry" else "stops the clock of"
            again = " again" if timer.purpose == "retry" else ""
            return Words("timer cancelled", about, f"{what} {about}{again}")
        return Words("timer cancelled", f"timer #{i}", f"no longer needs timer #{i}")
    wait, at = duration(event.fire_at - event.at), clock(event.fire_at)
    if event.purpose == "timer" or event.for_id is None:
        return Words("timer set", f"timer #{event.id}", f"sets timer #{event.id} for {wait}", at)
    about = label(served, event.for_id)
    if event.purpose == "retry":
        return Words("retry set", about, f"waits {wait} before it tries {about} again", at)
    return Words("timeout set", about, f"gives {about} at most {wait}", at)
