"""The static twin: what survives a sanitizer, and what a value can't break."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from nbflow.views.timeline import timeline
from nbflow.views.timeline.html import html_timeline
from tests.views.stories import (
    STORIES,
    Story,
    at,
    completed,
    failing,
    hostile,
    patient,
    restarted,
    stalled,
    waiting,
)

ALLOWED = {"div", "span", "strong", "code", "em", "br", "pre", "details", "summary"} | {
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
}


class Reader(HTMLParser):
    """Reads a page as a browser would, and complains where tags don't match."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.styles: list[str] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.styles += [value or "" for name, value in attrs if name == "style"]
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize("name", STORIES)
def test_only_tags_and_attributes_that_survive_an_untrusted_notebook(name: str) -> None:
    page = Reader(html_timeline(STORIES[name]().timeline()))

    assert page.tags <= ALLOWED
    assert page.attributes <= {"style", "colspan"}
    assert not any("url(" in style or "expression" in style for style in page.styles)


def test_hostile_values_are_text() -> None:
    page = html_timeline(hostile().timeline())
    text = "".join(Reader(page).texts)

    assert "<script" not in page
    assert "<img" not in page
    assert "<script>window.pwned = 1</script>" in text
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "\\u202eevil" in text


def test_no_text_has_a_colour_that_could_vanish() -> None:
    for style in Reader(html_timeline(completed().timeline())).styles:
        colours = [part for part in style.split(";") if part.strip().startswith("color:")]
        assert len(colours) <= 1
        assert not colours or "#" in colours[0], "only icons have a tone"


def test_where_styles_are_removed_the_bars_are_text() -> None:
    page = html_timeline(failing().timeline())

    assert '<code style="display: none">' in page
    assert "✗·······" in page


def test_it_says_what_the_run_waits_for_or_what_went_wrong() -> None:
    assert "waits for &#x27;approval&#x27; (10 s)" in html_timeline(waiting().timeline())
    assert "run the cell that defines `fulfil`" in html_timeline(stalled().timeline())
    assert "TaskFailedError: print_label failed" in html_timeline(failing().timeline())


def test_inputs_results_prints_and_tracebacks_are_folded_away() -> None:
    text = "".join(Reader(html_timeline(failing().timeline())).texts)

    assert 'File "Cell In[3]", line 4, in print_label' in text
    assert "connecting" in text
    assert '{"order": "order-42"}' in text


def test_a_long_history_is_a_page_of_bearable_size() -> None:
    story = Story().start()
    for number in range(5000):
        story.done(number + 1, story.task(number, f"step_{number}", "x" * 10_000), "y" * 10_000)
    page = html_timeline(story.timeline())

    assert "… 4,800 rows not shown here …" in page
    assert "step_0" in page
    assert "step_4999" in page
    assert len(page) < 1_000_000


def test_idle_time_is_left_out_with_its_length() -> None:
    page = html_timeline(patient().timeline())

    assert "◇ 2 d" in page
    assert "◇ 30 d" in page
    assert page.count("1px dashed") >= 2 * 3 * len(patient().timeline().rows), "through all rows"


def test_the_ruler_begins_where_the_bars_begin_though_a_page_sets_its_cells_right() -> None:
    styles = Reader(html_timeline(patient().timeline())).styles
    (ruler,) = [style for style in styles if "font-size: 11px" in style]

    assert "text-align: left" in ruler


def test_rows_of_one_activity_can_be_told_apart() -> None:
    text = "".join(Reader(html_timeline(patient().timeline())).texts)

    assert 'check {"register": "credit"}' in text
    assert "customer-7:9f3c2a7b:0009" in text


def test_what_replay_took_from_history_is_hollow_and_says_so() -> None:
    story, opened = restarted()
    picture = timeline(story.record(), story.events, now=at(story.now), opened_at=at(opened))
    page = html_timeline(picture)

    assert page.count("from history</span>") == 3
    assert "from history, by replay" in page
    assert "from history" not in html_timeline(story.timeline())
