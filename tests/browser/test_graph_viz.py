"""The graph where this machine has no program for it: the browser draws it, with @viz-js/viz."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from nbflow.widgets import drawing, graphing
from tests.browser.card_page import CardPage
from tests.browser.test_graph_view import OFF_CENTRE
from tests.views.graph.test_printers import HOSTILE, named
from tests.views.stories_graph import RUNS, played
from tests.widgets.sources import FakeSource

pytestmark = pytest.mark.browser


@pytest.fixture(scope="session")
def viz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """viz-global.js as npm has it."""
    npm = shutil.which("npm")
    folder = tmp_path_factory.mktemp("viz")
    if npm is None:
        pytest.skip("@viz-js/viz comes by npm, which is not here")
    try:
        done = subprocess.run(
            [npm, "pack", "@viz-js/viz@3", "--silent"], cwd=folder, capture_output=True, timeout=90
        )
    except subprocess.TimeoutExpired:
        pytest.skip("npm can't fetch @viz-js/viz: it takes too long")
    packed = next(folder.glob("*.tgz"), None)
    if done.returncode or packed is None:
        pytest.skip(f"npm can't fetch @viz-js/viz: {done.stderr.decode(errors='replace')[-200:]}")
    with tarfile.open(packed) as archive:
        member = archive.extractfile("package/dist/viz-global.js")
        assert member is not None
        (folder / "viz-global.js").write_bytes(member.read())
    return folder / "viz-global.js"


@pytest.fixture
def card_with_viz(card: CardPage, viz: Path, monkeypatch: pytest.MonkeyPatch) -> CardPage:
    monkeypatch.setenv(drawing.VIZ_JS, str(viz))
    monkeypatch.setattr(graphing, "draw_svg", lambda *_args, **_more: None)
    return card


def test_the_browser_draws_the_same_nodes(card_with_viz: CardPage) -> None:
    card = card_with_viz
    source = FakeSource(played("order", until=0.5), code=RUNS["order"][0])
    card.show(source)
    card.open("Graph")
    expect(card.page.get_by_role("button", name="check_stock, activity")).to_have_class(
        "nbf-node nbf-k-activity nbf-s-done"
    )
    assert card.page.evaluate(OFF_CENTRE) == []
    source.story = played("order")
    source.commit()
    expect(card.page.get_by_role("button", name="send_receipt, activity")).to_have_class(
        "nbf-node nbf-k-activity nbf-s-done"
    )
    assert len([m for m in card.sent("ask") if m.get("viz")]) == 1, "the program is sent once"


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_are_text_there_too(card_with_viz: CardPage, name: str) -> None:
    card = card_with_viz
    card.show(named(name.replace("\ud800", "")))
    card.open("Graph")
    expect(card.page.locator(".nbf-graph-box svg .nbf-node")).not_to_have_count(0)
    assert card.page.locator(".nbf-graph-box :is(script, img, a, style, foreignObject)").count() == 0
    assert card.page.evaluate("window.pwned") is None


def test_a_program_that_is_broken_leaves_the_table(
    card_with_viz: CardPage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    card = card_with_viz
    (tmp_path / "viz-global.js").write_text("throw new Error('broken');")
    monkeypatch.setenv(drawing.VIZ_JS, str(tmp_path / "viz-global.js"))
    card.show(FakeSource(played("order"), code=RUNS["order"][0]))
    card.open("Graph")
    expect(card.page.get_by_role("table", name="Graph of the workflow")).to_be_visible()
