"""What the replay asks of Python, and what it leaves: a kernel must not be asked again and again for nothing."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.card_page import CardPage
from tests.views.stories import completed
from tests.views.stories_replay import fulfilled
from tests.widgets.sources import FakeSource

pytestmark = pytest.mark.browser

BEFORE: dict[str, Any] = {"total": 0, "events": [], "turns": {}}


@pytest.mark.parametrize(
    "events",
    [{**BEFORE, "execution": "another"}, BEFORE],
    ids=["of another execution", "that are not there yet"],
)
def test_what_was_asked_in_vain_is_asked_again_only_after_a_while(
    card: CardPage, events: dict[str, Any]
) -> None:
    card.page.clock.install()
    card.show(completed(), answer=False)
    card.stop_time()
    card.open("Replay")
    answered: set[str] = set()

    def answer() -> int:
        for _ in range(10):
            for ask in card.sent("ask"):
                if ask["id"] not in answered and ask["what"] != "moment":  # left open
                    answered.add(ask["id"])
                    reply = {"ok": events} if ask["what"] == "events" else {"error": "not here"}
                    card.push({"type": "reply", "id": ask["id"], **reply})
        return [ask["what"] for ask in card.sent("ask")].count("events")

    assert answer() == 1
    card.page.clock.run_for(600)
    assert answer() == 2


def test_what_nobody_answered_in_time_is_asked_again_once_somebody_is_there(card: CardPage) -> None:
    """A machine with other work may answer later than the card waits."""
    card.page.clock.install()
    run = fulfilled()
    card.show(FakeSource(run.story(), code=run.code))
    kernel, card.conversation = card.conversation, None
    panel = card.open("Replay")
    card.settle()
    card.page.clock.run_for(2100)
    expect(panel).to_contain_text("no kernel answers: re-run this cell")
    card.conversation = kernel
    asked = next(ask for ask in card.sent("ask") if ask["what"] == "moment")
    card.push({"type": "reply", "id": asked["id"], "taken": True})
    expect(panel.locator(".nbf-rp-old")).to_have_count(0)
    expect(panel).not_to_contain_text("no kernel answers")
    expect(panel.locator(".nbf-rp-why")).not_to_be_empty()
