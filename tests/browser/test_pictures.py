"""Pictures of the card and of its twin, to be looked at: every run, light and dark, wide and narrow.

They are written to ``artefacts/``, which git ignores and CI keeps. What is asserted is only
that there is something to see.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

from nbflow.views.timeline.html import html_timeline
from tests.browser.card_page import CardPage
from tests.views.stories import STORIES

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ARTEFACTS = Path(__file__).parents[2] / "artefacts"
OPENED = {"failing": "print_label", "hostile": "img src"}


@pytest.mark.parametrize("name", STORIES)
def test_the_card(page: Page, name: str) -> None:
    card = CardPage(page)
    card.show(STORIES[name]())
    if name in OPENED:
        card.row(OPENED[name]).first.click()
    page.mouse.move(1, 1)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for width in (1100, 420):
            page.set_viewport_size({"width": width, "height": 900})
            picture = card.root.screenshot(path=ARTEFACTS / f"card-{name}-{scheme}-{width}.png")
            assert len(picture) > 5000


def test_the_twin(page: Page) -> None:
    twins = "<br>".join(html_timeline(story().timeline()) for story in STORIES.values())
    for scheme, colours in (("light", "#ffffff; color: #222222"), ("dark", "#111111; color: #dddddd")):
        page.set_content(f'<!doctype html><body style="margin: 16px; background: {colours}">{twins}')
        assert len(page.screenshot(path=ARTEFACTS / f"twin-{scheme}.png", full_page=True)) > 5000
