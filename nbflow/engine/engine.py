"""The engine: messages in, turns, one commit a tick, and only then what depends on it.

Everything here runs on the engine's own asyncio loop. A tick takes a turn for
every instance that has something to do, on the dispatch thread; whatever has
finished shortly after goes into one commit, together with the messages that must
be kept; behind it activities are started, timers noted, prints released and
watchers told (`effects`). Recovery is no second path: opening a store delivers its
inbox and starts its pending activities, and the first tick goes on from there.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Coroutine, Iterable, Sequence
from concurrent.futures import Future
from contextvars import Context
from typing import Final, TypeVar

import msgspec

from nbflow.core.history import ExecutionStarted, TaskScheduled
from nbflow.core.operations import PutInstance
from nbflow.core.outbox import Outgoing
from nbflow.core.state import InstanceRecord, RuntimeStatus, Stall, StallReason
from nbflow.core.trust import Finding
from nbflow.definitions import Registry
from nbflow.engine.activities import ActivityRunner
from nbflow.engine.code import missing_activity
from nbflow.engine.commits import CommitItem, Committer
from nbflow.engine.delivery import Delivery
from nbflow.engine.dispatch import TurnOutcome
from nbflow.engine.distrust import refusal
from nbflow.engine.eager import Eager, Means
from nbflow.engine.effects import Effects
from nbflow.engine.holding import Holding, not_ended
from nbflow.engine.instance import Instance
from nbflow.engine.keeping import Keeper
from nbflow.engine.options import EngineOptions
from nbflow.engine.quiet import Quiet
from nbflow.engine.recovery import pending_attempts
from nbflow.engine.residents import Residents
from nbflow.engine.threads import MakeThread, SerialThread
from nbflow.engine.tick import Tick
from nbflow.engine.timers import TimerPump
from nbflow.engine.turns import Turns
from nbflow.engine.watchers import Watchers
from nbflow.errors import RuntimeClosedError, StoreError
from nbflow.ports import ActivityExecutor, Clock, HistoryStore

_log: Final = logging.getLogger("nbflow.engine")

_RETRY_SECONDS: Final = 0.1
_MAX_RETRY_SECONDS: Final = 10.0
"""How long an instance rests after a commit of it has failed: at first, and at the most."""

_CLOSE_SECONDS: Final = 3.0
"""How long closing waits for turns that are still running."""


_Promise = TypeVar("_Promise", asyncio.Future[None], Future[None])


class Engine:
    """Runs the instances of one store.

    Args:
        store: The store; the engine's store thread opens and closes it.
        executor: Where activities run.
        clock: What time it is.
        registry: The code that is known.
        options: Sizes and limits.
        make_thread: Gives the threads of store and dispatch; a simulation has its own.
    """

    def __init__(
        self,
        store: HistoryStore,
        executor: ActivityExecutor,
        clock: Clock,
        registry: Registry,
        options: EngineOptions,
        make_thread: MakeThread = SerialThread,
    ) -> None:
        self.clock = clock
        self.registry = registry
        self.committer = Committer(store, make_thread("nbflow-store"))
        self.watchers = Watchers()
        self.origins: dict[str, Context] = {}
        self.options = options
        self._loop = asyncio.get_running_loop()
        self._row_ids = itertools.count(1)
        self._promises: set[asyncio.Future[None] | Future[None]] = set()
        self._tick = Tick(self.committer, self._stopped)
        self.holding = Holding()
        self.residents = Residents(self._tick.wake, self.holding)
        self.findings: Sequence[Finding] = ()
        self._closed: RuntimeClosedError | None = None
        self._services: list[asyncio.Task[None]] = []
        self._keeper = Keeper(self.residents.touch, self.unborn, self.post_outgoing)
        self.delivery = Delivery(
            self.residents,
            self.committer,
            clock,
            options,
            next_row_id=self.next_row_id,
            add=self.add,
            posted=self._keeper.posted,
        )
        self.timers = TimerPump(self.committer, clock, self.delivery.post_stored)
        self.turns = Turns(
            self.committer,
            registry,
            clock,
            options,
            next_row_id=self.next_row_id,
            loaded=self.residents.touch_read,
            failed=self._not_loaded,
            wake=self._tick.collect,
            make_thread=make_thread,
        )
        self.activities = ActivityRunner(
            executor,
            registry,
            clock,
            limit=options.max_concurrent_activities,
            deliver=self.delivery.post_result,
            arrived=self._tick.now,
            quick_below=options.eager_below if options.cache_size else 0.0,
            forward_orphans=options.forward_orphans,
        )
        self._effects = self._make_effects()
        self.quiet = Quiet(
            self._tick,
            self.residents,
            self.delivery,
            self.turns,
            self.activities,
            self.timers,
            self.check_open,
        )

    def _make_effects(self) -> Effects:
        means = Means(self.activities, self.committer, self.clock, self.next_row_id)
        eager = Eager(means, self.registry, self.turns, self.watchers, self.residents.touch)
        self._tick.on_pass = self.committer.on_wanted = eager.recall
        return Effects(
            registry=self.registry,
            activities=self.activities,
            eager=eager,
            timers=self.timers,
            watchers=self.watchers,
            turns=self.turns,
            holding=self.holding,
            origins=self.origins,
            touch=self.residents.touch,
            post=self.post_outgoing,
            begin=self.delivery.begin,
            unborn=self.unborn,
            failed=self._rest,
        )

    # -- life -------------------------------------------------------------------------------

    async def open(self) -> None:
        """Open the store and go on with everything that is in it, if its owner wrote that; raises StoreError."""
        await self.committer.open()
        self._row_ids = itertools.count(await self.committer.read(lambda store: store.next_row_id()))
        await self.look_again()

    @property
    def is_trusted(self) -> bool:
        """Whether what is in the store runs: its owner wrote it."""
        return not self.findings

    def check_trusted(self) -> None:
        """Raise UntrustedError if nothing of the store runs."""
        if self.findings:
            raise refusal(self.findings)

    async def look_again(self) -> None:
        """Look whether the store's owner wrote what is in it, and if so go on with it; raises StoreError."""
        was_trusted = self.is_trusted
        self.findings = await self.committer.read(lambda store: store.audit())
        self.committer.distrust(self.findings)
        if self.is_trusted:
            await self._go_on()
        if not was_trusted and self.is_trusted:
            for record in await self.committer.read(not_ended):
                self.watchers.publish(record, [])

    async def trust(self) -> int:
        """Take every row of the store for its owner's, and go on; gives how many were not. Raises StoreError."""
        self.check_open()
        count = await self.committer.read(lambda store: store.seal_anew())
        if not self.is_trusted:
            await self.look_again()
        for record in await self.committer.read(not_ended):
            if record.stall is not None and record.stall.reason is StallReason.UNTRUSTED:
                self.retry(self.residents.get(record.instance_id))
        return count

    async def _go_on(self) -> None:
        if not self.options.auto_resume:
            self.holding.hold(await self.committer.read(not_ended))
        if self.options.restore_code:
            for stored in await self.committer.read(lambda store: store.list_definitions()):
                self.registry.add_stored(stored)
        inbox = await self.committer.read(lambda store: store.read_inbox())
        for row in inbox:
            self.delivery.post_stored(row)
        for record, attempt in await pending_attempts(self.committer, inbox):
            if record.instance_id in self.holding:
                self.holding.keep(record.instance_id, attempt)
            else:
                self._start(record, attempt)
        self._tick.start(self, self.residents, self.turns)
        self._serve(self.timers.run())

    def _serve(self, coro: Coroutine[None, None, None]) -> None:
        service = self._loop.create_task(coro)
        self._services.append(service)
        service.add_done_callback(self._service_ended)

    async def release(self, instance_id: str) -> None:
        """Let a run go on that was held when the store was opened; raises StoreError."""
        instance = await self.known(instance_id)
        instance.is_held = False
        for attempt in self.holding.release(instance_id):
            if instance.record is not None and not instance.record.status.is_terminal:
                self._start(instance.record, attempt)
        self.residents.touch(instance)

    def _start(self, record: InstanceRecord, attempt: TaskScheduled) -> None:
        """Start an attempt of before; a run whose activity isn't known any more waits for it (S52)."""
        self.registry.activity(attempt.name)  # makes a stored one, to know whether that can be done
        self.activities.start(record, attempt, None)
        if not self.registry.has_activity(attempt.name) and record.status is RuntimeStatus.RUNNING:
            self._put_stalled(record, missing_activity(record, attempt.name))

    def _put_stalled(self, record: InstanceRecord, stall: Stall) -> None:
        """Stall a run outside of a turn, which only recovery may do: there are no turns yet."""
        record = msgspec.structs.replace(record, status=RuntimeStatus.STALLED, stall=stall)
        instance = self.residents.get(record.instance_id)
        instance.record, instance.is_known = record, True
        self.residents.touch(instance)
        put = CommitItem(
            record.instance_id,
            [PutInstance(record=record)],
            lambda: self.watchers.publish(record, []),
            lambda error: _log.warning("%s could not be stalled: %s", record.instance_id, error),
        )
        self.add(put)

    async def close(self) -> None:
        """Commit what is under way, let go of everything, close the store."""
        if self._closed is None:
            self._closed = RuntimeClosedError("the runtime was closed")
        await self.activities.close()
        self.residents.touch_all()
        await self._tick.end(_CLOSE_SECONDS)
        for service in self._services:
            service.cancel()
        await self.turns.stop(1.0)
        self._give_up(self._closed)
        await self.committer.close()

    def check_open(self) -> None:
        """Raise RuntimeClosedError if nothing is taken in any more."""
        if self._closed is not None:
            raise RuntimeClosedError(f"{self._closed}: open a new one to go on; no run is lost by it")

    def promise(self) -> asyncio.Future[None]:
        """A future that fails when the engine ends before somebody completes it."""
        return self.promised(self._loop.create_future())

    def promised(self, promise: _Promise) -> _Promise:
        """Have a future fail when the engine ends before somebody completes it."""
        self._promises.add(promise)
        promise.add_done_callback(self._promises.discard)
        return promise

    def next_row_id(self) -> int:
        """The next number in the order of delivery."""
        return next(self._row_ids)

    def _service_ended(self, service: asyncio.Task[None]) -> None:
        error = None if service.cancelled() else service.exception()
        if error is not None:
            self._stopped(error)

    def _stopped(self, error: BaseException) -> None:
        _log.error("the engine stopped: %s", error, exc_info=error)
        self._closed = RuntimeClosedError(f"the engine stopped after an error of its own ({error})")
        self._give_up(self._closed)

    def _give_up(self, error: RuntimeClosedError) -> None:
        """Tell everybody who waits that nothing will come."""
        self.watchers.close(error)
        for promise in list(self._promises):
            if not promise.done():
                promise.set_exception(error)

    # -- instances and their messages ---------------------------------------------------------

    async def known(self, instance_id: str) -> Instance:
        """The instance with its row, read if need be; raises StoreError."""
        instance = self.residents.get(instance_id)
        instance.awaited += 1
        try:
            while not instance.is_known:
                error = await asyncio.shield(self.turns.load(instance))
                if error is not None:
                    raise error
        finally:
            instance.awaited -= 1
            self.residents.touch(instance)
        return instance

    def retry(self, instance: Instance) -> None:
        """Try a stalled run again."""
        instance.retry = True
        self.residents.touch(instance)

    def add(self, item: CommitItem) -> None:
        """Have something written by the next commit."""
        self._tick.add(item)

    def post_outgoing(self, outgoing: Sequence[Outgoing]) -> None:
        """Deliver messages to other instances; what children print belongs where their parent's prints do."""
        for message in outgoing:
            event = message.row.event
            if isinstance(event, ExecutionStarted) and event.parent is not None:
                origin = self.origins.get(event.parent.instance_id)
                if origin is not None:
                    self.origins[message.row.instance_id] = origin
        self.delivery.post_outgoing(outgoing)

    def unborn(self, instance: Instance) -> None:
        """Forget a run whose start could not be written."""
        self.origins.pop(instance.instance_id, None)
        instance.forget()

    def _rest(self, instance: Instance, error: StoreError) -> None:
        """Let an instance rest that the store failed for; longer each time."""
        seconds = min(_RETRY_SECONDS * 2 ** min(instance.failures, 10), _MAX_RETRY_SECONDS)
        _log.warning("%s: %s; tried again in %g s", instance.instance_id, error, seconds)
        instance.failures += 1
        instance.is_resting = True

        def rested() -> None:
            instance.is_resting = False
            self.residents.touch(instance)

        self._loop.call_later(seconds, rested)
        self.residents.touch(instance)

    def _not_loaded(self, instance: Instance, error: StoreError) -> None:
        """Give up what was asked of an instance that can't be read, and keep the rest for later."""
        asked = [m for m in instance.messages if m.settle is not None and not m.is_written]
        for message in asked:
            instance.messages.remove(message)
            message.settled(error)
        for settle in instance.give_up_try():
            settle(error)
        self._rest(instance, error)

    # -- the tick -----------------------------------------------------------------------------

    def item(self, instance: Instance, outcome: TurnOutcome) -> CommitItem:
        """What a turn wants written."""
        return self._effects.item(instance, outcome)

    def kept(self, instance: Instance) -> list[CommitItem]:
        """What is to be written of an instance that no turn was taken for."""
        return self._keeper.items(instance, is_closing=self._closed is not None)

    def done(self, instances: Iterable[Instance]) -> None:
        """Let go of what need not stay in memory."""
        surplus = self.turns.evict_surplus()
        self.residents.unload([*instances, *surplus])

    def advance(self, instance: Instance) -> None:
        """Begin whatever is to be done for an instance now."""
        if instance.is_busy or instance.is_idle:
            return
        if not instance.is_known:
            self.turns.load(instance)
            return
        if instance.messages and isinstance(instance.messages[0].row.event, ExecutionStarted):
            self.delivery.admit(instance)
        if instance.record is None or instance.record.status.is_terminal:
            self.delivery.discard(instance)
        elif not instance.is_ready():
            instance.history = None
        elif instance.is_loaded and (instance.family is not None or not instance.may_end_family):
            self.turns.begin(instance)
        else:
            self.turns.load(instance)
