"""An execution that goes on from where a history was cut: what one commit writes, and what begins behind it.

It begins as recovery would find it: its history is there, with `ExecutionForked` at the end; its timers wait
as rows; attempts without a result begin again; so do children, in runs of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TypeAlias

import msgspec

from nbflow.core import history as h
from nbflow.core.going_back import Cut
from nbflow.core.identity import forked_child_id, next_execution_id
from nbflow.core.operations import AppendHistory, InboxRow, Operation, PutInbox, PutInstance
from nbflow.core.outbox import Outbox, Outgoing
from nbflow.core.state import InstanceRecord, RuntimeState, RuntimeStatus, Stall


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """What a branch comes to.

    Attributes:
        record: The instance's row.
        events: Its whole history.
        tasks: Attempts that begin behind the commit.
        timers: Timers that wait.
        messages: What is delivered to it at once.
        outgoing: The starts of its children.
        below: Children that are taken back with it.
    """

    record: InstanceRecord
    events: tuple[h.HistoryEvent, ...]
    tasks: tuple[h.TaskScheduled, ...] = ()
    timers: tuple[InboxRow, ...] = ()
    messages: tuple[InboxRow, ...] = ()
    outgoing: tuple[Outgoing, ...] = ()
    below: tuple[Branch, ...] = ()

    @property
    def family(self) -> tuple[Branch, ...]:
        """It and all that are taken back with it."""
        return (self, *(branch for child in self.below for branch in child.family))

    @property
    def operations(self) -> list[Operation]:
        """What the commit writes for it; those below it have theirs."""
        record = self.record
        append = AppendHistory(
            instance_id=record.instance_id, execution_id=record.execution_id, events=self.events
        )
        operations: list[Operation] = [PutInstance(record=record), append]
        operations += [PutInbox(row=row) for row in (*self.timers, *self.messages)]
        return operations + [put for out in self.outgoing for put in out.operations]

    def stalled(self, stall: Stall) -> Branch:
        """The same, in need of its owner from the beginning."""
        record = msgspec.structs.replace(self.record, status=RuntimeStatus.STALLED, stall=stall)
        return msgspec.structs.replace(self, record=record)


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A child that has not ended: it answers the execution that called it, and that is known."""


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """A child that has completed since."""

    output: str


class Rewound(msgspec.Struct, frozen=True, kw_only=True):
    """A FAILED child: it is taken back as well."""

    record: InstanceRecord
    cut: Cut
    definition: str
    children: Mapping[int, ChildFate]


class Anew(msgspec.Struct, frozen=True, kw_only=True):
    """A child that begins once more from its input: nothing of it can be gone on with."""


ChildFate: TypeAlias = Kept | Finished | Rewound | Anew
"""What becomes of a child that a rewound execution waits for."""


