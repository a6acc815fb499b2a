"""A run laid over the graph: whose row is whose, what was passed, and how each node stands."""

from __future__ import annotations

import pytest

from nbflow.core import history as h
from nbflow.core.state import RuntimeStatus
from nbflow.views.graph import Flow, Overlay, overlay, text_graph
from nbflow.views.graph.history import flow_of_history
from nbflow.views.graph.model import NodeKind
from nbflow.views.graph.overlay import State
from nbflow.views.replay.travel import call_sites
from nbflow.views.timeline.rows import Row, RowKind
from nbflow.widgets.graphing import flow_of
from tests.core.shapes import SHAPES
from tests.core.world import World
from tests.views.graph.reading import flow
from tests.views.stories import Story, completed, running
from tests.views.stories_graph import RUNS, played, story_of


def laid(name: str, *, until: float = 1.0, seed: int = 1) -> tuple[Flow, Overlay]:
    """A run of one of the stories, over its graph."""
    story, code = played(name, until=until, seed=seed), RUNS[name][0]
    read = flow_of(code)
    assert read is not None
    sites = call_sites(code, story.events, instance_id=story.instance_id)
    return read, overlay(read, story.timeline().rows, sites, status=story.status)


def lines(name: str, *, until: float = 1.0, seed: int = 1) -> list[str]:
    return text_graph(*laid(name, until=until, seed=seed)).splitlines()


def states(read: Flow, found: Overlay) -> dict[str, State]:
    return {node.label: found.nodes[node.id].state for node in read.graph.nodes if node.label}


def test_an_order_that_was_approved() -> None:
    assert lines("order") == [
        "● fulfil",
        "  ✓ check_stock · done",
        "  ✓ total > 100?",
        "    yes:",
        "      ✓ approval · timeout 1 d · received",
        "      ✓ not decision?",
        "        yes:",
        "          ○ return 'rejected' · never reached",
        "        no: go on",
        "    no: go on",
        "  ∥ in parallel",
        "  ├ ✓ print_label · done",
        "  └ ✓ charge · done",
        "  ✓ sleep 30 d · fired · 30 d",
        "  ✓ send_receipt · done",
        "  ✓ return",
    ]


def test_the_ways_that_were_taken_are_known() -> None:
    read, found = laid("cheap")
    names = {node.id: node.label or node.kind.value for node in read.graph.nodes}
    taken = {
        f"{names[edge.source]} -> {names[edge.target]}"
        for place, edge in enumerate(read.graph.edges)
        if place in found.taken
    }
    assert "total > 100? -> in parallel" in taken
    assert not any("approval" in way or "rejected" in way for way in taken)
    assert states(read, found)["approval"] is State.NEVER


def test_a_way_between_two_nodes_that_were_passed_need_not_have_been_taken() -> None:
    read, found = laid("order")
    labels = {node.id: node.label for node in read.graph.nodes}
    ways = {
        (labels[edge.source], edge.label): place in found.taken for place, edge in enumerate(read.graph.edges)
    }
    assert ways["total > 100?", "yes"]
    assert not ways["total > 100?", "no"]
    assert ways["not decision?", "no"]
    assert not ways["not decision?", "yes"]


def test_an_error_leads_to_its_handler() -> None:
    read, found = laid("compensate")
    stand = states(read, found)
    assert (stand["flaky"], stand["refund"], stand["return 'sold'"]) == (
        State.FAILED,
        State.DONE,
        State.NEVER,
    )
    assert stand["return f'given back: {error}'"] is State.PASSED
    flaky = next(found.nodes[node.id] for node in read.graph.nodes if node.label == "flaky")
    assert "the bank does not answer" in flaky.error


def test_rounds_of_a_loop_are_counted_and_added() -> None:
    read, found = laid("monitor")
    sleep = next(found.nodes[node.id] for node in read.graph.nodes if node.label == "sleep 30 d")
    assert sleep.counts == {State.DONE: 3}
    assert sleep.last is not None
    assert (sleep.total.days, sleep.last.days) == (90, 30)


def test_two_calls_on_one_line_share_its_rows() -> None:
    read = flow_of(SHAPES["gather"].code)
    assert read is not None
    world = World(SHAPES["gather"], 1)
    history = world.play()
    rows = story_of("gather", history).timeline().rows
    found = overlay(read, rows, call_sites(SHAPES["gather"].code, history, instance_id=world.instance_id))
    assert [len(found.nodes[node.id].rows) for node in read.graph.nodes if node.label == "fetch"] == [4, 4]


