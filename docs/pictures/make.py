"""The pictures of the README and of docs/card.md, from the real card with real runs: ``make pictures``.

The clock is the computer's, put forward by hand, so that two hours of waiting are two hours. Each picture is
taken in light and in dark, with as few colours as make it small.
"""

import asyncio
import io
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy
from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright

from docs.pictures import orders
from nbflow import WorkflowRuntime
from nbflow.core.history import EventWaitCreated, TaskCompleted, TaskScheduled, TimerCreated
from nbflow.runtime import RunSource, WorkflowHandle
from nbflow.runtime.instances import RuntimeInstances
from tests.browser.card_page import CardPage
from tests.browser.conftest import CHROMIUM
from tests.browser.dash_page import DashPage

FOLDER = Path(__file__).parent
MORNING = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
WIDTH = 900
SCALE = 1.3
LARGEST = 80_000  # bytes of a picture: a page of them opens at once


class Clock:
    """The computer's clock, put forward by hand."""

    def __init__(self, start: datetime) -> None:
        self._ahead = start - datetime.now(UTC)

    def now(self) -> datetime:
        """The present time."""
        return datetime.now(UTC) + self._ahead

    async def wait_until(self, when: datetime) -> None:
        """Return now and then."""
        await asyncio.sleep(min(max((when - self.now()).total_seconds(), 0), 0.02))

    def put_forward(self, by: timedelta) -> None:
        """Have that time pass at once."""
        self._ahead += by


class Here(RunSource):
    """A run whose looks are made at once: a page belongs to the thread that made it."""

    def aside(self, look: Callable[[], object]) -> None:
        """Look."""
        look()

    def command(self, name: str) -> Future[str]:
        """Do it."""
        done = super().command(name)
        done.exception(10)
        return done

    def fork(self, seq: int, value: str | None, instance_id: str) -> Future[str]:
        """Do it."""
        done = super().fork(seq, value, instance_id)
        done.exception(10)
        return done

    def other(self, instance_id: str) -> "Here":
        """Another run."""
        return Here(self._runtime, instance_id)


class AllHere(RuntimeInstances):
    """All runs, likewise."""

    def aside(self, look: Callable[[], object]) -> None:
        """Look."""
        look()


def until(run: WorkflowHandle, kind: type[Any], count: int = 1) -> None:
    """Wait until a run has come so far."""
    end = time.monotonic() + 30
    while sum(isinstance(event, kind) for event in run.history()) < count:
        if time.monotonic() > end:
            raise TimeoutError(f"{run} has no {count} {kind.__name__}")
        time.sleep(0.02)


def an_order(runtime: WorkflowRuntime, clock: Clock) -> WorkflowHandle:
    """An order that is packed and waits for its approval."""
    order = orders.Order(sku="tea", qty=2, card="4000 1234")
    run = runtime.client.schedule_new_workflow(orders.fulfil, input=order, instance_id="order-42")
    until(run, TimerCreated, 3)  # two retries, and the two hours
    clock.put_forward(timedelta(hours=2))
    until(run, EventWaitCreated)
    clock.put_forward(timedelta(hours=3))
    return run


def more_runs(runtime: WorkflowRuntime, clock: Clock) -> None:
    """Other runs, for the table of all."""
    start = runtime.client.schedule_new_workflow
    failing = orders.Survey(question="Was it good?", stars=orders.Stars.none)
    for number, (workflow, given) in enumerate(
        [(orders.nightly, 3), (orders.nightly, 2), (orders.refund, "order-17"), (orders.ask, failing)], 51
    ):
        start(workflow, input=given, instance_id=f"{workflow.name}-{number}")
        clock.put_forward(timedelta(minutes=7))
    runtime.client.pause_workflow("nightly-52")
    time.sleep(0.5)


def two_branches(run: WorkflowHandle) -> int:
    """The event at which one branch has just gone on, and another still waits."""
    labels = [
        event.seq
        for event in run.history()
        if isinstance(event, TaskScheduled) and event.name == "print_label"
    ]
    return labels[0]


# -- pictures --------------------------------------------------------------------------------------------


