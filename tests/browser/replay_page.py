"""The replay view of a card in a blank page, over runs that were really lived."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.card_page import CardPage
from tests.views.stories_replay import Lived
from tests.widgets.sources import FakeSource


class ReplayPage:
    """A card that shows a run's replay."""

    def __init__(self, page: Page, run: Lived, *, code: Any = ..., wait: bool = True) -> None:
        self.page = page
        self.run = run
        self.card = CardPage(page)
        self.source = FakeSource(run.story(), code=run.code if code is ... else code)
        self.card.show(self.source)
        self.panel = self.card.open("Replay")
        if wait:
            self.rests()

    @property
    def slider(self) -> Locator:
        return self.panel.get_by_role("slider", name="Event of the history")

    @property
    def events(self) -> Locator:
        return self.panel.get_by_role("listbox", name="Events")

    @property
    def code(self) -> Locator:
        return self.panel.get_by_role("region", name="Source of")

    def button(self, name: str) -> Locator:
        return self.panel.get_by_role("button", name=name, exact=True)

    def branch(self, name: str) -> Locator:
        return self.panel.get_by_role("region", name=f"Branch {name}")

    def variable(self, branch: str, name: str) -> Locator:
        return (
            self.branch(branch)
            .locator(".nbf-rp-locals > div")
            .filter(has=self.page.locator(f"dt:text('{name}')"))
        )

    def go(self, seq: int) -> None:
        self.slider.fill(str(seq))
        self.at(seq)

    def at(self, seq: int) -> None:
        """Wait until that event is drawn, with its moment."""
        expect(self.slider).to_have_value(str(seq))
        self.rests()

    def rests(self) -> None:
        """Wait until what is looked at is there."""
        expect(self.panel.locator(".nbf-rp-why")).not_to_be_empty(timeout=20_000)
        expect(self.panel.locator(".nbf-rp-old")).to_have_count(0)

    def marked(self) -> list[str]:
        """The marked lines: signs and source."""
        return [
            " ".join(line.split())
            for line in self.code.locator(
                "div:is(.nbf-rp-waits, .nbf-rp-did, .nbf-rp-parts)"
            ).all_inner_texts()
        ]

    def valuetext(self) -> str:
        return str(self.slider.get_attribute("aria-valuetext"))
