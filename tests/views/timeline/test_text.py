"""The timeline in a terminal."""

from __future__ import annotations

import pytest

from nbflow.core import history as h
from nbflow.core.state import RuntimeStatus
from nbflow.views.excerpts import cells
from nbflow.views.timeline import timeline
from nbflow.views.timeline.text import sentence, text_timeline
from tests.views.stories import (
    STORIES,
    Story,
    at,
    completed,
    failing,
    patient,
    restarted,
    running,
    stalled,
    waiting,
)

COMPLETED_AT_100 = """\
fulfil  order-42                                                                 ✓ completed in 22 s
started 2026-11-22 13:04:05 UTC · output "sent"

                                0                  10 s               20 s
  ✓ hint {"colour": "green"}    ──────────────────────                      taken              10 s
  ✓ check_stock {"sku": "tea",… ░█████                                      completed         2.1 s
  ✓ check_price {"sku": "tea"}  ░░░████                                     completed         2.9 s
  ✓ approval {"approved": true}       ────────────────                      received          7.6 s
      refused: Expected `bool`, got `str` - at `$.approved`
  ✓ hint {"colour": "green"}                         ─                      received           0 ms
  ✓ print_label {"order": "ord…                      ███✗·███✗···███        completed         7.2 s
      3 attempts
  ✓ charge {"cents": 12000}                          █████                  completed         2.2 s
  ✓ timer 3.0 s                                                    ───────  fired             3.0 s
  ✓ send_receipt {"receipt": "…                                          ██ completed        800 ms
  ✓ picked → warehouse {"order…                                          ─  sent

  █ running   ░ queued   · retry delay   ─ waiting   ✗ failed attempt"""

PATIENT_AT_100 = """\
onboard  customer-7                                                               ► running for 33 d
started 2026-11-22 13:04:05 UTC
◷ waits for 'feedback' (23 h 59 min), monthly_review

                                  0        ◇ 2 d           ◇ 30 d    ◇ 1 d
  ✓ check {"register": "credit"}  █████       ┊              ┊          ┊   completed         1.5 s
  ✓ check {"register": "sanction… ░██████     ┊              ┊          ┊   completed         2.5 s
  ✓ check {"register": "address"} ░░████████  ┊              ┊          ┊   completed         3.5 s
  ✓ approval {"approved": true}            ───┊──            ┊          ┊   received       1 d 23 h
  ✓ open_account {"plan": "team"}             ┊ ████████████ ┊          ┊   completed         4.0 s
  ✓ send_mail {"template": "welc…             ┊ ████         ┊          ┊   completed         1.2 s
  ✓ timer 30 d                                ┊            ──┊───       ┊   fired         29 d 23 h
  ► monthly_review customer-7:9f…             ┊              ┊  ████████┊██ running             1 d
  ✓ send_mail {"template": "how …             ┊              ┊  ░█████  ┊   completed         2.0 s
  ◷ feedback                                  ┊              ┊        ──┊── waiting     23 h 59 min

  █ running   ░ queued   ─ waiting   ┊ idle time left out"""

RESTARTED_AT_80 = """\
pipeline  nightly                                             ► running for 26 s
started 2026-11-22 13:04:05 UTC
◷ waits for load, load

                         0          10 s       20 s
  ✓ extract {"table": "… ▒▒▒▒▒                          completed         4.0 s
  ✓ extract {"table": "… ▒▒▒▒▒▒▒                        completed         6.0 s
  ✓ extract {"table": "… ▒▒▒▒▒▒▒▒▒▒                     completed         8.0 s
  ✓ release                       ─────────────────     received           14 s
  ✓ load {"table": "use…                          ████  completed         3.0 s
  ► load {"table": "ord…                          █████ running           4.0 s
  ► load {"table": "ite…                          █████ running           4.0 s

  █ running   ▒ served from history   ░ queued   ─ waiting"""


def test_a_finished_run_at_100_cells() -> None:
    assert text_timeline(completed().timeline(), width=100) == COMPLETED_AT_100


def test_a_month_of_waiting_is_left_out() -> None:
    assert text_timeline(patient().timeline(), width=100) == PATIENT_AT_100


