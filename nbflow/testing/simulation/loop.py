"""An event loop in virtual time: one thread, no selector, and a clock that jumps to the next thing to do.

Whatever waits in a simulation waits on this loop, so that thirty days of sleep take
no time, and the same things happen in the same order every time.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import sys
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from contextvars import Context
from typing import Any, Final, TypeVar, TypeVarTuple, Unpack, cast

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

_ROUNDS: Final = 100
"""How often tasks that are cancelled may begin anew before they are left behind."""


class RanDryError(Exception):
    """Something is waited for that nothing on the loop can bring."""


class Crashed(BaseException):
    """The process ends here: nothing that would catch an exception may go on."""


class SimulationLoop(asyncio.AbstractEventLoop):
    """Runs callbacks in order, and moves time when there is nothing else to do.

    It has no sockets, files or subprocesses; what is given to an executor runs at once.

    Args:
        start: The loop's time to begin with.
        max_steps: Callbacks after which it stops.

    Attributes:
        complaints: What went wrong in callbacks and tasks that nobody looked at.
        steps: How many callbacks it has run.
        max_steps: See above; may be changed.
        is_stopped: Whether `stop` was called, or there were too many steps.
    """

    def __init__(self, start: float = 0.0, *, max_steps: int = sys.maxsize) -> None:
        self.complaints: list[str] = []
        self.steps = 0
        self.is_stopped = False
        self.max_steps = max_steps
        self._now = start
        self._numbers = itertools.count()
        self._ready: deque[asyncio.Handle] = deque()
        self._scheduled: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._is_abandoned = False
        self._is_running = False

    # -- running ------------------------------------------------------------------------------

    def run_dry(self) -> None:
        """Run until nothing is left to do, however much time that takes, or until `stop`."""
        with self._entered():
            while not self.is_stopped and self._has_next():
                self._step()

    def run_until_complete(self, future: Coroutine[Any, Any, _T] | Any) -> _T:
        """Run until a coroutine or future is done, and give its result.

        Raises:
            RanDryError: It waits for what never comes, or the loop was stopped.
        """
        with self._entered():
            awaited = cast("asyncio.Future[_T]", asyncio.ensure_future(future, loop=self))
            while not awaited.done() and not self.is_stopped and self._has_next():
                self._step()
        if not awaited.done():
            raise RanDryError(f"{awaited!r} waits for what never comes")
        return awaited.result()

    def stop(self) -> None:
        """Run nothing any more after the present callback."""
        self.is_stopped = True

    def abandon(self) -> None:
        """Cancel whatever is under way, have it unwound, and forget the rest, as the end of a process does."""
        self._is_abandoned = True
        with self._entered():
            for _ in range(_ROUNDS):
                if not self._tasks:
                    break
                for task in list(self._tasks):
                    task.cancel()
                for _ in range(len(self._ready)):
                    self._step()
        for task in self._tasks:
            cast("Any", task)._log_destroy_pending = False
        self._tasks.clear()
        self._ready.clear()
        self._scheduled.clear()

    def _has_next(self) -> bool:
        """Move time on if nothing is ready; tell whether there is anything to do."""
        while not self._ready and self._scheduled:
            when, _, handle = heapq.heappop(self._scheduled)
            if not handle.cancelled():
                self._now = max(self._now, when)
                self._ready.append(handle)
        return bool(self._ready)

    def _step(self) -> None:
        handle = self._ready.popleft()
        self.steps += 1
        if self.steps >= self.max_steps:
            self.is_stopped = True
        if not handle.cancelled():
            handle._run()

    @contextmanager
    def _entered(self) -> Generator[None]:
        hooks = sys.get_asyncgen_hooks()
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        sys.set_asyncgen_hooks(firstiter=None, finalizer=self._generator_dropped)
        self._is_running = True
        try:
            yield
        finally:
            self._is_running = False
            sys.set_asyncgen_hooks(*hooks)
            asyncio._set_running_loop(before)

    def _generator_dropped(self, generator: Any) -> None:
        if not self._is_abandoned:
            self.create_task(generator.aclose())

    # -- what asyncio calls -------------------------------------------------------------------

    def time(self) -> float:
        return self._now

    def call_soon(
        self, callback: Callable[[Unpack[_Ts]], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[_Ts]], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._scheduled, (when, next(self._numbers), handle))
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, _T] | Coroutine[Any, Any, _T],
        *,
        name: object = None,
        context: Context | None = None,
        **_options: Any,
    ) -> asyncio.Task[_T]:
        task = asyncio.Task(
            cast("Coroutine[Any, Any, _T]", coro),
            loop=self,
            name=None if name is None else str(name),
            context=context,
        )
        self._tasks[task] = None
        task.add_done_callback(self._forget)
        return task

    def run_in_executor(
        self, executor: Any, func: Callable[[Unpack[_Ts]], _T], *args: *_Ts
    ) -> asyncio.Future[_T]:
        """Run it here and now: a thread would bring its result at a moment that doesn't repeat."""
        future: asyncio.Future[_T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def get_task_factory(self) -> None:
        return None

    def get_exception_handler(self) -> None:
        return None

    def get_debug(self) -> bool:
        return False

    def set_debug(self, enabled: bool) -> None:
        pass

    def is_running(self) -> bool:
        return self._is_running

    def is_closed(self) -> bool:
        return self._is_abandoned

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self._is_abandoned and not isinstance(context.get("exception"), Crashed):
            self.complaints.append(f"{context['message']}: {context.get('exception')!r}")

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.call_exception_handler(context)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Do nothing: a cancelled timer is dropped when its time comes."""

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)
