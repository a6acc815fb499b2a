"""A world that answers workflows at random: which message comes next, how many make a turn, when time passes.

One seed decides it all. What it records is a history as an engine would commit it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from nbflow.core import actions as a
from nbflow.core import history as h
from nbflow.core.execution import Execution
from nbflow.core.failures import describe
from nbflow.core.replay import replay
from nbflow.core.state import RuntimeState
from tests.core import family_shapes  # noqa: F401 (puts its shapes to the others)
from tests.core.builder import INTERPRETER, T0, completed, failed, raised
from tests.core.shapes import Shape

MAX_TURNS = 1000


def nothing() -> None: ...


class World:
    """One run of a shape.

    Args:
        shape: The workflow, and what its world answers.
        seed: Decides everything.
        evict: How often the execution is evicted and replayed before a message: 0 never, 1 always.
        still: Whether the clock stands still but for timers that fire; then batches can be cut anew
            without any effect.
        noise: Called before each message.
    """

    def __init__(
        self,
        shape: Shape,
        seed: int,
        *,
        evict: float = 0,
        still: bool = False,
        noise: Callable[[], None] = nothing,
    ) -> None:
        self.shape = shape
        self.chance = random.Random(f"{shape.name} {seed}")
        self.pace = self.chance.choice((0.2, 1, 3))
        self.evictions = random.Random(seed)
        self.evict = evict
        self.still = still
        self.noise = noise
        self.now = T0
        self.history: list[h.HistoryEvent] = []
        self.state = RuntimeState()
        self.starts: list[int] = []
        self.execution = Execution(shape.code, instance_id=f"{shape.name}-{seed}")
        self.events = [raised(name, payload) for name, payload in shape.events]
        self.handled: list[h.InputEvent] = []

    @property
    def instance_id(self) -> str:
        return self.execution.instance_id

    def play(self) -> list[h.HistoryEvent]:
        """Lives the run from start to end, and gives its history."""
        try:
            self.turn([self.start()])
            for _ in range(MAX_TURNS):
                if self.is_over:
                    self.starts.append(self.execution.starts)
                    return self.history
                self.turn()
            raise AssertionError(f"{self.shape.name} comes to no end")
        finally:
            self.execution.evict()

    def play_again(self, batches: Sequence[Sequence[h.InputEvent]]) -> list[h.HistoryEvent]:
        """The same messages, cut into other turns."""
        try:
            for batch in batches:
                self.turn(batch)
        finally:
            self.execution.evict()
        return self.history

    @property
    def is_over(self) -> bool:
        """Whether the run has ended, or goes on in another execution."""
        return self.state.status.is_terminal or self.state.continued is not None

    def start(self) -> h.ExecutionStarted:
        return h.ExecutionStarted(
            at=T0,
            name=self.shape.name,
            execution_id=self.instance_id,
            input="null",
            definition="",
            interpreter=INTERPRETER,
        )

    def turn(self, messages: Sequence[h.InputEvent] | None = None) -> None:
        """One turn, with these messages, or with some at random."""
        self.pass_time()
        self.take(h.WorkflowStarted(at=self.now))
        left = self.chance.choice((1, 1, 2, 3, 8)) if messages is None else len(messages)
        for position in range(left):
            message = self.choose() if messages is None else messages[position]
            if message is None or self.is_over:
                return
            assert self.state.accepts(message)
            self.take(message)
            self.handled.append(message)
            self.check_duplicates(message)

    def choose(self) -> h.InputEvent | None:
        """Any message that could come now."""
        choices: list[Callable[[], h.InputEvent]] = [
            lambda task=task: self.result(task) for task in self.state.tasks.values()
        ]
        choices += [lambda child=child: self.outcome(child) for child in self.state.children.values()]
        choices *= 2
        if self.events and self.chance.random() < 0.5:
            choices.append(lambda: self.events.pop(0))
        timers = sorted(self.state.timers.values(), key=lambda timer: (timer.fire_at, timer.id))
        if timers and (self.still or timers[0].fire_at <= self.now):
            choices.append(lambda: fired(timers[0]))
        return self.chance.choice(choices)() if choices else None

    def pass_time(self) -> None:
        """Some time passes; where nothing else can happen, until the next timer is due."""
        if self.still:
            return
        self.now += timedelta(seconds=self.chance.choice((0, 0, 0.5, 1.25)) * self.pace)
        idle = (
            not self.state.tasks
            and not self.state.children
            and (not self.events or self.chance.random() < 0.5)
        )
        if idle and self.state.timers:
            self.now = max(self.now, min(timer.fire_at for timer in self.state.timers.values()))

    def result(self, task: h.TaskScheduled) -> h.InputEvent:
        found = self.shape.answer(task.name, msgspec.json.decode(task.input), task.attempt)
        return failed(task.id, found) if isinstance(found, Exception) else completed(task.id, found)

    def outcome(self, child: h.ChildWorkflowCreated) -> h.InputEvent:
        found = self.shape.answer(child.name, msgspec.json.decode(child.input), child.attempt)
        if isinstance(found, Exception):
            return h.ChildWorkflowFailed(at=T0, scheduled_id=child.id, failure=describe(found))
        return h.ChildWorkflowCompleted(
            at=T0, scheduled_id=child.id, result=msgspec.json.encode(found).decode()
        )

    def take(self, event: Any) -> None:
        """Feeds one event and keeps it, with what it caused, as history."""
        self.noise()
        if self.evict and self.state.started and self.evictions.random() < self.evict:
            self.starts.append(self.execution.starts)
            self.execution.evict()
            self.execution = replay(self.shape.code, self.history, instance_id=self.instance_id)
        event = msgspec.structs.replace(event, seq=len(self.history) + 1)
        actions = self.execution.feed(event)
        self.keep(event)
        for action in actions:
            self.keep(a.record(action, seq=len(self.history) + 1, at=self.now))
        self.check_open()

    def keep(self, event: h.HistoryEvent) -> None:
        self.history.append(event)
        self.state.apply(event)

    def check_open(self) -> None:
        """What the history says is open is what the execution waits for."""
        if not self.execution.is_finished:
            known = {**self.state.tasks, **self.state.children, **self.state.timers}
            assert all(self.execution.is_open(i) for i in known)
            assert list(self.state.waits) == [task.id for task in self.execution._waits]

    def check_duplicates(self, message: h.InputEvent) -> None:
        """The same result once more means nothing (S71)."""
        if not isinstance(message, h.EventRaised):
            assert not self.state.accepts(message)


def fired(timer: h.TimerCreated) -> h.TimerFired:
    return h.TimerFired(at=timer.fire_at, scheduled_id=timer.id, fire_at=timer.fire_at)


def without_turns(history: Sequence[h.HistoryEvent]) -> list[h.HistoryEvent]:
    """What happened, whatever the turns were."""
    return [
        msgspec.structs.replace(event, seq=0) for event in history if not isinstance(event, h.WorkflowStarted)
    ]