def test_what_replay_took_from_history_looks_different() -> None:
    story, opened = restarted()
    picture = timeline(story.record(), story.events, now=at(story.now), opened_at=at(opened))
    assert text_timeline(picture, width=80) == RESTARTED_AT_80


@pytest.mark.parametrize("opened", [-1.0, 22.0, 500.0])
def test_a_run_that_no_replay_went_through_has_nothing_from_history(opened: float) -> None:
    story = completed()
    picture = timeline(story.record(), story.events, now=at(600.0), opened_at=at(opened))
    assert picture.served_until is None
    assert "▒" not in text_timeline(picture)


def test_a_run_that_waits_says_for_what_and_until_when() -> None:
    text = text_timeline(waiting().timeline(), width=80)

    assert "◷ waits for 'approval' (10 s)" in text
    assert "times out in 23 h 59 min" in text
    assert "◷ approval" in text


def test_a_failure_is_told_at_the_top_and_at_its_row() -> None:
    lines = text_timeline(failing().timeline()).splitlines()

    assert lines[2] == "✗ TaskFailedError: print_label failed: TimeoutError: the printer does not answer"
    assert "      3 attempts · TimeoutError: the printer does not answer" in lines


def test_a_stall_says_what_to_do() -> None:
    assert "▲ order-42 waits for code: run the cell that defines `fulfil`" in text_timeline(
        stalled().timeline()
    )


def test_before_anything_has_happened() -> None:
    story = Story()
    story.status = RuntimeStatus.PENDING
    assert "nothing has happened yet" in text_timeline(story.timeline())


@pytest.mark.parametrize("width", [20, 60, 80, 100, 120])
@pytest.mark.parametrize("name", STORIES)
def test_no_line_is_wider_than_asked_and_none_obeys_a_payload(name: str, width: int) -> None:
    text = text_timeline(STORIES[name]().timeline(), width=width)

    for line in text.split("\n"):
        assert cells(line) <= max(width, 60)
        assert all(character.isprintable() for character in line), repr(line)
    assert "\u202e" not in text


def test_bars_begin_in_one_column_whatever_the_names_are() -> None:
    story = Story().start()
    for name in ("a", "check_stock", "検査する", "e\u0301te\u0301"):
        story.done(1.0, story.task(0.0, name), began=0.0)
    lines = [
        line for line in text_timeline(story.timeline()).splitlines() if "█" in line and "completed" in line
    ]

    assert len(lines) == 4
    assert len({cells(line[: line.index("█")]) for line in lines}) == 1


def test_a_span_of_no_length_can_be_seen() -> None:
    story = Story().start()
    story.done(0.001, story.task(0.0, "quick"), began=0.0)
    story.done(86400.0, story.task(1.0, "slow"), began=1.0)
    (quick,) = (line for line in text_timeline(story.timeline()).splitlines() if "quick" in line)

    assert "█" in quick


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        (completed(), "order-42 (fulfil) completed after 22 s"),
        (waiting(), "order-42 (fulfil) is running and waits for 'approval' (10 s)"),
        (running(), "order-42 (fulfil) is running and waits for print_label, charge, notify_customer"),
        (
            stalled(),
            "order-42 (fulfil) is stalled: order-42 waits for code: run the cell that defines `fulfil`",
        ),
        (
            failing(),
            "order-42 (fulfil) failed after 7.1 s: TaskFailedError: print_label failed: TimeoutError: the printer does not answer",
        ),
    ],
)
def test_one_sentence(story: Story, expected: str) -> None:
    assert sentence(story.timeline()) == expected


def test_the_sentence_names_timers_and_does_not_list_a_hundred_activities() -> None:
    story = Story().start()
    story.timer(0.0, 3600.0)
    for number in range(100):
        story.task(0.0, f"fetch_{number}")
    text = sentence(story.timeline())

    assert "a timer (due in 1 h), fetch_0, fetch_1, 98 more" in text


def test_a_suspended_run_says_so() -> None:
    story = running()
    story.status = RuntimeStatus.SUSPENDED
    story.add(h.ExecutionSuspended(at=at(11)), 11)
    assert "is suspended" in sentence(story.timeline())
