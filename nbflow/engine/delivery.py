"""Messages on their way to instances: delivered, admitted as starts, or dropped.

A message waits in memory with its instance until a turn takes it; whether the store
holds it too is `keeping`'s business. Everything here is used on the engine's loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Final

from nbflow.core import history as h
from nbflow.core.operations import DeleteInbox, InboxRow
from nbflow.core.outbox import Outbox, Outgoing, is_for_another, is_passed_on, newborn
from nbflow.core.state import InstanceRecord
from nbflow.engine.commits import CommitItem, Committer
from nbflow.engine.family import nearest_alive
from nbflow.engine.instance import EndedMeanwhileError, Instance, Message
from nbflow.engine.options import EngineOptions
from nbflow.engine.residents import Residents
from nbflow.errors import InstanceNotFoundError, StoreError
from nbflow.ports import Clock

_log: Final = logging.getLogger("nbflow.engine")

_RETRY_SECONDS: Final = 0.5
"""How long a message rests that could not be dealt with."""


class Delivery:
    """Brings messages to their instances.

    Args:
        residents: The instances in memory.
        committer: Reads families.
        clock: The time of what is sent from here.
        options: What a child would be recorded under.
        next_row_id: Numbers messages.
        add: Has something written by the next commit.
        posted: Told of every message that waits from now on.
    """

    def __init__(
        self,
        residents: Residents,
        committer: Committer,
        clock: Clock,
        options: EngineOptions,
        *,
        next_row_id: Callable[[], int],
        add: Callable[[CommitItem], None],
        posted: Callable[[Message], None],
    ) -> None:
        self._residents = residents
        self._committer = committer
        self._clock = clock
        self._options = options
        self._next_row_id = next_row_id
        self._add = add
        self._posted = posted
        self._passing_on: set[asyncio.Task[None]] = set()

    @property
    def is_busy(self) -> bool:
        """Whether something is being read, so that it can be passed on."""
        return bool(self._passing_on)

    def post(self, message: Message) -> None:
        """Put a message to the others that wait for its instance's next turn; starts go before them."""
        if message.must_keep:
            self._posted(message)
        instance = self._residents.get(message.row.instance_id)
        if isinstance(message.row.event, h.ExecutionStarted):
            starts = sum(1 for _ in takewhile(_is_start, instance.messages))
            instance.messages.insert(starts, message)
        else:
            instance.messages.append(message)
        self._residents.touch(instance)

    def post_stored(self, row: InboxRow) -> None:
        """Deliver a message that the store holds."""
        self.post(Message(row=row, stored=True))

    def post_result(self, instance_id: str, execution_id: str, event: h.InputEvent) -> None:
        """Deliver the result of an activity's attempt."""
        row_id = self._next_row_id()
        row = InboxRow(row_id=row_id, instance_id=instance_id, execution_id=execution_id, event=event)
        self.post(Message(row=row, must_keep=False))

    def post_outgoing(self, outgoing: Sequence[Outgoing]) -> None:
        """Deliver what a turn had for other instances, once it is written."""
        for message in outgoing:
            if message.birth is not None:
                instance = self._residents.get(message.row.instance_id)
                instance.record, instance.is_known, instance.history = message.birth, True, []
            self.post_stored(message.row)

    def begin(self, instance: Instance, record: InstanceRecord, start: Message) -> None:
        """Have an instance go on with its next execution, which is written."""
        instance.record, instance.is_known, instance.history = record, True, []
        self.post(start)

    def admit(self, instance: Instance) -> None:
        """Let a child begin under an ID that its parent gave, or tell the parent that it can't (S2)."""
        present = instance.record
        for message in [*takewhile(_is_start, instance.messages)]:
            event = message.row.event
            if not isinstance(event, h.ExecutionStarted) or event.parent is None:
                continue
            if present is not None and present.execution_id == event.execution_id:
                continue
            if present is None or present.status.is_terminal:
                self.discard(instance, before=message.row.row_id)
                message.birth = present = newborn(instance.instance_id, event)
                instance.record, instance.history = present, []
                _log.debug("%s begins as a child of %s", instance.instance_id, event.parent.instance_id)
            elif not _ends(instance, before=message.row.row_id):
                instance.messages.remove(message)
                self._refuse(present, message.row, event.parent)

    def _refuse(self, present: InstanceRecord, row: InboxRow, parent: h.ParentReference) -> None:
        outbox = Outbox(
            present,
            now=self._clock.now(),
            next_row_id=self._next_row_id,
            interpreter=self._options.interpreter,
        )
        self._replace(row, [outbox.refusal(parent)])

    def _replace(self, row: InboxRow, outgoing: Sequence[Outgoing]) -> None:
        """Take a message out of the inbox and put others into it."""
        operations = [
            DeleteInbox(row_ids=(row.row_id,)),
            *(put for out in outgoing for put in out.operations),
        ]

        def failed(error: StoreError) -> None:
            _log.warning("what follows on a %s could not be written: %s", type(row.event).__name__, error)
            asyncio.get_running_loop().call_later(_RETRY_SECONDS, self.post_stored, row)

        self._add(CommitItem(row.instance_id, operations, lambda: self.post_outgoing(outgoing), failed))

    def discard(self, instance: Instance, *, before: int | None = None) -> None:
        """Drop the messages of an instance that has ended or isn't there; or those that came before another."""
        error: InstanceNotFoundError | None = None
        if instance.record is None:
            error = InstanceNotFoundError(f"there is no run {instance.instance_id!r}: `%wf ps` lists them")
        messages = [m for m in instance.messages if before is None or _is_earlier(m, before)]
        for message in messages:
            instance.messages.remove(message)
        for message in [*messages]:
            if _concerns_those_below(instance, message.row.event):
                messages.remove(message)
                self._pass_on(message.row)
                continue
            if message.replacement is not None:
                message.settled(EndedMeanwhileError())
                continue
            if error is None:
                log_dropped(instance.instance_id, message.row)
            elif message.settle is None and isinstance(message.row.event, h.EventRaised):
                _log.warning(
                    "event %r was dropped: there is no run %s", message.row.event.name, instance.instance_id
                )
            message.settled(error)
        rows = tuple(message.row.row_id for message in messages if message.stored)
        if rows:
            deletion = [DeleteInbox(row_ids=rows)]
            self._add(CommitItem(None, deletion, lambda: None, lambda _error: None))
        if before is None:
            for settle in instance.give_up_try():
                settle(error)

    def _pass_on(self, row: InboxRow) -> None:
        """Pass the end of an ancestor on to those below a run that ended before it heard of it (S23)."""
        task = asyncio.get_running_loop().create_task(self._send_below(row))
        self._passing_on.add(task)
        task.add_done_callback(self._passing_on.discard)

    async def _send_below(self, row: InboxRow) -> None:
        assert isinstance(row.event, h.ExecutionTerminated), "only an end is passed on"
        try:
            alive = await self._committer.read(lambda store: nearest_alive(store, row.instance_id))
            record = await self._committer.read(lambda store: store.get_instance(row.instance_id))
        except StoreError as error:
            _log.warning("the children of %s can't be read (%s): tried again", row.instance_id, error)
            asyncio.get_running_loop().call_later(_RETRY_SECONDS, self.post_stored, row)
            return
        if record is None:
            return
        outbox = Outbox(
            record,
            now=self._clock.now(),
            next_row_id=self._next_row_id,
            interpreter=self._options.interpreter,
        )
        self._replace(row, outbox.terminations(alive, row.event))


def _is_start(message: Message) -> bool:
    return isinstance(message.row.event, h.ExecutionStarted)


def _is_earlier(message: Message, row_id: int) -> bool:
    return message.row.row_id < row_id and not _is_start(message)


def _ends(instance: Instance, *, before: int) -> bool:
    """Whether an end waits for the present run that came before a message."""
    return any(
        isinstance(message.row.event, h.ExecutionTerminated) and _is_earlier(message, before)
        for message in instance.messages
    )


def _concerns_those_below(instance: Instance, event: h.InputEvent) -> bool:
    record = instance.record
    return record is not None and is_passed_on(event) and not is_for_another(event, record.parent)


def log_dropped(instance_id: str, row: InboxRow) -> None:
    """Say that a message meant nothing any more; of an event its sender ought to know (S62)."""
    if isinstance(row.event, h.EventRaised):
        _log.warning("event %r for %s was dropped: the run has ended", row.event.name, instance_id)
    else:
        _log.debug("%s: a late %s was dropped", instance_id, type(row.event).__name__)
