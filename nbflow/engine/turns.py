"""The engine's side of turns: histories are read, turns taken on the dispatch thread, outcomes collected.

Turns of many instances are asked for at once and come back in any order. Which
executions are in memory is known here; one is taken out only between its turns.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeAlias

import msgspec

from nbflow.core.history import HistoryEvent
from nbflow.core.outbox import Descendant
from nbflow.core.state import InstanceRecord, RuntimeStatus, Stall, StallReason
from nbflow.definitions import Registry
from nbflow.engine.code import missing_workflow, stored_source
from nbflow.engine.commits import Committer
from nbflow.engine.dispatch import Dispatcher, TurnOutcome, TurnRequest, stalled_outcome
from nbflow.engine.dispatching import Dispatching
from nbflow.engine.family import nearest_alive
from nbflow.engine.instance import Instance
from nbflow.engine.options import EngineOptions
from nbflow.engine.threads import MakeThread
from nbflow.errors import StoreError, UnknownHistoryKindError, UntrustedError
from nbflow.ports import Clock, HistoryStore

_Loaded: TypeAlias = tuple[
    InstanceRecord | None, list[HistoryEvent] | StoreError | None, list[Descendant] | None, str | None
]
"""Row, history (None: it is in memory), whom a recursive termination concerns (None: not asked), and the source
that a stalled run was started with."""


class Turns:
    """Has turns taken, and keeps a bounded number of executions in memory.

    Args:
        committer: Reads histories.
        registry: The code.
        clock: The time of each turn.
        options: What executions are recorded under, and what they may grow to.
        next_row_id: Gives row IDs for messages.
        touch: Called with an instance that was loaded.
        failed: Called with an instance that could not be loaded.
        wake: Called when there is an outcome to collect.
        make_thread: Gives a thread of a name: the dispatch thread, and another should that one be lost.
    """

    def __init__(
        self,
        committer: Committer,
        registry: Registry,
        clock: Clock,
        options: EngineOptions,
        *,
        next_row_id: Callable[[], int],
        touch: Callable[[Instance], None],
        failed: Callable[[Instance, StoreError], None],
        wake: Callable[[], None],
        make_thread: MakeThread,
    ) -> None:
        self._committer = committer
        self._registry = registry
        self._clock = clock
        self._touch = touch
        self._failed = failed
        self._wake = wake
        dispatcher = Dispatcher(next_row_id, options, prepare=registry.activity)
        self._dispatching = Dispatching(make_thread, dispatcher, options.stuck_after)
        self._warm: OrderedDict[str, Instance] = OrderedDict()
        self._outcomes: list[tuple[Instance, TurnOutcome]] = []
        self._loads: dict[str, asyncio.Task[StoreError | None]] = {}
        self._rested = asyncio.Event()
        self.running = 0

    # -- reading ------------------------------------------------------------------------------

    def load(self, instance: Instance) -> asyncio.Task[StoreError | None]:
        """Read an instance's row, if it is not known, and its history; the engine is told when that is done.

        Returns:
            A task whose result is the error if they can't be read; it may not be cancelled.
        """
        load = self._loads.get(instance.instance_id)
        if load is None:
            instance.is_loading = True
            self.running += 1
            load = asyncio.get_running_loop().create_task(self._load(instance))
            self._loads[instance.instance_id] = load
        return load

    async def _load(self, instance: Instance) -> StoreError | None:
        known, is_there, has_end = instance.record, instance.is_loaded, instance.may_end_family

        def read(store: HistoryStore) -> _Loaded:
            record = known if known is not None else store.get_instance(instance.instance_id)
            if record is None or record.status.is_terminal:
                return record, [], [], None
            family = nearest_alive(store, record.instance_id) if has_end else None
            if is_there:
                return record, None, family, None
            source = stored_source(store, record) if record.status is RuntimeStatus.STALLED else None
            try:
                history = store.read_history(record.instance_id, record.execution_id, checked=True)
            except (UnknownHistoryKindError, UntrustedError) as error:
                return record, error, family, source
            return record, history, family, source

        try:
            record, history, instance.family, source = await self._committer.read(read)
        except StoreError as error:
            self._failed(instance, error)
            return error
        else:
            instance.record, instance.is_known = record, True
            instance.recorded_source = source or instance.recorded_source
            if isinstance(history, StoreError):
                instance.unreadable = history
            elif history is not None:
                instance.history = history
            return None
        finally:
            instance.is_loading = False
            del self._loads[instance.instance_id]
            self._ended()
            self._touch(instance)

    # -- turns --------------------------------------------------------------------------------

    def begin(self, instance: Instance) -> None:
        """Begin the turn of an instance that is ready and loaded."""
        record = instance.record
        assert record is not None, "a turn needs an instance"
        is_stalled = record.status is RuntimeStatus.STALLED
        adopts = instance.adopts if is_stalled and instance.retry else None
        code = self._registry.version(record.name, adopts or record.definition or None)
        if code is not None and not record.definition:
            record = msgspec.structs.replace(record, definition=code.code_hash)  # it begins with the newest
        controls_only = instance.is_held or (is_stalled and not instance.retry)
        if code is None and instance.may_do_without_code:
            controls_only = True  # without its code a run can still be ended or paused; the rest waits
        history, instance.history = instance.history, None
        unreadable, instance.unreadable = instance.unreadable, None
        family, instance.family = instance.family or [], None
        messages = instance.begin_turn(controls_only=controls_only)
        request = TurnRequest(
            record=record,
            rows=[message.row for message in messages],
            code=None if controls_only or code is None else code.running,
            adopts=adopts,
            recorded_source=self._source_of(instance, record) if adopts is not None else None,
            missing=missing_workflow(self._registry, record) if code is None and not controls_only else None,
            history=None if instance.is_warm else history,
            family=family,
            now=self._clock.now(),
        )
        instance.is_unreadable = unreadable is not None
        if unreadable is not None:
            instance.refuse_replacement(unreadable)
            self._collect(instance, stalled_outcome(request, _unreadable(unreadable)))
        else:
            self._dispatch(instance, request)

    def _source_of(self, instance: Instance, record: InstanceRecord) -> str | None:
        """The text of the version that a run was started with, for the report should another one not fit."""
        version = self._registry.version(record.name, record.definition or None)
        return version.source if version is not None else instance.recorded_source

    def _dispatch(self, instance: Instance, request: TurnRequest) -> None:
        self.running += 1

        def taken(outcome: TurnOutcome) -> None:
            self._collect(instance, outcome)
            self._ended()

        self._dispatching.take(request, taken)

    def _collect(self, instance: Instance, outcome: TurnOutcome) -> None:
        self._outcomes.append((instance, outcome))
        self._wake()

    def _ended(self) -> None:
        self.running -= 1
        if self.running == 0:
            self._rested.set()

    async def join(self, seconds: float) -> None:
        """Wait until no turn is under way, but not longer than so."""
        if self.running == 0:
            return
        self._rested.clear()
        handle = asyncio.get_running_loop().call_later(seconds, self._rested.set)
        await self._rested.wait()
        handle.cancel()

    def collect(self) -> list[tuple[Instance, TurnOutcome]]:
        """The turns that were taken since the last call."""
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    # -- what is in memory --------------------------------------------------------------------

    def keep_warm(self, instance: Instance, is_warm: bool) -> None:
        """Note whether an instance's execution is in memory, and that it was used just now."""
        instance.is_warm = is_warm
        if is_warm:
            self._warm[instance.instance_id] = instance
            self._warm.move_to_end(instance.instance_id)
        else:
            self._warm.pop(instance.instance_id, None)

    def evict(self, *instances: Instance) -> None:
        """Take executions out of memory; none of them may have a turn under way."""
        for instance in instances:
            self.keep_warm(instance, False)
        instance_ids = [instance.instance_id for instance in instances]
        self._dispatching.evict(instance_ids)

    def evict_surplus(self, cache_size: int) -> list[Instance]:
        """Take out of memory what exceeds the cache and was used the longest ago; gives what went."""
        count = len(self._warm) - cache_size
        if count <= 0:
            return []
        surplus = [instance for instance in self._warm.values() if not instance.is_busy][:count]
        self.evict(*surplus)
        return surplus

    async def stop(self, seconds: float) -> None:
        """Take everything out of memory and end the dispatch thread, if it comes back in time."""
        for load in self._loads.values():
            load.cancel()
        self.evict(*self._warm.values())
        await self._dispatching.stop(seconds)


def _unreadable(error: StoreError) -> Stall:
    if isinstance(error, UntrustedError):
        return Stall(reason=StallReason.UNTRUSTED, message=str(error), seq=error.seq)
    return Stall(reason=StallReason.CODE_MISSING, message=str(error))
