"""The inbox for everybody: axe-core, and the keyboard alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.browser.inbox_page import InboxPage
from tests.browser.test_inbox_pictures import PICTURES
from tests.views.stories_inbox import Address, Slot

pytestmark = pytest.mark.browser


@pytest.fixture
def inbox(page: Page) -> Iterator[InboxPage]:
    shown = InboxPage(page)
    yield shown
    assert shown.errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PICTURES)
def test_axe_finds_nothing(page: Page, name: str, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    inbox = InboxPage(page)
    PICTURES[name](inbox)

    assert violations(page) == []


@pytest.mark.parametrize(
    ("kind", "press"),
    [
        (bool, ["Tab", "Tab", "Space"]),
        (int, ["Tab", "4", "Enter"]),
        (Address, ["Tab", "a", "Tab", "b", "Tab", *"10115", "Tab", "Enter"]),
    ],
)
def test_the_keyboard_alone_can_answer(inbox: InboxPage, kind: Any, press: list[str]) -> None:
    inbox.ask(kind)
    inbox.page.get_by_role("button", name="Commands").focus()
    for key in press:
        inbox.page.keyboard.press(key)

    assert inbox.decoded() in (False, 4, Address("a", "b", "10115"))


def test_a_choice_has_its_name_and_its_hint(inbox: InboxPage) -> None:
    inbox.ask(Slot)
    group: Callable[..., Any] = inbox.page.get_by_role
    expect(group("radiogroup", name="kind")).to_be_visible()
    expect(inbox.field("length")).to_have_accessible_description("a duration, such as P1DT2H30M")


def test_what_is_wrong_is_announced(inbox: InboxPage) -> None:
    inbox.ask(int)
    inbox.button("Send approval").click()
    expect(inbox.page.get_by_role("alert").filter(has_text="needed")).to_have_count(1)
