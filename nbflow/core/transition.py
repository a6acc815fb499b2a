"""A turn: messages in, and out of it what a commit writes and a dispatch does.

A turn commits `WorkflowStarted` and then, for each message in inbox order, its
event and directly after it the events of the actions that it caused (S73). A
message that means nothing any more is dropped (S71); one that may not be handled
yet, because the run is suspended, is kept (S64). Nothing here is done: the
engine commits the operations, and only then dispatches the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec

from nbflow.core import actions as a
from nbflow.core import history as h
from nbflow.core.operations import (
    AppendHistory,
    CloseExecution,
    DeleteTimers,
    InboxRow,
    Operation,
    PutInbox,
    PutInstance,
)
from nbflow.core.state import InstanceRecord, RuntimeState, RuntimeStatus, Stall

WAKES_SUSPENDED: Final = (h.ExecutionResumed, h.ExecutionTerminated)
"""What a suspended run handles at once; everything else waits."""

CONTROLS: Final = (*WAKES_SUSPENDED, h.ExecutionSuspended)
"""Messages that need no workflow code to be handled."""


class Feedable(Protocol):
    """The live execution, as a turn needs it."""

    def feed(
        self, event: Any, recorded: Any = None, *, open_ended: bool = False
    ) -> list[a.WorkflowAction]: ...


class Codeless:
    """Stands in for a live execution where only control messages are handled and no code is needed."""

    def feed(self, event: Any, recorded: Any = None, *, open_ended: bool = False) -> list[a.WorkflowAction]:
        return []


class Transition(msgspec.Struct, kw_only=True):
    """What a turn came to.

    Attributes:
        record: The instance's row afterwards.
        events: What was appended to the history.
        operations: What the commit writes, beside the messages' own rows.
        tasks: Activity attempts to start once the commit is done.
        timers: Timers whose rows the commit writes.
        consumed: Messages that are done with, dropped ones among them: their rows leave the inbox.
        dropped: Messages that meant nothing any more.
        kept: Messages that stay in the inbox.
        rejected: Why the workflow refused an event, by the message's row ID.
    """

    record: InstanceRecord
    events: list[h.HistoryEvent] = []
    operations: list[Operation] = []
    tasks: list[h.TaskScheduled] = []
    timers: list[InboxRow] = []
    consumed: list[InboxRow] = []
    dropped: list[InboxRow] = []
    kept: list[InboxRow] = []
    rejected: dict[int, str] = {}


class Turn:
    """One turn of one instance.

    Args:
        record: The instance's row as it is.
        state: The fold of its history; taken forward by the turn.
        execution: The live execution, fed with exactly that history.
        now: The turn's time.
        next_row_id: Gives the ``row_id`` of a message that the turn creates.
        recovers: Whether a stalled run counts as going on because the turn could be taken.
    """

    def __init__(
        self,
        record: InstanceRecord,
        state: RuntimeState,
        execution: Feedable,
        *,
        now: datetime,
        next_row_id: Callable[[], int],
        recovers: bool = True,
    ) -> None:
        self._record = record
        self._state = state
        self._execution = execution
        self._now = now
        self._next_row_id = next_row_id
        self._recovered = recovers and record.status is RuntimeStatus.STALLED
        self._events: list[h.HistoryEvent] = []
        self._consumed: list[InboxRow] = []
        self._timers: dict[int, InboxRow] = {}
        self._cancelled: list[int] = []
        self._tasks: dict[int, h.TaskScheduled] = {}
        self._dropped: list[InboxRow] = []
        self._kept: list[InboxRow] = []
        self._rejected: dict[int, str] = {}

    def take(self, messages: Sequence[InboxRow]) -> Transition:
        """Handle the messages in order.

        Raises:
            ExecutionStalledError: The run can't go on; nothing of the turn counts.
        """
        for message in messages:
            self._handle(message)
        return self._result()

    def _handle(self, row: InboxRow) -> None:
        foreign = row.execution_id not in (None, self._record.execution_id)
        ended = self._state.status.is_terminal
        if foreign or ended or not self._state.accepts(row.event):
            self._consumed.append(row)
            self._dropped.append(row)
            return
        if self._state.status is RuntimeStatus.SUSPENDED and not isinstance(row.event, WAKES_SUSPENDED):
            self._kept.append(row)
            return
        self._consumed.append(row)
        if not self._events:
            self._feed(h.WorkflowStarted(at=self._now))
        event = row.event
        if isinstance(event, h.TimerFired):
            event = msgspec.structs.replace(event, at=max(self._now, event.at))  # when it was noticed
        caused = self._feed(event)
        if isinstance(event, h.EventRaised) and caused and isinstance(caused[0], h.EventRejected):
            self._rejected[row.row_id] = caused[0].reason  # a refusal follows directly on what it refuses

    def _feed(self, event: h.WorkflowStarted | h.InputEvent) -> list[h.ActionEvent]:
        """Take an event in, and give what it caused, as recorded."""
        event = self._append(event)
        caused: list[h.ActionEvent] = []
        if isinstance(event, h.ExecutionTerminated):
            self._tasks.clear()  # what was called a moment ago need not begin any more
        for action in self._execution.feed(event):
            recorded = a.record(action, seq=self._state.length + 1, at=self._now)
            caused.append(self._append(recorded))
            match recorded:
                case h.TaskScheduled(id=i):
                    self._tasks[i] = recorded
                case h.TaskCancelled(scheduled_id=i):
                    self._tasks.pop(i, None)
                case h.TimerCreated(id=i):
                    self._timers[i] = self._timer_row(recorded)
                case h.TimerCancelled(scheduled_id=i):
                    if self._timers.pop(i, None) is None:
                        self._cancelled.append(i)
                case h.ExecutionCompleted():
                    self._forget_unstarted()
                case _:
                    pass
        return caused

    def _append(self, event: Any) -> Any:
        event = msgspec.structs.replace(event, seq=self._state.length + 1)
        self._state.apply(event)
        self._events.append(event)
        return event

    def _timer_row(self, timer: h.TimerCreated) -> InboxRow:
        return InboxRow(
            row_id=self._next_row_id(),
            instance_id=self._record.instance_id,
            execution_id=self._record.execution_id,
            due=timer.fire_at,
            event=h.TimerFired(at=timer.fire_at, scheduled_id=timer.id, fire_at=timer.fire_at),
        )

    def _forget_unstarted(self) -> None:
        """Drop what the last step scheduled (S15); earlier calls of the turn are started all the same."""
        last = next(e.seq for e in reversed(self._events) if isinstance(e, h.INPUT_KINDS))
        self._tasks = {i: task for i, task in self._tasks.items() if task.seq < last}

    def _result(self) -> Transition:
        record = self._new_record()
        operations: list[Operation] = []
        if self._events:
            operations.append(
                AppendHistory(
                    instance_id=record.instance_id,
                    execution_id=record.execution_id,
                    events=tuple(self._events),
                )
            )
        if self._events or self._recovered:
            operations.append(PutInstance(record=record))
        timers = list(self._timers.values())
        if record.status.is_terminal:
            operations.append(
                CloseExecution(instance_id=record.instance_id, execution_id=record.execution_id)
            )
            timers = []
        else:
            if self._cancelled:
                operations.append(
                    DeleteTimers(execution_id=record.execution_id, timer_ids=tuple(self._cancelled))
                )
            operations.extend(PutInbox(row=row) for row in timers)
        return Transition(
            record=record,
            events=self._events,
            operations=operations,
            tasks=list(self._tasks.values()),
            timers=timers,
            consumed=self._consumed,
            dropped=self._dropped,
            kept=self._kept,
            rejected=self._rejected,
        )

    def _new_record(self) -> InstanceRecord:
        if not self._events and not self._recovered:
            return self._record
        state = self._state
        return msgspec.structs.replace(
            self._record,
            status=state.status,
            last_updated_at=max(self._now, self._record.last_updated_at),
            output=state.output,
            custom_status=state.custom_status,
            failure=state.failure,
            stall=None,
        )


def stalled(record: InstanceRecord, report: Stall, *, now: datetime) -> Transition:
    """A turn that could not be taken: the run is STALLED, and its messages wait (S12)."""
    if record.status is RuntimeStatus.STALLED and record.stall == report:
        return Transition(record=record)
    record = msgspec.structs.replace(
        record, status=RuntimeStatus.STALLED, stall=report, last_updated_at=max(now, record.last_updated_at)
    )
    return Transition(record=record, operations=[PutInstance(record=record)])