class Brancher:
    """Makes branches.

    Args:
        now: The time of the commit.
        next_row_id: Numbers the messages.
        interpreter: What the children's histories will be recorded under.
    """

    def __init__(self, *, now: datetime, next_row_id: Callable[[], int], interpreter: h.Interpreter) -> None:
        self._now = now
        self._next_row_id = next_row_id
        self._interpreter = interpreter

    def fork(
        self, record: InstanceRecord, cut: Cut, *, instance_id: str, execution_id: str, definition: str
    ) -> Branch:
        """Another instance that shares a history up to a cut; what it waits for begins in its own name.

        Args:
            record: The instance whose history it is.
            cut: What is shared.
            instance_id: The new instance.
            execution_id: Its execution.
            definition: The code that it goes on with.
        """
        origin = h.Origin(
            reason="fork",
            instance_id=record.instance_id,
            execution_id=record.execution_id,
            seq=cut.seq,
        )
        row = msgspec.structs.replace(
            record,
            instance_id=instance_id,
            execution_id=execution_id,
            definition=definition,
            created_at=self._now,
            start_at=None,
            parent=None,
            origin=origin,
        )
        return self._branch(row, cut, fates={})

    def rewind(self, plan: Rewound, *, execution_id: str, parent: h.ParentReference | None = None) -> Branch:
        """The next execution of the same instance; children go on as the plan says."""
        record = plan.record
        origin = h.Origin(
            reason="rewind",
            instance_id=record.instance_id,
            execution_id=record.execution_id,
            seq=plan.cut.seq,
        )
        row = msgspec.structs.replace(
            record, execution_id=execution_id, definition=plan.definition, parent=parent, origin=origin
        )
        return self._branch(row, plan.cut, fates=plan.children)

    def _branch(self, row: InstanceRecord, cut: Cut, *, fates: Mapping[int, ChildFate]) -> Branch:
        state = RuntimeState.of(cut.kept)
        row = _as_of(row, state, self._now)
        answered = getattr(cut.again, "scheduled_id", None)
        ended = row.status.is_terminal
        calls = {} if ended else {i: call for i, call in state.children.items() if i != answered}
        forked = h.ExecutionForked(
            at=self._now,
            seq=len(cut.kept) + 1,
            origin=_origin_of(row),
            instance_id=row.instance_id,
            execution_id=row.execution_id,
            parent=row.parent,
            left_out=cut.left_out,
            changed=cut.changed,
            kept=tuple(i for i in calls if isinstance(fates.get(i), Kept)),
            begun=tuple(i for i in calls if i not in fates),
        )
        branch = Branch(record=row, events=(*cut.kept, forked))
        if ended:
            return branch
        again = [] if cut.again is None else [self._row(row, cut.again)]
        tasks = tuple(task for i, task in state.tasks.items() if i != answered)
        timers = [self._timer(row, timer, state) for timer in state.timers.values()]
        branch = msgspec.structs.replace(branch, tasks=tasks, timers=tuple(timers), messages=tuple(again))
        return self._with_children(branch, calls, fates)

    def _with_children(
        self,
        branch: Branch,
        calls: Mapping[int, h.ChildWorkflowCreated],
        fates: Mapping[int, ChildFate],
    ) -> Branch:
        row = branch.record
        outbox = Outbox(row, now=self._now, next_row_id=self._next_row_id, interpreter=self._interpreter)
        messages, outgoing, below = [*branch.messages], list[Outgoing](), list[Branch]()
        for i, call in calls.items():
            match fates.get(i):
                case Kept():
                    pass
                case Finished(output=output):
                    answer = h.ChildWorkflowCompleted(at=self._now, scheduled_id=i, result=output)
                    messages.append(self._row(row, answer))
                case Rewound() as plan:
                    parent = h.ParentReference(
                        instance_id=row.instance_id, execution_id=row.execution_id, scheduled_id=i
                    )
                    execution_id = next_execution_id(row.execution_id, f"child {i}")
                    below.append(self.rewind(plan, execution_id=execution_id, parent=parent))
                case Anew():
                    outgoing.append(outbox.start(call))
                case None:
                    own = forked_child_id(row.instance_id, row.execution_id, call.instance_id)
                    outgoing.append(outbox.start(msgspec.structs.replace(call, instance_id=own)))
        return msgspec.structs.replace(
            branch, messages=tuple(messages), outgoing=tuple(outgoing), below=tuple(below)
        )

    def _timer(self, row: InstanceRecord, timer: h.TimerCreated, state: RuntimeState) -> InboxRow:
        due = self._due(timer, state)
        event = h.TimerFired(at=due, scheduled_id=timer.id, fire_at=due)
        return msgspec.structs.replace(self._row(row, event), due=due)

    def _due(self, timer: h.TimerCreated, state: RuntimeState) -> datetime:
        """When a timer comes due: a date stays a date, and what limits or puts off something has its time left."""
        task = state.tasks.get(timer.for_id) if timer.for_id is not None else None
        if timer.purpose == "timer":
            return timer.fire_at
        if task is not None and task.timeout is not None:
            return self._now + timedelta(
                seconds=task.timeout
            )  # the attempt begins anew, and so does its time
        clock = state.clock if state.clock is not None else self._now
        return self._now + max(timer.fire_at - clock, timedelta())

    def _row(self, row: InstanceRecord, event: h.InputEvent) -> InboxRow:
        return InboxRow(
            row_id=self._next_row_id(),
            instance_id=row.instance_id,
            execution_id=row.execution_id,
            event=event,
        )


def _as_of(row: InstanceRecord, state: RuntimeState, now: datetime) -> InstanceRecord:
    """The row as it was when the history had come so far."""
    return msgspec.structs.replace(
        row,
        status=state.status,
        last_updated_at=max(now, row.last_updated_at),
        output=state.output,
        custom_status=state.custom_status,
        failure=state.failure,
        stall=None,
    )


def _origin_of(row: InstanceRecord) -> h.Origin:
    assert row.origin is not None, "a branch comes from somewhere"
    return row.origin
