"""What the replay shows: runs that grow, code that is missing or other, hostile values, every width and theme."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from nbflow import WorkflowContext, workflow
from tests.browser.axe import violations
from tests.browser.replay_page import ReplayPage
from tests.views.stories_replay import LIVED, Lived, counting, crowd, fulfil, fulfilled, lived_long

pytestmark = pytest.mark.browser

ARTEFACTS = Path(__file__).parents[2] / "artefacts"


def test_a_run_that_grows_is_followed_at_the_end_and_nowhere_else(page: Page) -> None:
    run = Lived(counting, 5)
    view = ReplayPage(page, run)
    view.at(3)

    def live(i: int) -> None:
        run.done(i, 1)
        view.source.story.events = list(run.history)
        view.source.commit()
        view.source.advance(1)

    live(1)
    view.at(6)
    assert view.valuetext() == "event 6 of 6: activity scheduled, step #2"
    expect(view.variable("1, counting", "total")).to_have_text("totalchanged0 → 1")
    view.go(2)
    live(2)
    expect(view.slider).to_have_attribute("max", "9")
    view.at(2)
    view.button("To the end").click()
    view.at(9)
    expect(view.variable("1, counting", "total")).to_have_text("totalchanged1 → 2")


def test_a_run_that_begins_anew_is_shown_anew(page: Page) -> None:
    view = ReplayPage(page, fulfilled(until="side by side"))
    view.go(3)
    again = Lived(fulfil, {"sku": "soup", "qty": 1, "total": 3}).story()
    again.execution_id = "another"
    view.source.begin_anew(again)
    view.source.advance(1)
    view.at(4)
    expect(view.variable("1, fulfil", "order")).to_contain_text("soup")


def test_without_the_code_the_events_are_told_all_the_same(page: Page) -> None:
    view = ReplayPage(page, fulfilled(), code=None, wait=False)
    note = view.panel.locator(".nbf-problem")
    expect(note).to_have_text("the code of fulfil isn't here: run the cell that defines it, then look again")
    expect(view.panel.locator(".nbf-rp-why")).to_contain_text("Turn 9")
    view.button("One event back").click()
    expect(view.slider).to_have_value("29")
    view.source.code = fulfil
    page.get_by_role("tab", name="Timeline").click()
    page.get_by_role("tab", name="Replay").click()
    view.rests()
    expect(view.code).to_contain_text("async def fulfil")
    expect(view.branch("1, fulfil")).to_be_visible()


def test_other_code_than_the_history_holds(page: Page) -> None:
    @workflow(name="fulfil")
    async def changed(ctx: WorkflowContext, order: Any) -> None:
        await ctx.call_activity("check_stock", input="coffee")

    view = ReplayPage(page, fulfilled(), code=changed)
    note = view.panel.locator(".nbf-problem")
    expect(note).to_contain_text('event 3 in history: call of activity check_stock("tea")')
    expect(note).to_contain_text('the code did: call of activity check_stock("coffee")')
    expect(note).to_contain_text(
        'Likely cause: the input of the call of check_stock was changed ("tea", now "coffee")'
    )
    first = note.locator(".nbf-pt-first")
    expect(first).to_contain_text("✗ first mismatch: changed")
    expect(first.locator("td").nth(1)).to_have_text("3")
    expect(note).to_contain_text("%wf resume order-42")
    assert any("parts from its history here" in line for line in view.marked())
    view.go(1)
    expect(note).to_be_hidden()


def test_no_kernel_keeps_what_is_there_and_says_so(page: Page) -> None:
    view = ReplayPage(page, lived_long(counting, 300))
    view.go(400)
    view.card.conversation = None
    view.slider.fill("100")
    expect(view.panel.locator(".nbf-problem")).to_have_text("no kernel answers: re-run this cell")
    view.slider.fill("400")
    expect(view.branch("1, counting")).to_be_visible()
    expect(view.panel.locator(".nbf-rp-old")).to_have_count(0)


def test_hostile_values_are_text(page: Page) -> None:
    view = ReplayPage(page, LIVED["hostile"][1]())
    expect(view.variable("1, hostile", "values")).to_contain_text("<script>window.pwned = 1</script>")
    for name in ("long", "deep", "values"):
        view.branch("1, hostile").get_by_role("button", name=f"All of {name}").click()
    expect(view.branch("1, hostile").locator("pre")).to_have_count(3)
    expect(view.branch("1, hostile").locator("pre").last).to_contain_text("</textarea>")
    expect(view.events).to_contain_text("</style><script>window.pwned = 1</script>")
    assert page.evaluate("window.pwned") is None
    assert view.card.errors == []


def test_it_fits_into_320_pixels(page: Page) -> None:
    page.set_viewport_size({"width": 352, "height": 900})
    view = ReplayPage(page, fulfilled(until="side by side"))
    assert page.evaluate(
        "document.querySelector('.nbf').scrollWidth <= document.querySelector('.nbf').clientWidth"
    )
    expect(view.code).to_be_visible()
    box, events = view.code.bounding_box(), view.events.bounding_box()
    assert box is not None
    assert events is not None
    assert events["y"] > box["y"] + box["height"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(page: Page, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    view = ReplayPage(page, fulfilled())
    for seq in (30, 26, 15, 0):
        view.go(seq)
        assert violations(page, ".nbf-replay") == []


def test_axe_finds_nothing_where_there_are_many_branches(page: Page) -> None:
    ReplayPage(page, lived_long(crowd, 1, events=300))
    assert violations(page, ".nbf-replay") == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "seq"),
    [("fulfilled", 15), ("fulfilled", 26), ("fulfilled", 30), ("side-by-side", 18), ("hostile", 3)],
)
def test_pictures(page: Page, name: str, seq: int) -> None:
    _, live = LIVED[name]
    view = ReplayPage(page, live())
    view.go(seq)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for width in (1100, 420):
            page.set_viewport_size({"width": width, "height": 900})
            picture = view.card.root.screenshot(path=ARTEFACTS / f"replay-{name}-{seq}-{scheme}-{width}.png")
            assert len(picture) > 5000
