"""A history that its owner did not write, as it may be looked at: nothing is written, nothing goes on.

The engine reads and writes through `Distrusted` for as long as that is so. Every run that has not ended looks
stalled, since it waits for its owner's word; the rows in the store stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from nbflow.core.history import HistoryEvent
from nbflow.core.operations import DefinitionRecord, InboxRow, Operation, PutDefinition
from nbflow.core.state import InstanceRecord, RuntimeStatus, Stall, StallReason
from nbflow.core.trust import Finding, StoredCode, TrustReport, shown
from nbflow.errors import StoreError, UntrustedError
from nbflow.ports import HistoryStore, InstanceFilter, PendingTask

_MOST_SHOWN: Final = 10
_ACTIVE: Final = tuple(status for status in RuntimeStatus if not status.is_terminal)


def refusal(findings: Sequence[Finding]) -> UntrustedError:
    """Why nothing is done in a history with these rows, and what to type."""
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return UntrustedError(
        f"this history is not trusted, and nothing of it runs: {findings[0]}{more}: `%wf trust`"
    )


class Distrusted:
    """A `HistoryStore` over one that is not trusted.

    Args:
        store: That one; it is open.
        findings: What its owner did not write; at least one row.
    """

    def __init__(self, store: HistoryStore, findings: Sequence[Finding]) -> None:
        self._store = store
        self._findings = findings
        self._of = {found.instance_id: found for found in reversed(findings) if found.instance_id}

    def __getattr__(self, name: str) -> Any:
        """What that store offers beside the port, such as a cursor for SQL that only asks."""
        return getattr(self._store, name)

    def open(self) -> None:
        self._store.open()

    def close(self) -> None:
        self._store.close()

    @property
    def store_id(self) -> str:
        return self._store.store_id

    @property
    def is_quick(self) -> bool:
        return self._store.is_quick

    def commit(self, operations: Sequence[Operation]) -> int:
        """Keep code that its owner runs here; refuse the rest."""
        if all(isinstance(operation, PutDefinition) for operation in operations):
            return self._store.commit(operations)
        raise refusal(self._findings)

    def next_row_id(self) -> int:
        return self._store.next_row_id()

    def get_instance(self, instance_id: str) -> InstanceRecord | None:
        record = self._store.get_instance(instance_id)
        return None if record is None else self._stalled(record)

    def get_instances(self, instance_ids: Sequence[str]) -> dict[str, InstanceRecord]:
        found = self._store.get_instances(instance_ids)
        return {instance_id: self._stalled(record) for instance_id, record in found.items()}

    def list_instances(
        self,
        where: InstanceFilter,
        *,
        after: str | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[InstanceRecord]:
        inner = _as_stored(where)
        if inner is None:
            return []
        found = self._store.list_instances(inner, after=after, limit=limit, newest_first=newest_first)
        return [self._stalled(record) for record in found]

    def count_by_status(self, where: InstanceFilter | None = None) -> dict[RuntimeStatus, int]:
        inner = _as_stored(where or InstanceFilter())
        counts: dict[RuntimeStatus, int] = {}
        for status, count in self._store.count_by_status(inner).items() if inner is not None else ():
            seen = status if status.is_terminal else RuntimeStatus.STALLED
            counts[seen] = counts.get(seen, 0) + count
        return counts

    def read_history(
        self, instance_id: str, execution_id: str | None = None, *, checked: bool = False
    ) -> list[HistoryEvent]:
        if checked:
            raise refusal(self._findings)
        return self._store.read_history(instance_id, execution_id)

    def read_histories(
        self, instance_ids: Sequence[str], *, checked: bool = False
    ) -> dict[str, list[HistoryEvent]]:
        return self._store.read_histories(instance_ids)

    def list_executions(self, instance_id: str) -> list[str]:
        return self._store.list_executions(instance_id)

    def read_inbox(self, instance_id: str | None = None) -> list[InboxRow]:
        return self._store.read_inbox(instance_id)

    def read_due(
        self, until: datetime, *, after: tuple[datetime, int] | None = None, limit: int = 1000
    ) -> list[InboxRow]:
        return self._store.read_due(until, after=after, limit=limit)

    def next_due(self, after: tuple[datetime, int] | None = None) -> datetime | None:
        return self._store.next_due(after)

    def pending_tasks(self) -> list[PendingTask]:
        return self._store.pending_tasks()

    def list_definitions(self, name: str | None = None) -> list[DefinitionRecord]:
        return self._store.list_definitions(name)

    def audit(
        self, *, limit: int = 20, thorough: bool = False, instance_id: str | None = None
    ) -> list[Finding]:
        return self._store.audit(limit=limit, thorough=thorough, instance_id=instance_id)

    def seal_anew(self) -> int:
        return self._store.seal_anew()

    def _stalled(self, record: InstanceRecord) -> InstanceRecord:
        if record.status.is_terminal:
            return record
        found = self._of.get(record.instance_id, self._findings[0])
        message = f"{shown(record.instance_id)} waits until this history is trusted ({found}): `%wf trust`"
        stall = Stall(reason=StallReason.UNTRUSTED, message=message, seq=found.seq)
        return msgspec.structs.replace(record, status=RuntimeStatus.STALLED, stall=stall)


def _as_stored(where: InstanceFilter) -> InstanceFilter | None:
    """The filter whose runs look as the given one wants them; None: there are no such."""
    if not where.statuses:
        return where
    wanted = [status for status in where.statuses if status.is_terminal]
    if RuntimeStatus.STALLED in where.statuses:
        wanted += _ACTIVE
    return msgspec.structs.replace(where, statuses=tuple(wanted)) if wanted else None


def trust_report(store: HistoryStore, *, is_trusted: bool) -> TrustReport:
    """What a store would run, after a look at every row. Read it from the store's thread."""
    findings = store.audit(limit=_MOST_SHOWN + 1, thorough=True)
    try:
        code, messages = _stored_code(store), len(store.read_inbox())
    except StoreError:  # somebody has written a row that can't be read; the finding names it
        code, messages = (), 0
    return TrustReport(
        is_trusted=is_trusted and not findings,
        findings=tuple(findings[:_MOST_SHOWN]),
        has_more=len(findings) > _MOST_SHOWN,
        code=code,
        messages=messages,
    )


def _stored_code(store: HistoryStore) -> tuple[StoredCode, ...]:
    versions: dict[tuple[str, str], int] = {}
    uses: dict[tuple[str, str], int] = {}
    for record in store.list_definitions():
        versions[record.kind, record.name] = versions.get((record.kind, record.name), 0) + 1
    names = [("workflow", record.name) for record in store.list_instances(InstanceFilter(statuses=_ACTIVE))]
    names += [("activity", task.event.name) for task in store.pending_tasks()]
    for name in names:
        uses[name] = uses.get(name, 0) + 1
    return tuple(
        StoredCode(
            kind=kind, name=name, versions=versions.get((kind, name), 0), runs=uses.get((kind, name), 0)
        )
        for kind, name in sorted({*versions, *uses}, key=lambda of: (of[0] != "workflow", of[1]))
    )
