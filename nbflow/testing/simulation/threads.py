"""The engine's threads in a simulation: they do one thing after another, on the loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from nbflow.errors import RuntimeClosedError
from nbflow.testing.simulation.loop import SimulationLoop

_T = TypeVar("_T")


class SimulatedThread:
    """Runs what it is given in order, each job after a delay in virtual time.

    Args:
        loop: Where jobs run, between whatever else happens there.
        delay: How long the next job takes, in seconds.
    """

    def __init__(self, loop: SimulationLoop, delay: Callable[[], float]) -> None:
        self._loop = loop
        self._delay = delay
        self._jobs: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._is_busy = False
        self._is_stopped = False
        self._is_immediate = False

    def submit(self, call: Callable[[], _T]) -> Future[_T]:
        """Queue a call; what it returns or raises comes by the future, RuntimeClosedError after `stop`."""
        future: Future[_T] = Future()
        if self._is_stopped:
            future.set_exception(RuntimeClosedError("the runtime is closed"))
        else:
            self._jobs.append((call, future))
            if self._is_immediate:
                self.haunt()
            else:
                self._go_on()
        return future

    def post(self, call: Callable[[], object]) -> bool:
        """Queue a call of which nobody waits for the end; tells whether it was queued, as nothing is after `stop`."""
        if not self._is_stopped:
            self.submit(call)
            return True
        return False

    async def run(self, call: Callable[[], _T]) -> _T:
        """Queue a call and wait for it on the running loop."""
        return await asyncio.wrap_future(self.submit(call))

    def stop(self, timeout: float) -> bool:
        """End the thread behind what is queued; that takes no time here."""
        self._is_stopped = True
        while self._jobs:
            self._do(*self._jobs.popleft())
        return True

    def die(self) -> None:
        """Do nothing any more, and refuse what comes."""
        self._is_busy = self._is_stopped = True

    def haunt(self) -> None:
        """Do what is left, and whatever is asked for, at once: nothing counts any more, but has to be unwound."""
        self._is_immediate, self._is_stopped = True, False
        while self._jobs:
            self._do(*self._jobs.popleft())

    def _go_on(self) -> None:
        if self._jobs and not self._is_busy:
            self._is_busy = True
            self._loop.call_later(self._delay(), self._next)

    def _next(self) -> None:
        self._is_busy = False
        if self._jobs:
            self._do(*self._jobs.popleft())
            self._go_on()

    def _do(self, call: Callable[[], Any], future: Future[Any]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = call()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)
