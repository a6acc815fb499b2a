"""Whether code fits a history: a dry replay, which has no effect and is decided on before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Final, TypeAlias

import msgspec

from nbflow.core import history as h
from nbflow.core.divergence import ExecutionStalledError
from nbflow.core.execution import Execution, WorkflowCode
from nbflow.core.explain.report import NO_EVIDENCE, Divergence, Evidence
from nbflow.core.replay import end_of_step, feed_step
from nbflow.core.state import Stall, StallReason

MOST_EVENTS: Final = 20_000
"""Events of a history that are replayed for the question."""


class Fits(msgspec.Struct, frozen=True):
    """The code does what history holds."""


class Diverges(msgspec.Struct, frozen=True):
    """The code does something else.

    Attributes:
        stall: What would be said of the run.
    """

    stall: Stall

    @property
    def divergence(self) -> Divergence:
        """Where the two part: without rows and a cause, if those were not asked for."""
        if self.stall.divergence is not None:
            return self.stall.divergence
        return Divergence(
            seq=self.stall.seq or 0,
            expected=self.stall.expected or "",
            actual=self.stall.actual or "",
            file=self.stall.file,
            line=self.stall.line,
        )


class Undecided(msgspec.Struct, frozen=True):
    """It can't be told.

    Attributes:
        reason: Why, as a clause.
    """

    reason: str


Fit: TypeAlias = Fits | Diverges | Undecided


def fit(
    code: WorkflowCode,
    history: Sequence[h.HistoryEvent],
    *,
    instance_id: str,
    context: Context | None = None,
    explained: bool = True,
    evidence: Evidence = NO_EVIDENCE,
    most_events: int = MOST_EVENTS,
    begun: Callable[[Execution], None] = lambda execution: None,
    is_late: Callable[[], bool] = lambda: False,
) -> Fit:
    """Tell whether a workflow's code would do what a history holds.

    Nothing of it counts: no activity runs, and what the code prints goes where the ``context`` leads it. Code that
    loops without awaiting anything does not come back: whoever asks about foreign code watches the execution.

    Args:
        code: The workflow.
        history: The events of one execution, from the first.
        instance_id: The run.
        context: The context variables that the code starts with.
        explained: Whether to look for the cause of a mismatch, which takes another replay.
        evidence: What else is known of the code.
        most_events: A longer history is not tried.
        begun: Told of each execution before it is fed.
        is_late: Asked between two steps: whether to give up.
    """
    if len(history) > most_events:
        return Undecided(f"its history is long ({len(history):,} events)")
    variables = context.copy() if context is not None else None
    execution = Execution(code, instance_id=instance_id, context=variables)
    try:
        begun(execution)
        if not _fed(execution, history, is_late):
            return Undecided("it takes too long")
    except ExecutionStalledError as error:
        stall = error.stall
    except Exception as error:  # of ours: whatever the code raises is an outcome of the code
        return Undecided(f"nbflow failed on it ({type(error).__name__}: {error})")
    else:
        return Fits()
    finally:
        execution.evict()
    if stall.reason is not StallReason.DIVERGED:
        return Undecided(stall.message)
    if explained:
        from nbflow.core.explain.explaining import explain  # it is needed for a mismatch only

        stall = explain(
            stall,
            code,
            history,
            instance_id=instance_id,
            context=context,
            evidence=evidence,
            begun=begun,
        )
    return Diverges(stall)


def _fed(execution: Execution, history: Sequence[h.HistoryEvent], is_late: Callable[[], bool]) -> bool:
    """Feed all of a history; False if it is given up before its end."""
    position = 0
    while position < len(history):
        if is_late():
            return False
        feed_step(execution, history, position)
        position = end_of_step(history, position)
    return True
