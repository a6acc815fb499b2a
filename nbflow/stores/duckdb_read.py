"""Everything that is asked of the DuckDB tables, as SQL and as records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from nbflow.core.history import HistoryEvent, TaskScheduled
from nbflow.core.operations import DefinitionRecord, InboxRow
from nbflow.core.state import TERMINAL, InstanceRecord, RuntimeStatus
from nbflow.errors import StoreError
from nbflow.ports import InstanceFilter, PendingTask
from nbflow.stores import duckdb_rows as rows
from nbflow.stores import refusals
from nbflow.stores.duckdb_file import DatabaseFile
from nbflow.stores.duckdb_rows import DefinitionKey, Row
from nbflow.stores.seals import Seals

_INSTANCES: Final = ", ".join(rows.INSTANCES)
_INBOX: Final = ", ".join(rows.INBOX)
_DEFINITIONS: Final = ", ".join(rows.DEFINITIONS)
_HISTORY: Final = ", ".join(f"h.{column}" for column in rows.HISTORY)

_TABLES: Final = ("meta", "instances", "history", "inbox", "definitions")
_LAST_LSN: Final = " UNION ALL ".join(f"SELECT max(lsn) FROM {table}" for table in _TABLES)
_LAST_IID: Final = "SELECT max(iid) FROM instances UNION ALL SELECT max(iid) FROM history"
NOT_OVER: Final = f"status NOT IN ({', '.join(repr(status.value) for status in sorted(TERMINAL))})"
PENDING: Final = f"""
    WITH live AS (SELECT iid, execution_id FROM instances WHERE {NOT_OVER}),
    steps AS (
        SELECT h.* FROM history AS h SEMI JOIN live USING (iid, execution_id)
        WHERE h.kind IN ('TaskScheduled', 'TaskCompleted', 'TaskFailed', 'TaskCancelled')
    )
    SELECT {_HISTORY}{{seal}} FROM (FROM steps WHERE kind = 'TaskScheduled') AS h
    ANTI JOIN (FROM steps WHERE kind <> 'TaskScheduled') AS done USING (iid, execution_id, scheduled_id)
    ORDER BY h.iid, h.seq
