"""Activities in this process: ``def`` in worker threads, ``async def`` on the engine's loop.

The workers are daemon threads of our own, since both `concurrent.futures` and
anyio join theirs when Python exits: an activity that hangs would keep a kernel
from shutting down, and nothing is lost by letting go of it, as an attempt
without a result is run again.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Final, TypeAlias

from nbflow.core.failures import describe
from nbflow.ports import Invocation, InvocationOutcome

_IDLE_SECONDS: Final = 30.0

_Job: TypeAlias = "tuple[Callable[[], InvocationOutcome], Future[InvocationOutcome]]"


class ThreadExecutor:
    """Runs activities in this process.

    How many run at once is the engine's business; a worker thread is made whenever none is idle.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._idle = 0
        self._started = 0
        self._lock = threading.Lock()

    async def run(self, invocation: Invocation) -> InvocationOutcome:
        """Run one attempt to its end, whatever it raises; cancelling that cancels an ``async def``."""
        if invocation.call_async is not None:
            coro = _outcome_async(invocation.call_async)
            outcome = await asyncio.get_running_loop().create_task(coro, context=invocation.context)
        else:
            call = invocation.call
            assert call is not None, "an invocation has something to call"
            outcome = await asyncio.wrap_future(self._submit(lambda: invocation.context.run(_outcome, call)))
        present = asyncio.current_task()
        if present is not None and present.cancelling():
            raise asyncio.CancelledError  # the activity took our cancellation for its own
        return outcome

    async def close(self) -> None:
        """Send idle workers home; busy ones end with the process."""
        with self._lock:
            for _ in range(self._idle):
                self._jobs.put(None)
            self._idle = 0

    def _submit(self, call: Callable[[], InvocationOutcome]) -> Future[InvocationOutcome]:
        future: Future[InvocationOutcome] = Future()
        with self._lock:
            if self._idle == 0:
                self._started += 1
                name = f"nbflow-activity-{self._started}"
                threading.Thread(target=self._work, name=name, daemon=True).start()
            else:
                self._idle -= 1
            self._jobs.put((call, future))
        return future

    def _work(self) -> None:
        while (job := self._next_job()) is not None:
            call, future = job
            if future.set_running_or_notify_cancel():
                self._carry_out(call, future)
            else:
                self._rest()
            del job, call, future

    def _carry_out(self, call: Callable[[], InvocationOutcome], future: Future[InvocationOutcome]) -> None:
        try:
            outcome = call()
        except BaseException as error:
            self._rest()
            future.set_exception(error)
        else:
            self._rest()
            future.set_result(outcome)

    def _rest(self) -> None:
        """Be counted as idle, before the result is seen: the next attempt then needs no new thread."""
        with self._lock:
            self._idle += 1

    def _next_job(self) -> _Job | None:
        while True:
            try:
                return self._jobs.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                with self._lock:
                    if self._idle > 0 and self._jobs.empty():
                        self._idle -= 1
                        return None


def _outcome(call: Callable[[], str]) -> InvocationOutcome:
    try:
        result = call()
    except BaseException as error:  # SystemExit ends an activity, never the process
        return InvocationOutcome(worker=_worker("thread"), failure=describe(error))
    return InvocationOutcome(worker=_worker("thread"), result=result)


async def _outcome_async(call: Callable[[], Coroutine[Any, Any, str]]) -> InvocationOutcome:
    try:
        result = await call()  # made here: one made before would be left over if we are cancelled first
    except BaseException as error:  # likewise, and a cancellation of its own making is a failure, too
        return InvocationOutcome(worker=_worker("loop"), failure=describe(error))
    return InvocationOutcome(worker=_worker("loop"), result=result)


def _worker(place: str) -> str:
    return f"{os.getpid()}/{place}"
