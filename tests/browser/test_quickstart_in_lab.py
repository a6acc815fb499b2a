"""The whole way in a real JupyterLab: the quickstart's own cells, a click on Approve, and the run's end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.lab import Lab, Notebook

pytestmark = [pytest.mark.browser, pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(240)]

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def cells_tagged(*tags: str) -> list[str]:
    cells = json.loads((NOTEBOOKS / "00_quickstart.ipynb").read_text())["cells"]
    return ["".join(cell["source"]) for cell in cells if set(tags) & set(cell["metadata"].get("tags", ()))]


@pytest.fixture
def quickstart(page: Page, lab: Lab) -> tuple[Notebook, int]:
    """The quickstart's definitions and its run, as one notebook; and the index of the cell that starts the run."""
    shutil.copytree(NOTEBOOKS / "data", lab.root / "data", dirs_exist_ok=True)
    for leftover in ("published", ".nbflow"):
        shutil.rmtree(lab.root / leftover, ignore_errors=True)
    definitions = cells_tagged("load", "definition")
    run = "run = %wf run publish_penguins(SOURCE, embargo=0.5) --id penguins-1"
    name = lab.write("quickstart.ipynb", *definitions, run, "await run")
    return Notebook(page, lab, name), len(definitions)


def test_approve_in_the_card_moves_the_quickstart_on(quickstart: tuple[Notebook, int], page: Page) -> None:
    notebook, start = quickstart
    for index in range(start + 1):
        notebook.run(index)
        expect(notebook.cell(index).locator(".jp-OutputArea-output[data-mime-type*=error]")).to_have_count(0)
    card = notebook.output(start).locator(".nbf")
    approve = card.get_by_role("button", name="Approve approval")
    expect(approve).to_be_visible(timeout=20_000)
    expect(card.get_by_role("grid", name="Timeline")).to_contain_text("report")
    artefacts = NOTEBOOKS.parent / "artefacts"
    artefacts.mkdir(exist_ok=True)
    page.screenshot(path=artefacts / "quickstart-waiting.png")

    approve.click()
    expect(card.locator(".nbf-badge")).to_have_text("✓ completed", timeout=20_000)
    notebook.run(start + 1)
    expect(notebook.output(start + 1)).to_contain_text("342 birds of 3 species published: approved")
    page.screenshot(path=artefacts / "quickstart-completed.png")
