"""The versions of workflows that a store keeps, and the runs that have each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from nbflow.core.operations import DefinitionRecord
from nbflow.core.state import InstanceRecord
from nbflow.ports import HistoryStore, InstanceFilter

if TYPE_CHECKING:
    from nbflow.runtime.runtime import WorkflowRuntime


class StoredVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a workflow's code.

    Attributes:
        name: The workflow.
        code_hash: What tells versions apart: comments and layout don't count, and what the code uses does.
        version: Its author's name for it.
        created_at: When it was first registered.
        in_flight: Runs that have it and have not ended.
        ended: Runs that had it.
        is_newest: Whether new runs take it.
        is_kept: Whether it comes back without its cell.
        source: The text that it was registered with last.
    """

    name: str
    code_hash: str
    version: str | None
    created_at: datetime
    in_flight: int
    ended: int
    is_newest: bool
    is_kept: bool
    source: str


def versions_of(runtime: WorkflowRuntime, name: str) -> list[StoredVersion]:
    """The versions of a workflow, oldest first."""
    newest = runtime.registry.newest_hash("workflow", name)

    def read(store: HistoryStore) -> tuple[list[DefinitionRecord], list[InstanceRecord]]:
        kept = [record for record in store.list_definitions(name) if record.kind == "workflow"]
        return kept, store.list_instances(InstanceFilter(name=name))

    kept, runs = runtime.read(read)
    return _versions(runtime, kept, runs, newest)


def _versions(
    runtime: WorkflowRuntime,
    kept: Sequence[DefinitionRecord],
    runs: Sequence[InstanceRecord],
    newest: str | None,
) -> list[StoredVersion]:
    active = Counter(run.definition for run in runs if not run.status.is_terminal)
    ended = Counter(run.definition for run in runs if run.status.is_terminal)
    found: dict[str, StoredVersion] = {}
    for record in kept:
        before = found.get(record.code_hash)
        version = runtime.registry.version(record.name, record.code_hash)
        pin = version.pin if version is not None else None
        found[record.code_hash] = StoredVersion(
            name=record.name,
            code_hash=record.code_hash,
            version=pin.version if pin is not None else None,
            created_at=before.created_at if before is not None else record.created_at,
            in_flight=active[record.code_hash],
            ended=ended[record.code_hash],
            is_newest=record.code_hash == newest,
            is_kept=bool(record.pin),
            source=record.source,
        )
    return list(found.values())
