"""From DOT to a picture that is safe to show."""

from __future__ import annotations

import stat
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from nbflow.views.graph import dot_of, overlay
from nbflow.views.graph.history import flow_of_history
from nbflow.widgets import drawing
from nbflow.widgets.drawing import DrawingError, clean_svg, draw_svg, programs, viz_js
from tests.views.graph.reading import flow
from tests.views.graph.test_printers import HOSTILE, named

PROGRAMS = list(programs())
needs_dot = pytest.mark.skipif(
    not PROGRAMS, reason="neither dot nor graphviz-pure is here: pip install nbflow[diagrams]"
)

EVIL = """<?xml version="1.0"?><!DOCTYPE svg PUBLIC "x" "http://evil.test/x.dtd">
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" onload="alert(1)" width="10pt" viewBox="0 0 1 1">
<script>alert(1)</script><style>*{}</style><foreignObject><b xmlns="http://www.w3.org/1999/xhtml">x</b></foreignObject>
<image href="http://evil.test/x.png"/><use href="#n1"/><animate attributeName="href"/>
<g id="n1" class="node" onclick="alert(1)" style="background:url(x)"><title>old</title>
<a xlink:href="javascript:alert(1)" xlink:title="x"><path d="M0,0" fill="url(#x)" stroke="black"/></a>
<text x="1" fill="javascript:1">fine<tspan onclick="x">no</tspan></text></g></svg>"""


def test_only_what_is_allowed_is_left() -> None:
    clean = clean_svg(EVIL, titles={"n1": 'new & "fine"'})
    tags = [element.tag.rpartition("}")[2] for element in ElementTree.fromstring(clean).iter()]
    assert tags == ["svg", "g", "title", "g", "path", "text"]
    for word in ("alert", "evil", "href", "url", "onclick", "style", "old", "DOCTYPE"):
        assert word not in clean
    assert 'stroke="black"' in clean
    assert 'new &amp; "fine"' in clean


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no picture",
        "<html><svg/></html>",
        '<!DOCTYPE x [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg">&a;</svg>',
        "<svg>" * 5000,
    ],
)
def test_what_is_no_picture_is_refused(text: str) -> None:
    with pytest.raises(DrawingError):
        clean_svg(text)


@needs_dot
def test_a_graph_is_drawn_with_its_ids_classes_and_titles() -> None:
    svg = draw_svg(
        dot_of(flow("async def work(ctx):\n    await fetch(1)\n")), titles={"n1": "fetch, activity"}
    )
    assert svg is not None
    root = ElementTree.fromstring(svg)
    node = next(element for element in root.iter() if element.get("id") == "n1")
    assert "nbf-k-activity" in (node.get("class") or "")
    assert node[0].text == "fetch, activity"
    assert [text.text for text in node if text.tag.endswith("text")] == ["fetch", "activity"]


def test_the_lines_of_a_node_stand_in_its_middle_whatever_the_font() -> None:
    line = '<text x="3" text-anchor="start">line</text>'
    nodes = ('<path d="M10,0C10,0 20,5 -30.5,5"/>', '<polygon points="10,0 20,5 30,5"/>')
    drawn = "".join(f'<g class="node nbf-node">{shape}{line}</g>' for shape in nodes)
    clean = clean_svg(f'<svg xmlns="http://www.w3.org/2000/svg">{drawn}<g class="nbf-frame">{line}</g></svg>')
    lines = [one for one in ElementTree.fromstring(clean).iter() if one.tag.endswith("text")]
    assert [(one.get("x"), one.get("text-anchor")) for one in lines] == [
        ("-5.25", "middle"),
        ("20.00", "middle"),
        ("3", "start"),
    ]


@needs_dot
@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_are_drawn_as_text(name: str) -> None:
    rows = named(name).timeline().rows
    read = flow_of_history(name, rows, over=False)
    svg = draw_svg(
        dot_of(read, overlay(read, rows)),
        titles={
            "n1": name.encode("utf-8", "replace")
            .decode()[:50]
            .replace("\ufffe\uffff", "")
            .replace("\x00", "")
            .replace("\x1b", "")
        },
    )
    assert svg is not None, "the program understood it"
    root = ElementTree.fromstring(svg)
    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {
        "svg",
        "g",
        "path",
        "polygon",
        "ellipse",
        "text",
        "title",
    }
    assert sum("nbf-node" in (element.get("class") or "").split() for element in root.iter()) == len(
        read.graph.nodes
    )


def test_without_a_program_there_is_no_picture() -> None:
    assert draw_svg("digraph {}", using=()) is None
    assert draw_svg("digraph {}", using=("/nowhere/dot",)) is None


def script(folder: Path, body: str) -> str:
    path = folder / "dot"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.mark.parametrize("body", ["exit 1", "echo nonsense", "kill -9 $$", "cat"])
def test_a_program_that_fails_is_none(tmp_path: Path, body: str) -> None:
    assert draw_svg("digraph {}", using=(script(tmp_path, body),)) is None


def test_a_program_that_hangs_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "TIME_LIMIT", 0.2)
    assert draw_svg("digraph {}", using=(script(tmp_path, "exec sleep 60"),)) is None


@needs_dot
def test_the_next_program_is_tried(tmp_path: Path) -> None:
    assert draw_svg("digraph {a}", using=(script(tmp_path, "exit 1"), PROGRAMS[0])) is not None


def test_the_program_for_the_browser_is_where_the_variable_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(drawing.VIZ_JS, str(tmp_path / "viz-global.js"))
    assert viz_js() is None
    (tmp_path / "viz-global.js").write_text("")
    assert viz_js() == tmp_path / "viz-global.js"


@needs_dot
@pytest.mark.parametrize("size", [10, 100, 500])
def test_how_long_drawing_takes(size: int, capsys: pytest.CaptureFixture[str]) -> None:
    parts = [
        f"    if x > {i}:\n        await asyncio.gather(fetch({i}), store({i}))" for i in range(size // 5)
    ]
    read = flow("async def work(ctx, x):\n" + "\n".join(parts) + "\n")
    dot = dot_of(read)
    begun = time.perf_counter()
    svg = draw_svg(dot)
    with capsys.disabled():
        print(
            f"\n{len(read.graph.nodes)} nodes: SVG in {1000 * (time.perf_counter() - begun):.0f} ms, {len(svg or ''):,} characters"
        )
    assert svg is not None
