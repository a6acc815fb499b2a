"""Forms made from real types: what is filled in is what the workflow gets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest
from playwright.sync_api import Page, expect

from tests.browser.inbox_page import InboxPage
from tests.views.stories_inbox import (
    Address,
    Approval,
    Box,
    Deep,
    Invoice,
    Options,
    Order,
    Priority,
    Size,
    Slot,
    Verdict,
)

pytestmark = pytest.mark.browser

BERLIN = Address("Main St 1", "Berlin", "10115")


@pytest.fixture
def inbox(page: Page) -> Iterator[InboxPage]:
    shown = InboxPage(page)
    yield shown
    assert shown.errors == []


@pytest.fixture
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "timezone_id": "Europe/Berlin", "locale": "en-GB"}


def fill(inbox: InboxPage, **values: str) -> None:
    for label, value in values.items():
        inbox.field(label.replace("_", " ")).fill(value)


def address(inbox: InboxPage) -> None:
    fill(inbox, street="Main St 1", city="Berlin", zip="10115")


def order(inbox: InboxPage) -> None:
    fill(inbox, customer="Ada", quantity="2")
    inbox.field("size").select_option("medium")
    inbox.page.get_by_label("no", exact=True).check()
    address(inbox)
    for number, tag in enumerate(("new", "gone", 'q"uote'), start=1):
        inbox.button("Add tags").click()
        inbox.field(f"tags {number}").fill(tag)
    inbox.button("Remove tags 2").click()


def invoice(inbox: InboxPage) -> None:
    fill(inbox, number="R-7", total="12.50", due="2026-02-03", lines_1="5")
    inbox.page.get_by_label("HIGH (3)").check()
    inbox.button("Add lines").click()
    fill(inbox, lines_2="6")
    inbox.page.get_by_role("checkbox", name="address").check()
    address(inbox)


def slot(inbox: InboxPage) -> None:
    fill(inbox, day="2026-02-03", at="09:30", length="PT1H")
    inbox.page.get_by_role("checkbox", name="until").check()
    inbox.page.locator("input[type=datetime-local]").fill("2026-07-01T12:00")
    inbox.page.get_by_role("checkbox", name="room").check()
    inbox.page.get_by_role("textbox", name="room").fill(str(UUID(int=7)))


def deep(inbox: InboxPage) -> None:
    for index in (0, 1):
        for label, value in (("street", "Main St 1"), ("city", "Berlin"), ("zip", "10115")):
            inbox.field(label).nth(index).fill(value)
    inbox.button("Add sizes").click()
    inbox.field("sizes 1").select_option("small")


def value(name: str, text: str) -> Callable[[InboxPage], None]:
    return lambda inbox: inbox.field(name).fill(text)


CASES: list[tuple[str, Any, Callable[[InboxPage], None], Any]] = [
    ("a dataclass", Address, address, BERLIN),
    ("an order", Order, order, Order("Ada", 2, Size.M, BERLIN, False, ["new", 'q"uote'], None)),
    (
        "a model",
        Invoice,
        invoice,
        Invoice(
            number="R-7",
            total=Decimal("12.50"),
            due=date(2026, 2, 3),
            priority=Priority.HIGH,
            lines=[5, 6],
            address=BERLIN,
        ),
    ),
    ("a TypedDict", Options, lambda inbox: fill(inbox, level="3"), {"level": 3}),
    (
        "a Struct with times",
        Slot,
        slot,
        Slot(
            date(2026, 2, 3),
            time(9, 30),
            timedelta(hours=1),
            datetime(2026, 7, 1, 10, 0, tzinfo=UTC),
            UUID(int=7),
        ),
    ),
    ("groups in groups", Deep, deep, Deep(Box(BERLIN, {Size.S}), BERLIN)),
    ("a number", int, value("approval", "123456789012345678901"), 123456789012345678901),
    ("a fraction", float, value("approval", "1.50"), 1.5),
    ("a Decimal", Decimal, value("approval", "0.10"), Decimal("0.10")),
    ("text", str, value("approval", 'it\'s "fine" 👋\\'), 'it\'s "fine" 👋\\'),
    ("a date", date, value("approval", "2026-02-28"), date(2026, 2, 28)),
    ("a moment", datetime, value("approval", "2026-01-01T00:30"), datetime(2025, 12, 31, 23, 30, tzinfo=UTC)),
    ("a time of day", time, value("approval", "23:59:58"), time(23, 59, 58)),
    ("a duration", timedelta, value("approval", "P1DT2H"), timedelta(days=1, hours=2)),
    ("six sizes", Size, lambda inbox: inbox.field("approval").select_option("large"), Size.L),
    (
        "three words",
        Literal["a", "b", "c"],
        lambda inbox: inbox.page.get_by_label("b", exact=True).check(),
        "b",
    ),
    ("a list left empty", list[int], lambda _inbox: None, []),
    ("nothing", int | None, lambda _inbox: None, None),
    ("JSON", dict[str, int], value("JSON for approval", '{"a": 1}'), {"a": 1}),
]


@pytest.mark.parametrize(("name", "kind", "fill_in", "expected"), CASES, ids=[case[0] for case in CASES])
def test_what_is_filled_in_is_what_the_workflow_gets(
    inbox: InboxPage, name: str, kind: Any, fill_in: Callable[[InboxPage], None], expected: Any
) -> None:
    inbox.ask(kind)
    fill_in(inbox)
    inbox.button("Send approval").click()

    assert inbox.decoded() == expected


@pytest.mark.parametrize(
    ("kind", "clicked", "expected"),
    [
        (bool, "Approve", True),
        (bool | None, "Neither", None),
        (Verdict, "decline", Verdict.DECLINE),
        (Approval, "Reject", Approval(False)),
    ],
)
def test_two_answers_are_two_buttons(inbox: InboxPage, kind: Any, clicked: str, expected: Any) -> None:
    inbox.ask(kind)
    inbox.button(f"{clicked} approval").click()

    assert inbox.decoded() == expected


def test_an_approval_can_say_more(inbox: InboxPage) -> None:
    inbox.ask(Approval)
    expect(inbox.field("note")).to_be_hidden()
    inbox.page.get_by_role("button", name="with note, limit").click()
    fill(inbox, note="line one\nline two")
    inbox.button("Approve approval").click()

    assert inbox.decoded() == Approval(True, "line one\nline two", 100.5)


@pytest.mark.parametrize(
    ("kind", "typed", "complaint"),
    [
        (Annotated[int, msgspec.Meta(ge=1, le=9)], "10", "✗ a whole number from 1 to 9 is needed"),
        (int, "1.5", "✗ a whole number is needed"),
        (int, "", "✗ a whole number is needed"),
        (Annotated[str, msgspec.Meta(pattern="^R-")], "x", "✗ text that matches ^R- is needed"),
        (Annotated[str, msgspec.Meta(max_length=2)], "👋👋👋", "✗ text of at most 2 characters is needed"),
        (UUID, "7", "✗ a UUID is needed"),
        (timedelta, "5 minutes", "✗ a duration is needed"),
        (date, "", "✗ a date is needed"),
        (Decimal, "ten", "✗ a decimal number is needed"),
    ],
)
def test_what_does_not_fit_is_said_and_not_sent(
    inbox: InboxPage, kind: Any, typed: str, complaint: str
) -> None:
    inbox.ask(kind)
    inbox.field("approval").fill(typed)
    inbox.button("Send approval").click()

    expect(inbox.error).to_have_text(complaint)
    expect(inbox.field("approval")).to_be_focused()
    assert inbox.field("approval").get_attribute("aria-invalid") == "true"
    assert inbox.sent() == []


def test_each_field_has_its_own_complaint_and_the_first_is_focused(inbox: InboxPage) -> None:
    inbox.ask(Order)
    inbox.button("Send approval").click()

    expect(inbox.field("customer")).to_be_focused()
    expect(inbox.page.locator(".nbf-wrong:not(:empty)")).to_have_text(
        [
            "✗ text of 1 to 40 characters is needed",
            "✗ a whole number from 1 to 99 is needed",
            "✗ choose one",
            "✗ text that matches ^\\d{5}$ is needed",
        ]
    )
    expect(inbox.field("quantity")).to_have_accessible_description(
        "a whole number from 1 to 99 ✗ a whole number from 1 to 99 is needed"
    )


def test_what_is_put_right_is_no_longer_complained_of(inbox: InboxPage) -> None:
    inbox.ask(int)
    inbox.button("Send approval").click()
    inbox.field("approval").fill("1")

    expect(inbox.error).to_have_text("")
    assert inbox.field("approval").get_attribute("aria-invalid") != "true"


def test_a_refused_payload_is_explained_beside_its_field(inbox: InboxPage) -> None:
    inbox.ask(Address)
    address(inbox)
    inbox.button("Send approval").click()
    (answer,) = inbox.sent()
    inbox.ack(answer["id"], "rejected", "told whole", path="$.zip", brief="no such place")

    expect(inbox.field("zip")).to_be_focused()
    expect(inbox.field("zip")).to_have_accessible_description(
        "text that matches ^\\d{5}$, such as 10115 ✗ rejected: no such place"
    )
    expect(inbox.error).to_have_text("")
    inbox.button("Send approval").click()
    assert len(inbox.sent()) == 2


def test_a_refusal_of_something_that_has_no_field_is_shown_below(inbox: InboxPage) -> None:
    inbox.ask(Address)
    address(inbox)
    inbox.button("Send approval").click()
    inbox.ack(inbox.sent()[0]["id"], "rejected", "told whole", path="$.elsewhere", brief="no")

    expect(inbox.error).to_have_text("✗ rejected: elsewhere: no")


def test_the_zone_of_a_moment_is_said(inbox: InboxPage) -> None:
    inbox.ask(datetime)
    inbox.field("approval").fill("2026-07-01T12:00:30")

    expect(inbox.page.get_by_text("Europe/Berlin: 2026-07-01T10:00:30Z")).to_be_visible()


def test_drafts_survive_a_card_that_is_drawn_anew(inbox: InboxPage) -> None:
    inbox.ask(Order)
    order(inbox)
    inbox.again()
    inbox.button("Send approval").click()

    assert inbox.decoded() == Order("Ada", 2, Size.M, BERLIN, False, ["new", 'q"uote'], None)
    assert asdict(inbox.decoded())["tags"] == ["new", 'q"uote']


def test_enter_in_a_field_sends_the_form(inbox: InboxPage) -> None:
    inbox.ask(Address)
    address(inbox)
    inbox.field("street").press("Enter")

    assert inbox.decoded() == BERLIN
