"""The port behind a dashboard: all runs of an engine, wherever it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeAlias

import msgspec

from nbflow.core.history import HistoryEvent
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.ports import InstanceFilter
from nbflow.views.instances import InstanceRow, Listing, WantFold
from nbflow.widgets.source import CardSource, Commit

History: TypeAlias = Sequence[HistoryEvent]

_INSTANT: Final = timedelta(microseconds=1)


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs a dashboard is of.

    Attributes:
        name: Only those of this workflow.
        after: Only those that stand below this run in the list of all.
    """

    name: str | None = None
    after: str | None = None

    def __str__(self) -> str:
        """In words: ``of fulfil, below order-5``; empty for all."""
        parts = [] if self.name is None else [f"of {self.name}"]
        return ", ".join(parts if self.after is None else [*parts, f"below {self.after}"])


class InstancesSource(Protocol):
    """The runs as a dashboard sees them.

    The engine's thread is the one that `follow` and `call_later` call back on; it must not be kept waiting.
    All methods may be called from any thread, but those that may wait for the store never on the engine's.
    """

    def page(self, where: InstanceFilter, *, after: str | None, limit: int | None) -> list[InstanceRecord]:
        """Runs that pass the filter, newest first, behind the one called ``after``; may wait for the store.

        Raises:
            StoreError: It can't be read; or ``after`` isn't there any more.
        """
        ...

    def counts(self, where: InstanceFilter) -> Mapping[RuntimeStatus, int]:
        """How many of the runs that pass the filter have each status; may wait for the store."""
        ...

    def histories(self, records: Sequence[InstanceRecord]) -> list[tuple[InstanceRecord, History] | None]:
        """The present records and histories of the first few of these runs, as many as can be had in a moment.

        At least one; None for one that is gone, and nothing of a history that can't be read here. May wait
        for the store.
        """
        ...

    def row(self, record: InstanceRecord, fold: WantFold | None) -> InstanceRow:
        """The line of a run, with what only the engine knows of it: the code that is missing, who is held."""
        ...

    def follow(
        self,
        news: Commit,
        *,
        erased: Callable[[Sequence[str]], object],
        closed: Callable[[str], object],
    ) -> Callable[[], None]:
        """Be told of every commit, of runs that are purged, and of the end, until the function returned is called.

        See `CardSource.subscribe`. ``closed`` gets the reason as a sentence; nothing comes after it.

        Raises:
            RuntimeClosedError: The engine is closed already.
        """
        ...

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back once on the engine's thread. Never, if the engine closes."""
        ...

    def aside(self, look: Callable[[], object]) -> None:
        """Do something that may take its time, on a thread for that; see `CardSource.aside`."""
        ...

    def run(self, instance_id: str) -> CardSource:
        """One of the runs, which need not exist."""
        ...

    def now(self) -> datetime:
        """The present time of the engine's clock, aware UTC."""
        ...

    @property
    def caveat(self) -> str:
        """What is to be known of how the history is kept; empty: nothing."""
        ...

    @property
    def stands_still(self) -> bool:
        """Whether that clock shows the same time until somebody moves it."""
        ...


def listing(
    source: InstancesSource,
    scope: Scope | None = None,
    statuses: tuple[RuntimeStatus, ...] = (),
    *,
    limit: int = 50,
) -> Listing:
    """A page of the runs, newest first, with what they wait for.

    Args:
        source: The runs.
        scope: Which of them; all, if it is None.
        statuses: Any of these.
        limit: How many at the most.

    Raises:
        StoreError: They can't be read.
    """
    scope = scope if scope is not None else Scope()
    where = InstanceFilter(statuses=statuses, name=scope.name)
    found = source.page(where, after=scope.after, limit=limit)
    waiting = [record for record in found if not record.status.is_terminal]
    folds: dict[str, tuple[InstanceRecord, WantFold]] = {}
    while waiting:
        read = source.histories(waiting)
        folds.update((of[0].instance_id, (of[0], WantFold.of(of[1]))) for of in read if of is not None)
        waiting = waiting[max(len(read), 1) :]
    rows: list[InstanceRow] = []
    for record in found:
        newest, fold = folds.get(record.instance_id, (record, None))
        rows.append(source.row(newest, fold))
    return Listing(
        rows=tuple(rows),
        counts=source.counts(InstanceFilter(name=scope.name)),
        now=source.now(),
        more=_behind(source, where, found[-1]) if found else 0,
    )


def _behind(source: InstancesSource, where: InstanceFilter, last: InstanceRecord) -> int:
    """How many runs stand behind one: those that are older, and of those of the same moment the ones below it."""
    at = last.created_at
    older = msgspec.structs.replace(where, created_to=at)
    same = msgspec.structs.replace(where, created_from=at, created_to=at + _INSTANT)
    return sum(source.counts(older).values()) + len(source.page(same, after=last.instance_id, limit=None))
