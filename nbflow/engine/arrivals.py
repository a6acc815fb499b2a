"""What other threads bring to the loop: it is woken once for all that came meanwhile."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Arrivals(Generic[_T]):
    """Takes things on any thread and hands them over on the loop, in order.

    Args:
        take: Gets each of them, on the loop that this is made on.
        rest: Called there once none is left for the moment.
    """

    def __init__(self, take: Callable[[_T], object], rest: Callable[[], object] | None = None) -> None:
        self._take = take
        self._rest = rest
        self._loop = asyncio.get_running_loop()
        self._things: deque[_T] = deque()
        self._is_announced = False

    def bring(self, thing: _T) -> None:
        """Have something handed over; on any thread."""
        self._things.append(thing)
        if self._is_announced:
            return
        self._is_announced = True
        try:
            self._loop.call_soon_threadsafe(self._hand_over)
        except RuntimeError:
            pass  # the loop has been closed

    def _hand_over(self) -> None:
        self._is_announced = False  # before the look: what comes later is announced anew
        while self._things:
            self._take(self._things.popleft())
        if self._rest is not None:
            self._rest()
