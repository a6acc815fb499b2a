"""The card in a real JupyterLab over the real engine: from a cell to the page, and a click back into the kernel."""

from __future__ import annotations

import os
import signal

import pytest
from playwright.sync_api import Locator, Page, expect

from nbflow.views.timeline.html import html_timeline
from tests.browser.lab import Lab, Notebook
from tests.browser.orders import DEFINITIONS, run
from tests.views.stories import completed, hostile, waiting
from tests.views.test_mathematics import priced

pytestmark = [
    pytest.mark.browser,
    pytest.mark.lab,
    pytest.mark.slow,
    pytest.mark.timeout(240),
]

PID = "import os\nprint(os.getpid())"
START = len(DEFINITIONS)
PATIENCE = 20_000


def opened(page: Page, lab: Lab, name: str, *cells: str) -> tuple[Notebook, Locator]:
    """A notebook whose run waits for an approval, and its card."""
    notebook = Notebook(page, lab, lab.write(name, *DEFINITIONS, run(), *cells))
    notebook.run_all(START + 1)
    card = notebook.output(START).locator(".nbf")
    expect(card.get_by_role("button", name="Approve approval")).to_be_visible(timeout=PATIENCE)
    return notebook, card


def test_a_run_is_live_and_approve_reaches_it(page: Page, lab: Lab) -> None:
    notebook, card = opened(page, lab, "approve.ipynb", "await run")
    expect(card.locator(".nbf-badge")).to_have_text("► running")
    expect(card).to_contain_text("check")
    card.get_by_role("button", name="Approve approval").click()
    expect(card.locator(".nbf-badge")).to_have_text("✓ completed", timeout=PATIENCE)
    expect(card.get_by_role("button", name="Approve approval")).to_have_count(0)
    expect(card).to_contain_text("charge")
    notebook.run(START + 1)
    expect(notebook.output(START + 1)).to_contain_text("sent with R-1200")


def test_a_reloaded_page_shows_the_run_as_it_is_now(page: Page, lab: Lab) -> None:
    notebook, _ = opened(page, lab, "reload.ipynb", "%wf raise order-42 hint 7")
    notebook.save()
    page.reload()
    again = Notebook(page, lab, "reload.ipynb")
    card = again.output(START).locator(".nbf")
    expect(card.locator(".nbf-badge")).to_have_text("► running")
    again.run(START + 1)
    expect(card).to_contain_text("hint")
    card.get_by_role("button", name="Approve approval").click()
    expect(card.locator(".nbf-badge")).to_have_text("✓ completed", timeout=PATIENCE)


def test_two_views_of_one_run_say_the_same(page: Page, lab: Lab) -> None:
    notebook, first = opened(page, lab, "twice.ipynb", "run")
    notebook.run(START + 1)
    second = notebook.output(START + 1).locator(".nbf")
    second.get_by_role("button", name="Approve approval").click()
    for card in (first, second):
        expect(card.locator(".nbf-badge")).to_have_text("✓ completed", timeout=PATIENCE)


def test_a_kernel_that_dies_under_the_card_is_noticed_and_the_run_goes_on_in_the_next(
    page: Page, lab: Lab
) -> None:
    notebook, card = opened(page, lab, "killed.ipynb", PID)
    notebook.run(START + 1)
    os.kill(int(notebook.output(START + 1).inner_text()), signal.SIGKILL)
    expect(card.get_by_text("no kernel answers: re-run this cell")).to_be_visible(timeout=PATIENCE)
    dialog = page.get_by_role("dialog")
    if dialog.count():
        dialog.get_by_role("button", name="Ok").click()
    page.evaluate(
        "async () => { await window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.info; }"
    )
    notebook.run_all(START + 1)
    card = notebook.output(START).locator(".nbf")
    card.get_by_role("button", name="Approve approval").click(timeout=PATIENCE)
    expect(card.locator(".nbf-badge")).to_have_text("✓ completed", timeout=PATIENCE)


