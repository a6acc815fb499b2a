"""The code, let go on beyond the place where it parts from its history.

Nothing happens by it: what the code asks for is noted and answered, if at all, with what history holds as
the answer to the same call. A call that history doesn't know stays unanswered, and there the code waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias, cast

import msgspec

from nbflow.core import actions as a
from nbflow.core import history as h
from nbflow.core.divergence import ExecutionStalledError
from nbflow.core.execution import Execution, WorkflowCode
from nbflow.core.frames import calling_line, waiting_line
from nbflow.core.replay import end_of_step

MOST_ACTIONS: Final = 200
"""Actions beyond the mismatch after which the code is stopped."""

_Scheduling: TypeAlias = h.TaskScheduled | h.TimerCreated | h.ChildWorkflowCreated
_SCHEDULING: Final = (h.TaskScheduled, h.TimerCreated, h.ChildWorkflowCreated)
SILENT: Final = (h.WorkflowStarted, h.ExecutionSuspended, h.ExecutionResumed)


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the code did.

    Attributes:
        event: As history would hold it.
        clock: The workflow's time.
        place: File and line of the author's that did it.
    """

    event: h.ActionEvent
    clock: datetime
    place: tuple[str, int] | None


Side: TypeAlias = list[h.HistoryEvent | Done]
"""What happened in order: inputs as history holds them, and actions."""


class Explored(msgspec.Struct, frozen=True, kw_only=True):
    """Both sides from the step on in which they part.

    Attributes:
        position: Where in the history the step begins.
        matched: How many actions of the step still agree.
        code: What the code did from the first mismatch on, with the inputs that it was given.
        ended: Whether it came to an end of its own; else it waits.
        waits_for_unknown: Whether it waits for something that history has no answer to.
        waiting: Where it waits.
    """

    position: int
    matched: int
    code: Side
    ended: bool
    waits_for_unknown: bool
    waiting: tuple[str, int] | None


class _Free(Execution):
    """An execution that is not held against any record."""

    def __init__(self, code: WorkflowCode, *, instance_id: str, context: Context | None) -> None:
        super().__init__(code, instance_id=instance_id, context=context)
        self.done: list[Done] = []
        self.most = 0

    def emit(self, action: a.WorkflowAction) -> None:
        if len(self.done) >= self.most:
            self.is_finished = True
        actions = self._actions
        if self.loop.frozen or self._stall is not None or self.is_finished or actions is None:
            self.loop.refuse()
            return
        actions.append(action)
        self.done.append(
            Done(event=a.record(action, seq=0, at=self.clock), clock=self.clock, place=self._place(action))
        )

    def _place(self, action: a.WorkflowAction) -> tuple[str, int] | None:
        if isinstance(action, a.CompleteWorkflow):
            frames = action.failure.frames if action.failure is not None else ()
            return (frames[-1].file, frames[-1].line) if frames else None
        return calling_line() or (waiting_line(self._main.get_coro()) if self._main is not None else None)

    @property
    def waiting(self) -> tuple[str, int] | None:
        return (
            waiting_line(self._main.get_coro()) if self._main is not None and not self._main.done() else None
        )


def explore(
    code: WorkflowCode,
    history: Sequence[h.HistoryEvent],
    *,
    instance_id: str,
    context: Context | None,
    begun: Callable[[Execution], None],
) -> Explored | None:
    """Replay a history and, where the code parts from it, let the code go on; None if it fits.

    Args:
        code: The workflow.
        history: The events of one execution, from the first.
        instance_id: The run.
        context: The context variables that the code starts with.
        begun: Told of the execution before it is fed.
    """
    execution = _Free(code, instance_id=instance_id, context=context)
    begun(execution)
    try:
        return _Exploring(execution, history).explore()
    finally:
        execution.evict()


