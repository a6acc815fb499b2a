"""A history that nobody runs: opened to be read, and left as it is.

Nothing is migrated, dispatched or woken, and no code is run. Several processes can read a
history at once, but none while a kernel has it open. When that was killed, what it had committed
last is loaded from its journal first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from contextvars import Context
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NoReturn, Self, TypeVar

from nbflow.core.history import HistoryEvent
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.definitions import WorkflowDefinition
from nbflow.engine.output import TurnPrints, context_with, routed_prints
from nbflow.engine.threads import SerialThread
from nbflow.errors import InstanceNotFoundError, LookNotPossible, RuntimeClosedError
from nbflow.ports import HistoryStore, InstanceFilter
from nbflow.runtime.instances import read_histories
from nbflow.views.instances import InstanceRow, WantFold, instance_row

_T = TypeVar("_T")
_CLOSING: Final = 5.0


def bring_in(path: str | Path) -> None:
    """Load what a killed owner of a history had committed last into its file, if there is anything; raises StoreError."""
    from nbflow.stores.journal.leftover import load_leftover

    load_leftover(path)


class StoredHistory:
    """A history file, open to be read.

    ::

        with StoredHistory("orders.duckdb") as history:
            print(timeline_picture(history.run("order-42")))

    Args:
        path: The file.

    Raises:
        StoreLockedError: A kernel has it open (on entering), as the other errors.
        StoreVersionError: Its tables are of another nbflow.
        StoreError: It can't be read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self._store: HistoryStore | None = None
        self._thread: SerialThread | None = None
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        from nbflow.stores.duckdb import DuckDBStore

        store: HistoryStore = DuckDBStore(self.path, read_only=True)
        thread = SerialThread("nbflow-reader")
        with ExitStack() as opening:
            opening.callback(thread.stop, _CLOSING)
            thread.submit(lambda: bring_in(self.path)).result()
            thread.submit(store.open).result()
            opening.callback(lambda: thread.submit(store.close).result())
            opening.enter_context(routed_prints())  # for the code of a replay, if one is given
            self._exit = opening.pop_all()
        self._store, self._thread = store, thread
        return self

    def __exit__(self, *_exc: object) -> None:
        self._store = self._thread = None
        self._exit.close()

    def read(self, query: Callable[[HistoryStore], _T]) -> _T:
        """Run a query on the store's thread."""
        store, thread = self._store, self._thread
        if store is None or thread is None:
            raise RuntimeClosedError(f"{self.path} is not open: use `with StoredHistory(PATH) as history:`")
        return thread.submit(lambda: query(store)).result()

    def run(self, instance_id: str, code: WorkflowDefinition[..., Any] | None = None) -> StoredRun:
        """One of the runs; with the code that a replay is to go by, if there is one."""
        return StoredRun(self, instance_id, code)

    # -- as a list of runs, see `nbflow.widgets.instances.InstancesSource` -------------------------

    def page(self, where: InstanceFilter, *, after: str | None, limit: int | None) -> list[InstanceRecord]:
        """Runs that pass the filter, newest first."""
        return self.read(
            lambda store: store.list_instances(where, after=after, limit=limit, newest_first=True)
        )

    def counts(self, where: InstanceFilter) -> Mapping[RuntimeStatus, int]:
        """How many runs that pass the filter have each status."""
        return self.read(lambda store: store.count_by_status(where))

    def histories(
        self, records: Sequence[InstanceRecord]
    ) -> list[tuple[InstanceRecord, Sequence[HistoryEvent]] | None]:
        """The present records and histories of the first few of these runs."""
        names = [record.instance_id for record in records]
        return self.read(lambda store: read_histories(store, names))

    def row(self, record: InstanceRecord, fold: WantFold | None) -> InstanceRow:
        """The line of a run."""
        return instance_row(record, fold)

    def follow(self, *_told: object, **_also: object) -> Callable[[], None]:
        """Nothing happens to a history that is only read."""
        return _nothing

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        """Never: there is no engine."""

    def aside(self, look: Callable[[], object]) -> None:
        """Do something that may take its time."""
        look()

    def now(self) -> datetime:
        """The computer's time."""
        return datetime.now(UTC)

    @property
    def caveat(self) -> str:
        """Nothing: what is only read is kept as it is."""
        return ""

    @property
    def stands_still(self) -> bool:
        """Whether time is virtual."""
        return False


class StoredRun:
    """One run of a history that is only read; see `nbflow.widgets.source.CardSource`.

    Args:
        history: The history.
        instance_id: The run.
        code: Its workflow, for a replay; what is in the store is never run.
    """

    capabilities: frozenset[str] = frozenset({"graph"})

    def __init__(
        self, history: StoredHistory, instance_id: str, code: WorkflowDefinition[..., Any] | None = None
    ) -> None:
        self._history = history
        self._code = code
        self.instance_id = instance_id
        self.opened_at = history.now()

    def snapshot(self) -> tuple[InstanceRecord, Sequence[HistoryEvent]]:
        """The run's row and history; raises NbflowError."""
        record, history = self._history.read(
            lambda store: (store.get_instance(self.instance_id), store.read_history(self.instance_id))
        )
        if record is None:
            raise InstanceNotFoundError(
                f"there is no run {self.instance_id!r} in {self._history.path}: `nbflow ls --db {self._history.path}` lists them"
            )
        return record, history

    def subscribe(self, callback: Callable[..., None]) -> Callable[[], None]:
        """Nothing happens to a run that is only read."""
        return _nothing

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        """Never: there is no engine."""

    def aside(self, look: Callable[[], object]) -> None:
        """Do something that may take its time."""
        look()

    def raise_event(self, name: str, payload_json: str) -> Future[None]:
        """Refused: the run is only read."""
        self._refuse()

    def command(self, name: str) -> Future[str]:
        """Refused: the run is only read."""
        self._refuse()

    def fork(self, seq: int, value: str | None, instance_id: str) -> Future[str]:
        """Refused: the run is only read."""
        self._refuse()

    def fork_offer(self, seq: int) -> NoReturn:
        """Refused: the run is only read."""
        self._refuse()

    def rewind_offer(self) -> NoReturn:
        """Refused: the run is only read."""
        self._refuse()

    def peers(self) -> Sequence[str]:
        """None: it is looked at alone."""
        return ()

    def _refuse(self) -> NoReturn:
        raise LookNotPossible(f"{self.instance_id} is only read here: open its notebook to act on it")

    def now(self) -> datetime:
        """The computer's time."""
        return self._history.now()

    @property
    def caveat(self) -> str:
        """Nothing: what is only read is kept as it is."""
        return ""

    @property
    def stands_still(self) -> bool:
        """Whether time is virtual."""
        return False

    def definition(self) -> WorkflowDefinition[Any, Any] | None:
        """The code that was given."""
        return self._code

    def kind_of(self, name: str) -> str | None:
        """None: nothing is registered."""
        return None

    def quiet_context(self) -> Context:
        """Context variables under which what code prints is dropped."""
        return context_with(TurnPrints(), None)

    def other(self, instance_id: str) -> StoredRun:
        """Another run of the same history."""
        return StoredRun(self._history, instance_id)


def _nothing() -> None:
    pass
