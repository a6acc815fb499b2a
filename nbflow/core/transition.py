"""A turn: messages in, and out of it what a commit writes and a dispatch does.

A turn commits `WorkflowStarted` and then, for each message in inbox order, its
event and directly after it the events of the actions that it caused (S73). A
message that means nothing any more is dropped (S71); one that may not be handled
yet, because the run is suspended, is kept (S64). A run that continues as new ends
its turn there: the start of its next generation is a message like any other, and
what else came waits behind it (S13). Nothing here is done: the engine commits the
operations, and only then dispatches the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec

from nbflow.core import actions as a
from nbflow.core import history as h
from nbflow.core.identity import is_derived, next_execution_id
from nbflow.core.limits import Limits
from nbflow.core.operations import (
    AppendHistory,
    CloseExecution,
    DeleteTimers,
    InboxRow,
    Operation,
    PutInbox,
    PutInstance,
)
from nbflow.core.outbox import Descendant, Outbox, Outgoing, is_for_another, is_passed_on
from nbflow.core.state import InstanceRecord, RuntimeState, RuntimeStatus, Stall, StallReason

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


class Transition(msgspec.Struct, kw_only=True, gc=False):
    """What a turn came to.

    Attributes:
        record: The instance's row afterwards.
        events: What was appended to the history.
        operations: What the commit writes, beside the messages' own rows.
        tasks: Activity attempts to start once the commit is done.
        timers: Timers whose rows the commit writes.
        outgoing: Messages for other instances, which the commit writes.
        successor: The start of the next generation, which the commit writes; None if there is none.
        consumed: Messages that are done with, dropped ones among them: their rows leave the inbox.
        dropped: Messages that meant nothing any more.
        kept: Messages that stay in the inbox.
        rejected: Why the workflow refused an event, by the message's row ID.
        warning: What its owner should know before it is too late.
    """

    record: InstanceRecord
    events: list[h.HistoryEvent] = []
    operations: list[Operation] = []
    tasks: list[h.TaskScheduled] = []
    timers: list[InboxRow] = []
    outgoing: list[Outgoing] = []
    successor: InboxRow | None = None
    consumed: list[InboxRow] = []
    dropped: list[InboxRow] = []
    kept: list[InboxRow] = []
    rejected: dict[int, str] = {}
    warning: str | None = None


class Turn:
    """One turn of one instance.

    Args:
        record: The instance's row as it is.
        state: The fold of its history; taken forward by the turn.
        execution: The live execution, fed with exactly that history.
        now: The turn's time.
        next_row_id: Gives the ``row_id`` of a message that the turn creates.
        interpreter: What an execution that begins is recorded under.
        recovers: Whether a stalled run counts as going on because the turn could be taken.
        family: The nearest descendants that have not ended: whom a recursive termination is passed on to.
        limits: What the run may grow to.
    """

    def __init__(
        self,
        record: InstanceRecord,
        state: RuntimeState,
        execution: Feedable,
        *,
        now: datetime,
        next_row_id: Callable[[], int],
        interpreter: h.Interpreter,
        recovers: bool = True,
        family: Sequence[Descendant] = (),
        limits: Limits | None = None,
    ) -> None:
        self._record = record
        self._state = state
        self._execution = execution
        self._now = now
        self._next_row_id = next_row_id
        self._interpreter = interpreter
        self._family = family
        self._limits = limits if limits is not None else Limits()
        self._room = self._limits.room(state)
        self._outbox = Outbox(record, now=now, next_row_id=next_row_id, interpreter=interpreter)
        self._recovered = recovers and record.status is RuntimeStatus.STALLED
        self._events: list[h.HistoryEvent] = []
        self._consumed: list[InboxRow] = []
        self._timers: dict[int, InboxRow] = {}
        self._cancelled: list[int] = []
        self._tasks: dict[int, h.TaskScheduled] = {}
        self._children: dict[int, h.ChildWorkflowCreated] = {}
        self._starts: dict[int, Outgoing] = {}
        self._unstarted: set[int] = set()
        self._has_passed_on = False
        self._outgoing: list[Outgoing] = []
        self._dropped: list[InboxRow] = []
        self._kept: list[InboxRow] = []
        self._rejected: dict[int, str] = {}

    def take(self, messages: Sequence[InboxRow]) -> Transition:
        """Handle the messages in order.

        Raises:
            ExecutionStalledError: The run can't go on; nothing of the turn counts.
        """
        if self._recovered and self._record.stall and self._record.stall.reason is StallReason.LIMIT:
            self._feed(h.WorkflowStarted(at=self._now))
            self._feed(
                h.ExecutionResumed(at=self._now, reason="its owner lifted the limit", lifts_limit=True)
            )
        for message in messages:
            was_suspended = self._state.status is RuntimeStatus.SUSPENDED
            self._handle(message)
            if was_suspended and self._state.status is not RuntimeStatus.SUSPENDED:
                kept, self._kept = self._kept, []  # what came before it goes on is first (S64)
                for earlier in kept:
                    self._handle(earlier)
        return self._result()

    def _handle(self, row: InboxRow) -> None:
        state, addressee = self._state, row.execution_id
        if state.continued is not None and addressee is None:
            self._kept.append(row)  # for the next generation
            return
        foreign = (
            addressee is not None
            and addressee != self._record.execution_id
            and not state.is_addressed(row.event, addressee)
        ) or is_for_another(row.event, self._record.parent)
        if foreign or state.status.is_terminal or not state.accepts(row.event):
            if not foreign and isinstance(row.event, h.ExecutionTerminated) and is_passed_on(row.event):
                self._pass_on(row.event)  # it ended by itself, those below it did not (S23)
            self._consumed.append(row)
            self._dropped.append(row)
            return
        if state.status is RuntimeStatus.SUSPENDED and not isinstance(row.event, WAKES_SUSPENDED):
            self._kept.append(row)
            return
        if not isinstance(row.event, CONTROLS) and self._limits.room(state) <= 0:
            if not self._events:
                self._limits.check_history(self._record.instance_id, state)
            self._kept.append(row)  # the next turn stalls for it
            return
        self._consumed.append(row)
        if not self._events:
            self._feed(h.WorkflowStarted(at=self._now))
        caused = self._feed(self._as_handled(row.event))
        event = row.event
        if isinstance(event, h.EventRaised) and caused and isinstance(caused[0], h.EventRejected):
            self._rejected[row.row_id] = caused[0].reason  # a refusal follows directly on what it refuses

    def _as_handled(self, event: h.InputEvent) -> h.InputEvent:
        """A message as history holds it: with what is only known now."""
        match event:
            case h.TimerFired():
                return msgspec.structs.replace(event, at=max(self._now, event.at))  # when it was noticed
            case h.ExecutionStarted():
                return msgspec.structs.replace(
                    event, definition=self._record.definition, interpreter=self._interpreter
                )
            case _:
                return event

    def _feed(self, event: h.WorkflowStarted | h.InputEvent) -> list[h.ActionEvent]:
        """Take an event in, and give what it caused, as recorded."""
        event = self._append(event)
        caused: list[h.ActionEvent] = []
        if isinstance(event, h.ExecutionTerminated):
            self._tasks.clear()  # what was called a moment ago need not begin any more
            self._unstarted |= self._children.keys()
            self._children.clear()
            if event.recursive:
                self._pass_on(event)
        for action in self._execution.feed(event):
            recorded = a.record(action, seq=self._state.length + 1, at=self._now)
            caused.append(self._append(recorded))
            match recorded:
                case h.TaskScheduled(id=i):
                    self._tasks[i] = recorded
                case h.TaskCancelled(scheduled_id=i):
                    self._tasks.pop(i, None)
                    self._children.pop(i, None)
                case h.ChildWorkflowCreated(id=i):
                    self._children[i], self._starts[i] = recorded, self._outbox.start(recorded)
                case h.EventSent():
                    self._outgoing.append(self._outbox.event(recorded))
                case h.TimerCreated(id=i):
                    self._timers[i] = self._timer_row(recorded)
                case h.TimerCancelled(scheduled_id=i):
                    if self._timers.pop(i, None) is None:
                        self._cancelled.append(i)
                case h.ExecutionCompleted() | h.ContinuedAsNew():
                    self._forget_unstarted()
                case _:
                    pass
        return caused

    def _pass_on(self, ended: h.ExecutionTerminated) -> None:
        """Pass an end on to those below, once; also to children that are about to begin, and are no runs yet."""
        if self._has_passed_on:
            return
        self._has_passed_on = True
        beginning = [
            call
            for i, call in self._state.children.items()
            if i in self._children or (i not in self._unstarted and not is_derived(call.instance_id))
        ]
        below = dict.fromkeys([*self._family, *self._outbox.begun_by(beginning)])
        self._outgoing += self._outbox.terminations(below, ended)

    def _append(self, event: Any) -> Any:
        seq = self._state.length + 1
        if event.seq != seq:
            event = msgspec.structs.replace(event, seq=seq)
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
        started = {i: child for i, child in self._children.items() if child.seq < last}
        self._unstarted |= self._children.keys() - started.keys()
        self._children = started

    def _result(self) -> Transition:
        record = self._new_record()
        outgoing = [self._starts[i] for i in self._children]
        outgoing += [*self._outgoing, *self._outbox.outcome(record)]
        successor = self._successor(record)
        ended = record
        if successor is not None:
            record = _next_generation(record, successor)
        operations: list[Operation] = []
        if self._events:
            operations.append(
                AppendHistory(
                    instance_id=ended.instance_id,
                    execution_id=ended.execution_id,
                    events=tuple(self._events),
                )
            )
        if self._events or self._recovered:
            operations.append(PutInstance(record=record))
        timers = list(self._timers.values())
        if record.status.is_terminal or successor is not None:
            operations.append(CloseExecution(instance_id=ended.instance_id, execution_id=ended.execution_id))
            timers = []
        else:
            if self._cancelled:
                operations.append(
                    DeleteTimers(execution_id=record.execution_id, timer_ids=tuple(self._cancelled))
                )
            operations.extend(PutInbox(row=row) for row in timers)
        if successor is not None:
            operations.append(PutInbox(row=successor))
        for message in outgoing:
            operations += message.operations
        return Transition(
            record=record,
            events=self._events,
            operations=operations,
            tasks=list(self._tasks.values()),
            timers=timers,
            outgoing=outgoing,
            successor=successor,
            consumed=self._consumed,
            dropped=self._dropped,
            kept=self._kept,
            rejected=self._rejected,
            warning=None if record.status.is_terminal else self._limits.warning(self._state, self._room),
        )

    def _successor(self, record: InstanceRecord) -> InboxRow | None:
        """The start of the next generation, if the run continued as new."""
        state = self._state
        if state.continued is None:
            return None
        execution_id = next_execution_id(record.execution_id, "continued as new")
        event = h.ExecutionStarted(
            at=max(self._now, state.clock or self._now),  # the run's clock never goes back (S45)
            name=record.name,
            execution_id=execution_id,
            input=state.continued.new_input,
            definition="",
            interpreter=self._interpreter,
            parent=record.parent,
            generation=record.generation + 1,
            carried=tuple(state.buffered) if state.continued.save_events else (),
            custom_status=state.custom_status,
            restless=self._limits.generations_without_rest(record.instance_id, state),
        )
        return InboxRow(
            row_id=self._next_row_id(),
            instance_id=record.instance_id,
            execution_id=execution_id,
            event=event,
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
            custom_status=state.custom_status if state.started else self._record.custom_status,
            failure=state.failure,
            stall=None,
        )


def _next_generation(record: InstanceRecord, start: InboxRow) -> InstanceRecord:
    """The row of a run that continued as new; it takes the newest code of its name (S79)."""
    event = start.event
    assert isinstance(event, h.ExecutionStarted), "a generation begins with its start"
    return msgspec.structs.replace(
        record,
        execution_id=event.execution_id,
        status=RuntimeStatus.RUNNING,
        input=event.input,
        definition=event.definition,
        generation=event.generation,
        start_at=None,
    )


def stalled(record: InstanceRecord, report: Stall, *, now: datetime) -> Transition:
    """A turn that could not be taken: the run is STALLED, and its messages wait (S12)."""
    if record.status is RuntimeStatus.STALLED and record.stall == report:
        return Transition(record=record)
    record = msgspec.structs.replace(
        record, status=RuntimeStatus.STALLED, stall=report, last_updated_at=max(now, record.last_updated_at)
    )
    return Transition(record=record, operations=[PutInstance(record=record)])
