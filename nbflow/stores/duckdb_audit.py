"""Looking for rows that their owner did not write, and sealing them once their owner says that they are theirs.

What is looked at when a store is opened is what an engine acts upon without another look: code, messages,
instances that go on, attempts that are under way. A history is checked when it is read for a replay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, TypeAlias

from nbflow.core.history import HistoryEvent
from nbflow.core.trust import Finding, Flaw, Table, shown
from nbflow.errors import UntrustedError
from nbflow.stores import duckdb_rows as rows
from nbflow.stores.duckdb_file import DatabaseFile
from nbflow.stores.duckdb_read import NOT_OVER, PENDING, Reader
from nbflow.stores.duckdb_rows import Row
from nbflow.stores.seals import Seals

COLUMNS: Final[dict[Table, tuple[str, ...]]] = {
    "definitions": rows.DEFINITIONS,
    "instances": rows.INSTANCES,
    "inbox": rows.INBOX,
    "history": rows.HISTORY,
}

_PAGE: Final = 20_000
_GOING_ON: Final = f"""({NOT_OVER} OR NOT EXISTS (
    FROM history AS h WHERE h.iid = t.iid AND h.execution_id = t.execution_id
    AND h.kind IN ('ExecutionCompleted', 'ExecutionTerminated')
))"""
"""Also an instance that has ended, as far as its row goes, and whose history knows nothing of it."""
_GAPS: Final = """
    SELECT instance_id FROM history AS t WHERE {condition} GROUP BY iid, instance_id, execution_id
    HAVING min(seq) <> 1 OR max(seq) <> count(*)
"""
_Strange: TypeAlias = tuple[Row, Flaw]


class Auditor:
    """Checks seals, and writes them anew.

    Args:
        file: The store's file.
        reader: Has the seals; a store that writes none has nothing to find.
    """

    def __init__(self, file: DatabaseFile, reader: Reader) -> None:
        self._file = file
        self._reader = reader

    def findings(self, limit: int, *, thorough: bool, instance_id: str | None) -> list[Finding]:
        """The first rows that their owner did not write; code comes first, and whole."""
        seals = self._reader.seals
        if seals is None:
            return []
        if instance_id is not None:
            return list(islice(self._of_instance(seals, instance_id), limit))
        code = [_finding("definitions", *strange) for strange in self._strange(seals, "definitions")]
        return [*code, *islice(self._others(seals, thorough), max(limit - len(code), 1))]

    def _others(self, seals: Seals, thorough: bool) -> Iterator[Finding]:
        for table in ("instances", "inbox", "history") if thorough else ("instances", "inbox"):
            condition = _GOING_ON if table == "instances" and not thorough else "true"
            yield from (_finding(table, *strange) for strange in self._strange(seals, table, condition))
        if thorough:
            yield from self._gaps("true")
        else:
            pending = self._file.run(PENDING.format(seal=", h.seal"))
            yield from (_finding("history", *strange) for strange in _flawed(seals, "history", pending))

    def _of_instance(self, seals: Seals, instance_id: str) -> Iterator[Finding]:
        for table in ("instances", "inbox", "history"):
            found = self._strange(seals, table, "t.instance_id = ?", [instance_id])
            yield from (_finding(table, *strange) for strange in found)
        yield from self._gaps("t.instance_id = ?", [instance_id])

    def history(self, iid: int, execution_id: str) -> list[HistoryEvent]:
        """An execution's events in order.

        Raises:
            UntrustedError: Its owner did not write one of them, or one is missing.
            UnknownHistoryKindError: A row was written by a newer nbflow.
        """
        seals = self._reader.seals
        if seals is None:
            return self._reader.history(iid, execution_id)
        found = self._file.run(
            f"SELECT {', '.join(rows.HISTORY)}, seal FROM history WHERE iid = ? AND execution_id = ? ORDER BY seq",
            [iid, execution_id],
        )
        for row, flaw in _flawed(seals, "history", found):
            raise _untrusted(_finding("history", row, flaw))
        for number, row in enumerate(found, 1):
            if row[3] != number:
                raise _untrusted(_missing(row[1], number))
        return [rows.to_event(row) for row in found]

    def histories(self, instance_ids: Sequence[str]) -> dict[str, list[HistoryEvent]]:
        """The events of the present executions of several instances, in order.

        Raises:
            UntrustedError: Their owner did not write one of them, or one is missing.
            UnknownHistoryKindError: A row was written by a newer nbflow.
        """
        seals = self._reader.seals
        if seals is None:
            return self._reader.histories(instance_ids)
        histories: dict[str, list[HistoryEvent]] = {}
        for row in self._reader.history_rows(instance_ids):
            events = histories.setdefault(row[1], [])
            if row[3] is None:
                continue
            flaw = seals.flaw("history", row[:-1], row[-1])
            if flaw is not None:
                raise _untrusted(_finding("history", row[:-1], flaw))
            if row[3] != len(events) + 1:
                raise _untrusted(_missing(row[1], len(events) + 1))
            events.append(rows.to_event(row[:-1]))
        return histories

    def seal_anew(self) -> int:
        """Seal every row that isn't sealed by its owner; gives how many those were."""
        seals = self._reader.seals
        if seals is None:
            return 0
        count = 0
        with self._file.transaction() as connection:
            for table in COLUMNS:
                connection.execute("CREATE OR REPLACE TEMP TABLE resealed (place BIGINT, seal BLOB)")
                with connection.appender("resealed") as appender:
                    for page in self._pages(table, "true", []):
                        strange = [row for row in page if seals.flaw(table, row[1:-1], row[-1]) is not None]
                        count += len(strange)
                        sealed = seals.sealed(table, (row[1:-1] for row in strange))
                        appender.append_rows(
                            (row[0], own[-1]) for row, own in zip(strange, sealed, strict=True)
                        )
                connection.execute(
                    f"UPDATE {table} SET seal = r.seal FROM resealed AS r WHERE {table}.rowid = r.place"
                )
            connection.execute("DROP TABLE resealed")
        return count

    def _strange(
        self, seals: Seals, table: Table, condition: str = "true", values: Sequence[Any] = ()
    ) -> Iterator[_Strange]:
        for page in self._pages(table, condition, values):
            yield from _flawed(seals, table, [row[1:] for row in page])

    def _pages(self, table: Table, condition: str, values: Sequence[Any]) -> Iterator[list[Row]]:
        """The rows with their places before them and their seals behind them, some at a time."""
        columns = ", ".join(f"t.{column}" for column in COLUMNS[table])
        ((last,),) = self._file.run(f"SELECT max(rowid) FROM {table}")
        for start in range(0, (last if last is not None else -1) + 1, _PAGE):
            place = f"t.rowid >= {start} AND t.rowid < {start + _PAGE}"
            yield self._file.run(
                f"SELECT t.rowid, {columns}, t.seal FROM {table} AS t WHERE {place} AND {condition} ORDER BY t.rowid",
                values,
            )

    def _gaps(self, condition: str, values: Sequence[Any] = ()) -> Iterator[Finding]:
        for (instance_id,) in self._file.run(_GAPS.format(condition=condition), values):
            yield _missing(instance_id)


