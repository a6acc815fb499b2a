"""The whole card for everybody: axe-core, widths, the keyboard, less motion, themes."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.browser.card_page import CardPage
from tests.views.stories import STORIES, running, waiting
from tests.views.stories_replay import fulfilled, parted
from tests.widgets.sources import FakeSource

pytestmark = pytest.mark.browser

VIEWS = ("Timeline", "Replay", "Graph", "Inbox")

STICKS_OUT = """async () => {
  for (let frames = 0; frames < 3; frames += 1) await new Promise(requestAnimationFrame);
  const edge = document.querySelector(".nbf").getBoundingClientRect().right;
  const cut = ".nbf-scroll, .nbf-sr, .nbf-tl-track, .nbf-tl-name, .nbf-tl-state, .nbf-rp-code, .nbf-rp-happened, .nbf-graph-box, [hidden]";
  const wide = [...document.querySelectorAll(".nbf *")].filter((one) => one.getBoundingClientRect().right > edge + 1 && !one.closest(cut));
  return [...wide.map((one) => one.className || one.tagName), ...(document.documentElement.scrollWidth > innerWidth ? ["the page"] : [])];
}"""

# Of words that stand side by side: pairs of which one covers a part of the other.
COVERED = """() => {
  const boxes = [...document.querySelectorAll(".nbf dt, .nbf dd, .nbf button, .nbf-title, .nbf-id, .nbf-subtitle > *, .nbf-label")]
    .filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.closest(".nbf-tl-rows, .nbf-menu, .nbf-rp-events"))
    .flatMap((one) => { const range = document.createRange(); range.selectNodeContents(one); return [...range.getClientRects()].filter((box) => box.width > 1).map((box) => [one, box]); });
  return boxes.flatMap(([one, a], i) => boxes.slice(i + 1).filter(([other, b]) => !one.contains(other) && !other.contains(one)
    && a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3).map(([other]) => `${one.textContent} | ${other.textContent}`));
}"""


def drawn(card: CardPage, view: str) -> None:
    """Show a view, and wait until what it asked for is there."""
    panel = card.open(view)
    card.settle()
    if view == "Replay":
        expect(panel.locator(".nbf-rp-why")).not_to_be_empty()
        expect(panel.locator(".nbf-rp-old")).to_have_count(0)
    elif view == "Graph":
        expect(panel.get_by_text("drawing …")).to_have_count(0)


@pytest.mark.parametrize("width", [1100, 420])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_a_mismatch_of_code_and_history(page: Page, scheme: Any, width: int) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    card = CardPage(page)
    card.show(parted())
    card.page.get_by_text("Both sides").click()
    expect(card.page.locator(".nbf-pt-first")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate(STICKS_OUT) == []


@pytest.mark.parametrize("width", [1100, 420])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_whole_card(page: Page, scheme: Any, width: int) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    card = CardPage(page)
    run = fulfilled(until="approval")
    card.show(FakeSource(run.story(), code=run.code))
    for view in VIEWS:
        drawn(card, view)
        assert violations(page) == [], view
    page.get_by_role("button", name="Input and output").click()
    drawn(card, "Timeline")
    page.get_by_role("row", name="check_stock").click()
    page.get_by_role("button", name="Commands").click()
    assert violations(page) == [], "with all that unfolds"


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_sticks_out_at_any_width(card: CardPage, view: str) -> None:
    run = fulfilled(until="side by side")
    card.show(FakeSource(run.story(), code=run.code))
    drawn(card, view)
    for width in (320, 420, 620, 1100):
        card.page.set_viewport_size({"width": width, "height": 700})
        assert card.page.evaluate(STICKS_OUT) == [], f"at {width} px"


def test_the_rules_of_the_page_around_it_leave_the_card_as_it_is(card: CardPage) -> None:
    run = fulfilled(until="approval")
    card.show(FakeSource(run.story(), code=run.code))
    drawn(card, "Replay")
    assert card.page.evaluate(COVERED) == []
    drawn(card, "Timeline")
    card.page.get_by_role("row", name="check_stock").click()
    card.page.get_by_role("button", name="Keys").click()
    expect(card.page.locator(".nbf-tl-pane dd").first).to_be_visible()
    for width in (420, 1100):
        card.page.set_viewport_size({"width": width, "height": 900})
        assert card.page.evaluate(COVERED) == [], f"at {width} px"
    expect(card.page.locator(".nbf-pill").first).to_have_css("border-radius", "999px")
    expect(card.page.get_by_role("button", name="Approve approval")).to_have_css("border-radius", "5px")
    expect(card.page.locator(".nbf-pre").first).to_have_css("word-break", "normal")
    tops = card.page.locator(".nbf-facts > div").first.evaluate(
        "(fact) => [...fact.children].map((one) => one.getBoundingClientRect().top)"
    )
    assert max(tops) - min(tops) < 2


@pytest.mark.parametrize("name", STORIES)
def test_no_run_is_too_wide_for_a_narrow_card(card: CardPage, name: str) -> None:
    card.show(STORIES[name]())
    card.page.get_by_role("button", name="Input and output").click()
    for width in (320, 620):
        card.page.set_viewport_size({"width": width, "height": 700})
        assert card.page.evaluate(STICKS_OUT) == [], f"at {width} px"


def test_the_tab_key_goes_through_the_card_from_top_to_bottom(card: CardPage) -> None:
    card.show(waiting())
    stops: list[str] = []
    for _ in range(7):
        card.page.keyboard.press("Tab")
        stops.append(
            card.page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.textContent")
        )

    assert stops == [
        "Commands",
        "Input and output",
        "Approve approval",
        "Reject approval",
        "with note",
        "Timeline",
        stops[-1],
    ]
    assert "done" in stops[-1], "the first filter of the view that is shown"


def test_less_motion_is_less_motion(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.clock.install()
    card = CardPage(page)
    card.show(running())
    card.stop_time()
    page.evaluate(
        """() => { window.ticks = 0;
        new MutationObserver(() => { ticks += 1; }).observe(document.querySelector(".nbf-elapsed"), {childList: true}); }"""
    )
    page.clock.run_for(5000)

    assert 4 <= page.evaluate("ticks") <= 6


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ("--jp-layout-color1: rgb(1, 2, 3); --vscode-editor-background: rgb(4, 5, 6)", "rgb(1, 2, 3)"),
        ("--vscode-editor-background: rgb(4, 5, 6)", "rgb(4, 5, 6)"),
    ],
)
def test_the_notebooks_theme_wins_over_the_browsers(card: CardPage, variables: str, expected: str) -> None:
    card.show(waiting())
    card.page.evaluate("(style) => document.documentElement.setAttribute('style', style)", variables)

    assert card.page.evaluate("getComputedStyle(document.querySelector('.nbf')).backgroundColor") == expected
