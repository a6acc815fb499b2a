"""Pictures of questions, forms and the menu, to be looked at; see test_pictures.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from nbflow.views.inbox.html import html_inbox
from tests.browser.inbox_page import InboxPage
from tests.views.stories import STORIES, hostile, running
from tests.views.stories_inbox import Address, Approval, Invoice, Order, Size, Slot, Verdict, refused

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ARTEFACTS = Path(__file__).parents[2] / "artefacts"


def approval(inbox: InboxPage) -> None:
    inbox.ask(Approval)
    inbox.page.get_by_role("button", name="with note").click()


def order(inbox: InboxPage) -> None:
    inbox.ask(Order)
    inbox.field("customer").fill("Ada Lovelace")
    for number, tag in enumerate(("fragile", "gift"), start=1):
        inbox.button("Add tags").click()
        inbox.field(f"tags {number}").fill(tag)


def invoice(inbox: InboxPage) -> None:
    inbox.ask(Invoice)
    inbox.button("Send approval").click()


def wrong_json(inbox: InboxPage) -> None:
    inbox.ask(dict[str, int])
    inbox.field("JSON for approval").fill('{"a": 1, }')


def rejected(inbox: InboxPage) -> None:
    inbox.ask(Address)
    for label, text in (("street", "Main St 1"), ("city", "Berlin"), ("zip", "99999")):
        inbox.field(label).fill(text)
    inbox.button("Send approval").click()
    inbox.ack(inbox.sent()[0]["id"], "rejected", "…", path="$.zip", brief="nobody lives at 99999")


def confirm(inbox: InboxPage) -> None:
    inbox.show(running())
    inbox.page.get_by_role("button", name="Commands").click()
    inbox.page.get_by_role("menuitem", name="Terminate").click()


def menu(inbox: InboxPage) -> None:
    inbox.show(running())
    inbox.page.get_by_role("button", name="Commands").click()


PICTURES: dict[str, Callable[[InboxPage], Any]] = {
    "approval": approval,
    "two": lambda inbox: inbox.ask(Verdict, "verdict"),
    "six": lambda inbox: inbox.ask(Size, "size"),
    "order": order,
    "invoice": invoice,
    "slot": lambda inbox: inbox.ask(Slot),
    "json": wrong_json,
    "rejected": rejected,
    "menu": menu,
    "confirm": confirm,
    "log": lambda inbox: inbox.show(refused()),
    "hostile": lambda inbox: inbox.show(hostile()),
}


@pytest.mark.parametrize("name", PICTURES)
def test_the_inbox(page: Page, name: str) -> None:
    page.set_viewport_size({"width": 1100, "height": 900})
    inbox = InboxPage(page)
    PICTURES[name](inbox)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for width in (1100, 420):
            page.set_viewport_size({"width": width, "height": 900})
            path = ARTEFACTS / f"inbox-{name}-{scheme}-{width}.png"
            assert len(page.screenshot(path=path, full_page=True)) > 4000


def test_the_twin(page: Page) -> None:
    stories = (*STORIES.values(), refused)
    twins = "<br>".join(html_inbox(story().timeline()) for story in stories)
    page.set_content(f'<!doctype html><body style="margin: 16px">{twins}')
    assert len(page.screenshot(path=ARTEFACTS / "inbox-twin.png", full_page=True)) > 5000
