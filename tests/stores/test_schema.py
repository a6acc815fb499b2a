"""The tables and views that people query, and how a store of another version is opened."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from nbflow.core import history as h
from nbflow.core import operations as op
from nbflow.core.state import RuntimeStatus
from nbflow.errors import StoreError, StoreVersionError, UnknownHistoryKindError
from nbflow.stores.duckdb import DuckDBStore
from nbflow.stores.duckdb_schema import Schema, Step, current
from tests.stores.conftest import KEY
from tests.stores.samples import (
    FAILURE,
    INTERPRETER,
    NOON,
    append,
    at,
    completed,
    contents,
    message,
    put,
    scheduled,
    timer,
    turn,
)


def select(store: DuckDBStore, sql: str) -> list[dict[str, Any]]:
    cursor = store.cursor()
    rows = cursor.execute(sql).fetchall()
    return [dict(zip([column[0] for column in cursor.description], row, strict=True)) for row in rows]


def started(execution_id: str, generation: int = 0) -> h.ExecutionStarted:
    return h.ExecutionStarted(
        at=at(1), name="fulfil", execution_id=execution_id, input="[1]", definition="d",
        interpreter=INTERPRETER, generation=generation,
    )  # fmt: skip


def test_every_table_view_and_column_says_what_it_is(duck: DuckDBStore) -> None:
    silent = select(
        duck,
        "SELECT table_name AS name, NULL AS col FROM duckdb_tables() WHERE comment IS NULL UNION ALL "
        "SELECT view_name, NULL FROM duckdb_views() WHERE NOT internal AND comment IS NULL UNION ALL "
        "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal AND comment IS NULL",
    )
    assert silent == []


def test_the_documented_columns_are_there(duck: DuckDBStore) -> None:
    select(
        duck,
        "SELECT instance, name, attempt, scheduled_at, started_at, ended_at, duration, status, input, output, error "
        "FROM activities",
    )
    names = select(duck, "SELECT DISTINCT table_name AS name FROM duckdb_columns() WHERE NOT internal")
    assert {row["name"] for row in names} == {
        "meta", "instances", "history", "inbox", "definitions", "runs", "activities", "timers", "events"
    }  # fmt: skip


def test_no_column_needs_pytz(duck: DuckDBStore) -> None:
    assert select(duck, "FROM duckdb_columns() WHERE NOT internal AND data_type LIKE '%ZONE%'") == []
    duck.commit([put("a", created_at=at(0).astimezone(UTC))])
    assert select(duck, "SELECT created_at FROM instances")[0]["created_at"] == NOON.replace(tzinfo=None)


@pytest.mark.semantics(13)
def test_runs(duck: DuckDBStore) -> None:
    failed = h.ExecutionCompleted(at=at(9), status="FAILED", failure=FAILURE)
    duck.commit(
        [
            put("a", "e1"),
            append("a", "e1", started("e1"), turn(), h.ContinuedAsNew(at=at(4), new_input="2")),
            put("a", "e2", generation=1, status=RuntimeStatus.FAILED, input="2"),
            append("a", "e2", started("e2", 1), failed),
            put("b", "e3", status=RuntimeStatus.PENDING),
            put("c", "e4"),
            append("c", "e4", started("e4"), h.ExecutionTerminated(at=at(2), output='"stop"')),
            put("c", "e5"),
            append("c", "e5", started("e5")),
            put("d", "e6", status=RuntimeStatus.COMPLETED),
            append("d", "e6", started("e6"), h.ExecutionCompleted(at=at(3), status="COMPLETED", output="7")),
        ]
    )
    runs = select(duck, "FROM runs")
    assert [
        (r["instance"], r["execution_id"], r["status"], r["is_present"], r["generation"]) for r in runs
    ] == [
        ("a", "e1", "CONTINUED_AS_NEW", False, 0),
        ("a", "e2", "FAILED", True, 1),
        ("b", "e3", "PENDING", True, 0),
        ("c", "e4", "TERMINATED", False, 0),
        ("c", "e5", "RUNNING", True, 0),
        ("d", "e6", "COMPLETED", True, 0),
    ]
    assert [r["output"] for r in runs] == [None, None, None, '"stop"', None, "7"]
    assert [r["events"] for r in runs] == [3, 2, 0, 2, 1, 2]
    assert runs[0]["duration"] == timedelta(seconds=3)
    assert runs[1]["error"] == f"ValueError: {FAILURE.message}"
    assert runs[2]["started_at"] is None


def test_activities(duck: DuckDBStore) -> None:
    wrong = h.TaskFailed(at=at(9), scheduled_id=2, failure=FAILURE, started_at=at(7))
    cancelled = h.TaskCancelled(at=at(9), scheduled_id=3)
    tasks = [scheduled(n, f"task{n}") for n in range(1, 5)]
    duck.commit([put("a"), append("a", "e1", *tasks, completed(1), wrong, cancelled)])
    duck.commit([put("b", status=RuntimeStatus.TERMINATED), append("b", "e1", scheduled(1))])
    found = select(duck, "FROM activities")
    statuses = [(row["instance"], row["name"], row["status"]) for row in found]
    assert statuses == [
        ("a", "task1", "COMPLETED"),
        ("a", "task2", "FAILED"),
        ("a", "task3", "CANCELLED"),
        ("a", "task4", "PENDING"),
        ("b", "charge", "ABANDONED"),
    ]
    assert found[0]["duration"] == timedelta(seconds=1)
    assert (found[0]["input"], found[0]["output"], found[0]["worker"]) == ("[1]", "true", "w1")
    assert found[0]["started_at"] == at(1).replace(tzinfo=None)
    assert found[1]["error"] == f"ValueError: {FAILURE.message}"
    assert select(duck, "SELECT input->>0 AS n FROM activities LIMIT 1") == [{"n": "1"}]


@pytest.mark.semantics(28)
def test_an_attempt_that_ran_out_of_time_is_not_one_that_was_cancelled(duck: DuckDBStore) -> None:
    limits = [h.TimerCreated(at=at(0), id=10 + n, fire_at=at(5), purpose="timeout", for_id=n) for n in (1, 2)]
    retry = h.TimerCreated(at=at(0), id=13, fire_at=at(5), purpose="retry", for_id=2)
    fired = [h.TimerFired(at=at(5), scheduled_id=n, fire_at=at(5)) for n in (11, 13)]
    ended = [h.TaskCancelled(at=at(5), scheduled_id=n) for n in (1, 2)]
    tasks = [scheduled(n) for n in (1, 2)]
    other = [put("b"), append("b", "e1", scheduled(1), h.TaskCancelled(at=at(5), scheduled_id=1))]
    duck.commit([put("a"), append("a", "e1", *tasks, *limits, retry, *fired, *ended), *other])
    statuses = [(row["instance"], row["status"]) for row in select(duck, "FROM activities")]
    assert statuses == [("a", "TIMED_OUT"), ("a", "CANCELLED"), ("b", "CANCELLED")]


def test_timers(duck: DuckDBStore) -> None:
    made = [
        h.TimerCreated(at=at(n), id=n, fire_at=at(60 + n), purpose="retry", for_id=8) for n in range(1, 4)
    ]
    fired = h.TimerFired(at=at(62), scheduled_id=2, fire_at=at(62))
    duck.commit([put("a"), append("a", "e1", *made, fired, h.TimerCancelled(at=at(5), scheduled_id=3))])
    found = select(duck, "FROM timers")
    assert [row["status"] for row in found] == ["WAITING", "FIRED", "CANCELLED"]
    assert found[0] | {"fire_at": None} == found[0] | {"fire_at": None}
    assert (found[1]["fire_at"], found[1]["fired_at"]) == (at(62).replace(tzinfo=None),) * 2
    assert (found[0]["purpose"], found[0]["for_id"], found[2]["fired_at"]) == ("retry", 8, None)
    duck.commit([put("a", status=RuntimeStatus.COMPLETED)])
    assert select(duck, "FROM timers")[0]["status"] == "ABANDONED"


def test_events(duck: DuckDBStore) -> None:
    duck.commit(
        [
            put("a"),
            append(
                "a",
                "e1",
                h.EventWaitCreated(at=at(1), id=1, name="approval", schema='{"type": "object"}'),
                h.EventRaised(at=at(2), name="Approval", payload="3"),
                h.EventRejected(at=at(2), scheduled_id=1, name="approval", reason="not an object"),
                h.EventWaitCancelled(at=at(3), scheduled_id=1),
                h.EventSent(at=at(4), id=2, instance_id="b", name="done", payload="[]"),
            ),
        ]
    )
    found = select(duck, "SELECT name, what, payload, reason, json_schema, target FROM events")
    assert [tuple(row.values()) for row in found] == [
        ("approval", "AWAITED", None, None, '{"type": "object"}', None),
        ("Approval", "RAISED", "3", None, None, None),
        ("approval", "REJECTED", None, "not an object", None, None),
        ("approval", "WAIT_ENDED", None, None, None, None),
        ("done", "SENT", "[]", None, None, "b"),
    ]


@pytest.mark.semantics(44)
def test_a_purge_leaves_no_row_in_any_table(duck: DuckDBStore) -> None:
    gone = op.PurgeInstance(instance_id="a")
    duck.commit([put("a"), append("a", "e1", turn()), put("a", "e2"), timer(1, "a", "e2", 1, 1)])
    duck.commit([append("a", "e2", turn()), message(2, "a"), gone, put("a"), append("a", "e1", turn()), gone])
    for table in ("instances", "history", "inbox"):
        assert select(duck, f"FROM {table}") == []


@pytest.mark.semantics(81)
def test_an_unknown_kind_of_row_is_never_skipped(duck: DuckDBStore) -> None:
    duck.commit([put("a"), append("a", "e1", turn(), turn())])
    duck.cursor().execute("UPDATE history SET kind = 'Teleported' WHERE seq = 2")
    with pytest.raises(UnknownHistoryKindError, match="update nbflow"):
        duck.read_history("a")


def test_what_the_store_is(tmp_path: Path, duck: DuckDBStore) -> None:
    (meta,) = select(duck, "FROM meta")
    assert meta["schema_version"] == current().version == 2
    assert meta["store_id"] == duck.store_id
    assert meta["created_by"]


def migrating_to(version: int, *steps: Step) -> Schema:
    return replace(current(), version=version, steps=steps)


def reopened(path: Path, schema: Schema) -> DuckDBStore:
    store = DuckDBStore(path, schema=schema, key=KEY)
    store.open()
    return store


def test_an_older_store_is_migrated_step_by_step(tmp_path: Path, duck: DuckDBStore) -> None:
    duck.commit([put("a"), append("a", "e1", turn()), timer(1, "a", "e1", 1, 1)])
    before = contents(duck)
    duck.close()
    second = Step(version=3, run=lambda c: c.execute("ALTER TABLE instances ADD COLUMN tag VARCHAR"))
    third = Step(version=4, run=lambda c: c.execute("UPDATE instances SET tag = instance_id || '!'"))
    store = reopened(tmp_path / "history.duckdb", migrating_to(4, second, third))
    assert contents(store) == before
    assert select(store, "SELECT tag FROM instances") == [{"tag": "a!"}]
    assert select(store, "SELECT schema_version FROM meta") == [{"schema_version": 4}]
    store.close()
    # Steps that were taken are not taken again.
    fourth = Step(version=5, run=lambda c: c.execute("UPDATE instances SET tag = tag || '?'"))
    store = reopened(tmp_path / "history.duckdb", migrating_to(5, second, third, fourth))
    assert select(store, "SELECT tag FROM instances") == [{"tag": "a!?"}]
    store.close()


def test_a_store_of_version_1_learns_where_runs_come_from(tmp_path: Path, duck: DuckDBStore) -> None:
    duck.commit([put("a"), append("a", "e1", turn())])
    before = contents(duck)
    duck.cursor().execute("ALTER TABLE instances DROP COLUMN origin")
    duck.cursor().execute("UPDATE meta SET schema_version = 1")
    duck.close()
    store = reopened(tmp_path / "history.duckdb", current())
    assert contents(store) == before
    origin = h.Origin(reason="fork", instance_id="a", execution_id="e1", seq=1)
    store.commit([put("b", origin=origin)])
    assert [store.get_instance(each).origin for each in "ab"] == [None, origin]  # pyright: ignore[reportOptionalMemberAccess]
    assert select(store, "SELECT origin->>'instance_id' AS of FROM instances ORDER BY instance_id") == [
        {"of": None}, {"of": "a"}
    ]  # fmt: skip
    store.close()


@pytest.mark.parametrize("kind", [duckdb.Error, ValueError, KeyboardInterrupt])
def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, duck: DuckDBStore, kind: type[BaseException]
) -> None:
    duck.commit([put("a")])
    before = contents(duck)
    duck.close()
    path = tmp_path / "history.duckdb"
    content = path.read_bytes()

    def fails(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute("DROP TABLE instances")
        raise kind("a bug")

    second = Step(version=3, run=lambda c: c.execute("ALTER TABLE inbox ADD COLUMN tag VARCHAR"))
    store = DuckDBStore(path, schema=migrating_to(4, second, Step(version=4, run=fails)))
    if kind is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt):
            store.open()
    else:
        words = "could not be migrated from version 2 to 4 and is as it was: a bug"
        with pytest.raises(StoreError, match=words) as caught:
            store.open()
        assert isinstance(caught.value.__cause__, kind)
    assert [file.name for file in tmp_path.iterdir()] == ["history.duckdb"]
    assert path.read_bytes() == content
    duck.open()
    assert contents(duck) == before


def test_a_newer_store_is_refused(tmp_path: Path, duck: DuckDBStore) -> None:
    duck.close()
    path = tmp_path / "history.duckdb"
    reopened(path, migrating_to(7)).close()
    content = path.read_bytes()
    with pytest.raises(StoreVersionError) as caught:
        duck.open()
    assert str(caught.value) == (
        f"{path} has the tables of a newer nbflow (version 7, this one knows 2): "
        "update nbflow (`%pip install -U nbflow`), or `%wf db other.duckdb`"
    )
    assert path.read_bytes() == content
