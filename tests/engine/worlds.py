"""A runtime over a store that can be reopened, crashed and made to fail."""

import dataclasses
import math
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nbflow.core.history import HistoryEvent
from nbflow.core.operations import AppendHistory, CloseExecution, DeleteTimers, Operation, PurgeInstance
from nbflow.core.state import InstanceRecord, RuntimeState, RuntimeStatus
from nbflow.errors import InstanceNotFoundError, StoreError
from nbflow.ports import HistoryStore
from nbflow.runtime import WorkflowHandle, WorkflowRuntime
from nbflow.stores.duckdb import DuckDBStore
from nbflow.stores.journal.journal import JournalOptions
from nbflow.stores.journal.store import JournalStore
from nbflow.stores.memory import MemoryStore
from nbflow.testing import VirtualClock

KEY = bytes(range(32))
PATIENCE = 20.0
"""Seconds after which a test gives up waiting for something that ought to happen at once."""

Look = Callable[[InstanceRecord, list[HistoryEvent]], bool]


class TappedStore:
    """A store whose commits are logged, and fail when a test says so.

    Attributes:
        log: One entry a commit that succeeded, and whatever a test adds.
        fault: Takes the operations of a commit, and gives the error it is to fail with, or None.
        failures: How many commits failed.
        passes_for_quick: Whether it is, whatever the disk of this machine makes of it.
    """

    def __init__(self, inner: HistoryStore) -> None:
        self.inner = inner
        self.passes_for_quick = False
        self.log: list[Any] = []
        self.fault: Callable[[Sequence[Operation]], Exception | None] = never_fails
        self.failures = 0

    @property
    def is_quick(self) -> bool:
        """What the store says, but where a fault may hold a commit up: that must not hold the engine's loop up."""
        return self.fault is never_fails and (self.passes_for_quick or self.inner.is_quick)

    def commit(self, operations: Sequence[Operation]) -> int:
        if (error := self.fault(operations)) is not None:
            self.failures += 1
            raise error
        lsn = self.inner.commit(operations)
        self.log.append(tuple(operations))
        return lsn

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def touches(operation: Operation, instance_id: str) -> bool:
    """Whether an operation is about an instance."""
    match operation:
        case AppendHistory() | PurgeInstance() | CloseExecution():
            return operation.instance_id == instance_id
        case DeleteTimers():
            return False
        case _:
            about = getattr(operation, "record", None) or getattr(operation, "row", None)
            return getattr(about, "instance_id", None) == instance_id


def fails_for(instance_id: str) -> Callable[[Sequence[Operation]], Exception | None]:
    """A fault: every commit that is about one instance fails."""
    return lambda operations: (
        StoreError(f"no room for {instance_id}") if any(touches(o, instance_id) for o in operations) else None
    )


def always_fails(operations: Sequence[Operation]) -> Exception | None:
    return StoreError("the disk is full")


def never_fails(operations: Sequence[Operation]) -> Exception | None:
    return None


