"""Replay, graph and dashboard in a real JupyterLab over the real engine; screenshots of them, light and dark."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.lab import Lab, Notebook
from tests.browser.orders import DEFINITIONS, run

pytestmark = [pytest.mark.browser, pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(240)]

START = len(DEFINITIONS)
PATIENCE = 20_000
ARTEFACTS = Path(__file__).parents[2] / "artefacts"


def opened(page: Page, lab: Lab, name: str, *cells: str) -> tuple[Notebook, Locator]:
    """A notebook whose run waits for an approval, and its card."""
    page.set_viewport_size({"width": 1400, "height": 1100})
    notebook = Notebook(page, lab, lab.write(name, *DEFINITIONS, run(), *cells))
    notebook.run_all(START + 1)
    card = notebook.output(START).locator(".nbf")
    expect(card.get_by_role("button", name="Approve approval")).to_be_visible(timeout=PATIENCE)
    return notebook, card


def picture(notebook: Notebook, shown: Locator, name: str) -> None:
    """Keep a screenshot with something in it, light and dark."""
    ARTEFACTS.mkdir(exist_ok=True)
    shown.evaluate("(element) => element.scrollIntoView({ block: 'center' })")
    notebook.page.screenshot(path=ARTEFACTS / f"{name}-light.png")
    try:
        notebook.set_theme("JupyterLab Dark")
        expect(notebook.page.locator("#jupyterlab-splash")).to_have_count(0)
        notebook.page.screenshot(path=ARTEFACTS / f"{name}-dark.png")
    finally:
        notebook.set_theme("JupyterLab Light")


def test_a_replay_is_scrubbed_with_the_cells_lines_and_values(page: Page, lab: Lab) -> None:
    notebook, card = opened(page, lab, "scrub.ipynb")
    card.get_by_role("tab", name="Replay").click()
    replay = card.get_by_role("tabpanel", name="Replay")
    expect(replay).to_contain_text("Cell In[4]")
    expect(replay).to_contain_text("%%workflow fulfil(sku: str, cents: int) -> str")
    expect(replay).to_contain_text("in_stock")
    picture(notebook, card, "lab-replay")
    replay.get_by_role("slider").first.focus()
    page.keyboard.press("Home")
    expect(replay).to_contain_text("Before the first event")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(replay).to_contain_text("waits for activity check")
    expect(replay).not_to_contain_text("in_stock True")
    expect(notebook.output(START)).to_contain_text("asking the warehouse")
    assert notebook.output(START).inner_text().count("asking the warehouse for tea") == 1, (
        "nothing runs again"
    )


def test_a_run_is_forked_from_the_slider_with_another_value_and_comes_out_otherwise(
    page: Page, lab: Lab
) -> None:
    notebook, card = opened(page, lab, "fork.ipynb")
    card.get_by_role("button", name="Approve approval").click()
    expect(card.locator(".nbf-badge")).to_have_text("✓ completed", timeout=PATIENCE)
    card.get_by_role("tab", name="Replay").click()
    replay = card.get_by_role("tabpanel", name="Replay")
    replay.locator(".nbf-rp-input").filter(has_text="approval").click()
    replay.get_by_role("button", name="Fork from here…").click()
    form = replay.get_by_role("form", name="Fork")
    form.get_by_role("checkbox", name="change the event 'approval'").check()
    form.get_by_label("JSON for change the event 'approval'").fill('{"approved": false}')
    form.get_by_role("button", name="Fork").click()
    forked = notebook.output(START).get_by_role("group", name="Run order-42-fork-1 of fulfil")
    expect(forked.locator(".nbf-badge")).to_have_text("✓ completed", timeout=PATIENCE)
    head = forked.locator(".nbf-subhead")
    expect(head).to_contain_text('output "rejected"')
    expect(head).to_contain_text("forked from order-42 at event")
    head.get_by_role("button", name="compare", exact=True).click()
    compared = forked.get_by_role("region", name="Comparison")
    expect(compared.get_by_role("row").filter(has_text="approval")).to_contain_text(
        "≠ differs", timeout=PATIENCE
    )
    picture(notebook, forked, "lab-fork")


def test_a_card_can_be_opened_at_an_event(page: Page, lab: Lab) -> None:
    notebook, _ = opened(page, lab, "at.ipynb", "%wf replay order-42 --to 2")
    notebook.run(START + 1)
    card = notebook.output(START + 1).locator(".nbf")
    expect(card.get_by_role("tab", selected=True)).to_have_text("Replay")
    expect(card.get_by_role("slider").first).to_have_attribute(
        "aria-valuetext", "event 2 of 7: run starts, fulfil"
    )


def test_the_graph_follows_the_run(page: Page, lab: Lab) -> None:
    notebook, card = opened(page, lab, "graph.ipynb")
    card.get_by_role("tab", name="Graph").click()
    graph = card.get_by_role("tabpanel", name="Graph")
    expect(graph.locator("svg")).to_be_visible(timeout=PATIENCE)
    expect(graph.locator("svg")).to_contain_text("waiting")
    picture(notebook, card, "lab-graph")
    card.get_by_role("button", name="Approve approval").click()
    expect(card.locator(".nbf-badge")).to_have_text("✓ completed", timeout=PATIENCE)
    expect(graph.locator("svg")).not_to_contain_text("waiting", timeout=PATIENCE)


def test_a_run_is_answered_from_the_dashboard(page: Page, lab: Lab) -> None:
    notebook, first = opened(page, lab, "ps.ipynb", "%wf ps")
    notebook.run(START + 1)
    dashboard = notebook.output(START + 1).locator(".nbf-dash")
    expect(dashboard).to_contain_text("order-42")
    dashboard.get_by_role("row", name="order-42").click()
    inside = dashboard.get_by_role("group", name="Run order-42 of fulfil")
    picture(notebook, dashboard, "lab-dashboard")
    inside.get_by_role("button", name="Approve approval").click(timeout=PATIENCE)
    for card in (inside, first):
        expect(card.locator(".nbf-badge").first).to_have_text("✓ completed", timeout=PATIENCE)
    expect(dashboard.get_by_role("row", name="order-42")).to_contain_text("completed")


def test_the_twin_is_there_for_later_and_out_of_sight_now(page: Page, lab: Lab) -> None:
    notebook, _ = opened(page, lab, "twins.ipynb", "%wf ps")
    notebook.run(START + 1)
    for index in (START, START + 1):
        twin = notebook.output(index).locator("[data-nbflow-twin]")
        expect(twin).to_have_count(1)
        expect(twin).to_be_hidden()
