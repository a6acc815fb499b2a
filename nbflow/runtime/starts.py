"""What a client asks the engine for when a run is to be started."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from concurrent.futures import Future
from contextvars import Context
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nbflow.core.reuse import ReuseIdPolicy
from nbflow.definitions import WorkflowDefinition
from nbflow.engine.starting import StartRequest
from nbflow.errors import DefinitionError, UnknownWorkflowError

if TYPE_CHECKING:
    from nbflow.runtime.runtime import WorkflowRuntime


def start_request(
    definition: WorkflowDefinition[..., Any],
    instance_id: str | None,
    encoded_input: str,
    start_at: datetime | None = None,
    reuse: ReuseIdPolicy | None = None,
    origin: Context | None = None,
) -> StartRequest:
    """A start; a run that gets no ID is given one."""
    return StartRequest(
        definition=definition,
        instance_id=instance_id if instance_id is not None else str(uuid.uuid4()),
        is_fresh=instance_id is None,
        execution_id=uuid.uuid4().hex,
        input=encoded_input,
        start_at=start_at,
        reuse=reuse,
        origin=origin,
    )


def definition_of(
    runtime: WorkflowRuntime, workflow: WorkflowDefinition[..., Any] | str
) -> WorkflowDefinition[..., Any]:
    """The workflow, known to the runtime from now on; or the registered one of that name.

    Raises:
        UnknownWorkflowError: No workflow of that name is registered.
        DefinitionError: It is no workflow.
    """
    if isinstance(workflow, str):
        known = runtime.registry.workflow(workflow)
        if known is None:
            names = ", ".join(runtime.registry.workflow_names()) or "none yet"
            raise UnknownWorkflowError(f"no workflow {workflow!r} is registered; there are: {names}")
        return known
    if not isinstance(workflow, WorkflowDefinition):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise DefinitionError(f"{workflow!r} is no workflow: put @workflow (or %%workflow) on it")
    if runtime.registry.workflow(workflow.name) is not workflow:
        runtime.register(workflow)
    return workflow


def start_all(runtime: WorkflowRuntime, requests: Sequence[StartRequest]) -> None:
    """Start runs and wait until all of them are durable, or it is known why one can't be; the others begin."""
    starts: list[Future[None]] = [Future() for _ in requests]
    engine = runtime.requests

    def begin() -> None:
        for request, done in zip(requests, starts, strict=True):
            engine.start_soon(request, done)

    runtime.post(begin, waits=True)
    for done in starts:
        done.result()


def utc(when: datetime | None) -> datetime | None:
    """That time in UTC; a naive one is UTC."""
    if when is None:
        return None
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
