"""Where histories are cut: every event of every stored history, and what a cut is as a new execution."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nbflow.core import history as h
from nbflow.core.branching import Brancher
from nbflow.core.going_back import Cut, cut_before, cut_behind, steps, with_value
from nbflow.core.identity import child_instance_id, fork_id, forked_child_id, is_derived
from nbflow.core.operations import AppendHistory, PutInbox, PutInstance
from nbflow.core.replay import replay
from nbflow.core.rows import to_json
from nbflow.core.state import InstanceRecord, RuntimeState, RuntimeStatus
from tests.core.replayer import read
from tests.core.shapes import SHAPES
from tests.core.test_determinism import DIFFERENT
from tests.core.world import World  # noqa: F401 (its shapes belong to the corpus too)

FILES = sorted((Path(__file__).parents[1] / "corpus").glob("*/*.jsonl"))
NOW = datetime(2031, 1, 1, tzinfo=UTC)
INTERPRETER = h.Interpreter(python="3.11", anyio="4", loop_rules=1)


def brancher() -> Brancher:
    numbers = iter(range(1, 1_000_000))
    return Brancher(now=NOW, next_row_id=lambda: next(numbers), interpreter=INTERPRETER)


def record_of(history: list[h.HistoryEvent], instance_id: str) -> InstanceRecord:
    state = RuntimeState.of(history)
    assert state.started is not None
    return InstanceRecord(
        instance_id=instance_id,
        name=state.started.name,
        execution_id=state.started.execution_id,
        status=state.status,
        created_at=history[0].at,
        last_updated_at=history[-1].at,
        input=state.started.input,
        definition="d",
        output=state.output,
        failure=state.failure,
    )


def forked(record: InstanceRecord, cut: Cut) -> Any:
    return brancher().fork(record, cut, instance_id="new", execution_id="e-new", definition="d")


@pytest.mark.semantics(8, 10, 73)
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_event_of_every_stored_history_is_a_place_to_fork_at(path: Path) -> None:
    ((head, history),) = read(path)
    if head.shape in DIFFERENT[frozenset({"3.11", "3.12"})]:
        pytest.skip("it differs from interpreter to interpreter")
    code, instance_id = SHAPES[head.shape].code, f"{head.shape}-{head.seed}"
    record = record_of(history, instance_id)
    for seq in range(1, len(history) + 1):
        cut = cut_behind(history, seq)
        assert [to_json(e) for e in cut.kept] == [to_json(e) for e in history[: cut.seq]]
        branch = forked(record, cut)
        state = RuntimeState.of(cut.kept)
        execution = replay(code, branch.events, instance_id="new")
        assert (execution.instance_id, execution.execution_id) == ("new", "e-new")
        assert execution.is_finished is state.status.is_terminal or state.continued is not None
        execution.evict()
        open_calls = set() if state.status.is_terminal else {*state.tasks, *state.children, *state.timers}
        begun = {task.id for task in branch.tasks}
        begun |= {out.row.event.parent.scheduled_id for out in branch.outgoing}
        begun |= {row.event.scheduled_id for row in branch.timers}
        assert begun == open_calls


@pytest.mark.semantics(73)
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_event_that_is_delivered_anew_as_it_was_has_the_same_effect(path: Path) -> None:
    ((head, history),) = read(path)
    if head.shape in DIFFERENT[frozenset({"3.11", "3.12"})]:
        pytest.skip("it differs from interpreter to interpreter")
    code, instance_id = SHAPES[head.shape].code, f"{head.shape}-{head.seed}"
    for step in steps(history):
        event = history[step.start]
        if not isinstance(event, (h.TaskCompleted, h.EventRaised, h.ChildWorkflowCompleted)):
            continue
        text = event.payload if isinstance(event, h.EventRaised) else event.result
        again = with_value(event, text)
        assert msgspec.structs.replace(again, seq=event.seq) == event
        cut = cut_before(history, step.start + 1, again)
        execution = replay(code, cut.kept, instance_id=instance_id)
        execution.feed(again, history[step.start + 1 : step.stop])
        execution.evict()


def started(seq: int = 2) -> h.ExecutionStarted:
    return h.ExecutionStarted(
        seq=seq, at=NOW, name="w", execution_id="e1", input="[]", definition="d", interpreter=INTERPRETER
    )


def made(*events: h.HistoryEvent) -> list[h.HistoryEvent]:
    history = [h.WorkflowStarted(at=NOW), started(), *events]
    return [msgspec.structs.replace(event, seq=seq) for seq, event in enumerate(history, 1)]


def test_what_one_commit_writes_for_a_fork() -> None:
    child = child_instance_id("old", "e1-and-more", 1)
    history = made(
        h.TaskScheduled(at=NOW, id=1, task_id=1, name="charge", input="[]", timeout=60),
        h.TimerCreated(at=NOW, id=2, fire_at=NOW + timedelta(seconds=60), purpose="timeout", for_id=1),
        h.ChildWorkflowCreated(at=NOW, id=3, task_id=3, name="pack", input="[]", instance_id=child),
        h.ChildWorkflowCreated(at=NOW, id=4, task_id=4, name="pack", input="[]", instance_id="given"),
    )
    branch = forked(record_of(history, "old"), cut_behind(history, 2))
    put, append, timer, *births = branch.operations
    assert isinstance(put, PutInstance)
    assert (put.record.instance_id, put.record.status, put.record.parent) == (
        "new",
        RuntimeStatus.RUNNING,
        None,
    )
    assert isinstance(append, AppendHistory)
    assert append.events == (*history, branch.events[-1])
    assert branch.events[-1].begun == (3, 4)
    assert isinstance(timer, PutInbox)
    assert (timer.row.due, timer.row.execution_id) == (NOW + timedelta(seconds=60), "e-new")
    children = [out.row.instance_id for out in branch.outgoing]
    assert children == ["new:e-new:0001", "new:e-new:given:0"]
    assert len(births) == 4, "each child has its row and its start"
    parents = {out.row.event.parent for out in branch.outgoing}
    assert {(p.instance_id, p.execution_id) for p in parents} == {("new", "e-new")}


def test_ids_of_forks_and_of_their_children() -> None:
    assert fork_id("order-42", 1) == "order-42-fork-1"
    assert fork_id("order-42:abc:0001", 2) == "order-42-abc-0001-fork-2"
    longest = fork_id("x" * 256, 12)
    assert len(longest) == 256
    assert longest.endswith("-fork-12")
    ids = {
        forked_child_id("f", "e" * 32, child)
        for child in ("p:12345678:0001", "p:12345678:0002", "0001", "given", "p:12345678:given:0")
    }
    assert len(ids) == 5
    assert all(map(is_derived, ids))
    assert len(forked_child_id("f" * 256, "e" * 32, "p:1:0001")) == 256
