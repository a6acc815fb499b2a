"""The replay's slider, buttons, keys and clicks in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.replay_page import ReplayPage
from tests.views.stories_replay import Lived, counting, crowd, fulfilled, lived_long, ran

pytestmark = pytest.mark.browser


@pytest.fixture
def replay(page: Page) -> Iterator[Callable[[Lived], ReplayPage]]:
    opened: list[ReplayPage] = []
    ran.clear()

    def show(run: Lived) -> ReplayPage:
        opened.append(ReplayPage(page, run))
        return opened[-1]

    yield show
    assert ran == []
    for one in opened:
        assert one.card.errors == []


def test_it_opens_at_the_end_and_says_how_the_run_came_out(replay):
    view = replay(fulfilled())
    assert view.valuetext() == "event 30 of 30: run returns, the run"
    expect(view.panel.locator(".nbf-rp-why")).to_contain_text("Turn 9: woken by timer #8 after 3.0 s")
    expect(view.panel.locator(".nbf-problem")).to_have_text('At event 30 it returned "R-1017 with label.pdf"')
    expect(view.branch("1, fulfil")).to_contain_text("as it was before its last step")


def test_each_branch_has_its_line_and_an_action_the_line_that_took_it(replay):
    view = replay(fulfilled())
    view.go(15)
    assert view.marked() == [
        *("79 2 branch 2 waits here receipt = await charge(cents)",),
        "84 ← took this action 3 branch 3 waits here label = await print_label(ctx.instance_id)",
        "89 1 branch 1 waits here async with asyncio.TaskGroup() as group:",
    ] or [re.sub(r"^\d+ ", "", line) for line in view.marked()] == [
        "2 branch 2 waits here receipt = await charge(cents)",
        "← took this action 3 branch 3 waits here label = await print_label(ctx.instance_id)",
        "1 branch 1 waits here async with asyncio.TaskGroup() as group:",
    ]
    expect(view.branch("2, bill")).to_contain_text("waits for activity charge #5")
    expect(view.variable("1, fulfil", "approved")).to_have_text("approvednewTrue")


def test_what_has_changed_is_marked_with_old_and_new(replay):
    view = replay(fulfilled())
    view.go(26)
    done = view.variable("1, fulfil", "done")
    expect(done).to_have_text("donechanged[] → ['charged 24000']")
    expect(done.locator("del")).to_have_text("[]")
    expect(view.panel).to_contain_text("branch 2 (bill) has ended")
    view.button("One event on").click()
    view.at(27)
    expect(view.variable("1, fulfil", "done")).to_have_text("done['charged 24000']")


def test_buttons_step(replay):
    view = replay(fulfilled())
    for name, seq in (
        ("One event back", 29),
        ("Ten events back", 19),
        ("One event on", 20),
        ("Ten events on", 30),
        ("To the beginning", 0),
        ("Ten events back", 0),
        ("To the end", 30),
    ):
        view.button(name).click()
        view.at(seq)


def test_keys_step_wherever_the_focus_is(replay):
    view = replay(fulfilled())
    view.slider.focus()
    for key, seq in (
        ("ArrowLeft", 29),
        ("ArrowDown", 28),
        ("PageDown", 18),
        ("ArrowUp", 19),
        ("PageUp", 29),
        ("Home", 0),
        ("End", 30),
    ):
        view.page.keyboard.press(key)
        view.at(seq)
    view.events.focus()
    for key, seq in (
        ("ArrowUp", 29),
        ("ArrowLeft", 28),
        ("PageUp", 18),
        ("ArrowDown", 19),
        ("PageDown", 29),
        ("Home", 0),
        ("End", 30),
    ):
        view.page.keyboard.press(key)
        view.at(seq)
    view.button("One event back").focus()
    view.page.keyboard.press("ArrowLeft")
    view.at(29)
    expect(view.card.root.locator("[role=status].nbf-sr")).to_have_text(
        "event 29 of 30: status, custom status"
    )
    view.page.keyboard.press("Control+ArrowLeft")
    view.code.focus()
    view.page.keyboard.press("ArrowDown")
    view.at(29)


def test_the_listbox_names_its_current_event(replay):
    view = replay(fulfilled())
    view.go(14)
    option = view.events.get_by_role("option", selected=True)
    expect(option).to_have_count(1)
    expect(option).to_contain_text("schedules charge #5")
    assert option.get_attribute("id") == view.events.get_attribute("aria-activedescendant")
    assert (option.get_attribute("aria-posinset"), option.get_attribute("aria-setsize")) == ("14", "30")


def test_a_click_on_an_event_goes_there(replay):
    view = replay(fulfilled())
    view.events.get_by_role("option").filter(has_text="print_label #6 after").click()
    view.at(20)
    assert view.valuetext() == "event 20 of 30: activity result, print_label #6"


def test_it_plays_and_pauses(replay):
    view = replay(fulfilled())
    view.panel.get_by_role("combobox", name="Speed").select_option("25")
    view.slider.focus()
    view.page.keyboard.press("Space")
    expect(view.button("Pause")).to_be_visible()
    view.page.wait_for_function("+document.querySelector('input[type=range]').value > 3")
    view.page.keyboard.press("Space")
    expect(view.button("Play")).to_be_visible()
    stopped = int(view.slider.input_value())
    assert 3 < stopped <= 30
    view.button("Play").click()
    view.at(30)
    expect(view.button("Play")).to_be_visible()


def test_a_tab_that_is_left_stops_playing_and_comes_back_to_its_place(replay):
    view = replay(fulfilled())
    view.go(5)
    view.button("Play").click()
    view.page.get_by_role("tab", name="Timeline").click()
    view.page.get_by_role("tab", name="Replay").click()
    expect(view.button("Play")).to_be_visible()
    assert 5 <= int(view.slider.input_value()) < 30


def test_a_whole_value_unfolds_and_folds(replay):
    view = replay(lived_long(counting, 100))
    view.go(200)
    button = view.branch("1, counting").get_by_role("button", name="All of seen")
    button.click()
    pre = view.branch("1, counting").locator("pre")
    expect(pre).to_contain_text("[\n    1,\n    2,\n")
    expect(button).to_have_attribute("aria-expanded", "true")
    button.click()
    expect(pre).to_have_count(0)


def test_many_branches_have_chips_and_those_that_changed_are_shown(replay):
    view = replay(lived_long(crowd, 2, events=500))
    chips = view.panel.get_by_role("group", name="Branches").get_by_role("button")
    expect(chips).to_have_count(201)
    expect(view.panel.locator(".nbf-rp-branch")).to_have_count(4)
    changed = chips.filter(has_text="changed")
    expect(changed).to_have_count(1)
    expect(changed).to_have_attribute("aria-pressed", "true")
    chips.nth(40).focus()
    view.page.keyboard.press("Enter")
    expect(view.panel.locator(".nbf-rp-branch")).to_have_count(1)
    expect(view.branch("41, worker")).to_be_visible()
    expect(chips.nth(40)).to_be_focused()
    chips.nth(40).click()
    expect(view.panel.locator(".nbf-rp-branch")).to_have_count(4)
    assert any("+199" in line or "+200" in line or "+198" in line for line in view.marked())


def test_ten_thousand_events_stay_fluid(replay, capsys):
    view = replay(lived_long(counting, 3333))
    end = int(view.slider.get_attribute("max") or 0)
    assert end > 10_000
    assert view.events.get_by_role("option").count() < 40
    timed = """async ([seq, name]) => {
      const view = document.querySelector(".nbf-replay"), slider = view.querySelector("input");
      const begun = performance.now();
      slider.value = seq;
      slider.dispatchEvent(new Event("input", { bubbles: true }));
      while (view.querySelector(".nbf-rp-old") || !view.querySelector(`[aria-selected="true"][data-seq="${seq}"].nbf-event`) && view.querySelector(`[data-seq="${seq}"]`)?.textContent.includes("…")) await new Promise(requestAnimationFrame);
      return `${name} ${(performance.now() - begun).toFixed(0)} ms`;
    }"""
    figures = [
        view.page.evaluate(timed, [seq, name])
        for seq, name in (
            (end - 1, "back"),
            (end - 2, "back"),
            (5000, "jump"),
            (5001, "on"),
            (5002, "on"),
            (1, "to the beginning"),
        )
    ]
    drag = """async () => {
      const slider = document.querySelector(".nbf-replay input");
      let longest = 0;
      for (let seq = 9000; seq > 3000; seq -= 60) {
        const begun = performance.now();
        slider.value = seq;
        slider.dispatchEvent(new Event("input", { bubbles: true }));
        longest = Math.max(longest, performance.now() - begun);
        await new Promise(requestAnimationFrame);
      }
      return `the longest of 100 steps of a drag kept the page for ${longest.toFixed(1)} ms`;
    }"""
    figures.append(view.page.evaluate(drag))
    view.rests()
    with capsys.disabled():
        print(f"\n{end:,} events: {', '.join(figures)}")
    asked = [message for message in view.card.sent("ask") if message["what"] == "moment"]
    assert len(asked) < 300
