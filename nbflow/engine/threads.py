"""A thread that does one thing after another, and never keeps Python from exiting."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from nbflow.errors import RuntimeClosedError

_T = TypeVar("_T")
_log: Final = logging.getLogger("nbflow.engine")


class JobThread(Protocol):
    """Runs what it is given in order, apart from the engine's loop."""

    def submit(self, call: Callable[[], _T]) -> Future[_T]:
        """Queue a call; what it returns or raises comes by the future, RuntimeClosedError after `stop`.

        A call whose future is cancelled before its turn has come is never made: another thread may get it.
        """
        ...

    def post(self, call: Callable[[], object]) -> bool:
        """Queue a call of which nobody waits for the end; tells whether it was queued, as nothing is after `stop`."""
        ...

    async def run(self, call: Callable[[], _T]) -> _T:
        """Queue a call and wait for it on the running loop."""
        ...

    def stop(self, timeout: float) -> bool:
        """End the thread behind what is queued; tell whether it ended in time (seconds)."""
        ...


MakeThread: TypeAlias = Callable[[str], JobThread]
"""Gives a thread of a name."""


class SerialThread:
    """Runs what it is given in order, on one daemon thread of its own.

    `concurrent.futures` would join its thread at exit: workflow code that loops
    for ever, on the dispatch thread, would keep a kernel from shutting down.
    """

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any] | None] | None] = (
            queue.SimpleQueue()
        )
        self._lock = threading.Lock()
        self._is_stopped = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, call: Callable[[], _T]) -> Future[_T]:
        """Queue a call; what it returns or raises comes by the future, RuntimeClosedError after `stop`."""
        future: Future[_T] = Future()
        with self._lock:
            if self._is_stopped:
                future.set_exception(RuntimeClosedError("the runtime is closed"))
            else:
                self._jobs.put((call, future))
        return future

    def post(self, call: Callable[[], object]) -> bool:
        """Queue a call of which nobody waits for the end; tells whether it was queued, as nothing is after `stop`."""
        with self._lock:
            if not self._is_stopped:
                self._jobs.put((call, None))
            return not self._is_stopped

    async def run(self, call: Callable[[], _T]) -> _T:
        """Queue a call and wait for it on the running loop."""
        return await asyncio.wrap_future(self.submit(call))

    def stop(self, timeout: float) -> bool:
        """End the thread behind what is queued; tell whether it ended in time (seconds)."""
        with self._lock:
            if not self._is_stopped:
                self._is_stopped = True
                self._jobs.put(None)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            call, future = job
            if future is None:
                self._do(call)
                del job, call
                continue
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = call()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)
            del job, call, future

    def _do(self, call: Callable[[], object]) -> None:
        try:
            call()
        except BaseException:
            _log.exception("a job of %s failed", self._thread.name)
