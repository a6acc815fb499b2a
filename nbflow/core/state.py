"""The fold of a history: what is, without running any code.

`RuntimeState` is fed every event of one execution in order and knows its status,
its clock, and what is still open: tasks, timers, waits, children and buffered
events. `InstanceRecord` is the row that the store keeps of an instance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Self, TypeVar

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

    is_terminal: bool
    """True once nothing can happen to the run any more."""

    def __new__(cls, value: str) -> Self:
        """Make a member that knows whether it is an end: that is asked at every turn."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.is_terminal = value in ("COMPLETED", "FAILED", "TERMINATED")
        return member


WAKING: Final = frozenset(
    kind for kind in h.INPUT_KINDS if kind not in (h.ExecutionSuspended, h.ExecutionResumed)
)
"""Inputs that a workflow's code may react to."""

TERMINAL: Final = frozenset(status for status in RuntimeStatus if status.is_terminal)


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


class InstanceRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
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


_NOTHING: Final[frozenset[Any]] = frozenset()  # one for all: each would take 216 bytes
_NONE: Final[Mapping[int, Any]] = MappingProxyType({})
_Event = TypeVar("_Event")


class RuntimeState:
    """What is known of an execution after the events it was fed.

    Each run in memory has one, so it has no tables in which nothing is.

    Attributes:
        length: Number of events, which is the ``seq`` of the last one.
        clock: The workflow's time: that of the newest turn, or of the newest timer that fired.
        inputs: How many events have woken the workflow.
        lifted_at: The length at which its owner last had the limits counted anew; None: never.
        continued: How it continued as new; None if it didn't.
        earlier: The executions of this instance that it was taken back from.
        kept: Children, by scheduling id, that one of those has started, and that have not answered.
    """

    __slots__ = (
        "_buffered", "_children", "_served", "_tasks", "_timers", "_waits", "clock", "continued", "custom_status", "earlier",
        "failure", "inputs", "kept", "length", "lifted_at", "output", "started", "status",
    )  # fmt: skip

    def __init__(self) -> None:
        self.started: h.ExecutionStarted | None = None
        self.status = RuntimeStatus.PENDING
        self.length = 0
        self.clock: datetime | None = None
        self._tasks: dict[int, h.TaskScheduled] | None = None
        self._timers: dict[int, h.TimerCreated] | None = None
        self._children: dict[int, h.ChildWorkflowCreated] | None = None
        self._waits: tuple[h.EventWaitCreated, ...] = ()
        self._buffered: list[h.EventRaised] | None = None
        self.custom_status: str | None = None
        self.output: str | None = None
        self.failure: FailureDetails | None = None
        self.inputs = 0
        self.lifted_at: int | None = None
        self.continued: h.ContinuedAsNew | None = None
        self.earlier: frozenset[str] = _NOTHING
        self.kept: frozenset[int] = _NOTHING
        self._served: h.EventWaitCreated | None = None

    @property
    def tasks(self) -> Mapping[int, h.TaskScheduled]:
        """Open activity attempts, by id."""
        return self._tasks or _NONE

    @property
    def timers(self) -> Mapping[int, h.TimerCreated]:
        """Open timers, by id."""
        return self._timers or _NONE

    @property
    def children(self) -> Mapping[int, h.ChildWorkflowCreated]:
        """Open child workflows, by id."""
        return self._children or _NONE

    @property
    def waits(self) -> Mapping[int, h.EventWaitCreated]:
        """Open waits for external events, by id, in the order in which they were made."""
        return {wait.id: wait for wait in self._waits}

    @property
    def buffered(self) -> Sequence[h.EventRaised]:
        """Events that arrived before anybody waited for them, oldest first."""
        return self._buffered or ()

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
            case h.TaskCompleted(scheduled_id=i) | h.TaskFailed(scheduled_id=i):
                return i in self.tasks
            case h.ExecutionStarted():
                return self.started is None
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
        if type(event) in WAKING:
            self.inputs += 1
        match event:
            case h.TaskScheduled(id=i):
                self._tasks = _with(self._tasks, i, event)
            case h.TaskCompleted(scheduled_id=i) | h.TaskFailed(scheduled_id=i):
                self._tasks = _without(self._tasks, i)
            case h.WorkflowStarted(at=at):
                self.advance_clock(at)
            case h.ExecutionStarted():
                self.started, self.status = event, RuntimeStatus.RUNNING
                self._buffered = [*event.carried, *self.buffered] or None
                self.custom_status = event.custom_status
                self.advance_clock(event.at)
            case h.TaskCancelled(scheduled_id=i):
                self._tasks = _without(self._tasks, i)
                self._children = _without(self._children, i)
            case h.TimerCreated(id=i):
                self._timers = _with(self._timers, i, event)
            case h.TimerFired(scheduled_id=i, fire_at=fire_at):
                self._timers = _without(self._timers, i)
                self.advance_clock(fire_at)
            case h.TimerCancelled(scheduled_id=i):
                self._timers = _without(self._timers, i)
            case h.ChildWorkflowCreated(id=i):
                self._children = _with(self._children, i, event)
            case h.ChildWorkflowCompleted(scheduled_id=i) | h.ChildWorkflowFailed(scheduled_id=i):
                self._children = _without(self._children, i)
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
                waiting = next((wait for wait in self._waits if same_name(wait.name, name)), None)
                if waiting is not None:
                    self._close_wait(waiting.id)
                    self._served = waiting
                elif self._buffered is None:
                    self._buffered = [event]
                else:
                    self._buffered.append(event)
            case h.EventRejected():
                # It follows directly on the event that the wait had consumed: the wait goes on.
                if self._served is not None:
                    self._open_wait(self._served)
            case h.EventWaitCancelled(scheduled_id=i):
                self._close_wait(i)

    def _open_wait(self, wait: h.EventWaitCreated) -> None:
        early = self._first_buffered(wait.name)
        if early is None:
            self._waits = tuple(sorted((*self._waits, wait), key=lambda wait: wait.id))
        else:
            assert self._buffered is not None, "that is where it was found"
            self._buffered.remove(early)
            self._buffered = self._buffered or None
            self._served = wait

    def _close_wait(self, wait_id: int) -> None:
        self._waits = tuple(wait for wait in self._waits if wait.id != wait_id)

    def _first_buffered(self, name: str) -> h.EventRaised | None:
        return next((event for event in self.buffered if same_name(event.name, name)), None)

    def _apply_outcome(self, event: h.HistoryEvent) -> None:
        match event:
            case h.CustomStatusSet(value=value):
                self.custom_status = value
            case h.ExecutionForked():
                self.kept = frozenset(event.kept)
                self.earlier = self.earlier | {event.origin.execution_id} if event.kept else frozenset()
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


def _with(table: dict[int, _Event] | None, i: int, event: _Event) -> dict[int, _Event]:
    if table is None:
        return {i: event}
    table[i] = event
    return table


def _without(table: dict[int, _Event] | None, i: int) -> dict[int, _Event] | None:
    """The table without that; None if nothing is left, as an empty one keeps the room of what was in it."""
    if table is not None:
        table.pop(i, None)
    return table or None


def same_name(one: str, other: str) -> bool:
    """Compare event names: they are case-insensitive (S41)."""
    return one.casefold() == other.casefold()
