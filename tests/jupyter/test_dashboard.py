"""``%wf ps`` and a runtime's display in a real kernel: a live table, and what is left of it without one."""

from __future__ import annotations

import queue
import time
from typing import Any

import pytest

from tests.jupyter.conftest import Notebook
from tests.jupyter.kernels import Cell, Kernel

WIDGET = "application/vnd.jupyter.widget-view+json"
WORKFLOW = "%%workflow fulfil(sku: str)\nreturn await ctx.wait_for_external_event('approval')"


def ok(cell: Cell) -> Cell:
    assert cell.status == "ok", cell.text
    return cell


def send(kernel: Kernel, comm_id: str, **content: Any) -> None:
    """What a front end sends over a widget's comm."""
    data = {"method": "custom", "content": content}
    kernel.client.shell_channel.send(
        kernel.client.session.msg("comm_msg", {"comm_id": comm_id, "data": data})
    )


def until(kernel: Kernel, comm_id: str, kind: str) -> dict[str, Any]:
    """The next custom message of that type that a widget sends."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            message = kernel.client.get_iopub_msg(timeout=1)
        except queue.Empty:
            continue
        content = message["content"]
        if message["msg_type"] == "comm_msg" and content["comm_id"] == comm_id:
            sent = content["data"].get("content", {})
            if sent.get("type") == kind:
                return sent
    raise AssertionError(f"no {kind} came")


@pytest.mark.kernel
def test_ps_is_live_in_a_notebook(kernel: Kernel) -> None:
    ok(kernel.run(WORKFLOW))
    ok(kernel.run("%wf run fulfil('tea') --id order-1;\n%wf wait order-1"))
    listed = ok(kernel.run("%wf ps"))
    (shown,), (twin,) = listed.results, listed.displays
    assert shown["text/plain"].splitlines()[0].startswith("ID")
    assert "event 'approval'" in shown["text/plain"]
    assert "text/html" not in shown
    assert "<table" in twin["text/html"]
    assert WIDGET not in twin
    comm_id = shown[WIDGET]["model_id"]
    send(kernel, comm_id, type="hello", view="v")
    snapshot = until(kernel, comm_id, "snapshot")
    assert [row["id"] for row in snapshot["rows"]] == ["order-1"]
    ok(kernel.run("%wf run fulfil('tea') --id order-2;"))
    send(kernel, comm_id, type="hello", view="v")
    assert {row["id"] for row in until(kernel, comm_id, "snapshot")["rows"]} == {"order-1", "order-2"}
    kernel.start("%wf db other.duckdb")
    reason = until(kernel, comm_id, "closed")["reason"]
    assert reason.startswith("its history is closed: `%wf db ")
    assert reason.endswith("history.duckdb` opens it again")


@pytest.mark.kernel
def test_a_runtime_shows_its_runs(kernel: Kernel) -> None:
    ok(kernel.run("from nbflow import WorkflowRuntime\nruntime = WorkflowRuntime(':memory:').open()"))
    live = ok(kernel.run("runtime"))
    assert WIDGET in live.results[0]
    assert "no runs" in live.displays[0]["text/html"]
    (closed,) = ok(kernel.run("runtime.close()\nruntime")).results
    assert WIDGET not in closed
    assert "closed" in closed["text/html"]


@pytest.mark.kernel
def test_an_assigned_table_shows_nothing_and_is_live_once_it_is_shown(kernel: Kernel) -> None:
    assigned = ok(kernel.run("runs = %wf ps"))
    assert (assigned.results, assigned.displays) == ([], [])
    assert ok(kernel.run("%wf ps ;")).results == []
    (shown,) = ok(kernel.run("runs")).results
    assert WIDGET in shown
    assert ok(kernel.run("len(runs), list(runs)")).results[0]["text/plain"] == "(0, [])"


def test_in_a_terminal_ps_is_a_table_of_text(notebook: Notebook) -> None:
    assert notebook.run("%wf ps") == "no runs: type %wf run NAME(…) to start one"
    notebook.run(WORKFLOW)
    notebook.run("run = %wf run fulfil('tea') --id order-1;\n%wf wait order-1")
    assert notebook.run("%wf ps").splitlines()[1].split()[:3] == ["order-1", "fulfil", "RUNNING"]
    notebook.run("runs = %wf ps")
    assert notebook["runs"]._repr_mimebundle_() == {}
    assert notebook["runs"][0][0] == "order-1"
