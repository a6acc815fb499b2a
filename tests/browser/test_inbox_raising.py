"""The inbox itself: raising an event that nobody waits for, and the log of those that came."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.inbox_page import InboxPage
from tests.views.stories import BOOLEAN, Story, completed, running, waiting
from tests.views.stories_inbox import refused

pytestmark = pytest.mark.browser


@pytest.fixture
def inbox(page: Page) -> Iterator[InboxPage]:
    shown = InboxPage(page)
    yield shown
    assert shown.errors == []


def type_in(inbox: InboxPage, name: str, payload: str) -> None:
    inbox.page.get_by_role("combobox", name="name").fill(name)
    inbox.page.get_by_role("textbox", name="JSON for the event").fill(payload)


def said(inbox: InboxPage) -> str | None:
    return inbox.page.locator(".nbf-raise .nbf-ack").text_content()


def test_any_event_can_be_raised(inbox: InboxPage) -> None:
    inbox.show(running())
    type_in(inbox, " hint ", '{"colour": "red"}')
    inbox.button("Raise").click()
    inbox.button("Raise").click(force=True)
    (answer,) = inbox.sent()

    assert (answer["name"], answer["payload"]) == ("hint", '{"colour": "red"}')
    assert said(inbox) == "sending…"
    inbox.answers.give(answer)
    assert said(inbox) == "delivered, not recorded yet…"
    inbox.source.raised[0][2].set_result(None)
    assert said(inbox) == "✓ recorded"
    expect(inbox.page.get_by_role("combobox", name="name")).to_have_value("")
    type_in(inbox, "hint", "")
    inbox.button("Raise").click()
    assert [one["payload"] for one in inbox.sent()] == ['{"colour": "red"}', "null"]


@pytest.mark.parametrize(
    ("name", "payload", "complaint"),
    [("", "1", "✗ an event needs a name"), ("go", "{", "✗ not JSON: ")],
)
def test_what_can_not_be_raised_is_said(inbox: InboxPage, name: str, payload: str, complaint: str) -> None:
    inbox.show(running())
    type_in(inbox, name, payload)
    inbox.button("Raise").click()

    expect(inbox.page.locator(".nbf-raise .nbf-error")).to_contain_text(complaint)
    assert inbox.sent() == []


def test_a_refused_event_can_be_put_right(inbox: InboxPage) -> None:
    inbox.show(running())
    type_in(inbox, "go", "1")
    inbox.button("Raise").click()
    inbox.ack(inbox.sent()[0]["id"], "rejected", "Expected `str`, got `int`")

    expect(inbox.page.locator(".nbf-raise .nbf-error")).to_have_text("✗ rejected: Expected `str`, got `int`")
    expect(inbox.page.get_by_role("textbox", name="JSON for the event")).to_have_value("1")
    inbox.button("Raise").click()
    assert len({one["id"] for one in inbox.sent()}) == 2


def test_names_of_events_that_are_known_are_proposed(inbox: InboxPage) -> None:
    inbox.show(refused())
    names = inbox.page.locator("datalist option").evaluate_all("all => all.map(one => one.value)")
    assert names == ["hint", "Early", "approval", "delivery"]


def test_a_run_that_has_ended_takes_no_events(inbox: InboxPage) -> None:
    inbox.show(completed())
    expect(inbox.button("Raise")).to_be_hidden()
    expect(inbox.page.get_by_role("list", name="Events").get_by_role("listitem")).to_have_count(3)


def test_the_log_says_what_became_of_each_event(inbox: InboxPage) -> None:
    inbox.show(refused())
    log = inbox.page.get_by_role("list", name="Events").get_by_role("listitem")

    for name, word in (("Early", "kept"), ("delivery", "timed out"), ("hint", "taken"), ("hint", "received")):
        expect(log.filter(has_text=name).filter(has_text=word)).to_have_count(1)
    expect(log.filter(has_text="approval")).to_contain_text(
        "✗ rejected: approved: Expected `bool`, got `str`"
    )


def test_an_event_leads_to_its_row_in_the_timeline(inbox: InboxPage) -> None:
    inbox.show(refused())
    inbox.button("delivery").click()
    ((view, detail),) = inbox.page.evaluate("opened")
    assert view == "timeline"
    assert isinstance(detail["row"], str)


def test_what_is_typed_survives_news_and_a_card_that_is_drawn_anew(inbox: InboxPage) -> None:
    source = inbox.show(running())
    type_in(inbox, "go", "[1")
    source.story.raised(20.0, "hint")
    source.commit()
    expect(inbox.page.get_by_role("combobox", name="name")).to_have_value("go")
    inbox.again()

    expect(inbox.page.get_by_role("combobox", name="name")).to_have_value("go")
    expect(inbox.page.get_by_role("textbox", name="JSON for the event")).to_have_value("[1")


def test_an_event_on_its_way_is_the_same_click_in_a_card_that_is_drawn_anew(inbox: InboxPage) -> None:
    inbox.show(running())
    type_in(inbox, "go", "1")
    inbox.button("Raise").click()
    inbox.again()
    assert len({one["id"] for one in inbox.sent()}) == 1
    assert said(inbox) == "sending…"


def test_after_an_answer_the_keyboard_stands_before_what_became_of_it(inbox: InboxPage) -> None:
    source = inbox.show(waiting(BOOLEAN))
    inbox.button("Approve approval").focus()
    inbox.page.keyboard.press("Enter")
    source.story.raised(20.0, "approval", True)
    source.commit()

    expect(inbox.page.locator(".nbf-done")).to_be_focused()
    expect(inbox.page.locator(".nbf-done")).to_have_text("✓ approval received")


def test_another_generation_is_asked_anew(inbox: InboxPage) -> None:
    source = inbox.show(waiting(BOOLEAN))
    inbox.button("Approve approval").click()
    story = Story().start()
    story.execution_id = "another"
    story.next_id()
    story.next_id()
    story.wait(1.0, "approval", BOOLEAN)
    source.begin_anew(story)

    expect(inbox.button("Approve approval")).not_to_have_attribute("aria-disabled", "true")


def test_nothing_that_a_stranger_has_written_is_more_than_text(inbox: InboxPage) -> None:
    bad = "</script><img src=x onerror='window.pwned=1'><script>window.pwned=1</script>"
    schema = {
        "title": bad,
        "description": bad,
        "type": "object",
        "properties": {
            bad: {"enum": [bad, "b", "c"], "default": bad, "description": bad},
            "__proto__": {"type": "string", "default": bad},
            "constructor": {"type": "array", "items": {"type": "string"}, "default": [bad]},
            "pattern": {"type": "string", "pattern": bad, "examples": [bad]},
        },
        "required": [],
    }

    story = Story().start()
    story.wait(1.0, bad, json.dumps(schema))
    story.raised(2.0, bad + "2", {"a": bad})
    inbox.show(story)
    inbox.page.locator("form.nbf-ask button.nbf-active").click()
    (answer,) = inbox.sent()

    assert json.loads(answer["payload"]) == {bad: bad, "__proto__": bad, "constructor": [bad]}
    assert answer["name"] == bad
    assert inbox.page.evaluate("window.pwned") is None
    assert inbox.page.locator("img").count() == 0
