"""Activity attempts: begun after the commit that scheduled them, at most so many at once.

An attempt whose result was not recorded runs again after a restart; one whose
result was recorded never does (S19).
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterator
from contextvars import Context
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from nbflow.core.context import WorkflowActivityContext
from nbflow.core.failures import describe
from nbflow.core.history import InputEvent, TaskCompleted, TaskFailed, TaskScheduled
from nbflow.core.state import InstanceRecord
from nbflow.definitions import ActivityDefinition, Registry
from nbflow.engine.arrivals import Arrivals
from nbflow.engine.fairness import FairQueue
from nbflow.engine.output import AttemptPrints, context_with, terminal
from nbflow.ports import ActivityExecutor, Clock, DirectExecutor, Invocation, InvocationOutcome

_log: Final = logging.getLogger("nbflow.engine")

_CALLS: Final = 8
"""How many calls of an activity its average goes back."""

_CLOSE_SECONDS: Final = 2.0
"""How long closing waits for ``async def`` activities that were cancelled."""


@dataclass(eq=False, slots=True)
class _Attempt:
    """One attempt, from its scheduling to its end.

    Attributes:
        record: The run's row, when it was scheduled.
        event: Its scheduling.
        origin: The context of the cell that its prints belong to.
        has_begun: Whether it was handed to the executor.
        task: The task that runs it, if the executor needs one.
        withdrawn: Whether nobody waits for it any more.
    """

    record: InstanceRecord
    event: TaskScheduled
    origin: Context | None
    has_begun: bool = False
    task: asyncio.Task[None] | None = None
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Running:
    """An attempt that is being run."""

    attempt: _Attempt
    invocation: Invocation
    prints: AttemptPrints
    started_at: datetime

    @property
    def name(self) -> str:
        """The activity's."""
        return self.attempt.event.name


