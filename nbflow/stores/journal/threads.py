"""The threads behind a journal: one loads, and one syncs where durability is relaxed."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable


class Repeating:
    """Calls something again and again on a daemon thread, once there is reason to and some time has passed.

    Args:
        name: The thread's.
        work: What to do; gives the seconds to wait before it is done again, if there is reason to by then.
        seconds: How long it waits the first time.
    """

    def __init__(self, name: str, work: Callable[[], float], seconds: float) -> None:
        self._work = work
        self._seconds = seconds
        self._reason = threading.Event()
        self._hurry = threading.Event()
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin; it is stopped before Python exits."""
        atexit.register(self.stop)
        self._thread.start()

    def tell(self, *, hurry: bool = False) -> None:
        """There is something to do; soon, or at once."""
        if not self._reason.is_set():
            self._reason.set()
        if hurry:
            self._hurry.set()

    def stop(self) -> None:
        """End it behind what it does just now."""
        atexit.unregister(self.stop)
        self._is_stopped = True
        self._hurry.set()
        self._reason.set()
        if self._thread is not threading.current_thread() and self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while True:
            self._reason.wait()
            self._hurry.wait(self._seconds)
            if self._is_stopped:
                return
            self._hurry.clear()
            self._reason.clear()
            self._seconds = self._work()
