"""A card whose run lives in virtual time: its clocks stand still until Python says what time it is."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.card_page import CardPage
from tests.views.stories import waiting
from tests.widgets.sources import FakeSource

pytestmark = pytest.mark.browser


@pytest.fixture
def page(page: Page) -> Page:
    page.clock.install()
    return page


def times(card: CardPage) -> list[str]:
    return card.page.locator(".nbf-elapsed, .nbf-question > .nbf-muted").all_inner_texts()


@pytest.mark.parametrize("still", [True, False], ids=["virtual", "real"])
def test_clocks_run_in_real_time_only(card: CardPage, still: bool) -> None:
    source = FakeSource(waiting())
    source.still = still
    card.show(source)
    before = times(card)
    assert len(before) == 2
    assert all(before)
    card.page.clock.run_for(60_000)
    assert (times(card) == before) is still


def test_time_that_was_skipped_is_shown_though_nothing_happened_to_the_run(card: CardPage) -> None:
    source = FakeSource(waiting())
    source.still = True
    card.show(source)
    before = card.page.locator(".nbf-elapsed").inner_text()
    source.advance(86400)
    assert card.page.locator(".nbf-elapsed").inner_text() == before
    card.push({"type": "stale"})  # what `RunCard.look_again` sends
    assert [message["type"] for message in card.sent("hello")][-1] == "hello"
    expect(card.page.locator(".nbf-elapsed")).to_have_text("for 1 d")
