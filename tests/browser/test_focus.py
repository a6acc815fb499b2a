"""Where the focus goes when what had it goes away; and what a person has selected stays though the run goes on."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.card_page import CardPage
from tests.views.stories import running, waiting
from tests.widgets.sources import FakeSource

pytestmark = pytest.mark.browser


def move_on(card: CardPage, source: FakeSource) -> None:
    source.commit()
    source.advance(1)
    card.settle()


def test_a_link_into_another_view_brings_the_focus_along(card: CardPage) -> None:
    card.show(running())
    card.page.get_by_role("grid", name="Timeline").get_by_role("row").first.click()
    card.page.get_by_role("button", name="Replay at event").first.click()
    card.settle()
    expect(card.page.get_by_role("tab", name="Replay")).to_be_focused()


def test_a_control_that_the_end_of_the_run_takes_away_gives_the_focus_to_its_tab(card: CardPage) -> None:
    source = card.show(running())
    follow = card.page.get_by_role("button", name="Follow")
    follow.focus()
    source.story.completed(60.0, "done")
    move_on(card, source)
    expect(follow).to_be_hidden()
    expect(card.page.get_by_role("tab", name="Timeline")).to_be_focused()


def test_what_is_selected_in_the_head_stays_while_the_run_goes_on(card: CardPage) -> None:
    story = waiting()
    source = card.show(story)
    card.page.get_by_role("button", name="Input and output").click()
    block = card.page.locator(".nbf-details pre").first
    block.evaluate("(one) => { one.focus(); getSelection().selectAllChildren(one); }")
    before = card.page.evaluate("getSelection().toString()")
    story.task(60.0, "more")
    move_on(card, source)
    expect(block).to_be_focused()
    assert card.page.evaluate("getSelection().toString()") == before != ""


def test_where_nothing_can_be_done_nothing_is_offered(card: CardPage) -> None:
    source = FakeSource(waiting())
    source.capabilities = frozenset()
    card.show(source)
    waits = card.page.get_by_role("region", name="Waiting for an answer")
    expect(waits).to_contain_text("approval")
    assert waits.get_by_role("button").count() == 0
    expect(card.page.get_by_role("button", name="Commands")).to_be_hidden()
    for view in ("Replay", "Graph", "Inbox", "Timeline"):
        card.open(view)
        card.settle()
    expect(card.page.get_by_role("button", name="Raise")).to_have_count(0)
