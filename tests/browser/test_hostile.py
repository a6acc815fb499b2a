"""Values that would like to be more than text, through the real engine and every view, in a page that would tell."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from nbflow import WorkflowContext, WorkflowRuntime, activity, workflow
from nbflow.core.history import EventWaitCreated
from nbflow.runtime import RunSource, WorkflowHandle
from tests.browser.card_page import CardPage

pytestmark = pytest.mark.browser

SCRIPT = "<script>window.pwned = 1</script>"
IMAGE = "<img src=x onerror='window.pwned = 1'>"
LINK = "javascript:window.pwned=1"
STYLE = "</style></pre></textarea></title><style>* { display: none !important }</style>"
TURNED = "\u202eright to left\u2066 שלום 👋🏽 \x1b[31mred\x07 \u2028 \x00"
LONG = "5 MB " + "x" * 5_000_000
VALUES = [SCRIPT, IMAGE, LINK, STYLE, TURNED, "]]>", "--><!--", "${window.pwned=1}", "'\"`\\", "a\r\nb"]


def nested(depth: int) -> Any:
    value: Any = "deep"
    for _ in range(depth):
        value = [value]
    return value


@activity
def echo(value: Any) -> Any:
    print(SCRIPT, IMAGE, TURNED)
    return value


@activity
def breaks(value: Any) -> None:
    raise ValueError(f"{SCRIPT}{IMAGE}{STYLE}{TURNED}")


@workflow
async def hostile(ctx: WorkflowContext, values: Any) -> Any:
    ctx.set_custom_status(IMAGE + TURNED)
    script, image = values[0], {IMAGE: STYLE}
    for value in values:
        await echo(value)
    large = await echo(LONG)
    deep = await echo(nested(400))
    try:
        await breaks(SCRIPT)
    except Exception as error:
        caught = error
    await ctx.wait_for_external_event(f"{SCRIPT}{TURNED}", data_type=dict[str, int])
    return [script, image, len(large), deep is not None, str(caught)]


class Here(RunSource):
    """A run whose looks are made at once, on the test's own thread."""

    def aside(self, look: Callable[[], object]) -> None:
        look()

    def command(self, name: str) -> Future[str]:
        done = super().command(name)
        done.exception(10)
        return done


@pytest.fixture(scope="module")
def runtime() -> Iterator[WorkflowRuntime]:
    with WorkflowRuntime(":memory:", definitions=[hostile], forward_orphans=False) as runtime:
        yield runtime


@pytest.fixture(scope="module")
def run(runtime: WorkflowRuntime) -> WorkflowHandle:
    run = runtime.client.schedule_new_workflow(hostile, input=VALUES, instance_id="order-42")
    changed = threading.Event()
    stop = runtime.subscribe(run.instance_id, lambda _record, _events: changed.set())
    while not any(isinstance(event, EventWaitCreated) for event in run.history()):
        assert changed.wait(30)
        changed.clear()
    stop()
    run.raise_event(f"{IMAGE}", {SCRIPT: STYLE})
    return run


def is_safe(page: Page) -> None:
    assert page.evaluate("window.pwned") is None
    assert (
        page.evaluate(
            "document.querySelectorAll('.nbf script, .nbf img, .nbf iframe, .nbf [onerror]').length"
        )
        == 0
    )
    links = page.evaluate(
        "Array.from(document.querySelectorAll('.nbf a')).map((a) => a.getAttribute('href'))"
    )
    assert all(not str(link).lower().startswith("javascript") for link in links)


def test_every_view_of_the_card_shows_them_as_text(
    card: CardPage, runtime: WorkflowRuntime, run: WorkflowHandle
) -> None:
    card.show(Here(runtime, run.instance_id))
    for view in ("Timeline", "Replay", "Graph", "Inbox"):
        panel = card.open(view)
        card.settle()
        expect(panel).to_be_visible()
        is_safe(card.page)
    expect(card.page.locator(".nbf-subtitle")).to_contain_text("<img src=x")


def test_a_replay_shows_them_as_text_at_every_step(
    card: CardPage, runtime: WorkflowRuntime, run: WorkflowHandle
) -> None:
    card.show(Here(runtime, run.instance_id))
    panel = card.open("Replay")
    slider = panel.get_by_role("slider").first
    slider.focus()
    card.page.keyboard.press("Home")
    for _ in range(len(run.history())):
        card.page.keyboard.press("ArrowRight")
        card.settle()
    expect(panel).to_contain_text("<script>")
    is_safe(card.page)


@pytest.mark.parametrize("view", ["timeline", "replay", "graph", "inbox"])
def test_every_static_picture_shows_them_as_text(page: Page, run: WorkflowHandle, view: str) -> None:
    picture = getattr(run, view)()
    page.set_content(f"<!doctype html><meta charset=utf-8><div class=nbf>{picture.html}</div>")
    page.wait_for_load_state()
    assert page.evaluate("window.pwned") is None
    assert page.evaluate("document.querySelectorAll('.nbf script, .nbf iframe, .nbf [onerror]').length") == 0
    assert page.evaluate(
        "Array.from(document.images).every((one) => one.src.startsWith('data:image/svg+xml'))"
    )
    assert len(picture.html) < 3_000_000
    assert all(ord(character) >= 32 or character == "\n" for character in picture.text)


def test_an_exported_page_shows_them_as_text(page: Page, run: WorkflowHandle, tmp_path: Path) -> None:
    path = tmp_path / "order-42.html"
    print(f"\nthe exported page has {run.export(path) / 1e6:.1f} MB")
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(path.as_uri())
    expect(page.get_by_role("tab", name="Timeline")).to_be_visible(timeout=20_000)
    for view in ("Replay", "Graph", "Inbox"):
        page.get_by_role("tab", name=view).click()
        expect(page.get_by_role("tabpanel")).to_be_visible()
    is_safe(page)
    assert errors == []
    assert json.dumps(VALUES)[:40] not in path.read_text()


def test_what_no_history_can_hold_is_refused_beside_the_field(
    card: CardPage, runtime: WorkflowRuntime, run: WorkflowHandle
) -> None:
    card.unanswered = set()
    card.show(Here(runtime, run.instance_id))
    panel = card.open("Inbox")
    events = len(run.history())
    panel.get_by_role("combobox", name="name").fill("deep")
    payload = panel.get_by_role("textbox", name="JSON for the event")
    for text, said in (
        ("NaN", "not JSON"),
        ("[" * 10_000 + "]" * 10_000, "recursion"),
        ("{'a': 1}", "not JSON"),
    ):
        payload.fill(text)
        panel.get_by_role("button", name="Raise").click()
        expect(panel).to_contain_text(said)
    assert len(run.history()) == events
    is_safe(card.page)
