"""Time travel: the code of a run at any position of its history.

Forward, a live execution is fed the next event. Backward, moments are remembered: whoever goes
to a moment gets those before it along, for the price of one replay; they are
texts and need no execution. What workflow code does on the way has no effect: activities
are answered from history, and prints go where the ``context`` leads them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextvars import Context
from typing import Final, TypeVar
from weakref import finalize

import msgspec

from nbflow.core import actions as a
from nbflow.core import history as h
from nbflow.core.divergence import ExecutionStalledError
from nbflow.core.execution import Execution, WorkflowCode
from nbflow.core.frames import calling_line
from nbflow.core.replay import first_instance_id, replay
from nbflow.views.replay.cursor import Cursor, Look
from nbflow.views.replay.moments import Moment, compared
from nbflow.views.replay.values import Printer

WINDOW: Final = 200
"""Steps before the one that is asked for that are remembered on the way to it."""

_BUDGET: Final = 24_000
"""Values that are printed for the sake of that."""

_KEPT: Final = 100_000
"""Values that are remembered in all."""

_SAME: Final = (h.WorkflowStarted, h.ExecutionForked, h.ExecutionSuspended, h.ExecutionResumed)
"""Events in which no code runs."""

_R = TypeVar("_R")


class TimeTravel:
    """Goes through a run's history.

    Args:
        code: The workflow.
        history: The events of one execution, from the first.
        instance_id: The run.
        context: The context variables that the code runs with.
        clock: Seconds; with it, a ``__repr__`` that takes too long is not asked again.
    """

    def __init__(
        self,
        code: WorkflowCode,
        history: Sequence[h.HistoryEvent],
        *,
        instance_id: str,
        context: Context | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.code = code
        self._instance_id = instance_id
        self._context = context if context is not None else Context()
        self._printer = Printer(clock=clock)
        self._cursor: Cursor | None = None
        self._ending: Callable[[], object] = _nothing
        self._fed = 0
        self._looks: dict[int, Look] = {}
        self._size = 0
        self._history: Sequence[h.HistoryEvent] = ()
        self._starts: list[int] = []
        self.grow(history)

    @property
    def length(self) -> int:
        """How many events there are."""
        return len(self._history)

    def grow(self, history: Sequence[h.HistoryEvent]) -> None:
        """Take in that the history has become longer."""
        self._starts += [
            position
            for position in range(len(self._history), len(history))
            if position == 0 or not isinstance(history[position], h.ACTION_KINDS)
        ]
        self._history = history

    def moment(self, seq: int) -> Moment:
        """The code when the first ``seq`` events have happened; past the end, at the end."""
        return self._apart(lambda: self._moment(max(0, min(seq, len(self._history)))))

    def value(self, seq: int, branch: int, depth: int, name: str) -> str | None:
        """The whole of a variable: of the frame at that depth of a branch, as `moment` numbers them."""
        if not self._history:
            return None
        return self._apart(lambda: self._value(max(1, min(seq, len(self._history))), branch, depth, name))

    def close(self) -> None:
        """Unwind the code; what is remembered stays."""
        self._apart(self._drop)

    # -- steps -----------------------------------------------------------------------------------

    def _apart(self, look: Callable[[], _R]) -> _R:
        """Do something where the workflow's prints go, also those of reprs and of what is unwound."""
        return self._context.copy().run(look)

    def _moment(self, seq: int) -> Moment:
        if seq == 0:
            return Moment(seq=0, first=0, last=0, state="before")
        step = self._step(seq)
        if step not in self._looks or step - 1 not in self._looks:
            self._reach(step)
        return _told(seq, *self._bounds(step), self._looks[step], self._looks.get(step - 1))

    def _value(self, seq: int, branch: int, depth: int, name: str) -> str | None:
        step = self._step(seq)
        while step > 0 and isinstance(self._history[self._starts[step]], _SAME):
            step -= 1  # nothing has changed since
        found = self._looks.get(step)
        if found is None or found.state != "failed":
            step = self._last_alive(step)
        if self._cursor is None or self._fed != step + 1:
            self._go(step)
        assert self._cursor is not None, "it has just been led there"
        text = self._cursor.full(branch, depth, name)
        if self._printer.disturbed:
            self._printer.disturbed = False
            self._drop()
        return text

    def _last_alive(self, step: int) -> int:
        """The last step at which the code was there to be looked at: at its end it isn't any more."""
        ends = (h.ExecutionCompleted, h.ContinuedAsNew, h.ExecutionTerminated)
        begin, end = self._starts[step], self._bounds(step)[1]
        over = any(isinstance(event, ends) for event in self._history[begin:end])
        failed = isinstance(last := self._history[end - 1], h.ExecutionCompleted) and last.status == "FAILED"
        return step - 1 if over and not failed and step > 0 else step

    def _step(self, seq: int) -> int:
        return bisect_right(self._starts, seq - 1) - 1

    def _bounds(self, step: int) -> tuple[int, int]:
        after = self._starts[step + 1] if step + 1 < len(self._starts) else len(self._history)
        return self._starts[step] + 1, after

    def _reach(self, step: int) -> None:
        """Look at a step, at the one before it, and at as many before those as is cheap."""
        missing = step - 1 if step > 0 and step - 1 not in self._looks else step
        if self._cursor is None or self._fed > missing:
            self._restart()
        first, known = max(step - WINDOW, self._fed), False
        while self._fed <= step:
            at = self._fed
            wanted = at >= min(first, missing)
            self._advance(noting=wanted)
            if wanted:
                look = self._look(at)
                if not known:
                    known = True
                    first = max(first, step - _BUDGET // look.size)

    def _go(self, step: int) -> None:
        if self._cursor is None or self._fed > step + 1:
            self._restart()
        while self._fed <= step:
            self._advance(noting=False)

    def _advance(self, *, noting: bool) -> None:
        assert self._cursor is not None, "somebody has begun"
        self._cursor.advance(self._history, noting=noting)
        self._fed += 1

    def _restart(self) -> None:
        self._drop()
        instance_id = first_instance_id(self._history, self._instance_id)
        self._cursor = cursor = Cursor(
            self.code, instance_id=instance_id, context=self._context.copy(), printer=self._printer
        )
        # Whoever forgets to close this must not leave its code to the garbage collector (S76).
        self._ending = ending = finalize(self, self._context.copy().run, cursor.close)
        ending.atexit = False

    def _drop(self) -> None:
        self._ending()
        self._cursor, self._ending, self._fed = None, _nothing, 0

    # -- looks -----------------------------------------------------------------------------------

    def _look(self, step: int) -> Look:
        before = self._looks.get(step - 1)
        if before is not None and isinstance(self._history[self._starts[step]], _SAME):
            look = msgspec.structs.replace(before, calls=())
        else:
            look = self._see(step)
            if before is not None and look.state in ("completed", "continued", "terminated"):
                look = _left(look, before)
        self._remember(step, look)
        return look

    def _see(self, step: int) -> Look:
        """Look; where a value's ``__repr__`` has acted on the workflow, have it all again without that."""
        assert self._cursor is not None, "somebody has begun"
        look = self._cursor.look()
        while self._printer.disturbed:
            self._printer.disturbed = False
            self._restart()
            while self._fed <= step:
                self._advance(noting=self._fed == step)
            look = self._cursor.look()
        return look

    def _remember(self, step: int, look: Look) -> None:
        known = self._looks.pop(step, None)
        self._looks[step] = look
        self._size += look.size - (0 if known is None else known.size)
        while self._size > _KEPT and len(self._looks) > 2:
            self._size -= self._looks.pop(next(iter(self._looks))).size


def every_moment(
    code: WorkflowCode,
    history: Sequence[h.HistoryEvent],
    *,
    instance_id: str,
    context: Context | None = None,
    clock: Callable[[], float] | None = None,
) -> Iterator[Moment]:
    """The moments of all positions, from 0 to the end, on one replay; see `TimeTravel`."""
    travel = TimeTravel(code, history, instance_id=instance_id, context=context, clock=clock)
    try:
        for seq in range(len(history) + 1):
            yield travel.moment(seq)
    finally:
        travel.close()


def call_sites(
    code: WorkflowCode,
    history: Sequence[h.HistoryEvent],
    *,
    instance_id: str,
    context: Context | None = None,
) -> dict[int, tuple[str, int]]:
    """Which line of the author's has scheduled what, by the id of the scheduling event: file and line.

    An attempt after the first has the line of the call. Where code and history part, it ends.
    """
    sites: dict[int, tuple[str, int]] = {}
    begun: list[Execution] = []

    def note(action: a.WorkflowAction) -> None:
        match action:
            case a.ScheduleTask(id=i, task_id=whose) | a.CreateChildWorkflow(id=i, task_id=whose) if (
                whose != i
            ):
                place = sites.get(whose)
            case a.CreateTimer(id=i, for_id=int(whose)):
                place = sites.get(whose)
            case a.ScheduleTask(id=i) | a.CreateChildWorkflow(id=i) | a.CreateTimer(id=i):
                place = calling_line()
            case a.WaitForEvent(id=i) | a.SendEvent(id=i):
                place = calling_line()
            case _:
                return
        if place is not None:
            sites[i] = place

    def begin(execution: Execution) -> None:
        execution.noting = note
        begun.append(execution)

    def run() -> None:
        try:
            replay(code, history, instance_id=instance_id, context=variables.copy(), prefix=True, begun=begin)
        except ExecutionStalledError:
            pass  # what was seen before that holds
        finally:
            for execution in begun:
                execution.evict()

    variables = context if context is not None else Context()
    variables.copy().run(run)
    return sites


def _nothing() -> None:
    pass


def _left(look: Look, before: Look) -> Look:
    """At the end of a run: what is last known of its main branch."""
    main = tuple(branch for branch in before.branches if branch.number == 1)
    return Look(state=look.state, words=look.words, calls=look.calls, branches=main)


def _told(seq: int, first: int, last: int, look: Look, before: Look | None) -> Moment:
    earlier = before.branches if before is not None else ()
    alive = {branch.number for branch in look.branches}
    ended = [f"{branch.number} ({branch.name})" for branch in earlier if branch.number not in alive]
    return Moment(
        seq=seq,
        first=first,
        last=last,
        state=look.state,
        words=look.words,
        branches=compared(look.branches, earlier),
        ended=tuple(ended) if look.problem is None else (),
        calls=look.calls,
        problem=look.problem,
        more=look.more,
    )
