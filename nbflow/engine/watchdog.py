"""The watchdog: finds the job on the dispatch thread that doesn't come to rest, and interrupts it (S17).

The time counts from the last step of the workflow's loop, or the last of many calls
in one step, so that neither a long replay nor a wide fan-out is a loop. It counts in
samples that follow on each other and not in seconds between two of them, so that a
suspended laptop, or a computer that has too much to do, adds one sample and not an
hour.
"""

from __future__ import annotations

import asyncio
import ctypes
import math
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from nbflow.core.execution import Execution
from nbflow.core.state import Stall
from nbflow.engine.sight import Sight, look_at
from nbflow.errors import Evicted

_T = TypeVar("_T")

_SAMPLES: Final = 8
"""Samples without a step after which a job is looked at."""

_IMPORT_SAMPLES: Final = 20 * _SAMPLES
"""The same for a job that is importing a module: a large package on a slow disk takes its time."""


class Watched:
    """One job on the dispatch thread, as the watchdog sees it.

    Attributes:
        execution: The execution that is fed or replayed, once there is one.
        evicted: Executions that the job has taken out of memory.
        stall: Why it was given up; None: it wasn't. What it does in a `pause` is not given up.
        is_over: Whether the job has come to its end.
    """

    def __init__(self) -> None:
        self.execution: Execution | None = None
        self.evicted = 0
        self.stall: Stall | None = None
        self.is_over = False
        self._job: Callable[[], Any] | None = None
        self._result: Any = None
        self._thread_id = 0
        self._is_aimed_at = False
        self._is_away = False
        self._lock = threading.Lock()

    # -- on the dispatch thread -----------------------------------------------------------------

    def run(self, job: Callable[[], _T]) -> _T | None:
        """Carry the job out; None if it was interrupted where there was no workflow code to unwind.

        An interruption may arrive some time after it was sent. It is behind us when this returns:
        it never hits the thread's next job.
        """
        self._thread_id = threading.get_ident()
        self._job = job
        while True:
            try:
                self._carry_out()
                return self._result
            except Evicted:
                continue

    def _carry_out(self) -> None:
        # Where an interruption was caught, the next one may come at once, in the jump back: out of here, which costs nothing.
        while True:
            try:
                job, self._job = self._job, None
                if job is not None:
                    self._result = job()
                self._end()
                return
            except Evicted:
                continue

    def _end(self) -> None:
        # Each of the two threads says what it does before it asks what the other one does. What was sent
        # before is raised here at the latest, since this thread has been without the GIL meanwhile.
        self.is_over = True
        self._let_pass()

    def _let_pass(self) -> None:
        while self._is_aimed_at:
            time.sleep(0)

    def pause(self) -> bool:
        """Do something else than workflow code from now on, which nobody interrupts; False if it was given up before."""
        with self._lock:
            self._is_away = True
        self._let_pass()
        return self.stall is None

    def go_on(self) -> None:
        """Go on with workflow code."""
        self._is_away = False

    def begin(self, execution: Execution) -> None:
        """Note which execution is about to be fed."""
        self.execution = execution

    # -- on the engine's loop -------------------------------------------------------------------

    @property
    def progress(self) -> int:
        """How far the job is."""
        execution = self.execution
        return self.evicted + (execution.loop.progress if execution is not None else 0)

    def look(self) -> Sight | None:
        """Where the author's code is; None if it isn't the author's code that runs."""
        sight = look_at(self._thread_id, globals()) if self._thread_id else None
        return None if self.is_over or self._is_away else sight

    def give_up(self, stall: Stall) -> bool:
        """Have nothing count that the job still does; said again, the last stall counts.

        Returns:
            False if it is about something else than workflow code at this very moment: it isn't given up then.
        """
        with self._lock:
            if self._is_away:
                return False
            self.stall = stall
        if self.execution is not None:
            self.execution.interrupt(stall)
        return True

    def interrupt(self) -> None:
        """Raise `Evicted` in the author's code, if that is what runs at this moment."""
        self._is_aimed_at = True
        try:
            sight = self.look()
            if sight is not None and sight.may_interrupt:
                raise_in(self._thread_id, Evicted)
        finally:
            self._is_aimed_at = False


class Watchdog:
    """Looks at the job that is under way, as long as there is one.

    Args:
        stuck_after: Seconds without a step after which a job is stuck.
        under_way: Gives the job, or None.
        stuck: Told which job is stuck, and where.
    """

    def __init__(
        self,
        stuck_after: float,
        under_way: Callable[[], Watched | None],
        stuck: Callable[[Watched, Sight], object],
    ) -> None:
        self._pause = stuck_after / _SAMPLES
        self._under_way = under_way
        self._stuck = stuck
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None
        self._is_stopped = not math.isfinite(stuck_after)
        self._seen: tuple[Watched, int] | None = None
        self._quiet = 0

    def wake(self) -> None:
        """Look from now on: there is a job."""
        if self._handle is None and not self._is_stopped:
            self._handle = self._loop.call_later(self._pause, self._sample)

    def stop(self) -> None:
        """Look no more."""
        self._is_stopped = True
        if self._handle is not None:
            self._handle.cancel()

    def _sample(self) -> None:
        self._handle = None
        watched = self._under_way()
        if watched is None:
            self._seen = None
            return
        self.wake()
        seen = (watched, watched.progress)
        if seen != self._seen:
            self._seen, self._quiet = seen, 0
            return
        self._quiet += 1
        if self._quiet < _SAMPLES:
            return
        sight = watched.look()
        if sight is not None and sight.is_importing and self._quiet < _IMPORT_SAMPLES:
            return
        self._quiet = 0
        if sight is not None:
            self._stuck(watched, sight)


def raise_in(thread_id: int, error: type[BaseException]) -> None:
    """Have an exception raised in a thread at its next step in Python."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), ctypes.py_object(error))
