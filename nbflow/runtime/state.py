"""What a client is told of a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from nbflow.core.history import HistoryEvent, Origin
from nbflow.core.payloads import codec
from nbflow.core.state import InstanceRecord, RuntimeStatus, Stall
from nbflow.definitions import Registry
from nbflow.errors import FailureDetails, UnknownHistoryKindError
from nbflow.ports import HistoryStore
from nbflow.views.instances.wants import WantFold, wants

Statuses: TypeAlias = RuntimeStatus | str | Iterable[RuntimeStatus | str] | None
"""One status, several, or any."""


class WorkflowState(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a run (Dapr's ``WorkflowState``, and what it waits for).

    Attributes:
        instance_id: The run.
        name: Its workflow.
        runtime_status: Its status.
        created_at: When it was scheduled, aware UTC.
        last_updated_at: When something last happened to it, aware UTC.
        input: The input, as plain JSON values.
        output: The output, as plain JSON values; None until there is one.
        custom_status: What the workflow published last.
        failure_details: How it failed; None if it didn't.
        stall: Why it waits for its owner; None if it doesn't.
        generation: How often it has continued as new.
        origin: Which run it was forked from, or what its last rewind left; None if it began at the beginning.
        waits_for: What it waits for, in words: ``("event 'approval'", "timer until 2026-12-24 18:00:00 UTC")``.
    """

    instance_id: str
    name: str
    runtime_status: RuntimeStatus
    created_at: datetime
    last_updated_at: datetime
    input: Any
    output: Any = None
    custom_status: Any = None
    failure_details: FailureDetails | None = None
    stall: Stall | None = None
    generation: int = 0
    origin: Origin | None = None
    waits_for: tuple[str, ...] = ()


def workflow_state(
    record: InstanceRecord,
    history: Sequence[HistoryEvent],
    missing_code: Sequence[str],
    *,
    is_held: bool = False,
) -> WorkflowState:
    """Make the state of a run from its row, its history, and what keeps it from going on."""
    found = wants(record, WantFold.of(history), missing_code=missing_code, is_held=is_held)
    return WorkflowState(
        instance_id=record.instance_id,
        name=record.name,
        runtime_status=record.status,
        created_at=record.created_at,
        last_updated_at=record.last_updated_at,
        input=_plain(record.input),
        output=_plain(record.output),
        custom_status=_plain(record.custom_status),
        failure_details=record.failure,
        stall=record.stall,
        generation=record.generation,
        origin=record.origin,
        waits_for=tuple(map(str, found)),
    )


def statuses_of(given: Statuses) -> tuple[RuntimeStatus, ...]:
    """The statuses that a caller names; none if any will do."""
    if given is None:
        return ()
    return tuple(RuntimeStatus(each.upper()) for each in ([given] if isinstance(given, str) else given))


def open_history(store: HistoryStore, record: InstanceRecord) -> list[HistoryEvent]:
    """The history of a run that has not ended, to tell what it waits for; empty if nobody here can read it."""
    if record.status.is_terminal:
        return []
    try:
        return store.read_history(record.instance_id, record.execution_id)
    except UnknownHistoryKindError:
        return []  # the run is stalled, and its row says why


def open_histories(store: HistoryStore, records: Sequence[InstanceRecord]) -> list[list[HistoryEvent]]:
    """The same for many runs, by a single look where all can be read."""
    names = [record.instance_id for record in records if not record.status.is_terminal]
    try:
        found = store.read_histories(names) if names else {}
    except UnknownHistoryKindError:
        return [open_history(store, record) for record in records]
    return [found.get(record.instance_id, []) for record in records]


def decoded_output(registry: Registry, record: InstanceRecord) -> Any:
    """The output of a completed run, by its workflow's annotation where that is known."""
    text = record.output if record.output is not None else "null"
    definition = registry.workflow(record.name, record.definition)
    if definition is None:
        return codec().decode(text, what="the output")
    return definition.decode_result(text)


def _plain(text: str | None) -> Any:
    return None if text is None else codec().decode(text, what="a recorded value")
