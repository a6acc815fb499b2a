"""A row that its owner did not write is found, whatever was done to it and wherever it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbflow.core.state import RuntimeStatus
from nbflow.errors import UntrustedError
from nbflow.stores.duckdb import DuckDBStore
from nbflow.stores.duckdb_audit import COLUMNS
from nbflow.stores.seals import Seals
from tests.stores.conftest import KEY
from tests.stores.samples import (
    EVERY_EVENT,
    append,
    at,
    completed,
    definition,
    message,
    put,
    scheduled,
    timer,
    turn,
)

NOBODYS = bytes(reversed(KEY))


def store_in(path: Path, key: bytes | None = KEY) -> DuckDBStore:
    store = DuckDBStore(path, key=key)
    store.open()
    return store


def fill(store: DuckDBStore) -> None:
    """One row of everything, and more than one where a row could stand in for another."""
    store.commit([definition(), definition(source_hash="s2"), definition("ship")])
    store.commit(
        [
            put("order-1", input='{"sku": "tea"}'),
            append("order-1", "e1", turn(), scheduled(1), scheduled(2), completed(1)),
            message(1, "order-1"),
            timer(2, "order-1", "e1", 3, 60),
        ]
    )
    store.commit([put("order-2", "e2"), append("order-2", "e2", turn(), scheduled(1)), message(3, "order-2")])
    store.commit([put("order-3", "e3"), append("order-3", "e3", turn())])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    store = store_in(tmp_path / "history.duckdb")
    fill(store)
    store.close()
    return tmp_path / "history.duckdb"


def alter(path: Path, *statements: str) -> None:
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def found_in(path: Path, key: bytes | None = KEY, **how: Any) -> list[str]:
    store = store_in(path, key)
    try:
        return [str(found) for found in store.audit(**how)]
    finally:
        store.close()


@pytest.mark.semantics(80)
def test_s80_what_its_owner_wrote_is_found_to_be_so(path: Path, tmp_path: Path) -> None:
    assert found_in(path) == found_in(path, thorough=True) == found_in(path, instance_id="order-1") == []
    store = store_in(path)
    store.commit([put("order-1", status=RuntimeStatus.SUSPENDED), put("order-2", "e2", output="1")])
    store.commit([put("order-3", "e4", status=RuntimeStatus.COMPLETED, generation=1)])
    store.export_to(tmp_path / "copy.duckdb")
    store.close()
    assert found_in(path, thorough=True) == found_in(tmp_path / "copy.duckdb", thorough=True) == []


@pytest.mark.semantics(80)
@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE history SET payload = '[9]' WHERE seq = 3", "order-1: the input of charge, event 3, was altered"),
        ("UPDATE inbox SET payload = '9' WHERE row_id = 1", "order-1: the event 'approval' in its inbox was altered"),
        ("UPDATE inbox SET due = due - INTERVAL 1 MINUTE", "order-1: a timer in its inbox was altered"),
        (
            """UPDATE instances SET input = '"x"' WHERE instance_id = 'order-1'""",
            "order-1: its name, input or status was altered",
        ),
        (
            "UPDATE instances SET definition = 'other' WHERE instance_id = 'order-2'",
            "order-2: its name, input or status was altered",
        ),
        (
            "UPDATE instances SET status = 'COMPLETED' WHERE instance_id = 'order-2'",
            "order-2: its name, input or status was altered",
        ),
        ("UPDATE definitions SET source = 'evil()' WHERE name = 'ship'", "the source of ship was altered"),
        ("UPDATE definitions SET code_hash = 'c2' WHERE name = 'ship'", "the source of ship was altered"),
        ("UPDATE definitions SET seal = NULL WHERE name = 'ship'", "the source of ship is not signed"),
        (
            "UPDATE history SET seal = (SELECT seal FROM history WHERE iid = 2 AND seq = 2) WHERE iid = 1 AND seq = 3",
            "order-1: the input of charge, event 3, was altered",
        ),
        (
            "INSERT INTO inbox SELECT * REPLACE (9 AS row_id) FROM inbox WHERE row_id = 1",
            "order-1: the event 'approval' in its inbox was altered",
        ),
    ],
    ids=range(11),
)  # fmt: skip
def test_s80_an_altered_row_is_found_at_the_opening(path: Path, statement: str, said: str) -> None:
    alter(path, statement)
    assert found_in(path) == [said]


@pytest.mark.semantics(80)
@settings(max_examples=60)
@given(data=st.data())
def test_s80_any_changed_column_of_any_row_is_found(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("altered") / "history.duckdb"
    store = store_in(path)
    fill(store)
    store.close()
    table = data.draw(st.sampled_from(sorted(COLUMNS)))
    column = data.draw(st.sampled_from([*COLUMNS[table], "seal"]))
    with duckdb.connect(str(path)) as connection:
        rows = connection.execute(f"SELECT rowid, {column} FROM {table} ORDER BY rowid").fetchall()
        kinds = dict(
            connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE {table})").fetchall()
        )
        place, before = data.draw(st.sampled_from(rows))
        after = data.draw(_VALUES[kinds[column]].filter(lambda value: value != before))
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", [after, place])
    store = store_in(path)
    found = store.audit(thorough=True)
    store.close()
    assert [one.table for one in found if one.flaw != "is missing"] == [table], (table, column, before, after)


_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "VARCHAR": st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
    "BIGINT": st.integers(-5, 100),
    "INTEGER": st.integers(-5, 100),
    "TIMESTAMP": st.integers(0, 9).map(lambda n: at(n).replace(tzinfo=None)),
    "BLOB": st.binary(min_size=20, max_size=20),
}


@pytest.mark.semantics(80)
def test_s80_a_row_of_another_store_means_nothing_here(path: Path, tmp_path: Path) -> None:
    other = store_in(tmp_path / "other.duckdb")
    fill(other)
    other.close()
    alter(
        path,
        f"ATTACH '{tmp_path / 'other.duckdb'}' AS other",
        "DELETE FROM inbox",
        "INSERT INTO inbox SELECT * FROM other.inbox WHERE row_id = 3",
    )
    assert found_in(path) == ["order-2: the event 'approval' in its inbox was altered"]


@pytest.mark.semantics(80)
def test_s80_another_users_key_is_told_from_an_altered_row(path: Path) -> None:
    found = found_in(path, NOBODYS)
    assert found[0] == "the source of fulfil was signed with another key"
    assert all(said.endswith("was signed with another key") for said in found)
    assert len(found) == 3 + 3 + 3 + 2  # versions of code, instances, messages, calls under way


@pytest.mark.semantics(80)
@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE history SET payload = 'false' WHERE kind = 'TaskCompleted'", "order-1: a result, event 4, was altered"),
        ("DELETE FROM history WHERE iid = 1 AND seq = 2", "order-1: event 2 is missing"),
        ("INSERT INTO history FROM history WHERE seq = 3", "order-1: event 4 is missing"),
        ("UPDATE history SET lsn = lsn + 1 WHERE iid = 1 AND seq = 1", "order-1: WorkflowStarted, event 1, was altered"),
    ],
)  # fmt: skip
def test_s80_a_history_that_is_acted_upon_is_checked(path: Path, statement: str, said: str) -> None:
    alter(path, statement)
    store = store_in(path)
    assert store.read_history("order-1")  # who only looks sees what is there
    with pytest.raises(UntrustedError) as caught:
        store.read_history("order-1", checked=True)
    assert str(caught.value).startswith(said)
    assert str(caught.value).endswith("`%wf trust`")
    assert [str(found) for found in store.audit(instance_id="order-1")]
    assert store.audit(instance_id="order-3") == []
    store.close()


@pytest.mark.semantics(80)
def test_s80_the_same_code_from_its_owner_takes_the_place_of_altered_code(path: Path) -> None:
    alter(path, "UPDATE definitions SET source = 'evil()' WHERE name = 'ship'")
    store = store_in(path)
    store.commit([definition("ship")])
    assert store.audit(thorough=True) == []
    assert store.list_definitions("ship") == [definition("ship").record]
    store.close()


@pytest.mark.semantics(80)
def test_s80_what_its_owner_takes_for_theirs_is_signed(path: Path) -> None:
    alter(
        path,
        "UPDATE history SET payload = '[9]' WHERE seq = 3",
        "UPDATE inbox SET seal = NULL",
        "UPDATE definitions SET source = 'mine()' WHERE name = 'ship'",
    )
    store = store_in(path, NOBODYS)
    assert store.seal_anew() == 3 + 3 + 7 + 3
    assert store.audit(thorough=True) == []
    assert store.seal_anew() == 0
    store.close()
    assert found_in(path, NOBODYS, thorough=True) == []


def test_a_store_without_a_key_seals_nothing_and_looks_for_nothing(tmp_path: Path) -> None:
    store = store_in(tmp_path / "history.duckdb", None)
    fill(store)
    assert store.audit(thorough=True) == []
    assert store.seal_anew() == 0
    store.close()
    assert all(said.endswith("is not signed") for said in found_in(tmp_path / "history.duckdb"))


@pytest.mark.semantics(80)
def test_s80_a_store_from_before_there_were_seals_is_nobodys_until_its_owner_says_so(path: Path) -> None:
    tables = ("instances", "history", "inbox", "definitions")
    alter(
        path,
        *(f"ALTER TABLE {table} DROP COLUMN seal" for table in tables),
        "ALTER TABLE definitions ADD COLUMN signature VARCHAR",
        "UPDATE meta SET schema_version = 1",
    )
    assert found_in(path)[0] == "the source of fulfil is not signed"
    store = store_in(path)
    store.seal_anew()
    assert store.audit(thorough=True) == []
    assert len(store.list_definitions()) == 3
    store.close()


def test_a_migrated_store_has_the_columns_of_a_new_one(path: Path, tmp_path: Path) -> None:
    def columns(of: Path) -> set[tuple[Any, ...]]:
        with duckdb.connect(str(of), read_only=True) as connection:
            return set(
                connection.execute(
                    "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal"
                ).fetchall()
            )

    new = columns(path)
    alter(
        path,
        *(
            f"ALTER TABLE {table} DROP COLUMN seal"
            for table in ("instances", "history", "inbox", "definitions")
        ),
        "ALTER TABLE definitions ADD COLUMN signature VARCHAR",
        "UPDATE meta SET schema_version = 1",
    )
    store_in(path).close()
    assert columns(path) == new


def test_every_event_has_its_words() -> None:
    store = DuckDBStore(":memory:", key=KEY)
    store.open()
    store.commit([put("a"), append("a", "e1", *EVERY_EVENT)])
    assert store.audit(thorough=True) == []
    store.cursor().execute("UPDATE history SET seal = NULL")
    said = [str(found) for found in store.audit(thorough=True, limit=100)]
    assert len(said) == len(EVERY_EVENT)
    store.close()


@pytest.mark.semantics(80)
@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE instances ALTER seal TYPE VARCHAR",
        "ALTER TABLE instances ALTER created_at TYPE VARCHAR",
        "ALTER TABLE instances ALTER generation TYPE BOOLEAN",
        "ALTER TABLE instances ALTER lsn TYPE HUGEINT USING 170141183460469231731687303715884105727",
        "ALTER TABLE instances ALTER input TYPE INTEGER[] USING [1, 2]",
    ],
)
def test_s80_a_column_of_another_type_is_an_altered_one(path: Path, statement: str) -> None:
    alter(path, statement)
    assert found_in(path) == [f"order-{n}: its name, input or status was altered" for n in (1, 2, 3)]


def test_names_from_elsewhere_are_plain_text(path: Path) -> None:
    alter(
        path,
        "UPDATE definitions SET name = 'ship' || chr(27) || '[2J' || repeat('x', 500) WHERE name = 'ship'",
    )
    (said,) = found_in(path)
    assert said.startswith("the source of ship\N{REPLACEMENT CHARACTER}[2Jxxx")
    assert len(said) < 100


def test_a_seal_stays_what_it_is() -> None:
    """Another way of sealing would make every history somebody else's: this may only change with the schema."""
    seals = Seals(KEY, "b5b5b2d0-0000-4000-8000-000000000000")
    time = at(3).replace(tzinfo=None)
    row = (1, "order-1", "e1", 2, time, "TaskScheduled", "charge", 1, '{"n": 1}', "{}", 1, 70_000)
    ((*_, seal),) = seals.sealed("history", [row])
    assert seal.hex() == "270a0e0656a2adb64aca157fedc5d4fb8463d8aa"
    ((*_, other),) = seals.sealed("inbox", [row])
    assert other != seal
