"""Durations, due times, excerpts and the marks of the axis: how things read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from nbflow.core.state import RuntimeStatus
from nbflow.errors import FailureDetails
from nbflow.views.durations import duration, moment, until
from nbflow.views.excerpts import cells, excerpt, failure_text, fit, pretty, tame
from nbflow.views.looks import RUN_LOOKS, look_of, look_of_status
from nbflow.views.timeline.details import details_of
from nbflow.views.timeline.rows import RowStatus
from nbflow.views.timeline.scale import Scale
from tests.views.stories import STORIES, at, completed, failing

DURATIONS = [
    (-5.0, "0 ms"),
    (0.0, "0 ms"),
    (0.0009, "0 ms"),
    (0.34, "340 ms"),
    (0.9999, "999 ms"),
    (1.0, "1.0 s"),
    (9.99, "9.9 s"),
    (10.0, "10 s"),
    (59.999, "59 s"),
    (60.0, "1 min"),
    (312.0, "5 min 12 s"),
    (3599.9, "59 min 59 s"),
    (3600.0, "1 h"),
    (11_100.0, "3 h 5 min"),
    (86_399.0, "23 h 59 min"),
    (86_400.0, "1 d"),
    (2_606_400.0, "30 d 4 h"),
    (86_400.0 * 400, "400 d"),
]


@pytest.mark.parametrize(("seconds", "text"), DURATIONS)
def test_durations_read_in_at_most_two_units_and_are_never_rounded_up(seconds: float, text: str) -> None:
    assert duration(timedelta(seconds=seconds)) == text


def test_moments_and_due_times() -> None:
    assert moment(at(0)) == "2026-11-22 13:04:05 UTC"
    assert until(at(90), at(0)) == "in 1 min 30 s"
    assert until(at(0), at(90)) == "due now"


def test_an_excerpt_says_what_is_missing() -> None:
    assert excerpt("abc", 3) == "abc"
    assert excerpt("x" * 5_000_000, 10) == "xxxxxxxxxx… (4,999,990 more characters)"


def test_json_is_laid_out_unless_it_is_short_or_no_json() -> None:
    assert pretty('{"a": 1}', 100) == '{"a": 1}'
    assert pretty('{"a": "%s"}' % ("x" * 60), 200).startswith('{\n  "a": "x')
    assert pretty("no json " * 10, 200) == "no json " * 10
    deep = "[" * 9000 + "]" * 9000
    assert pretty(deep, 100).endswith("more characters)")


def test_a_failure_without_a_traceback_names_its_causes() -> None:
    cause = FailureDetails(type="OSError", message="disk full")
    assert failure_text(FailureDetails(type="ValueError", message="bad", cause=cause)) == (
        "ValueError: bad\ncaused by OSError: disk full"
    )


def test_a_terminal_gets_nothing_to_obey() -> None:
    assert tame("a\x1b[31m\u202eb\nc\td") == "a\\u001b[31m\\u202eb⏎c d"
    assert tame("héllo 👋") == "héllo 👋"
    assert tame("\ud800") == "\\ud800"


@pytest.mark.parametrize("text", ["a", "check_stock", "検査する" * 3, "e\u0301" * 20, "👋" * 9, "\u200b" * 5])
def test_a_fitted_text_takes_exactly_its_cells(text: str) -> None:
    assert cells(fit(text, 10)) == 10


def test_the_axis_begins_at_the_beginning_and_ends_with_the_last_row() -> None:
    scale = Scale.of(completed().timeline())

    assert (scale.start, scale.end) == (at(0), at(22))
    assert scale.position(at(11)) == 0.5
    assert scale.position(at(-5)) == 0.0
    assert scale.position(at(500)) == 1.0
    assert [mark.label for mark in scale.marks(5)] == ["0", "5 s", "10 s", "15 s", "20 s"]
    assert [mark.label for mark in scale.marks(2)] == ["0", "15 s"]


@pytest.mark.parametrize("seconds", [0.0, 0.0001, 0.004, 1.0, 61.0, 86400.0, 86400.0 * 365 * 100])
def test_there_are_never_more_marks_than_there_is_room_for(seconds: float) -> None:
    marks = Scale(start=at(0), end=at(seconds)).marks(6)

    assert 1 <= len(marks) <= 6
    assert all(0.0 <= mark.position <= 1.0 for mark in marks)


def test_every_status_has_an_icon_of_one_cell_and_a_word() -> None:
    looks = [*RUN_LOOKS.values(), *(look_of_status(status) for status in RowStatus)]

    assert set(RUN_LOOKS) == set(RuntimeStatus)
    assert all(cells(look.icon) == 1 and look.word for look in looks)


def test_the_word_says_what_completion_means_for_the_kind() -> None:
    words = {row.kind.value: look_of(row).word for row in completed().timeline().rows}

    assert words == {
        "activity": "completed",
        "timer": "fired",
        "wait": "received",
        "arrival": "taken",
        "sent": "sent",
    }


def test_details_show_values_errors_prints_and_attempts() -> None:
    label, _ = failing().timeline().rows
    details = details_of(label)

    assert {block.label for block in details.blocks} == {"Input", "Error", "Printed by attempt 1"}
    assert [(line.number, line.look.word, line.queued, line.ran) for line in details.attempts] == [
        (1, "failed", "100 ms", "1.1 s"),
        (2, "failed", "100 ms", "1.5 s"),
        (3, "failed", "100 ms", "1.0 s"),
    ]


def test_details_of_a_single_attempt_are_facts() -> None:
    stock = next(row for row in completed().timeline().rows if row.name == "check_stock")
    facts = {fact.label: fact.text for fact in details_of(stock).facts}

    assert (facts["Queued"], facts["Ran"], facts["Worker"]) == ("100 ms", "2.0 s", "thread-1")
    assert details_of(stock).attempts == ()


def test_a_refused_payload_is_shown_with_its_reason() -> None:
    approval = next(row for row in completed().timeline().rows if row.name == "approval")
    refused, payload = details_of(approval).blocks

    assert refused.text == 'Expected `bool`, got `str` - at `$.approved`\n{"approved": "yes"}'
    assert (payload.label, payload.text) == ("Payload", '{"approved": true}')


@pytest.mark.parametrize("name", STORIES)
def test_details_never_exceed_their_limit_by_much(name: str) -> None:
    for row in STORIES[name]().timeline().rows:
        assert all(len(block.text) < 1000 for block in details_of(row, limit=100).blocks)
