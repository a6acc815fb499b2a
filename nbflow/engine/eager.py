"""Eager steps: a run whose activities take no time goes from step to step on the dispatch thread.

Ordinarily a step crosses threads four times: to the dispatch thread and back, to a worker and back. Where nothing else is
to be done, that costs more than the step, and the dispatch thread does it all: it runs the activity, takes the turn that
the result makes, commits it, and goes on with the activity that this turn has called. The rules are those of any other
turn: nothing is begun that isn't durable, and each turn is a commit of its own.

The engine's loop hears of it every few milliseconds. As soon as anything else is wanted of the engine, the run comes back
to it with its next turn; and if an activity does take its time, another thread takes over from the one that it blocks.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Final

from nbflow.core.history import HistoryEvent, InputEvent, TaskScheduled
from nbflow.core.operations import InboxRow
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.definitions import Registry
from nbflow.engine.activities import ActivityRunner
from nbflow.engine.commits import Committer
from nbflow.engine.dispatch import Dispatcher, TurnOutcome, TurnRequest
from nbflow.engine.instance import Instance, Message
from nbflow.engine.lane import Job
from nbflow.engine.turns import Turns
from nbflow.engine.watchdog import Watched
from nbflow.engine.watchers import Watchers
from nbflow.ports import Clock, DirectExecutor

_LOOK_SECONDS: Final = 0.005
"""How often the loop looks how far a trip is; an activity that takes longer blocks the thread no more."""

_RECALL_SECONDS: Final = 0.001
"""The same for one that is wanted back."""

_PAUSE_SECONDS: Final = 0.01
"""How long after that none begins: whoever asks for one thing often asks for another."""

_OPERATIONS: Final = 2
"""What a turn writes that does nothing but go on: its events, and the run's row."""


@dataclass(frozen=True, slots=True)
class Means:
    """What steps are made with, on any thread.

    Attributes:
        activities: Prepares attempts, and takes what becomes of them.
        committer: Writes.
        clock: The time of each turn.
        next_row_id: Numbers results.
    """

    activities: ActivityRunner
    committer: Committer
    clock: Clock
    next_row_id: Callable[[], int]


class Trip:
    """A run on its way: what the dispatch thread does, and what the loop may know of it meanwhile.

    Args:
        means: What steps are made with.
        executor: Runs attempts.
        record: The run's row, as it is committed.
        task: The attempt to begin with.
        origin: The context of the cell that prints belong to.
        request: Makes the request of a turn of such a row with such messages.

    Attributes:
        record: The row as it was committed last.
        row: The result that the turn under way takes.
        running: The attempt that is under way, or was the last.
        seconds: How long the last one took.
        step: How many attempts were begun.
        is_wanted: Whether it is to come back.
        payloads: How long all payloads of the execution are.
    """

    def __init__(
        self,
        means: Means,
        executor: DirectExecutor,
        record: InstanceRecord,
        task: TaskScheduled,
        origin: Context | None,
        request: Callable[[InstanceRecord, Sequence[InboxRow]], TurnRequest],
    ) -> None:
        self.record = record
        self.row: InboxRow | None = None
        self.running = means.activities.attempt(record, task, origin)
        self.seconds = 0.0
        self.step = 0
        self.is_wanted = False
        self.payloads = 0
        self._means = means
        self._executor = executor
        self._origin = origin
        self._request = request
        self._news: list[tuple[InstanceRecord, Sequence[HistoryEvent]]] = []
        self._lock = threading.Lock()
        self._runs_activity = False
        self._is_let_go = False

    def job(self, taken: Callable[[TurnOutcome], None]) -> Job:
        """What the dispatch thread is to do; ``taken`` gets the turn that nobody has committed."""
        self._job = Job(self._travel, self._request(self.record, ()), taken)
        return self._job

    # -- on the engine's loop -------------------------------------------------------------------

    def news(self) -> list[tuple[InstanceRecord, Sequence[HistoryEvent]]]:
        """What was committed since the last call: the row, and the events that were added."""
        with self._lock:
            news, self._news = self._news, []
        return news

    def let_go(self, step: int) -> bool:
        """Have the attempt of that step, if it still runs, end as any other does, and with it the trip; tell whether it does."""
        with self._lock:
            self._is_let_go = self._runs_activity and self.step == step
            return self._is_let_go

    # -- on the dispatch thread -----------------------------------------------------------------

    def _travel(self, dispatcher: Dispatcher, watched: Watched) -> TurnOutcome | None:
        watched.pause()
        while True:
            result = self._result()
            if result is None:
                return None
            self.row = row = InboxRow(
                row_id=self._means.next_row_id(),
                instance_id=self.record.instance_id,
                execution_id=self.record.execution_id,
                event=result,
            )
            request = self._job.request = self._request(self.record, (row,))
            watched.go_on()
            outcome = dispatcher.take(request, watched)
            if not (watched.pause() and self._may_go_on(outcome)):
                return outcome
            transition = outcome.transition
            if not self._means.committer.commit_here(transition.operations):
                return outcome
            with self._lock:
                self.row, self.record, self.payloads = None, transition.record, outcome.payloads
                self._news.append((transition.record, transition.events))
            self.running = self._means.activities.attempt(self.record, transition.tasks[0], self._origin)

    def _result(self) -> InputEvent | None:
        """Run the attempt; None if it was let go, and its end is told elsewhere."""
        running, activities = self.running, self._means.activities
        with self._lock:
            self._runs_activity = True
            self.step += 1
        outcome = self._executor.call(running.invocation)
        with self._lock:
            self._runs_activity = False
        if self._is_let_go:
            activities.bring(running, outcome)
            return None
        self.seconds = outcome.seconds or 0.0
        return activities.result(running, outcome)

    def _may_go_on(self, outcome: TurnOutcome) -> bool:
        """Whether a turn has called an activity that takes no time, and there is nothing else to it."""
        transition = outcome.transition
        return (
            not self.is_wanted
            and len(transition.tasks) == 1
            and len(transition.operations) == _OPERATIONS
            and transition.record.status is RuntimeStatus.RUNNING
            and outcome.is_warm
            and not (outcome.prints or outcome.references)
            and not (transition.dropped or transition.kept or transition.rejected or transition.warning)
            and self._means.activities.is_quick(transition.tasks[0].name)
        )


