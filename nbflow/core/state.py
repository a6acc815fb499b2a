"""The fold of a history: what is, without running any code.

`RuntimeState` is fed every event of one execution in order and knows its status,
its clock, and what is still open: tasks, timers, waits, children and buffered
events. `InstanceRecord` is the row that the store keeps of an instance.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Final, Self

import msgspec

from nbflow.core import history as h
from nbflow.core.explain.report import Divergence
from nbflow.errors import FailureDetails


class RuntimeStatus(StrEnum):
    """The status of an instance (Dapr's names, and STALLED)."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUSPENDED = "SUSPENDED"
    STALLED = "STALLED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    TERMINATED = "TERMINATED"

    @property
    def is_terminal(self) -> bool:
        """True once nothing can happen to the run any more."""
        return self in TERMINAL


WAKING: Final = tuple(
    kind for kind in h.INPUT_KINDS if kind not in (h.ExecutionSuspended, h.ExecutionResumed)
)
"""Inputs that a workflow's code may react to."""

TERMINAL: Final = frozenset({RuntimeStatus.COMPLETED, RuntimeStatus.FAILED, RuntimeStatus.TERMINATED})


class StallReason(StrEnum):
    """Why a run waits for its owner; each has its own way out (semantics S12)."""

    CODE_MISSING = "CODE_MISSING"
    DIVERGED = "DIVERGED"
    UNTRUSTED = "UNTRUSTED"
    LIMIT = "LIMIT"
    STUCK = "STUCK"


class Stall(msgspec.Struct, frozen=True, kw_only=True):
    """Why a run stalled, in words: what is wrong, and what to do next.

    Attributes:
        reason: Which of the five reasons.
        message: One sentence for a person.
        expected: What history holds at this place, for DIVERGED.
        actual: What the code did instead, for DIVERGED.
        seq: The history position concerned, if there is one.
        file: The source file of the line concerned.
        line: The source line concerned.
        divergence: For DIVERGED, both sides and the likely cause.
    """

    reason: StallReason
    message: str
    expected: str | None = None
    actual: str | None = None
    seq: int | None = None
    file: str | None = None
    line: int | None = None
    divergence: Divergence | None = None


class InstanceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the store keeps of an instance beside its history. Payloads are JSON text.

    ``origin`` says which run it was forked from, or what its last rewind left; None if it began at the beginning.
    """

    instance_id: str
    name: str
    execution_id: str
    status: RuntimeStatus
    created_at: datetime
    last_updated_at: datetime
    input: str
    definition: str
    generation: int = 0
    output: str | None = None
    custom_status: str | None = None
    failure: FailureDetails | None = None
    stall: Stall | None = None
    parent: h.ParentReference | None = None
    start_at: datetime | None = None
    origin: h.Origin | None = None


class RuntimeState:
    """What is known of an execution after the events it was fed.

    Attributes:
        length: Number of events, which is the ``seq`` of the last one.
        clock: The workflow's time: that of the newest turn, or of the newest timer that fired.
        tasks: Open activity attempts, by id.
        timers: Open timers, by id.
        children: Open child workflows, by id.
        waits: Open waits for external events, by id, in the order in which they were made.
        buffered: Events that arrived before anybody waited for them, oldest first.
        inputs: How many events have woken the workflow.
        lifted_at: The length at which its owner last had the limits counted anew; None: never.
        continued: How it continued as new; None if it didn't.
        earlier: The executions of this instance that it was taken back from.
        kept: Children, by scheduling id, that one of those has started, and that have not answered.
    """

    def __init__(self) -> None:
        self.started: h.ExecutionStarted | None = None
        self.status = RuntimeStatus.PENDING
        self.length = 0
        self.clock: datetime | None = None
        self.tasks: dict[int, h.TaskScheduled] = {}
        self.timers: dict[int, h.TimerCreated] = {}
        self.children: dict[int, h.ChildWorkflowCreated] = {}
        self.waits: dict[int, h.EventWaitCreated] = {}
        self.buffered: deque[h.EventRaised] = deque()
        self.custom_status: str | None = None
        self.output: str | None = None
        self.failure: FailureDetails | None = None
        self.inputs = 0
        self.lifted_at: int | None = None
        self.continued: h.ContinuedAsNew | None = None
        self.earlier: set[str] = set()
        self.kept: set[int] = set()
        self._served: h.EventWaitCreated | None = None

    @classmethod
    def of(cls, history: Iterable[h.HistoryEvent]) -> Self:
        """Fold a whole history."""
        state = cls()
        for event in history:
            state.apply(event)
        return state

    def accepts(self, event: h.InputEvent) -> bool:
        """Tell whether an input still means something here; a second or late result doesn't (S71)."""
        if self.status.is_terminal or self.continued is not None:
            return False
        match event:
            case h.ExecutionStarted():
                return self.started is None
            case h.TaskCompleted(scheduled_id=i) | h.TaskFailed(scheduled_id=i):
                return i in self.tasks
            case h.TimerFired(scheduled_id=i):
                return i in self.timers
            case h.ChildWorkflowCompleted(scheduled_id=i) | h.ChildWorkflowFailed(scheduled_id=i):
                return i in self.children
            case h.ExecutionSuspended():
                return self.status is not RuntimeStatus.SUSPENDED  # also before it has begun
            case h.ExecutionResumed():
                return self.status is RuntimeStatus.SUSPENDED
            case h.EventRaised() | h.ExecutionTerminated():
                return True

    def is_addressed(self, event: h.InputEvent, execution_id: str) -> bool:
        """Tell whether a message for an earlier execution concerns this one: a child that was kept answers (S2)."""
        match event:
            case h.ChildWorkflowCompleted(scheduled_id=i) | h.ChildWorkflowFailed(scheduled_id=i):
                return execution_id in self.earlier and i in self.kept
            case _:
                return False

    def apply(self, event: h.HistoryEvent) -> None:
        """Take in the next event."""
        self.length += 1
        if isinstance(event, WAKING):
            self.inputs += 1
        match event:
            case h.WorkflowStarted(at=at):
                self.advance_clock(at)
            case h.ExecutionStarted():
                self.started, self.status = event, RuntimeStatus.RUNNING
                self.buffered.extendleft(reversed(event.carried))
                self.custom_status = event.custom_status
                self.advance_clock(event.at)
            case h.TaskScheduled(id=i):
                self.tasks[i] = event
            case h.TaskCompleted(scheduled_id=i) | h.TaskFailed(scheduled_id=i):
                self.tasks.pop(i, None)
            case h.TaskCancelled(scheduled_id=i):
                self.tasks.pop(i, None)
                self.children.pop(i, None)
            case h.TimerCreated(id=i):
                self.timers[i] = event
            case h.TimerFired(scheduled_id=i, fire_at=fire_at):
                self.timers.pop(i, None)
                self.advance_clock(fire_at)
            case h.TimerCancelled(scheduled_id=i):
                self.timers.pop(i, None)
            case h.ChildWorkflowCreated(id=i):
                self.children[i] = event
            case h.ChildWorkflowCompleted(scheduled_id=i) | h.ChildWorkflowFailed(scheduled_id=i):
                self.children.pop(i, None)
            case h.EventWaitCreated() | h.EventRaised() | h.EventRejected() | h.EventWaitCancelled():
                self._apply_external(event)
            case _:
                self._apply_outcome(event)

    def advance_clock(self, at: datetime) -> None:
        """Move the workflow's clock forward; it never goes back (S45)."""
        if self.clock is None or at > self.clock:
            self.clock = at

    def _apply_external(
        self, event: h.EventWaitCreated | h.EventRaised | h.EventRejected | h.EventWaitCancelled
    ) -> None:
        match event:
            case h.EventWaitCreated():
                self._open_wait(event)
            case h.EventRaised(name=name):
                waiting = next((i for i, wait in self.waits.items() if same_name(wait.name, name)), None)
                if waiting is None:
                    self.buffered.append(event)
                else:
                    self._served = self.waits.pop(waiting)
            case h.EventRejected():
                # It follows directly on the event that the wait had consumed: the wait goes on.
                if self._served is not None:
                    self._open_wait(self._served)
            case h.EventWaitCancelled(scheduled_id=i):
                self.waits.pop(i, None)

    def _open_wait(self, wait: h.EventWaitCreated) -> None:
        early = self._first_buffered(wait.name)
        if early is None:
            self.waits[wait.id] = wait
            self.waits = dict(sorted(self.waits.items()))
        else:
            self.buffered.remove(early)
            self._served = wait

    def _first_buffered(self, name: str) -> h.EventRaised | None:
        return next((event for event in self.buffered if same_name(event.name, name)), None)

    def _apply_outcome(self, event: h.HistoryEvent) -> None:
        match event:
            case h.CustomStatusSet(value=value):
                self.custom_status = value
            case h.ExecutionForked():
                self.kept = set(event.kept)
                self.earlier = self.earlier | {event.origin.execution_id} if event.kept else set()
            case h.ExecutionSuspended():
                self.status = RuntimeStatus.SUSPENDED
            case h.ExecutionResumed(lifts_limit=lifts_limit):
                self.status = RuntimeStatus.RUNNING
                if lifts_limit:
                    self.lifted_at = self.length
            case h.ExecutionTerminated(output=output):
                self.status, self.output = RuntimeStatus.TERMINATED, output
            case h.ExecutionCompleted(status=status, output=output, failure=failure):
                self.status, self.failure = RuntimeStatus(status), failure
                self.output = output if status == "COMPLETED" else None
            case h.ContinuedAsNew():
                self.continued = event
            case _:
                pass


def same_name(one: str, other: str) -> bool:
    """Compare event names: they are case-insensitive (S41)."""
    return one.casefold() == other.casefold()
