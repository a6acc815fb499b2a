"""Calls of activities and of child workflows: tried again as their retry policies say.

Each attempt is an entry in history of its own, and so is the wait between two of
them; what the code awaits is the call, over all its attempts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, TypeVar

import msgspec

from nbflow.core import actions as a
from nbflow.core import history as h
from nbflow.core.retry import RetryPolicy, later
from nbflow.core.tasks import DurableTask, LoopTimer, Scheduler
from nbflow.errors import (
    ChildTerminatedError,
    DefinitionError,
    FailureDetails,
    PayloadError,
    TaskFailedError,
    WorkflowTerminatedError,
)

_T = TypeVar("_T")

TERMINATED: Final = WorkflowTerminatedError.__qualname__
"""The type of the failure that stands for a child's termination."""


class TaskCall(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A call: everything that does not change from attempt to attempt.

    Attributes:
        name: The activity or workflow.
        input: JSON text.
        decode: Reads the result.
        retry: When to try again; None: never.
        timeout: Of each attempt of an activity.
        instance_id: Of a child that got one from its caller.
    """

    name: str
    input: str
    decode: Callable[[str], Any]
    retry: RetryPolicy | None = None
    timeout: timedelta | None = None
    instance_id: str | None = None


class CallTask(DurableTask[_T]):
    """A call of something that runs elsewhere, over all its attempts."""

    __slots__ = ("_open", "_timer", "attempt", "call", "first_at")

    def __init__(self, scheduler: Scheduler, call: TaskCall) -> None:
        super().__init__(scheduler)
        self.call = call
        self.attempt = 0
        self.first_at = scheduler.clock
        self._open: int | None = None
        self._timer: LoopTimer | None = None
        self._schedule()

    @property
    def is_pausing(self) -> bool:
        """Whether an attempt has failed, and the next one has not begun."""
        return self._open is None and not self.done()

    def withdraw(self) -> None:
        self._end_attempt(cancel=True)

    def begin(self, attempt_id: int) -> None:
        """Ask for an attempt."""
        raise NotImplementedError

    def _schedule(self) -> None:
        self.attempt += 1
        attempt_id = self.scheduler.next_id()
        if self.attempt == 1:
            self.id = attempt_id
        self._timer = None
        self.begin(attempt_id)

    def _expect(self, attempt_id: int) -> None:
        self._open = attempt_id
        self.scheduler.expect(attempt_id, self._deliver)

    def _deliver(
        self, event: h.TaskCompleted | h.TaskFailed | h.ChildWorkflowCompleted | h.ChildWorkflowFailed
    ) -> None:
        self._open = None
        self._end_attempt()
        if isinstance(event, (h.TaskFailed, h.ChildWorkflowFailed)):
            self._attempt_failed(event.failure)
            return
        try:
            result = self.call.decode(event.result)
        except (PayloadError, DefinitionError) as error:
            self.fail(error)
        else:
            self.succeed(result)

    def _attempt_failed(self, failure: FailureDetails) -> None:
        now = self.scheduler.clock
        wait = (
            self.call.retry.next_delay(attempt=self.attempt, failure=failure, first_at=self.first_at, now=now)
            if self.call.retry is not None
            else None
        )
        if wait is None:
            self.fail(TaskFailedError(self.call.name, failure))
        else:
            self._timer = LoopTimer(
                self.scheduler, now + wait, self._schedule, purpose="retry", for_id=self.id
            )

    def _end_attempt(self, *, cancel: bool = False) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        if cancel and self._open is not None:
            self.scheduler.emit(a.CancelTask(id=self._open))
            self.scheduler.forget(self._open)
            self._open = None


class ActivityTask(CallTask[_T]):
    """A call of an activity; an attempt of it may have a time limit."""

    __slots__ = ()

    def begin(self, attempt_id: int) -> None:
        limit = self.call.timeout
        self.scheduler.emit(
            a.ScheduleTask(
                id=attempt_id,
                task_id=self.id,
                name=self.call.name,
                input=self.call.input,
                attempt=self.attempt,
                timeout=None if limit is None else limit.total_seconds(),
            )
        )
        self._expect(attempt_id)
        if limit is not None:
            late = later(self.scheduler.clock, limit)
            self._timer = LoopTimer(
                self.scheduler, late, self._timed_out, purpose="timeout", for_id=attempt_id
            )

    def _timed_out(self) -> None:
        self._timer = None
        self._end_attempt(cancel=True)
        message = f"{self.call.name} took longer than its timeout of {self.call.timeout}"
        bases = tuple(kind.__qualname__ for kind in TimeoutError.__mro__[:-1])
        self._attempt_failed(FailureDetails(type="TimeoutError", message=message, bases=bases))


class ChildTask(CallTask[_T]):
    """A call of a child workflow; each attempt is a run of its own.

    Attributes:
        instance_id: The ID of the present attempt's run.
    """

    __slots__ = ("instance_id",)

    instance_id: str

    def begin(self, attempt_id: int) -> None:
        self.instance_id = self.call.instance_id or self.scheduler.next_child_id()
        self.scheduler.emit(
            a.CreateChildWorkflow(
                id=attempt_id,
                task_id=self.id,
                name=self.call.name,
                input=self.call.input,
                instance_id=self.instance_id,
                attempt=self.attempt,
            )
        )
        self._expect(attempt_id)

    def _attempt_failed(self, failure: FailureDetails) -> None:
        if _was_terminated(failure):  # its owner's decision, and no accident
            self.fail(ChildTerminatedError(self.call.name, failure))
        else:
            super()._attempt_failed(failure)


def _was_terminated(failure: FailureDetails) -> bool:
    """Tell a child's termination from an exception of that type that its code raised: that has a stack trace."""
    return failure.type == TERMINATED and not failure.stack_trace
