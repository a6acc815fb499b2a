"""What a turn has for other instances: starts, results, events and terminations, as messages.

They are written by the turn's own commit, so that neither side ever knows of
something that the other one lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

import msgspec

from nbflow.core import history as h
from nbflow.core.calls import TERMINATED
from nbflow.core.identity import is_derived, next_execution_id
from nbflow.core.operations import InboxRow, Operation, PutInbox, PutInstance
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.errors import FailureDetails, InstanceExistsError, WorkflowTerminatedError


class Outgoing(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A message for another instance, and the row of the instance where the message is its start.

    A child whose ID its parent made up comes with its row: nobody else can have that ID. One whose
    ID was given comes without: whoever delivers the message has to see who has the ID.
    """

    row: InboxRow
    birth: InstanceRecord | None = None

    @property
    def operations(self) -> list[Operation]:
        """What the sender's commit writes."""
        put = PutInbox(row=self.row)
        return [put] if self.birth is None else [PutInstance(record=self.birth, is_new=True), put]


class Descendant(msgspec.Struct, frozen=True, kw_only=True):
    """A run below another one: its ID, and the call that started it."""

    instance_id: str
    parent: h.ParentReference


class Outbox:
    """Makes the messages of one instance's turn.

    Args:
        record: The instance's row.
        now: The turn's time.
        next_row_id: Numbers the messages.
        interpreter: What a child's history will be recorded under.
    """

    def __init__(
        self,
        record: InstanceRecord,
        *,
        now: datetime,
        next_row_id: Callable[[], int],
        interpreter: h.Interpreter,
    ) -> None:
        self._record = record
        self._now = now
        self._next_row_id = next_row_id
        self._interpreter = interpreter

    def start(self, child: h.ChildWorkflowCreated) -> Outgoing:
        """The start of a child."""
        record = self._record
        event = h.ExecutionStarted(
            at=self._now,
            name=child.name,
            execution_id=next_execution_id(record.execution_id, f"child {child.id}"),
            input=child.input,
            definition="",
            interpreter=self._interpreter,
            parent=h.ParentReference(
                instance_id=record.instance_id, execution_id=record.execution_id, scheduled_id=child.id
            ),
        )
        birth = newborn(child.instance_id, event) if is_derived(child.instance_id) else None
        return Outgoing(row=self._row(child.instance_id, event, event.execution_id), birth=birth)

    def event(self, sent: h.EventSent) -> Outgoing:
        """An event for another run."""
        raised = h.EventRaised(at=self._now, name=sent.name, payload=sent.payload)
        return Outgoing(row=self._row(sent.instance_id, raised))

    def terminations(self, below: Iterable[Descendant], ended: h.ExecutionTerminated) -> list[Outgoing]:
        """The end of a run, passed on to those below it."""
        by = ended.by if ended.by is not None else self._record.instance_id
        passed_on = h.ExecutionTerminated(at=self._now, output=ended.output, recursive=True, by=by)
        return [
            Outgoing(row=self._row(run.instance_id, msgspec.structs.replace(passed_on, child=run.parent)))
            for run in below
        ]

    def begun_by(self, calls: Iterable[h.ChildWorkflowCreated]) -> list[Descendant]:
        """The runs that calls of this one have started, or are about to."""
        record = self._record
        return [
            Descendant(
                instance_id=call.instance_id,
                parent=h.ParentReference(
                    instance_id=record.instance_id, execution_id=record.execution_id, scheduled_id=call.id
                ),
            )
            for call in calls
        ]

    def outcome(self, record: InstanceRecord) -> list[Outgoing]:
        """What a run that has ended says to its parent, if it has one."""
        parent = record.parent
        if parent is None or not record.status.is_terminal:
            return []
        event: h.InputEvent
        if record.status is RuntimeStatus.COMPLETED:
            event = h.ChildWorkflowCompleted(
                at=self._now, scheduled_id=parent.scheduled_id, result=record.output or "null"
            )
        else:
            failure = record.failure if record.failure is not None else _terminated(record.instance_id)
            event = h.ChildWorkflowFailed(at=self._now, scheduled_id=parent.scheduled_id, failure=failure)
        return [Outgoing(row=self._row(parent.instance_id, event, parent.execution_id))]

    def refusal(self, parent: h.ParentReference) -> Outgoing:
        """What a parent is told whose child can't begin, since the ID belongs to this active run."""
        failure = FailureDetails(
            type=InstanceExistsError.__qualname__,
            message=f"{self._record.instance_id} exists and is {self._record.status}: a child needs an ID of its own",
            bases=_bases(InstanceExistsError),
        )
        event = h.ChildWorkflowFailed(at=self._now, scheduled_id=parent.scheduled_id, failure=failure)
        return Outgoing(row=self._row(parent.instance_id, event, parent.execution_id))

    def _row(self, instance_id: str, event: h.InputEvent, execution_id: str | None = None) -> InboxRow:
        return InboxRow(
            row_id=self._next_row_id(), instance_id=instance_id, execution_id=execution_id, event=event
        )


def is_passed_on(event: h.InputEvent) -> bool:
    """Tell whether a run's end concerns those below it also where the run itself has ended before (S23)."""
    return isinstance(event, h.ExecutionTerminated) and event.by is not None and event.recursive


def is_for_another(event: h.InputEvent, parent: h.ParentReference | None) -> bool:
    """Tell whether an ancestor's end is for a run that had the ID before the one that this call started."""
    return isinstance(event, h.ExecutionTerminated) and event.child not in (None, parent)


def newborn(instance_id: str, started: h.ExecutionStarted) -> InstanceRecord:
    """The row of an instance that is about to begin its first execution."""
    return InstanceRecord(
        instance_id=instance_id,
        name=started.name,
        execution_id=started.execution_id,
        status=RuntimeStatus.PENDING,
        created_at=started.at,
        last_updated_at=started.at,
        input=started.input,
        definition=started.definition,
        parent=started.parent,
    )


def _terminated(instance_id: str) -> FailureDetails:
    return FailureDetails(
        type=TERMINATED, message=f"{instance_id} was terminated", bases=_bases(WorkflowTerminatedError)
    )


def _bases(kind: type[Exception]) -> tuple[str, ...]:
    return tuple(base.__qualname__ for base in kind.__mro__[:-1])
