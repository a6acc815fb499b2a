"""The static twins of the replay: terminal and HTML."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from nbflow.core.state import StallReason
from nbflow.views.excerpts import cells
from nbflow.views.replay.html import html_replay
from nbflow.views.replay.moments import Moment, Problem
from nbflow.views.replay.narrative import narrate
from nbflow.views.replay.text import text_replay
from nbflow.views.replay.travel import TimeTravel
from tests.views.stories_replay import LIVED, counting, fulfil, fulfilled, lived_long

TERMINAL = """\
event 14 of 30: schedules charge #5

     …
        78     done: list[str] = []
        79
        80     async def bill() -> Receipt:
2,* >   81         receipt = await charge(cents)
        82         done.append(f"charged {receipt.cents}")"""


def at(seq: int) -> Moment:
    travel = TimeTravel(fulfil, fulfilled().history, instance_id="order-42")
    moment = travel.moment(seq)
    travel.close()
    return moment


def test_a_terminal_shows_source_branches_and_events():
    notes = narrate(fulfilled().history)
    text = text_replay(at(14), notes, fulfil.listing)
    assert text.startswith(TERMINAL)
    assert "\n1 fulfil, waits for its task group: branch 2 (bill), branch 3 (ship)\n" in text
    assert "\n    approved: True (new)\n" in text
    assert "\n>     14  schedules charge #5\n" in text
    assert "done: [] -> ['charged 24000']" in text_replay(at(26), notes, fulfil.listing)
    assert 'at event 30 it returned "R-1017 with label.pdf"' in text_replay(at(30), notes, fulfil.listing)


def test_without_source_or_code_there_is_still_the_story():
    notes = narrate(fulfilled().history)
    stalled = Moment(
        seq=3,
        first=2,
        last=4,
        state="stalled",
        problem=Problem(words=f"{StallReason.DIVERGED}: no", expected="a", actual="b", seq=3),
    )
    text = text_replay(stalled, notes, None)
    assert "history holds: a\nthe code did: b" in text
    assert ">      3  schedules check_stock #1" in text
    assert "history holds: a" in html_replay(stalled, notes, None)


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", LIVED)
def test_no_line_is_wider_than_the_terminal(name, width):
    code, live = LIVED[name]
    run = live()
    notes = narrate(run.history)
    travel = TimeTravel(code, run.history, instance_id=run.instance_id)
    for seq in range(len(run.history) + 1):
        for line in text_replay(travel.moment(seq), notes, code.listing, width=width).split("\n"):
            assert cells(line) <= width
            assert line.isprintable() or "\u202e" not in line
    travel.close()


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.found.add(tag)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", LIVED)
def test_the_page_has_only_what_survives_everywhere_and_every_value_is_text(name):
    code, live = LIVED[name]
    run = live()
    notes = narrate(run.history)
    travel = TimeTravel(code, run.history, instance_id=run.instance_id)
    for seq in range(len(run.history) + 1):
        tags = Tags()
        page = html_replay(travel.moment(seq), notes, code.listing)
        tags.feed(page)
        tags.close()
        assert tags.open == []
        assert tags.found <= {
            *(
                "div",
                "strong",
                "pre",
                "span",
                "table",
                "tbody",
                "tr",
                "td",
                "code",
                "del",
                "em",
                "details",
                "summary",
            )
        }
        assert len(page) < 400_000
    travel.close()


def test_the_page_marks_the_lines_also_without_any_style():
    page = html_replay(at(14), narrate(fulfilled().history), fulfil.listing)
    assert "2,* →   81          receipt = await charge(cents)" in page
    assert "<em>new</em>" in page
    assert "<del>[]</del> → <code>[&#x27;charged 24000&#x27;]</code>" in html_replay(
        at(26), narrate(fulfilled().history), None
    )


def test_a_long_history_makes_no_long_page():
    run = lived_long(counting, 3333)
    travel = TimeTravel(counting, run.history, instance_id=run.instance_id)
    page = html_replay(travel.moment(5000), narrate(run.history), counting.listing)
    travel.close()
    assert "(200 of 10,00" in page
    assert len(page) < 150_000
