"""The engine's side of turns: histories are read, turns taken on the dispatch thread, outcomes collected.

Turns of many instances are asked for at once and come back in any order. Which
executions are in memory is known here; one is taken out only between its turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from nbflow.core.state import InstanceRecord, RuntimeStatus, Stall, StallReason
from nbflow.definitions import Registry
from nbflow.engine.code import missing_workflow
from nbflow.engine.commits import Committer
from nbflow.engine.dispatch import Dispatcher, TurnOutcome, TurnRequest, stalled_outcome
from nbflow.engine.dispatching import Dispatching
from nbflow.engine.instance import Instance
from nbflow.engine.lane import Job
from nbflow.engine.loading import Loading
from nbflow.engine.options import EngineOptions
from nbflow.engine.threads import MakeThread
from nbflow.engine.warm import Warm
from nbflow.errors import StoreError, UntrustedError
from nbflow.ports import Clock


class Turns:
    """Has turns taken, and keeps a bounded number of executions in memory.

    Args:
        committer: Reads histories.
        registry: The code.
        clock: The time of each turn.
        options: What executions are recorded under, and what they may grow to.
        next_row_id: Gives row IDs for messages.
        loaded: Called with an instance that was loaded.
        failed: Called with an instance that could not be loaded.
        wake: Called when there is an outcome to collect.
        make_thread: Gives a thread of a name: the dispatch thread, and another should that one be lost.

    Attributes:
        running: Reads and turns that are under way, and reads that wait for others.
        on_rest: Called when none is any more.
    """

    def __init__(
        self,
        committer: Committer,
        registry: Registry,
        clock: Clock,
        options: EngineOptions,
        *,
        next_row_id: Callable[[], int],
        loaded: Callable[[Instance], None],
        failed: Callable[[Instance, StoreError], None],
        wake: Callable[[], None],
        make_thread: MakeThread,
    ) -> None:
        self._registry = registry
        self._clock = clock
        self._tell_loaded = loaded
        self._wake = wake
        dispatcher = Dispatcher(next_row_id, options, prepare=registry.activity)
        self._dispatching = Dispatching(make_thread, dispatcher, options.stuck_after)
        self._warm = Warm()
        self._options = options
        self._outcomes: list[tuple[Instance, TurnOutcome]] = []
        self._loading = Loading(
            committer,
            options.reads_at_once,
            may_read=self._may_read,
            began=self._began,
            ended=self._loaded,
            failed=failed,
        )
        self._taking = 0
        self._is_read = False  # whether something is, whose turn has not begun
        self.on_rest: Callable[[], None] = _nothing
        self.running = 0

    @property
    def has_room(self) -> bool:
        """Whether more turns may be begun."""
        return self._taking < self._options.turns_at_once

    # -- reading ------------------------------------------------------------------------------

    def load(self, instance: Instance) -> asyncio.Future[StoreError | None]:
        """Read an instance's row, if it is not known, and its history; the engine is told when that is done.

        Returns:
            A future of the error if they can't be read; it may not be cancelled.
        """
        return self._loading.load(instance)

    def read_on(self) -> None:
        """Read more, now that turns were begun of all that was read."""
        self._is_read = False
        self._loading.go_on()

    def _may_read(self) -> bool:
        return self.has_room and not self._is_read

    def _began(self) -> None:
        self.running += 1

    def _loaded(self, instance: Instance) -> None:
        self._is_read = True
        self._tell_loaded(instance)
        self._ended()

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
            uses=self._registry.changed_uses(record.name, record.definition, adopts) if adopts else (),
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
        self._taking += 1

        def taken(outcome: TurnOutcome) -> None:
            self._taking -= 1
            self._loading.go_on()  # if it waits for room
            self._collect(instance, outcome)
            self._ended()

        self._dispatching.take(request, taken)

    # -- turns that go on by themselves ---------------------------------------------------------

    def depart(self, job: Job) -> None:
        """Have a job of many turns done, that counts as one under way until its end is told by one of the following."""
        self.running += 1
        self._dispatching.do(job)

    def arrived(self, instance: Instance, outcome: TurnOutcome) -> None:
        """Note that it has ended with a turn that nobody has committed."""
        self._collect(instance, outcome)
        self._ended()

    def let_go(self, job: Job) -> None:
        """Have others go on without it: it does no turns any more."""
        self._dispatching.let_go(job)
        self._ended()

    def _collect(self, instance: Instance, outcome: TurnOutcome) -> None:
        self._outcomes.append((instance, outcome))
        self._wake()

    def _ended(self) -> None:
        self.running -= 1
        if self.running == 0:
            self.on_rest()

    def collect(self) -> list[tuple[Instance, TurnOutcome]]:
        """The turns that were taken since the last call."""
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    # -- what is in memory --------------------------------------------------------------------

    def keep_warm(self, instance: Instance, is_warm: bool, payloads: int = 0) -> None:
        """Note whether an instance's execution is in memory, with what payloads, and that it was used just now."""
        instance.is_warm = is_warm
        if is_warm:
            self._warm.use(instance, payloads)
        else:
            self._warm.drop(instance)

    def evict(self, *instances: Instance) -> None:
        """Take executions out of memory; none of them may have a turn under way."""
        for instance in instances:
            self.keep_warm(instance, False)
        instance_ids = [instance.instance_id for instance in instances]
        self._dispatching.evict(instance_ids)

    def evict_surplus(self) -> list[Instance]:
        """Take out of memory what exceeds the cache and was used the longest ago; gives what went."""
        surplus = self._warm.surplus(self._options.cache_size, self._options.cache_bytes)
        if surplus:
            self.evict(*surplus)
        return surplus

    async def stop(self, seconds: float) -> None:
        """Take everything out of memory and end the dispatch thread, if it comes back in time."""
        self._loading.stop()
        self.evict(*self._warm)
        await self._dispatching.stop(seconds)


def _unreadable(error: StoreError) -> Stall:
    if isinstance(error, UntrustedError):
        return Stall(reason=StallReason.UNTRUSTED, message=str(error), seq=error.seq)
    return Stall(reason=StallReason.CODE_MISSING, message=str(error))


def _nothing() -> None:
    pass
