"""The form for a fork at the slider, the question before a rewind, and the comparison, in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Locator, Page, expect

from nbflow.core.history import Origin
from nbflow.core.state import InstanceRecord
from nbflow.errors import GoingBackError, InstanceExistsError, NbflowError, PayloadError, UntrustedError
from nbflow.widgets.commanding import Commands
from nbflow.widgets.source import ForkOffer
from tests.browser.axe import violations
from tests.browser.replay_page import ReplayPage
from tests.views.stories import DECISION, Story
from tests.views.stories_replay import Lived, Order, fulfil, fulfilled
from tests.widgets.sources import FakeSource

pytestmark = pytest.mark.browser

PRICE = ForkOffer(
    instance_id="order-42-fork-1",
    shared=8,
    subject="the result of check_price",
    value="120",
    schema='{"type": "integer"}',
)
EVIL = "<img src=x onerror='window.pwned = 1'>"


class Forking:
    """A card that shows a replay, and what is sent to fork it."""

    def __init__(self, page: Page, offer: ForkOffer | Exception = PRICE) -> None:
        self.replay = ReplayPage(page, fulfilled())
        self.page, self.card, self.source = page, self.replay.card, self.replay.source
        self.source.offer = offer
        self.commands = Commands(self.source, send=self.card.push)

    def open(self, seq: int = 7) -> Locator:
        self.replay.go(seq)
        self.replay.button("Fork from here…").click()
        return self.form

    @property
    def form(self) -> Locator:
        return self.page.get_by_role("form", name="Fork")

    @property
    def ack(self) -> Locator:
        return self.form.locator(".nbf-ack")

    def give(self) -> Any:
        """Hand on the only command that the card has sent; gives the future of the fork."""
        (command,) = self.card.sent("command")
        self.commands.give(command)
        return self.source.forked[-1][-1]


@pytest.fixture
def forking(page: Page) -> Iterator[Callable[..., Forking]]:
    opened: list[Forking] = []

    def show(offer: ForkOffer | Exception = PRICE) -> Forking:
        opened.append(Forking(page, offer))
        return opened[-1]

    yield show
    for one in opened:
        assert one.card.errors == []
        assert one.page.evaluate("window.pwned") is None


def test_a_fork_with_another_value_goes_from_the_form_to_the_card_of_the_new_run(
    forking: Callable[..., Forking],
) -> None:
    view = forking()
    form = view.open(7)
    expect(form.get_by_role("group", name="Fork from event 7")).to_contain_text("Events 1 to 8 are shared.")
    expect(form.get_by_label("new run's ID")).to_be_focused()
    expect(form).to_contain_text("as recorded: 120")
    form.get_by_role("checkbox", name="change the result of check_price").check()
    field = form.get_by_role("spinbutton")
    expect(field).to_have_value("120")
    field.fill("99")
    form.get_by_role("button", name="Fork").dblclick()
    future = view.give()
    assert view.source.forked[0][:3] == (7, "99", "order-42-fork-1")
    expect(view.ack).to_have_text("delivered, not recorded yet…")
    future.set_result("order-42-fork-1 has begun")
    expect(view.ack).to_have_text("✓ order-42-fork-1 has begun")
    expect(form.get_by_role("button", name="Fork")).to_be_hidden()
    assert [message["to"] for message in view.card.sent("open")] == ["order-42-fork-1"]


def test_a_fork_without_another_value_sends_none(forking: Callable[..., Forking]) -> None:
    view = forking(ForkOffer(instance_id="x-1", shared=10, nearest=7))
    form = view.open(9)
    expect(form.get_by_role("checkbox")).to_have_count(0)
    form.get_by_role("button", name="Fork").click()
    view.give()
    assert view.source.forked[0][:3] == (9, None, "x-1")


def test_the_nearest_event_that_can_be_changed_is_a_click_away(forking: Callable[..., Forking]) -> None:
    view = forking(ForkOffer(instance_id="x-1", shared=10, nearest=7))
    form = view.open(9)
    expect(form).to_contain_text("brings no value that could be changed")
    view.source.offer = PRICE
    form.get_by_role("button", name="event 7").click()
    expect(form.get_by_role("group", name="Fork from event 7")).to_be_visible()
    view.replay.at(7)


@pytest.mark.parametrize(
    ("error", "field", "said"),
    [
        (InstanceExistsError("order-42-fork-1 exists"), "new run's ID", "order-42-fork-1 exists"),
        (
            PayloadError("the result of check_price doesn't fit int: Expected `int`, got `str`"),
            "Value",
            "Expected `int`",
        ),
        (GoingBackError("event 7 can't have that value: Expected `bool`"), "Value", "Expected `bool`"),
    ],
)
def test_a_refusal_stands_beside_its_field(
    forking: Callable[..., Forking], error: NbflowError, field: str, said: str
) -> None:
    view = forking()
    form = view.open()
    form.get_by_role("checkbox").check()
    form.get_by_role("button", name="Fork").click()
    view.give().set_exception(error)
    shown = form.get_by_role("spinbutton") if field == "Value" else form.get_by_label(field)
    expect(shown).to_be_focused()
    expect(shown).to_have_attribute("aria-invalid", "true")
    expect(form.locator(".nbf-wrong", has_text=said)).to_be_visible()
    form.get_by_role("button", name="Fork").click()
    assert len({command["id"] for command in view.card.sent("command")}) == 2


def test_json_is_looked_at_while_it_is_typed(forking: Callable[..., Forking]) -> None:
    view = forking(
        ForkOffer(
            instance_id="x",
            shared=1,
            subject="the event 'approval'",
            value='{"approved": true}',
            schema=DECISION,
        )
    )
    form = view.open()
    form.get_by_role("checkbox").check()
    field = form.get_by_label("JSON for change the event 'approval'")
    assert msgspec.json.decode(field.input_value()) == {"approved": True}
    field.fill('{"approved": ')
    expect(form.locator(".nbf-wrong", has_text="not JSON")).to_be_visible()
    form.get_by_role("button", name="Fork").click()
    assert view.card.sent("command") == []


def test_a_run_that_can_not_be_forked_says_why(forking: Callable[..., Forking]) -> None:
    view = forking(UntrustedError(f"the rows of {EVIL} were altered: `%wf trust` asks"))
    form = view.open()
    expect(form.get_by_role("alert")).to_contain_text(f"✗ the rows of {EVIL} were altered")
    expect(form.get_by_role("button", name="Fork")).to_be_hidden()
    view.page.keyboard.press("Escape")
    form.get_by_role("button", name="Leave it").click()
    expect(view.replay.button("Fork from here…")).to_be_focused()


def test_without_a_kernel_it_says_so_and_keys_in_the_form_do_not_move_the_slider(
    forking: Callable[..., Forking],
) -> None:
    view = forking()
    form = view.open(7)
    view.page.keyboard.press("ArrowLeft")
    view.page.keyboard.press("Home")
    view.replay.at(7)
    assert violations(view.page, ".nbf-fork") == []
    view.page.clock.install()
    form.get_by_role("button", name="Fork").click()
    view.page.clock.run_for(2100)
    expect(view.ack).to_have_text("no kernel answers: re-run this cell")
    form.get_by_role("button", name="Try again").click()
    first, second = view.card.sent("command")
    assert first == second
    view.page.get_by_role("tab", name="Timeline").click()


# -- rewind ------------------------------------------------------------------------------------------------


def failed() -> Lived:
    """An order of which nobody can say whether it is in stock."""
    run = Lived(fulfil, Order("tea", 2, 240))
    run.failed(1, ConnectionError("the warehouse does not answer"))
    return run


def test_a_rewind_says_where_it_goes_before_it_is_done(page: Page) -> None:
    view = ReplayPage(page, failed())
    view.button("Rewind…").click()
    asked = page.get_by_role("group", name="Rewind order-42?")
    expect(asked).to_contain_text("It goes back to event 1: charge is tried again.")
    asked.get_by_role("button", name="Rewind").click()
    assert [command["do"] for command in view.card.sent("command")] == ["rewind"]


def test_a_rewind_that_is_not_possible_says_why_and_has_no_button(page: Page) -> None:
    view = ReplayPage(page, failed())
    view.source.back = GoingBackError("the newest code doesn't fit")
    view.button("Rewind…").click()
    asked = page.get_by_role("group", name="Rewind order-42?")
    expect(asked).to_contain_text("✗ the newest code doesn't fit")
    expect(asked.get_by_role("button", name="Rewind")).to_be_hidden()


# -- compare -----------------------------------------------------------------------------------------------


class Forked(FakeSource):
    """A run that was forked from another one."""

    capabilities: Any

    def snapshot(self) -> tuple[InstanceRecord, Any]:
        record, events = super().snapshot()
        origin = Origin(reason="fork", instance_id="order-41", execution_id="e", seq=4)
        return msgspec.structs.replace(record, origin=origin), events


def decided(instance_id: str, price: Any) -> Story:
    story = Story(instance_id=instance_id).start()
    stock, cost = story.task(0, "check_stock"), story.task(0, "check_price")
    story.done(1.0, stock, True)
    story.done(2.0, cost, price)
    story.task(2.0, "charge", price)
    return story


def test_a_forked_run_is_linked_to_where_it_comes_from_and_compared_with_it(card: Any) -> None:
    source = Forked(decided("order-42", EVIL))
    source.capabilities |= {"compare"}
    source.others = {
        "order-41": FakeSource(decided("order-41", 120)),
        "order-40": FakeSource(decided("order-40", 1)),
    }
    card.show(source)
    head = card.root.first.locator(".nbf-subhead")
    expect(head).to_contain_text("forked from order-41 at event 4")
    head.get_by_role("button", name="compare", exact=True).click()
    shown = card.page.get_by_role("region", name="Comparison")
    expect(shown.get_by_role("status")).to_contain_text("they part at check_price #2")
    expect(
        shown.get_by_role("textbox", name="Compare with").or_(
            shown.get_by_role("combobox", name="Compare with")
        )
    ).to_have_value("order-41")
    expect(shown.get_by_role("img")).to_have_count(2)
    row = shown.get_by_role("row").filter(has_text="check_price #2")
    expect(row.get_by_role("rowheader")).to_contain_text("≠ differs")
    expect(row.get_by_role("cell").nth(0)).to_contain_text("after 2.0 s")
    expect(row.get_by_role("cell").nth(0)).to_contain_text(EVIL[:20])
    expect(row.get_by_role("cell").nth(1)).to_contain_text("120")
    assert shown.locator("datalist option").count() == 2
    assert violations(card.page) == []
    assert card.page.evaluate("window.pwned") is None
    head.get_by_role("button", name="order-41").click()
    assert [message["to"] for message in card.sent("open")] == ["order-41"]


def test_the_menu_compares_with_any_run_and_says_what_is_wrong(card: Any) -> None:
    source = FakeSource(decided("order-42", 1))
    source.capabilities |= {"compare"}
    card.show(source)
    card.page.get_by_role("button", name="Commands").click()
    card.page.get_by_role("menuitem", name="Compare with…").click()
    shown = card.page.get_by_role("region", name="Comparison")
    name = shown.get_by_label("Compare with")
    expect(name).to_be_focused()
    name.fill("nobody")
    card.page.keyboard.press("Enter")
    expect(shown.get_by_role("alert")).to_have_text("✗ there is no run 'nobody'")
    name.fill("order-42")
    card.page.keyboard.press("Enter")
    expect(shown.get_by_role("alert")).to_contain_text("this is the run itself")
    card.page.keyboard.press("Escape")
    expect(shown).to_be_hidden()
    expect(card.page.get_by_role("button", name="Commands")).to_be_focused()
