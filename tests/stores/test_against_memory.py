"""The stores in files mean by every batch what the memory store means, whatever fails.

Risk proof 3, first half: random batches, among them ones that break a rule, ones
whose commit fails in the middle, and reopenings. The second half, SIGKILL, is in
``test_killed_writer.py``.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import duckdb
import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from nbflow.core import history as h
from nbflow.core import operations as op
from nbflow.core.state import RuntimeStatus
from nbflow.errors import StoreError
from nbflow.ports import HistoryStore, InstanceFilter
from nbflow.stores.duckdb import DuckDBStore
from nbflow.stores.journal.journal import JournalOptions
from nbflow.stores.journal.store import JournalStore
from nbflow.stores.memory import MemoryStore
from tests.stores.conftest import KEY
from tests.stores.faults import Faults
from tests.stores.journals import snapshot
from tests.stores.samples import (
    append,
    at,
    completed,
    contents,
    definition,
    message,
    put,
    scheduled,
    timer,
    turn,
)

IDS = st.sampled_from(["a", "b", "c"])
EXECUTIONS = st.sampled_from(["e1", "e2"])
TIMERS = st.integers(1, 3)
ROWS = st.integers(1, 12)
STATUSES = st.sampled_from([RuntimeStatus.RUNNING, RuntimeStatus.COMPLETED, RuntimeStatus.STALLED])
EVENTS = st.one_of(
    st.builds(turn, st.integers(0, 9)),
    st.builds(scheduled, TIMERS),
    st.builds(completed, TIMERS),
    st.builds(lambda i: h.TaskCancelled(at=at(0), scheduled_id=i), TIMERS),
)


class Append(tuple[str, str, list[h.HistoryEvent], int]):
    """Events to append; they get their numbers once the batch is put together, off by the last item."""

    __slots__ = ()


class Put(tuple[op.PutInbox, bool]):
    """A message; it gets a free number once the batch is put together, unless it insists on its own."""

    __slots__ = ()


RARELY = st.integers(0, 24).map(lambda n: n == 24)
OPERATIONS = st.one_of(
    st.builds(
        lambda i, e, events, off: Append((i, e, events, off)),
        IDS,
        EXECUTIONS,
        st.lists(EVENTS, max_size=3),
        RARELY.flatmap(lambda wrong: st.sampled_from([-1, 1]) if wrong else st.just(0)),
    ),
    st.builds(
        lambda i, e, status, parent, text, age: put(
            i,
            e,
            status=status,
            parent=parent and h.ParentReference(instance_id=parent, execution_id="e1", scheduled_id=1),
            custom_status=text,
            created_at=at(age),
        ),
        IDS,
        EXECUTIONS,
        STATUSES,
        st.none() | IDS,
        st.sampled_from([None, "1", '"ü"']),
        st.integers(0, 2),
    ),
    st.builds(
        lambda row, i, e, due, insists: Put((message(row, i, execution_id=e, due=due and at(due)), insists)),
        ROWS,
        IDS,
        st.none() | EXECUTIONS,
        st.none() | st.integers(1, 3),
        RARELY,
    ),
    st.builds(
        lambda i, e, t, due: Put((timer(1, i, e, t, due), False)),
        IDS,
        EXECUTIONS,
        TIMERS,
        st.integers(1, 3),
    ),
    st.builds(lambda rows: op.DeleteInbox(row_ids=tuple(rows)), st.lists(ROWS, max_size=4)),
    st.builds(
        lambda e, timers: op.DeleteTimers(execution_id=e, timer_ids=tuple(timers)),
        EXECUTIONS,
        st.lists(TIMERS, max_size=2),
    ),
    st.builds(lambda i, e: op.CloseExecution(instance_id=i, execution_id=e), IDS, EXECUTIONS),
    st.builds(lambda i: op.PurgeInstance(instance_id=i), IDS),
    st.builds(
        lambda s, source, age: definition(source_hash=s, source=source, created_at=at(age)),
        st.sampled_from(["s1", "s2"]),
        st.sampled_from(["x", "y"]),
        st.integers(0, 2),
    ),
)
BATCHES = st.lists(OPERATIONS, min_size=1, max_size=8)


class Draft:
    """Puts a batch together so that it breaks rules only where it is meant to."""

    def __init__(self, store: HistoryStore) -> None:
        self.store = store
        self.operations: list[op.Operation] = []
        self.lengths: dict[tuple[str, str], int] = {}
        self.there = {name: store.get_instance(name) is not None for name in ("a", "b", "c")}
        self.purged: set[str] = set()
        self.rows = {row.row_id for row in store.read_inbox() + store.read_due(at(99))}

    def add(self, item: op.Operation | Append | Put) -> None:
        match item:
            case Append():
                self.append(*item)
            case Put():
                self.message(*item)
            case op.PurgeInstance(instance_id=name):
                self.lengths = {key: n for key, n in self.lengths.items() if key[0] != name}
                self.purged.add(name)
                self.there[name] = False
                self.operations.append(item)
            case _:
                if isinstance(item, op.PutInstance):
                    self.there[item.record.instance_id] = True
                if isinstance(item, op.DeleteInbox):
                    self.rows.difference_update(item.row_ids)
                self.operations.append(item)

    def append(self, name: str, execution_id: str, events: list[h.HistoryEvent], off: int) -> None:
        if not self.there[name] and off == 0:
            self.add(put(name, execution_id))
        key = (name, execution_id)
        stored = 0 if name in self.purged else len(self.store.read_history(*key))
        start = self.lengths.get(key, stored) + 1
        self.lengths[key] = start + len(events) - 1
        self.operations.append(append(name, execution_id, *events, start=start + off))

    def message(self, given: op.PutInbox, insists: bool) -> None:
        free = next(n for n in range(1, 1000) if n not in self.rows)
        row = given.row if insists else msgspec.structs.replace(given.row, row_id=free)
        self.rows.add(row.row_id)
        self.operations.append(op.PutInbox(row=row))


def drafted(store: HistoryStore, batch: list[op.Operation | Append | Put]) -> list[op.Operation]:
    draft = Draft(store)
    for item in batch:
        draft.add(item)
    return draft.operations


def outcome(store: HistoryStore, batch: list[op.Operation]) -> int | str:
    try:
        return store.commit(batch)
    except StoreError as error:
        return str(error)


class AgainstMemory(RuleBasedStateMachine):
    """What every store must pass; `duck` is the one that is compared."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.faults = Faults()
        self.memory = MemoryStore()
        self.path = Path(self.folder.name, "store", "history.duckdb")
        self.path.parent.mkdir()
        self.duck = self.made(self.path)
        self.memory.open()
        self.duck.open()

    def made(self, path: Path) -> DuckDBStore | JournalStore:
        raise NotImplementedError

    @rule(batch=BATCHES)
    def commit(self, batch: list[op.Operation | Append | Put]) -> None:
        operations = drafted(self.memory, batch)
        assert outcome(self.duck, operations) == outcome(self.memory, operations)

    @rule(batch=BATCHES)
    def commit_what_breaks_a_rule_at_its_end(self, batch: list[op.Operation | Append | Put]) -> None:
        operations = [*drafted(self.memory, batch), put("a"), append("a", "e1", turn(), start=99)]
        told = outcome(self.duck, operations)
        assert isinstance(told, str)
        assert told == outcome(self.memory, operations)

    @rule()
    def reopen(self) -> None:
        for store in (self.memory, self.duck):
            store.close()
            store.open()

    @rule(names=st.lists(IDS))
    def look_up(self, names: list[str]) -> None:
        assert self.duck.get_instances(names) == self.memory.get_instances(names)

    @rule(
        parents=st.lists(IDS),
        name=st.sampled_from([None, "fulfil", "other"]),
        ages=st.tuples(*[st.none() | st.integers(0, 2)] * 2),
    )
    def list_some(self, parents: list[str], name: str | None, ages: tuple[int | None, int | None]) -> None:
        first, last = (None if age is None else at(age) for age in ages)
        where = InstanceFilter(parents=tuple(parents), name=name, created_from=first, created_to=last)
        assert self.duck.list_instances(where) == self.memory.list_instances(where)
        newest = self.duck.list_instances(where, newest_first=True)
        assert newest == self.memory.list_instances(where, newest_first=True)
        assert self.duck.count_by_status(where) == self.memory.count_by_status(where)

    @rule(until=st.integers(0, 4), row=ROWS, limit=st.integers(1, 3))
    def look_for_what_is_due(self, until: int, row: int, limit: int) -> None:
        after: tuple[datetime, int] = (at(until - 1), row)
        for found in (
            [store.read_due(at(until), after=after, limit=limit) for store in (self.memory, self.duck)],
            [store.next_due(after) for store in (self.memory, self.duck)],
        ):
            assert found[0] == found[1]

    @invariant()
    def they_hold_the_same(self) -> None:
        held = contents(self.memory)
        assert contents(self.duck) == held
        # Rows that no question of the port would ever show.
        with self.duck.cursor() as cursor:
            ((rows,),) = cursor.execute("SELECT count(*) FROM history").fetchall()
        assert rows == sum(len(events) for events in held["histories"].values())

    def teardown(self) -> None:
        self.duck.close()
        self.folder.cleanup()