class _Exploring:
    def __init__(self, execution: _Free, history: Sequence[h.HistoryEvent]) -> None:
        self.execution = execution
        self.history = history
        self.code: Side = []
        self.is_over = False
        self._known: dict[int, int] = {}
        self._pool: list[tuple[_Scheduling, timedelta]] = []
        self._lent: list[tuple[_Scheduling, timedelta]] = []
        self._open: list[Done] = []
        self._given: list[h.HistoryEvent] = []
        self._late: list[h.HistoryEvent] = []
        self._seen = 0

    def explore(self) -> Explored | None:
        execution, history, position = self.execution, self.history, 0
        while position < len(history):
            after, before = end_of_step(history, position), len(execution.done)
            execution.most = before + (after - position) + MOST_ACTIONS
            self._feed(history[position])
            did = [done.event for done in execution.done[before:]]
            recorded = cast("Sequence[h.ActionEvent]", history[position + 1 : after])
            matched = _agreeing(did, recorded)
            if self.is_over or matched < max(len(did), len(recorded)):
                self._go_on(position, after, before, matched)
                return Explored(
                    position=position,
                    matched=matched,
                    code=self.code,
                    ended=execution.is_finished,
                    waits_for_unknown=any(self._is_open(done) for done in self._open),
                    waiting=execution.waiting,
                )
            position = after
        return None

    def _go_on(self, position: int, after: int, before: int, matched: int) -> None:
        execution = self.execution
        execution.most = before + matched + MOST_ACTIONS
        for event in self.history[: position + 1 + matched]:
            if isinstance(event, _SCHEDULING):
                self._known[event.id] = event.id
        self._pool = _scheduled(self.history, position + 1 + matched)
        self._seen = before + matched
        self._note()
        queue = deque(event for event in self.history[after:] if not isinstance(event, h.ACTION_KINDS))
        while not (execution.is_finished or self.is_over):
            event = self._next(queue)
            if event is None:
                return
            if not isinstance(event, SILENT):
                self.code.append(event)
                self._given.append(event)
            self._feed(self._translated(event))
            self._note()

    def _feed(self, event: h.HistoryEvent) -> None:
        try:
            self.execution.feed(cast("h.InputEvent", event), ())
        except ExecutionStalledError:
            self.is_over = True

    def _note(self) -> None:
        """Take in what the code has done, and find the same in the history."""
        new = self.execution.done[self._seen :]
        self._seen += len(new)
        self.code += new
        for done in new:
            if isinstance(done.event, _SCHEDULING):
                self._open.append(done)
                self._match(done, _exact)

    def _match(self, done: Done, key: Callable[[_Scheduling, timedelta], Any]) -> bool:
        """Find what history holds of the same call; one that fits but for its input only lends its answer."""
        event = cast("_Scheduling", done.event)
        wanted = key(event, _length(event, done.clock))
        for place in (self._pool, self._lent) if key is _exact else (self._pool,):
            for number, (recorded, length) in enumerate(place):
                if type(recorded) is type(event) and key(recorded, length) == wanted:
                    if place is self._lent:
                        self._take_back(recorded.id)
                    if key is _loose:
                        self._lent.append(place[number])
                    del place[number]
                    self._known[recorded.id] = event.id
                    self._open.remove(done)
                    return True
        return False

    def _take_back(self, number: int) -> None:
        """An answer that was lent belongs to another call: it is given again, and once is enough in the report."""
        for event in self._given:
            if getattr(event, "scheduled_id", None) == number:
                self.code.remove(event)
                self._given.remove(event)
                self._late.append(event)
                return

    def _next(self, queue: deque[h.HistoryEvent]) -> h.HistoryEvent | None:
        """The next input that means something to the code; None if there is none."""
        while True:
            if queue and self._is_wanted(queue[0]):
                return queue.popleft()
            for waiting in (self._late, queue):
                for event in waiting:
                    if hasattr(event, "scheduled_id") and self._is_wanted(event):
                        waiting.remove(event)
                        return event
            if any(self._is_open(done) and self._match(done, _loose) for done in [*self._open]):
                continue
            if not queue:
                return None
            self._late.append(queue.popleft())

    def _is_wanted(self, event: h.HistoryEvent) -> bool:
        number: int | None = getattr(event, "scheduled_id", None)
        return number is None or (number in self._known and self.execution.is_open(self._known[number]))

    def _is_open(self, done: Done) -> bool:
        return self.execution.is_open(cast("_Scheduling", done.event).id)

    def _translated(self, event: h.HistoryEvent) -> h.HistoryEvent:
        number: int | None = getattr(event, "scheduled_id", None)
        if number is None:
            return event
        ours_number = {"scheduled_id": self._known[number]}
        event = msgspec.structs.replace(event, **ours_number)
        if isinstance(event, h.TimerFired):
            ours = (done.event for done in self.execution.done)
            timer = next(
                (t for t in ours if isinstance(t, h.TimerCreated) and t.id == event.scheduled_id), None
            )
            if timer is not None:
                event = msgspec.structs.replace(event, fire_at=timer.fire_at)
        return event


def _agreeing(did: Sequence[h.ActionEvent], recorded: Sequence[h.ActionEvent]) -> int:
    count = 0
    for mine, theirs in zip(did, recorded, strict=False):
        if not a.same_event(mine, theirs):
            break
        count += 1
    return count


def _scheduled(history: Sequence[h.HistoryEvent], first: int) -> list[tuple[_Scheduling, timedelta]]:
    """What history schedules from a place on, each with how far ahead a timer was set."""
    clocks = clocks_of(history)
    return [
        (event, _length(event, clocks[first + number]))
        for number, event in enumerate(history[first:])
        if isinstance(event, _SCHEDULING)
    ]


def clocks_of(history: Sequence[h.HistoryEvent]) -> list[datetime]:
    """The workflow's time at each event."""
    clocks: list[datetime] = []
    for event in history:
        at = clocks[-1] if clocks else event.at
        if isinstance(event, (h.WorkflowStarted, h.ExecutionStarted)):
            at = max(at, event.at)
        elif isinstance(event, h.TimerFired):
            at = max(at, event.fire_at)
        clocks.append(at)
    return clocks


def _length(event: _Scheduling, clock: datetime) -> timedelta:
    return event.fire_at - clock if isinstance(event, h.TimerCreated) else timedelta()


def _exact(event: _Scheduling, length: timedelta) -> Any:
    if isinstance(event, h.TimerCreated):
        return event.purpose, length
    return event.name, event.input, event.attempt


def _loose(event: _Scheduling, _length: timedelta) -> Any:
    if isinstance(event, h.TimerCreated):
        return event.purpose
    return event.name, event.attempt
