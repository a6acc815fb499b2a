"""Answering an event on the card: buttons, JSON, and how far an answer has come."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.card_page import CardPage
from tests.views.stories import BOOLEAN, DECISION, Story, waiting

pytestmark = pytest.mark.browser

ADDRESS = '{"type": "object", "required": ["street", "city", "zip"]}'
"""A schema that names no types: there is no form for it."""


def approve(card: CardPage) -> Locator:
    return card.page.get_by_role("button", name="Approve approval")


def state(card: CardPage) -> Locator:
    return card.page.locator("form.nbf-ask .nbf-ack")


def field(card: CardPage, name: str = "address") -> Locator:
    return card.page.get_by_role("textbox", name=f"JSON for {name}")


def test_approve_sends_what_the_workflow_takes_with_an_ack_id(card: CardPage) -> None:
    card.show(waiting(DECISION))
    approve(card).click()
    (answer,) = card.sent("answer")

    assert (answer["name"], json.loads(answer["payload"])) == ("approval", {"approved": True})
    assert answer["id"]
    expect(state(card)).to_have_text("sending…")


@pytest.mark.parametrize(("button", "payload"), [("Approve", "true"), ("Reject", "false")])
def test_a_boolean_is_sent_as_one(card: CardPage, button: str, payload: str) -> None:
    card.show(waiting(BOOLEAN))
    card.page.get_by_role("button", name=button).click()

    assert [answer["payload"] for answer in card.sent("answer")] == [payload]


def test_a_second_click_is_refused(card: CardPage) -> None:
    card.show(waiting())
    approve(card).click()
    expect(approve(card)).to_have_attribute("aria-disabled", "true")
    approve(card).click(force=True)
    approve(card).dblclick(force=True)
    card.page.get_by_role("button", name="Reject approval").click(force=True)

    assert len(card.sent("answer")) == 1


def test_the_way_of_an_answer_from_sending_to_recorded(card: CardPage) -> None:
    card.page.clock.install()
    source = card.show(waiting())
    card.stop_time()
    approve(card).click()
    expect(state(card)).to_have_text("sending…")
    card.page.clock.run_for(500)
    expect(state(card)).to_have_text("queued: the kernel is busy")
    (answer,) = card.sent("answer")
    card.ack(answer["id"], "delivered")
    expect(state(card)).to_have_text("delivered, not recorded yet…")
    card.page.clock.run_for(10_000)
    expect(state(card)).to_have_text("delivered, not recorded yet…")
    card.ack(answer["id"], "recorded")
    expect(state(card)).to_have_text("✓ recorded")

    source.story.raised(20.0, "approval", {"approved": True})
    source.commit()
    expect(approve(card)).to_have_count(0)
    expect(card.page.get_by_role("row", name="approval")).to_contain_text("received")


def test_without_an_answer_for_two_seconds_no_kernel_answers(card: CardPage) -> None:
    card.page.clock.install()
    card.show(waiting())
    card.stop_time()
    approve(card).click()
    card.page.clock.run_for(1900)
    expect(state(card)).not_to_have_text("no kernel answers: re-run this cell")
    card.page.clock.run_for(200)
    expect(state(card)).to_have_text("no kernel answers: re-run this cell")

    card.page.get_by_role("button", name="Try again").click()
    first, second = card.sent("answer")
    assert first == second, "the same click: the kernel counts it once"
    card.ack(first["id"], "delivered")
    expect(state(card)).to_have_text("delivered, not recorded yet…")
    expect(card.page.get_by_role("button", name="Try again")).to_be_hidden()


def test_a_late_answer_still_counts(card: CardPage) -> None:
    card.page.clock.install()
    card.show(waiting())
    approve(card).click()
    card.page.clock.run_for(60_000)
    card.ack(card.sent("answer")[0]["id"], "recorded")

    expect(state(card)).to_have_text("✓ recorded")


@pytest.mark.parametrize(
    ("verdict", "words"),
    [("rejected", "✗ rejected: Expected `bool`"), ("failed", "✗ not recorded: Expected `bool`")],
)
def test_a_refusal_is_shown_beside_the_control_which_can_be_used_again(
    card: CardPage, verdict: str, words: str
) -> None:
    card.show(waiting())
    approve(card).click()
    card.ack(card.sent("answer")[0]["id"], verdict, "Expected `bool`")
    expect(card.page.locator(".nbf-ask .nbf-error")).to_have_text(words)
    approve(card).click()
    first, second = card.sent("answer")

    assert first["id"] != second["id"]
    expect(card.page.locator(".nbf-ask .nbf-error")).to_be_hidden()


def test_a_payload_that_the_run_refuses_later_can_be_given_anew(card: CardPage) -> None:
    source = card.show(waiting())
    wait = next(e.id for e in source.story.events if type(e).__name__ == "EventWaitCreated")
    approve(card).click()
    card.ack(card.sent("answer")[0]["id"], "recorded")
    source.story.raised(20.0, "approval", "yes")
    source.story.rejected(20.0, wait, "approval", "Expected `object`, got `str`")
    source.commit()

    expect(card.page.locator(".nbf-ask .nbf-error")).to_have_text("✗ rejected: Expected `object`, got `str`")
    approve(card).click()
    assert len(card.sent("answer")) == 2


def test_an_acknowledgement_of_another_card_changes_nothing(card: CardPage) -> None:
    card.show(waiting())
    approve(card).click()
    card.ack("somebody-elses", "recorded")

    expect(state(card)).to_have_text("sending…")


# -- JSON ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"street": "a", "city": "b", "zip": 1}', ""),
        ('{"street": "a", "city": "b"}', "✗ zip missing"),
        ("[1]", "✗ object expected, not array"),
        ("null", "✗ object expected, not null"),
        ("Baker Street", '✗ not JSON: text needs quotes, as in "Baker Street"'),
        ("", "✗ a value is needed"),
    ],
)
def test_json_is_checked_as_it_is_typed(card: CardPage, text: str, complaint: str) -> None:
    card.show(waiting(ADDRESS, name="address"))
    field(card).fill(text)

    expect(card.page.locator(".nbf-ask .nbf-error")).to_have_text(complaint)
    assert field(card).get_attribute("aria-invalid") == ("true" if complaint else None)


def test_the_parsers_complaint_is_passed_on(card: CardPage) -> None:
    card.show(waiting(ADDRESS, name="address"))
    field(card).fill('{"street": ')
    expect(card.page.locator(".nbf-ask .nbf-error")).to_contain_text("✗ not JSON: ")


def test_what_is_no_json_is_not_sent(card: CardPage) -> None:
    card.show(waiting(ADDRESS, name="address"))
    field(card).fill("{")
    card.page.get_by_role("button", name="Send address").click()
    field(card).press("Control+Enter")

    assert card.sent("answer") == []


def test_the_text_is_sent_as_it_was_typed(card: CardPage) -> None:
    card.show(waiting(ADDRESS, name="address"))
    expect(field(card)).to_have_value("{}")
    typed = '{"street": "Bäckerstraße 👋", "city": "x", "zip": 123456789012345678901}'
    field(card).fill(typed)
    card.page.get_by_role("button", name="Send address").click()

    assert [answer["payload"] for answer in card.sent("answer")] == [typed]
    assert field(card).evaluate("one => one.readOnly") is True


def test_enter_sends_a_single_line(card: CardPage) -> None:
    card.show(waiting('{"type": ["integer", "string"]}', name="count"))
    field(card, "count").fill("42")
    field(card, "count").press("Enter")

    assert [answer["payload"] for answer in card.sent("answer")] == ["42"]


@pytest.mark.parametrize(
    ("typed", "payload"), [("", "null"), ("true", "true"), (' {"a": [1]} ', '{"a": [1]}')]
)
def test_without_a_schema_anything_can_be_sent(card: CardPage, typed: str, payload: str) -> None:
    card.show(waiting(None, name="go"))
    expect(card.page.get_by_role("button", name="Approve go")).to_have_count(0)
    expect(card.page.get_by_text("empty sends null")).to_be_visible()
    field(card, "go").fill(typed)
    card.page.get_by_role("button", name="Send go").click()

    assert [answer["payload"] for answer in card.sent("answer")] == [payload]


def test_what_is_being_typed_survives_news(card: CardPage) -> None:
    source = card.show(waiting(ADDRESS, name="address"))
    field(card).fill('{"street": "Ba')
    source.story.raised(20.0, "hint")
    source.commit()
    card.push({"type": "stale"})

    expect(card.page.get_by_role("row", name="hint")).to_be_visible()
    expect(field(card)).to_have_value('{"street": "Ba')
    expect(field(card)).to_be_focused()


def test_when_the_question_goes_the_keyboard_stays_where_its_outcome_is_told(card: CardPage) -> None:
    source = card.show(waiting())
    approve(card).focus()
    card.page.keyboard.press("Enter")
    source.story.raised(20.0, "approval", {"approved": True})
    source.commit()

    expect(card.page.locator(".nbf-done")).to_be_focused()
    expect(card.page.locator(".nbf-done")).to_have_text("✓ approval received")


def test_several_questions_are_answered_each_by_itself(card: CardPage) -> None:
    story = Story().start()
    story.wait(1.0, "legal", BOOLEAN)
    story.wait(1.0, "finance", BOOLEAN)
    card.show(story)
    card.page.get_by_role("button", name="Reject finance").click()
    (answer,) = card.sent("answer")
    card.ack(answer["id"], "recorded")

    assert (answer["name"], answer["payload"]) == ("finance", "false")
    expect(card.page.locator("form[data-name=finance] .nbf-ack")).to_have_text("✓ recorded")
    expect(card.page.locator("form[data-name=legal] .nbf-ack")).to_have_text("")
    card.page.get_by_role("button", name="Approve legal").click()
    assert len(card.sent("answer")) == 2


def test_hostile_event_names_are_sent_back_as_they_were(card: CardPage) -> None:
    name = "</style><script>window.pwned = 1</script>\u202e"
    story = Story().start()
    story.wait(1.0, name, BOOLEAN)
    card.show(story)
    card.page.get_by_text("Approve", exact=True).click()

    assert [answer["name"] for answer in card.sent("answer")] == [name]
    assert card.page.evaluate("window.pwned") is None


def draw_anew(card: CardPage, story: Story) -> None:
    """What JupyterLab does when an output is renewed: the view goes, and there is a new one of the same model."""
    card.page.evaluate("() => { window.dispose?.(); document.getElementById('place').replaceChildren(); }")
    card.show(story)


def test_what_is_being_typed_survives_a_card_that_is_drawn_anew(card: CardPage) -> None:
    story = waiting(ADDRESS, name="address")
    card.show(story)
    field(card).fill('{"street": "Main')
    draw_anew(card, story)

    expect(field(card)).to_have_value('{"street": "Main')


def test_an_answer_on_its_way_is_not_sent_twice_by_a_card_that_is_drawn_anew(card: CardPage) -> None:
    story = waiting(DECISION)
    card.show(story)
    approve(card).click()
    draw_anew(card, story)
    approve(card).click(force=True)

    assert len({answer["id"] for answer in card.sent("answer")}) == 1
    expect(approve(card)).to_have_attribute("aria-disabled", "true")
