"""The card's picture in a blank page: what it draws, how it keeps up, how it is used."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.card_page import CardPage
from tests.views.stories import STORIES, Story, completed, failing, hostile, running, stalled, waiting
from tests.views.test_words import DURATIONS

pytestmark = pytest.mark.browser

CONTRAST = """(selector) => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const element = document.querySelector(selector);
  const text = light(rgb(getComputedStyle(element).color));
  const back = light(rgb(getComputedStyle(document.querySelector(".nbf")).backgroundColor));
  return (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05);
}"""


def texts(card: CardPage) -> list[list[str]]:
    return card.page.eval_on_selector_all(
        ".nbf-row",
        "rows => rows.map(row => [...row.querySelectorAll('.nbf-icon, .nbf-name, .nbf-state > :first-child')]"
        ".map(part => part.textContent))",
    )


# -- what is drawn -------------------------------------------------------------------------------


def test_a_run_is_named_and_each_row_has_icon_name_and_word(card: CardPage) -> None:
    card.show(completed())

    expect(card.page.get_by_role("group", name="Run order-42 of fulfil")).to_be_visible()
    expect(card.page.locator(".nbf-badge")).to_have_text("✓ completed")
    expect(card.page.locator(".nbf-elapsed")).to_have_text("in 22 s")
    assert texts(card) == [
        ["✓", "hint", "taken"],
        ["✓", "check_stock", "completed"],
        ["✓", "check_price", "completed"],
        ["✓", "approval", "received"],
        ["✓", "hint", "received"],
        ["✓", "print_label", "completed"],
        ["✓", "charge", "completed"],
        ["✓", "timer", "fired"],
        ["✓", "send_receipt", "completed"],
        ["✓", "picked", "sent"],
    ]


def test_spans_are_drawn_to_scale(card: CardPage) -> None:
    card.show(completed())
    track = card.row("check_price").locator(".nbf-track").bounding_box()
    queued = card.row("check_price").locator(".nbf-queued").bounding_box()
    worked = card.row("check_price").locator(".nbf-running").bounding_box()
    assert track is not None
    assert queued is not None
    assert worked is not None

    def seconds(pixels: float) -> float:
        return pixels / track["width"] * 22.0

    assert seconds(queued["x"] - track["x"]) == pytest.approx(0.5, abs=0.1)
    assert seconds(queued["width"]) == pytest.approx(1.1, abs=0.1)
    assert seconds(worked["x"] - track["x"]) == pytest.approx(1.6, abs=0.1)
    assert seconds(worked["width"]) == pytest.approx(1.8, abs=0.1)


def test_attempts_and_the_delays_between_them_are_segments(card: CardPage) -> None:
    card.show(completed())
    kinds = card.row("print_label").locator(".nbf-span").evaluate_all("all => all.map(one => one.className)")

    assert kinds == [
        "nbf-span nbf-queued nbf-bad",
        "nbf-span nbf-running nbf-bad",
        "nbf-span nbf-backoff nbf-quiet",
        "nbf-span nbf-queued nbf-bad",
        "nbf-span nbf-running nbf-bad",
        "nbf-span nbf-backoff nbf-quiet",
        "nbf-span nbf-queued nbf-good",
        "nbf-span nbf-running nbf-good",
    ]


def test_a_stall_and_a_failure_are_told_in_words(card: CardPage) -> None:
    card.show(stalled())
    expect(card.page.locator(".nbf-problem")).to_have_text(
        "order-42 waits for code: run the cell that defines `fulfil`"
    )


def test_before_anything_has_happened(card: CardPage) -> None:
    card.show(Story())
    expect(card.page.get_by_text("nothing has happened yet")).to_be_visible()


def test_the_status_is_announced_once_and_not_every_second(card: CardPage) -> None:
    card.show(waiting())
    status = card.page.locator(".nbf-sr[role=status]")
    expect(status).to_have_text("order-42: running, waits for approval")
    assert "10 s" not in (status.text_content() or "")


def test_durations_read_as_python_writes_them(card: CardPage) -> None:
    milliseconds = [int(seconds * 1000 + 1e-6) for seconds, _ in DURATIONS if seconds * 1000 >= 1]
    expected = [text for seconds, text in DURATIONS if seconds * 1000 >= 1]

    assert card.page.evaluate("(all) => all.map(card.duration)", milliseconds) == expected


# -- live ----------------------------------------------------------------------------------------


def test_open_spans_grow_with_the_time_and_finished_ones_stay(card: CardPage) -> None:
    card.page.clock.install()
    card.show(running())
    card.page.clock.pause_at(card.page.evaluate("Date.now() / 1000 + 1"))
    charge, stock = card.row("charge"), card.row("check_stock")
    before = charge.locator(".nbf-span").bounding_box()
    card.page.clock.run_for(20_000)
    after = charge.locator(".nbf-span").bounding_box()
    assert before is not None
    assert after is not None
    assert after["width"] > before["width"]
    expect(charge.locator(".nbf-took")).to_have_text(re.compile(r"^2[89] s$"))
    expect(stock.locator(".nbf-took")).to_have_text("2.1 s")
    expect(card.page.locator(".nbf-elapsed")).to_have_text(re.compile(r"^for 3[123] s$"))


def test_a_finished_run_stands_still(card: CardPage) -> None:
    card.page.clock.install()
    card.show(failing())
    before = card.root.inner_html()
    card.page.clock.run_for(60_000)

    assert card.root.inner_html() == before


def test_a_delta_touches_only_its_rows(card: CardPage) -> None:
    source = card.show(running())
    card.page.evaluate(
        """() => { window.touched = new Set();
        new MutationObserver((all) => all.forEach((one) => {
          const row = one.target.closest?.(".nbf-item");
          if (row && one.attributeName !== "style") touched.add(row.querySelector(".nbf-name").textContent);
        })).observe(document.querySelector(".nbf-rows"), {subtree: true, childList: true}); }"""
    )
    charge = next(e.id for e in source.story.events if getattr(e, "name", "") == "charge")
    source.story.done(12.0, charge, "R-1")
    source.commit()
    expect(card.row("charge")).to_contain_text("completed")
    touched = set(card.page.evaluate("[...touched]"))

    # The clock of open rows ticks; a finished row must not be touched.
    assert "charge" in touched
    assert not touched & {"check_stock", "check_price"}


def test_a_missed_message_is_noticed(card: CardPage) -> None:
    source = card.show(running())
    hellos = len(card.sent("hello"))
    n = card.page.evaluate("model.state.snapshot.n")
    card.push({**card.feed._delta(), "n": n + 7})
    assert len(card.sent("hello")) == hellos + 1

    source.story.task(12.0, "late_news")
    source.commit()
    card.feed.hello("view")
    expect(card.row("late_news")).to_be_visible()


def test_a_stale_kernel_side_is_greeted_anew(card: CardPage) -> None:
    source = card.show(running())
    source.story.task(12.0, "missed")
    source.commit(lose=True)
    source.story.task(13.0, "seen")
    source.commit()
    assert len(card.sent("hello")) == 2

    card.feed.hello("view")
    expect(card.row("missed")).to_be_visible()


def test_an_old_snapshot_does_not_undo_a_newer_one(card: CardPage) -> None:
    source = card.show(running())
    old = card.page.evaluate("model.state.snapshot")
    source.story.completed(12.0, "done")
    source.commit()
    card.push(old)

    expect(card.page.locator(".nbf-badge")).to_have_text("✓ completed")


def test_a_new_execution_replaces_the_picture(card: CardPage) -> None:
    source = card.show(running())
    second = Story().start()
    second.execution_id = "second"
    second.task(0.0, "poll")
    source.begin_anew(second)

    expect(card.row("poll")).to_be_visible()
    expect(card.row("charge")).to_have_count(0)


def test_a_kept_picture_is_shown_without_a_kernel(card: CardPage) -> None:
    card.show(completed(), answer=False)
    assert len(texts(card)) == 10


@pytest.mark.parametrize(("story", "shown"), [(waiting, True), (completed, False)])
def test_a_live_picture_without_a_kernel_says_so(card: CardPage, story: object, shown: bool) -> None:
    card.page.clock.install()
    card.show(story(), answer=False)  # type: ignore[operator]
    notice = card.page.get_by_text("no kernel answers: re-run this cell")
    expect(notice).to_be_hidden()
    card.page.clock.run_for(2100)
    expect(notice).to_be_visible(visible=shown)
    if shown:
        card.feed.hello("view")
        expect(notice).to_be_hidden()


def test_a_view_that_goes_away_leaves_nothing(card: CardPage) -> None:
    card.show(running())
    assert card.page.evaluate("model.listening()") == 2
    card.page.evaluate("dispose()")

    assert card.page.evaluate("model.listening()") == 0
    assert card.page.locator(".nbf").count() == 0
    assert [m["view"] for m in card.sent("bye")] == [card.sent("hello")[0]["view"]]


# -- details and keyboard ------------------------------------------------------------------------


def test_a_click_shows_what_is_behind_a_row(card: CardPage) -> None:
    card.show(failing())
    row = card.row("print_label")
    expect(row).to_have_attribute("aria-expanded", "false")
    row.click()
    details = row.locator("xpath=..").locator(".nbf-details")

    expect(row).to_have_attribute("aria-expanded", "true")
    expect(details).to_contain_text('File "Cell In[3]", line 4, in print_label')
    expect(details.get_by_role("row")).to_have_count(4)
    expect(details.get_by_role("row").nth(1)).to_contain_text("✗ failed TimeoutError: the printer")
    expect(details).to_contain_text("connecting")
    row.click()
    expect(details).to_be_hidden()


def test_open_details_stay_open_and_up_to_date(card: CardPage) -> None:
    source = card.show(running())
    card.row("charge").click()
    charge = next(e.id for e in source.story.events if getattr(e, "name", "") == "charge")
    source.story.done(12.0, charge, {"receipt": "R-1017"}, prints="paid\n")
    source.commit()

    expect(card.page.get_by_text('{"receipt": "R-1017"}')).to_be_visible()
    expect(card.page.get_by_text("paid", exact=True)).to_be_visible()


def test_input_and_output_of_the_run_are_one_click_away(card: CardPage) -> None:
    card.show(completed())
    card.page.get_by_role("button", name="Input and output").click()

    expect(card.page.get_by_text('{"sku": "tea", "qty": 2, "total": 120}')).to_be_visible()


def test_the_keyboard_reaches_everything(card: CardPage) -> None:
    card.show(waiting())
    focused = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent"
    stops = []
    for _ in range(4):
        card.page.keyboard.press("Tab")
        stops.append(card.page.evaluate(focused))
    assert stops[:3] == ["Input and output", "Approve approval", "Reject approval"]
    assert "check_stock" in stops[3], "the rows are one stop"

    for key, name in (
        ("ArrowDown", "check_price"),
        ("End", "approval"),
        ("ArrowUp", "check_price"),
        ("Home", "check_stock"),
    ):
        card.page.keyboard.press(key)
        assert name in card.page.evaluate(focused)
    card.page.keyboard.press("Enter")
    expect(card.row("check_stock")).to_have_attribute("aria-expanded", "true")
    card.page.keyboard.press("Tab")
    assert card.page.evaluate("document.activeElement.tagName") == "PRE", "a long value can be scrolled"


def test_the_notebook_keeps_its_hands_off_the_keys(card: CardPage) -> None:
    card.show(waiting())
    expect(card.root).to_have_attribute("data-lm-suppress-shortcuts", "true")


# -- hostile values ------------------------------------------------------------------------------


def test_hostile_values_are_shown_as_text_and_nothing_runs(card: CardPage) -> None:
    card.show(hostile())
    for row in card.page.locator(".nbf-row").all():
        row.click()
    card.page.get_by_role("button", name="Input and output").click()

    expect(card.page.locator(".nbf-title")).to_have_text("<script>window.pwned = 1</script>")
    expect(card.page.get_by_text("javascript:alert(1)")).to_be_visible()
    expect(card.page.locator(".nbf-event").first).to_have_text("</style><script>window.pwned = 1</script>")
    assert card.page.locator(".nbf script, .nbf img, .nbf style, .nbf a, .nbf iframe").count() == 0
    assert card.page.evaluate("window.pwned") is None


def test_no_name_turns_the_direction_of_what_follows(card: CardPage) -> None:
    card.show(hostile())
    assert "\u202e" not in (card.root.text_content() or "")
    expect(card.page.locator(".nbf-name").nth(1)).to_contain_text("\\u202eevil")


# -- looks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("story", [waiting, failing])
def test_every_text_can_be_read_in_light_and_dark(page: Page, scheme: str, story: object) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    card = CardPage(page)
    card.show(story())  # type: ignore[operator]
    for selector in (
        ".nbf-title",
        ".nbf-subtitle",
        ".nbf-name",
        ".nbf-took",
        ".nbf-badge",
        ".nbf-ticks span",
    ):
        assert page.evaluate(CONTRAST, selector) >= 4.5, selector
    back = page.evaluate("getComputedStyle(document.querySelector('.nbf')).backgroundColor")
    assert (back == "rgb(255, 255, 255)") == (scheme == "light")


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


@pytest.mark.parametrize("name", STORIES)
def test_nothing_sticks_out(card: CardPage, name: str) -> None:
    card.show(STORIES[name]())
    card.row("").first.click()
    for width in (320, 420, 620, 1100):
        card.page.set_viewport_size({"width": width, "height": 700})
        wide = card.page.evaluate(
            """() => { const edge = document.querySelector('.nbf').getBoundingClientRect().right;
            const cut = '.nbf-scroll, .nbf-track, .nbf-name, .nbf-state';
            return [...document.querySelectorAll('.nbf *')]
              .filter((one) => one.getBoundingClientRect().right > edge + 1 && !one.closest(cut))
              .map((one) => one.className || one.tagName); }"""
        )
        assert wide == [], f"at {width} px"
        assert card.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"at {width} px"


def test_less_motion_is_less_motion(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.clock.install()
    card = CardPage(page)
    card.show(running())
    page.clock.pause_at(page.evaluate("Date.now() / 1000 + 1"))
    page.evaluate(
        """() => { window.ticks = 0;
        new MutationObserver(() => { ticks += 1; }).observe(document.querySelector('.nbf'), {attributes: true}); }"""
    )
    page.clock.run_for(5000)

    assert 4 <= page.evaluate("ticks") <= 6
