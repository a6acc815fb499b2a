"""Activity attempts: begun after the commit that scheduled them, at most so many at once.

An attempt whose result was not recorded runs again after a restart; one whose
result was recorded never does (S19).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import Context
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from nbflow.core.context import WorkflowActivityContext
from nbflow.core.failures import describe
from nbflow.core.history import InputEvent, TaskCompleted, TaskFailed, TaskScheduled
from nbflow.core.state import InstanceRecord
from nbflow.definitions import ActivityDefinition, Registry
from nbflow.engine.output import AttemptPrints, context_with, terminal
from nbflow.ports import ActivityExecutor, Clock, Invocation, InvocationOutcome

_log: Final = logging.getLogger("nbflow.engine")

_CLOSE_SECONDS: Final = 2.0
"""How long closing waits for ``async def`` activities that were cancelled."""


@dataclass(eq=False)
class _Attempt:
    """One attempt, from its scheduling to its end.

    Attributes:
        record: The run's row, when it was scheduled.
        event: Its scheduling.
        origin: The context of the cell that its prints belong to.
        running: The task that runs it; None before it has begun.
        withdrawn: Whether nobody waits for it any more.
    """

    record: InstanceRecord
    event: TaskScheduled
    origin: Context | None
    running: asyncio.Task[None] | None = None
    withdrawn: bool = False


class ActivityRunner:
    """Runs attempts and delivers what became of them.

    Args:
        executor: Where they run.
        registry: The code.
        clock: Times their beginning and end.
        limit: How many run at once.
        deliver: Takes (instance ID, execution ID, result event), on the engine's loop.
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
        forward_orphans: bool,
    ) -> None:
        self._executor = executor
        self._registry = registry
        self._clock = clock
        self._limit = limit
        self._deliver = deliver
        self._forward_orphans = forward_orphans
        self._attempts: dict[str, dict[int, _Attempt]] = {}
        self._queue: deque[_Attempt] = deque()
        self._codeless: list[_Attempt] = []
        self._running = 0
        self._is_closed = False

    def start(self, record: InstanceRecord, event: TaskScheduled, origin: Context | None) -> None:
        """Have an attempt begin as soon as its code is there and there is room; never twice."""
        attempts = self._attempts.setdefault(record.execution_id, {})
        if event.id in attempts:
            return
        attempt = attempts[event.id] = _Attempt(record, event, origin)
        if not self._registry.has_activity(event.name):
            self._codeless.append(attempt)
        else:
            self._queue.append(attempt)
            self._begin_next()

    def withdraw(self, execution_id: str, task_id: int | None = None) -> None:
        """Let one attempt, or all of an execution, not begin; what runs already finishes."""
        attempts = self._attempts.get(execution_id, {})
        for attempt in [*attempts.values()] if task_id is None else [attempts.get(task_id)]:
            if attempt is None:
                continue
            attempt.withdrawn = True
            if attempt.running is None:
                self._forget(attempt)

    def code_arrived(self) -> None:
        """Start the attempts whose code is there now."""
        waiting, self._codeless = self._codeless, []
        for attempt in waiting:
            if attempt.withdrawn:
                continue
            found = self._registry.has_activity(attempt.event.name)
            (self._queue if found else self._codeless).append(attempt)
        self._begin_next()

    def missing(self, execution_id: str) -> dict[int, str]:
        """The attempts of an execution that wait for code, and the activities' names."""
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
                has_code = attempt.running is not None or self._registry.has_activity(attempt.event.name)
                if has_code and not attempt.withdrawn:
                    yield attempt.record.instance_id, attempt.event.name

    async def close(self) -> None:
        """Stop waiting for attempts; ``async def`` ones are cancelled, threads end with the process."""
        self._is_closed = True
        running = [a.running for of_one in self._attempts.values() for a in of_one.values() if a.running]
        for task in running:
            task.cancel()
        if running:
            _, left = await asyncio.wait(running, timeout=_CLOSE_SECONDS)
            if left:
                _log.warning("%d activities don't end when they are cancelled: left behind", len(left))
        await self._executor.close()

    def _begin_next(self) -> None:
        while self._running < self._limit and self._queue and not self._is_closed:
            attempt = self._queue.popleft()
            if not attempt.withdrawn:
                self._running += 1
                attempt.running = asyncio.get_running_loop().create_task(self._run(attempt))

    def _forget(self, attempt: _Attempt) -> None:
        attempts = self._attempts.get(attempt.record.execution_id, {})
        attempts.pop(attempt.event.id, None)
        if not attempts:
            self._attempts.pop(attempt.record.execution_id, None)

    async def _run(self, attempt: _Attempt) -> None:
        started_at = self._clock.now()
        prints = AttemptPrints(self._forward_to(attempt.origin))
        try:
            outcome = await self._invoke(attempt, context_with(prints, attempt.origin))
        finally:
            self._running -= 1
            self._forget(attempt)
            self._begin_next()
        prints.flush()
        result = _result(attempt.event, outcome, started_at, self._clock.now(), prints.text)
        self._deliver(attempt.record.instance_id, attempt.record.execution_id, result)

    async def _invoke(self, attempt: _Attempt, variables: Context) -> InvocationOutcome:
        record, event = attempt.record, attempt.event
        definition = self._registry.activity(event.name)
        assert definition is not None, "an attempt begins only once its code is there"
        context = WorkflowActivityContext(
            instance_id=record.instance_id,
            execution_id=record.execution_id,
            task_id=event.task_id,
            attempt=event.attempt,
            workflow_name=record.name,
        )
        try:
            return await self._executor.run(_invocation(definition, context, event, variables))
        except Exception as error:  # the executor itself failed: an attempt may not vanish
            _log.exception("the executor failed in %s of %s", event.name, record.instance_id)
            return InvocationOutcome(worker="", failure=describe(error))

    def _forward_to(self, origin: Context | None) -> Callable[[str], object] | None:
        if origin is None and not self._forward_orphans:
            return None
        return terminal().write


def _invocation(
    definition: ActivityDefinition[..., Any],
    context: WorkflowActivityContext,
    event: TaskScheduled,
    variables: Context,
) -> Invocation:
    invocation = Invocation(name=definition.name, input=event.input, info=context, context=variables)
    if definition.is_async:
        return msgspec.structs.replace(
            invocation, call_async=lambda: definition.run_async(context, event.input)
        )
    return msgspec.structs.replace(invocation, call=lambda: definition.run(context, event.input))


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
