"""Durations, due times, excerpts and one-line forms: how things read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from nbflow.core.state import RuntimeStatus
from nbflow.errors import FailureDetails
from nbflow.views.durations import about, duration, moment, until
from nbflow.views.excerpts import brief, cells, excerpt, failure_text, fit, middle, pretty, tame
from nbflow.views.looks import RUN_LOOKS, look_of, look_of_status
from nbflow.views.timeline.details import details_of, short_of
from nbflow.views.timeline.rows import RowStatus
from tests.views.stories import STORIES, at, completed, failing, patient, running

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


ABOUT = [
    (0.3, "300 ms"),
    (9.99, "9.9 s"),
    (59.6, "1 min"),
    (3599.7, "1 h"),
    (2 * 86_400 - 3.5, "2 d"),
    (30 * 86_400 - 4.0, "30 d"),
    (30 * 86_400 + 1900.0, "30 d 1 h"),
    (7_170.0, "2 h"),
]


@pytest.mark.parametrize(("seconds", "text"), ABOUT)
def test_what_is_passed_over_is_told_roughly(seconds: float, text: str) -> None:
    assert about(timedelta(seconds=seconds)) == text


def test_moments_and_due_times() -> None:
    assert moment(at(0)) == "2026-11-22 13:04:05 UTC"
    assert until(at(90), at(0)) == "in 1 min 30 s"
    assert until(at(0), at(90)) == "due now"


def test_an_excerpt_says_what_is_missing() -> None:
    assert excerpt("abc", 3) == "abc"
    assert excerpt("x" * 5_000_000, 10) == "xxxxxxxxxx… (4,999,990 more characters)"


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ("12000", "12000"),
        ("null", ""),
        ('{"sku":"tea","qty":2}', '{"sku":"tea","qty":2}'),
        ('{"sku":"tea","qty":2,"address":"12 Long Street"}', '{"sku":"tea","qty":2,…}'),
        ("[1111,2222,3333,4444,5555,6666,7777]", "[1111,2222,3333,4444,5555,…]"),
        ('{"text":"a long one without any comma"}', '{"text":"a long one without a…'),
        ('"' + "x" * 50 + '"', '"' + "x" * 28 + "…"),
        ('"a\u202eb\nc"', '"a\\u202eb⏎c"'),
    ],
)
def test_a_brief_payload_is_one_line_cut_where_a_value_ends(payload: str, text: str) -> None:
    assert brief(payload, 30) == text


def test_a_long_id_is_cut_in_its_middle() -> None:
    assert middle("order-42", 8) == "order-42"
    assert middle("order-42:9f3c2a7b:0001", 14) == "order-…7b:0001"


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


@pytest.mark.parametrize(
    "file", ["/tmp/ipykernel_20650/1531483482.py", r"C:\Temp\ipykernel_7\15.py", "<ipython-input-3-0a>"]
)
def test_a_traceback_calls_a_cell_a_cell(file: str) -> None:
    trace = (
        f'Traceback (most recent call last):\n  File "{file}", line 3, in parse\n    int("x")\nValueError: x'
    )
    part = FailureDetails(type="ValueError", message="x", stack_trace=trace)
    group = FailureDetails(
        type="ExceptionGroup", message="both", stack_trace="ExceptionGroup: both", parts=(part,)
    )
    other = FailureDetails(
        type="ValueError", message="x", stack_trace=trace.replace(file, "/home/ipykernel/own.py")
    )

    assert "\n  A cell, line 3, in parse\n" in failure_text(part)
    assert "\n  |   A cell, line 3, in parse\n" in failure_text(group)
    assert 'File "/home/ipykernel/own.py", line 3' in failure_text(other)


def test_a_terminal_gets_nothing_to_obey() -> None:
    assert tame("a\x1b[31m\u202eb\nc\td") == "a\\u001b[31m\\u202eb⏎c d"
    assert tame("héllo 👋") == "héllo 👋"
    assert tame("\ud800") == "\\ud800"


@pytest.mark.parametrize("text", ["a", "check_stock", "検査する" * 3, "e\u0301" * 20, "👋" * 9, "\u200b" * 5])
def test_a_fitted_text_takes_exactly_its_cells(text: str) -> None:
    assert cells(fit(text, 10)) == 10


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


def test_rows_of_one_name_can_be_told_apart() -> None:
    shorts = {(row.name, short_of(row)) for row in (*patient().timeline().rows, *running().timeline().rows)}

    assert ("check", '{"register": "credit"}') in shorts
    assert ("check", '{"register": "address"}') in shorts
    assert ("timer", "30 d") in shorts
    assert ("approval", '{"approved": true}') in shorts
    assert ("notify_customer", "order-42:9f3c2a7b:0005") in shorts
    assert ("picked", '→ warehouse {"order": "order-42"}') in {
        (row.name, short_of(row)) for row in completed().timeline().rows
    }


def test_an_earlier_error_is_shown_unless_it_was_the_same() -> None:
    label = next(row for row in completed().timeline().rows if row.name == "print_label")
    assert [block.label for block in details_of(label).blocks if block.form == "trace"] == [
        "Error of attempt 2"
    ]


def test_what_replay_took_from_history_is_said_in_words() -> None:
    stock = next(row for row in completed().timeline().rows if row.name == "check_stock")
    facts = {fact.label: fact.text for fact in details_of(stock, served=True).facts}

    assert facts["Served"] == "from history, by replay: it did not run again"
    assert "Served" not in {fact.label for fact in details_of(stock).facts}


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
