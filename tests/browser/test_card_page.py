"""The card in a blank page: what it says of a run, and how it keeps up."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.card_page import CardPage
from tests.views.stories import Story, completed, failing, hostile, long_run, running, stalled, waiting
from tests.views.stories_replay import parted

pytestmark = pytest.mark.browser


def test_a_run_is_named_with_how_it_stands(card: CardPage) -> None:
    card.show(completed())

    expect(card.page.get_by_role("group", name="Run order-42 of fulfil")).to_be_visible()
    expect(card.page.locator(".nbf-badge")).to_have_text("✓ completed")
    expect(card.page.locator(".nbf-elapsed")).to_have_text("in 22 s")


def test_a_stall_is_told_in_words(card: CardPage) -> None:
    card.show(stalled())
    expect(card.page.locator(".nbf-problem")).to_have_text(
        "order-42 waits for code: run the cell that defines `fulfil`"
    )


def test_code_that_no_longer_matches_its_history_is_told_from_both_sides(card: CardPage) -> None:
    card.show(parted())
    problem = card.page.locator(".nbf-problem")
    expect(problem).to_contain_text('event 3 in history: call of activity check_stock("tea")')
    expect(problem).to_contain_text('the code did: call of activity check_stock("coffee")')
    expect(problem).to_contain_text("Likely cause: the input of the call of check_stock was changed")
    first = problem.locator(".nbf-pt-first")
    expect(first).to_be_hidden()
    problem.get_by_text("Both sides").click()
    expect(first).to_contain_text("✗ first mismatch: changed")
    card.push({**card.page.evaluate("model.state.snapshot"), "n": 1})
    expect(first).to_be_visible()


def test_the_status_is_announced_once_and_not_every_second(card: CardPage) -> None:
    card.show(waiting())
    status = card.page.locator(".nbf > [role=status]").first
    expect(status).to_have_text("order-42: running, waits for approval")
    assert "10 s" not in (status.text_content() or "")


def test_input_and_output_of_the_run_are_one_click_away(card: CardPage) -> None:
    card.show(completed())
    button = card.page.get_by_role("button", name="Input and output")
    button.click()

    expect(button).to_have_attribute("aria-expanded", "true")
    expect(card.page.get_by_text('{"sku": "tea", "qty": 2, "total": 120}')).to_be_visible()


def test_no_name_turns_the_direction_of_what_follows(card: CardPage) -> None:
    card.show(hostile())
    assert "\u202e" not in (card.root.text_content() or "")
    expect(card.page.locator(".nbf-tl-name").nth(1)).to_contain_text("\\u202eevil")


# -- keeping up ----------------------------------------------------------------------------------


def test_a_finished_run_stands_still(card: CardPage) -> None:
    card.page.clock.install()
    card.show(failing())
    before = card.root.inner_html()
    card.page.clock.run_for(60_000)

    assert card.root.inner_html() == before


def test_a_missed_message_is_noticed(card: CardPage) -> None:
    card.show(running())
    delta = {**card.page.evaluate("model.state.snapshot"), "type": "delta"}
    card.push({**delta, "n": delta["n"] + 7, "rows": []})
    card.settle()

    assert len(card.sent("hello")) == 2
    expect(card.row("charge")).to_be_visible()


def test_a_stale_kernel_side_is_greeted_anew(card: CardPage) -> None:
    source = card.show(running())
    source.story.task(12.0, "missed")
    source.commit(lose=True)
    source.story.task(13.0, "seen")
    source.commit()
    card.settle()

    assert len(card.sent("hello")) == 2
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


@pytest.mark.parametrize("answer", [True, False], ids=["a kernel", "no kernel"])
def test_many_rows_come_as_one_text_and_are_shown_like_few(card: CardPage, answer: bool) -> None:
    card.show(long_run(1_000), answer=answer)
    assert card.page.evaluate("model.state.snapshot.rows.length") == 0
    rows = card.page.locator(".nbf-tl-rows")
    expect(rows).to_have_attribute("aria-rowcount", "550")
    expect(card.row("").first).to_be_visible()


def test_what_comes_behind_many_rows_is_shown_too(card: CardPage) -> None:
    source = card.show(long_run(1_000))
    source.story.task(100_000.0, "the_last_one")
    source.commit()
    card.settle()
    card.page.get_by_role("searchbox", name="Filter rows by text").fill("the_last")
    expect(card.row("the_last_one")).to_be_visible()


# -- without a kernel ----------------------------------------------------------------------------


def test_a_kept_picture_is_shown_without_a_kernel(card: CardPage) -> None:
    card.show(completed(), answer=False)
    expect(card.row("")).to_have_count(10)


@pytest.mark.parametrize(("story", "shown"), [(waiting, True), (completed, False)])
def test_a_live_picture_without_a_kernel_says_so(
    card: CardPage, story: Callable[[], Story], shown: bool
) -> None:
    card.page.clock.install()
    card.show(story(), answer=False)
    notice = card.page.get_by_text("no kernel answers: re-run this cell")
    expect(notice).to_be_hidden()
    card.page.clock.run_for(2100)
    expect(notice).to_be_visible(visible=shown)
    card.push(card.page.evaluate("model.state.snapshot"))
    expect(notice).to_be_hidden()


def test_a_view_that_goes_away_leaves_nothing(card: CardPage) -> None:
    card.show(running())
    assert card.page.evaluate("model.listening()") > 0
    card.page.evaluate("dispose()")

    assert card.page.evaluate("model.listening()") == 0
    assert card.page.locator(".nbf").count() == 0
    assert [m["view"] for m in card.sent("bye")] == [card.sent("hello")[0]["view"]]
