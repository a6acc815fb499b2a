"""The graph in the card, in a real Chromium: drawn, moved, walked by keys, and nothing executed."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from nbflow.widgets import graphing
from nbflow.widgets.drawing import programs
from tests.browser.axe import violations
from tests.browser.card_page import CardPage
from tests.views.graph.test_printers import HOSTILE, named
from tests.views.stories import hostile
from tests.views.stories_graph import RUNS, played
from tests.widgets.sources import FakeSource

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not list(programs()), reason="neither dot nor graphviz-pure is here: pip install nbflow[diagrams]"
    ),
]


OFF_CENTRE = """() => [...document.querySelectorAll(".nbf-graph-box .nbf-node")].flatMap((node) => {
  const shape = node.querySelector("path, polygon")?.getBoundingClientRect();
  return shape ? [...node.querySelectorAll("text")].map((one) => [one.textContent, one.getBoundingClientRect()])
    .filter(([, box]) => Math.abs(box.left + box.right - shape.left - shape.right) > 3).map(([text]) => text) : [];
})"""
"""Lines of nodes that don't stand in the middle of their shape."""


def shown(card: CardPage, name: str, *, until: float = 1.0) -> FakeSource:
    source = FakeSource(played(name, until=until), code=RUNS[name][0])
    card.show(source)
    card.open("Graph")
    expect(card.page.locator(".nbf-graph-box svg")).to_be_visible()
    return source


def node(card: CardPage, words: str) -> Locator:
    return card.page.locator(f'.nbf-node[aria-label^="{words}"]')


def width(card: CardPage) -> float:
    return float(card.page.locator(".nbf-graph-box svg").get_attribute("width") or 0)


def test_nodes_have_names_roles_and_states(card: CardPage) -> None:
    shown(card, "order", until=0.6)
    expect(card.page.get_by_role("group", name="Graph of the workflow fulfil")).to_be_visible()
    expect(card.page.get_by_role("button", name="check_stock, activity")).to_have_class(
        "nbf-node nbf-k-activity nbf-s-done"
    )
    expect(card.page.get_by_role("img", name="return, end")).to_have_class(
        "nbf-node nbf-k-return nbf-s-never"
    )
    expect(card.page.get_by_role("list", name="Legend")).to_contain_text("not reached")


def test_words_stand_in_the_middle_of_their_nodes_whatever_the_font(card: CardPage) -> None:
    shown(card, "order", until=0.6)
    for font in ("monospace", "serif", "sans-serif"):
        card.page.add_style_tag(content=f".nbf-graph-box text {{ font-family: {font} }}")
        assert card.page.evaluate(OFF_CENTRE) == [], font


def test_the_picture_follows_the_run(card: CardPage) -> None:
    source = shown(card, "order", until=0.5)
    expect(node(card, "send_receipt, activity")).to_have_class("nbf-node nbf-k-activity nbf-s-never")
    source.story = played("order")
    source.commit()
    expect(node(card, "send_receipt, activity")).to_have_class("nbf-node nbf-k-activity nbf-s-done")


def test_nothing_is_asked_while_another_view_is_shown(card: CardPage) -> None:
    source = shown(card, "order", until=0.5)
    card.open("Timeline")
    before = len([m for m in card.sent("ask") if m["what"] == "graph"])
    source.story = played("order")
    source.commit()
    expect(card.root).to_contain_text("completed")
    assert len([m for m in card.sent("ask") if m["what"] == "graph"]) == before


def test_a_click_opens_the_rows_of_a_node(card: CardPage) -> None:
    shown(card, "order")
    node(card, "charge, activity").click()
    expect(card.page.get_by_role("tab", selected=True)).to_have_text("Timeline")


def test_the_keyboard_walks_the_nodes(card: CardPage) -> None:
    shown(card, "order")
    expect(card.page.locator('.nbf-node[tabindex="0"]')).to_have_count(1)
    node(card, "start of fulfil").focus()
    for key, words in (
        ("ArrowDown", "check_stock"),
        ("End", "return"),
        ("ArrowUp", "send_receipt"),
        ("Home", "start of"),
    ):
        card.page.keyboard.press(key)
        focused: Any = card.page.evaluate("document.activeElement.getAttribute('aria-label')")
        assert focused.startswith(words)
        expect(card.page.locator('.nbf-node[tabindex="0"]')).to_have_count(1)
    card.page.keyboard.press("ArrowDown")
    card.page.keyboard.press("Enter")
    expect(card.page.get_by_role("tab", selected=True)).to_have_text("Timeline")


def test_the_focus_stays_while_the_run_goes_on(card: CardPage) -> None:
    source = shown(card, "order", until=0.5)
    node(card, "check_stock").focus()
    source.story = played("order")
    source.commit()
    expect(node(card, "send_receipt, activity")).to_have_class("nbf-node nbf-k-activity nbf-s-done")
    expect(node(card, "check_stock")).to_be_focused()


