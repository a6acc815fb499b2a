"""What a turn comes to once it is taken: what the commit writes, and what may happen only behind it.

Nothing that a turn asked for is begun before the turn is durable (S8), and when it
can't be written, nothing of it has happened: the live execution is discarded, and
the messages wait for the next try.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Final, cast

import msgspec

from nbflow.core import history as h
from nbflow.core.operations import DeleteInbox, InboxRow, Operation, PutInstance
from nbflow.core.outbox import Outgoing, is_passed_on
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.core.transition import Transition
from nbflow.definitions import ActivityDefinition, Definition, Registry, WorkflowDefinition
from nbflow.engine.activities import ActivityRunner
from nbflow.engine.code import missing_activity, missing_workflow
from nbflow.engine.commits import CommitItem
from nbflow.engine.delivery import log_dropped
from nbflow.engine.dispatch import TurnOutcome
from nbflow.engine.eager import Eager
from nbflow.engine.holding import Holding
from nbflow.engine.instance import Instance, Message
from nbflow.engine.timers import TimerPump
from nbflow.engine.turns import Turns
from nbflow.engine.watchers import Watchers
from nbflow.errors import EventRejectedError, StoreError

_log: Final = logging.getLogger("nbflow.engine")


@dataclass(eq=False)
class Effects:
    """Turns outcomes into commit items, and carries out what hangs on them.

    Attributes:
        registry: Learns the activities and workflows that a workflow's code refers to.
        activities: Starts attempts.
        eager: Lets a run go on with its attempt by itself.
        timers: Notes timers.
        watchers: Are told.
        turns: Keep executions in memory, or don't.
        holding: Forgets a held run that has ended.
        origins: The contexts of the cells that started runs, by instance ID.
        touch: Called with an instance that may have more to do.
        post: Called with messages for other instances once they are written.
        begin: Called with an instance, the row of its next execution, and the message that starts it.
        unborn: Called with an instance whose start could not be written.
        failed: Called with an instance whose turn could not be written.
    """

    registry: Registry
    activities: ActivityRunner
    eager: Eager
    timers: TimerPump
    watchers: Watchers
    turns: Turns
    holding: Holding
    origins: dict[str, Context]
    touch: Callable[[Instance], None]
    post: Callable[[Sequence[Outgoing]], None]
    begin: Callable[[Instance, InstanceRecord, Message], None]
    unborn: Callable[[Instance], None]
    failed: Callable[[Instance, StoreError], None]

    def item(self, instance: Instance, outcome: TurnOutcome) -> CommitItem:
        """What a turn wants written."""
        self._learn(outcome)
        transition = self._with_missing_code(outcome.transition)
        turn = instance.turn or []
        consumed, kept = turn, list[Message]()
        if len(transition.consumed) < len(turn):
            gone = {row.row_id for row in transition.consumed}
            consumed = [message for message in turn if message.row.row_id in gone]
            kept = [message for message in turn if message.row.row_id not in gone]
        replacement: Message | None = None
        if transition.record.status.is_terminal:
            consumed, kept, replacement = _at_the_end(turn, transition.dropped)
        born = (message for message in turn if message.birth is not None)
        operations = [operation for message in born for operation in message.birth_operations]
        operations += transition.operations
        outlived = _outlived(instance, turn, replacement) if replacement is not None else []
        operations += _deletion(
            instance, transition.record, [*consumed, *outlived], is_replaced=replacement is not None
        )
        for message in kept:
            operations += message.keep_operations
        if replacement is not None:
            operations += [*replacement.birth_operations, *replacement.keep_operations]

        def committed() -> None:
            for message in kept:
                message.stored = message.replacement is None
            self._committed(instance, transition, outcome, kept)
            for message in outlived:
                instance.messages.remove(message)
                log_dropped(instance.instance_id, message.row)
                message.settled()
            for message in turn:
                message.birth, outgoing, message.outgoing = None, message.outgoing, ()
                if outgoing:
                    self.post(outgoing)
            if replacement is not None:
                self._replaced(instance, replacement)
            later = [message for message in kept if message.replacement is not None]
            for message in turn:
                if message.settle is None or message in later:
                    continue  # nobody waits, or the next turn is to carry it out
                reason = transition.rejected.get(message.row.row_id)
                message.settled(EventRejectedError(reason) if reason is not None else None)

        def failed(error: StoreError) -> None:
            self._failed(instance, error)

        return CommitItem(instance.instance_id, operations, committed, failed)

    def _replaced(self, instance: Instance, start: Message) -> None:
        """Go on with the run that has taken an ended one's place."""
        record, start.birth, start.stored = start.birth, None, True
        assert record is not None, "a replacement comes with its row"
        if start.row.due is None:
            self.begin(instance, record, start)
        else:
            instance.forget()
            self.timers.added(start.row)
        self.watchers.publish(record, [])

    def _learn(self, outcome: TurnOutcome) -> None:
        """Register what the code refers to and nobody registered."""
        for reference in outcome.references.values():
            if not isinstance(reference, (ActivityDefinition, WorkflowDefinition)):
                continue
            definition = cast("Definition", reference)
            if isinstance(definition, ActivityDefinition):
                is_known = self.registry.has_activity(definition.name)
            else:
                is_known = self.registry.version(definition.name) is not None
            if not is_known and not definition.is_declaration:
                self.registry.add(definition)
                self.activities.code_arrived()  # an attempt of before may have waited for just that

    def _with_missing_code(self, transition: Transition) -> Transition:
        """Stall a run that waits for an activity without code, in the very commit that calls it (S52)."""
        record = transition.record
        if record.status is not RuntimeStatus.RUNNING or transition.successor is not None:
            return transition
        missing = [task.name for task in transition.tasks if not self.registry.has_activity(task.name)]
        before = self.activities.missing(record.execution_id)
        if before:
            gone = {event.scheduled_id for event in transition.events if isinstance(event, h.TaskCancelled)}
            missing = [name for task_id, name in before.items() if task_id not in gone] + missing
        if not missing:
            return transition
        stall = missing_activity(record, missing[0])
        record = msgspec.structs.replace(record, status=RuntimeStatus.STALLED, stall=stall)
        rest = [
            operation
            for operation in transition.operations
            if not isinstance(operation, PutInstance) or operation.record.instance_id != record.instance_id
        ]
        return msgspec.structs.replace(
            transition, record=record, operations=[PutInstance(record=record), *rest]
        )

    # -- behind the commit ----------------------------------------------------------------------

    def _committed(
        self, instance: Instance, transition: Transition, outcome: TurnOutcome, kept: Sequence[Message]
    ) -> None:
        record, before = transition.record, instance.record
        instance.record, instance.failures = record, 0
        tried = instance.end_turn(kept)
        is_stalled = record.status is RuntimeStatus.STALLED
        if is_stalled and outcome.is_warm:
            self.turns.evict(instance)
        else:
            self.turns.keep_warm(instance, outcome.is_warm, outcome.payloads)
        _log_dropped(record, transition.dropped)
        origin = self.origins.get(record.instance_id)
        if outcome.prints:
            self.watchers.release_prints(origin, outcome.prints)
        if before is not None:
            self._withdraw(before, record, transition.events)
        caller = before if transition.successor is not None and before is not None else record
        for row in transition.timers:
            self.timers.added(row)
        if record.status.is_terminal:
            self.origins.pop(record.instance_id, None)
            self.holding.release(record.instance_id)
            instance.is_held = False
        if transition.warning is not None:
            _log.warning("%s: %s", record.instance_id, transition.warning)
        if outcome.was_codeless and missing_workflow(self.registry, record) is None:
            instance.retry = (
                True  # its code was registered meanwhile: who waits is told once it has been tried
            )
        elif is_stalled and instance.retry:  # it is tried once more already, and that decides
            self.watchers.publish(record, transition.events, decides=False)
        elif transition.successor is not None and before is not None:
            told = msgspec.structs.replace(before, last_updated_at=record.last_updated_at)
            self.watchers.publish(told, transition.events)
            self.watchers.publish(record, [])
        else:
            self.watchers.publish(record, transition.events)
        for settle in tried:
            settle(None)
        if transition.successor is not None:
            self.begin(instance, record, Message(row=transition.successor, stored=True))
        if transition.outgoing:
            self.post(transition.outgoing)
        if instance.messages or instance.retry:
            self.touch(instance)
        tasks = transition.tasks
        if len(tasks) == 1 and caller is record and self.eager.begin(instance, tasks[0], origin):
            return
        for task in tasks:
            self.activities.start(caller, task, origin)  # for the generation that called it, and no other

    def _withdraw(
        self, before: InstanceRecord, record: InstanceRecord, events: Sequence[h.HistoryEvent]
    ) -> None:
        """Attempts that nobody waits for any more need not begin; those that have begun finish."""
        if record.status.is_terminal or record.execution_id != before.execution_id:
            self.activities.withdraw(before.execution_id)
            return
        for event in events:
            if isinstance(event, h.TaskCancelled):
                self.activities.withdraw(record.execution_id, event.scheduled_id)

    def _failed(self, instance: Instance, error: StoreError) -> None:
        """Discard the live execution, tell those whose messages are lost, and keep the others for later."""
        self.turns.evict(instance)
        turn = instance.turn or []
        again = [message for message in turn if message.stored or message.settle is None]
        tried = instance.end_turn(again, in_vain=True)
        if any(message.birth is not None for message in turn):
            self.unborn(instance)
        for message in turn:
            if message not in again:
                message.settled(error)
        for settle in tried:
            settle(error)
        self.failed(instance, error)


