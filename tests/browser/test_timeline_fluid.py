"""Ten thousand events: what opening costs, and a step. Figures are printed; asserted is what keeps them small."""

from __future__ import annotations

import json
import time

import pytest
from playwright.sync_api import Page

from nbflow.widgets.feed import CardFeed
from nbflow.widgets.rowlist import rows_of
from tests.browser.timeline_page import TimelinePage
from tests.views.stories import long_run
from tests.widgets.sources import FakeSource

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TIMED = """async (steps) => {
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const times = [];
  for (let i = 0; i < 20; i += 1) {
    await frame();
    const begin = performance.now();
    (0, eval)(`(${steps})`)(i);
    document.body.getBoundingClientRect();
    times.push(performance.now() - begin);
  }
  times.sort((a, b) => a - b);
  return [times[10], times[19]];
}"""


def test_a_run_of_ten_thousand_events_stays_fluid(page: Page) -> None:
    chart = TimelinePage(page)
    source = FakeSource(long_run(10_000))
    begin = time.process_time()
    sent: list[dict[str, object]] = []
    feed = CardFeed(source, send=sent.append, keep=lambda _message: None)
    opened = feed.open()
    python = 1000 * (time.process_time() - begin)
    begin = time.process_time()
    text = json.dumps(opened)
    encoded = 1000 * (time.process_time() - begin)
    page.evaluate("(text) => { window.text = text; }", text)
    mount = page.evaluate(
        """async () => {
        const begin = performance.now();
        mount(JSON.parse(text));
        view.resize();
        document.body.getBoundingClientRect();
        const drawn = performance.now() - begin;
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        return [drawn, performance.now() - begin];
        }"""
    )
    rows = page.locator(".nbf-tl-row").count()
    assert len(rows_of(opened)) > 5000
    assert rows < 40

    feed.hello("view")
    source.story.task(source.story.now + 1, "one_more")
    source.commit()
    begin = time.process_time()
    source.advance(1.0)
    delta = sent[-1]
    page.evaluate("(delta) => { window.delta = delta; }", delta)
    figures = {
        "one delta": "() => receive(delta)",
        "scroll": "(i) => { view.scroller.scrollTop = 97 * i + 31 * (i % 3); view.drawLines(); }",
        "zoom": "(i) => view.zoomBy(i % 2 ? 0.7 : 1.3)",
        "tick": "(i) => view.tick(picture.now + 100 * i)",
        "filter": "(i) => { view.state.text = i % 2 ? 'page' : ''; view.sift(); view.place(); }",
    }
    print(f"\n10,000 events, {len(rows_of(opened))} rows, {len(text):,} characters:")
    print(
        f"  Python {python:.0f} ms of CPU, as JSON {encoded:.0f} ms; page {mount[0]:.0f} ms, first frame after {mount[1]:.0f} ms"
    )
    for name, step in figures.items():
        median, worst = page.evaluate(TIMED, step)
        print(f"  {name}: {median:.1f} ms (worst {worst:.1f})")
    assert page.locator(".nbf-tl-row").count() < 40
    assert chart.errors == []
