"""Reading instances: the rows and histories of many with one question to the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nbflow.core.history import HistoryEvent
from nbflow.core.outbox import Descendant
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.engine.code import stored_source
from nbflow.engine.commits import Committer
from nbflow.engine.family import nearest_alive
from nbflow.engine.instance import Instance
from nbflow.errors import StoreError, UnknownHistoryKindError, UntrustedError
from nbflow.ports import HistoryStore


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be read of an instance.

    Attributes:
        instance_id: Whose.
        known: Its row, if that is known.
        history: Whether its history is wanted.
        family: Whether it may be ended together with those below it.
    """

    instance_id: str
    known: InstanceRecord | None
    history: bool
    family: bool


@dataclass(slots=True)
class _Found:
    """What was read of it; a history that can't be had is an error, or None where none was wanted."""

    record: InstanceRecord | None
    history: list[HistoryEvent] | StoreError | None = None
    family: list[Descendant] | None = None
    source: str | None = None


class Loading:
    """Reads what turns need; used on the engine's loop.

    Args:
        committer: Reads.
        most: Instances that are read together.
        may_read: Whether there is room for what is read; `go_on` is called when there may be.
        began: Called when an instance is about to be read.
        ended: Called with it once it was, or could not be.
        failed: Called with an instance that could not be read.
    """

    def __init__(
        self,
        committer: Committer,
        most: int,
        *,
        may_read: Callable[[], bool],
        began: Callable[[], None],
        ended: Callable[[Instance], None],
        failed: Callable[[Instance, StoreError], None],
    ) -> None:
        self._committer = committer
        self._most = most
        self._may_read = may_read
        self._began = began
        self._ended = ended
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._loads: dict[str, asyncio.Future[StoreError | None]] = {}
        self._waiting: list[Instance] = []
        self._reading: asyncio.Task[None] | None = None

    def load(self, instance: Instance) -> asyncio.Future[StoreError | None]:
        """Read an instance's row, if it is not known, and its history.

        Returns:
            A future of the error if they can't be read; it may not be cancelled.
        """
        load = self._loads.get(instance.instance_id)
        if load is None:
            instance.is_loading = True
            self._began()
            load = self._loads[instance.instance_id] = self._loop.create_future()
            self._waiting.append(instance)
            if len(self._waiting) == 1:
                self._loop.call_soon(self.go_on)
        return load

    def stop(self) -> None:
        """Wait for nothing any more."""
        self._waiting.clear()
        if self._reading is not None:
            self._reading.cancel()
        for load in self._loads.values():
            load.cancel()

    def go_on(self) -> None:
        """Read what waits, if nothing is being read; what is wanted meanwhile is read together next time."""
        if self._reading is not None or not self._waiting or not self._may_read():
            return
        self._reading = self._loop.create_task(self._read(self._take_some()))
        self._reading.add_done_callback(self._ended_reading)

    def _take_some(self) -> list[Instance]:
        """Half of those that wait longest, half of those that came last: who comes behind thousands isn't held up by them."""
        waiting, latest = self._waiting, self._most // 2
        if len(waiting) <= self._most:
            self._waiting = []
            return waiting
        first = self._most - latest
        self._waiting = waiting[first : len(waiting) - latest]
        return waiting[:first] + waiting[len(waiting) - latest :]

    def _ended_reading(self, _reading: asyncio.Task[None]) -> None:
        self._reading = None
        self.go_on()

    async def _read(self, instances: Sequence[Instance]) -> None:
        wanted = [_wanted(instance) for instance in instances]
        try:
            found = await self._committer.read(lambda store: _find(store, wanted))
        except StoreError as error:
            if len(instances) == 1:
                self._failed(instances[0], error)
                self._finish(instances[0], error)
                return
            for instance in instances:  # what is wrong with one must not stop the others (S67)
                await self._read([instance])
        else:
            for instance, one in zip(instances, found, strict=True):
                _take(instance, one)
                self._finish(instance, None)

    def _finish(self, instance: Instance, error: StoreError | None) -> None:
        instance.is_loading = False
        load = self._loads.pop(instance.instance_id)
        if not load.done():
            load.set_result(error)
        self._ended(instance)


def _wanted(instance: Instance) -> _Wanted:
    return _Wanted(instance.instance_id, instance.record, not instance.is_loaded, instance.may_end_family)


def _take(instance: Instance, found: _Found) -> None:
    instance.record, instance.is_known = found.record, True
    instance.family = found.family
    instance.recorded_source = found.source or instance.recorded_source
    if isinstance(found.history, StoreError):
        instance.unreadable = found.history
    elif found.history is not None:
        instance.history = found.history


def _find(store: HistoryStore, wanted: Sequence[_Wanted]) -> list[_Found]:
    unknown = [one.instance_id for one in wanted if one.known is None]
    records = store.get_instances(unknown) if unknown else {}
    found = [_Found(one.known or records.get(one.instance_id)) for one in wanted]
    alive: list[_Found] = []
    for one, got in zip(wanted, found, strict=True):
        record = got.record
        if record is None or record.status.is_terminal:
            got.history, got.family = [], []
            continue
        got.family = nearest_alive(store, record.instance_id) if one.family else None
        if one.history:
            if record.status is RuntimeStatus.STALLED:
                got.source = stored_source(store, record)
            alive.append(got)
    _read_histories(store, alive)
    return found


def _read_histories(store: HistoryStore, found: Sequence[_Found]) -> None:
    if len(found) > 1:
        try:
            histories = store.read_histories([_record(got).instance_id for got in found], checked=True)
        except (UnknownHistoryKindError, UntrustedError):
            pass  # whose it is turns out one by one
        else:
            for got in found:
                got.history = histories.get(_record(got).instance_id, [])
            return
    for got in found:
        record = _record(got)
        try:
            got.history = store.read_history(record.instance_id, record.execution_id, checked=True)
        except (UnknownHistoryKindError, UntrustedError) as error:
            got.history = error


def _record(found: _Found) -> InstanceRecord:
    assert found.record is not None, "only what is there has a history"
    return found.record