def _at_the_end(
    turn: list[Message], dropped: Sequence[InboxRow]
) -> tuple[list[Message], list[Message], Message | None]:
    """What goes with a run that has ended, what is left for the run that replaces it, and that one's start.

    Whatever came behind the wish for a replacement is for the new run; also another such wish. Where the run
    had ended before the wish came to its turn, whoever wished has to look again.
    """
    too_late = {row.row_id for row in dropped}
    for number, message in enumerate(turn, start=1):
        if message.replacement is not None and message.row.row_id not in too_late:
            later = [left for left in turn[number:] if left.row.execution_id is None]
            return [gone for gone in turn if gone not in later], later, message.replacement
    late = [message for message in turn if message.replacement is not None]
    return [message for message in turn if message not in late], late, None


def _outlived(instance: Instance, turn: Sequence[Message], replacement: Message | None) -> list[Message]:
    """What a run that was stalled or held had still to take when it was replaced: it isn't for the new one."""
    if replacement is None:
        return []
    wish = next(message.row.row_id for message in turn if message.replacement is replacement)
    ended = instance.record.execution_id if instance.record is not None else None
    return [
        message
        for message in instance.messages
        if message.row.execution_id == ended
        or (message.row.row_id < wish and not _outlives(message.row.event))
    ]


def _deletion(
    instance: Instance, record: InstanceRecord, consumed: Sequence[Message], *, is_replaced: bool
) -> Sequence[Operation]:
    """The rows that leave the inbox with a turn; all of them if it was the last."""
    leaving = [message.row.row_id for message in consumed if message.stored]
    if record.status.is_terminal and not is_replaced:
        leaving += [m.row.row_id for m in instance.messages if m.stored and not _outlives(m.row.event)]
    return [DeleteInbox(row_ids=tuple(leaving))] if leaving else []


def _outlives(event: h.InputEvent) -> bool:
    """Whether a message means something also to a run that has ended: what it leads to is written later."""
    return isinstance(event, h.ExecutionStarted) or is_passed_on(event)


def _log_dropped(record: InstanceRecord, rows: Sequence[InboxRow]) -> None:
    for row in rows:
        log_dropped(record.instance_id, row)
