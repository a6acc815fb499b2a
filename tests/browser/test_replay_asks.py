"""What the replay asks of Python, and what it leaves: a kernel must not be asked again and again for nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.card_page import CardPage
from tests.views.stories import completed

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
