"""What the graph view is told when it asks."""

from __future__ import annotations

from typing import Any

import pytest

from nbflow.widgets import drawing, graphing
from nbflow.widgets.drawing import programs
from nbflow.widgets.graphing import Graphing, flow_of
from nbflow.widgets.runlog import RunLog
from tests.views.stories import hostile
from tests.views.stories_graph import RUNS, played
from tests.widgets.sources import FakeSource

needs_dot = pytest.mark.skipif(
    not list(programs()), reason="neither dot nor graphviz-pure is here: pip install nbflow[diagrams]"
)


def asking(name: str, *, until: float = 1.0, with_code: bool = True) -> tuple[FakeSource, Graphing]:
    source = FakeSource(played(name, until=until), code=RUNS[name][0] if with_code else None)
    return source, Graphing(RunLog(source), source)


def node(reply: dict[str, Any], label: str) -> dict[str, Any]:
    return next(one for one in reply["nodes"] if one["label"] == label)


@needs_dot
def test_the_picture_comes_with_its_nodes() -> None:
    _, graph = asking("order")
    reply = graph.graph({})
    assert reply["svg"].startswith("<svg")
    charge = node(reply, "charge")
    assert charge["state"] == "done"
    assert charge["words"].startswith("charge, activity, line ")
    assert charge["words"].endswith(": done")
    assert len(charge["rows"]) == 1
    assert reply["title"] == "Graph of the workflow fulfil: 11 nodes, 10 of them reached by this run"


def test_who_has_the_picture_is_told_that_it_is_the_same() -> None:
    source, graph = asking("order", until=0.5)
    first = graph.graph({})
    assert graph.graph({"have": first["hash"]}) == {"same": True, "hash": first["hash"]}
    source.story = played("order")
    source.commit()
    second = graph.graph({"have": first["hash"]})
    assert second["hash"] != first["hash"]
    assert node(second, "send_receipt")["state"] == "done"


def test_time_that_passes_changes_nothing() -> None:
    source, graph = asking("order", until=0.5)
    first = graph.graph({})
    source.advance(3600)
    assert "same" in graph.graph({"have": first["hash"]})


def test_the_code_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []
    monkeypatch.setattr(
        graphing, "flow_of", lambda definition: read.append(definition) or flow_of(definition)
    )
    source, graph = asking("order", until=0.5)
    for until in (0.6, 0.8, 1.0):
        source.story = played("order", until=until)
        source.commit()
        graph.graph({})
    assert len(read) == 1


def test_rows_are_told_by_the_line_that_called() -> None:
    reply = asking("nested")[1].graph({})
    assert len(node(reply, "charge")["rows"]) == 6
    assert node(reply, "charge")["cells"][2].startswith("✓ 6 done")


def test_without_code_the_graph_is_of_the_history() -> None:
    reply = asking("order", with_code=False)[1].graph({})
    assert "made from the history" in reply["note"]
    assert node(reply, "charge")["state"] == "done"


def test_a_lambda_and_a_function_without_text_have_no_flow() -> None:
    assert flow_of(None) is None


def test_another_execution_is_another_picture() -> None:
    source, graph = asking("order", with_code=False)
    graph.graph({})
    source.code = RUNS["monitor"][0]
    again = played("monitor")
    again.execution_id = "second"
    source.begin_anew(again)
    assert node(graph.graph({}), "weigh")["state"] == "done"


def test_nothing_to_draw_with_gives_the_dot_or_the_table(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(graphing, "draw_svg", lambda *_args, **_more: None)
    monkeypatch.setenv(drawing.VIZ_JS, str(tmp_path / "viz-global.js"))
    reply = asking("order")[1].graph({})
    assert reply["table"] is True
    assert reply["nodes"][0]["cells"][:2] == ["fulfil", "start"]
    (tmp_path / "viz-global.js").write_text("// viz")
    graph = asking("order")[1]
    assert graph.graph({})["dot"].startswith("digraph")
    assert graph.graph({"viz": True}) == {"viz": "// viz"}


def test_hostile_values_are_sent_as_text() -> None:
    source = FakeSource(hostile())
    reply = Graphing(RunLog(source), source).graph({})
    assert "<script" not in reply.get("svg", "")
    assert any("onerror" in one["label"] for one in reply["nodes"])
