"""The dashboard with very many runs, and how it looks. Timings are printed, not asserted."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Page, expect

from nbflow.core.state import RuntimeStatus
from tests.browser.axe import violations
from tests.browser.dash_page import DashPage
from tests.views.stories import at, waiting
from tests.views.stories_instances import asking, hostile_run, run, shop
from tests.widgets.instances_sources import FakeInstances
from tests.widgets.sources import FakeSource

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ARTEFACTS = Path(__file__).parents[2] / "artefacts"

FRAME = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"


def crowd(number: int) -> FakeInstances:
    source = FakeInstances()
    record, _ = run(asking(), "x", 0)
    statuses = [RuntimeStatus.COMPLETED] * 8 + [RuntimeStatus.FAILED, RuntimeStatus.TERMINATED]
    for i in range(number):
        source.put(
            msgspec.structs.replace(
                record,
                instance_id=f"order-{i}",
                created_at=at(i),
                last_updated_at=at(i + 5),
                status=statuses[i % 10],
            )
        )
    return source


def timed(page: Page, script: str) -> float:
    """Milliseconds from a script's begin until the page has been painted."""
    return page.evaluate(
        f"async () => {{ const begun = performance.now(); {script}; await ({FRAME})(); return performance.now() - begun; }}"
    )


def test_five_thousand_runs(page: Page) -> None:
    dash = DashPage(page)
    source = crowd(5000)
    dash.show(source, answer=False, page=5000)
    print(f"5,000 rows: drawn again in {timed(page, 'dispose(); mount()'):.0f} ms")
    assert dash.rows.count() < 60, "only those in sight are there"
    grid = "document.querySelector('.nbf-db-grid')"
    print(f"scrolled in {timed(page, f'{grid}.scrollTop = 60000'):.0f} ms")
    expect(dash.row("order-3000")).to_be_attached()
    sort = "document.querySelectorAll('[role=columnheader] button')[1].click()"
    print(f"sorted by ID in {timed(page, sort):.0f} ms")
    dash.page.get_by_role("searchbox").fill("order-499")
    search = "const f = document.querySelector('input[type=search]'); f.value = 'order-42'; f.dispatchEvent(new Event('input'))"
    print(f"filtered in {timed(page, search):.0f} ms")
    expect(dash.row("order-428")).to_be_attached()
    assert dash.errors == []


def test_the_place_in_sight_stays_while_runs_come_in(page: Page) -> None:
    dash = DashPage(page)
    source = dash.show(crowd(500))
    dash.page.locator(".nbf-db-grid").evaluate("grid => { grid.scrollTop = 3000; }")
    expect(dash.row("order-395")).to_be_attached()
    before = dash.row("order-395").bounding_box()
    for number in range(5):
        record, history = run(asking(), f"new-{number}", 9000.0 + number)
        source.put(record, history)
        source.advance(1.0)
    assert dash.row("order-395").bounding_box() == before


def test_more_than_are_loaded_are_asked_for(page: Page) -> None:
    dash = DashPage(page)
    dash.show(crowd(350), page=100)
    foot = dash.root.locator(".nbf-db-foot")
    expect(foot).to_have_text("100 of 350 runs are shown load 100 more")
    foot.get_by_role("button").click()
    expect(foot).to_have_text("200 of 350 runs are shown load 100 more")
    dash.page.get_by_role("button", name="35 failed").click()
    expect(foot).to_have_text("35 runs")
    dash.page.get_by_role("button", name="35 failed").click()
    dash.page.get_by_role("searchbox").fill("order-7")
    expect(dash.row("order-7")).to_be_attached()
    assert dash.errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures_and_axe(page: Page, scheme: str) -> None:
    dash = DashPage(page)
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    source = FakeInstances([*shop(), hostile_run()])
    source.sources["order-42"] = FakeSource(waiting())
    dash.show(source)
    for width in (1100, 700, 420):
        page.set_viewport_size({"width": width, "height": 900})
        picture = dash.root.screenshot(path=ARTEFACTS / f"dashboard-{scheme}-{width}.png")
        assert len(picture) > 5000
    assert violations(page) == []
    page.set_viewport_size({"width": 1100, "height": 1200})
    page.get_by_role("button", name="As a tree").click()
    page.get_by_role("checkbox", name="Choose order-36").click()
    dash.row("order-42").click()
    expect(page.get_by_role("group", name="Run order-42 of fulfil")).to_be_visible()
    dash.root.screenshot(path=ARTEFACTS / f"dashboard-open-{scheme}.png")
    assert violations(page) == []