"""


class Reader:
    """Questions to the tables; each is one statement, fetched whole.

    Args:
        file: The store's file.
        key: Its owner's key; None: the store seals nothing.
    """

    def __init__(self, file: DatabaseFile, key: bytes | None = None) -> None:
        self._file = file
        self._key = key
        self._seals: Seals | None = None

    @property
    def seals(self) -> Seals | None:
        """What seals the rows of the store, once it was opened; None: nothing does."""
        store_id = self._file.store_id
        if self._key is not None and (self._seals is None or self._seals.store_id != store_id):
            self._seals = Seals(self._key, store_id)
        return self._seals

    def last_lsn(self) -> int:
        """The number of the last operation; every commit leaves it in some row."""
        return self._highest(_LAST_LSN)

    def last_iid(self) -> int:
        """The highest instance number in use."""
        return self._highest(_LAST_IID)

    def last_row_id(self) -> int:
        """The highest number in the inbox."""
        return self._highest("SELECT max(row_id) FROM inbox")

    def _highest(self, sql: str) -> int:
        return max(number or 0 for (number,) in self._file.run(sql))

    def ends(self, iids: Iterable[int]) -> dict[tuple[int, str], int]:
        """The last ``seq`` of every execution of these instances."""
        # Spelled out, so that DuckDB skips the blocks that hold none of them.
        spelled = ", ".join(str(int(iid)) for iid in iids)
        found = self._file.run(
            f"SELECT iid, execution_id, max(seq) FROM history WHERE iid IN ({spelled}) GROUP BY iid, execution_id"
        )
        return {(iid, execution_id): seq for iid, execution_id, seq in found}

    def instance_rows(self, instance_ids: Sequence[str]) -> list[Row]:
        """The `rows.INSTANCES` of these instances."""
        if len(instance_ids) == 1:
            return self._file.run(f"SELECT {_INSTANCES} FROM instances WHERE instance_id = ?", instance_ids)
        sql = f"SELECT {_INSTANCES} FROM instances WHERE instance_id IN (SELECT unnest(?))"
        return self._file.run(sql, [list(instance_ids)])

    def list_instances(
        self, where: InstanceFilter, after: str | None, limit: int | None, *, newest_first: bool = False
    ) -> list[InstanceRecord]:
        """Instances that pass the filter, by (created_at, instance_id), behind the one called ``after``."""
        conditions, values = _conditions(where)
        way, behind = (" DESC", "<") if newest_first else ("", ">")
        if after is not None:
            last = self._file.run("SELECT created_at FROM instances WHERE instance_id = ?", [after])
            if not last:
                raise refusals.page_lost(after)
            conditions.append(f"(created_at, instance_id) {behind} (?, ?)")
            values += [last[0][0], after]
        sql = f"SELECT {_INSTANCES} FROM instances{_where(conditions)} ORDER BY created_at{way}, instance_id{way}"
        if limit is not None:
            sql += f" LIMIT {int(limit)}"
        return [rows.to_instance(row) for row in self._file.run(sql, values)]

    def count_by_status(self, where: InstanceFilter | None = None) -> dict[RuntimeStatus, int]:
        """How many instances that pass the filter have each status."""
        conditions, values = _conditions(where) if where is not None else ([], [])
        counts = self._file.run(
            f"SELECT status, count(*) FROM instances{_where(conditions)} GROUP BY status", values
        )
        try:
            return {RuntimeStatus(status): count for status, count in counts}
        except ValueError as error:
            raise StoreError(f"an instance has a status that is none: {error}") from error

    def history(self, iid: int, execution_id: str) -> list[HistoryEvent]:
        """An execution's events in order."""
        found = self._file.run(
            f"SELECT {_HISTORY} FROM history AS h WHERE h.iid = ? AND h.execution_id = ? ORDER BY h.seq",
            [iid, execution_id],
        )
        return [rows.to_event(row) for row in found]

    def histories(self, instance_ids: Sequence[str]) -> dict[str, list[HistoryEvent]]:
        """The events of the present executions of these instances, in order."""
        histories: dict[str, list[HistoryEvent]] = {}
        for row in self.history_rows(instance_ids):
            events = histories.setdefault(row[1], [])
            if row[3] is not None:
                events.append(rows.to_event(row))
        return histories

    def history_rows(self, instance_ids: Sequence[str]) -> list[Row]:
        """The `rows.HISTORY` of the present executions of these instances, in order, with their seals.

        An instance without any history has one row, which has its ID and nothing else.
        """
        places = self._file.run(
            "SELECT iid, execution_id, instance_id FROM instances WHERE instance_id IN (SELECT unnest(?::VARCHAR[]))",
            [list(instance_ids)],
        )
        if not places:
            return []
        # Spelled out, so that DuckDB skips the blocks that hold none of them; a join reads all.
        spelled = ", ".join(str(int(iid)) for iid, _, _ in places)
        present = {(iid, execution_id) for iid, execution_id, _ in places}
        rows_there = self._file.run(
            f"SELECT {_HISTORY}, h.seal FROM history AS h WHERE h.iid IN ({spelled}) "
            "AND h.execution_id IN (SELECT unnest(?::VARCHAR[])) ORDER BY h.iid, h.seq",
            [[execution_id for _, execution_id, _ in places]],
        )
        found = [row for row in rows_there if (row[0], row[2]) in present]
        empty = (None,) * (len(rows.HISTORY) - 2 + 1)
        there = {row[0] for row in found}
        found += [(iid, instance_id, *empty) for iid, _, instance_id in places if iid not in there]
        return found

    def executions(self, iid: int) -> list[str]:
        """The executions of an instance that have a history, oldest first."""
        found = self._file.run(
            "SELECT execution_id FROM history WHERE iid = ? GROUP BY execution_id ORDER BY min(lsn)", [iid]
        )
        return [execution_id for (execution_id,) in found]

    def inbox(self, instance_id: str | None) -> list[InboxRow]:
        """Messages that can be delivered at once, in order."""
        whose, values = ("", []) if instance_id is None else (" AND instance_id = ?", [instance_id])
        return self._messages(f"due IS NULL{whose} ORDER BY row_id", values)

    def inbox_rows(self, row_ids: Iterable[int]) -> list[InboxRow]:
        """Messages by number, as far as they are there."""
        return self._messages("row_id IN (SELECT unnest(?::BIGINT[]))", [list(row_ids)])

    def due(self, until: datetime, after: tuple[datetime, int] | None, limit: int) -> list[InboxRow]:
        """Messages that are due, in the order (due, row_id), behind ``after``."""
        behind, values = _behind(after)
        sql = f"due <= ?{behind} ORDER BY due, row_id LIMIT {int(limit)}"
        return self._messages(sql, [rows.to_utc(until), *values])

    def next_due(self, after: tuple[datetime, int] | None) -> datetime | None:
        """The earliest due time behind ``after``."""
        behind, values = _behind(after)
        ((due,),) = self._file.run(f"SELECT min(due) FROM inbox WHERE due IS NOT NULL{behind}", values)
        return rows.from_utc(due)

    def _messages(self, condition: str, values: Sequence[Any]) -> list[InboxRow]:
        found = self._file.run(f"SELECT {_INBOX} FROM inbox WHERE {condition}", values)
        return [rows.to_inbox(row) for row in found]

    def pending_tasks(self) -> list[PendingTask]:
        """Scheduled attempts of live executions that have no result in history."""
        pending: list[PendingTask] = []
        for row in self._file.run(PENDING.format(seal="")):
            event = rows.to_event(row)
            assert isinstance(event, TaskScheduled)
            pending.append(PendingTask(instance_id=row[1], execution_id=row[2], event=event))
        return pending

    def definition_keys(self) -> tuple[list[DefinitionKey], list[DefinitionKey]]:
        """The keys of all stored code, and of what its owner did not write."""
        keys: list[DefinitionKey] = []
        strange: list[DefinitionKey] = []
        for row in self._file.run(f"SELECT {_DEFINITIONS}, seal FROM definitions"):
            key = (row[0], row[1], row[2], row[3])
            keys.append(key)
            if self.seals is not None and self.seals.flaw("definitions", row[:-1], row[-1]) is not None:
                strange.append(key)
        return keys, strange

    def definitions(self, name: str | None = None) -> list[DefinitionRecord]:
        """Stored versions of code, oldest first."""
        condition, values = ("", []) if name is None else (" WHERE name = ?", [name])
        found = self._file.run(
            f"SELECT {_DEFINITIONS} FROM definitions{condition} ORDER BY created_at, lsn", values
        )
        return [rows.to_definition(row) for row in found]


def _conditions(where: InstanceFilter) -> tuple[list[str], list[Any]]:
    chosen: list[tuple[str, Any]] = []
    if where.statuses:
        chosen.append(("status IN (SELECT unnest(?))", [status.value for status in where.statuses]))
    if where.name is not None:
        chosen.append(("name = ?", where.name))
    if where.id_prefix:
        chosen.append(("starts_with(instance_id, ?)", where.id_prefix))
    if where.created_from is not None:
        chosen.append(("created_at >= ?", rows.to_utc(where.created_from)))
    if where.created_to is not None:
        chosen.append(("created_at < ?", rows.to_utc(where.created_to)))
    if where.parents:
        chosen.append(("parent_instance_id IN (SELECT unnest(?))", list(where.parents)))
    return [condition for condition, _ in chosen], [value for _, value in chosen]


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def _behind(after: tuple[datetime, int] | None) -> tuple[str, list[Any]]:
    if after is None:
        return "", []
    return " AND (due, row_id) > (?, ?)", [rows.to_utc(after[0]), after[1]]