def _flawed(seals: Seals, table: Table, found: Iterable[Row]) -> Iterator[_Strange]:
    for row in found:
        flaw = seals.flaw(table, row[:-1], row[-1])
        if flaw is not None:
            yield row[:-1], flaw


def _untrusted(finding: Finding) -> UntrustedError:
    return UntrustedError(f"{finding}: see what it would run with `%wf trust`", finding.seq)


def _missing(instance_id: str, seq: int | None = None) -> Finding:
    what = "one of its events" if seq is None else f"event {seq}"
    return Finding(table="history", flaw=Flaw.MISSING, what=what, instance_id=instance_id, seq=seq)


def _finding(table: Table, row: Row, flaw: Flaw) -> Finding:
    named = dict(zip(COLUMNS[table], row, strict=True))
    if table == "definitions":
        kind, name = str(named["kind"]), str(named["name"])
        return Finding(table=table, flaw=flaw, what=f"the source of {shown(name)}", code=(kind, name))
    instance_id = str(named["instance_id"])
    if table == "instances":
        return Finding(table=table, flaw=flaw, what="its name, input or status", instance_id=instance_id)
    about = _event(str(named["kind"]), named["name"])
    if table == "inbox":
        return Finding(table=table, flaw=flaw, what=f"{about} in its inbox", instance_id=instance_id)
    seq = named["seq"]
    return Finding(table=table, flaw=flaw, what=f"{about}, event {seq},", instance_id=instance_id, seq=seq)


def _event(kind: str, name: str | None) -> str:
    """A row of history or inbox in words, by what somebody might change in it."""
    match kind:
        case "TaskScheduled":
            return f"the input of {shown(str(name))}"
        case "ExecutionStarted":
            return "the input"
        case "TaskCompleted" | "ChildWorkflowCompleted":
            return "a result"
        case "TaskFailed" | "ChildWorkflowFailed":
            return "a failure"
        case "EventRaised":
            return f"the event {shown(str(name))!r}"
        case "TimerFired" | "TimerCreated":
            return "a timer"
        case _:
            return shown(kind)
