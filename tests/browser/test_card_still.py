"""A card whose run lives in virtual time: its clocks stand still until Python says what time it is."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.card_page import CardPage
from tests.views.stories import Story, waiting
from tests.widgets.sources import FakeSource

pytestmark = pytest.mark.browser


class StillPage(CardPage):
    """A page whose own clock the test moves, and runs whose clock may stand still."""

    still = True

    def __init__(self, page: Page) -> None:
        page.clock.install()
        super().__init__(page)

    def show(self, story: Story, *, answer: bool = True) -> FakeSource:
        source = super().show(story, answer=False)
        source.still = self.still
        self.feed.hello("view")
        return source


@pytest.fixture
def card(page: Page) -> StillPage:
    return StillPage(page)


def times(card: CardPage) -> list[str]:
    return card.page.locator(".nbf-elapsed, .nbf-since").all_inner_texts()


@pytest.mark.parametrize("still", [True, False], ids=["virtual", "real"])
def test_clocks_run_in_real_time_only(card: StillPage, still: bool) -> None:
    card.still = still
    card.show(waiting())
    before = times(card)
    assert all(before)
    card.page.clock.run_for(60_000)
    assert (times(card) == before) is still
    assert card.errors == []


def test_time_that_was_skipped_is_shown_though_nothing_happened_to_the_run(card: StillPage) -> None:
    source = card.show(waiting())
    before = card.page.locator(".nbf-elapsed").inner_text()
    source.advance(86400)
    assert card.page.locator(".nbf-elapsed").inner_text() == before
    card.push({"type": "stale"})  # what `RunCard.look_again` sends
    assert [message["type"] for message in card.sent("hello")][-1] == "hello"
    card.feed.hello("view")
    expect(card.page.locator(".nbf-elapsed")).to_have_text("for 1 d")
