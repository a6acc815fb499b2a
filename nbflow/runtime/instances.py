"""All runs of this process's runtime, as a dashboard sees them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from nbflow.core.history import HistoryEvent
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.errors import RuntimeClosedError, UnknownHistoryKindError
from nbflow.ports import HistoryStore, InstanceFilter
from nbflow.runtime.source import RunSource
from nbflow.runtime.wiring import caveat
from nbflow.views.instances import InstanceRow, WantFold, instance_row
from nbflow.views.instances.html import html_instances
from nbflow.widgets.instances import listing

if TYPE_CHECKING:
    from nbflow.runtime.runtime import WorkflowRuntime

_AT_FIRST: Final = 16
"""Histories that are read with one look, before it is known how large they are; then twice as many, and so on."""

_MOMENT: Final = 0.03
"""Seconds that the store may be kept by reading histories for a picture: commits wait meanwhile."""


class RuntimeInstances:
    """All runs, for whoever draws them; see `nbflow.widgets.instances.InstancesSource`.

    Args:
        runtime: The runtime.
        closed: Says what to do once the runtime is closed.
    """

    def __init__(
        self, runtime: WorkflowRuntime, *, closed: Callable[[], str] = lambda: "open the runtime again"
    ) -> None:
        self._runtime = runtime
        self._closed = closed

    def page(self, where: InstanceFilter, *, after: str | None, limit: int | None) -> list[InstanceRecord]:
        """Runs that pass the filter, newest first."""
        return self._open_runtime().read(
            lambda store: store.list_instances(where, after=after, limit=limit, newest_first=True)
        )

    def counts(self, where: InstanceFilter) -> Mapping[RuntimeStatus, int]:
        """How many runs that pass the filter have each status."""
        return self._open_runtime().read(lambda store: store.count_by_status(where))

    def histories(
        self, records: Sequence[InstanceRecord]
    ) -> list[tuple[InstanceRecord, Sequence[HistoryEvent]] | None]:
        """The present records and histories of the first few of these runs."""
        names = [record.instance_id for record in records]
        return self._open_runtime().read(lambda store: read_histories(store, names))

    def row(self, record: InstanceRecord, fold: WantFold | None) -> InstanceRow:
        """The line of a run."""
        if record.status.is_terminal or not self._runtime.is_open:
            return instance_row(record, fold)
        return instance_row(
            record,
            fold,
            missing_code=self._runtime.missing_code(record),
            is_held=self._runtime.is_held(record),
        )

    def follow(
        self,
        news: Callable[[InstanceRecord, Sequence[HistoryEvent]], None],
        *,
        erased: Callable[[Sequence[str]], object],
        closed: Callable[[str], object],
    ) -> Callable[[], None]:
        """Be told of every commit, of runs that are purged, and of the end."""
        return self._open_runtime().follow(
            news, erased=erased, closed=lambda _error: closed(f"its history is closed: {self._closed()}")
        )

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back once on the engine's thread."""
        with contextlib.suppress(RuntimeClosedError):
            self._runtime.submit(_later(seconds, callback))

    def aside(self, look: Callable[[], object]) -> None:
        """Do something that may take its time on a thread for that."""
        self._open_runtime().aside.do(look)

    def run(self, instance_id: str) -> RunSource:
        """One of the runs."""
        return RunSource(self._runtime, instance_id, closed=self._closed)

    def now(self) -> datetime:
        """The runtime's time."""
        return self._runtime.clock.now()

    @property
    def caveat(self) -> str:
        """That the runtime's durability is relaxed, if it is."""
        return caveat(self._runtime.durability)

    @property
    def stands_still(self) -> bool:
        """Whether that time is virtual."""
        return self._runtime.is_virtual

    def _open_runtime(self) -> WorkflowRuntime:
        if not self._runtime.is_open:
            raise RuntimeClosedError(f"its history is closed: {self._closed()}")
        return self._runtime


def html_of(runtime: WorkflowRuntime) -> str:
    """The newest runs of a runtime."""
    source = RuntimeInstances(runtime)
    return html_instances(listing(source), empty="no runs", note=source.caveat)


def read_histories(
    store: HistoryStore, names: Sequence[str]
) -> list[tuple[InstanceRecord, Sequence[HistoryEvent]] | None]:
    """The records and histories of the first few of these runs, as many as can be had in a moment."""
    found: list[tuple[InstanceRecord, Sequence[HistoryEvent]] | None] = []
    end, size = time.monotonic() + _MOMENT, _AT_FIRST
    while len(found) < len(names) and (not found or time.monotonic() < end):
        some = names[len(found) : len(found) + size]
        records, size = store.get_instances(some), 2 * size
        histories = _histories(store, [name for name in some if name in records])
        found += [(records[name], histories.get(name, ())) if name in records else None for name in some]
    return found


def _histories(store: HistoryStore, names: Sequence[str]) -> Mapping[str, Sequence[HistoryEvent]]:
    """The histories of runs, without those that can't be read here: they are stalled, and their rows say why."""
    try:
        return store.read_histories(names)
    except UnknownHistoryKindError:
        if len(names) == 1:
            return {}
    return {name: events for each in names for name, events in _histories(store, [each]).items()}


async def _later(seconds: float, callback: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(seconds, callback)
