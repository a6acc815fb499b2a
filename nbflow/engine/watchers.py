"""Those who wait for news of an instance: callers, cards, and the cell that prints belong to."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextvars import Context
from dataclasses import dataclass
from typing import Final, TypeAlias

from nbflow.core.history import HistoryEvent
from nbflow.core.state import InstanceRecord

_log: Final = logging.getLogger("nbflow.engine")

News: TypeAlias = Callable[[InstanceRecord, Sequence[HistoryEvent]], None]
"""Takes an instance's row and the events that a commit added; called on the engine's thread."""


@dataclass(eq=False)
class _Waiter:
    condition: Callable[[InstanceRecord], bool]
    future: Future[InstanceRecord]


class Watchers:
    """Who is told what after a commit. Used on the engine's loop."""

    def __init__(self) -> None:
        self._waiters: dict[str, list[_Waiter]] = {}
        self._subscribers: dict[str | None, list[News]] = {}

    def watches(self, instance_id: str) -> bool:
        """Whether anybody waits for news of that instance."""
        return instance_id in self._waiters or instance_id in self._subscribers

    def wait(
        self, instance_id: str, condition: Callable[[InstanceRecord], bool], future: Future[InstanceRecord]
    ) -> None:
        """Complete a future with the instance's row as soon as the condition holds."""
        self._waiters.setdefault(instance_id, []).append(_Waiter(condition, future))

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

    def publish(self, record: InstanceRecord, events: Sequence[HistoryEvent]) -> None:
        """Pass on what a commit brought."""
        instance_id = record.instance_id
        for news in [*self._subscribers.get(instance_id, ()), *self._subscribers.get(None, ())]:
            try:
                news(record, events)
            except Exception:
                _log.exception("somebody who watches %s failed", instance_id)
        waiting = self._waiters.pop(instance_id, None)
        if not waiting:
            return
        still: list[_Waiter] = []
        for waiter in waiting:
            if waiter.future.done():
                continue
            if not waiter.condition(record):
                still.append(waiter)
            else:
                waiter.future.set_result(record)
        if still:
            self._waiters[instance_id] = still

    def release_prints(self, origin: Context | None, text: str) -> None:
        """Show what a workflow printed, in the cell that started it."""
        if not text:
            return
        stream = getattr(sys.stdout, "stream", sys.stdout)
        context = origin.copy() if origin is not None else Context()
        try:
            context.run(stream.write, text)
        except OSError:
            _log.warning("what a workflow printed could not be shown", exc_info=True)

    def close(self, error: Exception) -> None:
        """Tell everybody who waits that nothing will come."""
        waiting, self._waiters = self._waiters, {}
        for waiter in [waiter for waiters in waiting.values() for waiter in waiters]:
            if not waiter.future.done():
                waiter.future.set_exception(error)
        self._subscribers.clear()
