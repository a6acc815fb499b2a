"""The engine: mailboxes in, turns, one commit a tick, and only then what depends on it.

Everything here runs on the engine's own asyncio loop. A tick takes a turn for
every instance that has messages, on the dispatch thread; whatever has finished
shortly after goes into one commit, together with the messages that must be kept;
then activities are started, timers noted, prints released and watchers told.
Recovery is no second path: opening a store puts its inbox into the mailboxes and
starts its pending activities, and the first tick goes on from there.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from contextvars import Context
from dataclasses import dataclass
from typing import Final

import msgspec

from nbflow.core.history import INPUT_KINDS, EventRaised, EventRejected, InputEvent
from nbflow.core.operations import DeleteInbox, InboxRow, Operation, PutInbox, PutInstance
from nbflow.core.state import InstanceRecord, RuntimeStatus, Stall, StallReason
from nbflow.core.transition import Transition
from nbflow.definitions import ActivityDefinition, Registry
from nbflow.engine.activities import ActivityRunner
from nbflow.engine.commits import CommitItem, Committer
from nbflow.engine.dispatch import TurnOutcome
from nbflow.engine.mailbox import Mailbox, Message
from nbflow.engine.timers import TimerPump
from nbflow.engine.turns import Turns
from nbflow.engine.watchers import Watchers
from nbflow.errors import EventRejectedError, RuntimeClosedError, StoreError
from nbflow.ports import ActivityExecutor, Clock, HistoryStore

_log: Final = logging.getLogger("nbflow.engine")

_JOIN_SECONDS: Final = 0.02
"""How long a commit waits for turns that are still running."""

_RETRY_SECONDS: Final = 1.0
"""How long a run whose commit failed waits before it is tried again."""


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """What a runtime may choose.

    Attributes:
        cache_size: Live executions that stay in memory between turns.
        max_concurrent_activities: Attempts that run at once.
        forward_orphans: Whether prints of runs that no cell of this process started go to stdout.
    """

    cache_size: int = 1000
    max_concurrent_activities: int = 32
    forward_orphans: bool = True


class Engine:
    """Runs the instances of one store.

    Args:
        store: The store; the engine's store thread opens and closes it.
        executor: Where activities run.
        clock: What time it is.
        registry: The code that is known.
        options: Sizes and limits.
    """

    def __init__(
        self,
        store: HistoryStore,
        executor: ActivityExecutor,
        clock: Clock,
        registry: Registry,
        options: EngineOptions,
    ) -> None:
        self.clock = clock
        self.registry = registry
        self.options = options
        self.committer = Committer(store)
        self.watchers = Watchers()
        self.records: dict[str, InstanceRecord] = {}
        self.origins: dict[str, Context] = {}
        self._row_ids = itertools.count(1)
        self._mailboxes: dict[str, Mailbox] = {}
        self._items: list[CommitItem] = []
        self._wakeup = asyncio.Event()
        self._closing = False
        self._services: list[asyncio.Task[None]] = []
        self._timers = TimerPump(self.committer, clock, self._deliver_stored)
        self.turns = Turns(
            self.committer,
            registry,
            clock,
            self.records,
            next_row_id=self.next_row_id,
            wake=self.wake,
            unreadable=self._unreadable,
        )
        self.activities = ActivityRunner(
            executor,
            registry,
            clock,
            limit=options.max_concurrent_activities,
            deliver=self._deliver_result,
            missing=self._activity_missing,
            forward_orphans=options.forward_orphans,
        )

    # -- life -------------------------------------------------------------------------------

    async def open(self) -> None:
        """Open the store and go on with everything that is in it; raises StoreError."""
        await self.committer.open()
        first = await self.committer.read(lambda store: store.next_row_id())
        self._row_ids = itertools.count(first)
        for row in await self.committer.read(lambda store: store.read_inbox()):
            self._deliver_stored(row)
        pending = await self.committer.read(lambda store: store.pending_tasks())
        owners = list({task.instance_id for task in pending})
        records = await self.committer.read(lambda store: store.get_instances(owners))
        for task in pending:
            self.activities.start(records[task.instance_id], task.event, None)
        loop = asyncio.get_running_loop()
        self._services = [loop.create_task(self._run()), loop.create_task(self._timers.run())]
        for service in self._services:
            service.add_done_callback(self._service_ended)
        self.wake()

    async def close(self) -> None:
        """Commit what is under way, let go of everything, close the store."""
        self._closing = True
        await self.activities.close()
        self.wake()
        for service in self._services[1:]:
            service.cancel()
        await asyncio.gather(*self._services, return_exceptions=True)
        await self.turns.stop()
        self.watchers.close(RuntimeClosedError("the runtime was closed"))
        await self.committer.close()

    def check_open(self) -> None:
        """Raise RuntimeClosedError if nothing is taken in any more."""
        if self._closing:
            raise RuntimeClosedError("the runtime is closed: open a new one to go on; no run is lost by it")

    def wake(self) -> None:
        """Have the next tick come."""
        self._wakeup.set()

    def next_row_id(self) -> int:
        """The next number in the order of delivery."""
        return next(self._row_ids)

    def _service_ended(self, service: asyncio.Task[None]) -> None:
        if service.cancelled() or service.exception() is None:
            return
        error = service.exception()
        _log.error("the engine stopped: %s", error, exc_info=error)
        self._closing = True
        self.watchers.close(RuntimeClosedError(f"the engine stopped after an error of its own: {error}"))

    # -- messages in --------------------------------------------------------------------------

    def post(self, message: Message) -> None:
        """Put a message into its instance's mailbox."""
        row = message.row
        if row.due is not None and row.due > self.clock.now():
            self._keep_for_later(message)
        else:
            self.mailbox(row.instance_id).messages.append(message)
        self.wake()

    def mailbox(self, instance_id: str) -> Mailbox:
        """The mailbox of an instance."""
        mailbox = self._mailboxes.get(instance_id)
        if mailbox is None:
            mailbox = self._mailboxes[instance_id] = Mailbox(instance_id)
        return mailbox

    def add(self, item: CommitItem) -> None:
        """Have something written by the next commit."""
        self._items.append(item)
        self.wake()

    def retry(self, instance_id: str) -> None:
        """Try a stalled run again."""
        self.mailbox(instance_id).retry = True
        self.wake()

    def _deliver_stored(self, row: InboxRow) -> None:
        self.mailbox(row.instance_id).messages.append(Message(row=row, must_keep=True, stored=True))
        self.wake()

    def _deliver_result(self, instance_id: str, execution_id: str, event: InputEvent) -> None:
        row = InboxRow(
            row_id=self.next_row_id(), instance_id=instance_id, execution_id=execution_id, event=event
        )
        self.post(Message(row=row, must_keep=False))

    def _keep_for_later(self, message: Message) -> None:
        def committed() -> None:
            message.settled()
            self._timers.added(message.row)

        self.add(
            CommitItem(message.row.instance_id, [PutInbox(row=message.row)], committed, message.settled)
        )

    # -- the tick -----------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await self._wakeup.wait()
            self._wakeup.clear()
            self._begin_turns()
            await self.turns.join(_JOIN_SECONDS)
            self._items.extend(self._turn_item(mailbox, outcome) for mailbox, outcome in self.turns.collect())
            self._keep_messages()
            items, self._items = self._items, []
            await self.committer.commit(items)
            self._evict_surplus()
            if self._closing and not self._wakeup.is_set() and self.turns.running == 0:
                return

    def _begin_turns(self) -> None:
        if self._closing:
            return
        for mailbox in list(self._mailboxes.values()):
            if mailbox.is_orphaned:
                self._discard(mailbox)
            elif mailbox.is_ready(self.records.get(mailbox.instance_id)):
                self.turns.begin(mailbox)
            elif not mailbox.messages and mailbox.turn is None:
                del self._mailboxes[mailbox.instance_id]

    def _turn_item(self, mailbox: Mailbox, outcome: TurnOutcome) -> CommitItem:
        transition = outcome.transition
        turn = mailbox.turn or []
        gone = {row.row_id for row in transition.consumed}
        consumed = [message for message in turn if message.row.row_id in gone]
        kept = [message for message in turn if message.row.row_id not in gone]
        for message in kept:
            message.must_keep = True
        if transition.record.status.is_terminal:
            consumed, kept = [*turn, *mailbox.messages], []
            mailbox.messages.clear()
        operations: list[Operation] = list(transition.operations)
        rows = tuple(message.row.row_id for message in consumed if message.stored)
        if rows:
            operations.append(DeleteInbox(row_ids=rows))
        operations.extend(PutInbox(row=message.row) for message in kept if not message.stored)

        def committed() -> None:
            for message in kept:
                message.stored = True
            mailbox.end_turn(kept)
            self._committed(mailbox, outcome)
            rejected = _rejections(transition)
            for message in [*consumed, *kept]:
                message.settled(rejected.get(message.row.row_id))

        def failed(error: StoreError) -> None:
            self._commit_failed(mailbox, turn, error)

        return CommitItem(mailbox.instance_id, operations, committed, failed)

    def _keep_messages(self) -> None:
        """Write down messages that must be kept and that no finished turn has consumed."""
        for mailbox in self._mailboxes.values():
            for message in [*(mailbox.turn or ()), *mailbox.messages]:
                if message.must_keep and not message.stored:
                    self._items.append(self._keep_item(message))

    def _keep_item(self, message: Message) -> CommitItem:
        message.stored = True

        def failed(error: StoreError) -> None:
            message.stored = False
            mailbox = self._mailboxes.get(message.row.instance_id)
            if mailbox is not None and message in mailbox.messages:
                mailbox.messages.remove(message)
            message.settled(error)

        put = [PutInbox(row=message.row)]
        return CommitItem(message.row.instance_id, put, message.settled, failed)

    # -- behind the commit ----------------------------------------------------------------------

    def _committed(self, mailbox: Mailbox, outcome: TurnOutcome) -> None:
        transition = outcome.transition
        record = transition.record
        self.records[record.instance_id] = record
        for reference in outcome.references.values():
            if isinstance(reference, ActivityDefinition) and self.registry.activity(reference.name) is None:
                self.registry.add(reference)
        self.turns.keep_warm(record, outcome.is_warm)
        for dropped in transition.dropped:
            _log.debug("%s: a late %s was dropped", record.instance_id, type(dropped.event).__name__)
        self.watchers.release_prints(self.origins.get(record.instance_id), outcome.prints)
        for task in transition.tasks:
            self.activities.start(record, task, self.origins.get(record.instance_id))
        for row in transition.timers:
            self._timers.added(row)
        if record.status.is_terminal:
            self.origins.pop(record.instance_id, None)
            self.records.pop(record.instance_id, None)
        self.watchers.publish(record, transition.events)
        if mailbox.messages:
            self.wake()

    def _commit_failed(self, mailbox: Mailbox, turn: list[Message], error: StoreError) -> None:
        """Discard the live execution, and try the turn again later: nothing of it happened."""
        _log.warning("%s could not be written (%s): tried again", mailbox.instance_id, error)
        self.turns.evict([mailbox.instance_id])
        waiting = [message for message in turn if message.settle is None or message.stored]
        for message in turn:
            message.settled(error)
        mailbox.turn = []
        loop = asyncio.get_running_loop()

        def again() -> None:
            mailbox.end_turn(waiting)
            self.wake()

        loop.call_later(_RETRY_SECONDS, again)

    def _unreadable(self, mailbox: Mailbox, error: StoreError) -> None:
        """A history that can't be read stalls its run; its messages stay where they are."""
        mailbox.turn = None
        waiting, mailbox.messages = mailbox.messages, deque()
        for message in waiting:
            if not message.stored:
                self._items.append(self._keep_item(message))
        record = self.records.get(mailbox.instance_id)
        if record is not None:
            stall = Stall(reason=StallReason.CODE_MISSING, message=str(error))
            stalled = msgspec.structs.replace(record, status=RuntimeStatus.STALLED, stall=stall)
            self.put_record(stalled)

    def put_record(self, record: InstanceRecord) -> None:
        """Write an instance's row without a turn, and tell those who watch it."""
        self.records[record.instance_id] = record
        self.add(
            CommitItem(
                record.instance_id,
                [PutInstance(record=record)],
                lambda: self.watchers.publish(record, []),
                lambda error: _log.warning("%s could not be written: %s", record.instance_id, error),
            )
        )

    def _discard(self, mailbox: Mailbox) -> None:
        """Drop messages to an instance that isn't there."""
        rows = tuple(message.row.row_id for message in mailbox.messages if message.stored)
        for message in mailbox.messages:
            message.settled()
        mailbox.messages.clear()
        if rows:
            item = CommitItem(None, [DeleteInbox(row_ids=rows)], lambda: None, lambda _error: None)
            self.add(item)

    def _activity_missing(self, record: InstanceRecord, name: str) -> None:
        """A run that called an activity whose code isn't there waits for it (S52)."""
        message = f"{record.instance_id} waits for code: run the cell that defines the activity `{name}`"
        present = self.records.get(record.instance_id, record)
        stall = Stall(reason=StallReason.CODE_MISSING, message=message)
        self.turns.evict([record.instance_id])
        self.put_record(msgspec.structs.replace(present, status=RuntimeStatus.STALLED, stall=stall))

    def _evict_surplus(self) -> None:
        busy = {mailbox.instance_id for mailbox in self._mailboxes.values() if mailbox.turn is not None}
        surplus = self.turns.surplus(self.options.cache_size, busy)
        self.turns.evict(surplus)
        for instance_id in surplus:
            if instance_id not in self._mailboxes:
                self.records.pop(instance_id, None)


def _rejections(transition: Transition) -> dict[int, EventRejectedError]:
    """Which messages were events that the workflow refused, by row, and why."""
    dropped = {row.row_id for row in transition.dropped}
    taken = iter([row for row in transition.consumed if row.row_id not in dropped])
    rejections: dict[int, EventRejectedError] = {}
    row: InboxRow | None = None
    for event in transition.events:
        if isinstance(event, INPUT_KINDS):
            row = next(taken)
        elif isinstance(event, EventRejected) and row is not None and isinstance(row.event, EventRaised):
            rejections[row.row_id] = EventRejectedError(event.reason)
    return rejections
