"""Turns on the dispatch thread: the only place where workflow code runs.

The dispatcher holds the live executions. A turn of one that is in memory goes
on where it stood; a cold one is replayed first. Everything here is called on
the dispatch thread, so that a workflow that never awaits holds up other
workflows at most, and never the engine.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec

from nbflow.core.divergence import ExecutionStalledError, another_interpreter
from nbflow.core.execution import Execution, WorkflowCode
from nbflow.core.history import ExecutionStarted, HistoryEvent
from nbflow.core.operations import InboxRow
from nbflow.core.outbox import Descendant
from nbflow.core.references import Reference
from nbflow.core.replay import replay
from nbflow.core.rows import payload_size
from nbflow.core.state import InstanceRecord, RuntimeState, Stall, StallReason
from nbflow.core.transition import Codeless, Feedable, Transition, Turn, stalled
from nbflow.definitions import evidence_of
from nbflow.engine.options import EngineOptions
from nbflow.engine.output import TurnPrints, context_with
from nbflow.engine.suspects import suspects_of
from nbflow.engine.watchdog import Watched
from nbflow.errors import CodeNotRestoredError, Evicted

_log: Final = logging.getLogger("nbflow.engine")


@dataclass(slots=True, kw_only=True)
class TurnRequest:
    """One turn to take.

    Attributes:
        record: The instance's row.
        rows: The messages, in order.
        code: Gives the workflow's code, on the dispatch thread: stored code is made there; None where only
            control messages are to be handled.
        now: The turn's time.
        adopts: The version that the run changes over to if the turn can be taken; None: it stays.
        recorded_source: The source that the run was started with, where it tries another version.
        uses: Names that mean something else in that version than in the one that the run was started with.
        missing: Why there is no code, where there ought to be.
        history: The whole history for a cold execution; None if it is in memory.
        family: The nearest descendants that have not ended, where a message may end the run.
    """

    record: InstanceRecord
    rows: Sequence[InboxRow]
    code: Callable[[], WorkflowCode] | None
    now: datetime
    adopts: str | None = None
    recorded_source: str | None = None
    uses: tuple[str, ...] = ()
    missing: Stall | None = None
    history: list[HistoryEvent] | None = None
    family: Sequence[Descendant] = ()


@dataclass(slots=True, kw_only=True)
class TurnOutcome:
    """What a turn came to, and what else the engine wants to know.

    Attributes:
        transition: What to commit.
        is_warm: Whether the execution is in memory now.
        prints: What the workflow printed, to be shown once the turn is committed.
        references: Activities and workflows that the code has called, by name, if some are new.
        payloads: How long all payloads of the execution in memory are, in characters.
        was_codeless: Whether it could not be taken since there was no code when it was asked for.
    """

    transition: Transition
    is_warm: bool = False
    prints: str = ""
    references: Mapping[str, Reference] = field(default_factory=dict[str, Reference])
    was_codeless: bool = False
    payloads: int = 0


@dataclass(eq=False, slots=True)
class _Live:
    execution: Execution
    state: RuntimeState
    prints: TurnPrints
    told: int = 0
    payloads: int = 0


class Dispatcher:
    """Takes turns and keeps live executions.

    Args:
        next_row_id: Gives row IDs for messages; called on the dispatch thread.
        options: What executions are recorded under, and what they may grow to.
        prepare: Makes a stored activity that a turn has called, so that it is known whether that can be done.
    """

    def __init__(
        self,
        next_row_id: Callable[[], int],
        options: EngineOptions,
        prepare: Callable[[str], object] = lambda name: None,
    ) -> None:
        self._next_row_id = next_row_id
        self._options = options
        self._prepare = prepare
        self._live: dict[str, _Live] = {}

    def take(self, request: TurnRequest, watched: Watched) -> TurnOutcome:
        """Take a turn; whatever goes wrong becomes a stall, and the live execution is discarded.

        Args:
            request: The turn.
            watched: Learns which execution it is.

        Raises:
            Evicted: The turn was given up, and interrupted in the middle of our own code.
        """
        try:
            if request.missing is not None:
                raise ExecutionStalledError(request.missing)
            if request.code is None:
                return self._take_codeless(request)
            return self._take_live(request, request.code(), watched)
        except ExecutionStalledError as error:
            stall = error.stall
        except CodeNotRestoredError as error:
            message = f"{request.record.instance_id} waits for code: {error}"
            stall = Stall(reason=StallReason.CODE_MISSING, message=message)
        except Evicted:
            raise
        except BaseException as error:
            _log.exception("a turn of %s failed", request.record.instance_id)
            stall = inexplicable(error)
        self.evict([request.record.instance_id])
        return stalled_outcome(request, stall)

    def evict(self, instance_ids: Collection[str], watched: Watched | None = None) -> None:
        """Take executions out of memory; unknown ones are no error."""
        for instance_id in instance_ids:
            live = self._live.pop(instance_id, None)
            if live is not None:
                live.execution.evict()
            if watched is not None:
                watched.evicted += 1

    def handed_over(self, without: Collection[str]) -> Dispatcher:
        """The same for another thread: what is in memory goes there, but for some that stay."""
        live, self._live = self._live, {}
        staying = {instance_id: live.pop(instance_id, None) for instance_id in without}
        self._live.update({instance_id: one for instance_id, one in staying.items() if one is not None})
        heir = Dispatcher(self._next_row_id, self._options, self._prepare)
        heir._live = live
        return heir

    def take_in(self, other: Dispatcher) -> None:
        """Keep what another one has in memory, which nobody uses any more."""
        self._live.update(other._live)

    def _take_live(self, request: TurnRequest, code: WorkflowCode, watched: Watched) -> TurnOutcome:
        record = request.record
        if request.adopts is not None:
            record = msgspec.structs.replace(record, definition=request.adopts)
        live = self._live.get(record.instance_id)
        if request.history is not None:
            self.evict([record.instance_id])
            live = self._replayed(request, record, code, request.history, watched)
        assert live is not None, "a warm turn needs a live execution"
        watched.begin(live.execution)
        self._live[record.instance_id] = live
        turn = self._turn(request, record, live.state, live.execution)
        live.prints.is_open = True
        try:
            transition = turn.take(request.rows)
        finally:
            live.prints.is_open = False
        for task in transition.tasks:
            self._prepare(task.name)
        is_warm = not live.execution.is_finished
        if not is_warm:
            self.evict([record.instance_id])
        live.payloads += payload_size(transition.events)
        references, told = live.execution.references, live.told
        live.told = len(references)
        return TurnOutcome(
            transition=transition,
            is_warm=is_warm,
            prints=live.prints.take(),
            references=references if len(references) > told else {},
            payloads=live.payloads,
        )

    def _replayed(
        self,
        request: TurnRequest,
        record: InstanceRecord,
        code: WorkflowCode,
        history: list[HistoryEvent],
        watched: Watched,
    ) -> _Live:
        prints = TurnPrints()
        try:
            execution = replay(
                code,
                history,
                instance_id=record.instance_id,
                context=context_with(prints, None),
                begun=watched.begin,
            )
        except ExecutionStalledError as error:
            stall = error.stall
        else:
            payloads = payload_size(history)
            return _Live(execution, RuntimeState.of(history), prints, payloads=payloads)
        raise ExecutionStalledError(self._explained(stall, request, code, history, watched))

    def _explained(
        self,
        stall: Stall,
        request: TurnRequest,
        code: WorkflowCode,
        history: list[HistoryEvent],
        watched: Watched,
    ) -> Stall:
        """The report with its likely cause; code that doesn't come back from that is stuck, as ever."""
        started = next((e for e in history if isinstance(e, ExecutionStarted)), None)
        evidence = evidence_of(
            code,
            history,
            recorded=request.recorded_source,
            suspects=suspects_of(code),
            uses=request.uses,
            interpreter=another_interpreter(
                started.interpreter if started is not None else None, self._options.interpreter
            ),
        )
        from nbflow.core.explain.explaining import explain  # it is needed for a mismatch only

        quiet = context_with(TurnPrints(), None)
        try:
            return quiet.copy().run(
                lambda: explain(
                    stall,
                    code,
                    history,
                    instance_id=request.record.instance_id,
                    context=quiet,
                    evidence=evidence,
                    begun=watched.begin,
                )
            )
        except Exception:
            _log.exception("the mismatch of %s could not be explained", request.record.instance_id)
            return stall

    def _take_codeless(self, request: TurnRequest) -> TurnOutcome:
        assert request.history is not None, "a turn without code needs the history"
        record = request.record
        self.evict([record.instance_id])
        state = RuntimeState.of(request.history)
        turn = self._turn(request, record, state, Codeless(), recovers=False)
        return TurnOutcome(transition=turn.take(request.rows))

    def _turn(
        self,
        request: TurnRequest,
        record: InstanceRecord,
        state: RuntimeState,
        execution: Feedable,
        *,
        recovers: bool = True,
    ) -> Turn:
        return Turn(
            record,
            state,
            execution,
            now=request.now,
            next_row_id=self._next_row_id,
            interpreter=self._options.interpreter,
            recovers=recovers,
            family=request.family,
            limits=self._options.limits,
        )


def stalled_outcome(request: TurnRequest, report: Stall) -> TurnOutcome:
    """A turn that could not be taken: nothing of it counts but the stall, and the messages stay."""
    transition = stalled(request.record, report, now=request.now)
    return TurnOutcome(transition=transition, was_codeless=request.missing is not None)


def inexplicable(error: BaseException) -> Stall:
    """The report of a turn that failed by no fault of the history or the code."""
    if isinstance(error, Exception):
        message = f"nbflow itself failed in this turn ({type(error).__name__}: {error}): please report it"
    else:
        message = (
            f"a branch of the workflow raised {type(error).__name__}: raise an ordinary exception instead"
        )
    return Stall(reason=StallReason.STUCK, message=message)
