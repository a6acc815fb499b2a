"""A run over all its generations: real turns of real executions, and what they write kept in memory.

`Life` is the engine without threads, stores and clocks. When it is closed, everything that was lived is held
against its histories: each is replayed, and every beginning of it; and the same messages, lived again with
the executions out of memory between turns (or in it, if they were not), give the same histories.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from nbflow.core import history as h
from nbflow.core.divergence import ExecutionStalledError
from nbflow.core.execution import Execution
from nbflow.core.limits import Limits
from nbflow.core.operations import InboxRow
from nbflow.core.outbox import Descendant, Outgoing
from nbflow.core.replay import replay
from nbflow.core.state import InstanceRecord, RuntimeState, RuntimeStatus
from nbflow.core.transition import CONTROLS, Codeless, Transition, Turn, stalled
from tests.core.builder import INTERPRETER, T0


class Life:
    """One run.

    Args:
        code: The workflow.
        is_cold: Whether its executions leave memory between turns.
        limits: What it may grow to.
        parent: Whose child it is.
        family: Who is alive below it, as an engine would find them.

    Attributes:
        record: Its row.
        histories: The histories of its executions, by execution ID, oldest first.
        inbox: What no turn has consumed.
        sent: What its turns had for other instances.
        started: The calls of activities that an engine would start, with the execution that made them.
    """

    def __init__(
        self,
        code: Any,
        *,
        is_cold: bool = False,
        limits: Limits | None = None,
        parent: h.ParentReference | None = None,
        family: Sequence[Descendant] = (),
    ) -> None:
        self.code = code
        self.is_cold = is_cold
        self.limits = limits
        self.family = family
        self.now = T0
        self.record = InstanceRecord(
            instance_id="run-1",
            name=code.name,
            execution_id="0123456789",
            status=RuntimeStatus.PENDING,
            created_at=T0,
            last_updated_at=T0,
            input="null",
            definition="d1",
            parent=parent,
        )
        self.histories: dict[str, list[h.HistoryEvent]] = {self.record.execution_id: []}
        self.inbox: list[InboxRow] = []
        self.sent: list[Outgoing] = []
        self.started: list[tuple[str, h.TaskScheduled]] = []
        self._rows = 0
        self._state = RuntimeState()
        self._execution: Execution | None = Execution(code, instance_id="run-1")
        self._script: list[Callable[[Life], object]] = []

    @property
    def history(self) -> list[h.HistoryEvent]:
        """The history of the present execution."""
        return self.histories[self.record.execution_id]

    def start(self, *args: Any) -> Transition:
        """The first turn."""
        event = h.ExecutionStarted(
            at=self.now,
            name=self.code.name,
            execution_id=self.record.execution_id,
            input=self.code.encode_call(args, {}),
            definition="",
            interpreter=INTERPRETER,
            parent=self.record.parent,
        )
        return self.turn(event)

    def turn(self, *events: h.InputEvent | InboxRow, after: float = 0) -> Transition:
        """A turn with what is in the inbox, and these messages behind it; `after` seconds later.

        Of a stalled run it is the try that its owner's resume makes.
        """
        self._script.append(lambda other: other.turn(*events, after=after))
        self.now += timedelta(seconds=after)
        rows = [*self.inbox, *(self._row(event) for event in events)]
        execution = self._execution
        if execution is None:
            execution = replay(self.code, self.history, instance_id="run-1")
        turn = Turn(
            self.record,
            self._state,
            execution,
            now=self.now,
            next_row_id=self._next_row,
            interpreter=INTERPRETER,
            family=self.family,
            limits=self.limits,
        )
        self._execution = None
        try:
            transition = turn.take(rows)
        except ExecutionStalledError as error:  # nothing of the turn counts
            self._state, self.inbox = RuntimeState.of(self.history), rows
            transition = stalled(self.record, error.stall, now=self.now)
            self.record = transition.record
            return transition
        self._commit(transition, execution)
        return transition

    def control(self) -> Transition:
        """The turn of a stalled run without its code, with what of the inbox needs none."""
        waiting = self.inbox[:]
        self._script.append(lambda other: other._control(waiting))
        return self._control(waiting)

    def _control(self, waiting: list[InboxRow]) -> Transition:
        self.inbox = waiting
        rows, rest = self.inbox, [row for row in self.inbox if not isinstance(row.event, CONTROLS)]
        turn = Turn(
            self.record,
            self._state,
            Codeless(),
            now=self.now,
            next_row_id=self._next_row,
            interpreter=INTERPRETER,
            recovers=False,
            limits=self.limits,
        )
        transition = turn.take([row for row in rows if isinstance(row.event, CONTROLS)])
        self.history.extend(transition.events)
        self.record, self.inbox, self._execution = transition.record, [*transition.kept, *rest], None
        return transition

    def go_on(self) -> Transition:
        """A turn with what is in the inbox: the next generation begins."""
        assert self.inbox, "nothing is left to be done"
        return self.turn()

    def _row(self, event: h.InputEvent | InboxRow) -> InboxRow:
        if isinstance(event, InboxRow):
            return msgspec.structs.replace(event, row_id=self._next_row())
        return InboxRow(row_id=self._next_row(), instance_id="run-1", event=event)

    def _next_row(self) -> int:
        self._rows += 1
        return self._rows

    def _commit(self, transition: Transition, execution: Execution) -> None:
        self.history.extend(transition.events)
        assert [event.seq for event in self.history] == list(range(1, len(self.history) + 1))
        self._check(execution)
        self.started += [(self.record.execution_id, task) for task in transition.tasks]
        self.sent += transition.outgoing
        self.inbox = list(transition.kept)
        self.record = transition.record
        if transition.successor is not None:
            self.inbox.insert(0, transition.successor)
            self.histories[self.record.execution_id] = []
            self._state, execution = RuntimeState(), Execution(self.code, instance_id="run-1")
        if self.is_cold:
            execution.evict()
            self._state = RuntimeState.of(self.history)
        else:
            self._execution = execution

    def _check(self, execution: Execution) -> None:
        """The fold of the history is what the execution says, and what a fold anew gives."""
        state, anew = self._state, RuntimeState.of(self.history)
        assert _known(state) == _known(anew)
        if not execution.is_finished:
            assert list(state.waits) == [task.id for task in execution._waits]
            assert list(state.buffered) == list(execution._buffered)
            assert all(execution.is_open(i) for i in {**state.tasks, **state.timers, **state.children})

    def close(self) -> None:
        """Replay everything, and live it all again the other way."""
        if self._execution is not None:
            self._execution.evict()
        for history in self.histories.values():
            for length in range(1, len(history) + 1):
                replay(self.code, history[:length], instance_id="run-1", prefix=True).evict()
            replay(self.code, history, instance_id="run-1").evict()
        other = Life(
            self.code,
            is_cold=not self.is_cold,
            limits=self.limits,
            parent=self.record.parent,
            family=self.family,
        )
        for step in self._script:
            step(other)
        if other._execution is not None:
            other._execution.evict()
        assert other.histories == self.histories
        assert other.record == self.record
        assert [out.row.event for out in other.sent] == [out.row.event for out in self.sent]


Live = Callable[..., Life]
"""Makes a `Life` of a workflow, and closes it when the test is over."""


def payloads(events: Sequence[h.HistoryEvent]) -> list[Any]:
    """What events carry."""
    return [msgspec.json.decode(event.payload) for event in events if isinstance(event, h.EventRaised)]


def _known(state: RuntimeState) -> dict[str, Any]:
    """All that a state consists of."""
    return {name: getattr(state, name) for name in RuntimeState.__slots__}


def addressed(event: h.InputEvent, execution_id: str | None) -> InboxRow:
    """A message for one execution, or for whichever there is."""
    return InboxRow(row_id=0, instance_id="run-1", execution_id=execution_id, event=event)
