"""Those who wait for news of an instance: callers, cards, and the cell that prints belong to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextvars import Context
from dataclasses import dataclass
from typing import Final, TypeAlias

from nbflow.core.history import HistoryEvent
from nbflow.core.state import InstanceRecord
from nbflow.engine.output import terminal

_log: Final = logging.getLogger("nbflow.engine")

News: TypeAlias = Callable[[InstanceRecord, Sequence[HistoryEvent]], None]
"""Takes an instance's row and the events that a commit added; called on the engine's thread."""

Erased: TypeAlias = Callable[[Sequence[str]], object]
"""Takes the IDs of instances that were purged; called on the engine's thread."""

Closed: TypeAlias = Callable[[Exception], object]
"""Takes the reason why no news will come any more; called on the engine's thread."""

Condition: TypeAlias = Callable[[InstanceRecord], bool]
"""Whether an instance's row is what somebody waits for; called on the engine's thread."""

_OVER: Final[Future[InstanceRecord]] = Future()
"""Stands in for a future that is done."""
_OVER.cancel()


@dataclass(eq=False)
class Waiter:
    """Somebody who waits for an instance's row to be as they want it.

    Attributes:
        condition: What they want.
        future: Gets the row; cancelled when they wait no more.
        has_news: Whether they were told of a commit since they wait.
    """

    condition: Condition
    future: Future[InstanceRecord]
    has_news: bool = False

    def offer(self, record: InstanceRecord) -> None:
        """Complete the future if the row is right; what the condition raises is the waiter's to see."""
        try:
            if not self.future.done() and self.condition(record):
                self.future.set_result(record)
        except InvalidStateError:  # cancelled at this very moment, from another thread
            pass
        except Exception as error:
            self.fail(error)

    def offer_read(self, record: InstanceRecord) -> None:
        """The same with a row that was read some time ago: it is behind the times if they have had news since."""
        if not self.has_news:
            self.offer(record)

    def fail(self, error: Exception) -> None:
        """Tell them that nothing will come."""
        try:
            self.future.set_exception(error)
        except InvalidStateError:
            pass


class Watchers:
    """Who is told what after a commit. Used on the engine's loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiters: dict[str, list[Waiter]] = {}
        self._subscribers: dict[str | None, list[News]] = {}
        self._followers: list[tuple[Erased, Closed]] = []

    def wait(self, instance_id: str, condition: Condition, future: Future[InstanceRecord]) -> Waiter:
        """Complete a future with the instance's row as soon as a commit makes the condition hold."""
        waiter = Waiter(condition, future)
        self._waiters.setdefault(instance_id, []).append(waiter)
        future.add_done_callback(lambda _: self._done(instance_id, waiter))
        return waiter

    def subscribe(self, instance_id: str | None, news: News) -> Callable[[], None]:
        """Tell somebody of every commit of one instance, or of all; returns how to stop that."""
        self._subscribers.setdefault(instance_id, []).append(news)

        def unsubscribe() -> None:
            listeners = self._subscribers.get(instance_id, [])
            if news in listeners:
                listeners.remove(news)
            if not listeners:
                self._subscribers.pop(instance_id, None)

        return unsubscribe

    def follow(self, news: News, erased: Erased, closed: Closed) -> Callable[[], None]:
        """Tell somebody of every commit, of what is purged, and of the end; returns how to stop that."""
        follower = (erased, closed)
        unsubscribe = self.subscribe(None, news)
        self._followers.append(follower)

        def stop() -> None:
            unsubscribe()
            if follower in self._followers:
                self._followers.remove(follower)

        return stop

    def purged(self, instance_ids: Sequence[str]) -> None:
        """Pass on which instances are no more."""
        for erased, _ in [*self._followers]:
            try:
                erased(instance_ids)
            except Exception:
                _log.exception("somebody who watches all instances failed")

    def publish(
        self, record: InstanceRecord, events: Sequence[HistoryEvent], *, decides: bool = True
    ) -> None:
        """Pass on what a commit brought; to those who wait for a row only if it is one that ``decides``."""
        instance_id = record.instance_id
        subscribers = self._subscribers
        for news in [*subscribers.get(instance_id, ()), *subscribers.get(None, ())] if subscribers else ():
            try:
                news(record, events)
            except Exception:
                _log.exception("somebody who watches %s failed", instance_id)
        for waiter in [*self._waiters.get(instance_id, ())] if decides else ():
            waiter.has_news = True
            waiter.offer(record)

    def release_prints(self, origin: Context | None, text: str) -> None:
        """Show what a workflow printed, in the cell that started it."""
        if not text:
            return
        context = origin.copy() if origin is not None else Context()
        try:
            context.run(terminal().write, text)
        except Exception:
            _log.warning("what a workflow printed could not be shown", exc_info=True)

    def close(self, error: Exception) -> None:
        """Tell everybody who waits that nothing will come."""
        for waiter in [waiter for waiters in self._waiters.values() for waiter in waiters]:
            waiter.fail(error)
        self._subscribers.clear()
        followers, self._followers = self._followers, []
        for _, closed in followers:
            try:
                closed(error)
            except Exception:
                _log.exception("somebody who watches all instances failed")

    def _done(self, instance_id: str, waiter: Waiter) -> None:
        """Called on the thread that completed or cancelled the future."""
        try:
            self._loop.call_soon_threadsafe(self._forget, instance_id, waiter)
        except RuntimeError:  # the loop is closed, and all is forgotten with it
            pass

    def _forget(self, instance_id: str, waiter: Waiter) -> None:
        waiter.future = (
            _OVER  # the two hold each other: whatever was awaited would stay until the collector comes
        )
        waiters = self._waiters.get(instance_id, [])
        if waiter in waiters:
            waiters.remove(waiter)
        if not waiters:
            self._waiters.pop(instance_id, None)