class World:
    """One store, and the runtime that has it open at the moment.

    Attributes:
        eager_below: Eager steps are taken whatever activities take, where the store is quick and runs stay in memory.
        engine_options: Other fields of `EngineOptions` that no runtime takes.
    """

    def __init__(self, make_store: Callable[[], HistoryStore], cache_size: int) -> None:
        self._make_store = make_store
        self.cache_size = cache_size
        self.store = TappedStore(make_store())
        self.clock: VirtualClock | None = None
        self.options: dict[str, Any] = {}
        self.eager_below = math.inf
        self.engine_options: dict[str, Any] = {}
        self._runtime: WorkflowRuntime | None = None

    @property
    def runtime(self) -> WorkflowRuntime:
        assert self._runtime is not None
        return self._runtime

    @property
    def client(self) -> Any:
        return self.runtime.client

    def open(self, *definitions: Any, **options: Any) -> WorkflowRuntime:
        """Open a runtime on the store, which knows these definitions."""
        options = {"cache_size": self.cache_size, "clock": self.clock, "restore_code": False, **options}
        self._runtime = WorkflowRuntime(store=self.store, definitions=definitions, **options)
        self._runtime._options = dataclasses.replace(
            self._runtime._options, eager_below=self.eager_below, **self.engine_options
        )
        return self._runtime.open()

    def start(
        self, workflow: Any, input: Any = None, id: str | None = None, **options: Any
    ) -> WorkflowHandle:
        return self.client.schedule_new_workflow(workflow, input=input, instance_id=id, **options)

    def close(self) -> None:
        runtime, self._runtime = self._runtime, None
        if runtime is not None:
            runtime.close()

    def crash(self) -> None:
        """End the runtime as SIGKILL would: from now on nothing is written."""
        self.store.fault = always_fails
        self.close()
        self.store.fault = never_fails

    def reopen(self, *definitions: Any, crash: bool = False, **options: Any) -> WorkflowRuntime:
        """Close or crash, and open a new runtime on the same store."""
        if crash:
            self.crash()
        else:
            self.close()
        return self.open(*definitions, **options)

    def handle(self, run: WorkflowHandle | str) -> WorkflowHandle:
        """The handle of a run at the present runtime."""
        return self.client.handle(run if isinstance(run, str) else run.instance_id)

    def until(self, run: WorkflowHandle | str, look: Look, timeout: float = PATIENCE) -> InstanceRecord:
        """Wait until there is such a run, and its row and history please; returns the row."""
        instance_id = run if isinstance(run, str) else run.instance_id
        changed = threading.Event()
        stop = self.runtime.subscribe(instance_id, lambda record, events: changed.set())
        try:
            end = time.monotonic() + timeout
            while True:
                changed.clear()
                record, history = self._snapshot(instance_id)
                if record is not None and look(record, history):
                    return record
                if not changed.wait(max(0.0, end - time.monotonic())):
                    raise AssertionError(f"it never came so far: {record}, {kinds(history)}")
        finally:
            stop()

    def _snapshot(self, instance_id: str) -> tuple[InstanceRecord | None, list[HistoryEvent]]:
        try:
            return self.client.snapshot(instance_id)
        except InstanceNotFoundError:  # a child that has not begun
            return None, []

    def until_status(self, run: WorkflowHandle | str, status: str) -> InstanceRecord:
        return self.until(run, lambda record, history: record.status is RuntimeStatus(status))

    def until_status_of_row(self, instance_id: str, status: str, timeout: float = PATIENCE) -> None:
        """Wait for a status without reading the history, which a test may have made unreadable."""
        self.client.wait(instance_id, lambda record: record.status is RuntimeStatus(status), timeout)

    def until_waiting(self, run: WorkflowHandle | str, *events: str) -> InstanceRecord:
        """Wait until a run waits for these events."""
        return self.until(
            run,
            lambda record, history: (
                sorted(wait.name for wait in RuntimeState.of(history).waits.values()) == sorted(events)
            ),
        )

    def until_kept(self, kind: type, timeout: float = PATIENCE) -> None:
        """Wait until a message of that kind is in the store's inbox."""
        end = time.monotonic() + timeout
        while not any(isinstance(row.event, kind) for row in self.inbox()):
            assert time.monotonic() < end, f"no {kind.__name__} was kept"
            time.sleep(0.01)

    def until_posted(self, count: int, timeout: float = PATIENCE) -> None:
        """Wait until so many messages wait in the engine."""
        engine: Any = self.runtime._engine
        end = time.monotonic() + timeout
        while (
            sum(len(i.messages) + len(i.turn or ()) for i in list(engine.residents._instances.values()))
            < count
        ):
            assert time.monotonic() < end, "they were never posted"
            time.sleep(0.005)

    def history(self, run: WorkflowHandle | str) -> list[HistoryEvent]:
        return self.client.get_workflow_history(run if isinstance(run, str) else run.instance_id)

    def inbox(self) -> list[Any]:
        """Everything that the store's inbox holds, timers included."""

        def read(store: HistoryStore) -> list[Any]:
            return [*store.read_inbox(), *store.read_due(datetime.max.replace(tzinfo=UTC))]

        return self.runtime.read(read)


def appends_for(world: World, instance_id: str, kind: type) -> bool:
    """Whether a commit has appended an event of some kind to an instance's history."""
    return any(
        isinstance(operation, AppendHistory)
        and operation.instance_id == instance_id
        and any(isinstance(event, kind) for event in operation.events)
        for commit in world.store.log
        for operation in commit
    )


def kinds(history: Sequence[HistoryEvent]) -> list[str]:
    """The names of a history's events."""
    return [type(event).__name__ for event in history]


def of_kind(history: Sequence[HistoryEvent], kind: type) -> list[Any]:
    """A history's events of one kind."""
    return [event for event in history if isinstance(event, kind)]


def wait_for(event: threading.Event, timeout: float = PATIENCE) -> None:
    """Wait for a threading.Event; a test that waits in vain fails."""
    assert event.wait(timeout), "it never happened"


@pytest.fixture(params=["memory", "journal"])
def store_kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=[0, 1000], ids=["cold", "warm"])
def cache_size(request: pytest.FixtureRequest) -> int:
    """With 0 every turn replays the history; results must not depend on it (S9)."""
    return request.param


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DuckDB file with the tables in it: copying it takes a fraction of the time that making them does."""
    path = tmp_path_factory.mktemp("empty") / "history.duckdb"
    store = DuckDBStore(path, key=KEY)
    store.open()
    store.close()
    return path


@pytest.fixture
def make_store(store_kind: str, tmp_path: Path, empty_file: Path) -> Callable[[], HistoryStore]:
    if store_kind == "memory":
        return MemoryStore
    path = tmp_path / "history.duckdb"
    shutil.copy(empty_file, path)
    small = JournalOptions(segment_bytes=100_000)  # as a test's few commits don't need more
    return lambda: JournalStore(path, key=KEY, options=small)


@pytest.fixture
def world(make_store: Callable[[], HistoryStore], cache_size: int) -> Iterator[World]:
    world = World(make_store, cache_size)
    try:
        yield world
    finally:
        world.store.fault = never_fails
        world.close()


@pytest.fixture
def quick_world() -> Iterator[World]:
    """A world in memory, for what has nothing to do with stores and caches."""
    world = World(MemoryStore, 1000)
    try:
        yield world
    finally:
        world.close()


@pytest.fixture
def clock(world: World) -> VirtualClock:
    """A virtual clock, which the world's runtimes use."""
    world.clock = VirtualClock()
    return world.clock
