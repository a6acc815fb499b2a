"""Forks, rewinds and comparisons as a card asks for them: what is offered, and what becomes of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from nbflow import WorkflowContext, WorkflowRuntime, activity, workflow
from nbflow.core import history as h
from nbflow.errors import (
    GoingBackError,
    InstanceExistsError,
    InstanceStateError,
    InvalidInstanceIdError,
    PayloadError,
)
from nbflow.runtime import RunSource, WorkflowHandle
from nbflow.widgets.conversation import Conversation

PATIENCE = 20
broken: set[str] = set()


@dataclass
class Box:
    """What is measured."""

    size: int


@activity
def measure(sku: str) -> Box:
    if sku in broken:
        raise ValueError(sku)
    return Box(len(sku))


@workflow
async def order(ctx: WorkflowContext, sku: str) -> str:
    box = await measure(sku)
    approved = await ctx.wait_for_external_event("approval", data_type=bool)
    return f"{box.size} {approved}"


@pytest.fixture
def runtime() -> Iterator[WorkflowRuntime]:
    broken.clear()
    with WorkflowRuntime(":memory:", definitions=[order, measure]) as runtime:
        yield runtime


def completed(runtime: WorkflowRuntime) -> WorkflowHandle:
    run = runtime.client.schedule_new_workflow(order, input="tea", instance_id="a")
    until_it_waits(runtime, run)
    run.raise_event("approval", True)
    assert run.result(timeout=PATIENCE) == "3 True"
    return run


def until_it_waits(runtime: WorkflowRuntime, run: WorkflowHandle) -> None:
    """Wait until the workflow has asked for its approval."""
    waits = threading.Event()

    def look(_record: Any, events: Sequence[h.HistoryEvent]) -> None:
        if any(isinstance(event, h.EventWaitCreated) for event in events):
            waits.set()

    stop = runtime.subscribe(run.instance_id, look)
    look(None, run.history())
    assert waits.wait(PATIENCE)
    stop()


def seq_of(run: WorkflowHandle, kind: type[h.HistoryEvent]) -> int:
    return next(event.seq for event in run.history() if isinstance(event, kind))


def test_what_is_offered_is_what_the_event_holds(runtime: WorkflowRuntime) -> None:
    run, source = completed(runtime), RunSource(runtime, "a")
    result = source.fork_offer(seq_of(run, h.TaskCompleted))
    assert (result.instance_id, result.subject, result.value) == (
        "a-fork-1",
        "the result of measure",
        '{"size":3}',
    )
    assert "size" in str(result.schema)
    event = source.fork_offer(seq_of(run, h.EventRaised))
    assert (event.subject, event.value, event.schema) == (
        "the event 'approval'",
        "true",
        '{"type":"boolean"}',
    )
    nothing = source.fork_offer(seq_of(run, h.TaskScheduled))
    assert (nothing.subject, nothing.nearest) == ("", seq_of(run, h.TaskCompleted))


def test_a_value_is_read_by_the_annotation_and_another_one_leads_elsewhere(runtime: WorkflowRuntime) -> None:
    run, source = completed(runtime), RunSource(runtime, "a")
    at = seq_of(run, h.TaskCompleted)
    assert source.fork(at, '{"size": 9}', "b").result(PATIENCE) == "b has begun"
    fork = WorkflowHandle(runtime.client, "b", "order")
    fork.raise_event("approval", False)
    assert fork.result(timeout=PATIENCE) == "9 False"
    assert source.peers() == ["b"]
    assert RunSource(runtime, "b").peers() == ["a"]
    for value, name, error in (
        ('{"size": "x"}', "c", PayloadError),
        (None, "d:d", InvalidInstanceIdError),
    ):
        assert isinstance(source.fork(at, value, name).exception(PATIENCE), error)
    waiting = runtime.client.schedule_new_workflow(order, input="tea", instance_id="w")
    assert isinstance(source.fork(at, None, waiting.instance_id).exception(PATIENCE), InstanceExistsError)
    refused = source.fork(seq_of(run, h.EventRaised), '"perhaps"', "e").exception(PATIENCE)
    assert isinstance(refused, GoingBackError)


def test_a_run_without_its_code_is_not_forked_and_says_what_to_do(
    runtime: WorkflowRuntime, monkeypatch: Any
) -> None:
    completed(runtime)
    monkeypatch.setattr(runtime.registry, "running", lambda *_args: None)
    with pytest.raises(GoingBackError, match="run the cell that defines it"):
        RunSource(runtime, "a").fork_offer(3)


def test_a_failed_run_is_rewound_from_its_card_and_followed_anew(runtime: WorkflowRuntime) -> None:
    broken.add("tea")
    run = runtime.client.schedule_new_workflow(order, input="tea", instance_id="a")
    with pytest.raises(Exception, match="tea"):
        run.result(timeout=PATIENCE)
    heard: list[dict[str, Any]] = []
    news = threading.Condition()

    def send(message: dict[str, Any]) -> None:
        with news:
            heard.append(message)
            news.notify_all()

    def wait_for(wanted: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        with news:
            assert news.wait_for(lambda: any(map(wanted, heard)), PATIENCE), heard
            return next(filter(wanted, heard))

    conversation = Conversation(RunSource(runtime, "a"), send=send, keep=lambda _snapshot: None)
    assert ["rewind", "Rewind…"] in [command[:2] for command in conversation.open()["run"]["commands"]]
    conversation.receive({"type": "ask", "id": "q", "what": "rewind"})
    offer = wait_for(lambda message: "ok" in message)
    assert "measure is tried again" in offer["ok"]["words"]
    broken.clear()
    conversation.receive({"type": "command", "id": "c", "do": "rewind"})
    wait_for(lambda message: message.get("state") == "recorded")
    wait_for(lambda message: message["type"] == "stale")
    run.raise_event("approval", True)
    assert run.result(timeout=PATIENCE) == "3 True"
    assert isinstance(RunSource(runtime, "a").command("rewind").exception(PATIENCE), InstanceStateError)
    conversation.close()


def test_two_runs_are_told_on_one_axis(runtime: WorkflowRuntime) -> None:
    run = completed(runtime)
    fork = run.fork(seq_of(run, h.EventRaised), set=False, id="b")
    assert fork.result(timeout=PATIENCE) == "3 False"
    heard: list[dict[str, Any]] = []
    source = RunSource(runtime, "b")
    source.aside = lambda look: look()  # type: ignore[method-assign,assignment]
    conversation = Conversation(source, send=heard.append, keep=lambda _snapshot: None)
    assert conversation.open()["run"]["origin"] == ["fork", "a", seq_of(fork, h.ExecutionForked) - 1]
    conversation.receive({"type": "ask", "id": "q", "what": "compare", "with": "a"})
    found = heard[-1]["ok"]
    msgspec.json.encode(found)
    assert [side["id"] for side in found["sides"]] == ["b", "a"]
    assert [row[0] for row in found["rows"]] == ["differs"]
    ends = [span[2] for bars in found["bars"] for _, spans in bars for span in spans]
    assert found["axis"]["start"] <= min(ends) <= max(ends) <= found["axis"]["end"]
    conversation.close()
