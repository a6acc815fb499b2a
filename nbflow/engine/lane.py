"""The jobs of one dispatch thread: many go there with one hand-over, and come back with one.

Whatever a tick asks for waits in one queue, from which the thread takes job after
job; the loop is woken once for all that were done meanwhile. A queue can be taken
away from a thread that doesn't come back.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

from nbflow.engine.arrivals import Arrivals
from nbflow.engine.dispatch import Dispatcher, TurnOutcome, TurnRequest
from nbflow.engine.threads import JobThread
from nbflow.engine.watchdog import Watched

STRETCH: Final = 64
"""Jobs that a thread does before it looks whether something else was asked of it."""

Work: TypeAlias = Callable[[Dispatcher, Watched], TurnOutcome | None]


@dataclasses.dataclass(eq=False, slots=True)
class Job:
    """A turn, or an eviction, which has neither a request nor an outcome.

    Attributes:
        work: What to do.
        request: The turn.
        taken: Gets its outcome, on the engine's loop.
        watched: What the watchdog sees of it.
        outcome: What came of it.
        error: What it raised.
        is_over: Whether nobody waits for it any more.
    """

    work: Work
    request: TurnRequest | None = None
    taken: Callable[[TurnOutcome], None] | None = None
    watched: Watched = dataclasses.field(default_factory=Watched)
    outcome: TurnOutcome | None = None
    error: BaseException | None = None
    is_over: bool = False


class Lane:
    """The queue of one dispatch thread.

    Args:
        thread: Does the jobs.
        dispatcher: What they are done with; used on that thread only.
        done: Gets each job that was done, on the engine's loop.
        stretch: Jobs that the thread does in one go.
    """

    def __init__(
        self, thread: JobThread, dispatcher: Dispatcher, done: Callable[[Job], None], stretch: int = STRETCH
    ) -> None:
        self.thread = thread
        self.dispatcher = dispatcher
        self._stretch = stretch
        self._waiting: deque[Job] = deque()
        self._present: Job | None = None
        self._is_called = False
        self._came = Arrivals(done)

    # -- on the engine's loop -------------------------------------------------------------------

    def put(self, job: Job) -> None:
        """Queue a job."""
        self._waiting.append(job)
        self._call()

    @property
    def first(self) -> Job | None:
        """The job that is under way, or is next; None: there is none."""
        present = self._present
        if present is not None and not present.watched.is_over:
            return present
        try:
            return self._waiting[0]
        except IndexError:
            return None

    @property
    def has_waiting(self) -> bool:
        """Whether a job has not begun."""
        return bool(self._waiting)

    def taken_from(self, job: Job) -> list[Job] | None:
        """Everything that has not begun, if this job is under way; None: it isn't any more."""
        waiting: list[Job] = []
        while self._waiting:
            try:
                waiting.append(self._waiting.popleft())
            except IndexError:  # the thread was quicker
                break
        if self._present is job and not job.watched.is_over:
            return waiting
        for other in reversed(waiting):
            self._waiting.appendleft(other)
        if waiting:
            self._call()
        return None

    def _call(self) -> None:
        if self._is_called:
            return
        self._is_called = (
            True  # before the thread can say otherwise: it may have done everything when `post` returns
        )
        if not self.thread.post(self._work):
            self._is_called = False

    # -- on the dispatch thread -----------------------------------------------------------------

    def _work(self) -> None:
        self._is_called = False  # before the look, likewise
        for _ in range(self._stretch):
            try:
                job = self._waiting.popleft()
            except IndexError:
                return
            self._present = job
            self._do(job)
            self._present = None
        if self._waiting:
            self._call()

    def _do(self, job: Job) -> None:
        dispatcher, watched = self.dispatcher, job.watched
        try:
            job.outcome = watched.run(lambda: job.work(dispatcher, watched))
        except BaseException as error:
            job.error = error
        if job.taken is not None:
            self._came.bring(job)