@contextmanager
def pages(scheme: Any) -> Iterator[Callable[[], Page]]:
    """Blank pages in a browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(
            viewport={"width": WIDTH, "height": 900},
            device_scale_factor=SCALE,
            color_scheme=scheme,
            locale="en-GB",
            timezone_id="UTC",
            reduced_motion="reduce",
        )
        yield context.new_page
        browser.close()


def take(name: str, scheme: str, what: Locator, room: int = 12) -> None:
    """Write a picture, small."""
    what.page.mouse.move(1, 1)
    what.page.wait_for_timeout(300)  # what fades has faded
    box = what.bounding_box()
    assert box is not None, name
    x, y = max(box["x"] - room, 0), max(box["y"] - room, 0)
    area = {
        "x": x,
        "y": y,
        "width": min(box["width"] + 2 * room, WIDTH - x),
        "height": box["height"] + 2 * room,
    }
    data = what.page.screenshot(full_page=True, clip=area)  # type: ignore[arg-type]
    write(FOLDER / f"{name}{'-dark' if scheme == 'dark' else ''}.png", data)


def write(path: Path, data: bytes) -> None:
    """Write a picture with as few colours as make it small: the commonest ones, and the farthest apart."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    pixels = numpy.asarray(image).reshape(-1, 3)
    colours, places, counts = numpy.unique(pixels, axis=0, return_inverse=True, return_counts=True)
    common = colours[numpy.argsort(-counts)]
    for most in (256, 192, 128, 96):
        few = image.quantize(most // 4, method=Image.Quantize.MAXCOVERAGE).getpalette() or []
        kept = numpy.concatenate([common[: most - most // 4], numpy.array(few).reshape(-1, 3)])
        nearest = ((colours[:, None].astype(int) - kept) ** 2).sum(axis=2).argmin(axis=1).astype(numpy.uint8)
        small = Image.frombytes("P", image.size, nearest[places].tobytes())
        small.putpalette(kept.astype(numpy.uint8).tobytes())
        small.save(path, optimize=True)
        if path.stat().st_size <= LARGEST:
            return
    raise ValueError(f"{path.name} has {path.stat().st_size:,} bytes")


def card_of(page: Page, runtime: WorkflowRuntime, instance_id: str) -> CardPage:
    """The card of a run."""
    card = CardPage(page)
    card.show(Here(runtime, instance_id))
    card.settle()
    return card


def take_all(runtime: WorkflowRuntime, run: WorkflowHandle, scheme: str) -> None:
    """Take every picture."""
    with pages(scheme) as page:
        card = card_of(page(), runtime, run.instance_id)
        take("timeline", scheme, card.root)

        card.open("Replay")
        card.settle()
        card.page.add_style_tag(content="[aria-label^=Source], [aria-label=Events] { max-height: 270px }")
        card.page.get_by_role("slider").fill(str(two_branches(run)))
        card.settle()
        take("replay", scheme, card.page.get_by_role("tabpanel"), room=6)

        card.open("Graph")
        card.settle()
        card.page.add_style_tag(
            content=".nbf-graph-box { max-height: none } .nbf-graph-tools { visibility: hidden }"
        )
        take("graph", scheme, card.page.locator(".nbf-graph svg").first)

        survey = card_of(page(), runtime, "ask-54")
        take("answer", scheme, survey.page.get_by_role("region", name="Waiting for an answer"))

        dash = DashPage(page())
        dash.show(AllHere(runtime))  # type: ignore[arg-type]
        take("runs", scheme, dash.root)
        dash.feed.close()  # type: ignore[union-attr]
        assert not card.errors + survey.errors + dash.errors


def price_of(run: WorkflowHandle) -> int:
    """The event that brought the price."""
    calls = {
        event.id for event in run.history() if isinstance(event, TaskScheduled) and event.name == "find_price"
    }
    return next(e.seq for e in run.history() if isinstance(e, TaskCompleted) and e.scheduled_id in calls)


def take_ways_back(runtime: WorkflowRuntime, run: WorkflowHandle, scheme: str) -> None:
    """Take the pictures of a fork and of a comparison."""
    with pages(scheme) as page:
        card = card_of(page(), runtime, run.instance_id)
        panel = card.open("Replay")
        card.settle()
        card.page.get_by_role("slider").fill(str(price_of(run)))
        card.page.get_by_role("button", name="Fork from here…").click()
        card.settle()
        card.page.get_by_role("checkbox", name="change the result of find_price").check()
        card.page.get_by_role("spinbutton").fill("1900")
        take("fork", scheme, panel.locator("form.nbf-fork"), room=6)

        forked = card_of(page(), runtime, f"{run.instance_id}-fork-1")
        forked.page.get_by_role("button", name="compare", exact=True).click()
        forked.settle()
        take("compare", scheme, forked.page.get_by_role("region", name="Comparison"), room=6)
        assert not card.errors + forked.errors


def main() -> None:
    """Make all of them."""
    clock = Clock(MORNING)
    with WorkflowRuntime(":memory:", clock=clock, definitions=[orders], forward_orphans=False) as runtime:
        more_runs(runtime, clock)
        run = an_order(runtime, clock)
        for scheme in ("light", "dark"):
            take_all(runtime, run, scheme)
        dearer = run.fork(price_of(run), set=1900)
        until(dearer, TimerCreated)  # the two hours: its label is printed at once
        clock.put_forward(timedelta(hours=2))
        until(dearer, EventWaitCreated)
        for scheme in ("light", "dark"):
            take_ways_back(runtime, run, scheme)


if __name__ == "__main__":
    main()
