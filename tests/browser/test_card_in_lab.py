"""The card in a real JupyterLab: from a cell to the page, and a click back into the kernel."""

from __future__ import annotations

import ipykernel
import pytest
from playwright.sync_api import Page, expect

from nbflow.views.timeline.html import html_timeline
from tests.browser.lab import Lab, Notebook
from tests.views.stories import completed, hostile, waiting

pytestmark = [
    pytest.mark.browser,
    pytest.mark.lab,
    pytest.mark.slow,
    pytest.mark.xdist_group("lab"),  # one server for them all
]

SHOW = "from tests.widgets.threads import show\nsource, card = show()\ncard"


def test_a_card_is_shown_and_approve_reaches_the_kernel(page: Page, lab: Lab) -> None:
    notebook = Notebook(page, lab, lab.write("approve.ipynb", SHOW, "print(source.raised)"))
    notebook.run(0)
    card = notebook.output(0).locator(".nbf")
    expect(card.locator(".nbf-badge")).to_have_text("► running")
    card.get_by_role("button", name="Approve approval").click()

    expect(card.locator(".nbf-badge")).to_have_text("✓ completed")
    expect(card.get_by_role("list", name="Timeline")).to_contain_text("charge")
    expect(card.get_by_role("button", name="Approve approval")).to_have_count(0)
    notebook.run(1)
    expect(notebook.output(1)).to_contain_text("""[('approval', '{"approved":true}')]""")


@pytest.mark.skipif(ipykernel.version_info < (7, 4), reason="older kernels answer clicks when the cell ends")
def test_approve_is_recorded_while_a_cell_blocks_the_kernel(page: Page, lab: Lab) -> None:
    notebook = Notebook(page, lab, lab.write("busy.ipynb", SHOW, "import time\ntime.sleep(8)\nprint('woke')"))
    notebook.run(0)
    card = notebook.output(0).locator(".nbf")
    notebook.start(1)
    expect(notebook.cell(1).locator(".jp-InputPrompt")).to_have_text("[*]:")
    card.get_by_role("button", name="Approve approval").click()

    expect(card.locator(".nbf-badge")).to_have_text("✓ completed", timeout=4000)
    expect(notebook.output(1)).not_to_contain_text("woke")


def test_a_reloaded_page_shows_the_run_as_it_is_now(page: Page, lab: Lab) -> None:
    go_on = "source.tell(lambda story, second: story.task(second, 'after_the_reload'))"
    notebook = Notebook(page, lab, lab.write("reload.ipynb", SHOW, go_on))
    notebook.run(0)
    expect(notebook.output(0).locator(".nbf")).to_be_visible()
    page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save'); }")
    page.reload()
    again = Notebook(page, lab, "reload.ipynb")
    card = again.output(0).locator(".nbf")
    expect(card.locator(".nbf-badge")).to_have_text("► running")
    again.run(1)

    expect(card.locator(".nbf-rows")).to_contain_text("after_the_reload")


def test_the_card_follows_the_notebooks_theme(page: Page, lab: Lab) -> None:
    notebook = Notebook(page, lab, lab.write("theme.ipynb", SHOW))
    notebook.run(0)
    card = notebook.output(0).locator(".nbf")
    expect(card).to_have_css("background-color", "rgb(255, 255, 255)")
    try:
        notebook.set_theme("JupyterLab Dark")
        expect(card).to_have_css("background-color", "rgb(33, 33, 33)")
        expect(card.locator(".nbf-waiting")).to_have_css("background-color", "rgb(210, 153, 34)")
    finally:
        notebook.set_theme("JupyterLab Light")


def test_the_twin_survives_an_untrusted_notebook(page: Page, lab: Lab) -> None:
    pictures = [html_timeline(story().timeline()) for story in (completed, waiting, hostile)]
    outputs = [
        [{"output_type": "display_data", "data": {"text/html": picture}, "metadata": {}}]
        for picture in pictures
    ]
    notebook = Notebook(page, lab, lab.write("untrusted.ipynb", "1", "2", "3", outputs=outputs))
    trusted = page.evaluate("window.jupyterapp.shell.currentWidget.content.model.cells.get(0).trusted")
    assert trusted is False

    first = notebook.output(0)
    expect(first.locator("table").first).to_be_visible()
    bars = first.locator("td span[style*='inline-block']")
    widths = bars.evaluate_all("all => all.map(one => one.getBoundingClientRect().width)")
    assert len(widths) == 21
    assert min(widths) >= 1
    assert max(widths) > 100
    expect(first.locator("td code").first).to_be_hidden()
    first.get_by_text("Inputs, results and errors").click()
    expect(first.get_by_text("print_label").nth(1)).to_be_visible()
    assert page.evaluate("window.pwned") is None
