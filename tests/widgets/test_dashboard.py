"""The dashboard's widget: its comm, the cards within it, its static twin, and what it brings to a page."""

from __future__ import annotations

import gc
import re
import weakref
from collections.abc import Iterator
from pathlib import Path

import comm
import ipywidgets
import pytest

import nbflow.widgets
from nbflow.widgets.dashboard import Dashboard
from nbflow.widgets.page import module, packed
from tests.views.stories import waiting
from tests.views.stories_instances import shop
from tests.widgets.instances_sources import FakeInstances
from tests.widgets.sources import FakeSource
from tests.widgets.test_card import Wire

MINE = ("dashboard.js", "choice.js", "line.js", "orders.js", "dashboard.css")
STATIC = Path(nbflow.widgets.__file__).parent / "static"


@pytest.fixture(autouse=True)
def wires(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    Wire.made.clear()
    monkeypatch.setattr(comm, "create_comm", Wire)
    yield
    ipywidgets.Widget.close_all()
    Wire.made.clear()


class Bench:
    def __init__(self) -> None:
        self.source = FakeInstances(shop())
        self.source.sources["order-42"] = FakeSource(waiting())
        self.dashboard = Dashboard(self.source, picture=lambda: {"text/html": "<table>", "text/plain": "ID"})
        self.wire = Wire.made[-1]

    def click(self, **content: object) -> list[dict[str, object]]:
        self.wire.messages.clear()
        self.wire.click(content)
        return self.wire.custom()


def test_the_first_picture_travels_with_the_widget() -> None:
    (opened, *_) = Bench().wire.messages
    state = opened["data"]["state"]
    assert len(state["snapshot"]["rows"]) == 11
    assert state["_esm"] == packed(module())


def test_the_bundle_has_the_widget_and_the_twin_that_it_was_given() -> None:
    bundle = Bench().dashboard._repr_mimebundle_()
    assert bundle is not None
    assert (bundle[0]["text/html"], bundle[0]["text/plain"]) == ("<table>", "ID")
    assert "application/vnd.jupyter.widget-view+json" in bundle[0]


def test_hello_gets_a_snapshot_and_a_card_within_speaks_over_the_same_wire() -> None:
    bench = Bench()
    assert bench.click(type="hello", view="v")[0]["type"] == "snapshot"
    assert bench.click(type="open", to="order-42") == [{"type": "stale", "to": "order-42"}]
    answer = bench.click(type="hello", view="c", to="order-42")
    assert [(message["type"], message["to"]) for message in answer] == [("snapshot", "order-42")]
    assert bench.click(type="open", to="gone-1")[0]["type"] == "gone"


@pytest.mark.parametrize("content", [{}, {"type": "load"}, {"type": "hello", "view": 1}, {"type": "dance"}])
def test_messages_that_make_no_sense_do_nothing(content: dict[str, object]) -> None:
    assert Bench().click(**content) == []


def test_time_that_was_moved_has_the_views_ask_again() -> None:
    bench = Bench()
    bench.wire.messages.clear()
    bench.dashboard.look_again()
    assert bench.wire.custom() == [{"type": "stale"}]


def test_a_closed_dashboard_lets_go_of_everything() -> None:
    bench = Bench()
    bench.click(type="open", to="order-42")
    bench.dashboard.close()
    assert bench.source.followers == []
    assert bench.source.sources["order-42"].callbacks == []
    dashboard = weakref.ref(bench.dashboard)
    del bench
    Wire.made.clear()
    gc.collect()
    assert dashboard() is None


def test_a_dashboard_whose_front_end_closed_lets_go_of_the_runs() -> None:
    bench = Bench()
    bench.wire.handle_close({"content": {"comm_id": bench.wire.comm_id, "data": {}}})
    assert bench.source.followers == []


def test_it_loads_nothing_from_elsewhere() -> None:
    parts = "".join((STATIC / part).read_text() for part in MINE)
    assert not re.search(r"innerHTML|https?:|url\(|@import|import\(['\"]http", parts)


def test_no_name_is_defined_twice_in_what_is_put_together() -> None:
    """The modules become one, so that their names must differ."""
    defined = re.compile(r"^(?:export )?(?:async )?(?:class|function|const|let) (\w+)", re.MULTILINE)
    alone = {STATIC / part for part in ("frozen.js", "packed.js", "main.js")}
    names = [name for path in set(STATIC.glob("*.js")) - alone for name in defined.findall(path.read_text())]
    assert sorted(names) == sorted(set(names))
