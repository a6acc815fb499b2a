"""All runs of an engine that isn't there: an `InstancesSource` over a store in memory, whose engine's thread is the test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from nbflow.core.history import HistoryEvent
from nbflow.core.operations import AppendHistory, PurgeInstance, PutInstance
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.errors import RuntimeClosedError
from nbflow.ports import InstanceFilter
from nbflow.stores.memory import MemoryStore
from nbflow.views.instances import InstanceRow, WantFold, instance_row
from nbflow.widgets.source import Commit
from tests.views.stories import T0, Story
from tests.views.stories_instances import Run
from tests.widgets.sources import FakeSource


class FakeInstances:
    """Runs in a store; the test commits to them.

    Attributes:
        store: Where they are.
        sources: The runs that a card can be opened of, by ID.
        missing: Names of missing code, by ID.
        held: IDs of runs that wait for their owner.
        followers: Who is told.
        later: What is to be called back, and when.
        looks: What waits to be done aside, if `waits_aside`.
        reads: How many histories were read.
        at_once: How many histories are read in a moment.
        closed: Why nothing comes any more.
    """

    def __init__(self, runs: Sequence[Run] = (), *, now: float = 130.0) -> None:
        self.store = MemoryStore()
        self.store.open()
        self.sources: dict[str, FakeSource] = {}
        self.missing: dict[str, list[str]] = {}
        self.held: set[str] = set()
        self.followers: list[tuple[Commit, Callable[[Sequence[str]], object], Callable[[str], object]]] = []
        self.later: list[tuple[datetime, Callable[[], None]]] = []
        self.waits_aside = False
        self.looks: list[Callable[[], object]] = []
        self.reads = 0
        self.at_once = 4
        self.still = False
        self.said_of_it = ""
        self.closed = ""
        self.time = T0 + timedelta(seconds=now)
        self._lengths: dict[tuple[str, str], int] = {}
        for record, history in runs:
            self.put(record, history)

    # -- what the test does -------------------------------------------------------------------

    def put(self, record: InstanceRecord, events: Sequence[HistoryEvent] = (), *, lose: bool = False) -> None:
        """Commit a run's row and what its history gained; with ``lose``, without telling anybody."""
        append = AppendHistory(
            instance_id=record.instance_id, execution_id=record.execution_id, events=tuple(events)
        )
        self.store.commit([PutInstance(record=record), *([append] if events else [])])
        self.time = max(self.time, record.last_updated_at)
        if not lose:
            for news, _, _ in list(self.followers):
                news(record, events)

    def purge(self, *instance_ids: str) -> None:
        self.store.commit([PurgeInstance(instance_id=each) for each in instance_ids])
        for _, erased, _ in list(self.followers):
            erased(instance_ids)

    def close(self) -> None:
        self.closed = "its history is closed: `%wf db shop.duckdb` opens it again"
        for _, _, closed in list(self.followers):
            closed(self.closed)

    def advance(self, seconds: float) -> None:
        """Let time pass, and what waits for it happen."""
        end = self.time + timedelta(seconds=seconds)
        while True:
            due = sorted((item for item in self.later if item[0] <= end), key=lambda item: item[0])
            if not due:
                break
            self.later.remove(due[0])
            self.time = max(self.time, due[0][0])
            due[0][1]()
        self.time = end

    def do_looks(self) -> None:
        """Do what waits aside, one look after the other."""
        while self.looks:
            self.looks.pop(0)()

    # -- what a dashboard asks ----------------------------------------------------------------

    def page(self, where: InstanceFilter, *, after: str | None, limit: int | None) -> list[InstanceRecord]:
        self._check()
        return self.store.list_instances(where, after=after, limit=limit, newest_first=True)

    def counts(self, where: InstanceFilter) -> Mapping[RuntimeStatus, int]:
        self._check()
        return self.store.count_by_status(where)

    def histories(
        self, records: Sequence[InstanceRecord]
    ) -> list[tuple[InstanceRecord, Sequence[HistoryEvent]] | None]:
        self._check()
        found: list[tuple[InstanceRecord, Sequence[HistoryEvent]] | None] = []
        for record in records[: self.at_once]:
            now = self.store.get_instance(record.instance_id)
            self.reads += 1
            found.append(None if now is None else (now, self.store.read_history(record.instance_id)))
        return found

    def row(self, record: InstanceRecord, fold: WantFold | None) -> InstanceRow:
        missing, held = self.missing.get(record.instance_id, []), record.instance_id in self.held
        return instance_row(record, fold, missing_code=missing, is_held=held)

    def follow(
        self, news: Commit, *, erased: Callable[[Sequence[str]], object], closed: Callable[[str], object]
    ) -> Callable[[], None]:
        self._check()
        follower = (news, erased, closed)
        self.followers.append(follower)

        def stop() -> None:
            if follower in self.followers:
                self.followers.remove(follower)

        return stop

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        self.later.append((self.time + timedelta(seconds=seconds), callback))

    def aside(self, look: Callable[[], object]) -> None:
        self._check()
        if self.waits_aside:
            self.looks.append(look)
        else:
            look()

    def run(self, instance_id: str) -> FakeSource:
        if instance_id not in self.sources:
            source = self.sources[instance_id] = FakeSource(Story(instance_id=instance_id))
            source.is_purged = True
        return self.sources[instance_id]

    def now(self) -> datetime:
        return self.time

    @property
    def caveat(self) -> str:
        return self.said_of_it

    @property
    def stands_still(self) -> bool:
        return self.still

    def _check(self) -> None:
        if self.closed:
            raise RuntimeClosedError(self.closed)
