"""docs/history.md says truly what each column means, and what its questions find."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from nbflow.runtime.stored import StoredHistory
from tests.stores.history_page import COLUMNS, PAGE, QUESTION, columns, orders, written

TEXT = PAGE.read_text(encoding="utf-8")
QUESTIONS = [match["sql"] for match in QUESTION.finditer(TEXT)]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoredHistory]:
    path = tmp_path_factory.mktemp("page") / "orders.duckdb"
    orders(path)
    with StoredHistory(path) as opened:
        yield opened


def test_every_column_is_on_the_page_as_the_store_explains_it(history: StoredHistory) -> None:
    (told,) = COLUMNS.findall(TEXT)
    assert told == columns(history), "type make history"


def test_every_question_finds_what_the_page_says(history: StoredHistory) -> None:
    assert written(TEXT, history) == TEXT, "type make history"
    assert len(QUESTIONS) == 12


def test_every_answer_has_rows_and_every_question_is_seen() -> None:
    answers = [match["answer"].splitlines() for match in QUESTION.finditer(TEXT)]
    assert [answer for answer in answers if len(answer) < 2] == []
    assert len(re.findall(r"^```sql$", TEXT, re.MULTILINE)) == len(answers)


def test_the_questions_ask_every_table_and_view_for_people() -> None:
    asked = set(re.findall(r"\b(?:FROM|JOIN) (\w+)", " ".join(QUESTIONS)))
    assert asked >= {"runs", "activities", "timers", "events", "instances", "history", "inbox", "definitions"}


def test_the_page_is_linked() -> None:
    for name in ("README.md", "docs/guide.md"):
        assert "history.md)" in (PAGE.parents[1] / name).read_text(encoding="utf-8")
        assert (Path(PAGE.parents[1]) / name).exists()
