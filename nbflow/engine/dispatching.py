"""The dispatch thread as the engine's loop sees it: jobs go there, outcomes come back.

When workflow code keeps the thread for itself, another thread takes over at once,
with every live execution but the one that is stuck and every job that has not
begun: the others wait for as long as it takes to find that out, and lose nothing.
The code is interrupted meanwhile. If it doesn't give in, it is left behind together
with its thread, and whatever comes from there later is ignored.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from typing import Final, TypeAlias

import msgspec

from nbflow.core.state import Stall
from nbflow.engine.dispatch import Dispatcher, TurnOutcome, TurnRequest, inexplicable, stalled_outcome
from nbflow.engine.sight import Sight, stuck_stall
from nbflow.engine.threads import MakeThread
from nbflow.engine.watchdog import Watchdog, Watched

_log: Final = logging.getLogger("nbflow.engine")

_SECOND_LOOK: Final = 0.02
"""Seconds between two looks at a stuck job, to tell the loop from what it calls."""

_TRIES: Final = 100
"""How often a stuck job is interrupted before it is left behind. Not every moment is a good one, nor every hit
one that code which catches everything doesn't survive."""

_MAX_GRACE: Final = 1.0
"""Seconds that these tries take; less if so little makes a job stuck."""

_Work: TypeAlias = Callable[[Dispatcher, Watched], TurnOutcome | None]


@dataclasses.dataclass(eq=False, slots=True)
class _Job:
    """A turn, or an eviction, which has neither a request nor an outcome."""

    work: _Work
    request: TurnRequest | None = None
    taken: Callable[[TurnOutcome], None] | None = None
    watched: Watched = dataclasses.field(init=False)
    is_over: bool = False


