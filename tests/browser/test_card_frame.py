"""The frame of the card: its tabs, what its views ask, and the cards of other runs within it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from playwright.sync_api import Page, expect

from nbflow.core.history import ParentReference
from nbflow.widgets import page as card_page
from tests.browser.card_page import CardPage
from tests.views.stories import Story, completed, waiting
from tests.widgets.sources import FakeSource

pytestmark = pytest.mark.browser

ASK = """async (args) => {
  const card = new window.card.CardView(model, document.getElementById("place"));
  try { return { ok: await card.ask("details", args) }; }
  catch (error) { return { error: error.message }; }
}"""


class Child(FakeSource):
    """A run that another one has started."""

    def snapshot(self) -> Any:
        record, history = super().snapshot()
        parent = ParentReference(instance_id="order-42", execution_id="e", scheduled_id=1)
        return msgspec.structs.replace(record, parent=parent), history


def test_the_four_views_are_tabs_that_the_arrow_keys_walk(card: CardPage) -> None:
    card.show(completed())
    tabs = card.page.get_by_role("tab")
    expect(tabs).to_have_text(["Timeline", "Replay", "Graph", "Inbox"])
    tabs.first.focus()
    for key, name in (
        ("ArrowRight", "Replay"),
        ("End", "Inbox"),
        ("ArrowRight", "Timeline"),
        ("ArrowLeft", "Inbox"),
    ):
        card.page.keyboard.press(key)
        chosen = card.page.get_by_role("tab", selected=True)
        expect(chosen).to_have_text(name)
        expect(chosen).to_be_focused()
        expect(chosen).to_have_attribute("tabindex", "0")
        expect(card.page.get_by_role("tabpanel", name=name)).to_be_visible()
    expect(card.page.locator('[role=tab][tabindex="0"]')).to_have_count(1)


def test_a_card_that_is_drawn_anew_shows_the_same_tab(card: CardPage) -> None:
    card.show(completed())
    card.open("Inbox")
    card.page.evaluate("dispose(); mount()")
    expect(card.page.get_by_role("tab", selected=True)).to_have_text("Inbox")


def test_whatever_has_the_focus_keeps_its_keys_from_the_notebook(card: CardPage) -> None:
    card.show(waiting())
    for _ in range(20):
        card.page.keyboard.press("Tab")
        focused = card.page.evaluate(
            "[document.activeElement.closest('.nbf') !== null, document.activeElement.dataset.lmSuppressShortcuts]"
        )
        assert focused in ([True, "true"], [False, None])


def test_the_inbox_tab_tells_how_many_answers_are_wanted(card: CardPage) -> None:
    card.show(waiting())
    expect(card.page.get_by_role("tab", name="Inbox (1)")).to_be_visible()


def test_what_a_run_has_come_to_is_said_aloud_once(card: CardPage) -> None:
    card.show(waiting())
    expect(card.page.locator(".nbf > [role=status]").first).to_have_text(
        "order-42: running, waits for approval"
    )


def test_a_view_gets_what_it_asks_for(card: CardPage) -> None:
    card.show(completed())
    card.page.evaluate("dispose()")
    reply = card.page.evaluate(ASK, {"key": card.conversation and "1"})
    assert "ok" in reply


def test_a_view_is_told_in_a_sentence_why_not(card: CardPage) -> None:
    card.show(completed())
    card.page.evaluate("dispose()")
    reply = card.page.evaluate(ASK.replace('"details"', '"weather"'), {})
    assert reply == {
        "error": "the kernel's nbflow can't tell 'weather': restart the kernel to get the newer one"
    }


def test_a_view_that_asks_where_no_kernel_is_learns_it_after_two_seconds(card: CardPage) -> None:
    card.page.clock.install()
    card.show(completed(), answer=False)
    card.stop_time()
    card.page.evaluate(
        """() => { const card = new window.card.CardView(model, document.getElementById("place"));
        card.ask("moment").catch((error) => { window.told = error.message; }); }"""
    )
    assert card.page.evaluate("window.told") is None
    card.page.clock.run_for(2100)
    assert card.page.evaluate("window.told") == "no kernel answers: re-run this cell"


def test_a_look_that_takes_long_is_waited_for_once_it_was_taken_up(card: CardPage) -> None:
    card.page.clock.install()
    source = FakeSource(completed())
    source.waits_aside = True
    card.show(source)
    card.page.evaluate(
        """() => { window.view = new window.card.CardView(model, document.getElementById("place"));
        view.ask("details", { key: "1" }).then(() => { window.told = "ok"; }, (error) => { window.told = error.message; }); }"""
    )
    card.page.wait_for_function("[...view.asked.values()].length === 1")
    card.page.wait_for_function("model.sent.filter((m) => m.type === 'ask').length <= model.answered")
    card.page.clock.run_for(30_000)
    assert card.page.evaluate("window.told") is None
    source.looks.pop()()
    card.page.wait_for_function("window.told")
    assert card.page.evaluate("window.told") == "ok"


def test_a_child_leads_to_its_parent_in_a_card_below(card: CardPage) -> None:
    child = Child(Story(name="ship", instance_id="order-42:1").start())
    child.others["order-42"] = FakeSource(waiting())
    card.show(child)
    card.page.get_by_role("button", name="order-42", exact=True).click()
    other = card.page.get_by_role("group", name="Run order-42 of fulfil")
    expect(other.locator(".nbf-badge")).to_have_text("► running")
    expect(other.get_by_role("tab", name="Timeline")).to_be_focused()
    expect(other.get_by_role("button", name="Approve approval")).to_be_visible()

    parent = child.others["order-42"]
    parent.story.raised(15.0, "approval", {"approved": True})
    parent.commit()
    expect(other.get_by_role("button", name="Approve approval")).to_have_count(0)

    other.get_by_role("button", name="Close this card").click()
    expect(other).to_have_count(0)
    card.settle()
    assert parent.callbacks == []


def test_an_answer_in_a_card_below_reaches_its_run(card: CardPage) -> None:
    card.unanswered = set()
    child = Child(Story(name="ship", instance_id="order-42:1").start())
    child.others["order-42"] = FakeSource(waiting())
    card.show(child)
    card.page.get_by_role("button", name="order-42", exact=True).click()
    card.page.get_by_role("button", name="Approve approval").click()
    expect(card.page.locator("[data-state=delivered]")).to_be_visible()
    assert [(name, payload) for name, payload, _ in child.others["order-42"].raised] == [
        ("approval", '{"approved":true}')
    ]
    assert child.raised == []


def test_a_card_below_of_a_run_that_is_gone_says_so(card: CardPage) -> None:
    card.show(Child(Story(name="ship", instance_id="order-42:1").start()))
    card.page.get_by_role("button", name="order-42", exact=True).click()
    expect(
        card.page.get_by_text("There is nothing more to follow: there is no run 'order-42'")
    ).to_be_visible()


def test_cards_below_come_back_when_the_card_is_drawn_anew(card: CardPage) -> None:
    child = Child(Story(name="ship", instance_id="order-42:1").start())
    child.others["order-42"] = FakeSource(waiting())
    card.show(child)
    card.page.get_by_role("button", name="order-42", exact=True).click()
    expect(card.page.get_by_role("button", name="Approve approval")).to_be_visible()
    card.page.evaluate("dispose(); mount()")
    expect(card.page.get_by_role("button", name="Approve approval")).to_be_visible()


def test_a_front_end_that_loses_its_kernel_says_so(card: CardPage) -> None:
    card.show(waiting())
    card.conversation = None
    card.page.evaluate("model.emit('comm_live_update')")
    expect(card.page.get_by_text("no kernel answers: re-run this cell")).to_be_visible()


def test_a_kernel_that_is_busy_is_waited_for(card: CardPage) -> None:
    card.page.clock.install()
    card.show(waiting())
    card.conversation = None
    card.page.evaluate(
        "model.widget_manager = { kernel: { status: 'busy' } }; model.emit('comm_live_update')"
    )
    card.page.clock.run_for(10_000)
    notice = card.page.get_by_text("no kernel answers: re-run this cell")
    expect(notice).to_be_hidden()
    card.page.evaluate("model.widget_manager.kernel.status = 'dead'")
    card.page.clock.run_for(2100)
    expect(notice).to_be_visible()


def test_a_run_that_began_again_is_drawn_though_its_messages_count_anew(card: CardPage) -> None:
    card.show(completed())
    message = {**card.page.evaluate("model.state.snapshot"), "n": 0}
    message["run"] = {
        **message["run"],
        "execution": "another",
        "look": ["►", "running", "active"],
        "live": True,
    }
    card.push(message)
    expect(card.page.locator(".nbf-badge")).to_have_text("► running")


def test_what_is_to_be_known_of_the_history_is_in_the_header(card: CardPage) -> None:
    source = FakeSource(waiting())
    source.said_of_it = "relaxed durability: …"
    card.show(source)
    expect(card.root.first.get_by_text("relaxed durability: …")).to_be_visible()


def test_the_module_is_bare_and_what_travels_is_small() -> None:
    code = card_page.module()
    travels = card_page.packed(code)
    print(f"\nmodule with its styles {len(code.encode()):,} bytes, packed {len(travels):,}")
    assert "/**" not in code
    assert "import {" not in code
    assert "@STYLES@" not in code
    assert len(travels) < 60_000


def test_a_card_brings_its_styles_to_a_page_once(card: CardPage) -> None:
    card.page.evaluate("document.querySelector('link[rel=stylesheet]').remove()")
    card.show(waiting())
    card.page.evaluate("mount()")
    expect(card.page.locator("style[data-nbflow]")).to_have_count(1)
    expect(card.root.first).to_have_css("border-radius", "8px")


def test_a_packed_module_is_the_module_and_is_unpacked_once(page: Page) -> None:
    packed = card_page.packed(
        "globalThis.runs = (globalThis.runs ?? 0) + 1;\nexport default { render: () => 7 };"
    )
    page.route(
        "http://card.test/**", lambda route: route.fulfill(body="<!doctype html>", content_type="text/html")
    )
    page.goto("http://card.test/")
    found = page.evaluate(
        """async (text) => {
          const load = async () => (await import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })))).default.render({ model: {} });
          const [one, other] = await Promise.all([load(), load()]);
          return [one, other, globalThis.runs];
        }""",
        packed,
    )
    assert found == [7, 7, 1]
