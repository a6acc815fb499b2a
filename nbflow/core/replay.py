"""A whole history, fed to a workflow's code: how an execution comes back into memory, and how code is checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import Context
from typing import cast

from nbflow.core import history as h
from nbflow.core.divergence import ExecutionStalledError
from nbflow.core.execution import Execution, WorkflowCode
from nbflow.core.state import Stall, StallReason


def replay(
    code: WorkflowCode,
    history: Sequence[h.HistoryEvent],
    *,
    instance_id: str,
    context: Context | None = None,
    prefix: bool = False,
    begun: Callable[[Execution], None] = lambda execution: None,
) -> Execution:
    """Feed a whole history to a workflow's code.

    Args:
        code: The workflow.
        history: The events of one execution, from the first.
        instance_id: The run.
        context: The context variables that the code starts with.
        prefix: Whether the history may end amid the actions of an event, as a history cut at any
            place does. A stored history always ends behind all of them.
        begun: Told of the execution before it is fed.

    Returns:
        The execution, as it was when the last event had been taken in.

    Raises:
        ExecutionStalledError: The code doesn't do what history holds.
    """
    execution = Execution(code, instance_id=first_instance_id(history, instance_id), context=context)
    begun(execution)
    position, end = 0, len(history)
    while position < end:
        after = end_of_step(history, position)
        feed_step(execution, history, position, open_ended=prefix and after == end)
        position = after
    return execution


def first_instance_id(history: Sequence[h.HistoryEvent], instance_id: str) -> str:
    """Who a run's code was at first: for one that was forked that is the run that it comes from."""
    forked = next((event for event in history if isinstance(event, h.ExecutionForked)), None)
    return instance_id if forked is None else forked.origin.instance_id


def end_of_step(history: Sequence[h.HistoryEvent], position: int) -> int:
    """Where the step ends that begins at a position: behind the event and the actions that it caused."""
    after = position + 1
    while after < len(history) and isinstance(history[after], h.ACTION_KINDS):
        after += 1
    return after


def feed_step(
    execution: Execution, history: Sequence[h.HistoryEvent], position: int, *, open_ended: bool = False
) -> None:
    """Feed one event with the actions that are recorded behind it.

    Raises:
        ExecutionStalledError: The code doesn't do what history holds, or none of its events begins a step here.
    """
    event = cast("h.WorkflowStarted | h.ExecutionForked | h.InputEvent", history[position])
    if isinstance(event, h.ACTION_KINDS):
        raise ExecutionStalledError(
            Stall(
                reason=StallReason.DIVERGED,
                message=f"history begins with a recorded action: {type(event).__name__}",
                seq=event.seq,
            )
        )
    recorded = cast("Sequence[h.ActionEvent]", history[position + 1 : end_of_step(history, position)])
    execution.feed(event, recorded, open_ended=open_ended)