@pytest.mark.parametrize("name", SHAPES)
def test_every_row_of_every_shape_has_its_node(name: str) -> None:
    code = SHAPES[name].code
    read = flow_of(code)
    assert read is not None
    places = {place.id: place for place in (*read.graph.nodes, *read.graph.groups)}
    for seed in range(3):
        world = World(SHAPES[name], seed)
        history = world.play()
        rows = story_of(name, history).timeline().rows
        sites = call_sites(code, history, instance_id=world.instance_id)
        found = overlay(read, rows, sites)
        assert found.left_over == ()
        by_key = {row.key: row for row in rows}
        for place, stands in found.nodes.items():
            for key in stands.rows:
                site = sites.get(by_key[key].id or 0)
                if site is not None:
                    assert places[place].file == site[0]
                    assert places[place].line <= site[1] <= places[place].end_line
        assert overlay(read, rows).left_over == (), "names and order find a place for each as well"


@pytest.mark.parametrize("name", RUNS)
def test_a_run_at_every_moment_is_laid_without_contradiction(name: str) -> None:
    code = RUNS[name][0]
    read = flow_of(code)
    assert read is not None
    history = played(name).events
    ids = [node.id for node in read.graph.nodes]
    before: set[str] = set()
    turns = [place for place, event in enumerate(history) if isinstance(event, h.WorkflowStarted)]
    for end in (*turns[1:], len(history)):
        story = story_of(code.name, list(history[:end]))
        sites = call_sites(code, story.events, instance_id=story.instance_id)
        found = overlay(read, story.timeline().rows, sites, status=story.status)
        passed = {node for node in ids if found.nodes[node].state is not State.NEVER}
        assert before <= passed, "what was reached stays reached"
        before = passed
        for place in found.taken:
            edge = read.graph.edges[place]
            assert {edge.source, edge.target} <= passed


def test_without_a_run_nothing_is_said_of_it() -> None:
    read = flow("async def work(ctx):\n    await fetch(1)\n    return 1\n")
    found = overlay(read, (), status=RuntimeStatus.PENDING)
    assert {stands.state for stands in found.nodes.values()} == {State.NEVER}
    assert found.taken == frozenset()


def test_rows_that_the_code_has_no_place_for_are_named() -> None:
    read = flow("async def fulfil(ctx):\n    await fetch(1)\n")
    found = overlay(read, running().timeline().rows)
    assert len(found.left_over) == len(running().timeline().rows)
    assert "5 rows that belong to no step of this code" in text_graph(read, found)


# -- without code --------------------------------------------------------------------------------


def test_without_code_the_history_is_drawn() -> None:
    rows = completed().timeline().rows
    read = flow_of_history("fulfil", rows, over=True)
    found = overlay(read, rows, status=RuntimeStatus.COMPLETED)
    assert text_graph(read, found).splitlines()[2:] == [
        "  ∥ at the same time",
        "  ├ ✓ check_stock · done · 2.1 s",
        "  └ ✓ check_price · done · 2.9 s",
        "  ✓ approval · received · 7.6 s",
        "  ✓ hint · received",
        "  ∥ at the same time",
        "  ├ ✓ print_label · done · 7.2 s · 2 retries",
        "  └ ✓ charge · done · 2.2 s",
        "  ✓ timer · fired · 3.0 s",
        "  ∥ at the same time",
        "  ├ ✓ send_receipt · done · 800 ms",
        "  └ ✓ picked · sent",
    ]


def test_a_long_history_is_drawn_short() -> None:
    story = Story().start()
    for i in range(500):
        task = story.task(float(i), f"step{i % 250}")
        story.done(i + 0.5, task)
    rows = story.timeline().rows
    read = flow_of_history("long", rows, over=False)
    assert len(read.graph.nodes) < 80
    assert set(read.placed) == {row.key for row in rows}
    assert any("more steps" in node.label for node in read.graph.nodes)


def test_the_same_step_again_and_again_is_one_node() -> None:
    story = Story().start()
    for i in range(50):
        story.done(i + 0.5, story.task(float(i), "poll"))
    rows: tuple[Row, ...] = story.timeline().rows
    read = flow_of_history("poll", rows, over=False)
    found = overlay(read, rows)
    node = next(node for node in read.graph.nodes if node.kind is NodeKind.ACTIVITY)
    assert found.nodes[node.id].counts == {State.DONE: 50}
    assert all(row.kind is RowKind.ACTIVITY for row in rows)
