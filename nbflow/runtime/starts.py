"""What a client asks the engine for when a run is to be started."""

from __future__ import annotations

import uuid
from contextvars import Context
from datetime import UTC, datetime
from typing import Any

from nbflow.core.reuse import ReuseIdPolicy
from nbflow.definitions import WorkflowDefinition
from nbflow.engine.starting import StartRequest


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


def utc(when: datetime | None) -> datetime | None:
    """That time in UTC; a naive one is UTC."""
    if when is None:
        return None
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
