"""A run as a page of its own: real runs, written by the real engine, opened from the disk without any network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, Request, Route, expect

from nbflow import WorkflowContext, WorkflowRuntime, activity, workflow
from nbflow.runtime import WorkflowHandle
from tests.engine.worlds import World, quick_world

__all__ = ["quick_world"]  # a fixture

pytestmark = pytest.mark.browser

STEPS = 330
"""So many rows that their details don't come along with them."""


@activity
async def add(one: int, other: int) -> int:
    return one + other


@workflow
async def chain(ctx: WorkflowContext, steps: int) -> int:
    total = 0
    for step in range(steps):
        total = await add(total, step)
    return total


@workflow
async def leaf(ctx: WorkflowContext, number: int) -> int:
    return number


@workflow
async def asks(ctx: WorkflowContext) -> bool:
    found = await leaf(7)
    return await ctx.wait_for_external_event("approval", data_type=bool) and found > 0


class Exported:
    """A page that was opened from the disk.

    Attributes:
        errors: What its scripts complained of.
        asked: The addresses of what it wanted from elsewhere.
    """

    def __init__(self, page: Page, path: Path) -> None:
        self.page = page
        self.errors: list[str] = []
        self.asked: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        page.on("request", self._note)
        page.route("**/*", self._let)
        self.path = path
        page.goto(path.as_uri())

    def _let(self, route: Route) -> None:
        route.continue_() if route.request.url == self.path.as_uri() else route.abort()

    def _note(self, request: Request) -> None:
        if request.url != self.path.as_uri():
            self.asked.append(request.url)

    def open(self, view: str) -> Locator:
        self.page.get_by_role("tab", name=view).click()
        return self.page.get_by_role("tabpanel")


@pytest.fixture(scope="module")
def runtime() -> Iterator[WorkflowRuntime]:
    with WorkflowRuntime(":memory:", definitions=[chain, asks], forward_orphans=False) as runtime:
        yield runtime


@pytest.fixture(scope="module")
def long(runtime: WorkflowRuntime) -> WorkflowHandle:
    run = runtime.client.schedule_new_workflow(chain, input=STEPS, instance_id="long")
    run.result(60)
    return run


@pytest.fixture
def exported(page: Page, long: WorkflowHandle, tmp_path: Path) -> Iterator[Exported]:
    long.export(tmp_path / "long.html")
    exported = Exported(page, tmp_path / "long.html")
    expect(page.get_by_role("tab", name="Timeline")).to_be_visible()
    yield exported
    assert (exported.errors, exported.asked) == ([], [])


def test_each_view_is_there_without_any_network(exported: Exported) -> None:
    page = exported.page
    expect(page.locator(".nbf-badge")).to_contain_text("completed")
    expect(page.get_by_role("grid", name="Timeline").get_by_role("row")).not_to_have_count(0)
    replay = exported.open("Replay")
    expect(replay.get_by_role("region", name="Source of chain")).to_contain_text(
        "total = await add(total, step)"
    )
    expect(replay.get_by_role("listbox", name="Events")).to_contain_text("add")
    expect(replay).not_to_contain_text("does not hold")
    expect(exported.open("Graph").locator("svg .nbf-node").first).to_be_visible()
    expect(exported.open("Inbox")).to_contain_text("no event has come yet")


def test_the_slider_goes_through_every_moment_by_keyboard(exported: Exported, long: WorkflowHandle) -> None:
    replay, page = exported.open("Replay"), exported.page
    slider = replay.get_by_role("slider")
    slider.focus()
    page.keyboard.press("Home")
    expect(replay.locator(".nbf-rp-why")).to_have_text("Before the first event")
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    expect(replay.locator(".nbf-rp-deck .nbf-rp-place")).to_contain_text("event 12 of")
    length = len(long.history())
    found = page.evaluate(
        """async (length) => {
          const slider = document.querySelector(".nbf-rp-slider"), said = [], { port1, port2 } = new MessageChannel();
          for (let seq = 1; seq <= length; seq += 1) {
            slider.value = seq;
            slider.dispatchEvent(new Event("input"));
            for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => { port1.onmessage = resolve; port2.postMessage(0); });
            const names = [...document.querySelectorAll(".nbf-rp-locals dt")].map((one) => one.firstChild.textContent);
            const stale = document.querySelector(".nbf-rp-branches").classList.contains("nbf-rp-old");
            said.push([names.includes("total"), stale]);
          }
          return said;
        }""",
        length,
    )
    missing = [seq for seq, (has_values, is_stale) in enumerate(found, 1) if is_stale or not has_values]
    assert missing == [1], found[1:3]  # before the code's first line
    page.keyboard.press("End")
    expect(replay.locator(".nbf-rp-deck .nbf-rp-place")).to_contain_text(f"event {length} of {length}")


def test_a_row_far_down_brings_its_details(exported: Exported) -> None:
    page = exported.page
    page.get_by_role("grid", name="Timeline").get_by_role("row").first.focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    pane = page.locator(".nbf-tl-pane")
    expect(pane).to_contain_text(str(sum(range(STEPS))))
    expect(pane.get_by_role("button", name="Replay at event")).to_be_visible()


def test_without_javascript_there_is_the_picture(
    browser: Browser, long: WorkflowHandle, tmp_path: Path
) -> None:
    long.export(tmp_path / "long.html")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((tmp_path / "long.html").as_uri())
    expect(page.locator("main")).to_contain_text("long")
    expect(page.locator("main")).to_contain_text("completed")
    context.close()


def test_a_browser_that_cannot_unpack_it_says_so(page: Page, long: WorkflowHandle, tmp_path: Path) -> None:
    long.export(tmp_path / "long.html")
    page.add_init_script("delete window.DecompressionStream")
    page.goto((tmp_path / "long.html").as_uri())
    expect(page.get_by_role("status")).to_contain_text("this browser is too old")
    expect(page.locator("main")).to_contain_text("completed")


@pytest.fixture
def open_run(quick_world: World) -> WorkflowHandle:
    quick_world.open(asks)
    run = quick_world.start(asks, id="open")
    quick_world.until_waiting(run, "approval")
    return run


def test_an_open_question_is_told_and_cannot_be_answered(
    page: Page, open_run: WorkflowHandle, tmp_path: Path
) -> None:
    open_run.export(tmp_path / "open.html")
    exported = Exported(page, tmp_path / "open.html")
    waits = page.get_by_role("region", name="Waiting for an answer")
    expect(waits).to_contain_text("approval")
    expect(waits).to_contain_text("open the run in its notebook to answer")
    assert waits.get_by_role("button").count() == 0
    expect(page.get_by_role("button", name="Commands")).to_be_hidden()
    expect(page.get_by_text("no kernel answers")).to_have_count(0)
    panel = exported.open("Inbox")
    expect(panel.get_by_role("button", name="Raise")).to_be_hidden()
    page.wait_for_timeout(2500)
    expect(page.get_by_text("no kernel answers")).to_have_count(0)
    assert (exported.errors, exported.asked) == ([], [])


def test_another_run_is_named_and_cannot_be_opened(
    page: Page, open_run: WorkflowHandle, tmp_path: Path
) -> None:
    open_run.export(tmp_path / "open.html")
    Exported(page, tmp_path / "open.html")
    page.get_by_role("grid", name="Timeline").get_by_role("row").filter(has_text="leaf").click()
    pane = page.locator(".nbf-tl-pane")
    expect(pane).to_contain_text("7")
    expect(pane.get_by_role("button", name="Open card")).to_have_count(0)
