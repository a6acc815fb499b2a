"""Dapr's workflow client over the runtime in this process. Every call is thread-safe."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextvars import Context
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from nbflow.core.going_back import Cut
from nbflow.core.history import HistoryEvent
from nbflow.core.payloads import codec
from nbflow.core.reuse import ReuseIdPolicy
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.definitions import WorkflowDefinition
from nbflow.errors import InstanceStateError
from nbflow.ports import HistoryStore, InstanceFilter
from nbflow.runtime.going_back import GoingBack
from nbflow.runtime.handle import WorkflowHandle, results_of
from nbflow.runtime.purging import Purging
from nbflow.runtime.source import RunSource
from nbflow.runtime.starts import definition_of, start_all, start_request, utc
from nbflow.runtime.state import (
    Statuses,
    WorkflowState,
    decoded_output,
    open_histories,
    open_history,
    statuses_of,
    workflow_state,
)
from nbflow.runtime.waiting import wait, watch

if TYPE_CHECKING:
    from nbflow.runtime.runtime import WorkflowRuntime


class WorkflowClient(Purging):
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
        reuse_id_policy: ReuseIdPolicy | None = None,
    ) -> WorkflowHandle:
        """Start a run; returns once it is durable.

        Args:
            workflow: The workflow, or its registered name.
            input: The value itself for a workflow with one parameter; for one with several, an
                object keyed by parameter name.
            instance_id: The run's ID, 1 to 256 letters, digits, ``_`` and ``-``; made up if None.
            start_at: Not before this time (naive ones are UTC); the run is PENDING until then.
            reuse_id_policy: What to do if the ID is taken. None: the ID of a run that has ended is free,
                that of an active one an error.

        Raises:
            UnknownWorkflowError: No workflow of that name is registered.
            ArgumentsError: The input doesn't fit the workflow's signature.
            PayloadError: The input can't be carried as JSON.
            InvalidInstanceIdError: The ID has other characters.
            InstanceExistsError: The ID belongs to an active run.
        """
        definition = definition_of(self._runtime, workflow)
        return self._start(
            definition, definition.encode_input(input), instance_id, start_at, reuse_id_policy, None
        )

    def start_call(
        self,
        definition: WorkflowDefinition[..., Any],
        encoded_input: str,
        *,
        instance_id: str | None = None,
        start_at: datetime | None = None,
        reuse_id_policy: ReuseIdPolicy | None = None,
        origin: Context | None = None,
    ) -> WorkflowHandle:
        """Start a run whose input is on record form already; ``origin`` is where its prints belong."""
        definition = definition_of(self._runtime, definition)
        return self._start(definition, encoded_input, instance_id, start_at, reuse_id_policy, origin)

    def _start(
        self,
        definition: WorkflowDefinition[..., Any],
        encoded_input: str,
        instance_id: str | None,
        start_at: datetime | None,
        reuse: ReuseIdPolicy | None,
        origin: Context | None,
    ) -> WorkflowHandle:
        request = start_request(definition, instance_id, encoded_input, utc(start_at), reuse, origin)
        start_all(self._runtime, [request])
        return WorkflowHandle(self, request.instance_id, definition.name)

    def schedule_new_workflows(
        self, workflow: WorkflowDefinition[..., Any] | str, inputs: Iterable[Any]
    ) -> list[WorkflowHandle]:
        """Start a run for each of many inputs, under IDs that are made up; returns once all are durable.

        It costs a small part of what as many calls of `schedule_new_workflow` do, as they are written together.

        Raises:
            UnknownWorkflowError, ArgumentsError, PayloadError: As there, before any run has begun.
        """
        definition = definition_of(self._runtime, workflow)
        requests = [start_request(definition, None, definition.encode_input(each)) for each in inputs]
        start_all(self._runtime, requests)
        return [WorkflowHandle(self, request.instance_id, definition.name) for request in requests]

    def results(self, runs: Iterable[WorkflowHandle | str], timeout: float | None = None) -> list[Any]:
        """Wait for many runs, or runs of these IDs, and return their outputs in that order.

        Raises what `WorkflowHandle.result` does, for the first that did not complete.
        """
        __tracebackhide__ = True
        handles = [WorkflowHandle(self, run, "") if isinstance(run, str) else run for run in runs]
        return results_of(self._runtime, handles, timeout)

    def restart_workflow(self, instance_id: str) -> WorkflowHandle:
        """Start a run that has ended once more, with the input of its last execution and the newest code.

        Raises:
            InstanceNotFoundError: There is no such run.
            InstanceStateError: It has not ended.
            UnknownWorkflowError: Its workflow isn't registered.
        """
        name = self._runtime.call(self.restart(instance_id))
        return WorkflowHandle(self, instance_id, name)

    async def restart(self, instance_id: str) -> str:
        """`restart_workflow` on the engine's loop; gives the workflow's name."""
        record = await self._runtime.requests.record(instance_id)
        if not record.status.is_terminal:
            raise InstanceStateError(
                f"{instance_id} is {record.status}: it can be started again once it has ended"
            )
        definition = definition_of(self._runtime, record.name)
        await self._runtime.requests.check_rows(instance_id)
        await self._runtime.requests.start(start_request(definition, instance_id, record.input))
        return record.name

    def rewind_workflow(self, instance_id: str, *, origin: Context | None = None) -> Cut:
        """Take a run that FAILED back to before its failure; gives where to. What failed is tried again.

        That is a new execution under the same ID; the one before stays readable. It goes on with the newest
        code, if that fits what is left of its history, else with its own.

        Raises:
            InstanceStateError: It has not failed, or is a child; GoingBackError where no code fits.
        """
        return GoingBack(self._runtime).rewind(instance_id, origin)

    def fork_workflow(
        self,
        instance_id: str,
        at: int,
        *,
        set: Any = UNSET,
        id: str | None = None,
        newest_code: bool = False,
        origin: Context | None = None,
    ) -> WorkflowHandle:
        """Start a run that shares the history of another up to an event, and goes on from there by itself.

        Args:
            instance_id: The other run, which stays as it is; whatever its status.
            at: The last event of its present execution that is shared.
            set: Another value for that event, which is then delivered anew: a result, an output, a payload.
            id: The new run's ID; made up if not given.
            newest_code: Whether it goes on with the newest code, and not with that of the other run.
            origin: Where its prints belong.

        Raises:
            GoingBackError: It can't be forked there; says why, and where it can.
            PayloadError: The value doesn't fit what it stands in for.
            InstanceExistsError: The ID belongs to an active run.
        """
        new_id, name = GoingBack(self._runtime).fork(instance_id, at, set, id, newest_code, origin)
        return WorkflowHandle(self, new_id, name)

    def handle(self, instance_id: str) -> WorkflowHandle:
        """The handle of a run; raises InstanceNotFoundError."""
        return WorkflowHandle(self, instance_id, self.record(instance_id).name)

    def record(self, instance_id: str) -> InstanceRecord:
        """The row of a run, whatever the length of its history; raises InstanceNotFoundError."""
        return self._runtime.call(self._runtime.requests.record(instance_id))

    def get_workflow_state(self, instance_id: str) -> WorkflowState:
        """The state of a run; raises InstanceNotFoundError."""
        return self._state(self.record(instance_id))

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
            InboxFullError: The run is suspended, say, and has as many messages waiting as it may have.
        """
        payload = codec().encode(data, what=f"the payload of {event_name!r}")
        self.raise_encoded_event(instance_id, event_name, payload).result()

    def raise_encoded_event(self, instance_id: str, event_name: str, payload: str) -> Future[None]:
        """Raise an event whose payload is JSON text; the future ends once it is durable."""
        codec().encode(event_name, what="the event's name")
        codec().decode(payload, what=f"the payload of {event_name!r}")
        return self._runtime.submit(self._runtime.requests.raise_event(instance_id, event_name, payload))

    def terminate_workflow(self, instance_id: str, *, output: Any = None, recursive: bool = True) -> None:
        """End a run; running activities finish and their results are ignored.

        Args:
            instance_id: The run.
            output: What its output is from then on, and that of its descendants.
            recursive: Whether its children are ended too, and theirs.

        Raises:
            InstanceNotFoundError: There is no such run.
        """
        text = codec().encode(output, what="the output")
        self._runtime.call(self._runtime.requests.terminate(instance_id, text, recursive))

    def pause_workflow(self, instance_id: str, *, reason: str = "") -> None:
        """Pause a run: what arrives is kept, and nothing advances."""
        codec().encode(reason, what="the reason")
        self._runtime.call(self._runtime.requests.suspend(instance_id, reason))

    def resume_workflow(self, instance_id: str, *, reason: str = "") -> None:
        """Let a paused run go on; let a stalled one go on with the present code, if it fits its history."""
        codec().encode(reason, what="the reason")
        self._runtime.call(self._runtime.requests.resume(instance_id, reason))

    def list_workflows(
        self,
        *,
        status: Statuses = None,
        name: str | None = None,
        id_prefix: str | None = None,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        parent: str | None = None,
        after: str | None = None,
        limit: int | None = 1000,
    ) -> list[WorkflowState]:
        """Runs, oldest first.

        Args:
            status: Only those with this status, or one of these.
            name: Only those of this workflow.
            id_prefix: Only those whose ID begins so.
            created_from: Not those that were started before; naive times are UTC.
            created_to: Only those that were started before.
            parent: Only the children of this run.
            after: The last instance ID of the page before.
            limit: How many at the most.
        """
        where = InstanceFilter(
            statuses=statuses_of(status),
            name=name,
            id_prefix=id_prefix,
            created_from=utc(created_from),
            created_to=utc(created_to),
            parents=() if parent is None else (parent,),
        )

        def read(store: HistoryStore) -> list[tuple[InstanceRecord, list[HistoryEvent]]]:
            records = store.list_instances(where, after=after, limit=limit)
            return list(zip(records, open_histories(store, records), strict=True))

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

    def source(self, instance_id: str) -> RunSource:
        """A run, for those who draw it."""
        return RunSource(self._runtime, instance_id)

    def export(self, instance_id: str, path: str | Path, *, code: str | Path | None = None) -> int:
        """Write a run into a file, which is replaced; see `WorkflowHandle.export`."""
        from nbflow.runtime.exports.writing import export_run

        return export_run(self._runtime, self.handle(instance_id), self.source(instance_id), path, code)

    def watch(self, instance_id: str, condition: Callable[[InstanceRecord], bool]) -> Future[InstanceRecord]:
        """A future of the run's row once a condition holds, on the engine's thread; to be cancelled if not wanted."""
        return watch(self._runtime, instance_id, condition)

    def wait(
        self, instance_id: str, condition: Callable[[InstanceRecord], bool], timeout: float | None = None
    ) -> InstanceRecord:
        """Wait until a condition holds for a run's row, in steps that an interrupt can come between.

        Raises:
            TimeoutError: It doesn't hold in time (seconds).
        """
        __tracebackhide__ = True
        return wait(self._runtime, instance_id, condition, timeout)

    def decode_output(self, record: InstanceRecord) -> Any:
        """The output of a completed run, by its workflow's annotation where that is known."""
        return decoded_output(self._runtime.registry, record)

    def _state(self, record: InstanceRecord) -> WorkflowState:
        return self._state_of(record, self._runtime.read(lambda store: open_history(store, record)))

    def _state_of(self, record: InstanceRecord, history: list[HistoryEvent]) -> WorkflowState:
        return workflow_state(
            record, history, self._runtime.missing_code(record), is_held=self._runtime.is_held(record)
        )
