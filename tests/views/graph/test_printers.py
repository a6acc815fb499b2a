"""What is printed of a graph: DOT that quotes every name, the page's twin, the outline."""

from __future__ import annotations

import re
import time

import pytest

from nbflow.views.graph import dot_of, html_graph, overlay, text_graph
from nbflow.views.graph.history import flow_of_history
from tests.views.graph.reading import flow
from tests.views.stories import Story, completed, hostile

HOSTILE = [
    '"quoted" and \\"escaped\\"',
    "<b>bold</b>",
    "<TABLE><TR><TD HREF='javascript:window.pwned=1'>x</TD></TR></TABLE>",
    "a\\nb\\l\\N\\G\\",
    "line\nbreak\r\n\x00\x1b[31m",
    "</title><script>window.pwned = 1</script>",
    '"]; evil [label="x',
    "]]> <!-- --> &amp; &#60;",
    "👋🏽 שלום \u202eevil \ufffe\uffff\ud800",
    "x" * 5000,
    "javascript:alert(1)",
    "%5Curl(#x)",
    "",
    " ",
]


def named(name: str) -> Story:
    """A run whose activity, event, child and timer are called so."""
    story = Story(name=name).start()
    story.done(1.0, story.task(0.0, name), name)
    story.child(1.0, name)
    story.wait(1.0, name)
    story.sent(2.0, name, name)
    return story


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_no_name_is_more_than_text(name: str) -> None:
    rows = named(name).timeline().rows
    read = flow_of_history(name, rows, over=False)
    found = overlay(read, rows)
    dot = dot_of(read, found)
    assert "evil [" not in re.sub(r'"(?:[^"\\]|\\.)*"|<(?:[^<>]|<[^<>]*>)*>', "", dot), (
        "it stays inside of its label"
    )
    page = html_graph(read, found)
    assert "<script" not in page
    assert "<b>" not in page
    assert all("\n" not in line and "\x1b" not in line for line in text_graph(read, found).split("\n"))
    assert len(dot) < 12_000


def test_states_and_kinds_are_classes() -> None:
    rows = completed().timeline().rows
    dot = dot_of(read := flow_of_history("fulfil", rows, over=True), overlay(read, rows))
    assert 'class="nbf-node nbf-k-activity nbf-s-done"' in dot
    assert 'class="nbf-edge nbf-e-next nbf-taken"' in dot
    assert 'class="nbf-frame nbf-f-parallel"' in dot


def test_every_state_has_an_icon_and_a_word_in_its_node() -> None:
    rows = completed().timeline().rows
    dot = dot_of(read := flow_of_history("fulfil", rows, over=True), overlay(read, rows))
    assert "✓ done · 7.2 s · 2 retries" in dot


def test_the_same_graph_is_the_same_text() -> None:
    text = "async def work(ctx):\n    await asyncio.gather(fetch(1), store(2))\n"
    assert dot_of(flow(text)) == dot_of(flow(text))


def test_the_page_has_a_picture_with_words_and_a_table() -> None:
    read = flow("async def work(ctx):\n    await fetch(1)\n")
    page = html_graph(read, None, svg="<svg/>")
    assert 'src="data:image/svg+xml;base64,PHN2Zy8+"' in page
    assert 'alt="Graph of the workflow work: 3 nodes"' in page
    assert "<details><summary>Steps" in page
    assert "<svg" not in page


def test_without_a_picture_the_table_is_open() -> None:
    read = flow("async def work(ctx):\n    await fetch(1)\n")
    page = html_graph(read)
    assert "<img" not in page
    assert "<details open>" in page
    assert ">fetch</td>" in page


def test_hostile_values_are_text_in_every_print() -> None:
    rows = hostile().timeline().rows
    read = flow_of_history("<script>", rows, over=False)
    found = overlay(read, rows)
    page = html_graph(read, found)
    assert "<script" not in page
    assert "onerror=" not in page.replace("onerror=&quot;", "")
    assert "\u202e" not in page + text_graph(read, found)


@pytest.mark.parametrize("size", [10, 100, 500])
def test_how_long_reading_and_writing_takes(size: int, capsys: pytest.CaptureFixture[str]) -> None:
    parts = [
        f"    if x > {i}:\n        await asyncio.gather(fetch({i}), store({i}))" for i in range(size // 5)
    ]
    text = "async def work(ctx, x):\n" + "\n".join(parts) + "\n"
    begun = time.perf_counter()
    read = flow(text)
    done = time.perf_counter()
    found = overlay(read, completed().timeline().rows)
    laid = time.perf_counter()
    dot = dot_of(read, found)
    end = time.perf_counter()
    with capsys.disabled():
        print(
            f"\n{len(read.graph.nodes)} nodes: read in {1000 * (done - begun):.1f} ms, laid over in "
            f"{1000 * (laid - done):.1f} ms, DOT in {1000 * (end - laid):.1f} ms ({len(dot):,} characters)"
        )
    assert len(read.graph.nodes) >= size