class Eager:
    """Lets runs take eager steps, one run at a time. Used on the engine's loop.

    Args:
        means: What steps are made with.
        registry: The code.
        turns: Has the turns taken.
        watchers: Are told.
        touch: Called with an instance that may have more to do.
    """

    def __init__(
        self,
        means: Means,
        registry: Registry,
        turns: Turns,
        watchers: Watchers,
        touch: Callable[[Instance], None],
    ) -> None:
        self._means = means
        self._registry = registry
        self._turns = turns
        self._watchers = watchers
        self._touch = touch
        self._loop = asyncio.get_running_loop()
        self._under_way: tuple[Trip, Job, Instance] | None = None
        self._not_before = 0.0

    def begin(self, instance: Instance, task: TaskScheduled, origin: Context | None) -> bool:
        """Have a run go on with an attempt by itself, if nothing speaks against it; tell whether it does.

        Its row is committed, and the attempt is all that the run waits for.
        """
        record, executor = instance.record, self._means.activities.caller
        if executor is None or record is None or not self._may_begin(instance, record, task):
            return False
        code = self._registry.version(record.name, record.definition)
        if code is None:
            return False

        def request(record: InstanceRecord, rows: Sequence[InboxRow]) -> TurnRequest:
            return TurnRequest(record=record, rows=rows, code=code.running, now=self._means.clock.now())

        trip = Trip(self._means, executor, record, task, origin, request)
        job = trip.job(self._came_back)
        self._under_way = (trip, job, instance)
        instance.turn = []
        self._turns.depart(job)
        self._loop.call_later(_LOOK_SECONDS, self._look, trip, 0)
        return True

    def recall(self) -> None:
        """Have the run come back that is on its way: somebody wants something of the engine."""
        if self._under_way is None:
            return
        trip, _, _ = self._under_way
        if not trip.is_wanted:
            trip.is_wanted = True
            self._not_before = self._loop.time() + _PAUSE_SECONDS
            self._loop.call_later(_RECALL_SECONDS, self._look, trip, trip.step)

    def _may_begin(self, instance: Instance, record: InstanceRecord, task: TaskScheduled) -> bool:
        activities = self._means.activities
        return (
            self._under_way is None
            and self._turns.running == 0
            and activities.is_quick(task.name)
            and activities.is_idle
            and not activities.is_closed
            and record.status is RuntimeStatus.RUNNING
            and instance.is_warm
            and not (instance.messages or instance.retry or instance.is_held or instance.awaited)
            and self._means.committer.is_quick
            and self._loop.time() >= self._not_before
        )

    def _look(self, trip: Trip, step: int) -> None:
        """See how far it is; if it is at the same attempt as at the last look, others go on without it."""
        if self._under_way is None or self._under_way[0] is not trip:
            return
        _, job, instance = self._under_way
        if not trip.let_go(step):
            self._tell(trip, instance)
            self._loop.call_later(_LOOK_SECONDS, self._look, trip, trip.step)
            return
        self._under_way = None
        self._tell(trip, instance)
        instance.end_turn(())
        activities = self._means.activities
        activities.take_over(trip.running)
        activities.took(trip.running.name, _LOOK_SECONDS)
        self._turns.let_go(job)
        self._touch(instance)

    def _came_back(self, outcome: TurnOutcome) -> None:
        assert self._under_way is not None, "a trip comes back once"
        trip, _, instance = self._under_way
        self._under_way = None
        self._tell(trip, instance)
        if trip.seconds:
            self._means.activities.took(trip.running.name, trip.seconds)
        instance.turn = [Message(row=trip.row, must_keep=False)] if trip.row is not None else []
        self._turns.arrived(instance, outcome)

    def _tell(self, trip: Trip, instance: Instance) -> None:
        """Pass on what it has committed."""
        news = trip.news()
        if not news:
            return
        instance.record, instance.failures = news[-1][0], 0
        self._turns.keep_warm(instance, True, trip.payloads)
        for record, events in news:
            self._watchers.publish(record, events)
