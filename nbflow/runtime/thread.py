"""The engine's own thread and loop, and the way from any other thread to it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from nbflow.definitions import running_execution
from nbflow.errors import NbflowError, NotReplayableError, RuntimeClosedError

_T = TypeVar("_T")


class EngineThread:
    """A daemon thread with an asyncio loop of its own.

    Cells block the kernel's loop, so nothing durable may depend on that one.
    """

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="nbflow-engine", daemon=True)
        self._thread.start()

    def submit(self, coro: Coroutine[Any, Any, _T]) -> Future[_T]:
        """Start a coroutine on the engine's loop, from any thread.

        Raises:
            NotReplayableError: This is a workflow's code, which a replay would have start it again.
            RuntimeClosedError: The loop has ended.
        """
        error = self._refusal()
        if error is not None:
            coro.close()
            raise error
        try:
            return asyncio.run_coroutine_threadsafe(self._until_stopped(coro), self.loop)
        except RuntimeError:  # closed at this very moment
            coro.close()
            raise _closed() from None

    def post(self, call: Callable[[], object], *, waits: bool = False) -> None:
        """Have something done on the engine's loop that needs no task; raises what `submit` does.

        If the caller ``waits`` for it, also what `check_elsewhere` does.
        """
        if waits:
            self.check_elsewhere()
        error = self._refusal()
        if error is not None:
            raise error
        try:
            self.loop.call_soon_threadsafe(call)
        except RuntimeError:  # closed at this very moment
            raise _closed() from None

    def later(self, call: Callable[[], object]) -> Callable[[], None]:
        """How to have something done on the engine's loop, if there still is one by then."""

        def do() -> None:
            if not self._is_stopping:
                self.post(call)

        return do

    def call(self, coro: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine on the engine's loop and wait for it here; raises what `submit` and `check_elsewhere` do."""
        try:
            self.check_elsewhere()
        except NbflowError:
            coro.close()
            raise
        return self.submit(coro).result()

    def do(self, call: Callable[[], _T]) -> _T:
        """Call something on the engine's loop and wait for it here; raises what `call` does."""

        async def do() -> _T:
            return call()

        return self.call(do())

    def check_elsewhere(self) -> None:
        """Raise NbflowError if this is the engine's own thread, which can't wait for itself."""
        if threading.current_thread() is self._thread:
            raise NbflowError(
                "an async activity can't wait for the runtime that runs it: make it a `def`, or do this "
                "in the workflow"
            )

    def stop(self) -> None:
        """End the loop and the thread; whoever waits for it gets RuntimeClosedError."""
        if not self._is_stopping:
            self._is_stopping = True
            self.loop.call_soon_threadsafe(self.loop.stop)
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=5.0)

    def _refusal(self) -> NbflowError | None:
        if running_execution() is not None:
            return NotReplayableError(
                "workflow code can't use the client: every replay would do it again; put it in an activity"
            )
        return _closed() if self._is_stopping else None

    async def _until_stopped(self, coro: Coroutine[Any, Any, _T]) -> _T:
        try:
            return await coro
        except asyncio.CancelledError:
            if self._is_stopping:
                raise _closed() from None
            raise

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
            self.loop.run_until_complete(self._end())
        finally:
            asyncio.set_event_loop(None)
            self.loop.close()

    async def _end(self) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=1.0)
        await self.loop.shutdown_asyncgens()
        await self.loop.shutdown_default_executor()


def _closed() -> RuntimeClosedError:
    return RuntimeClosedError("the runtime is closed: open a new one to go on; no run is lost by it")
