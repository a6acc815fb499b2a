"""Dapr's workflow client over the runtime in this process. Every call is thread-safe."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextvars import Context
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from nbflow.core.history import HistoryEvent
from nbflow.core.payloads import codec
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.definitions import WorkflowDefinition
from nbflow.engine.requests import StartRequest
from nbflow.errors import DefinitionError, UnknownHistoryKindError, UnknownWorkflowError
from nbflow.ports import HistoryStore, InstanceFilter
from nbflow.runtime.handle import WorkflowHandle
from nbflow.runtime.state import WorkflowState, workflow_state

if TYPE_CHECKING:
    from nbflow.runtime.runtime import WorkflowRuntime

_STEP: Final = 0.2
"""Seconds between looks, so that an interrupt is noticed soon."""


class WorkflowClient:
    """Starts, watches and steers runs.

    Args:
        runtime: The runtime whose client it is.
    """

    def __init__(self, runtime: WorkflowRuntime) -> None:
        self._runtime = runtime

    def schedule_new_workflow(
        self,
        workflow: WorkflowDefinition[..., Any] | str,
        *,
        input: Any = None,
        instance_id: str | None = None,
        start_at: datetime | None = None,
    ) -> WorkflowHandle:
        """Start a run; returns once it is durable.

        Args:
            workflow: The workflow, or its registered name.
            input: The value itself for a workflow with one parameter; for one with several, an
                object keyed by parameter name.
            instance_id: The run's ID, 1 to 256 letters, digits, ``_`` and ``-``; made up if None.
            start_at: Not before this time (naive ones are UTC); the run is PENDING until then.

        Raises:
            UnknownWorkflowError: No workflow of that name is registered.
            ArgumentsError: The input doesn't fit the workflow's signature.
            PayloadError: The input can't be carried as JSON.
            InvalidInstanceIdError: The ID has other characters.
            InstanceExistsError: The ID belongs to an active run.
        """
        definition = self._definition(workflow)
        return self._start(definition, definition.encode_input(input), instance_id, start_at, None)

    def start_call(
        self,
        definition: WorkflowDefinition[..., Any],
        encoded_input: str,
        *,
        instance_id: str | None = None,
        start_at: datetime | None = None,
        origin: Context | None = None,
    ) -> WorkflowHandle:
        """Start a run whose input is on record form already; ``origin`` is where its prints belong."""
        return self._start(self._definition(definition), encoded_input, instance_id, start_at, origin)

    def _start(
        self,
        definition: WorkflowDefinition[..., Any],
        encoded_input: str,
        instance_id: str | None,
        start_at: datetime | None,
        origin: Context | None,
    ) -> WorkflowHandle:
        if start_at is not None:
            start_at = start_at.replace(tzinfo=UTC) if start_at.tzinfo is None else start_at.astimezone(UTC)
        request = StartRequest(
            definition=definition,
            instance_id=instance_id if instance_id is not None else str(uuid.uuid4()),
            is_fresh=instance_id is None,
            execution_id=uuid.uuid4().hex,
            input=encoded_input,
            start_at=start_at,
            interpreter=self._runtime.interpreter,
            origin=origin,
        )
        self._runtime.call(self._runtime.requests.start(request))
        return WorkflowHandle(self, request.instance_id, definition.name)

    def _definition(self, workflow: WorkflowDefinition[..., Any] | str) -> WorkflowDefinition[..., Any]:
        if isinstance(workflow, str):
            known = self._runtime.registry.workflow(workflow)
            if known is None:
                names = ", ".join(self._runtime.registry.workflow_names()) or "none yet"
                raise UnknownWorkflowError(f"no workflow {workflow!r} is registered; there are: {names}")
            return known
        if not isinstance(workflow, WorkflowDefinition):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise DefinitionError(f"{workflow!r} is no workflow: put @workflow (or %%workflow) on it")
        if self._runtime.registry.workflow(workflow.name) is not workflow:
            self._runtime.register(workflow)
        return workflow

    def handle(self, instance_id: str) -> WorkflowHandle:
        """The handle of a run; raises InstanceNotFoundError."""
        record = self._runtime.call(self._runtime.requests.record(instance_id))
        return WorkflowHandle(self, instance_id, record.name)

    def get_workflow_state(self, instance_id: str) -> WorkflowState:
        """The state of a run; raises InstanceNotFoundError."""
        record = self._runtime.call(self._runtime.requests.record(instance_id))
        return self._state(record)

    def wait_for_workflow_start(self, instance_id: str, timeout: float | None = None) -> WorkflowState:
        """Wait until a run is no longer PENDING; raises TimeoutError."""
        return self._state(self.wait(instance_id, lambda r: r.status is not RuntimeStatus.PENDING, timeout))

    def wait_for_workflow_completion(self, instance_id: str, timeout: float | None = None) -> WorkflowState:
        """Wait until a run is COMPLETED, FAILED or TERMINATED; raises TimeoutError."""
        return self._state(self.wait(instance_id, lambda r: r.status.is_terminal, timeout))

    def raise_workflow_event(self, instance_id: str, event_name: str, *, data: Any = None) -> None:
        """Raise an external event; returns once it is durable.

        Raises:
            InstanceNotFoundError: There is no such run.
            PayloadError: The data can't be carried as JSON.
            EventRejectedError: The data doesn't fit what the workflow waits for.
        """
        payload = codec().encode(data, what=f"the payload of {event_name!r}")
        self.raise_encoded_event(instance_id, event_name, payload).result()

    def raise_encoded_event(self, instance_id: str, event_name: str, payload: str) -> Future[None]:
        """Raise an event whose payload is JSON text; the future ends once it is durable."""
        codec().decode(payload, what=f"the payload of {event_name!r}")
        return self._runtime.submit(self._runtime.requests.raise_event(instance_id, event_name, payload))

    def terminate_workflow(self, instance_id: str, *, output: Any = None, recursive: bool = True) -> None:
        """End a run; running activities finish and their results are ignored."""
        text = codec().encode(output, what="the output")
        self._runtime.call(self._runtime.requests.terminate(instance_id, text, recursive))

    def pause_workflow(self, instance_id: str, *, reason: str = "") -> None:
        """Pause a run: what arrives is kept, and nothing advances."""
        self._runtime.call(self._runtime.requests.suspend(instance_id, reason))

    def resume_workflow(self, instance_id: str, *, reason: str = "") -> None:
        """Let a paused run go on; let a stalled one go on with the present code, if it fits its history."""
        self._runtime.call(self._runtime.requests.resume(instance_id, reason))

    def purge_workflow(self, instance_id: str) -> None:
        """Erase a run that has ended, with its history."""
        self._runtime.call(self._runtime.requests.purge(instance_id))

    def list_workflows(
        self,
        *,
        status: RuntimeStatus | str | None = None,
        name: str | None = None,
        after: str | None = None,
        limit: int | None = 1000,
    ) -> list[WorkflowState]:
        """Runs, oldest first.

        Args:
            status: Only those with this status.
            name: Only those of this workflow.
            after: The last instance ID of the page before.
            limit: How many at the most.
        """
        statuses = () if status is None else (RuntimeStatus(status),)
        where = InstanceFilter(statuses=statuses, name=name)

        def read(store: HistoryStore) -> list[tuple[InstanceRecord, list[HistoryEvent]]]:
            records = store.list_instances(where, after=after, limit=limit)
            return [(record, _open_history(store, record)) for record in records]

        rows = self._runtime.read(read)
        return [self._state_of(record, history) for record, history in rows]

    def get_workflow_history(self, instance_id: str) -> list[HistoryEvent]:
        """The events of a run's present execution; raises InstanceNotFoundError."""
        return self.snapshot(instance_id)[1]

    def snapshot(self, instance_id: str) -> tuple[InstanceRecord, list[HistoryEvent]]:
        """The row and the history of a run, from one moment; raises InstanceNotFoundError."""
        self._runtime.call(self._runtime.requests.record(instance_id))

        def read(store: HistoryStore) -> tuple[InstanceRecord | None, list[HistoryEvent]]:
            return store.get_instance(instance_id), store.read_history(instance_id)

        record, history = self._runtime.read(read)
        if record is None:
            record = self._runtime.call(self._runtime.requests.record(instance_id))
        return record, history

    def watch(self, instance_id: str, condition: Callable[[InstanceRecord], bool]) -> Future[InstanceRecord]:
        """A future of the run's row once a condition holds; the condition runs on the engine's thread.

        Cancel it when it is not wanted any more.
        """
        future: Future[InstanceRecord] = Future()
        self._runtime.call(self._runtime.requests.watch(instance_id, condition, future))
        return future

    def wait(
        self, instance_id: str, condition: Callable[[InstanceRecord], bool], timeout: float | None = None
    ) -> InstanceRecord:
        """Wait until a condition holds for a run's row, in steps that an interrupt can come between.

        Raises:
            TimeoutError: It doesn't hold in time (seconds).
        """
        __tracebackhide__ = True
        future = self.watch(instance_id, condition)
        end = None if timeout is None else time.monotonic() + timeout
        try:
            while not future.done():
                left = _STEP if end is None else min(_STEP, end - time.monotonic())
                if left <= 0:
                    raise TimeoutError(f"{instance_id} has not come so far within {timeout:g} s; it goes on")
                wait([future], left)
        finally:
            future.cancel()
        return future.result()

    def decode_output(self, record: InstanceRecord) -> Any:
        """The output of a completed run, by its workflow's annotation where that is known."""
        text = record.output if record.output is not None else "null"
        definition = self._runtime.registry.workflow(record.name, record.definition)
        if definition is None:
            return codec().decode(text, what="the output")
        return definition.decode_result(text)

    def _state(self, record: InstanceRecord) -> WorkflowState:
        return self._state_of(record, self._runtime.read(lambda store: _open_history(store, record)))

    def _state_of(self, record: InstanceRecord, history: list[HistoryEvent]) -> WorkflowState:
        return workflow_state(record, history, self._runtime.missing_code(record))


def _open_history(store: HistoryStore, record: InstanceRecord) -> list[HistoryEvent]:
    """The history of a run that has not ended, to tell what it waits for; empty if nobody here can read it."""
    if record.status.is_terminal:
        return []
    try:
        return store.read_history(record.instance_id, record.execution_id)
    except UnknownHistoryKindError:
        return []  # the run is stalled, and its row says why
