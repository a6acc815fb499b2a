"""One run, as its owner holds it: awaitable, and everything that can be done to it."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET

from nbflow.core.failures import full_text
from nbflow.core.history import HistoryEvent
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.errors import (
    FailureDetails,
    WorkflowFailedError,
    WorkflowStalledError,
    WorkflowTerminatedError,
)
from nbflow.runtime.pictures import (
    Picture,
    comparison_picture,
    graph_picture,
    inbox_picture,
    replay_picture,
    timeline_picture,
)
from nbflow.runtime.state import WorkflowState
from nbflow.runtime.waiting import wait_for_all

if TYPE_CHECKING:
    from nbflow.runtime.client import WorkflowClient
    from nbflow.runtime.runtime import WorkflowRuntime

_STEP: Final = 0.2
"""Seconds between looks, so that an interrupt is noticed soon."""


class WorkflowHandle:
    """A run of a workflow: ``await run``, ``run.result()``, and Dapr's calls on it.

    Args:
        client: The client that made it.
        instance_id: The run.
        name: Its workflow.
    """

    def __init__(self, client: WorkflowClient, instance_id: str, name: str) -> None:
        self._client = client
        self.instance_id = instance_id
        self.name = name

    def __repr__(self) -> str:
        return f"<run {self.instance_id} of {self.name}>"

    @property
    def client(self) -> WorkflowClient:
        """The client that made the handle."""
        return self._client

    def state(self) -> WorkflowState:
        """The run's state now; raises InstanceNotFoundError once it is purged."""
        return self._client.get_workflow_state(self.instance_id)

    @property
    def status(self) -> RuntimeStatus:
        """The run's status now; costs the same for a long history as for a short one."""
        return self._client.record(self.instance_id).status

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the run and return its output, by the workflow's annotation.

        Args:
            timeout: Seconds to wait; None: as long as it takes.

        Raises:
            WorkflowFailedError: It failed; the details carry the author's traceback.
            WorkflowTerminatedError: It was terminated.
            WorkflowStalledError: It waits for its owner; says for what.
            TimeoutError: It has not ended in time; it goes on.
        """
        __tracebackhide__ = True
        return self.outcome(self._client.wait(self.instance_id, _has_rested, timeout))

    def __await__(self) -> Generator[Any, None, Any]:
        __tracebackhide__ = True
        return self._wait().__await__()

    async def _wait(self) -> Any:
        __tracebackhide__ = True
        future = self._client.watch(self.instance_id, _has_rested)
        wrapped = asyncio.wrap_future(future)
        try:
            while not wrapped.done():
                await asyncio.wait({wrapped}, timeout=_STEP)  # a step at a time lets Python see signals
        finally:
            wrapped.cancel()
        return self.outcome(wrapped.result())

    def outcome(self, record: InstanceRecord) -> Any:
        """What `result` gives for a run that has come to rest so."""
        __tracebackhide__ = True
        match record.status:
            case RuntimeStatus.COMPLETED:
                return self._client.decode_output(record)
            case RuntimeStatus.FAILED:
                unknown = FailureDetails(type="Exception", message="for an unknown reason")
                failed = WorkflowFailedError(self.instance_id, record.failure or unknown)
                failed.add_note(full_text(failed.details))  # Python prints it; a notebook has its own way
                raise failed
            case RuntimeStatus.TERMINATED:
                raise WorkflowTerminatedError(f"{self.instance_id} was terminated")
            case _:
                reason = record.stall.message if record.stall is not None else "it waits for its owner"
                if record.stall is not None and record.stall.divergence is not None:
                    reason += f"; `%wf show {self.instance_id}` shows both sides"
                raise WorkflowStalledError(f"{self.instance_id} is stalled: {reason}")

    def raise_event(self, name: str, data: Any = None) -> None:
        """Raise an external event at the run; returns once it is durable."""
        self._client.raise_workflow_event(self.instance_id, name, data=data)

    def terminate(self, output: Any = None, recursive: bool = True) -> None:
        """End the run; returns once that is durable."""
        self._client.terminate_workflow(self.instance_id, output=output, recursive=recursive)

    def suspend(self) -> None:
        """Pause the run: what arrives is kept, and nothing advances."""
        self._client.pause_workflow(self.instance_id)

    def resume(self) -> None:
        """Let a paused or stalled run go on."""
        self._client.resume_workflow(self.instance_id)

    def restart(self) -> None:
        """Start the run once more, with the same input and the newest code; it must have ended."""
        self._client.restart_workflow(self.instance_id)

    def rewind(self) -> None:
        """Take the run, which FAILED, back to before its failure: what failed is tried again."""
        self._client.rewind_workflow(self.instance_id)

    def fork(
        self, at: int, *, set: Any = UNSET, id: str | None = None, newest_code: bool = False
    ) -> WorkflowHandle:
        """Start a run that shares this one's history up to an event, and goes on from there by itself.

        Args:
            at: The event, as `history` numbers them.
            set: Another value for that event: a result, an output, a payload.
            id: The new run's ID; made up if not given.
            newest_code: Whether it goes on with the newest code, and not with this run's.
        """
        return self._client.fork_workflow(self.instance_id, at, set=set, id=id, newest_code=newest_code)

    def purge(self, *, recursive: bool = True) -> None:
        """Erase the run and its history, and its descendants; all of them must have ended."""
        self._client.purge_workflow(self.instance_id, recursive=recursive)

    def history(self) -> list[HistoryEvent]:
        """The events of the run's present execution."""
        return self._client.get_workflow_history(self.instance_id)

    # -- pictures ------------------------------------------------------------------------------

    def timeline(self) -> Picture:
        """What has happened, on a time axis: a row per activity, child, timer and event."""
        return timeline_picture(self._client.source(self.instance_id))

    def inbox(self) -> Picture:
        """What the run waits for from outside, how to answer it, and what has come."""
        return inbox_picture(self._client.source(self.instance_id))

    def graph(self) -> Picture:
        """The workflow as a diagram, laid over with this run."""
        return graph_picture(self._client.source(self.instance_id))

    def replay(self, seq: int | None = None) -> Picture:
        """The code at a position of the run's history: its lines, its variables, and why it woke.

        Nothing is done again: the workflow's code runs on what is recorded.

        Args:
            seq: The position, from 0; the last if None.
        """
        return replay_picture(self._client.source(self.instance_id), seq)

    def compare(self, other: WorkflowHandle | str) -> Picture:
        """This run and another one side by side: what they share, where they part, what each did then.

        Args:
            other: The other run, or its ID.
        """
        instance_id = other if isinstance(other, str) else other.instance_id
        return comparison_picture(self._client.snapshot(self.instance_id), self._client.snapshot(instance_id))

    def export(self, path: str | Path, *, code: str | Path | None = None) -> int:
        """Write the run into a file, which is replaced; gives its size in bytes.

        Args:
            path: Its suffix says as what: ``.html`` is a page that any browser opens without a kernel, ``.json``
                everything about the run, ``.parquet`` its history, and ``.py`` a test for pytest.
            code: For a test: the notebook or script that has the workflow, if that isn't known.

        Raises:
            ExportError: The name has another suffix, or its place is none.
            OSError: The file can't be written.
        """
        return self._client.export(self.instance_id, path, code=code)


def _has_rested(record: InstanceRecord) -> bool:
    return record.status.is_terminal or record.status is RuntimeStatus.STALLED


def results_of(runtime: WorkflowRuntime, runs: Sequence[WorkflowHandle], timeout: float | None) -> list[Any]:
    """The outputs of many runs, once all have come to rest; raises what `WorkflowHandle.result` does."""
    __tracebackhide__ = True
    records = wait_for_all(runtime, [run.instance_id for run in runs], _has_rested, timeout)
    return [run.outcome(record) for run, record in zip(runs, records, strict=True)]
