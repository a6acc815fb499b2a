"""The notebook about testing says what is so. (That it runs from top to bottom is nbmake's test, too.)"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.notebooks.pages import NOTEBOOKS, Desk

BOOK: dict[str, Any] = json.loads((NOTEBOOKS / "08_testing.ipynb").read_text(encoding="utf-8"))
CODE = [cell for cell in BOOK["cells"] if cell["cell_type"] == "code"]


@pytest.mark.slow
@pytest.mark.kernel
def test_testing(tmp_path: Path, jupyter_env: dict[str, str]) -> None:
    page = Desk(tmp_path / "work", jupyter_env).run("08_testing")
    assert "21 March 2031, 12 weighings, 0 letters" in page.text("run-year")
    assert page.value("run-year")[-1] == "19 February: nobody agreed"
    assert page.text("run-answered").count("{'letter': 'Torgersen: 3706 g', 'to': 'the station'}") == 3
    assert "NoStubError: called without a stub: weigh" in page.error("strict")
    assert page.text("steps").splitlines()[0] == "['#1 weigh(\"Dream\")']"
    assert page.text("steps").splitlines()[-1] == "['sent']"
    assert "6 timers fired · watch-dream is COMPLETED" in page.text("virtual")
    assert "virtual" not in page.text("back")
    assert "18 events fit" in page.text("keep")
    report = page.error("changed")
    assert "watch no longer matches its history at event 7" in report
    assert "history: timeout timer until 2030-01-08 00:00:00" in report
    assert "code:    timeout timer until 2030-01-15 00:00:00" in report
    assert 'await ctx.wait_for_external_event("agreed", timeout=14 * 86400)' in report


def test_it_is_kept_as_the_quickstart_is() -> None:
    quickstart = json.loads((NOTEBOOKS / "00_quickstart.ipynb").read_text(encoding="utf-8"))
    assert [cell["id"] for cell in CODE if cell["outputs"] or cell["execution_count"]] == []
    assert BOOK["metadata"] == quickstart["metadata"]
    assert (BOOK["nbformat"], BOOK["nbformat_minor"]) == (
        quickstart["nbformat"],
        quickstart["nbformat_minor"],
    )


def test_it_is_short_and_fits_on_the_page() -> None:
    assert 8 <= len(CODE) <= 12
    lines = [line.rstrip("\n") for cell in CODE for line in cell["source"]]
    assert [line for line in lines if len(line) > 96] == []


def test_its_links_lead_somewhere() -> None:
    text = ["".join(cell["source"]) for cell in BOOK["cells"] if cell["cell_type"] == "markdown"]
    links = re.findall(r"\]\(([^)#:]+)\)", "\n".join(text))
    assert links
    assert [link for link in links if not (NOTEBOOKS / link).exists()] == []
