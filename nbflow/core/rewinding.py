"""Before which failures a run is taken back: found by replaying what would be left of its history, dry.

The last step of a FAILED run, in which its code raised, is taken away in any case. Then

* if an attempt had failed there, that attempt is tried again;
* else, if the exception came of an attempt that failed earlier and that the code has dealt with meanwhile
  (a compensation, and then a ``raise``), everything from that failure on is taken away;
* else what led to the exception is delivered anew: code that was mended meanwhile takes it better.

Failures that the code had not dealt with, such as those of other branches of a ``when_all``, are left out as
well, as long as the rest of the history still fits the code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

import msgspec

from nbflow.core import history as h
from nbflow.core.going_back import Cut, steps
from nbflow.errors import FailureDetails, GoingBackError

Fits: TypeAlias = Callable[[Sequence[h.HistoryEvent]], bool]
"""Whether a run's code does what a history holds."""

_FAILURES: Final = (h.TaskFailed, h.ChildWorkflowFailed)


def rewind_cut(history: Sequence[h.HistoryEvent], fits: Fits) -> Cut | None:
    """Where to take a FAILED run back to, or None if its code doesn't fit what would be left.

    Args:
        history: All of it, up to the failure.
        fits: Replays a history on the code that the run is to go on with.

    Raises:
        GoingBackError: It failed in its very first step, and there is nothing to go back to.
    """
    last = _last_step(history)
    event, failure = history[last.start], _ending(history).failure
    if isinstance(event, h.ExecutionStarted):
        raise GoingBackError("it failed before it had waited for anything: there is nothing to go back to")
    if not (isinstance(event, _FAILURES) or _is_time_limit(event, history)):
        culprit = _culprit(history[: last.start], failure)
        if culprit is not None and not _is_quiet(history, culprit):
            last, event = culprit, history[culprit.start]
    again = None
    if isinstance(event, h.InputEvent) and not isinstance(event, (*_FAILURES, h.TimerFired)):
        again = msgspec.structs.replace(event, seq=0)
    left_out = _left_out(history[: last.start], fits)
    if left_out is None:
        return None
    return Cut(kept=_without(history[: last.start], left_out), seq=last.start, again=again, left_out=left_out)


def _left_out(history: Sequence[h.HistoryEvent], fits: Fits) -> tuple[int, ...] | None:
    """Positions of the failures that nothing in the history depends on; None if it doesn't fit even with them."""
    quiet = [
        step.start + 1
        for step in steps(history)
        if isinstance(history[step.start], _FAILURES) and len(step) == 1
    ]
    if quiet and fits(_without(history, quiet)):
        return tuple(quiet)
    if not fits(history):
        return None
    found: list[int] = []
    for seq in reversed(quiet):
        if fits(_without(history, [*found, seq])):
            found.append(seq)
    return tuple(sorted(found))


def _without(history: Sequence[h.HistoryEvent], left_out: Sequence[int]) -> tuple[h.HistoryEvent, ...]:
    """The history without some events, numbered anew."""
    if not left_out:
        return tuple(history)
    gone = frozenset(left_out)
    kept = (event for seq, event in enumerate(history, 1) if seq not in gone)
    return tuple(msgspec.structs.replace(event, seq=seq) for seq, event in enumerate(kept, 1))


def _last_step(history: Sequence[h.HistoryEvent]) -> range:
    """The step in which the code raised."""
    return next(
        step
        for step in steps(history)
        if any(isinstance(history[position], h.ExecutionCompleted) for position in step)
    )


def _ending(history: Sequence[h.HistoryEvent]) -> h.ExecutionCompleted:
    return next(event for event in history if isinstance(event, h.ExecutionCompleted))


def _culprit(history: Sequence[h.HistoryEvent], failure: FailureDetails | None) -> range | None:
    """The step of the latest failed attempt that the run's own failure came of."""
    if failure is None:
        return None
    known = [*_all_of(failure)]
    found = (step for step in steps(history) if _failure_of(history[step.start]) in known)
    return max(found, key=lambda step: step.start, default=None)


def _is_quiet(history: Sequence[h.HistoryEvent], step: range) -> bool:
    return len(step) == 1 and isinstance(history[step.start], _FAILURES)


def _failure_of(event: h.HistoryEvent) -> FailureDetails | None:
    return event.failure if isinstance(event, _FAILURES) else None


def _all_of(failure: FailureDetails) -> Iterator[FailureDetails]:
    """A failure, what led to it, and its parts."""
    yield failure
    for other in (failure.cause, *failure.parts):
        if other is not None:
            yield from _all_of(other)


def _is_time_limit(event: h.HistoryEvent, history: Sequence[h.HistoryEvent]) -> bool:
    """Whether an attempt failed here because its time was up."""
    if not isinstance(event, h.TimerFired):
        return False
    return any(
        isinstance(timer, h.TimerCreated) and timer.id == event.scheduled_id and timer.purpose == "timeout"
        for timer in history
    )
