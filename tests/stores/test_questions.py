"""Questions by SQL: a DataFrame of what is installed, else rows; and nothing but questions."""

import sys

import pytest

from nbflow.errors import QuestionError
from nbflow.stores.duckdb import DuckDBStore
from nbflow.stores.duckdb_questions import asked
from tests.stores.samples import append, at, completed, put, scheduled

QUESTION = "SELECT instance, name, duration, ended_at, NULL AS none, name FROM activities"


@pytest.fixture
def asking(duck: DuckDBStore) -> DuckDBStore:
    duck.commit([put("a"), append("a", "e1", scheduled(1), completed(1), scheduled(2))])
    return duck


def test_pandas(asking: DuckDBStore) -> None:
    with asked(asking.cursor(), QUESTION, "ask") as answer:
        frame = answer.frame()
    assert type(frame).__module__.startswith("pandas")
    assert frame["instance"].tolist() == ["a", "a"]
    assert str(frame["duration"].dtype).startswith("timedelta64")
    assert str(frame["ended_at"].dtype).startswith("datetime64")


def test_polars_where_there_is_no_pandas(asking: DuckDBStore, monkeypatch: pytest.MonkeyPatch) -> None:
    polars = pytest.importorskip("polars")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with asked(asking.cursor(), QUESTION, "ask") as answer:
        frame = answer.frame()
    assert isinstance(frame, polars.DataFrame)
    assert frame.columns == ["instance", "name", "duration", "ended_at", "none", "name_1"]
    assert frame["duration"].dtype == polars.Duration
    assert frame["ended_at"].to_list() == [at(2).replace(tzinfo=None), None]
    with asked(asking.cursor(), f"{QUESTION} WHERE false", "ask") as answer:
        assert answer.frame().height == 0


def test_rows_where_there_is_neither(asking: DuckDBStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pandas", "polars"):
        monkeypatch.setitem(sys.modules, name, None)
    with asked(asking.cursor(), "SELECT instance, name FROM activities", "ask") as answer:
        assert answer.frame() is None
        assert answer.heading == ("instance", "name")
        assert answer.rows(1) == [("a", "charge")]
        assert answer.rows() == [("a", "charge")]


@pytest.mark.parametrize(
    "question",
    [
        "INSERT INTO history SELECT * FROM history",
        "ATTACH 'x.duckdb'",
        "SET threads = 1",
        "CREATE TEMP TABLE x AS FROM history",
        "PRAGMA disable_checkpoint_on_shutdown",
        "CALL pragma_version()",
        "BEGIN",
    ],
)
def test_what_is_no_question_is_refused(asking: DuckDBStore, question: str) -> None:
    refused = pytest.raises(QuestionError, match="history is append-only: type ask SELECT")
    with refused, asked(asking.cursor(), question, "ask"):
        pass


@pytest.mark.parametrize(
    "question", ["SHOW TABLES", "DESCRIBE runs", "SUMMARIZE history", "EXPLAIN FROM runs", "VALUES (1)"]
)
def test_questions_of_every_kind(asking: DuckDBStore, question: str) -> None:
    with asked(asking.cursor(), question, "ask") as answer:
        assert answer.rows()


def test_an_answer_leaves_no_transaction_behind(asking: DuckDBStore) -> None:
    cursor = asking.cursor()
    for _ in range(2):
        with asked(cursor, "FROM runs", "ask") as answer:
            answer.rows()
        with pytest.raises(QuestionError), asked(cursor, "FROM nothing", "ask"):
            pass
    asking.commit([put("b")])
    with asked(cursor, "SELECT instance_id FROM instances ORDER BY ALL", "ask") as answer:
        assert answer.rows() == [("a",), ("b",)]
