"""A run of this process's runtime, as its card and its pictures see it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextvars import Context
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from nbflow.core.history import HistoryEvent
from nbflow.core.state import InstanceRecord, StallReason
from nbflow.definitions import WorkflowDefinition
from nbflow.engine.output import TurnPrints, context_with
from nbflow.errors import LookNotPossible, RuntimeClosedError, UntrustedError
from nbflow.runtime.ways_back import WaysBack
from nbflow.runtime.wiring import caveat
from nbflow.widgets.source import ForkOffer, RewindOffer

if TYPE_CHECKING:
    from nbflow.runtime.runtime import WorkflowRuntime

CAPABILITIES: Final = frozenset(
    {
        *("raise", "suspend", "resume", "terminate", "purge", "restart"),
        *("rewind", "fork", "compare", "replay", "graph"),
    }
)
"""What a card may offer for a run of this runtime."""


class RunSource:
    """One run, for whoever draws it; see `nbflow.widgets.source.CardSource`.

    Args:
        runtime: The runtime.
        instance_id: The run.
        closed: Says what to do once the runtime is closed.
    """

    def __init__(
        self,
        runtime: WorkflowRuntime,
        instance_id: str,
        *,
        closed: Callable[[], str] = lambda: "open the runtime again",
    ) -> None:
        self._runtime = runtime
        self.instance_id = instance_id
        self._closed = closed

    capabilities = CAPABILITIES

    def snapshot(self) -> tuple[InstanceRecord, Sequence[HistoryEvent]]:
        """The run's row and history; raises NbflowError."""
        return self._open_runtime().client.snapshot(self.instance_id)

    def subscribe(
        self, callback: Callable[[InstanceRecord, Sequence[HistoryEvent]], None]
    ) -> Callable[[], None]:
        """Call back after each commit that concerns the run."""
        return self._runtime.subscribe(self.instance_id, callback)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back once; called on the engine's thread, whose loop this is."""
        asyncio.get_running_loop().call_later(seconds, callback)

    def aside(self, look: Callable[[], object]) -> None:
        """Do something that may take its time on a thread for that."""
        self._open_runtime().aside.do(look)

    def raise_event(self, name: str, payload_json: str) -> Future[None]:
        """Raise an event; the future is done once it is durable."""
        return self._open_runtime().client.raise_encoded_event(self.instance_id, name, payload_json)

    def command(self, name: str) -> Future[str]:
        """Have something done to the run; the future gives a sentence once it is durable."""
        if name == "rewind":
            return self._ways_back().rewind()
        return self._open_runtime().submit(self._obey(name))

    async def _obey(self, name: str) -> str:
        requests, run = self._runtime.requests, self.instance_id
        match name:
            case "suspend":
                await requests.suspend(run, "")
                return f"{run} is suspended"
            case "resume":
                await requests.resume(run, "")
                return f"{run} goes on"
            case "terminate":
                await requests.terminate(run, "null", True)
                return f"{run} is terminated"
            case "purge":
                count = await requests.purge(run, True)
                return f"{run} is purged" + (f", with {count - 1} below it" if count > 1 else "")
            case "restart":
                await self._runtime.client.restart(run)
                return f"{run} has begun again"
            case _:
                raise ValueError(f"no command {name!r}")

    def fork(self, seq: int, value: str | None, instance_id: str) -> Future[str]:
        """Start a new run that shares this one's history up to an event."""
        return self._ways_back().fork(seq, value, instance_id)

    def fork_offer(self, seq: int) -> ForkOffer:
        """What a fork at an event would be; raises NbflowError."""
        return self._ways_back().fork_offer(seq)

    def rewind_offer(self) -> RewindOffer:
        """Where a rewind would go; raises NbflowError."""
        return self._ways_back().rewind_offer()

    def peers(self) -> Sequence[str]:
        """Runs that this one may well be compared with."""
        return self._ways_back().peers()

    def _ways_back(self) -> WaysBack:
        return WaysBack(self._open_runtime(), self.instance_id)

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

    @property
    def opened_at(self) -> datetime:
        """When the runtime opened its history."""
        return self._runtime.opened_at

    def definition(self) -> WorkflowDefinition[Any, Any] | None:
        """The code that the run's present execution goes by, or does not get along with; None if it isn't there."""
        runtime = self._open_runtime()
        record = runtime.call(runtime.requests.record(self.instance_id))  # without its history
        registry, stall = runtime.registry, record.stall
        found = registry.running(record.name, record.definition or None)
        if found is None and stall is not None and stall.reason is not StallReason.CODE_MISSING:
            return registry.running(record.name)  # what it was tried with: a replay shows where they part
        return found

    def kind_of(self, name: str) -> str | None:
        """What is registered under a name: an ``activity``, a ``workflow``, or nothing."""
        registry = self._runtime.registry
        if registry.has_activity(name):
            return "activity"
        return "workflow" if registry.version(name) is not None else None

    def quiet_context(self) -> Context:
        """Context variables under which what code prints is dropped.

        Raises:
            LookNotPossible: The owner of the history did not write the run's rows: no code runs on them.
        """
        try:
            runtime = self._open_runtime()
            runtime.call(runtime.requests.check_rows(self.instance_id))
        except UntrustedError as error:
            raise LookNotPossible(f"there is no replay: {error}") from error
        return context_with(TurnPrints(), None)

    def other(self, instance_id: str) -> RunSource:
        """Another run of the same runtime."""
        return RunSource(self._runtime, instance_id, closed=self._closed)

    def _open_runtime(self) -> WorkflowRuntime:
        if not self._runtime.is_open:
            raise RuntimeClosedError(f"its history is closed: {self._closed()}")
        return self._runtime
