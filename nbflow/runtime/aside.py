"""A thread for looks at runs that may take their time: replays for a picture, long readings.

Workflow code runs there without any effect, so a look that never ends does no harm: it is
left behind with its thread, and the next one gets another.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from nbflow.engine.threads import SerialThread

PATIENCE: Final = 10.0
"""Seconds after which a look counts as one that never ends."""


class Aside:
    """Does one look after another, apart from the engine.

    Args:
        patience: Seconds that a look may keep the others waiting.
        now: Seconds of a clock that never goes back.
    """

    def __init__(self, *, patience: float = PATIENCE, now: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._now = now
        self._lock = threading.Lock()
        self._waiting: deque[Callable[[], object]] = deque()
        self._thread: SerialThread | None = None
        self._begun: float | None = None
        self._is_closed = False

    def do(self, look: Callable[[], object]) -> None:
        """Queue a look; what it returns is dropped, and after `close` it is never made."""
        with self._lock:
            if self._is_closed:
                return
            self._waiting.append(look)
            if self._thread is not None and self._is_kept():
                self._thread.stop(0)
                self._thread = None
            if self._thread is None:
                self._begun = None
                self._thread = SerialThread("nbflow-aside")
            thread = self._thread
        thread.submit(lambda: self._work(thread))

    def close(self) -> None:
        """Begin no further look."""
        with self._lock:
            self._is_closed = True
            self._waiting.clear()
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.stop(0)

    def _is_kept(self) -> bool:
        return self._begun is not None and self._now() - self._begun > self._patience

    def _work(self, thread: SerialThread) -> None:
        """Do what is queued, unless another thread has taken over."""
        while True:
            with self._lock:
                if self._thread is not thread or not self._waiting:
                    return
                look = self._waiting.popleft()
                self._begun = self._now()
            try:
                look()
            finally:
                with self._lock:
                    if self._thread is thread:
                        self._begun = None
