"""A run in a kernel without an engine: a `CardSource` with a thread and a loop of its own, as the real one has.

A cell of a test notebook makes it, shows its card, and lets the story go on.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime

from nbflow.core.history import HistoryEvent
from nbflow.core.state import InstanceRecord
from nbflow.widgets.card import RunCard
from nbflow.widgets.source import Commit
from tests.views import stories
from tests.views.stories import Story


class ThreadSource:
    """Tells a story on a thread; an answered approval lets it go on to its end.

    Attributes:
        raised: Names and payloads of the events that were raised.
    """

    stands_still = False

    def __init__(self, story: Story) -> None:
        stories.T0 = datetime.now(UTC)  # the story begins now
        self.story = story
        self.raised: list[tuple[str, str]] = []
        self._callbacks: list[Commit] = []
        self._committed = 0
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True, name="engine").start()

    def snapshot(self) -> tuple[InstanceRecord, Sequence[HistoryEvent]]:
        with self._lock:
            return self.story.record(), list(self.story.events)

    def subscribe(self, callback: Commit) -> Callable[[], None]:
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback) if callback in self._callbacks else None

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        self._loop.call_later(seconds, callback)

    def raise_event(self, name: str, payload_json: str) -> Future[None]:
        future: Future[None] = Future()
        self._loop.call_soon_threadsafe(self._raise, name, payload_json, future)
        return future

    def now(self) -> datetime:
        return datetime.now(UTC)

    def tell(self, part: Callable[[Story, float], None]) -> None:
        """Go on with the story, on the engine's thread."""
        self._loop.call_soon_threadsafe(self._tell, part)

    def _tell(self, part: Callable[[Story, float], None]) -> None:
        with self._lock:
            part(self.story, (self.now() - stories.T0).total_seconds())
            record, events = self.story.record(), self.story.events[self._committed :]
            self._committed = len(self.story.events)
        for callback in list(self._callbacks):
            callback(record, events)

    def _raise(self, name: str, payload_json: str, future: Future[None]) -> None:
        self.raised.append((name, payload_json))

        def arrive(story: Story, second: float) -> None:
            story.raised(second, name, payload_json)
            story.task(second, "charge", {"cents": 12000})

        def finish(story: Story, second: float) -> None:
            story.done(second, 2, {"receipt": "R-1017"}, began=second - 0.2)
            story.completed(second, "sent")

        self._tell(arrive)
        future.set_result(None)
        if len(self.raised) == 1:
            self._loop.call_later(0.3, self._tell, finish)


def show() -> tuple[ThreadSource, RunCard]:
    """A run that waits for an approval, and its card."""
    source = ThreadSource(Story())
    source.story.start()
    source.story.wait(0.2, "approval", stories.DECISION)
    source._committed = len(source.story.events)
    return source, RunCard(source)