class Dispatching:
    """Has jobs done on a dispatch thread, and gets another thread when that one is lost.

    Args:
        make_thread: Gives a thread of a name.
        dispatcher: Takes the turns.
        stuck_after: Seconds without a step after which a job is stuck.
    """

    def __init__(self, make_thread: MakeThread, dispatcher: Dispatcher, stuck_after: float) -> None:
        self._make_thread = make_thread
        self._thread = make_thread("nbflow-dispatch")
        self._dispatcher = dispatcher
        self._stuck_after = stuck_after
        self._jobs: deque[tuple[_Job, Future[TurnOutcome | None]]] = deque()
        self._pressing: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._watchdog = Watchdog(stuck_after, self._under_way, self._stuck)

    def take(self, request: TurnRequest, taken: Callable[[TurnOutcome], None]) -> None:
        """Have a turn taken; ``taken`` gets its outcome on the engine's loop."""
        self._submit(_Job(lambda dispatcher, watched: dispatcher.take(request, watched), request, taken))

    def evict(self, instance_ids: Sequence[str]) -> None:
        """Have executions taken out of memory."""
        self._submit(_Job(lambda dispatcher, watched: dispatcher.evict(instance_ids, watched)))

    async def stop(self, seconds: float) -> None:
        """End the thread behind what is queued, if it comes back in time."""
        self._watchdog.stop()
        # No executor here: Python starts no thread for one any more once it is shutting down.
        last = asyncio.wrap_future(self._thread.submit(_nothing))
        _, late = await asyncio.wait({last}, timeout=seconds)
        if late:
            last.cancel()
            await self._stop_last()
        for task in self._pressing:
            task.cancel()
        self._thread.stop(timeout=0)

    def _submit(self, job: _Job) -> None:
        self._forget_done()
        dispatcher = self._dispatcher
        watched = job.watched = Watched()
        future = self._thread.submit(lambda: watched.run(lambda: job.work(dispatcher, watched)))
        self._jobs.append((job, future))
        if job.taken is not None:
            future.add_done_callback(lambda future: self._report(job, future))
        self._watchdog.wake()

    def _report(self, job: _Job, future: Future[TurnOutcome | None]) -> None:
        """Bring an outcome to the loop; on the dispatch thread."""
        try:
            self._loop.call_soon_threadsafe(self._done, job, future)
        except RuntimeError:
            pass  # the loop has been closed

    def _done(self, job: _Job, future: Future[TurnOutcome | None]) -> None:
        self._forget_done()
        if job.is_over or job.request is None or job.taken is None:
            return
        try:
            outcome = future.result()
        except CancelledError:
            return  # another thread has the job now
        except BaseException as error:
            outcome = stalled_outcome(job.request, inexplicable(error))
        job.is_over = True
        stall = job.watched.stall
        if outcome is None:
            assert stall is not None, "only who is given up is interrupted"
            outcome = stalled_outcome(job.request, stall)
        if stall is not None:  # it came just in time, but its thread takes no more turns
            outcome = dataclasses.replace(outcome, is_warm=False)
        job.taken(outcome)

    def _forget_done(self) -> None:
        while self._jobs and self._jobs[0][0].watched.is_over:
            self._jobs.popleft()

    # -- stuck ----------------------------------------------------------------------------------

    def _under_way(self) -> Watched | None:
        self._forget_done()
        return self._jobs[0][0].watched if self._jobs else None

    def _stuck(self, sight: Sight) -> None:
        """Give the job up that is under way, and all else to another thread."""
        (job, _), *waiting = self._jobs
        cancelled = [other for other, future in waiting if future.cancel()]
        is_stuck = len(cancelled) == len(waiting)
        if is_stuck:
            self._jobs.clear()
            job.watched.give_up(self._stall(job, sight))
            self._replace_thread(job)
            task = self._loop.create_task(self._press(job, sight))
            self._pressing.add(task)
            task.add_done_callback(self._pressing.discard)
            if job.request is None:
                cancelled.insert(0, _Job(job.work))  # the others that were to be evicted
        else:  # it has come to an end this very moment, and the thread is at its next job
            self._jobs = deque(pair for pair in self._jobs if not pair[1].cancelled())
        for other in cancelled:
            self._submit(other)

    def _stall(self, job: _Job, sight: Sight) -> Stall:
        instance_id = job.request.record.instance_id if job.request is not None else None
        return stuck_stall(instance_id, self._stuck_after, sight)

    def _replace_thread(self, job: _Job) -> None:
        thread, dispatcher = self._thread, self._dispatcher
        stuck = [job.request.record.instance_id] if job.request is not None else []
        self._thread = self._make_thread("nbflow-dispatch")
        self._dispatcher = dispatcher.handed_over(without=stuck)

        def clear() -> None:
            dispatcher.evict(stuck)
            if job.watched.execution is not None:
                job.watched.execution.evict()  # if it was interrupted before it had come so far by itself

        thread.submit(clear)
        thread.stop(timeout=0)

    async def _press(self, job: _Job, sight: Sight) -> None:
        """Interrupt a job that was given up until it ends, and leave it behind if it doesn't."""
        watched = job.watched
        await asyncio.sleep(_SECOND_LOOK)
        later = watched.look()
        if later is not None:
            watched.give_up(self._stall(job, sight.narrowed(later)))
        del sight, later  # frames
        tries, progress = 0, -1
        while not watched.is_over:
            if watched.progress != progress:
                tries, progress = 0, watched.progress  # it is being unwound, say, which may take a while
            elif tries < _TRIES:
                tries += 1
                watched.interrupt()
            else:
                self._leave_behind(job)
                return
            await asyncio.sleep(min(self._stuck_after / 2, _MAX_GRACE) / _TRIES)

    def _leave_behind(self, job: _Job) -> None:
        assert job.watched.stall is not None
        message = (
            f"{job.watched.stall.message}. It could not be stopped: its thread was left behind, and may go on for as "
            "long as this process"
        )
        _log.warning("a workflow's code doesn't come back: %s", message)
        if job.request is not None and job.taken is not None:
            job.is_over = True
            stall = msgspec.structs.replace(job.watched.stall, message=message)
            job.taken(stalled_outcome(job.request, stall))

    async def _stop_last(self) -> None:
        """Have a job end that would outlast the runtime."""
        watched = self._under_way()
        sight = watched.look() if watched is not None else None
        if watched is None or sight is None:
            _log.warning("a turn doesn't come to its end: its thread is left behind")
            return
        job, _ = self._jobs[0]
        watched.give_up(self._stall(job, sight))
        await self._press(job, sight)


def _nothing() -> None:
    pass
