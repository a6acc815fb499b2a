"""Turns on the dispatch thread: the only place where workflow code runs.

The dispatcher holds the live executions. A turn of one that is in memory goes
on where it stood; a cold one is replayed first. Everything here is called on
the dispatch thread, so that a workflow that never awaits holds up other
workflows at most, and never the engine.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec

from nbflow.core.context import ActivityReference
from nbflow.core.divergence import ExecutionStalledError
from nbflow.core.history import HistoryEvent
from nbflow.core.operations import InboxRow
from nbflow.core.replay import Execution, WorkflowCode, replay
from nbflow.core.state import InstanceRecord, RuntimeState, Stall, StallReason
from nbflow.core.transition import Codeless, Transition, Turn, stalled
from nbflow.engine.output import TurnPrints, context_with

_log: Final = logging.getLogger("nbflow.engine")


@dataclass(frozen=True, kw_only=True)
class TurnRequest:
    """One turn to take.

    Attributes:
        record: The instance's row.
        rows: The messages, in order.
        code: The workflow's code; None where only control messages are to be handled.
        adopts: The version that the run changes over to if the turn can be taken; None: it stays.
        missing: Why there is no code, where there ought to be.
        history: The whole history for a cold execution; None if it is in memory.
        now: The turn's time.
    """

    record: InstanceRecord
    rows: Sequence[InboxRow]
    code: WorkflowCode | None
    adopts: str | None
    missing: Stall | None
    history: list[HistoryEvent] | None
    now: datetime


@dataclass(frozen=True, kw_only=True)
class TurnOutcome:
    """What a turn came to, and what else the engine wants to know.

    Attributes:
        transition: What to commit.
        is_warm: Whether the execution is in memory now.
        prints: What the workflow printed, to be shown once the turn is committed.
        references: Activities that the code called, by name.
    """

    transition: Transition
    is_warm: bool = False
    prints: str = ""
    references: Mapping[str, ActivityReference] = field(default_factory=dict[str, ActivityReference])


@dataclass(eq=False)
class _Live:
    execution: Execution
    state: RuntimeState
    prints: TurnPrints


class Dispatcher:
    """Takes turns and keeps live executions.

    Args:
        next_row_id: Gives row IDs for timers; called on the dispatch thread.
    """

    def __init__(self, next_row_id: Callable[[], int]) -> None:
        self._next_row_id = next_row_id
        self._live: dict[str, _Live] = {}

    def take(self, request: TurnRequest) -> TurnOutcome:
        """Take a turn; whatever goes wrong becomes a stall, and the live execution is discarded."""
        try:
            if request.missing is not None:
                raise ExecutionStalledError(request.missing)
            if request.code is None:
                return self._take_codeless(request)
            return self._take_live(request, request.code)
        except ExecutionStalledError as error:
            stall = error.stall
        except BaseException as error:
            _log.exception("a turn of %s failed", request.record.instance_id)
            stall = _inexplicable(error)
        self.evict([request.record.instance_id])
        return stalled_outcome(request, stall)

    def evict(self, instance_ids: Sequence[str]) -> None:
        """Take executions out of memory; unknown ones are no error."""
        for instance_id in instance_ids:
            live = self._live.pop(instance_id, None)
            if live is not None:
                live.execution.evict()

    def _take_live(self, request: TurnRequest, code: WorkflowCode) -> TurnOutcome:
        record = request.record
        if request.adopts is not None:
            record = msgspec.structs.replace(record, definition=request.adopts)
        live = self._live.get(record.instance_id)
        if request.history is not None:
            self.evict([record.instance_id])
            live = self._replayed(record, code, request.history)
        assert live is not None, "a warm turn needs a live execution"
        self._live[record.instance_id] = live
        turn = Turn(record, live.state, live.execution, now=request.now, next_row_id=self._next_row_id)
        live.prints.is_open = True
        try:
            transition = turn.take(request.rows)
        finally:
            live.prints.is_open = False
        is_warm = not transition.record.status.is_terminal
        if not is_warm:
            self.evict([record.instance_id])
        return TurnOutcome(
            transition=transition,
            is_warm=is_warm,
            prints=live.prints.take(),
            references=live.execution.references,
        )

    def _replayed(self, record: InstanceRecord, code: WorkflowCode, history: list[HistoryEvent]) -> _Live:
        prints = TurnPrints()
        execution = replay(code, history, instance_id=record.instance_id, context=context_with(prints, None))
        return _Live(execution=execution, state=RuntimeState.of(history), prints=prints)

    def _take_codeless(self, request: TurnRequest) -> TurnOutcome:
        assert request.history is not None, "a turn without code needs the history"
        record = request.record
        self.evict([record.instance_id])
        state = RuntimeState.of(request.history)
        turn = Turn(record, state, Codeless(), now=request.now, next_row_id=self._next_row_id, recovers=False)
        return TurnOutcome(transition=turn.take(request.rows))


def stalled_outcome(request: TurnRequest, report: Stall) -> TurnOutcome:
    """A turn that could not be taken: nothing of it counts but the stall, and the messages stay."""
    return TurnOutcome(transition=stalled(request.record, report, now=request.now))


def _inexplicable(error: BaseException) -> Stall:
    if isinstance(error, Exception):
        message = f"nbflow itself failed in this turn ({type(error).__name__}: {error}): please report it"
    else:
        message = (
            f"a branch of the workflow raised {type(error).__name__}: raise an ordinary exception instead"
        )
    return Stall(reason=StallReason.STUCK, message=message)
