"""The engine's side of turns: which code, which history, and whose turn it is.

Turns of many instances are asked for at once and come back in any order; one
instance never has two of them under way, nor one whose commit is not done.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

from nbflow.core.history import HistoryEvent
from nbflow.core.state import InstanceRecord, RuntimeStatus, Stall, StallReason
from nbflow.core.transition import CONTROLS
from nbflow.definitions import Registry
from nbflow.engine.commits import Committer
from nbflow.engine.dispatch import Dispatcher, TurnOutcome, TurnRequest
from nbflow.engine.mailbox import Mailbox
from nbflow.engine.threads import SerialThread
from nbflow.errors import StoreError
from nbflow.ports import Clock, HistoryStore

_log: Final = logging.getLogger("nbflow.engine")


class Turns:
    """Has turns taken on the dispatch thread, and knows which executions are in memory there.

    Args:
        committer: Reads histories.
        registry: The code.
        clock: The time of each turn.
        records: The rows of instances that the engine knows, by ID.
        next_row_id: Gives row IDs for timers.
        wake: Called when there is something to collect.
        unreadable: Called for a run whose history can't be read.
    """

    def __init__(
        self,
        committer: Committer,
        registry: Registry,
        clock: Clock,
        records: dict[str, InstanceRecord],
        *,
        next_row_id: Callable[[], int],
        wake: Callable[[], None],
        unreadable: Callable[[Mailbox, StoreError], None],
    ) -> None:
        self._committer = committer
        self._registry = registry
        self._clock = clock
        self._records = records
        self._wake = wake
        self._unreadable = unreadable
        self._thread = SerialThread("nbflow-dispatch")
        self._dispatcher = Dispatcher(next_row_id)
        self._warm: OrderedDict[str, str] = OrderedDict()
        self._outcomes: deque[tuple[Mailbox, TurnOutcome]] = deque()
        self._loads: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self.running = 0

    async def stop(self) -> None:
        """Take everything out of memory and end the dispatch thread, if it comes back in time."""
        self.evict(list(self._warm))
        await asyncio.get_running_loop().run_in_executor(None, self._thread.stop, 1.0)

    def begin(self, mailbox: Mailbox) -> None:
        """Begin the turn of a mailbox that is ready."""
        instance_id = mailbox.instance_id
        record = self._records.get(instance_id)
        if record is not None and mailbox.is_new:
            mailbox.is_new = False
            self._dispatch(mailbox, record, history=[])
        elif record is not None and self._warm.get(instance_id) == record.execution_id:
            self._dispatch(mailbox, record, history=None)
        else:
            mailbox.turn = []
            self.running += 1
            load = asyncio.get_running_loop().create_task(self._load(mailbox))
            self._loads.add(load)
            load.add_done_callback(self._loaded)

    async def join(self, seconds: float) -> None:
        """Wait until no turn is running, but not longer than so."""
        if self.running == 0:
            return
        self._idle.clear()
        handle = asyncio.get_running_loop().call_later(seconds, self._idle.set)
        await self._idle.wait()
        handle.cancel()

    def collect(self) -> list[tuple[Mailbox, TurnOutcome]]:
        """The turns that were taken since the last call."""
        outcomes = list(self._outcomes)
        self._outcomes.clear()
        return outcomes

    def keep_warm(self, record: InstanceRecord, is_warm: bool) -> None:
        """Note whether an execution is in memory."""
        if is_warm:
            self._warm[record.instance_id] = record.execution_id
            self._warm.move_to_end(record.instance_id)
        else:
            self._warm.pop(record.instance_id, None)

    def surplus(self, cache_size: int, busy: set[str]) -> list[str]:
        """The executions that were used longest ago and exceed the cache."""
        count = len(self._warm) - cache_size
        if count <= 0:
            return []
        idle = [instance_id for instance_id in self._warm if instance_id not in busy]
        return idle[:count]

    def evict(self, instance_ids: list[str]) -> None:
        """Take executions out of memory."""
        for instance_id in instance_ids:
            self._warm.pop(instance_id, None)
        if instance_ids:
            self._thread.submit(lambda: self._dispatcher.evict(instance_ids))

    async def _load(self, mailbox: Mailbox) -> None:
        instance_id = mailbox.instance_id
        present = self._records.get(instance_id)
        execution_id = present.execution_id if present is not None else None

        def read(store: HistoryStore) -> tuple[InstanceRecord | None, list[HistoryEvent]]:
            return store.get_instance(instance_id), store.read_history(instance_id, execution_id)

        try:
            record, history = await self._committer.read(read)
        except StoreError as error:
            mailbox.turn = None
            self._unreadable(mailbox, error)
            return
        mailbox.turn = None
        known = self._records.get(instance_id) or record
        if known is None:
            mailbox.is_orphaned = True
            return
        self._records[instance_id] = known
        if mailbox.is_ready(known):
            self._dispatch(mailbox, known, history=history)

    def _loaded(self, load: asyncio.Task[None]) -> None:
        self._loads.discard(load)
        self._ended()
        if not load.cancelled() and load.exception() is not None:
            _log.error("a turn could not begin", exc_info=load.exception())

    def _ended(self) -> None:
        self.running -= 1
        if self.running == 0:
            self._idle.set()
        self._wake()

    def _dispatch(self, mailbox: Mailbox, record: InstanceRecord, history: list[HistoryEvent] | None) -> None:
        code = self._registry.workflow(record.name, record.definition)
        missing = self.missing_workflow(record) if code is None else None
        controls_only = record.status is RuntimeStatus.STALLED and not mailbox.retry
        if missing is not None and mailbox.has(CONTROLS):
            controls_only = True  # without its code a run can still be ended or paused; the rest waits
        messages = mailbox.begin_turn(controls_only=controls_only)
        request = TurnRequest(
            record=record,
            rows=[message.row for message in messages],
            code=None if controls_only else code,
            missing=None if controls_only else missing,
            history=history,
            now=self._clock.now(),
        )
        self.running += 1
        loop = asyncio.get_running_loop()

        def take() -> None:
            outcome = self._dispatcher.take(request)
            loop.call_soon_threadsafe(taken, outcome)

        def taken(outcome: TurnOutcome) -> None:
            self._outcomes.append((mailbox, outcome))
            self._ended()

        self._thread.submit(take)

    def missing_workflow(self, record: InstanceRecord) -> Stall | None:
        """Why a run's code isn't there, or None if it is."""
        if self._registry.workflow(record.name, record.definition) is not None:
            return None
        if self._registry.workflow(record.name) is None:
            message = f"{record.instance_id} waits for code: run the cell that defines `{record.name}`"
        else:
            message = (
                f"{record.instance_id} was started with another version of `{record.name}`: run the cell that "
                f"defines that version, or `%wf resume {record.instance_id}` to go on with the present one"
            )
        return Stall(reason=StallReason.CODE_MISSING, message=message)
