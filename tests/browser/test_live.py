"""The card of a run that the real engine moves on under it: continued as new, purged, begun again, very busy."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

import pytest
from playwright.sync_api import expect

from nbflow import WorkflowContext, activity, workflow
from nbflow.runtime import RunSource, WorkflowHandle
from tests.browser.card_page import CardPage
from tests.engine.worlds import PATIENCE, World, quick_world

__all__ = ["quick_world"]  # a fixture

pytestmark = pytest.mark.browser

VIEWS = ("Timeline", "Replay", "Graph", "Inbox")


@activity
async def add(one: int, other: int) -> int:
    return one + other


@workflow
async def rounds(ctx: WorkflowContext, number: int) -> int:
    for step in range(5):
        number = await add(number, step)
    if await ctx.wait_for_external_event("again", data_type=bool):
        ctx.continue_as_new(number)
    return number


class Here(RunSource):
    """A run whose looks are made at once, on the test's own thread, and whose commands are waited for."""

    def aside(self, look: Callable[[], object]) -> None:
        look()

    def command(self, name: str) -> Future[str]:
        done = super().command(name)
        done.exception(PATIENCE)
        return done


@pytest.fixture
def run(quick_world: World) -> WorkflowHandle:
    quick_world.open(rounds)
    run = quick_world.start(rounds, 1, id="order-42")
    quick_world.until_waiting(run, "again")
    return run


def follow(card: CardPage, text: str) -> None:
    """Give the card what the engine sends until its head shows a text."""
    for _ in range(200):
        card.pump()
        if text in card.root.inner_text():
            return
        threading.Event().wait(0.05)
    raise AssertionError(f"never: {text}: {card.root.inner_text()}")


def test_a_replay_that_is_looked_at_while_the_run_continues_as_new_begins_anew(
    card: CardPage, quick_world: World, run: WorkflowHandle
) -> None:
    card.unanswered = set()
    card.show(Here(quick_world.runtime, "order-42"))
    replay = card.open("Replay")
    card.settle()
    replay.get_by_role("slider").focus()
    card.page.keyboard.press("Home")
    for _ in range(4):
        card.page.keyboard.press("ArrowRight")
        card.settle()
    expect(replay).to_contain_text("event 4 of 18")
    run.raise_event("again", True)
    follow(card, "generation 2")
    card.settle()
    quick_world.until_waiting(run, "again")
    follow(card, "event 18 of 18")
    card.settle()
    expect(replay.get_by_role("slider")).to_be_focused()
    card.page.keyboard.press("ArrowLeft")
    card.settle()
    expect(replay).to_contain_text("event 17 of 18")
    expect(replay.locator("dl").first).to_contain_text("number")
    assert "anew" not in replay.inner_text()


@pytest.mark.parametrize("view", VIEWS)
def test_a_run_that_is_begun_again_from_its_card_is_followed_in_each_view(
    card: CardPage, quick_world: World, run: WorkflowHandle, view: str
) -> None:
    card.unanswered = set()
    run.raise_event("again", False)
    run.result(PATIENCE)
    card.show(Here(quick_world.runtime, "order-42"))
    panel = card.open(view)
    card.settle()
    card.page.get_by_role("button", name="Commands").click()
    card.page.get_by_role("menuitem", name="Start again").click()
    card.settle()
    follow(card, "running")
    quick_world.until_waiting(run, "again")
    follow(card, "waits for again" if view != "Replay" else "event 18 of 18")
    card.settle()
    shows = {"Timeline": "add", "Replay": "number", "Graph": "add", "Inbox": "again"}[view]
    expect(panel).to_contain_text(shows)


@pytest.mark.parametrize("view", VIEWS)
def test_a_run_that_is_purged_elsewhere_leaves_its_card_as_it_was(
    card: CardPage, quick_world: World, run: WorkflowHandle, view: str
) -> None:
    card.unanswered = set()
    run.raise_event("again", False)
    run.result(PATIENCE)
    card.show(Here(quick_world.runtime, "order-42"))
    run.purge()
    for tab in (view, *VIEWS):
        panel = card.open(tab)
        card.settle()
        expect(panel).to_be_visible()
    expect(card.page.locator(".nbf-badge")).to_contain_text("completed")