def test_it_is_zoomed_by_keys_buttons_and_wheel(card: CardPage) -> None:
    shown(card, "order")
    first = width(card)
    node(card, "check_stock").focus()
    card.page.keyboard.press("+")
    assert width(card) == pytest.approx(first * 1.25)
    card.page.keyboard.press("-")
    assert width(card) == pytest.approx(first)
    card.page.get_by_role("button", name="Larger").click()
    card.page.locator(".nbf-graph-box").hover()
    larger = width(card)
    card.page.keyboard.down("Control")
    card.page.mouse.wheel(0, -100)
    card.page.keyboard.up("Control")
    card.page.wait_for_function(
        "(w) => +document.querySelector('.nbf-graph-box svg').getAttribute('width') > w", arg=larger
    )
    card.page.get_by_role("button", name="Show the whole graph").click()
    box = card.page.locator(".nbf-graph-box")
    assert box.evaluate("(box) => box.scrollHeight - box.clientHeight") <= 2


def test_it_is_dragged_and_a_drag_is_no_click(card: CardPage) -> None:
    shown(card, "order")
    box = card.page.locator(".nbf-graph-box")
    box.evaluate("(box) => { box.scrollTop = 0; }")
    place = node(card, "check_stock").bounding_box()
    assert place is not None
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    for far in (8, 80):  # the node goes along: what is under the hand stays there
        card.page.mouse.move(x, y)
        card.page.mouse.down()
        card.page.mouse.move(x, y - far, steps=4)
        card.page.mouse.up()
        expect(card.page.get_by_role("tab", selected=True)).to_have_text("Graph")
        assert box.evaluate("(box) => box.scrollTop") > far / 3
        box.evaluate("(box) => { box.scrollTop = 0; }")


def test_the_table_is_a_real_one(card: CardPage) -> None:
    shown(card, "order")
    card.page.get_by_role("button", name="Show as a table").click()
    row = card.page.get_by_role("row", name="approval")
    expect(row.get_by_role("cell").nth(1)).to_have_text("✓ received")
    row.get_by_role("button", name="approval").click()
    expect(card.page.get_by_role("tab", selected=True)).to_have_text("Timeline")


def test_without_a_program_there_is_the_table(card: CardPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphing, "draw_svg", lambda *_args, **_more: None)
    monkeypatch.setattr(graphing, "viz_js", lambda: None)
    card.show(FakeSource(played("order"), code=RUNS["order"][0]))
    card.open("Graph")
    expect(card.page.get_by_role("table", name="Graph of the workflow")).to_be_visible()
    expect(card.page.get_by_text("pip install nbflow[diagrams]")).to_be_visible()


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_are_text_and_nothing_runs(card: CardPage, name: str) -> None:
    story = named(name.replace("\ud800", ""))
    card.show(story)
    card.open("Graph")
    expect(card.page.locator(".nbf-graph-box svg .nbf-node")).not_to_have_count(0)
    found = card.page.locator(".nbf-graph-box svg").evaluate(
        "(svg) => [...svg.querySelectorAll('*')].map((one) => [one.localName, [...one.attributes].map((a) => a.name)])"
    )
    assert {tag for tag, _ in found} <= {"g", "path", "polygon", "polyline", "ellipse", "text", "title"}
    assert not [
        names
        for _, names in found
        if any(one.startswith("on") or "href" in one or one == "style" for one in names)
    ]
    assert card.page.evaluate("window.pwned") is None


def test_a_picture_that_is_evil_is_taken_apart_in_the_page_too(
    card: CardPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" onload="window.pwned=1"><script>window.pwned=1</script>'
        '<g id="n1" class="nbf-node evil" onclick="window.pwned=1"><a href="javascript:window.pwned=1"><path d="M0,0L9,9" fill="url(#x)"/></a>'
        '<foreignObject><img xmlns="http://www.w3.org/1999/xhtml" src="x" onerror="window.pwned=1"/></foreignObject></g></svg>'
    )
    monkeypatch.setattr(graphing, "draw_svg", lambda *_args, **_more: evil)
    card.show(hostile())
    card.open("Graph")
    node = card.page.locator(".nbf-node")
    expect(node).to_have_count(1)
    node.click(force=True)
    assert (
        card.page.locator(
            ".nbf-graph-box script, .nbf-graph-box img, .nbf-graph-box a, .nbf-graph-box .evil"
        ).count()
        == 0
    )
    assert card.page.evaluate("window.pwned") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    card = CardPage(page)
    shown(card, "monitor")
    assert violations(page, ".nbf-graph") == []
    page.get_by_role("button", name="Show as a table").click()
    assert violations(page, ".nbf-graph") == []


def test_it_fits_a_narrow_card(card: CardPage) -> None:
    shown(card, "nested")
    for size in (320, 420, 1100):
        card.page.set_viewport_size({"width": size, "height": 800})
        assert card.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"at {size} px"
        edge = card.root.evaluate("(root) => root.getBoundingClientRect().right")
        assert (
            card.page.locator(".nbf-graph-tools").evaluate("(one) => one.getBoundingClientRect().right")
            <= edge
        )