class ActivityRunner:
    """Runs attempts and delivers what became of them.

    Args:
        executor: Where they run.
        registry: The code.
        clock: Times their beginning and end.
        limit: How many run at once.
        deliver: Takes (instance ID, execution ID, result event), on the engine's loop.
        arrived: Called there once all results that are there were delivered.
        quick_below: Seconds that an activity may take on the average and be quick.
        forward_orphans: Whether prints of runs that no cell of this process started go to stdout.
    """

    def __init__(
        self,
        executor: ActivityExecutor,
        registry: Registry,
        clock: Clock,
        *,
        limit: int,
        deliver: Callable[[str, str, InputEvent], None],
        arrived: Callable[[], object],
        quick_below: float,
        forward_orphans: bool,
    ) -> None:
        self._executor = executor
        self._direct = executor if isinstance(executor, DirectExecutor) else None
        self._registry = registry
        self._clock = clock
        self._limit = limit
        self._deliver = deliver
        self._quick_below = quick_below
        self._seconds: dict[str, float] = {}
        self._forward_orphans = forward_orphans
        self._attempts: dict[str, dict[int, _Attempt]] = {}
        self._queue: FairQueue[_Attempt] = FairQueue()
        self._codeless: list[_Attempt] = []
        self._came = Arrivals(self._ended, arrived)
        self._running = 0
        self.is_closed = False

    def start(self, record: InstanceRecord, event: TaskScheduled, origin: Context | None) -> None:
        """Have an attempt begin as soon as its code is there and there is room; never twice."""
        attempts = self._attempts.setdefault(record.execution_id, {})
        if event.id in attempts:
            return
        attempt = attempts[event.id] = _Attempt(record, event, origin)
        if not self._registry.has_activity(event.name):
            self._codeless.append(attempt)
        else:
            self._queue.put(record.instance_id, attempt)
            self._begin_next()

    def withdraw(self, execution_id: str, task_id: int | None = None) -> None:
        """Let one attempt, or all of an execution, not begin; what runs already finishes."""
        attempts = self._attempts.get(execution_id, {})
        for attempt in [*attempts.values()] if task_id is None else [attempts.get(task_id)]:
            if attempt is None:
                continue
            attempt.withdrawn = True
            if not attempt.has_begun:
                self._forget(attempt)

    def code_arrived(self) -> None:
        """Start the attempts whose code is there now."""
        waiting, self._codeless = self._codeless, []
        for attempt in waiting:
            if attempt.withdrawn:
                continue
            if self._registry.has_activity(attempt.event.name):
                self._queue.put(attempt.record.instance_id, attempt)
            else:
                self._codeless.append(attempt)
        self._begin_next()

    def missing(self, execution_id: str) -> dict[int, str]:
        """The attempts of an execution that wait for code, and the activities' names."""
        if not self._codeless:
            return {}
        return {
            attempt.event.id: attempt.event.name
            for attempt in list(self._codeless)
            if attempt.record.execution_id == execution_id and not attempt.withdrawn
        }

    @property
    def is_busy(self) -> bool:
        """Whether an attempt that somebody waits for is running, or waits for room."""
        return next(self.busy(), None) is not None

    def busy(self) -> Iterator[tuple[str, str]]:
        """Run and activity of each such attempt."""
        for attempts in self._attempts.values():
            for attempt in attempts.values():
                has_code = attempt.has_begun or self._registry.has_activity(attempt.event.name)
                if has_code and not attempt.withdrawn:
                    yield attempt.record.instance_id, attempt.event.name

    async def close(self) -> None:
        """Stop waiting for attempts; ``async def`` ones are cancelled, threads end with the process."""
        self.is_closed = True
        running = [a.task for of_one in self._attempts.values() for a in of_one.values() if a.task]
        for task in running:
            task.cancel()
        if running:
            _, left = await asyncio.wait(running, timeout=_CLOSE_SECONDS)
            if left:
                _log.warning("%d activities don't end when they are cancelled: left behind", len(left))
        await self._executor.close()

    def _begin_next(self) -> None:
        while self._running < self._limit and self._queue and not self.is_closed:
            attempt = self._queue.take()
            if not attempt.withdrawn:
                self._begin(attempt)

    def _forget(self, attempt: _Attempt) -> None:
        attempts = self._attempts.get(attempt.record.execution_id, {})
        attempts.pop(attempt.event.id, None)
        if not attempts:
            self._attempts.pop(attempt.record.execution_id, None)

    def _begin(self, attempt: _Attempt) -> None:
        self._running += 1
        running = self._prepared(attempt)
        invocation = running.invocation
        if self._direct is None or invocation.call is None:
            attempt.task = asyncio.get_running_loop().create_task(self._run(running))
            return
        try:
            self._direct.start(invocation, lambda outcome: self._came.bring((running, outcome)))
        except Exception as error:
            self._came.bring((running, _broken_executor(invocation, error)))

    def _prepared(self, attempt: _Attempt) -> Running:
        attempt.has_begun = True
        prints = AttemptPrints(self._forward_to(attempt.origin))
        definition = self._registry.activity(attempt.event.name)
        assert definition is not None, "an attempt begins only once its code is there"
        invocation = _invocation(definition, attempt, context_with(prints, attempt.origin))
        return Running(attempt, invocation, prints, self._clock.now())

    async def _run(self, running: Running) -> None:
        try:
            outcome = await self._executor.run(running.invocation)
        except Exception as error:
            outcome = _broken_executor(running.invocation, error)
        self._ended((running, outcome))

    def _ended(self, arrived: tuple[Running, InvocationOutcome]) -> None:
        running, outcome = arrived
        attempt = running.attempt
        self._running -= 1
        self._forget(attempt)
        if outcome.seconds is not None:
            self.took(attempt.event.name, outcome.seconds)
        if self.is_closed:
            return  # it runs again once the store is opened
        self._begin_next()
        result = self.result(running, outcome)
        self._deliver(attempt.record.instance_id, attempt.record.execution_id, result)

    def result(self, running: Running, outcome: InvocationOutcome) -> InputEvent:
        """What became of an attempt, as history holds it; on any thread."""
        running.prints.flush()
        event, now = running.attempt.event, self._clock.now()
        return _result(event, outcome, running.started_at, now, running.prints.text)

    # -- attempts that somebody else runs -------------------------------------------------------

    @property
    def caller(self) -> DirectExecutor | None:
        """What can run an attempt on any thread; None: this executor can't."""
        return self._direct

    @property
    def is_idle(self) -> bool:
        """Whether no attempt is under way, and none waits."""
        return not self._attempts

    def is_quick(self, name: str) -> bool:
        """Whether an activity is a ``def`` here whose calls have taken no time of late; on any thread."""
        if self._seconds.get(name, math.inf) > self._quick_below or self._quick_below <= 0:
            return False
        definition = self._registry.activity(name)
        return definition is not None and not definition.is_async

    def took(self, name: str, seconds: float) -> None:
        """Note how long a call of an activity has taken."""
        average = self._seconds.get(name, seconds)
        self._seconds[name] = average + (seconds - average) / _CALLS

    def attempt(self, record: InstanceRecord, event: TaskScheduled, origin: Context | None) -> Running:
        """An attempt for somebody else to run; on any thread."""
        return self._prepared(_Attempt(record, event, origin))

    def take_over(self, running: Running) -> None:
        """Count an attempt that somebody else has begun as one of these; its outcome comes by `bring`."""
        attempt = running.attempt
        self._attempts.setdefault(attempt.record.execution_id, {})[attempt.event.id] = attempt
        self._running += 1

    def bring(self, running: Running, outcome: InvocationOutcome) -> None:
        """Have an outcome delivered; on any thread."""
        self._came.bring((running, outcome))

    def _forward_to(self, origin: Context | None) -> Callable[[str], object] | None:
        if origin is None and not self._forward_orphans:
            return None
        return terminal().write


def _invocation(
    definition: ActivityDefinition[..., Any], attempt: _Attempt, variables: Context
) -> Invocation:
    record, event = attempt.record, attempt.event
    info = WorkflowActivityContext(
        instance_id=record.instance_id,
        execution_id=record.execution_id,
        task_id=event.task_id,
        attempt=event.attempt,
        workflow_name=record.name,
    )
    is_async = definition.is_async
    return Invocation(
        name=definition.name,
        input=event.input,
        info=info,
        context=variables,
        call=None if is_async else partial(definition.run, info, event.input),
        call_async=partial(definition.run_async, info, event.input) if is_async else None,
    )


def _broken_executor(invocation: Invocation, error: Exception) -> InvocationOutcome:
    """The executor itself failed: an attempt may not vanish."""
    _log.error(
        "the executor failed in %s of %s", invocation.name, invocation.info.instance_id, exc_info=error
    )
    return InvocationOutcome(worker="", failure=describe(error))


def _result(
    event: TaskScheduled, outcome: InvocationOutcome, started_at: datetime, ended_at: datetime, prints: str
) -> InputEvent:
    if outcome.failure is not None:
        return TaskFailed(
            at=ended_at,
            scheduled_id=event.id,
            failure=outcome.failure,
            started_at=started_at,
            attempt=event.attempt,
            worker=outcome.worker,
            prints=prints,
        )
    assert outcome.result is not None, "an outcome has a result or a failure"
    return TaskCompleted(
        at=ended_at,
        scheduled_id=event.id,
        result=outcome.result,
        started_at=started_at,
        attempt=event.attempt,
        worker=outcome.worker,
        prints=prints,
    )
