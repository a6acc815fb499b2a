"""Where to cut a history, so that another execution goes on from there: pure, and without a look at any code.

A history is cut between steps only: an event stays together with the actions that it caused. What is
kept is the other execution's beginning, word for word; an event may be delivered anew behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import msgspec

from nbflow.core import history as h
from nbflow.core.replay import end_of_step
from nbflow.core.state import RuntimeState
from nbflow.errors import GoingBackError

Answer: TypeAlias = (
    h.TaskCompleted | h.TaskFailed | h.ChildWorkflowCompleted | h.ChildWorkflowFailed | h.EventRaised
)
"""Events that carry a value which may be another one in a fork."""

_MOST_NAMES: Final = 5


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """What of a history another execution begins with.

    Attributes:
        kept: The events, in order.
        seq: Position of the last event of the history that the other execution shares.
        again: The event to deliver anew, if any.
        left_out: Positions before ``seq`` that are not kept.
        changed: Position of the event that is delivered anew with another value.
    """

    kept: tuple[h.HistoryEvent, ...]
    seq: int
    again: h.InputEvent | None = None
    left_out: tuple[int, ...] = ()
    changed: int | None = None


def steps(history: Sequence[h.HistoryEvent]) -> Iterator[range]:
    """The steps of a history, as indices: each an event and the actions recorded behind it."""
    position = 0
    while position < len(history):
        after = end_of_step(history, position)
        yield range(position, after)
        position = after


def cut_behind(history: Sequence[h.HistoryEvent], seq: int) -> Cut:
    """Keep everything up to the step that an event belongs to; at the least, that the run has begun.

    Raises:
        GoingBackError: There is no such event, or the run has not begun.
    """
    _check(history, seq)
    end = max(step_of(history, seq).stop, _begun(history))
    return Cut(kept=tuple(history[:end]), seq=end)


def cut_before(history: Sequence[h.HistoryEvent], seq: int, again: h.InputEvent) -> Cut:
    """Keep everything before an event's step, to deliver that event anew with another value."""
    begin = step_of(history, seq).start
    return Cut(kept=tuple(history[:begin]), seq=begin, again=again, changed=seq)


def changeable(history: Sequence[h.HistoryEvent], seq: int) -> Answer:
    """The event at a position, if it carries a value that may be changed.

    Raises:
        GoingBackError: It carries none: names the nearest that does.
    """
    _check(history, seq)
    event = history[seq - 1]
    if isinstance(event, Answer):
        return event
    kind = type(event).__name__
    if isinstance(event, h.ExecutionStarted):
        raise GoingBackError(
            f"event {seq} is the run's start: another input is another run, `%wf run {event.name}(…)`"
        )
    nearest = nearest_changeable(history, seq)
    if nearest is None:
        raise GoingBackError(
            f"event {seq} is {_a(kind)}, and the history holds nothing that could be changed: fork without --set"
        )
    near = history[nearest - 1]
    raise GoingBackError(
        f"event {seq} is {_a(kind)}, which has no value to change: the nearest that has one is event {nearest}, "
        f"{subject(near, history)}: type --at {nearest}"
    )


def nearest_changeable(history: Sequence[h.HistoryEvent], seq: int) -> int | None:
    """The position closest to another one whose event carries a value; None if none does."""
    places = [number for number, each in enumerate(history, 1) if isinstance(each, Answer)]
    return min(places, key=lambda place: (abs(place - seq), -place), default=None)


def recorded(event: Answer) -> str | None:
    """The value that an event brought, as JSON text; None for a failure."""
    match event:
        case h.EventRaised(payload=text):
            return text
        case h.TaskCompleted(result=text) | h.ChildWorkflowCompleted(result=text):
            return text
        case _:
            return None


def subject(event: h.HistoryEvent, history: Sequence[h.HistoryEvent]) -> str:
    """What an event brought, for messages: ``the result of charge``."""
    match event:
        case h.EventRaised(name=name):
            return f"the event {name!r}"
        case h.TaskCompleted(scheduled_id=i) | h.ChildWorkflowCompleted(scheduled_id=i):
            return f"the result of {called(history, i)}"
        case h.TaskFailed(scheduled_id=i) | h.ChildWorkflowFailed(scheduled_id=i):
            return f"the failure of {called(history, i)}"
        case h.TimerFired():
            return "a timer that fired"
        case _:
            return _a(type(event).__name__)


def called(history: Sequence[h.HistoryEvent], scheduled_id: int) -> str:
    """The name of the activity or child that a result names."""
    call = scheduling(history, scheduled_id)
    return call.name if call is not None else f"#{scheduled_id}"


def scheduling(
    history: Sequence[h.HistoryEvent], scheduled_id: int
) -> h.TaskScheduled | h.ChildWorkflowCreated | None:
    """The event that scheduled what a result names."""
    for event in history:
        if isinstance(event, (h.TaskScheduled, h.ChildWorkflowCreated)) and event.id == scheduled_id:
            return event
    return None


def with_value(event: Answer, text: str) -> h.InputEvent:
    """The event as it is delivered anew, with another value (JSON text)."""
    match event:
        case h.EventRaised():
            return msgspec.structs.replace(event, seq=0, payload=text)
        case h.ChildWorkflowCompleted(at=at, scheduled_id=i) | h.ChildWorkflowFailed(at=at, scheduled_id=i):
            return h.ChildWorkflowCompleted(at=at, scheduled_id=i, result=text)
        case h.TaskCompleted() | h.TaskFailed():
            return h.TaskCompleted(
                at=event.at,
                scheduled_id=event.scheduled_id,
                result=text,
                started_at=event.started_at,
                attempt=event.attempt,
                worker=event.worker,
                prints=event.prints,
            )


def step_of(history: Sequence[h.HistoryEvent], seq: int) -> range:
    """The step that an event belongs to, as indices."""
    return next(step for step in steps(history) if seq - 1 in step)


def what_follows(cut: Cut) -> str:
    """What happens once a run was taken back."""
    state = RuntimeState.of(cut.kept)
    if cut.again is not None:
        return f"{subject(cut.again, cut.kept)} is delivered once more"
    names = list(dict.fromkeys(call.name for call in (*state.tasks.values(), *state.children.values())))
    if not names:
        return "it waits as it did then"
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{', '.join(names[:_MOST_NAMES])}{more} {'is' if len(names) == 1 else 'are'} tried again"


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'AEIOU' else 'a'} {kind}"


def _check(history: Sequence[h.HistoryEvent], seq: int) -> None:
    if not history:
        raise GoingBackError("it has not begun: there is no event to go back to, `%wf run` starts another")
    if not 1 <= seq <= len(history):
        raise GoingBackError(
            f"there is no event {seq}: its history goes from 1 to {len(history)}, `%wf history` lists it"
        )


def _begun(history: Sequence[h.HistoryEvent]) -> int:
    """Where the step ends with which the execution began."""
    return next(
        (step.stop for step in steps(history) if isinstance(history[step.start], h.ExecutionStarted)), 0
    )
