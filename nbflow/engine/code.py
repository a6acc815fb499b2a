"""Which code a run goes on with, and what to say where it isn't there."""

from __future__ import annotations

from nbflow.core.state import InstanceRecord, Stall, StallReason
from nbflow.definitions import Registry
from nbflow.ports import HistoryStore


def missing_workflow(registry: Registry, record: InstanceRecord) -> Stall | None:
    """Why a run's workflow isn't there, or None if it is."""
    if registry.version(record.name, record.definition or None) is not None:
        return None
    if registry.version(record.name) is None:
        message = f"{record.instance_id} waits for code: run the cell that defines `{record.name}`"
    else:
        message = (
            f"{record.instance_id} was started with another version of `{record.name}`: run the cell that "
            f"defines that version, or `%wf resume {record.instance_id}` to go on with the present one"
        )
    return Stall(reason=StallReason.CODE_MISSING, message=message)


def missing_activity(record: InstanceRecord, name: str) -> Stall:
    """Why a run that called an activity without registered code waits."""
    message = f"{record.instance_id} waits for code: run the cell that defines the activity `{name}`"
    return Stall(reason=StallReason.CODE_MISSING, message=message)


def stored_source(store: HistoryStore, record: InstanceRecord) -> str | None:
    """The text of the version that a run goes by, as the store keeps it."""
    for version in store.list_definitions(record.name):
        if version.kind == "workflow" and version.code_hash == record.definition:
            return version.source or None
    return None
