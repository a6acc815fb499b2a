"""All runs of a real runtime, as a dashboard sees them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from nbflow import WorkflowContext, WorkflowRuntime, workflow
from nbflow.core.state import RuntimeStatus
from nbflow.errors import RuntimeClosedError
from nbflow.ports import InstanceFilter
from nbflow.runtime.instances import RuntimeInstances
from nbflow.widgets.dashfeed import DashboardFeed
from nbflow.widgets.doing import Orders
from nbflow.widgets.instances import Scope, listing


@workflow
async def ask(ctx: WorkflowContext, what: str) -> Any:
    return await ctx.wait_for_external_event(what)


@workflow
async def ask_below(ctx: WorkflowContext) -> Any:
    return await ctx.call_child_workflow(ask, input="approval", instance_id="child-1")


class Box:
    """Messages as they come from whichever thread, which a test can wait for."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self._news = threading.Condition()

    def post(self, message: dict[str, Any]) -> None:
        with self._news:
            self.messages.append(message)
            self._news.notify_all()

    def wait(self, there: Callable[[list[dict[str, Any]]], bool]) -> None:
        with self._news:
            assert self._news.wait_for(lambda: there(self.messages), 20), self.messages


def has(instance_id: str, text: str) -> Callable[[list[dict[str, Any]]], bool]:
    def there(messages: list[dict[str, Any]]) -> bool:
        rows = [row for message in messages for row in message.get("rows", []) if row["id"] == instance_id]
        return any(text in str(row["waits"]) or text == row["status"] for row in rows)

    return there


def gone(instance_id: str) -> Callable[[list[dict[str, Any]]], bool]:
    return lambda messages: any(instance_id in message.get("gone", []) for message in messages)


def test_runs_come_go_and_end(tmp_path: Any) -> None:
    with WorkflowRuntime(tmp_path / "h.duckdb", definitions=[ask, ask_below]) as runtime:
        source, box = RuntimeInstances(runtime), Box()
        feed = DashboardFeed(source, send=box.post, keep=lambda _: None)
        feed.open()
        feed.hello("v")
        client = runtime.client
        client.schedule_new_workflow(ask, input="approval", instance_id="a")
        box.wait(has("a", "event 'approval'"))
        client.schedule_new_workflow(ask_below, instance_id="b")
        box.wait(has("b", "child ask child-1"))
        client.raise_workflow_event("a", "approval", data=1)
        box.wait(has("a", "COMPLETED"))
        box.wait(lambda messages: messages[-1].get("counts", [[0, 0]] * 5)[4][1] == 1)
        client.purge_workflow("a")
        box.wait(gone("a"))
    box.wait(lambda messages: messages[-1]["type"] == "closed")
    assert box.messages[-1]["reason"] == "its history is closed: open the runtime again"
    with pytest.raises(RuntimeClosedError):
        source.counts(InstanceFilter())
    feed.close()


def test_a_listing_has_pages_counts_and_what_is_waited_for() -> None:
    with WorkflowRuntime(definitions=[ask, ask_below]) as runtime:
        for number in range(7):
            runtime.client.schedule_new_workflow(ask, input="approval", instance_id=f"a-{number}")
        begun = threading.Event()
        runtime.subscribe("child-1", lambda record, _: begun.set() if record.status == "RUNNING" else None)
        runtime.client.schedule_new_workflow(ask_below, instance_id="b")
        assert begun.wait(20)
        source = RuntimeInstances(runtime)
        page = listing(source, Scope(name="ask"), limit=3)
        assert [row.instance_id for row in page.rows] == ["child-1", "a-6", "a-5"]
        assert [row.waits_text for row in page.rows] == ["event 'approval'"] * 3
        assert (page.rows[0].parent, page.more) == ("b", 5)
        assert page.counts == {RuntimeStatus.RUNNING: 8}
        rest = listing(source, Scope(name="ask", after="a-5"), limit=50)
        assert ([row.instance_id for row in rest.rows], rest.more) == (["a-4", "a-3", "a-2", "a-1", "a-0"], 0)
        assert "event &#x27;approval&#x27;" in runtime._repr_html_()
    assert "closed" in runtime._repr_html_()


def test_many_runs_are_terminated_and_purged_by_one_order_each() -> None:
    with WorkflowRuntime(definitions=[ask]) as runtime:
        names = [f"a-{number}" for number in range(40)]
        for name in names:
            runtime.client.schedule_new_workflow(ask, input="approval", instance_id=name)
        box = Box()
        orders = Orders(RuntimeInstances(runtime), send=box.post)
        for command in ("terminate", "purge"):
            orders.give({"type": "do", "id": command, "do": command, "runs": names})
            box.wait(lambda messages: bool(messages[-1:] and messages[-1]["over"]))
            last = box.messages.pop()
            assert (last["do"], last["done"], last["failed"]) == (command, 40, 0)
            box.messages.clear()
        assert runtime.client.list_workflows() == []


def test_a_run_that_waits_for_its_owner_says_so(tmp_path: Any) -> None:
    with WorkflowRuntime(tmp_path / "h.duckdb", definitions=[ask]) as runtime:
        runtime.client.schedule_new_workflow(ask, input="approval", instance_id="a")
        runtime.client.wait("a", lambda record: record.status is RuntimeStatus.RUNNING, 20)
    with WorkflowRuntime(tmp_path / "h.duckdb", definitions=[ask], auto_resume=False) as runtime:
        (row,) = listing(RuntimeInstances(runtime)).rows
        assert row.waits_text == "its owner: `%wf resume a`, event 'approval'"
