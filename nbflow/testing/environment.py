"""`WorkflowTestEnvironment`: whole runs in memory and in virtual time, with stubs for activities."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any, Final, Self, TypeAlias

from nbflow.core.history import HistoryEvent
from nbflow.definitions import ActivityDefinition, Definition, Registry, WorkflowDefinition, definitions_in
from nbflow.engine.clock import VirtualClock, span
from nbflow.runtime import Skipped, WorkflowClient, WorkflowHandle, WorkflowRuntime, WorkflowState
from nbflow.stores.memory import MemoryStore
from nbflow.testing.complaints import NoStubError
from nbflow.testing.run import SkippingRun
from nbflow.testing.stubs import Stub, Stubbed, StubbedExecutor, find_activity
from nbflow.views.durations import moment

Run: TypeAlias = WorkflowHandle | str
"""A run: its handle, or its ID."""

_BEGINNING: Final = datetime(2030, 1, 1, tzinfo=UTC)
_PATIENCE: Final = 30.0


class WorkflowTestEnvironment:
    """A runtime for tests: in memory, in virtual time, with stubs in place of activities.

    ::

        with WorkflowTestEnvironment(fulfil, stubs={charge: lambda order, cents: Receipt("R-1")}) as env:
            run = env.start(fulfil, order, id="order-42")
            env.skip(days=30)
            env.raise_event(run, "approval", Decision(True))
            assert env.result(run) == "shipped"
            assert env.calls(charge) == [{"order": order, "cents": 1200}]

    Time stands still until it is skipped, and whoever waits for a result skips it: `result` and ``await run``
    go on from due time to due time until the run has ended. What is read (`state`, `history`, `calls`) is
    read once everything has settled.

    Args:
        *definitions: Workflows and activities, or modules and namespaces that hold some; a workflow brings
            those that it names.
        stubs: What stands in for activities, by activity or name: a ``def``, an ``async def`` or a mock, called
            with the activity's arguments by name. An activity without one runs for real.
        strict: Whether an activity without a stub is refused.
        start: Where time begins.
        timeout: Seconds of real time that anything may take.
        cache_size: Runs that stay in memory between turns; with 0 each turn is a replay, so that code
            which can't be replayed is found.
    """

    def __init__(
        self,
        *definitions: ModuleType | Mapping[str, Any] | Definition,
        stubs: Mapping[Stubbed, Stub] | None = None,
        strict: bool = False,
        start: datetime = _BEGINNING,
        timeout: float = _PATIENCE,
        cache_size: int = 0,
    ) -> None:
        known = Registry()
        for definition in definitions_in(*definitions):
            known.add(definition)

        def find(name: str) -> ActivityDefinition[..., Any] | None:
            return self.runtime.registry.activity(name)

        self._executor = StubbedExecutor(find, strict=strict)
        stubbed = {find_activity(known, activity): stub for activity, stub in (stubs or {}).items()}
        for activity, stub in stubbed.items():
            self._executor.put(activity, stub)
        self._timeout = timeout
        self.clock = VirtualClock(start)
        self.runtime = WorkflowRuntime(
            store=MemoryStore(),
            clock=self.clock,
            executor=self._executor,
            cache_size=cache_size,
            definitions=[*definitions, *stubbed],
        )

    def __repr__(self) -> str:
        return f"<WorkflowTestEnvironment at {moment(self.now)}>"

    def open(self) -> Self:
        """Begin; ``with`` and ``async with`` do it."""
        self.runtime.open()
        return self

    def close(self) -> None:
        """End everything; nothing of it stays."""
        self.runtime.close()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *_exc: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.open)

    async def __aexit__(self, *_exc: object) -> None:
        await asyncio.to_thread(self.close)

    # -- runs -----------------------------------------------------------------------------------

    @property
    def client(self) -> WorkflowClient:
        """The runtime's client: whatever this class has no word for."""
        return self.runtime.client

    def start(
        self,
        workflow: WorkflowDefinition[..., Any],
        *args: Any,
        id: str | None = None,
        start_at: datetime | None = None,
        **kwargs: Any,
    ) -> SkippingRun:
        """Start a run, called with these arguments; returns once it is durable.

        Args:
            workflow: The workflow.
            *args: Its arguments.
            id: What the run is called; a random ID if None.
            start_at: Not before this time.
            **kwargs: Its arguments by name.

        Raises:
            ArgumentsError: They don't fit the workflow's signature.
            InstanceExistsError: The ID belongs to an active run.
        """
        encoded = workflow.encode_call(args, kwargs)
        run = self.client.start_call(
            workflow, encoded, instance_id=id, start_at=start_at, origin=copy_context()
        )
        return self._skipping(run)

    def run(
        self, workflow: WorkflowDefinition[..., Any], *args: Any, id: str | None = None, **kwargs: Any
    ) -> Any:
        """Start a run and return its result: `start`, then `result`."""
        __tracebackhide__ = True
        return self.result(self.start(workflow, *args, id=id, **kwargs))

    def result(self, run: Run, timeout: float | None = None) -> Any:
        """Skip time until a run has ended, and return its output, by the workflow's annotation.

        Args:
            run: The run, or its ID.
            timeout: Seconds of real time to wait; the environment's own if None.

        Raises:
            RunWaitsError: It will not end by itself: names what it waits for.
            NoStubError: In a strict environment an activity without a stub was called.
            TimeoutError: It has not ended in time; time stands where it got to.
            WorkflowFailedError: It failed; the details carry the author's traceback.
            WorkflowTerminatedError: It was terminated.
            WorkflowStalledError: It can't go on; says why.
        """
        __tracebackhide__ = True
        return self._skipping(self._handle(run)).result(timeout)

    def raise_event(self, run: Run, name: str, data: Any = None) -> None:
        """Raise an event for a run; returns once it is durable. Raises EventRejectedError if it doesn't fit."""
        self._handle(run).raise_event(name, data)

    # -- time -----------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """What time it is."""
        return self.clock.now()

    def skip(self, duration: timedelta | float | None = None, /, **parts: float) -> Skipped:
        """Let time go on by so much, from due time to due time; see `WorkflowRuntime.skip`.

        Args:
            duration: How far: a timedelta, or seconds.
            **parts: How far, in the words of `timedelta`: ``days=30``.

        Raises:
            NoStubError: In a strict environment an activity without a stub was called.
            TimeoutError: It takes too long in real time.
        """
        __tracebackhide__ = True
        skipped = self.runtime.skipper.skip(span(duration, **parts), timeout=self._timeout)
        self.check_stubs()
        return skipped

    def settle(self) -> None:
        """Wait until nothing happens any more unless time goes on; raises what `skip` does."""
        __tracebackhide__ = True
        if self.runtime.is_open:
            self.runtime.skipper.settle(timeout=self._timeout)
            self.check_stubs()

    # -- what has happened ----------------------------------------------------------------------

    def state(self, run: Run) -> WorkflowState:
        """The state of a run, once everything has settled."""
        __tracebackhide__ = True
        self.settle()
        return self._handle(run).state()

    def history(self, run: Run) -> list[HistoryEvent]:
        """The events of a run's present execution, once everything has settled."""
        __tracebackhide__ = True
        self.settle()
        return self._handle(run).history()

    def calls(self, activity: Stubbed) -> list[dict[str, Any]]:
        """The arguments of every attempt of an activity, by name, once everything has settled.

        Stubbed or not; in the order in which they began.
        """
        __tracebackhide__ = True
        self.settle()
        return self._executor.calls(find_activity(self.runtime.registry, activity).name)

    def stub(self, activity: Stubbed, stub: Stub) -> None:
        """Replace an activity from now on; raises WorkflowTestError if the stub can't be called as it is."""
        self._executor.put(find_activity(self.runtime.registry, activity), stub)

    def check_stubs(self) -> None:
        """Raise NoStubError if an activity was called that has no stub, and the environment is strict."""
        __tracebackhide__ = True
        if self._executor.refused:
            names = ", ".join(self._executor.refused)
            raise NoStubError(
                f"called without a stub: {names}; add it to stubs={{...}}, or leave strict=True away"
            )

    def _skipping(self, run: WorkflowHandle) -> SkippingRun:
        return SkippingRun(run, self.runtime, timeout=self._timeout, check=self.check_stubs)

    def _handle(self, run: Run) -> WorkflowHandle:
        return self.client.handle(run) if isinstance(run, str) else run
