"""The engine's own thread and loop, and the way from any other thread to it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from nbflow.errors import NbflowError, RuntimeClosedError

_T = TypeVar("_T")


class EngineThread:
    """A daemon thread with an asyncio loop of its own.

    Cells block the kernel's loop, so nothing durable may depend on that one.
    """

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="nbflow-engine", daemon=True)
        self._thread.start()

    def submit(self, coro: Coroutine[Any, Any, _T]) -> Future[_T]:
        """Start a coroutine on the engine's loop, from any thread."""
        if self.loop.is_closed():
            coro.close()
            raise RuntimeClosedError("the runtime is closed: open a new one to go on; no run is lost by it")
        return asyncio.run_coroutine_threadsafe(coro, self.loop)

    def call(self, coro: Coroutine[Any, Any, _T], timeout: float | None = None) -> _T:
        """Run a coroutine on the engine's loop and wait for it here.

        Raises:
            NbflowError: This is the engine's own thread, which can't wait for itself.
        """
        if threading.current_thread() is self._thread:
            coro.close()
            raise NbflowError(
                "an async activity can't wait for the runtime that runs it: make it a `def`, or do this "
                "in the workflow"
            )
        return self.submit(coro).result(timeout)

    def stop(self) -> None:
        """End the loop and the thread."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(timeout=5.0)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
        finally:
            self.loop.close()
