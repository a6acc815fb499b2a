"""The dispatch thread as the engine's loop sees it: jobs go there, outcomes come back.

When a turn takes its time and others wait behind it, another thread takes over, with
every other live execution and every job that has not begun; its own execution follows
once the turn is taken. If it is stuck, its code is interrupted. If that doesn't give in,
it is left behind together with its thread, and whatever comes from there later is ignored.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from nbflow.core.state import Stall
from nbflow.engine.dispatch import Dispatcher, TurnOutcome, TurnRequest, inexplicable, stalled_outcome
from nbflow.engine.lane import STRETCH, Job, Lane
from nbflow.engine.sight import Sight, stuck_stall
from nbflow.engine.threads import MakeThread
from nbflow.engine.watchdog import Watchdog, Watched

_log: Final = logging.getLogger("nbflow.engine")

_LONG_TURN: Final = 0.05

_SECOND_LOOK: Final = 0.02
"""Seconds between two looks at a stuck job, to tell the loop from what it calls."""

_TRIES: Final = 100
"""How often a stuck job is interrupted before it is left behind. Not every moment is a good one, nor every hit
one that code which catches everything doesn't survive."""

_MAX_GRACE: Final = 1.0
"""Seconds that these tries take; less if so little makes a job stuck."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Aside:
    """A lane with nothing but one long turn, and who looks whether it is stuck."""

    lane: Lane
    watchdog: Watchdog


class Dispatching:
    """Has jobs done on a dispatch thread, and gets another thread when that one is lost.

    Args:
        make_thread: Gives a thread of a name.
        dispatcher: Takes the turns.
        stuck_after: Seconds without a step after which a job is stuck.
        stretch: Jobs that a thread does in one go.
        long_turn: Seconds that others wait behind a turn before another thread takes over.
    """

    def __init__(
        self,
        make_thread: MakeThread,
        dispatcher: Dispatcher,
        stuck_after: float,
        stretch: int = STRETCH,
        long_turn: float = _LONG_TURN,
    ) -> None:
        self._make_thread = make_thread
        self._stretch = stretch
        self._long_turn = long_turn
        self._lane = Lane(make_thread("nbflow-dispatch"), dispatcher, self._done, stretch)
        self._stuck_after = stuck_after
        self._pressing: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._watchdog = Watchdog(stuck_after, self._under_way, self._stuck)
        self._aside: dict[Job, _Aside] = {}
        self._patience: asyncio.TimerHandle | None = None

    def take(self, request: TurnRequest, taken: Callable[[TurnOutcome], None]) -> None:
        """Have a turn taken; ``taken`` gets its outcome on the engine's loop."""
        self._put(Job(lambda dispatcher, watched: dispatcher.take(request, watched), request, taken))

    def evict(self, instance_ids: Sequence[str]) -> None:
        """Have executions taken out of memory."""
        self._put(Job(lambda dispatcher, watched: dispatcher.evict(instance_ids, watched)))

    def do(self, job: Job) -> None:
        """Have a job done that is more than one turn."""
        self._put(job)

    def let_go(self, job: Job) -> None:
        """Have another thread take over, now that a job does something else than workflow code, and nobody waits for it."""
        job.is_over = True
        if job in self._aside:
            self._rejoin(job)
            return
        waiting = self._lane.taken_from(job)
        if waiting is not None:
            self._retire(self._new_lane(), job)
            self._put_all(waiting)

    async def stop(self, seconds: float) -> None:
        """End the thread behind what is queued, if it comes back in time."""
        self._watchdog.stop()
        if self._patience is not None:
            self._patience.cancel()
        # No executor here: Python starts no thread for one any more once it is shutting down.
        last = asyncio.wrap_future(self._lane.thread.submit(_nothing))
        _, late = await asyncio.wait({last}, timeout=seconds)
        if late:
            last.cancel()
            await self._stop_job(self._lane.first)
        for job, aside in [*self._aside.items()]:
            aside.watchdog.stop()
            await self._stop_job(job)
            aside.lane.thread.stop(timeout=0)
        for task in self._pressing:
            task.cancel()
        self._lane.thread.stop(timeout=0)

    def _put(self, job: Job) -> None:
        first = self._lane.first
        self._lane.put(job)
        self._watchdog.wake()
        if first is not None and self._patience is None:
            self._patience = self._loop.call_later(self._long_turn, self._look_at_first, first)

    def _put_all(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            self._put(job)

    def _done(self, job: Job) -> None:
        if job in self._aside:
            self._rejoin(job)
        if job.is_over or job.request is None or job.taken is None:
            return
        job.is_over = True
        outcome, stall = job.outcome, job.watched.stall
        if job.error is not None:
            outcome = stalled_outcome(job.request, inexplicable(job.error))
        if outcome is None:
            assert stall is not None, "only who is given up is interrupted"
            outcome = stalled_outcome(job.request, stall)
        if stall is not None:  # it came just in time, but its thread takes no more turns
            outcome = dataclasses.replace(outcome, is_warm=False)
        job.taken(outcome)

    # -- long turns -----------------------------------------------------------------------------

    def _look_at_first(self, before: Job) -> None:
        """If the same job is under way as at the last look, and others wait behind it, let these go on."""
        self._patience = None
        job = self._lane.first
        if job is None:
            return
        if job is not before or job.request is None:
            if self._lane.has_waiting:
                self._patience = self._loop.call_later(self._long_turn, self._look_at_first, job)
            return
        waiting = self._lane.taken_from(job)
        if waiting is None:
            return  # it has come to an end this very moment
        if waiting:
            self._step_aside(job, job.request.record.instance_id)
        self._put_all(waiting)

    def _step_aside(self, job: Job, instance_id: str) -> None:
        """Have all else go on on another thread."""
        lane = self._new_lane(instance_id)
        watchdog = Watchdog(
            self._stuck_after,
            lambda: None if job.watched.is_over else job.watched,
            lambda watched, sight: self._give_up(job, sight),
        )
        self._aside[job] = _Aside(lane, watchdog)
        watchdog.wake()

    def _rejoin(self, job: Job) -> None:
        """Have the execution of a long turn go where the others are, and its thread end."""
        aside = self._aside.pop(job)
        aside.watchdog.stop()
        returning = aside.lane.dispatcher.handed_over(without=())
        self._put(Job(lambda dispatcher, watched: dispatcher.take_in(returning)))
        aside.lane.thread.stop(timeout=0)

    def _new_lane(self, *staying: str) -> Lane:
        """Have another thread take over but for some executions; gives the present lane."""
        before = self._lane
        heir = before.dispatcher.handed_over(without=staying)
        self._lane = Lane(self._make_thread("nbflow-dispatch"), heir, self._done, self._stretch)
        return before

    # -- stuck ----------------------------------------------------------------------------------

    def _under_way(self) -> Watched | None:
        first = self._lane.first
        return first.watched if first is not None else None

    def _stuck(self, watched: Watched, sight: Sight) -> None:
        """Give the job up that is under way, and all else to another thread."""
        job = self._lane.first
        if job is None or job.watched is not watched:
            return  # it has come to an end this very moment
        waiting = self._lane.taken_from(job)
        if waiting is None:
            return  # likewise
        if self._give_up(job, sight) and job.request is None:
            waiting.insert(0, Job(job.work))  # the others that were to be evicted
        self._put_all(waiting)

    def _give_up(self, job: Job, sight: Sight) -> bool:
        """Have a job count no more that is stuck, and its code end; False if it has gone on this very moment."""
        if not job.watched.give_up(self._stall(job, sight)):
            return False
        stuck = [job.request.record.instance_id] if job.request is not None else []
        aside = self._aside.pop(job, None)
        self._retire(aside.lane if aside is not None else self._new_lane(*stuck), job, stuck)
        task = self._loop.create_task(self._press(job, sight))
        self._pressing.add(task)
        task.add_done_callback(self._pressing.discard)
        return True

    def _stall(self, job: Job, sight: Sight) -> Stall:
        instance_id = job.request.record.instance_id if job.request is not None else None
        return stuck_stall(instance_id, self._stuck_after, sight)

    def _retire(self, lane: Lane, job: Job, stuck: Sequence[str] = ()) -> None:
        """Have the thread of a lane end with its job."""

        def clear() -> None:
            lane.dispatcher.evict(stuck)
            if job.watched.execution is not None:
                job.watched.execution.evict()  # if it was interrupted before it had come so far by itself

        if stuck:
            lane.thread.post(clear)
        lane.thread.stop(timeout=0)

    async def _press(self, job: Job, sight: Sight) -> None:
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

    def _leave_behind(self, job: Job) -> None:
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

    async def _stop_job(self, job: Job | None) -> None:
        """Have a job end that would outlast the runtime."""
        sight = job.watched.look() if job is not None else None
        if job is None or sight is None:
            _log.warning("a turn doesn't come to its end: its thread is left behind")
            return
        job.watched.give_up(self._stall(job, sight))
        await self._press(job, sight)


def _nothing() -> None:
    pass
