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
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from nbflow.core.failures import describe
from nbflow.ports import Invocation, InvocationOutcome

_IDLE_SECONDS: Final = 30.0

_Job = tuple[Callable[[], str], "Future[str]"]


class ThreadExecutor:
    """Runs activities in this process.

    How many run at once is the engine's business; a worker thread is made whenever none is idle.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._idle = 0
        self._count = 0
        self._lock = threading.Lock()
        self._process = os.getpid()

    async def run(self, invocation: Invocation) -> InvocationOutcome:
        """Run one attempt to its end."""
        try:
            if invocation.call_async is not None:
                worker = f"{self._process}/loop"
                coro = invocation.call_async()
                result = await asyncio.get_running_loop().create_task(coro, context=invocation.context)
            else:
                assert invocation.call is not None
                worker = f"{self._process}/thread"
                call = invocation.call
                result = await asyncio.wrap_future(self._submit(lambda: invocation.context.run(call)))
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            return InvocationOutcome(worker=f"{self._process}", failure=describe(error))
        return InvocationOutcome(worker=worker, result=result)

    async def close(self) -> None:
        """Send idle workers home; busy ones end with the process."""
        with self._lock:
            for _ in range(self._count):
                self._jobs.put(None)

    def _submit(self, call: Callable[[], str]) -> Future[str]:
        future: Future[str] = Future()
        with self._lock:
            if self._idle == 0:
                self._count += 1
                name = f"nbflow-activity-{self._count}"
                threading.Thread(target=self._work, name=name, daemon=True).start()
            else:
                self._idle -= 1
            self._jobs.put((call, future))
        return future

    def _work(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                with self._lock:
                    if self._idle > 0 and self._jobs.empty():
                        self._idle -= 1
                        self._count -= 1
                        return
                continue
            if job is None:
                return
            call, future = job
            try:
                result = call()
            except BaseException as error:
                self._rest()
                future.set_exception(error if isinstance(error, Exception) else _as_exception(error))
            else:
                self._rest()
                future.set_result(result)

    def _rest(self) -> None:
        with self._lock:
            self._idle += 1


def _as_exception(error: BaseException) -> Exception:
    """What an activity raises can't end the engine: SystemExit and its like become failures."""
    wrapped = RuntimeError(f"the activity raised {type(error).__name__}: {error}")
    wrapped.__cause__ = error
    return wrapped.with_traceback(error.__traceback__)
