"""Futures, tasks and handles of the workflow's loop: asyncio's own, with an order that repeats.

asyncio and anyio keep tasks in sets, and a set goes by hash. These hash by a
number of their loop instead of an address (semantics S74), so that sets of them
iterate alike in every process.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from nbflow.core.refusals import refused_await

if TYPE_CHECKING:
    from nbflow.core.loop import WorkflowLoop

_T = TypeVar("_T")

REDELIVERY: Final = "_deliver_cancellation"
"""Name of anyio's function that cancels the tasks of a scope, and calls itself again (S78)."""


class Timer(Protocol):
    """A durable timer as the loop sees it: something that can be cancelled."""

    def cancel(self) -> None: ...


class LoopOwner(Protocol):
    """What the loop needs of the execution that owns it."""

    def loop_time(self) -> float:
        """Seconds of workflow time since the execution started."""
        ...

    def create_loop_timer(self, when: float, callback: Callable[[], None]) -> Timer:
        """Make a durable timer that calls back once ``when`` (in loop time) has come."""
        ...

    def callback_failed(self, error: Exception) -> None:
        """Tell the author what a callback raised: nobody awaits it."""
        ...


class LoopOverrunError(Exception):
    """A drain took more steps than it may: the code never waits for anything.

    Attributes:
        coro: The coroutine whose step was the last, if it was one.
    """

    def __init__(self, coro: Any) -> None:
        super().__init__("the loop never comes to rest")
        self.coro = coro


class WorkflowFuture(asyncio.Future[_T]):
    """A future that hashes by a number of its loop (S74)."""

    __slots__ = ("number",)

    def __init__(self, *, loop: WorkflowLoop) -> None:
        self.number = loop.next_number()
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self.number


class WorkflowSteps(Coroutine[Any, Any, _T]):
    """A coroutine as its task steps through it: what asyncio throws in is said more clearly.

    A task that waits for something foreign gets a RuntimeError of asyncio's thrown in where it
    waits; the code gets a `NotReplayableError` there, which it can catch.
    """

    __slots__ = ("coro",)

    def __init__(self, coro: Coroutine[Any, Any, _T]) -> None:
        self.coro = coro

    def __getattr__(self, name: str) -> Any:
        return getattr(self.coro, name)  # cr_frame and its like, which debuggers look at

    def __await__(self) -> Generator[Any, Any, _T]:
        return self.coro.__await__()

    # The coroutine's own, without a frame of Python's: every step goes through it. Kept here, each would take 72 bytes.
    send = property(attrgetter("coro.send"))  # type: ignore[assignment]
    close = property(attrgetter("coro.close"))  # type: ignore[assignment]

    def throw(self, error: Any, /, *rest: Any) -> Any:
        """Raise an error where the coroutine waits."""
        return self.coro.throw(refused_await(error) or error, *rest)


class WorkflowTask(asyncio.Task[_T]):
    """A task that hashes by a number of its loop, and is named by it.

    ``asyncio.all_tasks()`` doesn't list it: that is one set for all loops of the
    process, in which the equal numbers of many workflows would collide.

    Attributes:
        variables: The context variables that its code runs in.
    """

    __slots__ = ("_withheld", "number", "variables", "workflow_loop")

    _fut_waiter: asyncio.Future[Any] | None

    def __init__(
        self,
        coro: Coroutine[Any, Any, _T],
        *,
        loop: WorkflowLoop,
        name: object = None,
        context: Context | None = None,
    ) -> None:
        self.number = loop.next_number()
        self.workflow_loop = loop
        self.variables = copy_context() if context is None else context
        self._withheld = 0
        name = f"Task-{self.number}" if name is None else str(name)
        super().__init__(WorkflowSteps(coro), loop=loop, name=name, context=self.variables)
        asyncio.tasks._unregister_task(self)

    def __hash__(self) -> int:
        return self.number

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for a future, rather than for its next turn."""
        return self._fut_waiter is not None

    @property
    def waits_for(self) -> asyncio.Future[Any] | None:
        """The future that it waits for; None if it waits for its next turn, or has ended."""
        return self._fut_waiter

    def cancel(self, msg: Any | None = None) -> bool:
        """Cancel the task; anyio's deliveries are collected first, since it visits scopes by address."""
        frame = inspect.currentframe()
        caller = frame.f_back if frame is not None else None
        if caller is not None and caller.f_code.co_name == REDELIVERY:
            return self.workflow_loop.collect_cancellation(self, msg)
        return super().cancel(msg)

    def cancel_now(self, msg: Any | None) -> None:
        """Cancel the task without any detour."""
        super().cancel(msg)

    def withhold_cancellation(self) -> None:
        """Count a request to cancel, and do no more: anyio takes back what it counted."""
        self._withheld += 1

    def cancelling(self) -> int:
        """How many requests to cancel are open."""
        return super().cancelling() + self._withheld

    def uncancel(self) -> int:
        """Take back one request to cancel, and return how many are left."""
        if self._withheld:
            self._withheld -= 1
            return self.cancelling()
        return super().uncancel()


class WorkflowHandle(asyncio.TimerHandle):
    """A callback that waits for a durable timer."""

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: WorkflowLoop,
        context: Context | None,
    ) -> None:
        super().__init__(when, callback, args, loop, context)
        self.workflow_loop = loop
        self.timer: Timer | None = None

    def cancel(self) -> None:
        if not self.cancelled() and self.timer is not None:
            self.timer.cancel()
        super().cancel()

    def fire(self) -> None:
        """Have the callback run in the loop: the timer has come due."""
        self.timer = None
        self.workflow_loop.call_soon(self.run)

    def run(self) -> None:
        """Run the callback unless it was cancelled."""
        if not self.cancelled():
            self._run()


class Redelivery(asyncio.Handle):
    """The next run of an anyio scope that cancels its tasks until they give in."""
