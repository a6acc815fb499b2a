"""Activity attempts: started after the commit that scheduled them, at most so many at once.

An attempt whose result was not recorded runs again after a restart; one whose
result was recorded never does (S19).
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextvars import Context
from datetime import datetime

import anyio

from nbflow.core.context import WorkflowActivityContext
from nbflow.core.history import InputEvent, TaskCompleted, TaskFailed, TaskScheduled
from nbflow.core.state import InstanceRecord
from nbflow.definitions import ActivityDefinition, Registry
from nbflow.engine.output import AttemptPrints, context_with
from nbflow.ports import ActivityExecutor, Clock, Invocation, InvocationOutcome


class ActivityRunner:
    """Runs attempts and delivers what became of them.

    Args:
        executor: Where they run.
        registry: The code.
        clock: Times their beginning and end.
        limit: How many run at once.
        deliver: Takes (instance ID, execution ID, result event), on the engine's loop.
        missing: Takes the run that called an activity whose code isn't there, and its name.
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
        missing: Callable[[InstanceRecord, str], None],
        forward_orphans: bool,
    ) -> None:
        self._executor = executor
        self._registry = registry
        self._clock = clock
        self._limiter = anyio.CapacityLimiter(limit)
        self._deliver = deliver
        self._missing = missing
        self._forward_orphans = forward_orphans
        self._attempts: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._waiting: list[tuple[InstanceRecord, TaskScheduled]] = []

    def start(self, record: InstanceRecord, event: TaskScheduled, origin: Context | None) -> None:
        """Start an attempt, or have it wait for its code; one that is under way is not started twice."""
        definition = self._registry.activity(event.name)
        if definition is None:
            self._waiting.append((record, event))
            self._missing(record, event.name)
            return
        key = (record.execution_id, event.id)
        if key not in self._attempts:
            context = WorkflowActivityContext(
                instance_id=record.instance_id,
                execution_id=record.execution_id,
                task_id=event.task_id,
                attempt=event.attempt,
                workflow_name=record.name,
            )
            attempt = self._attempt(definition, context, record.execution_id, event, origin)
            self._attempts[key] = asyncio.get_running_loop().create_task(attempt)

    def code_arrived(self) -> None:
        """Start the attempts whose code is there now."""
        waiting, self._waiting = self._waiting, []
        for record, event in waiting:
            if self._registry.activity(event.name) is None:
                self._waiting.append((record, event))
            else:
                self.start(record, event, None)

    def missing_for(self, instance_id: str) -> list[str]:
        """Names of activities that a run called and whose code isn't there."""
        return sorted({event.name for record, event in self._waiting if record.instance_id == instance_id})

    async def close(self) -> None:
        """Stop waiting for attempts; ``async def`` ones are cancelled, threads end with the process."""
        attempts = list(self._attempts.values())
        for attempt in attempts:
            attempt.cancel()
        await asyncio.gather(*attempts, return_exceptions=True)
        await self._executor.close()

    async def _attempt(
        self,
        definition: ActivityDefinition[..., object],
        context: WorkflowActivityContext,
        execution_id: str,
        event: TaskScheduled,
        origin: Context | None,
    ) -> None:
        try:
            async with self._limiter:
                started_at = self._clock.now()
                prints = AttemptPrints(self._forward_to(origin))
                invocation = _invocation(definition, context, event, context_with(prints, origin))
                outcome = await self._executor.run(invocation)
            result = _result(event, outcome, started_at, self._clock.now(), prints.text)
        finally:
            self._attempts.pop((execution_id, event.id), None)
        self._deliver(context.instance_id, execution_id, result)

    def _forward_to(self, origin: Context | None) -> Callable[[str], object] | None:
        if origin is None and not self._forward_orphans:
            return None
        stream = sys.stdout
        return getattr(stream, "stream", stream).write


def _invocation(
    definition: ActivityDefinition[..., object],
    context: WorkflowActivityContext,
    event: TaskScheduled,
    variables: Context,
) -> Invocation:
    if definition.is_async:
        return Invocation(
            name=definition.name,
            context=variables,
            call_async=lambda: definition.run_async(context, event.input),
        )
    return Invocation(
        name=definition.name, context=variables, call=lambda: definition.run(context, event.input)
    )


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
    assert outcome.result is not None
    return TaskCompleted(
        at=ended_at,
        scheduled_id=event.id,
        result=outcome.result,
        started_at=started_at,
        attempt=event.attempt,
        worker=outcome.worker,
        prints=prints,
    )
