"""The timeline's view in a blank page: what it draws, and how it follows a run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.browser.timeline_page import TimelinePage
from tests.views.stories import (
    DAY,
    STORIES,
    Story,
    completed,
    failing,
    hostile,
    long_run,
    patient,
    restarted,
    running,
    waiting,
)

pytestmark = pytest.mark.browser


@pytest.fixture
def chart(page: Page) -> Iterator[TimelinePage]:
    page.set_viewport_size({"width": 1100, "height": 800})
    chart = TimelinePage(page)
    yield chart
    assert chart.errors == []


def labels(chart: TimelinePage) -> list[str]:
    return sorted(chart.page.locator(".nbf-tl-ticks span").all_inner_texts())


def test_each_row_has_icon_name_what_tells_it_apart_word_and_length(chart: TimelinePage) -> None:
    chart.show(completed())
    rows = chart.page.locator(".nbf-tl-row")

    expect(rows).to_have_count(10)
    expect(rows.nth(1)).to_have_text('✓ check_stock {"sku": "tea", "qty": 2}completed 2.1 s')
    expect(rows.nth(5)).to_have_text('✓ print_label {"order": "order-42"}completed 3 attempts7.2 s')
    expect(rows.nth(9)).to_have_text('✓ picked → warehouse {"order": "order-42"}sent ')


def test_spans_are_drawn_to_scale(chart: TimelinePage) -> None:
    chart.show(completed())
    track = chart.page.locator(".nbf-tl-ticks").bounding_box()
    queued = chart.row("check_price").locator(".nbf-tl-queued").bounding_box()
    worked = chart.row("check_price").locator(".nbf-tl-running").bounding_box()
    assert track
    assert queued
    assert worked

    def seconds(pixels: float) -> float:
        return pixels / track["width"] * 22.0

    assert seconds(queued["x"] - track["x"]) == pytest.approx(0.5, abs=0.1)
    assert seconds(queued["width"]) == pytest.approx(1.1, abs=0.1)
    assert seconds(worked["x"] - track["x"]) == pytest.approx(1.6, abs=0.1)
    assert seconds(worked["width"]) == pytest.approx(1.8, abs=0.1)


def test_attempts_and_the_delays_between_them_are_segments(chart: TimelinePage) -> None:
    chart.show(completed())
    kinds = (
        chart.row("print_label").locator(".nbf-tl-span").evaluate_all("all => all.map(one => one.className)")
    )

    assert [kind.removeprefix("nbf-tl-span ") for kind in kinds] == [
        *("nbf-tl-queued nbf-bad", "nbf-tl-running nbf-bad", "nbf-tl-backoff nbf-quiet") * 2,
        *("nbf-tl-queued nbf-good", "nbf-tl-running nbf-good"),
    ]


def test_idle_time_is_left_out_and_put_back_with_a_button(chart: TimelinePage) -> None:
    chart.show(patient())
    assert [label for label in labels(chart) if "◇" in label] == ["◇ 1 d", "◇ 2 d", "◇ 30 d"]
    assert chart.page.locator(".nbf-tl-over i").count() == 3
    check = chart.row("sanctions").locator(".nbf-tl-running").bounding_box()
    assert check
    assert check["width"] > 20

    chart.page.get_by_role("button", name="Leave out idle time").click()
    assert labels(chart) == ["0", "10 d", "20 d", "30 d"]
    assert chart.page.locator(".nbf-tl-over i").count() == 0
    check = chart.row("sanctions").locator(".nbf-tl-running").bounding_box()
    assert check
    assert check["width"] == 3


def test_the_wait_of_today_gets_a_break_without_any_message(chart: TimelinePage) -> None:
    story = waiting()
    story.now = 4.0
    chart.show(story)
    assert chart.page.locator(".nbf-tl-over i").count() == 0

    chart.page.evaluate("(ms) => { now = picture.now + ms; view.tick(now); }", 30 * DAY * 1000)
    assert chart.page.locator(".nbf-tl-over i").count() == 1
    assert "◇ 30 d" in labels(chart)
    expect(chart.row("approval")).to_contain_text("30 d")


def test_what_replay_took_from_history_is_hatched_and_what_is_new_is_not(chart: TimelinePage) -> None:
    story, opened = restarted()
    chart.show(story, opened=opened)

    assert chart.row("extract").locator(".nbf-tl-old.nbf-tl-running").count() == 3
    assert chart.row("load").locator(".nbf-tl-old").count() == 0
    expect(chart.page.get_by_role("group", name="Legend")).to_contain_text("served from history by replay")
    chart.row("users").first.click()
    expect(chart.pane).to_contain_text("from history, by replay: it did not run again")


def test_the_legend_holds_only_what_occurs(chart: TimelinePage) -> None:
    chart.show(failing())
    assert chart.page.locator(".nbf-tl-legend > span").all_inner_texts() == [
        "running",
        "queued",
        "retry delay",
        "began side by side",
    ]


def test_what_began_in_one_turn_has_a_bracket(chart: TimelinePage) -> None:
    chart.show(completed())
    turns = chart.page.locator(".nbf-tl-row").evaluate_all(
        "all => all.map(one => (one.className.match(/turn(-first)?(-last)?/) ?? [''])[0])"
    )
    assert turns[4:] == ["turn-first", "turn", "turn-last", "", "turn-first", "turn-last"]


def test_before_anything_has_happened(chart: TimelinePage) -> None:
    chart.show(Story())
    expect(chart.page.get_by_text("nothing has happened yet")).to_be_visible()
    expect(chart.page.get_by_role("searchbox")).to_be_hidden()


# -- live ----------------------------------------------------------------------------------------


def test_open_spans_grow_with_the_time_and_finished_ones_stay(chart: TimelinePage) -> None:
    chart.show(running())
    before = chart.row("charge").locator(".nbf-tl-span").bounding_box()
    chart.page.evaluate("() => { now = picture.now + 20000; view.tick(now); }")
    after = chart.row("charge").locator(".nbf-tl-span").bounding_box()
    assert before
    assert after
    assert after["width"] > before["width"]
    expect(chart.row("charge").locator(".nbf-tl-took")).to_have_text("27 s")
    expect(chart.row("check_stock").locator(".nbf-tl-took")).to_have_text("2.1 s")


def test_a_delta_leaves_the_other_rows_alone(chart: TimelinePage) -> None:
    source = chart.show(running())
    chart.page.evaluate(
        """() => { window.touched = new Set();
        new MutationObserver((all) => all.forEach((one) => {
          const row = (one.target.parentElement ?? one.target).closest(".nbf-tl-row");
          if (row && one.attributeName !== "style") touched.add(row.querySelector("bdi").textContent);
        })).observe(document.querySelector(".nbf-tl-rows"), {subtree: true, childList: true, characterData: true}); }"""
    )
    charge = next(event.id for event in source.story.events if getattr(event, "name", "") == "charge")
    source.story.done(11.0, charge, "R-1")
    source.commit()
    expect(chart.row("charge")).to_contain_text("completed")

    assert chart.page.evaluate("[...touched]") == ["charge"]


def test_a_live_run_is_followed_until_somebody_scrolls_up(chart: TimelinePage) -> None:
    source = chart.show(long_run(600))
    follow = chart.page.get_by_role("button", name="Follow the run")
    expect(follow).to_have_attribute("aria-pressed", "true")

    def add(name: str) -> None:
        source.story.task(source.story.now + 1, name)
        source.commit()
        source.advance(1.0)

    add("first_news")
    expect(chart.row("first_news")).to_be_in_viewport()
    chart.page.locator(".nbf-tl-scroller").hover()
    chart.page.mouse.wheel(0, -900)
    expect(follow).to_have_attribute("aria-pressed", "false")
    add("second_news")
    expect(chart.row("second_news")).to_have_count(0)
    follow.click()
    expect(chart.row("second_news")).to_be_in_viewport()


def test_a_finished_run_is_shown_from_its_beginning(chart: TimelinePage) -> None:
    chart.show(long_run(600).completed(1000.0))
    expect(chart.page.locator(".nbf-tl-row").first).to_contain_text('"page": 2')
    assert chart.page.locator(".nbf-tl-scroller").evaluate("one => one.scrollTop") == 0
    expect(chart.page.get_by_role("button", name="Follow the run")).to_be_hidden()


def test_a_new_execution_replaces_the_picture(chart: TimelinePage) -> None:
    source = chart.show(running())
    chart.row("charge").click()
    second = Story().start()
    second.execution_id = "second"
    second.done(0.1, second.task(0.0, "poll"))
    source.begin_anew(second)

    expect(chart.row("poll")).to_be_visible()
    expect(chart.row("charge")).to_have_count(0)


def test_a_view_that_is_drawn_anew_knows_what_it_showed(chart: TimelinePage) -> None:
    chart.show(completed())
    chart.row("charge").click()
    chart.page.get_by_role("searchbox").fill("c")
    chart.page.evaluate("mount({ ...picture, type: 'snapshot', rows: [...picture.rows.values()] })")

    expect(chart.pane).to_be_visible()
    expect(chart.row("charge")).to_have_attribute("aria-selected", "true")
    expect(chart.page.get_by_role("searchbox")).to_have_value("c")


# -- looks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STORIES)
def test_nothing_sticks_out(chart: TimelinePage, name: str) -> None:
    chart.show(STORIES[name]())
    chart.page.locator(".nbf-tl-row").first.click()
    for width in (320, 420, 620, 1100):
        chart.page.set_viewport_size({"width": width, "height": 700})
        wide = chart.page.evaluate(
            """async () => { await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
            const edge = document.querySelector('.nbf').getBoundingClientRect().right;
            const cut = '.nbf-scroll, .nbf-tl-track, .nbf-tl-name, .nbf-tl-state, [hidden]';
            return [...document.querySelectorAll('.nbf-tl *')]
              .filter((one) => one.getBoundingClientRect().right > edge + 1 && !one.closest(cut))
              .map((one) => one.className || one.tagName); }"""
        )
        assert wide == [], f"at {width} px"
        assert chart.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"at {width} px"


def test_hostile_values_are_shown_as_text_and_nothing_runs(chart: TimelinePage) -> None:
    chart.show(hostile())
    for row in chart.page.locator(".nbf-tl-row").all():
        row.click()
        expect(chart.pane).to_be_visible()
    assert chart.page.locator(".nbf script, .nbf img, .nbf style, .nbf a, .nbf iframe").count() == 0
    assert chart.page.evaluate("window.pwned") is None
    assert "\u202e" not in (chart.page.locator(".nbf-tl").text_content() or "")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["completed", "failing", "patient", "running"])
def test_axe_finds_nothing(page: Page, name: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    chart = TimelinePage(page)
    chart.show(STORIES[name]())
    chart.page.locator(".nbf-tl-row").nth(1).click()
    page.get_by_role("button", name="Keys").click()
    for width in (1100, 420):
        page.set_viewport_size({"width": width, "height": 900})
        assert violations(page) == []
