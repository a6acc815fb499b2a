"""`WorkflowRuntime`: store, executor, clock and threads, wired together."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import sys
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import Future
from datetime import datetime, timedelta
from html import escape
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from nbflow.core.limits import HISTORY_LIMIT, Limits
from nbflow.core.state import InstanceRecord
from nbflow.core.trust import TrustReport
from nbflow.definitions import Definition, Registry, definitions_in
from nbflow.engine.clock import SystemClock, VirtualClock, span
from nbflow.engine.code import missing_workflow
from nbflow.engine.distrust import trust_report
from nbflow.engine.engine import Engine, EngineOptions
from nbflow.engine.options import INBOX_LIMIT
from nbflow.engine.output import routed_prints
from nbflow.engine.registration import Registration, warn
from nbflow.engine.requests import Requests
from nbflow.engine.watchers import Closed, Erased, News
from nbflow.errors import RuntimeClosedError
from nbflow.executors.threads import ThreadExecutor
from nbflow.ports import ActivityExecutor, Clock, HistoryStore
from nbflow.runtime.aside import Aside
from nbflow.runtime.client import WorkflowClient
from nbflow.runtime.code import RuntimeCode
from nbflow.runtime.skipping import Skipped, Skipper
from nbflow.runtime.thread import EngineThread
from nbflow.runtime.wiring import Durability, durability_of, make_engine, store_at

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

_T = TypeVar("_T")


class WorkflowRuntime:
    """Runs durable workflows in this process, with their history in one file.

    ::

        with WorkflowRuntime("orders.duckdb") as runtime:
            run = runtime.client.schedule_new_workflow(fulfil, input=order, instance_id="order-42")
            print(run.result(timeout=60))

    Opening it goes on with every run that has not ended, as far as its code is known.

    Args:
        path: The store's file, or ``":memory:"``.
        store: A store of your own instead.
        clock: Where the time comes from; the computer's clock by default.
        executor: Where activities run; threads of this process by default.
        cache_size: Runs that stay in memory between their turns; the others are replayed when something happens.
        cache_bytes: What these may hold together, going by the payloads that they have had.
        max_concurrent_activities: Activity attempts that run at once.
        definitions: Workflows and activities, or modules and namespaces that hold some; by default ``__main__``.
        forward_orphans: Whether prints of runs that this process did not start go to stdout.
        auto_resume: Whether runs of before go on when the store is opened. If not, each waits for
            ``client.resume_workflow``, and all of them for `resume`.
        restore_code: Whether a run goes on with the stored code where nobody has registered it. If not, it waits.
        stuck_after: Seconds after which workflow code that awaits nothing is stopped, and its run stalled;
            ``math.inf`` while you step through it in a debugger that knows nothing of nbflow.
        span_exporter: An exporter of the OpenTelemetry SDK: each run that ends becomes a span there, with one
            below it for each activity attempt, timer, wait and child.
        history_limit: Events that one execution may have; a run that comes to it stalls.
        inbox_limit: Messages that may wait for a run that takes none, a suspended one, say; more events are refused.
        trust: Whether to take everything in the file for yours, whoever wrote it. If not, a file with rows that
            you did not sign is opened, and nothing of it runs: see `trust`.
        key: What you sign with, 32 bytes; by default what ``NBFLOW_KEY_FILE``, or a file in your own folder, holds.
        durability: ``"full"``, or ``"relaxed"``: faster, and a power cut may take the last 50 ms (docs/history.md).

    Raises:
        StoreLockedError: Another process has the store open (on opening).
        StoreError: The store can't be opened (on opening).
    """

    def __init__(
        self,
        path: str | Path = ":memory:",
        *,
        store: HistoryStore | None = None,
        clock: Clock | None = None,
        executor: ActivityExecutor | None = None,
        cache_size: int = 1000,
        cache_bytes: int = 256 << 20,
        max_concurrent_activities: int = 32,
        definitions: Iterable[ModuleType | Mapping[str, Any] | Definition] | None = None,
        forward_orphans: bool = True,
        auto_resume: bool = True,
        restore_code: bool = True,
        stuck_after: float = 2.0,
        history_limit: int = HISTORY_LIMIT,
        inbox_limit: int = INBOX_LIMIT,
        span_exporter: SpanExporter | None = None,
        trust: bool = False,
        key: bytes | None = None,
        durability: Durability = "full",
    ) -> None:
        self.path = str(path)
        self.registry = Registry()
        self.client = WorkflowClient(self)
        self.clock = clock if clock is not None else SystemClock()
        self.durability: Durability = durability_of(self.path, store, durability)
        self._store = (lambda: store) if store is not None else lambda: store_at(self.path, key, durability)
        self._trusts = trust
        self._executor = executor
        self._span_exporter = span_exporter
        self._options = EngineOptions(
            cache_size=cache_size,
            cache_bytes=cache_bytes,
            max_concurrent_activities=max_concurrent_activities,
            forward_orphans=forward_orphans,
            auto_resume=auto_resume,
            restore_code=restore_code,
            stuck_after=stuck_after,
            inbox_limit=inbox_limit,
            limits=Limits(history=history_limit),
        )
        places = definitions if definitions is not None else [sys.modules["__main__"]]
        self._definitions = list(definitions_in(*places))
        self._thread: EngineThread | None = None
        self._engine: Engine | None = None
        self._requests: Requests | None = None
        self._registration: Registration | None = None
        self._opened_at: datetime | None = None
        self._aside = Aside()
        self._exit = contextlib.ExitStack()

    def __repr__(self) -> str:
        relaxed = ", relaxed durability" if self.durability == "relaxed" else ""
        return f"<WorkflowRuntime {self.path} {'open' if self.is_open else 'closed'}{relaxed}>"

    def _repr_html_(self) -> str:
        """Its newest runs; once it is closed, what it is."""
        if not self.is_open:
            return f"<code>{escape(repr(self))}</code>"
        from nbflow.runtime.instances import html_of

        return html_of(self)

    @property
    def is_open(self) -> bool:
        """True between `open` and `close`."""
        return self._thread is not None

    def open(self) -> Self:
        """Open the store and go on with what is in it; raises StoreError."""
        if self._thread is not None:
            return self
        for definition in self._definitions:
            self.registry.add(definition)
        store = self._store()
        executor = self._executor if self._executor is not None else ThreadExecutor()
        self._opened_at, thread = self.clock.now(), EngineThread()
        with contextlib.ExitStack() as opening:
            opening.callback(thread.stop)
            engine = thread.call(make_engine(store, executor, self.clock, self.registry, self._options))
            opening.callback(lambda: thread.call(engine.close()))
            opening.enter_context(routed_prints())
            if self._span_exporter is not None:
                from nbflow.runtime.tracing import SpanExport

                export = SpanExport(engine, self._span_exporter)
                thread.do(export.start)
                opening.callback(export.close)
            thread.call(engine.open())
            if self._trusts:
                thread.call(engine.trust())
            opening.callback(atexit.unregister, self.close)
            self._exit = opening.pop_all()
        atexit.register(self.close)  # who forgets to close it loses nothing, but DuckDB would complain
        self._thread, self._engine, self._aside = thread, engine, Aside()
        self._requests, self._registration = Requests(engine), Registration(engine)
        self.register(*self._definitions)
        return self

    def close(self) -> None:
        """Commit what is under way and let go of the store; closing twice is no error.

        Raises:
            NbflowError: An ``async def`` activity can't close the runtime that runs it.
        """
        if self._thread is not None:
            self._thread.check_elsewhere()
        thread, self._thread = self._thread, None
        if thread is not None:
            self._aside.close()
            self._exit.close()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *_exc: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.open)

    async def __aexit__(self, *_exc: object) -> None:
        await asyncio.to_thread(self.close)

    def resume(self) -> list[str]:
        """Let every run go on that waits since the store was opened with ``auto_resume=False``; gives their IDs."""
        engine = self._opened()
        engine.check_trusted()
        instance_ids = engine.holding.instance_ids
        for instance_id in instance_ids:
            self.call(engine.release(instance_id))
        return instance_ids

    @property
    def is_trusted(self) -> bool:
        """Whether what is in the history runs; not so, if you did not sign all of it (docs/trust.md)."""
        return self._opened().is_trusted

    @property
    def why_not_trusted(self) -> str:
        """The first thing in the history that you did not sign, in words; empty if it is trusted."""
        findings = self._opened().findings
        return str(findings[0]) if findings else ""

    def trust_report(self) -> TrustReport:
        """What the history would run, and what in it you did not sign, after a look at every row."""
        is_trusted = self.is_trusted
        return self.read(lambda store: trust_report(store, is_trusted=is_trusted))

    def trust(self) -> int:
        """Sign everything in the history as yours, and go on with it; gives how many rows you had not signed.

        Look at `trust_report` before: stored calls get your functions, with their inputs.
        """
        self._opened()
        assert self._registration is not None
        return self.call(self._registration.trust())

    def register(
        self, *definitions: Definition, told: Callable[[Definition, list[str]], object] | None = None
    ) -> list[Definition]:
        """Make workflows and activities known, with those that they refer to; returns what is new or changed.

        Runs that waited for this code go on.

        Args:
            definitions: The workflows and activities.
            told: Called for code whose signature doesn't fit what is on record any more, with what has
                changed, in words; by default that is logged as a warning.
        """
        found = list(definitions_in(*definitions))
        self._opened()
        assert self._registration is not None
        return self.call(self._registration.register(found, told or warn))

    @property
    def code(self) -> RuntimeCode:
        """The versions of workflows' code that are known and kept, and which run has which."""
        self._opened()
        assert self._registration is not None
        return RuntimeCode(self, self._registration)

    def subscribe(self, instance_id: str | None, news: News) -> Callable[[], None]:
        """Be told of every commit of one run, or of all; returns how to stop that.

        Args:
            instance_id: The run; None for all.
            news: Takes the run's row and the new events; called on the engine's thread, must not block.
        """
        engine, thread = self._opened(), self._opened_thread()
        return thread.later(thread.do(lambda: engine.watchers.subscribe(instance_id, news)))

    def follow(self, news: News, *, erased: Erased, closed: Closed) -> Callable[[], None]:
        """Be told of every commit of all runs, of what is purged, and of the end; returns how to stop that.

        Args:
            news: Takes a run's row and the new events; called on the engine's thread, must not block, as the others.
            erased: Takes the IDs of runs that were purged.
            closed: Called when the runtime is closed: nothing comes after it.
        """
        engine, thread = self._opened(), self._opened_thread()
        return thread.later(thread.do(lambda: engine.watchers.follow(news, erased, closed)))

    def skip(
        self,
        duration: timedelta | float | None = None,
        /,
        *,
        timeout: float | None = None,
        tell: Callable[[str], object] | None = None,
        **parts: float,
    ) -> Skipped:
        """Let virtual time go on, from one due time to the next, and at each of them let everything settle.

        A run that sleeps for a day thirty times sees thirty right times. Activities take their real time, and are
        waited for; runs that are stalled or suspended, or wait for an event, are not.

        Args:
            duration: How far: a timedelta, or seconds.
            timeout: Seconds of real time to wait for that; None: as long as it takes.
            tell: Takes a line on what is waited for, after some seconds; logged by default.
            **parts: How far, in the words of `timedelta`: ``days=30``, ``hours=1``.

        Raises:
            ClockError: The runtime has no virtual clock.
            ValueError: Time can't go back, or not so far.
            TimeoutError: It took too long; time stands where it got to.
        """
        __tracebackhide__ = True
        return self.skipper.skip(span(duration, **parts), timeout=timeout, tell=tell)

    @property
    def is_virtual(self) -> bool:
        """Whether the runtime's time stands still until it is skipped."""
        return isinstance(self.clock, VirtualClock)

    @property
    def skipper(self) -> Skipper:
        """What moves the runtime's virtual time; raises ClockError if that is the computer's own."""
        engine = self._opened()
        engine.check_trusted()
        return Skipper(self._opened_thread(), engine, self.clock)

    # -- what client and handles need ------------------------------------------------------------

    @property
    def requests(self) -> Requests:
        """The engine's requests."""
        self._opened()
        assert self._requests is not None
        return self._requests

    def call(self, coro: Coroutine[Any, Any, _T]) -> _T:
        """Run a request on the engine's thread and wait for it."""
        return self._running(coro).call(coro)

    def post(self, call: Callable[[], object], *, waits: bool = False) -> None:
        """Have something done on the engine's thread that needs no task of its own."""
        self._opened_thread().post(call, waits=waits)

    def submit(self, coro: Coroutine[Any, Any, _T]) -> Future[_T]:
        """Start a request on the engine's thread."""
        return self._running(coro).submit(coro)

    def read(self, query: Callable[[HistoryStore], _T]) -> _T:
        """Run a query on the store's thread, behind every commit asked for before."""
        return self.call(self._opened().committer.read(query))

    @property
    def opened_at(self) -> datetime:
        """When the store was last opened."""
        self._opened()
        assert self._opened_at is not None
        return self._opened_at

    @property
    def aside(self) -> Aside:
        """A thread for looks that may take their time."""
        self._opened()
        return self._aside

    def is_held(self, record: InstanceRecord) -> bool:
        """Whether a run waits for its owner's word since the store was opened."""
        return not record.status.is_terminal and record.instance_id in self._opened().holding

    def missing_code(self, record: InstanceRecord) -> list[str]:
        """Names of the workflow and activities that a run needs and that are not registered."""
        engine = self._opened()
        if record.status.is_terminal or not engine.is_trusted:
            return []
        missing = [record.name] if missing_workflow(self.registry, record) is not None else []
        return missing + sorted(set(engine.activities.missing(record.execution_id).values()))

    def _opened(self) -> Engine:
        if self._engine is None or self._thread is None:
            raise self._not_open()
        return self._engine

    def _opened_thread(self) -> EngineThread:
        if self._thread is None:
            raise self._not_open()
        return self._thread

    def _running(self, coro: Coroutine[Any, Any, Any]) -> EngineThread:
        if self._thread is None:
            coro.close()
        return self._opened_thread()

    def _not_open(self) -> RuntimeClosedError:
        was_open = self._engine is not None
        return RuntimeClosedError(
            f"the runtime of {self.path} is {'closed' if was_open else 'not open'}: use `with WorkflowRuntime(…) "
            "as runtime:`, or call its open(); no run is lost by closing"
        )
