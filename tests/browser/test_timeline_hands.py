"""The timeline in use: keyboard, pointer, filter, zoom, and what is behind a row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.timeline_page import TimelinePage
from tests.views.stories import completed, failing, long_run, patient, running

pytestmark = pytest.mark.browser

FOCUSED = "document.activeElement.querySelector('bdi')?.textContent ?? document.activeElement.textContent"


@pytest.fixture
def chart(page: Page) -> Iterator[TimelinePage]:
    page.set_viewport_size({"width": 1100, "height": 800})
    chart = TimelinePage(page)
    yield chart
    assert chart.errors == []


def seen(chart: TimelinePage) -> tuple[float, float]:
    """The part of the axis that is seen."""
    first, last = chart.page.evaluate("view.seen")
    return first, last


def ruler(chart: TimelinePage) -> Any:
    box = chart.page.locator(".nbf-tl-ticks").bounding_box()
    assert box is not None
    return box


# -- what is behind a row ------------------------------------------------------------------------


def test_a_click_shows_what_is_behind_a_row_and_another_closes_it(chart: TimelinePage) -> None:
    chart.show(failing())
    chart.row("print_label").click()

    expect(chart.row("print_label")).to_have_attribute("aria-selected", "true")
    expect(chart.pane).to_contain_text('File "Cell In[3]", line 4, in print_label')
    expect(chart.pane.get_by_role("row")).to_have_count(4)
    expect(chart.pane.get_by_role("row").nth(1)).to_contain_text("✗ failed TimeoutError: the printer")
    expect(chart.pane).to_contain_text("connecting")
    chart.row("print_label").click()
    expect(chart.pane).to_be_hidden()
    expect(chart.row("print_label")).to_have_attribute("aria-selected", "false")


def test_it_lies_beside_the_rows_or_below_where_there_is_no_room(chart: TimelinePage) -> None:
    chart.show(completed())
    chart.row("charge").click()

    def boxes() -> tuple[Any, Any]:
        return chart.page.locator(".nbf-tl-chart").bounding_box(), chart.pane.bounding_box()

    rows, pane = boxes()
    assert pane["x"] >= rows["x"] + rows["width"]
    chart.page.set_viewport_size({"width": 600, "height": 800})
    rows, pane = boxes()
    assert pane["y"] >= rows["y"] + rows["height"]


def test_it_stays_open_and_up_to_date(chart: TimelinePage) -> None:
    source = chart.show(running())
    chart.row("charge").click()
    charge = next(event.id for event in source.story.events if getattr(event, "name", "") == "charge")
    source.story.done(12.0, charge, {"receipt": "R-1017"}, prints="paid\n")
    source.commit()

    expect(chart.pane).to_contain_text('{"receipt": "R-1017"}')
    expect(chart.pane.get_by_text("paid", exact=True)).to_be_visible()


def test_where_rows_are_many_it_is_asked_for(chart: TimelinePage) -> None:
    chart.show(long_run(3000).completed(5000.0))
    assert chart.page.evaluate("picture.rows.get('2').details") is None
    chart.row('"page": 3,').click()

    expect(chart.pane).to_contain_text('{"page": 3, "of": "catalogue"}')
    assert [args for _, args in chart.page.evaluate("asked")] == [{"key": "2"}]


def test_without_a_kernel_it_says_so_and_keeps_the_row(chart: TimelinePage) -> None:
    chart.answers = False
    chart.show(long_run(3000).completed(5000.0))
    chart.page.locator(".nbf-tl-row").first.click()
    expect(chart.pane.get_by_role("status")).to_have_text("no kernel answers: re-run this cell")


def test_it_leads_to_the_replay_and_to_a_childs_card(chart: TimelinePage) -> None:
    chart.show(patient())
    chart.row("monthly_review").click()
    chart.pane.get_by_role("button", name="Replay at event 26").click()
    chart.pane.get_by_role("button", name="Open card").click()

    assert chart.asked("open") == [["replay", {"seq": 26}]]
    assert chart.asked("card") == [["customer-7:9f3c2a7b:0009"]]


def test_another_view_can_point_at_a_row(chart: TimelinePage) -> None:
    chart.show(long_run(3000).completed(5000.0))
    chart.page.evaluate("view.show({ row: '900' })")

    expect(chart.page.locator(".nbf-tl-row[aria-selected=true]")).to_be_in_viewport()
    expect(chart.page.locator(".nbf-tl-row[aria-selected=true]")).to_have_attribute("aria-rowindex", "900")
    expect(chart.pane).to_be_visible()


# -- keyboard ------------------------------------------------------------------------------------


def test_rows_are_one_stop_and_arrows_go_through_them(chart: TimelinePage) -> None:
    chart.show(completed())
    chart.page.get_by_role("button", name="Keys").focus()
    chart.page.keyboard.press("Tab")
    for key, name in (
        ("ArrowDown", "check_stock"),
        ("ArrowDown", "check_price"),
        ("End", "picked"),
        ("ArrowUp", "send_receipt"),
        ("Home", "hint"),
    ):
        chart.page.keyboard.press(key)
        assert chart.page.evaluate(FOCUSED) == name
    chart.page.keyboard.press("Enter")
    expect(chart.pane).to_have_attribute("aria-label", "Details of hint")
    chart.page.keyboard.press("ArrowDown")
    chart.page.keyboard.press(" ")
    expect(chart.pane).to_have_attribute("aria-label", "Details of check_stock")
    chart.page.keyboard.press("Escape")
    expect(chart.pane).to_be_hidden()
    assert chart.page.evaluate(FOCUSED) == "check_stock"


def test_the_focus_stays_with_its_row_though_only_rows_in_view_are_there(chart: TimelinePage) -> None:
    chart.show(long_run(6000).completed(5000.0))
    chart.page.locator(".nbf-tl-row").first.focus()
    chart.page.keyboard.press("ArrowDown")
    chart.page.locator(".nbf-tl-scroller").evaluate("one => { one.scrollTop = 20000; }")
    expect(chart.page.locator(".nbf-tl-row[aria-rowindex='780']")).to_be_visible()
    assert chart.page.evaluate("document.activeElement.getAttribute('aria-rowindex')") == "2"
    assert chart.page.locator(".nbf-tl-row").count() < 40

    chart.page.keyboard.press("End")
    grid = chart.page.get_by_role("grid", name="Timeline")
    assert chart.page.evaluate("document.activeElement.getAttribute('aria-rowindex')") == grid.get_attribute(
        "aria-rowcount"
    )
    expect(chart.page.locator(":focus")).to_be_in_viewport()
    chart.page.keyboard.press("PageUp")
    expect(chart.page.locator(":focus")).to_be_in_viewport()


def test_keys_zoom_and_move(chart: TimelinePage) -> None:
    chart.show(completed())
    chart.row("charge").focus()
    chart.page.keyboard.press("+")
    chart.page.keyboard.press("+")
    assert seen(chart) == pytest.approx((0.375, 0.625))
    chart.page.keyboard.press("ArrowRight")
    assert seen(chart) == pytest.approx((0.425, 0.675))
    chart.page.keyboard.press("-")
    assert seen(chart) == pytest.approx((0.3, 0.8))
    assert chart.page.evaluate("said") == "shown: 6.6 s to 17 s"
    chart.page.keyboard.press("0")
    assert seen(chart) == (0, 1)


def test_the_keys_can_be_looked_up(chart: TimelinePage) -> None:
    chart.show(completed())
    chart.row("charge").focus()
    chart.page.keyboard.press("?")
    expect(chart.page.get_by_text("the whole run", exact=True)).to_be_visible()
    expect(chart.page.get_by_role("button", name="Keys")).to_have_attribute("aria-expanded", "true")
    chart.page.keyboard.press("Escape")
    expect(chart.page.get_by_text("the whole run", exact=True)).to_be_hidden()


# -- filter --------------------------------------------------------------------------------------


def test_statuses_are_counted_and_filter(chart: TimelinePage) -> None:
    chart.show(running())
    chips = chart.page.get_by_role("group", name="Filter by status").get_by_role("button")
    assert [" ".join(text.split()) for text in chips.all_inner_texts()] == ["✓ done 2", "► running 3"]
    chips.nth(1).click()
    expect(chips.nth(1)).to_have_attribute("aria-pressed", "true")
    assert chart.page.locator(".nbf-tl-row").count() == 3
    expect(chart.page.get_by_role("grid", name="Timeline")).to_have_attribute("aria-rowcount", "3")
    chips.nth(1).click()
    assert chart.page.locator(".nbf-tl-row").count() == 5


def test_a_text_filters_by_name_input_status_and_kind(chart: TimelinePage) -> None:
    chart.show(completed())
    search = chart.page.get_by_role("searchbox", name="Filter rows by text")
    for text, count in (("CHECK", 2), ("12000", 1), ("fired", 1), ("wait", 2), ("nothing like it", 0)):
        search.fill(text)
        expect(chart.page.locator(".nbf-tl-row")).to_have_count(count)
    expect(chart.page.get_by_text("no row fits the filter")).to_be_visible()
    search.press("Escape")
    expect(chart.page.locator(".nbf-tl-row")).to_have_count(10)


# -- pointer -------------------------------------------------------------------------------------


def test_the_wheel_zooms_where_the_pointer_is(chart: TimelinePage) -> None:
    chart.show(completed())
    box = ruler(chart)
    chart.page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 5)
    chart.page.mouse.wheel(0, -60)
    first, last = seen(chart)
    assert last - first < 0.7
    assert first + (last - first) / 4 == pytest.approx(0.25, abs=0.01)

    chart.page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 60)
    chart.page.mouse.wheel(0, -60)
    assert seen(chart) == (first, last), "over the rows it scrolls"
    chart.page.keyboard.down("Control")
    chart.page.mouse.wheel(0, -60)
    chart.page.keyboard.up("Control")
    assert seen(chart)[1] - seen(chart)[0] < last - first
    chart.row("charge").dblclick()
    assert seen(chart) == (0, 1)


def drag(chart: TimelinePage, x: float, y: float, to: float) -> None:
    chart.page.mouse.move(x, y)
    chart.page.mouse.down()
    chart.page.mouse.move((x + to) / 2, y)
    chart.page.mouse.move(to, y)
    chart.page.mouse.up()


def test_dragging_on_the_ruler_selects_a_range_and_dragging_below_moves_it(chart: TimelinePage) -> None:
    chart.show(completed())
    box = ruler(chart)
    drag(chart, box["x"] + 0.5 * box["width"], box["y"] + 8, box["x"] + 0.75 * box["width"])
    assert seen(chart) == pytest.approx((0.5, 0.75), abs=0.01)
    drag(chart, box["x"] + 0.5 * box["width"], box["y"] + 80, box["x"] + 0.9 * box["width"])
    assert seen(chart) == pytest.approx((0.4, 0.65), abs=0.01)
    expect(chart.pane).to_be_hidden()


def test_a_part_stays_where_it_is_while_the_run_goes_on(chart: TimelinePage) -> None:
    chart.show(running())
    box = ruler(chart)
    drag(chart, box["x"] + 0.1 * box["width"], box["y"] + 8, box["x"] + 0.5 * box["width"])
    before = chart.page.evaluate("view.seen.map((place) => view.axis.time(place))")
    chart.page.evaluate("() => { now = picture.now + 20000; view.tick(now); }")
    assert chart.page.evaluate("view.seen.map((place) => view.axis.time(place))") == pytest.approx(
        before, abs=2
    )


def test_two_fingers_zoom(chart: TimelinePage) -> None:
    chart.show(completed())
    box = ruler(chart)
    middle, y = box["x"] + box["width"] / 2, box["y"] + 60
    chart.page.evaluate(
        """([middle, y]) => {
        const target = document.elementFromPoint(middle, y);
        const touch = (type, pointerId, clientX) => target.dispatchEvent(new PointerEvent(type,
          { pointerId, clientX, clientY: y, pointerType: "touch", bubbles: true, button: type === "pointermove" ? -1 : 0 }));
        view.scroller.setPointerCapture = () => {};
        touch("pointerdown", 11, middle - 50); touch("pointerdown", 12, middle + 50);
        touch("pointermove", 11, middle - 100); touch("pointermove", 12, middle + 100);
        touch("pointerup", 11, middle - 100); touch("pointerup", 12, middle + 100);
        }""",
        [middle, y],
    )
    assert seen(chart) == pytest.approx((0.25, 0.75), abs=0.02)


def test_a_span_tells_what_it_is_under_the_pointer(chart: TimelinePage) -> None:
    chart.show(completed())
    chart.row("print_label").locator(".nbf-tl-backoff").last.hover(force=True)
    tip = chart.page.locator(".nbf-tl-tip")
    expect(tip).to_contain_text("print_label\nretry delay, retrying: 2.0 s")
    chart.row("print_label").locator(".nbf-tl-name").hover()
    expect(tip).to_be_hidden()
