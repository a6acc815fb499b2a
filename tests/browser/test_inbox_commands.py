"""The menu in the card's head: suspend, resume, terminate, purge, start again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from nbflow.core.state import RuntimeStatus
from nbflow.errors import InstanceStateError
from tests.browser.inbox_page import InboxPage
from tests.views.stories import Story, completed, running

pytestmark = pytest.mark.browser


@pytest.fixture
def inbox(page: Page) -> Iterator[InboxPage]:
    shown = InboxPage(page)
    yield shown
    assert shown.errors == []


def opener(inbox: InboxPage) -> Locator:
    return inbox.page.get_by_role("button", name="Commands")


def items(inbox: InboxPage) -> list[str]:
    opener(inbox).click()
    return inbox.page.get_by_role("menuitem").all_text_contents()


def choose(inbox: InboxPage, name: str) -> None:
    opener(inbox).click()
    inbox.page.get_by_role("menuitem", name=name).click()


def suspended() -> Story:
    story = running()
    story.status = RuntimeStatus.SUSPENDED
    return story


def test_the_menu_has_what_makes_sense_now(inbox: InboxPage) -> None:
    source = inbox.show(running())
    assert items(inbox) == ["Suspend", "Terminate…"]
    inbox.page.keyboard.press("Escape")
    source.story.status = RuntimeStatus.SUSPENDED
    source.commit()
    inbox.feed.hello("view")
    assert items(inbox) == ["Resume", "Terminate…"]


def test_a_run_that_has_ended_can_be_purged(inbox: InboxPage) -> None:
    inbox.show(completed())
    assert items(inbox) == ["Start again", "Purge…"]


def test_what_can_be_undone_is_done_at_once(inbox: InboxPage) -> None:
    inbox.show(suspended())
    choose(inbox, "Resume")
    (command,) = inbox.sent("command")
    assert command["do"] == "resume"
    expect(opener(inbox)).to_be_focused()
    inbox.commands.give(command)
    expect(inbox.page.locator(".nbf-commands .nbf-ack")).to_have_text("delivered, not recorded yet…")
    inbox.source.commanded[0][1].set_result("order-42 goes on")
    expect(inbox.page.locator(".nbf-commands .nbf-ack")).to_have_text("✓ order-42 goes on")


def test_terminate_asks_first_and_names_the_run(inbox: InboxPage) -> None:
    inbox.show(running())
    choose(inbox, "Terminate")
    asked = inbox.page.get_by_role("group", name="Terminate order-42, and the child workflows below it?")
    expect(asked).to_be_visible()
    expect(asked.get_by_role("button", name="Leave it")).to_be_focused()
    assert inbox.sent("command") == []
    inbox.page.keyboard.press("Enter")
    expect(asked).to_be_hidden()
    assert inbox.sent("command") == []
    expect(opener(inbox)).to_be_focused()

    choose(inbox, "Terminate")
    asked.get_by_role("button", name="Terminate").click()
    assert [command["do"] for command in inbox.sent("command")] == ["terminate"]


def test_escape_leaves_it(inbox: InboxPage) -> None:
    inbox.show(completed())
    choose(inbox, "Purge")
    inbox.page.keyboard.press("Escape")
    expect(inbox.button("Leave it")).to_be_hidden()
    assert inbox.sent("command") == []


def test_while_a_command_is_on_its_way_no_other_is_given(inbox: InboxPage) -> None:
    inbox.show(running())
    choose(inbox, "Suspend")
    opener(inbox).click(force=True)
    expect(inbox.page.get_by_role("menu")).to_be_hidden()
    expect(opener(inbox)).to_have_attribute("aria-disabled", "true")
    assert len(inbox.sent("command")) == 1


def test_without_a_kernel_it_says_so_and_tries_again(inbox: InboxPage) -> None:
    inbox.page.clock.install()
    inbox.show(running())
    choose(inbox, "Suspend")
    inbox.page.clock.run_for(2100)
    expect(inbox.page.locator(".nbf-commands .nbf-ack")).to_have_text("no kernel answers: re-run this cell")
    inbox.button("Try again").click()
    first, second = inbox.sent("command")
    assert first == second


def test_a_command_that_fails_says_why_and_another_can_be_given(inbox: InboxPage) -> None:
    inbox.show(running())
    choose(inbox, "Suspend")
    inbox.commands.give(inbox.sent("command")[0])
    inbox.source.commanded[0][1].set_exception(InstanceStateError("order-42 is completed already"))
    expect(inbox.page.locator(".nbf-commands .nbf-error")).to_have_text("✗ order-42 is completed already")
    choose(inbox, "Suspend")
    expect(inbox.page.locator(".nbf-commands .nbf-error")).to_have_text("")
    assert len({command["id"] for command in inbox.sent("command")}) == 2


def test_the_menu_by_keyboard(inbox: InboxPage) -> None:
    inbox.show(running())
    opener(inbox).focus()
    press, focused = inbox.page.keyboard.press, inbox.page.locator(":focus")
    for key, name in (
        ("ArrowDown", "Suspend"),
        ("ArrowDown", "Terminate…"),
        ("End", "Terminate…"),
        ("ArrowDown", "Suspend"),
        ("ArrowUp", "Terminate…"),
        ("Home", "Suspend"),
    ):
        press(key)
        expect(focused).to_have_text(name)
    press("Escape")
    expect(opener(inbox)).to_be_focused()
    expect(opener(inbox)).to_have_attribute("aria-expanded", "false")
    press("Enter")
    expect(focused).to_have_text("Suspend")
    press("Enter")
    assert [command["do"] for command in inbox.sent("command")] == ["suspend"]


def test_a_click_elsewhere_closes_the_menu(inbox: InboxPage) -> None:
    inbox.show(running())
    opener(inbox).click()
    inbox.page.mouse.click(5, 5)
    expect(inbox.page.get_by_role("menu")).to_be_hidden()


def test_a_question_that_no_longer_makes_sense_goes(inbox: InboxPage) -> None:
    source = inbox.show(running())
    choose(inbox, "Terminate")
    source.story.completed(30.0)
    source.commit()
    expect(inbox.button("Leave it")).to_be_hidden()
    expect(inbox.button("Terminate")).to_be_hidden()
