"""One execution of a workflow: fed events, drained of actions.

An `Execution` is the same object warm and cold. Live, it is fed one event at a
time and gives the actions that the event caused. Cold, it is fed its whole
history (`nbflow.core.replay`): the actions recorded behind each event are compared with what
the code does, and any difference stalls the execution with a two-sided report.
Warm sees what cold sees: results arrive as the JSON that history holds (S77).

It does no I/O, and it lives in the thread of whoever feeds it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import Context
from datetime import datetime, timedelta
from typing import Any, NoReturn

from nbflow.core import actions as a
from nbflow.core import history as h
from nbflow.core.context import WorkflowContext
from nbflow.core.divergence import ExecutionStalledError, diverged
from nbflow.core.failures import describe, is_unresolved
from nbflow.core.frames import calling_line, waiting_line
from nbflow.core.futures import LoopOverrunError, WorkflowTask
from nbflow.core.identity import child_instance_id
from nbflow.core.loop import WorkflowLoop
from nbflow.core.payloads import codec
from nbflow.core.references import Reference, WorkflowCode
from nbflow.core.retry import as_duration, later
from nbflow.core.state import Stall, StallReason
from nbflow.core.tasks import EventTask, LoopTimer
from nbflow.errors import Evicted


class Execution:
    """One execution: a workflow's code on its own deterministic loop.

    Args:
        code: The workflow.
        instance_id: The run it belongs to.
        context: The context variables that the code starts with; a copy of an empty context if None.

    Attributes:
        clock: The workflow's time.
        is_replaying: True while a recorded event is fed.
        is_finished: True once the code returned, raised, continued as new, or was terminated.
        starts: How often the workflow's function was started; 1 for as long as the object lives.
        noting: Told of each action while the code that took it is on the stack.
    """

    __slots__ = (  # there are thousands of them, most at rest: what is empty is nothing at all
        "__weakref__", "_actions", "_buffered", "_children", "_clock", "_execution_id", "_expecting", "_ids", "_main",
        "_open_ended", "_parent", "_recorded", "_references", "_seq", "_stall", "_started", "_variables", "_waits", "code",
        "context", "instance_id", "is_finished", "is_replaying", "loop", "noting", "starts",
    )  # fmt: skip

    def __init__(self, code: WorkflowCode, *, instance_id: str, context: Context | None = None) -> None:
        self.code = code
        self.instance_id = instance_id
        self.loop = WorkflowLoop(self)
        self.context = WorkflowContext(self)
        self.is_replaying = False
        self.is_finished = False
        self._references: dict[str, Reference] | None = None
        self.starts = 0
        self.noting: Callable[[a.WorkflowAction], object] = _nothing
        self._variables = context if context is not None else Context()
        self._started: h.ExecutionStarted | None = None
        self._execution_id = ""
        self._parent: h.ParentReference | None = None
        self._clock: datetime | None = None
        self._ids = 0
        self._children = 0
        self._expecting: dict[int, Callable[[Any], None]] | None = None
        self._waits: Sequence[EventTask[Any]] = ()
        self._buffered: Sequence[h.EventRaised] = ()
        self._main: WorkflowTask[str] | None = None
        self._actions: list[a.WorkflowAction] | None = None
        self._recorded: Sequence[h.ActionEvent] | None = None
        self._open_ended = False
        self._seq = 0
        self._stall: Stall | None = None

    # -- feeding ---------------------------------------------------------------------------

    def feed(
        self,
        event: h.WorkflowStarted | h.ExecutionForked | h.InputEvent,
        recorded: Sequence[h.ActionEvent] | None = None,
        *,
        open_ended: bool = False,
    ) -> list[a.WorkflowAction]:
        """Take one event in, run the code until it rests, and give the actions that it caused.

        Args:
            event: The event.
            recorded: For a replay, the actions that history holds behind this event: the code must
                do exactly these. None: the event is new.
            open_ended: For a replay, whether the code may do more than is recorded; what it does
                beyond is given back as new.

        Returns:
            The actions, in the order in which the code took them; for a replay all of them.

        Raises:
            ExecutionStalledError: The code did something else than history holds, uses a name that
                isn't there, or never rests. The execution is then of no more use.
        """
        actions: list[a.WorkflowAction] = []
        self._actions = actions
        self._recorded, self._open_ended, self._seq = recorded, open_ended, event.seq
        self.is_replaying = recorded is not None
        try:
            self._deliver(event)
            if not isinstance(event, _SILENT):
                self._drain()
        except Evicted:
            pass
        finally:
            self.is_replaying = False
            self._actions = self._recorded = None
        if recorded is not None and self._stall is None and len(actions) < len(recorded):
            self._diverge(None, recorded[len(actions)])
        if self._stall is not None or self.is_finished:
            self.evict()
        if self._stall is not None:
            raise ExecutionStalledError(self._stall)
        return actions

    def evict(self) -> None:
        """Take the execution out of memory: its code is unwound without any effect (S76)."""
        self.is_replaying = True  # what a `finally` block logs is not new
        self.loop.freeze()
        self.is_replaying = False
        self._expecting, self._waits = None, ()

    @contextmanager
    def looking(self) -> Generator[None]:
        """Let somebody look at the values of the code at rest, whatever their reprs ask of the workflow.

        It is refused, and what was counted meanwhile doesn't count.
        """
        counted = self._ids, self._children
        with self.loop.looked_at():
            yield
        self._ids, self._children = counted

    def interrupt(self, stall: Stall) -> None:
        """Have the execution stall, from any thread, because its code doesn't wait; the last word counts."""
        if self._stall is None or self._stall.reason is StallReason.STUCK:
            self._stall = stall

    def _deliver(self, event: h.WorkflowStarted | h.ExecutionForked | h.InputEvent) -> None:
        match event:
            case h.TaskCompleted(scheduled_id=i) | h.TaskFailed(scheduled_id=i):
                self._resolve(i, event)
            case h.WorkflowStarted(at=at):
                self._advance_clock(at)
            case h.ExecutionForked():
                self.instance_id, self._execution_id = event.instance_id, event.execution_id
                self._parent = event.parent
            case h.ExecutionStarted():
                self._start(event)
            case h.TimerFired(scheduled_id=i, fire_at=fire_at):
                self._advance_clock(fire_at)
                self._resolve(i, event)
            case h.ChildWorkflowCompleted(scheduled_id=i) | h.ChildWorkflowFailed(scheduled_id=i):
                self._resolve(i, event)
            case h.EventRaised():
                self._route(event)
            case h.ExecutionTerminated():
                self.is_finished = True
            case h.ExecutionSuspended() | h.ExecutionResumed():
                pass

    def _start(self, event: h.ExecutionStarted) -> None:
        self._started = event
        self._execution_id, self._parent = event.execution_id, event.parent
        self._buffered = [*event.carried, *self._buffered] or ()
        self._advance_clock(event.at)
        self.starts += 1
        run = self.code.run(self.context, event.input)
        self._main = self.loop.create_task(run, name=event.name, context=self._variables)

    def _resolve(self, scheduled_id: int, event: h.InputEvent) -> None:
        deliver = self._expecting.pop(scheduled_id, None) if self._expecting else None
        if deliver is not None:
            deliver(event)

    def _route(self, event: h.EventRaised) -> None:
        for task in self._waits:
            if task.waits_for(event.name):
                task.offer(event)
                return
        self._buffered = _with(self._buffered, event)

    def _drain(self) -> None:
        if self._main is None or self.is_finished:
            return
        try:
            self.loop.drain(until=self._must_stop)
        except LoopOverrunError as overrun:
            line = waiting_line(overrun.coro) or waiting_line(self._main.get_coro())
            self._stall = Stall(
                reason=StallReason.STUCK,
                message="the workflow never comes to rest: it loops without waiting for anything durable",
                file=line[0] if line else None,
                line=line[1] if line else None,
            )
        except KeyboardInterrupt:
            if not self._main.done():
                raise
        if self._main.done() and self._stall is None and not self.is_finished:
            self._finish(self._main)

    def _must_stop(self) -> bool:
        return self._stall is not None or self.is_finished or (self._main is not None and self._main.done())

    def _finish(self, main: WorkflowTask[str]) -> None:
        try:
            error = main.exception()
        except asyncio.CancelledError as cancelled:
            error = cancelled
        action = (
            a.CompleteWorkflow(status="COMPLETED", output=main.result())
            if error is None
            else a.CompleteWorkflow(status="FAILED", failure=describe(error))
        )
        if is_unresolved(error):
            self._stall = Stall(
                reason=StallReason.CODE_MISSING,
                message=f"{self.code.name} uses something that isn't there ({error}): run the cell that defines it",
            )
            return
        self._mark_unstarted()
        self.emit(action)
        self.is_finished = True

    def _mark_unstarted(self) -> None:
        """Note the calls of this last step that nobody will start (S15)."""
        unstarted = [
            action.name
            for action in self._actions or ()
            if isinstance(action, (a.ScheduleTask, a.CreateChildWorkflow)) and self.is_open(action.id)
        ]
        if unstarted:
            self.emit(a.AddMarker(name="not_started", value=codec().encode(unstarted, what="marker")))

    def _diverge(self, action: a.WorkflowAction | None, expected: h.ActionEvent | None) -> None:
        if isinstance(action, a.CompleteWorkflow):
            frames = action.failure.frames if action.failure is not None else ()
            line = (frames[-1].file, frames[-1].line) if frames else None
        else:
            line = calling_line() if action is not None else None
            if line is None and self._main is not None:
                line = waiting_line(self._main.get_coro())
        seq = expected.seq if expected is not None else self._seq + len(self._actions or ()) + 1
        self._stall = diverged(expected=expected, actual=action, line=line, seq=seq)

    def _advance_clock(self, at: datetime) -> None:
        if self._clock is None or at > self._clock:
            self._clock = at

    # -- what tasks, loop and context call ---------------------------------------------------

    @property
    def clock(self) -> datetime:
        assert self._clock is not None, "an execution has no time before its first event"
        return self._clock

    @property
    def started(self) -> h.ExecutionStarted:
        """How the execution began."""
        assert self._started is not None, "an execution has no input before its first event"
        return self._started

    @property
    def execution_id(self) -> str:
        """The execution that the code is; in a fork another one's until the two part."""
        return self._execution_id

    @property
    def parent(self) -> h.ParentReference | None:
        """Whose child it is."""
        return self._parent

    def next_id(self) -> int:
        """Count what the code schedules."""
        self._ids += 1
        return self._ids

    def next_child_id(self) -> str:
        """The instance ID of the next child that gets none from its caller."""
        self._children += 1
        return child_instance_id(self.instance_id, self.execution_id, self._children)

    def continue_as_new(self, new_input: Any, save_events: bool) -> NoReturn:
        """End the execution here and now, to begin another one with a new input (S13)."""
        encoded = self.code.encode_input(new_input)
        self._mark_unstarted()
        self.emit(a.ContinueAsNew(new_input=encoded, save_events=save_events))
        self.is_finished = True
        raise Evicted

    def emit(self, action: a.WorkflowAction) -> None:
        """Take an action of the code, and hold it against what is recorded."""
        actions = self._actions
        if self.loop.frozen or self._stall is not None or self.is_finished or actions is None:
            self.loop.refuse()
            return
        if self._recorded is not None:
            position = len(actions)
            if position < len(self._recorded):
                expected = self._recorded[position]
                if not a.agrees(action, expected):
                    self._diverge(action, expected)
                    raise Evicted
            elif not self._open_ended:
                self._diverge(action, None)
                raise Evicted
            else:
                self.is_replaying = False
        actions.append(action)
        self.noting(action)

    def expect(self, scheduled_id: int, deliver: Callable[[Any], None]) -> None:
        self._expecting = self._expecting or {}
        self._expecting[scheduled_id] = deliver

    def forget(self, scheduled_id: int) -> None:
        if self._expecting:
            self._expecting.pop(scheduled_id, None)

    def release(self, task: EventTask[Any]) -> None:
        waits = self._waits
        if isinstance(waits, list) and task in waits:
            waits.remove(task)

    def wait_for(self, task: EventTask[Any]) -> None:
        for event in [event for event in self._buffered if task.waits_for(event.name)]:
            self._buffered = [other for other in self._buffered if other is not event] or ()
            task.offer(event)
            if task.done():
                return
        self._waits = _with(self._waits, task)

    @property
    def references(self) -> dict[str, Reference]:
        """The activities and workflows that the code called, by name."""
        return self._references if self._references is not None else {}

    def refer(self, reference: Reference) -> None:
        self._references = self._references or {}
        self._references[reference.name] = reference

    def is_entered(self) -> bool:
        return asyncio._get_running_loop() is self.loop and not self.loop.is_looked_at

    def loop_time(self) -> float:
        return (self.clock - self.started.at).total_seconds()

    def create_loop_timer(self, when: float, callback: Callable[[], None]) -> LoopTimer:
        due = as_duration(when, "a timer's time")
        while due.total_seconds() < when:
            due += timedelta.resolution
        return LoopTimer(self, later(self.started.at, due), callback)

    def callback_failed(self, error: Exception) -> None:
        self.context.logger.error("a callback of the workflow failed", exc_info=error)

    def is_open(self, scheduled_id: int) -> bool:
        """Whether a result that names ``scheduled_id`` is still expected."""
        return self._expecting is not None and scheduled_id in self._expecting

    def branches(self, after: int = 0) -> list[WorkflowTask[Any]]:
        """The branches of the code that have not ended, oldest first; those with a number above ``after``."""
        return self.loop.pending_tasks(after)

    @property
    def main(self) -> WorkflowTask[str] | None:
        """The branch that the workflow began as; None before it began."""
        return self._main


_SILENT = (h.WorkflowStarted, h.ExecutionForked, h.ExecutionSuspended, h.ExecutionResumed)
"""Events in which no code runs: else how messages are batched into turns would change what it does (S73)."""


def _with(some: Sequence[Any], one: Any) -> list[Any]:
    if isinstance(some, list):
        some.append(one)
        return some
    return [*some, one]


def _nothing(_action: a.WorkflowAction) -> None:
    pass
