"""What a definition tells beside what its code does, where code and history are compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from nbflow.core.explain.report import CodeText, Evidence, Suspect
from nbflow.core.history import ExecutionStarted, HistoryEvent
from nbflow.definitions.definition import WorkflowDefinition


def evidence_of(
    code: object,
    history: Sequence[HistoryEvent],
    *,
    recorded: str | None = None,
    suspects: tuple[Suspect, ...] = (),
    uses: tuple[str, ...] = (),
    interpreter: str = "",
) -> Evidence:
    """What is known of a workflow's code, for a report.

    Args:
        code: The code that is held against the history.
        history: Its first events say which code the run was started with.
        recorded: The source of that, where it is another.
        suspects: Lines that read what a replay doesn't repeat.
        uses: Names that mean something else than for the code that the run was started with.
        interpreter: What to say of the interpreter, if it is another than then.
    """
    text: CodeText | None = None
    is_same: bool | None = None
    if isinstance(code, WorkflowDefinition):
        definition = cast("WorkflowDefinition[..., Any]", code)
        text = definition.text
        started = next((event for event in history if isinstance(event, ExecutionStarted)), None)
        if started is not None and started.definition:
            is_same = started.definition == definition.code_hash
    return Evidence(
        present=text,
        recorded=recorded,
        is_same=is_same,
        suspects=suspects,
        uses=uses,
        interpreter=interpreter,
    )
