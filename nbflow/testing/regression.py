"""Histories of real runs as regression tests: kept in files, replayed against the code of today."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from nbflow.core.divergence import ExecutionStalledError
from nbflow.core.explain.explaining import explain
from nbflow.core.history import ExecutionStarted, HistoryEvent
from nbflow.core.replay import replay
from nbflow.core.rows import from_json, to_json
from nbflow.definitions import WorkflowDefinition, evidence_of
from nbflow.runtime import WorkflowHandle
from nbflow.runtime.exports import record
from nbflow.testing.complaints import ReplayError, WorkflowTestError, two_sides


class _Head(msgspec.Struct, frozen=True):
    """The line before the events: whose they are, since a history doesn't say."""

    instance_id: str


def save_history(run: WorkflowHandle, path: str | Path) -> Path:
    """Write the history of a run into a file, one JSON object a line, for `replay_history`.

    Args:
        run: The run; it need not have ended.
        path: The file, ``.jsonl`` by custom; one that is there is replaced.

    Raises:
        InstanceNotFoundError: There is no such run any more.
    """
    lines = [msgspec.json.encode(_Head(run.instance_id)).decode(), *map(to_json, run.history())]
    path = Path(path)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def replay_history(
    workflow: WorkflowDefinition[..., Any],
    history: Sequence[HistoryEvent] | str | Path,
    *,
    instance_id: str | None = None,
) -> None:
    """Check that a workflow's code still does what a history holds: nothing else runs, and nothing is written.

    A run that has continued as new has several histories in an exported file: each of them is replayed.

    Args:
        workflow: The code of today.
        history: The events; or the file that `save_history` or ``%wf export ID run.json`` wrote.
        instance_id: The run; known to the file, and only needed where the code uses it.

    Raises:
        ReplayError: It doesn't; names both sides, the line, and the likely cause.
        WorkflowTestError: That is the history of another workflow, or of none.
        UnknownHistoryKindError: A line of the file is no event that this nbflow knows.
    """
    if not isinstance(history, (str, Path)):
        _replay(workflow, history, instance_id)
        return
    recorded_id, histories = _read(Path(history))
    for each in histories:
        _replay(workflow, each, instance_id or recorded_id)


def _replay(
    workflow: WorkflowDefinition[..., Any], history: Sequence[HistoryEvent], instance_id: str | None
) -> None:
    started = next((event for event in history if isinstance(event, ExecutionStarted)), None)
    if started is None:
        raise WorkflowTestError(
            "this history has no beginning: give all events of an execution, from the first"
        )
    if started.name != workflow.name:
        raise WorkflowTestError(f"this is the history of a run of {started.name}, not of {workflow.name}")
    run = instance_id or "run-1"
    try:
        replay(workflow, history, instance_id=run).evict()
    except ExecutionStalledError as error:
        report = explain(
            error.stall, workflow, history, instance_id=run, evidence=evidence_of(workflow, history)
        )
        raise ReplayError(two_sides(report, workflow.name), report) from None


def _read(path: Path) -> tuple[str | None, list[list[HistoryEvent]]]:
    """The run and the events of each execution in a file; one without the run's line is all events."""
    text = path.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and lines[0] == "{":  # laid out over lines: a run that was exported
        return record.from_text(text)
    try:
        head = msgspec.json.decode(lines[0], type=_Head) if lines else None
    except msgspec.ValidationError:
        return None, [[from_json(line) for line in lines]]
    return (head.instance_id if head is not None else None), [[from_json(line) for line in lines[1:]]]
