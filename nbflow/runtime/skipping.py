"""Virtual time goes on: from due time to due time, and at each of them the engine settles."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, wait
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec

from nbflow.core import history as h
from nbflow.core.retry import later
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.engine.clock import VirtualClock
from nbflow.engine.engine import Engine
from nbflow.errors import ClockError, NbflowError
from nbflow.ports import Clock
from nbflow.runtime.thread import EngineThread
from nbflow.views.durations import moment

_T = TypeVar("_T")
_log: Final = logging.getLogger("nbflow.runtime")

_STEP: Final = 0.2
"""Seconds between looks, so that an interrupt is noticed soon."""

_PATIENCE: Final = 3.0
"""Seconds that time may stand still before it is said why."""

_MOST_NAMED: Final = 3


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """What happened while time was skipped.

    Attributes:
        began: Where time stood, aware UTC.
        ended: Where it stands now.
        timers: How many timers fired.
        runs: The runs to which something happened, and what their status is since.
    """

    began: datetime
    ended: datetime
    timers: int
    runs: dict[str, RuntimeStatus]

    def __str__(self) -> str:
        """One line: from when to when, how many timers, which runs."""
        parts = [f"from {moment(self.began)} to {moment(self.ended)}"]
        if self.timers:
            parts.append("1 timer fired" if self.timers == 1 else f"{self.timers} timers fired")
        parts += [
            _became(sorted(run for run, now in self.runs.items() if now is status), status)
            for status in sorted(set(self.runs.values()), key=_rank)
        ]
        return " · ".join(parts if len(parts) > 1 else [*parts, "nothing happened"])


class Skipper:
    """Lets a runtime's virtual time go on. Every call is thread-safe.

    Args:
        thread: Its engine's thread.
        engine: Its engine.
        clock: Its clock.

    Raises:
        ClockError: That clock can't be moved.
    """

    def __init__(self, thread: EngineThread, engine: Engine, clock: Clock) -> None:
        if not isinstance(clock, VirtualClock):
            raise ClockError(
                "this runtime goes by the computer's clock, which nobody can skip: use "
                "WorkflowRuntime(clock=VirtualClock()), or in a notebook %wf db :memory: --virtual-clock"
            )
        self._thread = thread
        self._engine = engine
        self._clock = clock

    def skip(
        self,
        duration: timedelta,
        *,
        timeout: float | None = None,
        tell: Callable[[str], object] | None = None,
    ) -> Skipped:
        """Let time go on by so much; see `WorkflowRuntime.skip`.

        Args:
            duration: How far.
            timeout: Seconds of real time to wait for activities and turns.
            tell: Takes a line on why time stands still, after some seconds; it is logged by default.

        Raises:
            TimeoutError: The engine didn't settle in time; virtual time stands where it got to.
        """
        __tracebackhide__ = True
        skip = _Skip(self._engine, self._clock, later(self._clock.now(), duration), _never)
        return self._wait(skip.run(), timeout, tell or _log.warning)

    def skip_until(self, is_over: Callable[[], bool]) -> Future[Skipped]:
        """Let time go on until a condition holds, or nothing more is due; cancel it to stop earlier.

        Args:
            is_over: Asked on the engine's thread whenever it has settled.
        """
        return self._thread.submit(_Skip(self._engine, self._clock, None, is_over).run())

    async def still(self) -> None:
        """Wait, on the engine's loop, until nothing happens but activities; raises RuntimeClosedError."""
        await self._engine.quiet.still()

    def settle(self, *, timeout: float | None = None) -> None:
        """Wait until nothing happens any more unless time goes on; raises TimeoutError (seconds)."""
        __tracebackhide__ = True
        self._wait(self._engine.quiet.settled(), timeout, _log.warning)

    def standstill(self) -> str:
        """Where time stands, and what keeps it from going on."""

        async def look() -> str:
            return self._engine.quiet.what_is_under_way()

        reason = self._thread.call(look()) or "something always comes due"
        return f"virtual time is at {moment(self._clock.now())}: {reason}"

    def _wait(
        self, coro: Coroutine[Any, Any, _T], timeout: float | None, tell: Callable[[str], object]
    ) -> _T:
        """Wait in steps that an interrupt can come between; whatever ends the wait ends the skip."""
        __tracebackhide__ = True
        try:
            self._thread.check_elsewhere()
        except NbflowError:
            coro.close()
            raise
        future = self._thread.submit(coro)
        end = None if timeout is None else time.monotonic() + timeout
        moved_at, moved_to, is_told = time.monotonic(), self._clock.now(), False
        try:
            while not future.done():
                left = _STEP if end is None else min(_STEP, end - time.monotonic())
                if left <= 0:
                    raise TimeoutError(f"{self.standstill()}, after {timeout:g} s of real time")
                wait([future], left)
                if moved_to != self._clock.now():
                    moved_at, moved_to = time.monotonic(), self._clock.now()
                elif not is_told and time.monotonic() - moved_at > _PATIENCE:
                    is_told = True
                    tell(self.standstill())
        finally:
            future.cancel()
        return future.result()


class _Skip:
    """One skip of time, carried out on the engine's loop.

    So a run that sleeps for a day thirty times sees thirty right times, and what real activities take is
    waited for. It may be cancelled at any time; time then stands where it got to.

    Args:
        engine: The engine.
        clock: The clock to move.
        target: Where to stop; None: where nothing more is due.
        is_over: Whether to stop early; asked whenever the engine has settled.
    """

    def __init__(
        self, engine: Engine, clock: VirtualClock, target: datetime | None, is_over: Callable[[], bool]
    ) -> None:
        self._quiet = engine.quiet
        self._watchers = engine.watchers
        self._clock = clock
        self._target = target
        self._is_over = is_over
        self._timers = 0
        self._runs: dict[str, RuntimeStatus] = {}

    async def run(self) -> Skipped:
        """Carry it out.

        Raises:
            StoreError: It can't be read what is due.
            RuntimeClosedError: The engine ended.
        """
        began = self._clock.now()
        unsubscribe = self._watchers.subscribe(None, self._note)
        try:
            await self._quiet.settled()
            while not self._is_over():
                due = await self._quiet.next_due()
                if not self._quiet.is_settled:  # somebody asked for something: that may be due before
                    await self._quiet.settled()
                    continue
                if due is None or (self._target is not None and due > self._target):
                    break
                await self._go_on(due)
            if self._target is not None:
                await self._go_on(self._target)
        finally:
            unsubscribe()
        return Skipped(began=began, ended=self._clock.now(), timers=self._timers, runs=self._runs)

    async def _go_on(self, when: datetime) -> None:
        if when > self._clock.now():  # somebody else may have moved it further
            self._clock.set(when)
        await self._quiet.settled()

    def _note(self, record: InstanceRecord, events: Sequence[h.HistoryEvent]) -> None:
        self._timers += sum(isinstance(event, h.TimerFired) for event in events)
        self._runs[record.instance_id] = record.status


def _never() -> bool:
    return False


def _rank(status: RuntimeStatus) -> tuple[bool, str]:
    """What just goes on comes last."""
    return status is RuntimeStatus.RUNNING, status


def _became(runs: Sequence[str], status: RuntimeStatus) -> str:
    who = ", ".join(runs) if len(runs) <= _MOST_NAMED else f"{len(runs)} runs"
    if status is RuntimeStatus.RUNNING:
        return f"{who} went on"
    return f"{who} {'is' if len(runs) == 1 else 'are'} {status}"
