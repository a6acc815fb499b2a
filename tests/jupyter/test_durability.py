"""``%wf db PATH --durability relaxed``: what it opens, and that it is said wherever runs are shown."""

from pathlib import Path
from typing import Any

import pytest

from nbflow.jupyter.session import NbFlow, session_of
from nbflow.runtime import WorkflowRuntime
from nbflow.runtime.instances import RuntimeInstances
from nbflow.widgets.card import RunCard
from nbflow.widgets.dashfeed import DashboardFeed
from tests.jupyter.conftest import Notebook

CAVEAT = "relaxed durability: a power cut may take the last 50 ms"
WORKFLOW = """%%workflow asks(what: str) -> str
return await ctx.wait_for_external_event("answer")
"""


def session(notebook: Notebook) -> NbFlow:
    found = session_of(notebook.shell)
    assert found is not None
    return found


@pytest.fixture
def relaxed(notebook: Notebook) -> Notebook:
    """A notebook with a history whose commits don't wait for the disk, in which order-1 waits."""
    notebook.run("%wf db orders.duckdb --durability relaxed")
    notebook.run(WORKFLOW)
    notebook.run("%wf run asks('tea') --id order-1;")
    notebook.run("%wf wait order-1")
    return notebook


def test_it_is_said_on_opening_and_can_be_changed_where_it_is_open(notebook: Notebook) -> None:
    said = notebook.run("%wf db orders.duckdb --durability relaxed")
    assert said == f"nbflow: history in orders.duckdb · {CAVEAT} · no run waits · %wf help"
    assert session(notebook).runtime.durability == "relaxed"
    assert notebook.run("%wf db").count(CAVEAT) == 1
    assert CAVEAT not in notebook.run("%wf db --durability full")
    assert (session(notebook).runtime.durability, session(notebook).place) == ("full", "orders.duckdb")
    assert CAVEAT in notebook.run("%wf db --durability relaxed")
    assert CAVEAT not in notebook.run("%wf db other.duckdb"), "it is asked for each time"


def test_runs_go_on_where_it_is_changed(relaxed: Notebook) -> None:
    assert "order-1" in relaxed.run("%wf db --durability full")
    relaxed.run("%wf raise order-1 answer 'yes'")
    relaxed.run("run = %wf show order-1;")
    assert relaxed["run"].result(20) == "yes"


def test_what_cannot_be_is_one_line(notebook: Notebook) -> None:
    said = notebook.fail("%wf db :memory: --durability relaxed")
    assert said.endswith("nothing is kept there that could last: type %wf db PATH --durability relaxed")
    assert "--durability 'fast' is not one of full, relaxed" in notebook.fail(
        "%wf db x.duckdb --durability fast"
    )


def test_the_table_says_so_as_text_and_as_html(relaxed: Notebook) -> None:
    relaxed.run("table = %wf ps")
    table = relaxed["table"]
    assert CAVEAT in repr(table)
    assert CAVEAT in table.html
    relaxed.run("%wf db --durability full")
    relaxed.run("table = %wf ps")
    assert CAVEAT not in repr(relaxed["table"]) + relaxed["table"].html


def test_card_dashboard_and_pictures_say_so(relaxed: Notebook) -> None:
    runtime = session(relaxed).runtime
    card = RunCard(session(relaxed).source("order-1"))
    try:
        assert card.snapshot["run"]["caveat"] == CAVEAT
        assert all(CAVEAT in card.apart()._repr_mimebundle_()[kind] for kind in ("text/html",))
    finally:
        card.close()
    handle = runtime.client.handle("order-1")
    assert CAVEAT in handle.timeline().text
    assert CAVEAT in handle.timeline().html
    sent: list[Any] = []
    feed = DashboardFeed(RuntimeInstances(runtime), send=sent.append, keep=lambda _: None)
    try:
        assert feed.open()["caveat"] == CAVEAT
    finally:
        feed.close()
    assert CAVEAT in str(runtime._repr_html_())


def test_a_runtime_says_so_itself(tmp_path: Path) -> None:
    with WorkflowRuntime(
        tmp_path / "a.duckdb", durability="relaxed", key=bytes(32), definitions=[]
    ) as runtime:
        assert repr(runtime) == f"<WorkflowRuntime {tmp_path}/a.duckdb open, relaxed durability>"
    assert repr(WorkflowRuntime(tmp_path / "a.duckdb", definitions=[])).endswith("a.duckdb closed>")
    assert "relaxed" not in repr(WorkflowRuntime(durability="relaxed", definitions=[])), (
        "nothing is kept there at all"
    )
