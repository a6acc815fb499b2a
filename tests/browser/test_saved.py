"""Notebooks that a program has run, as they are saved: read by people who have neither a kernel nor a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, Route, expect

from conftest import isolated_environment

pytestmark = pytest.mark.browser

LOAD = "%load_ext nbflow\n%wf db :memory:"
NAP = "%%activity nap(seconds: float) -> float\nimport time\ntime.sleep(seconds)\nreturn seconds"
QUICK = "%%workflow quick(seconds: float) -> float\nreturn await nap(seconds)"
ASKS = '%%workflow asks() -> bool\nreturn await ctx.wait_for_external_event("approval", data_type=bool)'

Saved = Callable[..., Path]


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    """Runs cells from top to bottom, and gives the notebook as it is saved, or what it is converted to."""
    environment = {**os.environ, **isolated_environment(tmp_path / "home")}

    def convert(source: Path, form: str, *options: str) -> Path:
        target = tmp_path / f"{source.stem}-{form}"
        command = [sys.executable, "-m", "nbconvert", str(source), "--to", form, "--output", str(target)]
        subprocess.run([*command, *options], env=environment, check=True, capture_output=True)
        return next(tmp_path.glob(f"{target.name}.*"))

    def save(*cells: str, form: str = "notebook", keep_state: bool = True) -> Path:
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        nbformat.write(book, tmp_path / "book.ipynb")
        state = f"--ExecutePreprocessor.store_widget_state={keep_state}"
        return convert(tmp_path / "book.ipynb", form, "--execute", state)

    return save


def outputs(book: Path) -> list[dict[str, str]]:
    """What stands below the cells that have shown a run: by MIME type, in order."""
    cells = json.loads(book.read_text())["cells"]
    bundles = [output["data"] for cell in cells for output in cell["outputs"] if "data" in output]
    return [
        {kind: "".join(text) if isinstance(text, list) else text for kind, text in bundle.items()}
        for bundle in bundles
    ]


def twins(book: Path) -> list[str]:
    return [bundle["text/plain"] for bundle in outputs(book) if "text/html" in bundle]


def cut_off(page: Page, path: Path) -> None:
    """Open a page without any network."""

    def let(route: Route) -> None:
        route.continue_() if route.request.url.startswith("file:") else route.abort()

    page.route("**/*", let)
    page.goto(path.as_uri(), wait_until="domcontentloaded")


def test_a_short_run_is_saved_as_it_ended_below_the_last_cell(saved: Saved) -> None:
    book = saved(LOAD, NAP, QUICK, "run = %wf run quick(0.05) --id tea-1")
    (twin,) = twins(book)
    assert twin.startswith("tea-1 (quick) completed after")
    states = json.loads(book.read_text())["metadata"]["widgets"]
    kept = json.dumps(states)
    assert '"look": ["\\u2713", "completed", "good"]' in kept
    assert '"running", "active"]' not in kept


def test_a_longer_run_is_saved_as_it_ended_in_a_later_cell(saved: Saved) -> None:
    cells = [LOAD, NAP, QUICK]
    endings = ("%wf wait tea-0", "await run", "run.result()")
    for number, ending in enumerate(endings):
        cells += [f"run = %wf run quick(1) --id tea-{number}", "1 + 1", ending]
    for number, (ending, twin) in enumerate(zip(endings, twins(saved(*cells)), strict=True)):
        assert twin.startswith(f"tea-{number} (quick) completed after"), ending


def test_a_run_that_ends_between_two_cells_is_saved_as_it_ended(saved: Saved) -> None:
    wait = "import threading, time\n_ = get_ipython().kernel.io_loop.call_later(0, lambda: time.sleep(1.5))"
    book = saved(LOAD, NAP, QUICK, "run = %wf run quick(1) --id tea-1", wait, "1 + 1")
    assert twins(book)[0].startswith("tea-1 (quick) completed after")


def test_a_run_that_was_purged_keeps_its_picture(saved: Saved) -> None:
    book = saved(LOAD, NAP, QUICK, "run = %wf run quick(0.05) --id tea-1", "%wf wait tea-1\n%wf purge tea-1")
    assert twins(book)[0].startswith("tea-1 (quick) completed after")


def test_the_table_of_all_runs_is_saved_as_they_stood_at_the_end(saved: Saved) -> None:
    book = saved(LOAD, NAP, QUICK, "run = quick.start(0.3, id='tea-1')\n%wf ps", "%wf wait tea-1")
    (html,) = [bundle["text/html"] for bundle in outputs(book) if "text/html" in bundle]
    assert "completed" in html
    assert "running" not in html


@pytest.mark.parametrize("keep_state", [True, False], ids=["with", "without"])
def test_converted_to_a_page_something_true_is_seen(page: Page, saved: Saved, keep_state: bool) -> None:
    path = saved(LOAD, ASKS, "run = %wf run asks() --id tea-1", form="html", keep_state=keep_state)
    cut_off(page, path)
    twin = page.locator("[data-nbflow-twin]")
    expect(twin).to_be_visible()
    expect(twin).to_contain_text("tea-1")
    expect(twin).to_contain_text("approval")
    assert (twin.bounding_box() or {"height": 0})["height"] > 60


@pytest.mark.parametrize(("form", "shows"), [("markdown", "tea-1"), ("script", "quick(")])
def test_converted_to_text_nothing_says_that_it_still_runs(saved: Saved, form: str, shows: str) -> None:
    text = saved(LOAD, NAP, QUICK, "run = %wf run quick(0.05) --id tea-1", form=form).read_text()
    assert shows in text
    assert "is running" not in text
