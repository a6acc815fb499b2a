"""Durable awaitables: what a workflow waits for.

Every call schedules at once and gives a `DurableTask`, an asyncio Future that
can be awaited any number of times, raced, gathered and reused. A cancelled one
cancels what it stands for, and that is in history; a running activity is left
alone and its late result ignored.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from nbflow.core import actions as a
from nbflow.core import history as h
from nbflow.core.loop import WorkflowFuture, WorkflowLoop
from nbflow.core.retry import later
from nbflow.core.state import same_name
from nbflow.errors import PayloadError

_T = TypeVar("_T")


class Scheduler(Protocol):
    """What a durable task needs of its execution."""

    @property
    def loop(self) -> WorkflowLoop: ...

    @property
    def clock(self) -> datetime: ...

    def next_id(self) -> int: ...

    def next_child_id(self) -> str:
        """The instance ID of the next child that gets none from its caller."""
        ...

    def emit(self, action: a.WorkflowAction) -> None: ...

    def expect(self, scheduled_id: int, deliver: Callable[[Any], None]) -> None:
        """Have the result that names ``scheduled_id`` delivered."""
        ...

    def forget(self, scheduled_id: int) -> None:
        """Expect that result no more."""
        ...

    def release(self, task: EventTask[Any]) -> None:
        """Take a wait off the list of those that an event may complete."""
        ...


class DurableTask(WorkflowFuture[_T]):
    """A scheduled piece of work: awaitable, and inspectable as Dapr's tasks are.

    Attributes:
        id: The id of its scheduling event.
    """

    __slots__ = ("id", "scheduler")

    id: int

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__(loop=scheduler.loop)
        self.scheduler = scheduler

    @property
    def is_complete(self) -> bool:
        """True once it has a result, failed, or was cancelled."""
        return self.done()

    @property
    def is_failed(self) -> bool:
        """True once it failed or was cancelled."""
        return self.done() and (self.cancelled() or self.exception() is not None)

    def get_result(self) -> _T:
        """The result; raises what the task failed with, or InvalidStateError while it runs."""
        return self.result()

    def get_exception(self) -> BaseException | None:
        """The failure, or None; raises InvalidStateError while it runs."""
        return self.exception()

    def cancel(self, msg: Any | None = None) -> bool:
        if not self.done():
            self.withdraw()
        return super().cancel(msg)

    def withdraw(self) -> None:
        """Take back what the task asked for."""
        raise NotImplementedError

    def fail(self, error: BaseException) -> None:
        """End with a failure, which nobody has to look at."""
        if not self.done():
            self.set_exception(error)
            self._log_traceback = False

    def succeed(self, result: _T) -> None:
        """End with a result."""
        if not self.done():
            self.set_result(result)


class LoopTimer:
    """A durable timer with a callback; cancelling one that fired does nothing."""

    __slots__ = ("_callback", "_open", "_scheduler", "id")

    def __init__(
        self,
        scheduler: Scheduler,
        fire_at: datetime,
        callback: Callable[[], None],
        *,
        purpose: h.TimerPurpose = "timer",
        for_id: int | None = None,
    ) -> None:
        self._scheduler = scheduler
        self._callback = callback
        self._open = True
        self.id = scheduler.next_id()
        scheduler.emit(a.CreateTimer(id=self.id, fire_at=fire_at, purpose=purpose, for_id=for_id))
        scheduler.expect(self.id, self._fired)

    def cancel(self) -> None:
        """Forget the timer."""
        if self._open:
            self._open = False
            self._scheduler.emit(a.CancelTimer(id=self.id))
            self._scheduler.forget(self.id)

    def _fired(self, _event: h.TimerFired) -> None:
        self._open = False
        self._callback()


class TimerTask(DurableTask[None]):
    """A durable timer that can be awaited."""

    __slots__ = ("_timer", "fire_at")

    def __init__(self, scheduler: Scheduler, fire_at: datetime) -> None:
        super().__init__(scheduler)
        self.fire_at = fire_at
        self._timer = LoopTimer(scheduler, fire_at, self._fired)
        self.id = self._timer.id

    def withdraw(self) -> None:
        self._timer.cancel()

    def _fired(self) -> None:
        self.succeed(None)


class Payload(Protocol):
    """What an event may carry."""

    def decode(self, text: str, *, what: str) -> Any:
        """Read a payload; raises PayloadError if it doesn't fit."""
        ...

    def schema(self) -> str | None:
        """The JSON schema to ask people by, if there is one."""
        ...


class EventTask(DurableTask[_T]):
    """A wait for an external event."""

    __slots__ = ("_payload", "_timeout", "_timer", "name")

    def __init__(
        self,
        scheduler: Scheduler,
        name: str,
        *,
        payload: Payload,
        timeout: timedelta | None,
    ) -> None:
        super().__init__(scheduler)
        self.name = name
        self._payload = payload
        self._timeout = timeout
        self._timer: LoopTimer | None = None
        self.id = scheduler.next_id()
        scheduler.emit(a.WaitForEvent(id=self.id, name=name, schema=payload.schema()))

    def arm(self) -> None:
        """Start the timeout, if there is one and nothing came yet."""
        if self._timeout is not None and not self.done():
            late = later(self.scheduler.clock, self._timeout)
            self._timer = LoopTimer(self.scheduler, late, self._timed_out, purpose="timeout", for_id=self.id)

    def waits_for(self, name: str) -> bool:
        """Tell whether an event of that name may complete this wait."""
        return not self.done() and same_name(name, self.name)

    def offer(self, event: h.EventRaised) -> None:
        """Take the event, or reject it if its payload doesn't fit."""
        try:
            payload = self._payload.decode(event.payload, what=f"the payload of {self.name!r}")
        except PayloadError as error:
            self.scheduler.emit(a.RejectEvent(id=self.id, name=event.name, reason=str(error)))
            return
        self.scheduler.release(self)
        self._disarm()
        self.succeed(payload)

    def withdraw(self) -> None:
        self.scheduler.release(self)
        self.scheduler.emit(a.CancelEventWait(id=self.id))
        self._disarm()

    def _timed_out(self) -> None:
        self._timer = None
        self.withdraw()
        self.fail(TimeoutError(f"no {self.name!r} event came within {self._timeout}"))

    def _disarm(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
