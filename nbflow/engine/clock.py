"""The clocks: the computer's, and one that stands still until it is moved."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import Final

from nbflow.core.retry import later

_LONGEST_NAP: Final = 1.0


class SystemClock:
    """The computer's clock; looks at it at least every second, since a laptop sleeps (S25)."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def wait_until(self, when: datetime) -> None:
        seconds = (when - self.now()).total_seconds()
        if seconds > 0:
            await asyncio.sleep(min(seconds, _LONGEST_NAP))


class VirtualClock:
    """A clock that stands still until somebody moves it, and never goes back.

    ::

        clock = VirtualClock()
        with WorkflowRuntime(clock=clock) as runtime:
            runtime.skip(days=30)  # from due time to due time; clock.advance(days=30) would jump at once

    It may be moved from any thread.

    Args:
        start: What it shows to begin with; naive times are UTC.
    """

    def __init__(self, start: datetime = datetime(2030, 1, 1, tzinfo=UTC)) -> None:
        self._now = _aware(start)
        self._lock = threading.Lock()
        self._sleepers: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    def __repr__(self) -> str:
        return f"<VirtualClock at {self._now:%Y-%m-%d %H:%M:%S} UTC>"

    def now(self) -> datetime:
        """What it shows, aware UTC."""
        return self._now

    def advance(self, duration: timedelta | float | None = None, /, **parts: float) -> datetime:
        """Move it on at once, past everything that is due on the way; gives what it shows then.

        Args:
            duration: How far: a timedelta, or seconds.
            **parts: How far, in the words of `timedelta`: ``days=30``, ``hours=1``.

        Raises:
            ValueError: Time can't go back, or not so far.
        """
        with self._lock:
            self._move(later(self._now, span(duration, **parts)))
            return self._now

    def set(self, when: datetime) -> None:
        """Move it on to a time; naive ones are UTC.

        Raises:
            ValueError: It shows a later time already.
        """
        with self._lock:
            if _aware(when) < self._now:
                raise ValueError(f"time can't go back from {self._now} to {when}")
            self._move(_aware(when))

    async def wait_until(self, when: datetime) -> None:
        """Return once it shows that time, or has been moved on towards it."""
        moved = asyncio.Event()
        sleeper = (asyncio.get_running_loop(), moved)
        with self._lock:
            if self._now >= when:
                return
            self._sleepers.add(sleeper)
        try:
            await moved.wait()
        finally:
            with self._lock:
                self._sleepers.discard(sleeper)

    def _move(self, when: datetime) -> None:
        self._now = when
        for loop, moved in self._sleepers:
            if not loop.is_closed():
                loop.call_soon_threadsafe(moved.set)


def span(duration: timedelta | float | None = None, /, **parts: float) -> timedelta:
    """A duration as callers give it: a timedelta, seconds, or the words of `timedelta`.

    Raises:
        ValueError: It is negative, or none that a timedelta can hold.
        TypeError: It is no duration.
    """
    try:
        given = duration if isinstance(duration, timedelta) else timedelta(seconds=duration or 0)
        given += timedelta(**parts)
    except OverflowError:
        raise ValueError(f"{duration or parts} is longer than time itself") from None
    if given < timedelta(0):
        raise ValueError(f"time can't go back by {-given}")
    return given


def _aware(when: datetime) -> datetime:
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
