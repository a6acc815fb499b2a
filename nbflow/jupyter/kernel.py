"""The one way from other threads to the kernel's own.

Cells run on the kernel's main thread, inside its asyncio loop. What the engine's
thread wants done there (bringing an output up to date) goes through that loop
and waits for the running cell; where there is no such loop, as in IPython's
terminal, nothing can be done between cells, and it is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context


class KernelThread:
    """The thread that runs cells, as other threads may use it.

    Args:
        loop: The loop that it runs; None where it runs none.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self._loop = loop

    @classmethod
    def here(cls) -> KernelThread:
        """The thread that calls this, which is the kernel's when a cell does."""
        try:
            return cls(asyncio.get_running_loop())
        except RuntimeError:
            return cls(None)

    @property
    def is_there(self) -> bool:
        """Whether this is a kernel, with a front end that draws widgets, and not a terminal."""
        return self._loop is not None

    def soon(self, call: Callable[[], object]) -> None:
        """Have something done there between two cells; safe from any thread.

        It gets a context of its own: in that of the engine's thread, output would belong to the cell
        that loaded nbflow, and not to the newest one.
        """
        if self._loop is None or self._loop.is_closed():
            return
        try:
            self._loop.call_soon_threadsafe(call, context=Context())
        except RuntimeError:  # the loop was closed meanwhile: the kernel is shutting down
            return
