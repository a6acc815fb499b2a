"""Pictures of the graph, to be looked at: light and dark, wide and narrow, and its twin in a page.

They are written to ``artefacts/``, which git ignores and CI keeps.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from nbflow.views.graph import dot_of, html_graph, overlay
from nbflow.widgets.drawing import draw_svg, programs
from nbflow.widgets.graphing import flow_of
from tests.browser.card_page import CardPage
from tests.browser.test_pictures import ARTEFACTS
from tests.views.stories_graph import RUNS, played
from tests.widgets.sources import FakeSource

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(
        not list(programs()), reason="neither dot nor graphviz-pure is here: pip install nbflow[diagrams]"
    ),
]


@pytest.mark.parametrize("name", RUNS)
def test_the_graph_in_the_card(page: Page, name: str) -> None:
    card = CardPage(page)
    card.show(FakeSource(played(name, until=0.6), code=RUNS[name][0]))
    card.open("Graph")
    expect(page.locator(".nbf-graph-box svg")).to_be_visible()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for width in (1100, 420):
            page.set_viewport_size({"width": width, "height": 900})
            picture = card.root.screenshot(path=ARTEFACTS / f"graph-{name}-{scheme}-{width}.png")
            assert len(picture) > 5000


def test_the_twin(page: Page) -> None:
    twins: list[str] = []
    for name, (code, _, _) in RUNS.items():
        story, read = played(name, until=0.6), flow_of(code)
        assert read is not None
        found = overlay(read, story.timeline().rows, status=story.status)
        twins.append(html_graph(read, found, svg=draw_svg(dot_of(read, found))))
    for scheme, colours in (("light", "#ffffff; color: #222222"), ("dark", "#111111; color: #dddddd")):
        page.set_content(
            f'<!doctype html><body style="margin: 16px; background: {colours}">{"<br>".join(twins)}'
        )
        page.wait_for_function(
            "[...document.images].every((image) => image.complete && image.naturalWidth > 0)"
        )
        assert len(page.screenshot(path=ARTEFACTS / f"graph-twin-{scheme}.png", full_page=True)) > 5000
