"""Approve while a cell keeps the kernel busy, with comms over subshells and without."""

from __future__ import annotations

from collections.abc import Iterator

import ipykernel
import pytest
from playwright.sync_api import Page, expect

from tests.browser.lab import Lab, Notebook
from tests.browser.orders import DEFINITIONS, run

pytestmark = [pytest.mark.browser, pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(240)]

BUSY = "import time\ntime.sleep(6)\nprint('woke')"
START = len(DEFINITIONS)


@pytest.fixture(scope="module", params=["perCommTarget", "perComm", "disabled"])
def busy_lab(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Lab, str]]:
    server = Lab(tmp_path_factory.mktemp("lab"), comms=request.param)
    try:
        server.wait_until_ready()
        yield server, request.param
    finally:
        server.stop()


def test_an_answer_while_a_cell_blocks_is_recorded_at_once_or_says_what_it_waits_for(
    page: Page, busy_lab: tuple[Lab, str]
) -> None:
    lab, comms = busy_lab
    notebook = Notebook(page, lab, lab.write("busy.ipynb", *DEFINITIONS, run(), BUSY))
    notebook.run_all(START + 1)
    card = notebook.output(START).locator(".nbf")
    approve = card.get_by_role("button", name="Approve approval")
    expect(approve).to_be_visible(timeout=20_000)
    notebook.start(START + 1)
    expect(notebook.cell(START + 1).locator(".jp-InputPrompt")).to_have_text("[*]:")
    approve.click()

    answers_at_once = comms != "disabled" and ipykernel.version_info >= (7, 4)
    if answers_at_once:
        expect(card.locator(".nbf-badge")).to_have_text("✓ completed", timeout=5000)
        expect(notebook.output(START + 1)).not_to_contain_text("woke")
    else:
        expect(card.get_by_text("queued: the kernel is busy")).to_be_visible()
        expect(card.get_by_text("no kernel answers")).to_have_count(0)
        expect(card.locator(".nbf-badge")).to_have_text("✓ completed", timeout=20_000)
        expect(notebook.output(START + 1)).to_contain_text("woke")