def test_a_saved_notebook_without_its_kernel_says_so_and_shows_the_run(page: Page, lab: Lab) -> None:
    notebook, _ = opened(page, lab, "saved.ipynb", "%wf wait order-42")
    notebook.run(START + 1)
    notebook.save()
    page.evaluate("async () => { await window.jupyterapp.shell.currentWidget.sessionContext.shutdown(); }")
    page.reload()
    again = Notebook(page, lab, "saved.ipynb")
    output = again.output(START)
    expect(output).to_contain_text("order-42")
    expect(output).to_contain_text("check")


def test_the_card_follows_the_notebooks_theme(page: Page, lab: Lab) -> None:
    notebook, card = opened(page, lab, "theme.ipynb")
    expect(card).to_have_css("background-color", "rgb(255, 255, 255)")
    try:
        notebook.set_theme("JupyterLab Dark")
        expect(card).to_have_css("background-color", "rgb(33, 33, 33)")
    finally:
        notebook.set_theme("JupyterLab Light")


def test_keys_in_the_card_are_no_commands_of_the_notebook(page: Page, lab: Lab) -> None:
    notebook, card = opened(page, lab, "keys.ipynb")
    card.get_by_role("tab", name="Replay").click()
    slider = card.get_by_role("slider").first
    slider.focus()
    for key in ("x", "d", "d", "a", "b", "m"):
        page.keyboard.press(key)
    expect(page.locator(".jp-Cell")).to_have_count(START + 1)
    expect(notebook.output(START).locator(".nbf")).to_be_visible()


def test_the_twins_survive_an_untrusted_notebook(page: Page, lab: Lab) -> None:
    pictures = [html_timeline(story().timeline()) for story in (completed, waiting, hostile, priced)]
    outputs = [
        [{"output_type": "display_data", "data": {"text/html": picture}, "metadata": {}}]
        for picture in pictures
    ]
    notebook = Notebook(page, lab, lab.write("untrusted.ipynb", "1", "2", "3", "4", outputs=outputs))
    trusted = page.evaluate("window.jupyterapp.shell.currentWidget.content.model.cells.get(0).trusted")
    assert trusted is False

    first = notebook.output(0)
    expect(first.locator("table").first).to_be_visible()
    bars = first.locator("td span[style*='inline-block']")
    widths = bars.evaluate_all("all => all.map(one => one.getBoundingClientRect().width)")
    assert len(widths) >= 21
    assert min(widths) >= 1
    assert max(widths) > 100
    expect(first.locator("td code").first).to_be_hidden()
    first.get_by_text("Inputs, results and errors").click()
    expect(first.get_by_text("print_label").nth(1)).to_be_visible()
    assert page.evaluate("window.pwned") is None
    notebook.output(3).scroll_into_view_if_needed()
    expect(notebook.output(3)).to_contain_text("$ref/a_1$")
    expect(page.locator("mjx-container")).to_have_count(0)


@pytest.mark.parametrize("is_reloaded", [False, True], ids=["run", "reloaded"])
def test_a_page_that_was_too_slow_for_anywidget_follows_the_run(
    page: Page, lab: Lab, is_reloaded: bool
) -> None:
    """Anywidget gives a model two seconds to load; here they are over at once."""
    page.add_init_script(
        "const timeout = AbortSignal.timeout;"
        "AbortSignal.timeout = (ms) => (ms === 2000 ? AbortSignal.abort() : timeout.call(AbortSignal, ms));"
        "const listen = AbortSignal.prototype.addEventListener;"
        "AbortSignal.prototype.addEventListener = function (type, heard, ...rest) {"
        "  if (this.aborted) heard(); else listen.call(this, type, heard, ...rest); };"
    )
    notebook, card = opened(page, lab, f"slow-{is_reloaded}.ipynb", "%wf ps")
    if is_reloaded:
        notebook.save()
        page.reload()
        notebook = Notebook(page, lab, f"slow-{is_reloaded}.ipynb")
        card = notebook.output(START).locator(".nbf")
    notebook.run(START + 1)
    dashboard = notebook.output(START + 1).locator(".nbf-dash")
    expect(dashboard.get_by_role("row", name="order-42")).to_contain_text("running")
    card.get_by_role("button", name="Approve approval").click()
    expect(card.locator(".nbf-badge")).to_have_text("✓ completed", timeout=PATIENCE)
    expect(dashboard.get_by_role("row", name="order-42")).to_contain_text("completed")
