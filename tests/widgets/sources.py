"""A run without an engine: a `CardSource` whose engine's thread is the test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextvars import Context
from datetime import datetime, timedelta
from typing import Any

from nbflow.core.history import HistoryEvent
from nbflow.core.state import InstanceRecord
from nbflow.definitions import WorkflowDefinition
from nbflow.errors import InstanceNotFoundError
from nbflow.widgets.source import Commit, ForkOffer, RewindOffer
from tests.views.stories import T0, Story


class FakeSource:
    """Follows a story: the test adds events and says when they are committed.

    Attributes:
        raised: The events that were raised: name, payload, and the future of each.
        commanded: The commands that were given: name, and the future of each.
        reads: How often a snapshot was read.
        code: The workflow's code, if it is there.
        kinds: What the names in it stand for.
        others: Other runs of the engine, by ID.
        offer: What a fork would be, or why there can be none; `back` likewise for a rewind.
        forked: The forks that were asked for: event, value, ID, and the future of each.
        waits_aside: Whether looks wait in `looks` until the test does them.
    """

    def __init__(self, story: Story, *, code: WorkflowDefinition[..., Any] | None = None) -> None:
        self.story = story
        self.code = code
        self.kinds: dict[str, str] = {}
        self.others: dict[str, FakeSource] = {}
        self.commanded: list[tuple[str, Future[str]]] = []
        self.capabilities = frozenset(
            {
                "raise",
                "suspend",
                "resume",
                "terminate",
                "purge",
                "restart",
                "rewind",
                "fork",
                "replay",
                "graph",
            }
        )
        self.offer: ForkOffer | Exception = ForkOffer(instance_id=f"{story.instance_id}-fork-1", shared=1)
        self.back: RewindOffer | Exception = RewindOffer(seq=1, follows="charge is tried again")
        self.forked: list[tuple[int, str | None, str, Future[str]]] = []
        self.opened_at = T0
        self.waits_aside = False
        self.looks: list[Callable[[], object]] = []
        self.is_purged = False
        self.callbacks: list[Commit] = []
        self.later: list[tuple[datetime, Callable[[], None]]] = []
        self.raised: list[tuple[str, str, Future[None]]] = []
        self.reads = 0
        self.still = False
        self.said_of_it = ""
        self.time = T0 + timedelta(seconds=story.now)
        self.committed = len(story.events)

    def snapshot(self) -> tuple[InstanceRecord, Sequence[HistoryEvent]]:
        self.reads += 1
        if self.is_purged:
            raise InstanceNotFoundError(f"there is no run {self.story.instance_id!r}")
        return self.story.record(), list(self.story.events[: self.committed])

    def subscribe(self, callback: Commit) -> Callable[[], None]:
        self.callbacks.append(callback)

        def unsubscribe() -> None:
            if callback in self.callbacks:
                self.callbacks.remove(callback)

        return unsubscribe

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        self.later.append((self.time + timedelta(seconds=seconds), callback))

    def raise_event(self, name: str, payload_json: str) -> Future[None]:
        future: Future[None] = Future()
        self.raised.append((name, payload_json, future))
        return future

    def command(self, name: str) -> Future[str]:
        future: Future[str] = Future()
        self.commanded.append((name, future))
        return future

    def fork(self, seq: int, value: str | None, instance_id: str) -> Future[str]:
        future: Future[str] = Future()
        self.forked.append((seq, value, instance_id, future))
        return future

    def fork_offer(self, seq: int) -> ForkOffer:
        if isinstance(self.offer, Exception):
            raise self.offer
        return self.offer

    def rewind_offer(self) -> RewindOffer:
        if isinstance(self.back, Exception):
            raise self.back
        return self.back

    def peers(self) -> list[str]:
        return list(self.others)

    def definition(self) -> WorkflowDefinition[..., Any] | None:
        return self.code

    def kind_of(self, name: str) -> str | None:
        return self.kinds.get(name)

    def quiet_context(self) -> Context:
        return Context()

    def other(self, instance_id: str) -> FakeSource:
        found = self.others.get(instance_id)
        if found is None:
            found = FakeSource(Story(instance_id=instance_id))
            found.is_purged = True
        return found

    def aside(self, look: Callable[[], object]) -> None:
        if self.waits_aside:
            self.looks.append(look)
        else:
            look()

    def now(self) -> datetime:
        return self.time

    @property
    def caveat(self) -> str:
        return self.said_of_it

    @property
    def stands_still(self) -> bool:
        return self.still

    def commit(self, *, lose: bool = False) -> None:
        """Commit what the story has gained; with ``lose``, without telling anybody."""
        events = self.story.events[self.committed :]
        self.committed = len(self.story.events)
        self.time = max(self.time, T0 + timedelta(seconds=self.story.now))
        if not lose:
            for callback in list(self.callbacks):
                callback(self.story.record(), events)

    def begin_anew(self, story: Story) -> None:
        """Continue as new, or be replaced: another history from now on."""
        self.story, self.committed = story, 0
        self.commit()

    def advance(self, seconds: float) -> None:
        """Let time pass, and what waits for it happen."""
        end = self.time + timedelta(seconds=seconds)
        while True:
            due = sorted((item for item in self.later if item[0] <= end), key=lambda item: item[0])
            if not due:
                break
            self.later.remove(due[0])
            self.time = max(self.time, due[0][0])
            due[0][1]()
        self.time = end


class Outbox:
    """Keeps what a feed sends."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.kept: list[dict[str, Any]] = []

    def post(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    def take(self) -> list[dict[str, Any]]:
        """The messages since the last look."""
        messages, self.sent = self.sent, []
        return messages