class DuckDBAgainstMemory(AgainstMemory):
    def made(self, path: Path) -> DuckDBStore | JournalStore:
        return DuckDBStore(path, key=KEY, checkpoint_bytes=10_000, connect=self.faults.connect)

    @rule(batch=BATCHES, step=st.integers(1, 7), fatal=st.booleans())
    def commit_that_fails_midway(
        self, batch: list[op.Operation | Append | Put], step: int, fatal: bool
    ) -> None:
        operations = drafted(self.memory, batch)
        self.faults.arm(step, duckdb.FatalException if fatal else duckdb.IOException)
        told = outcome(self.duck, operations)
        failed, self.faults.before = self.faults.before is None, None
        if not failed:
            assert told == outcome(self.memory, operations)
        else:
            assert isinstance(told, str)
            assert "injected" in told

    @rule(batch=BATCHES)
    def commit_behind_which_the_database_is_lost(self, batch: list[op.Operation | Append | Put]) -> None:
        operations = drafted(self.memory, batch)
        self.faults.arm_after_commit()
        assert outcome(self.duck, operations) == outcome(self.memory, operations)
        self.faults.after_commit = False


class JournalAgainstMemory(AgainstMemory):
    """With loads at random points, whole and failing, and power cuts at any of them."""

    def __init__(self) -> None:
        self.cuts = 0
        super().__init__()

    def made(self, path: Path) -> DuckDBStore | JournalStore:
        # Nothing is loaded but where a rule or a reader says so; segments are so small that most batches begin one.
        options = JournalOptions(has_threads=False, segment_bytes=4_000)
        return JournalStore(
            path, key=KEY, checkpoint_bytes=10_000, connect=self.faults.connect, options=options
        )

    def loaded(self) -> None:
        assert isinstance(self.duck, JournalStore)
        self.duck.flush()

    @rule(batches=st.lists(BATCHES, min_size=2, max_size=6))
    def commit_several_and_look_at_nothing(self, batches: list[list[op.Operation | Append | Put]]) -> None:
        for batch in batches:
            operations = drafted(self.memory, batch)
            assert outcome(self.duck, operations) == outcome(self.memory, operations)

    @rule(batches=st.lists(BATCHES, min_size=1, max_size=3), names=st.lists(IDS))
    def ask_for_instances_behind_commits(
        self, batches: list[list[op.Operation | Append | Put]], names: list[str]
    ) -> None:
        self.commit_several_and_look_at_nothing(batches)
        assert self.duck.get_instances(names) == self.memory.get_instances(names)
        assert [self.duck.read_history(n) for n in names] == [self.memory.read_history(n) for n in names]
        assert self.duck.read_histories(names) == self.memory.read_histories(names)
        assert self.duck.read_due(at(9)) == self.memory.read_due(at(9))

    @rule(batches=st.lists(BATCHES, min_size=1, max_size=4), step=st.integers(1, 12), fatal=st.booleans())
    def a_load_fails_midway(
        self, batches: list[list[op.Operation | Append | Put]], step: int, fatal: bool
    ) -> None:
        self.loaded()
        self.commit_several_and_look_at_nothing(batches)
        self.faults.arm(step, duckdb.FatalException if fatal else duckdb.IOException)
        before = self.duck.commit([])
        with suppress(StoreError):
            self.loaded()
        self.faults.before = None
        assert self.duck.commit([]) == before

    @rule(batches=st.lists(BATCHES, min_size=1, max_size=4))
    def the_database_is_lost_behind_a_load(self, batches: list[list[op.Operation | Append | Put]]) -> None:
        self.loaded()
        self.commit_several_and_look_at_nothing(batches)
        self.faults.arm_after_commit()
        self.loaded()
        self.faults.after_commit = False

    @rule(batches=st.lists(BATCHES, min_size=1, max_size=4))
    def the_power_is_cut(self, batches: list[list[op.Operation | Append | Put]]) -> None:
        self.commit_several_and_look_at_nothing(batches)
        self.cuts += 1
        path = snapshot(self.path, self.path.parent.with_name(f"{self.path.parent.name}-{self.cuts}"))
        self.duck.close()
        shutil.rmtree(self.path.parent)
        path.parent.rename(self.path.parent)
        self.duck = self.made(self.path)
        self.duck.open()
        assert self.duck.audit(thorough=True) == []


for _machine in (DuckDBAgainstMemory, JournalAgainstMemory):
    _machine.TestCase.settings = settings(
        max_examples=30,
        stateful_step_count=12,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
TestDuckDBAgainstMemory = pytest.mark.semantics(43)(
    pytest.mark.slow(pytest.mark.timeout(300)(DuckDBAgainstMemory.TestCase))
)
TestJournalAgainstMemory = pytest.mark.semantics(43)(
    pytest.mark.slow(pytest.mark.timeout(300)(JournalAgainstMemory.TestCase))
)
