"""Activities in this process: ``def`` in worker threads, ``async def`` on the engine's loop.

The workers are daemon threads of our own, since both `concurrent.futures` and
anyio join theirs when Python exits: an activity that hangs would keep a kernel
from shutting down, and nothing is lost by letting go of it, as an attempt
without a result is run again.

Most activities take microseconds or wait for something, and both are served by few
hand-overs: one worker takes one attempt after another from the queue, and more
workers join it only where attempts have waited for a moment.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeAlias

from nbflow.core.failures import describe
from nbflow.ports import Invocation, InvocationOutcome

_IDLE_SECONDS: Final = 30.0

_PATIENCE_SECONDS: Final = 0.001
"""How long an attempt waits for a worker before there are twice as many."""

_Done: TypeAlias = Callable[[InvocationOutcome], None]


_Job: TypeAlias = tuple[Callable[[], InvocationOutcome], _Done]


class ThreadExecutor:
    """Runs activities in this process.

    How many run at once is the engine's business; there are never more workers than attempts were under way.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._is_watching = False
        self._lock = threading.Lock()
        self._workers = 0
        self._hired = 0
        self._begun = 0
        self._finished = 0

    async def run(self, invocation: Invocation) -> InvocationOutcome:
        """Run one attempt to its end, whatever it raises; cancelling that cancels an ``async def``."""
        loop = asyncio.get_running_loop()
        if invocation.call_async is not None:
            coro = _outcome_async(invocation.call_async)
            outcome = await loop.create_task(coro, context=invocation.context)
        else:
            ended: asyncio.Future[InvocationOutcome] = loop.create_future()

            def end(outcome: InvocationOutcome) -> None:
                if not ended.done():
                    ended.set_result(outcome)

            self.start(invocation, lambda outcome: _call_on(loop, end, outcome))
            outcome = await ended
        present = asyncio.current_task()
        if present is not None and present.cancelling():
            raise asyncio.CancelledError  # the activity took our cancellation for its own
        return outcome

    def start(self, invocation: Invocation, done: _Done) -> None:
        """Run one attempt of a ``def``; ``done`` gets its outcome on the thread that ran it."""
        call, context = invocation.call, invocation.context
        assert call is not None, "an invocation has something to call"
        self._jobs.put((lambda: context.run(_outcome, call), done))
        with self._lock:
            self._begun += 1
            waiting = self._begun - self._finished - self._workers
        if self._workers == 0:
            self._hire(1)
        elif waiting > 0 and not self._is_watching:
            self._watch(asyncio.get_running_loop())

    def call(self, invocation: Invocation) -> InvocationOutcome:
        """Run one attempt of a ``def`` here and now."""
        assert invocation.call is not None, "an invocation has something to call"
        return invocation.context.run(_outcome, invocation.call)

    async def close(self) -> None:
        """Send idle workers home; busy ones end with the process."""
        for _ in range(self._workers):
            self._jobs.put(None)

    # -- how many workers there are -------------------------------------------------------------

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look in a moment whether what waits now for a worker still does."""
        self._is_watching = True
        loop.call_later(_PATIENCE_SECONDS, self._look, loop, self._begun)

    def _look(self, loop: asyncio.AbstractEventLoop, begun: int) -> None:
        self._is_watching = False
        with self._lock:
            late = begun - self._finished - self._workers
            waiting = self._begun - self._finished - self._workers
        if late > 0:
            self._hire(min(late, max(self._workers, 1)))
        if waiting > 0:
            self._watch(loop)

    def _hire(self, count: int) -> None:
        for _ in range(count):
            with self._lock:
                self._workers += 1
                self._hired += 1
            threading.Thread(target=self._work, name=f"nbflow-activity-{self._hired}", daemon=True).start()

    def _work(self) -> None:
        while (job := self._next_job()) is not None:
            call, done = job
            outcome = call()
            with self._lock:
                self._finished += 1
            done(outcome)
            del job, call, done, outcome

    def _next_job(self) -> _Job | None:
        while True:
            try:
                job = self._jobs.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                job = None
            if job is not None:
                return job
            with self._lock:
                if self._jobs.empty() or self._workers > 1:
                    self._workers -= 1
                    return None


def _call_on(
    loop: asyncio.AbstractEventLoop, end: Callable[[InvocationOutcome], None], outcome: InvocationOutcome
) -> None:
    try:
        loop.call_soon_threadsafe(end, outcome)
    except RuntimeError:
        pass  # the loop has been closed


def _outcome(call: Callable[[], str]) -> InvocationOutcome:
    begun = time.perf_counter()
    try:
        result = call()
    except BaseException as error:  # SystemExit ends an activity, never the process
        failure = describe(error)
        seconds = time.perf_counter() - begun
        return InvocationOutcome(worker=_worker("thread"), failure=failure, seconds=seconds)
    return InvocationOutcome(worker=_worker("thread"), result=result, seconds=time.perf_counter() - begun)


async def _outcome_async(call: Callable[[], Coroutine[Any, Any, str]]) -> InvocationOutcome:
    try:
        result = await call()  # made here: one made before would be left over if we are cancelled first
    except BaseException as error:  # likewise, and a cancellation of its own making is a failure, too
        return InvocationOutcome(worker=_worker("loop"), failure=describe(error))
    return InvocationOutcome(worker=_worker("loop"), result=result)


def _worker(place: str) -> str:
    return f"{os.getpid()}/{place}"
