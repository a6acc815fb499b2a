"""A run of a test: who waits for its result skips time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator
from concurrent.futures import wait
from typing import Any, Final

from msgspec import UNSET

from nbflow.core.state import InstanceRecord, RuntimeState, RuntimeStatus
from nbflow.runtime import WorkflowClient, WorkflowHandle, WorkflowRuntime
from nbflow.testing.complaints import RunWaitsError

_STEP: Final = 0.2
"""Seconds between looks, so that an interrupt is noticed soon."""

_DEEPEST: Final = 20


class SkippingRun(WorkflowHandle):
    """A run in virtual time: ``run.result()`` and ``await run`` skip time until it has ended.

    Args:
        run: The run.
        runtime: Its runtime, which has a virtual clock.
        timeout: Seconds of real time to wait.
        check: Called before a result is told; raises what the test should rather know.
    """

    def __init__(
        self, run: WorkflowHandle, runtime: WorkflowRuntime, *, timeout: float, check: Callable[[], None]
    ) -> None:
        super().__init__(run.client, run.instance_id, run.name)
        self._runtime = runtime
        self._timeout = timeout
        self._check = check

    def fork(
        self, at: int, *, set: Any = UNSET, id: str | None = None, newest_code: bool = False
    ) -> SkippingRun:
        """Start a run that shares this one's history up to an event; see `WorkflowHandle.fork`."""
        forked = super().fork(at, set=set, id=id, newest_code=newest_code)
        return SkippingRun(forked, self._runtime, timeout=self._timeout, check=self._check)

    def result(self, timeout: float | None = None) -> Any:
        """Skip time until the run has ended, and return its output; see `WorkflowTestEnvironment.result`."""
        __tracebackhide__ = True
        waiting = _Waiting(self, self._runtime, timeout if timeout is not None else self._timeout)
        try:
            while waiting.goes_on():
                wait([waiting.skip], _STEP)
        finally:
            waiting.stop()
        self._check()
        waiting.conclude()
        return super().result(timeout)

    def __await__(self) -> Generator[Any, None, Any]:
        __tracebackhide__ = True
        return self._skipped().__await__()

    async def _skipped(self) -> Any:
        __tracebackhide__ = True
        waiting = _Waiting(self, self._runtime, self._timeout)
        skip = asyncio.wrap_future(waiting.skip)
        try:
            while waiting.goes_on():
                await asyncio.wait({skip}, timeout=_STEP)
        finally:
            skip.cancel()
            waiting.stop()
        self._check()
        waiting.conclude()
        return await super()._wait()


class _Waiting:
    """The wait for a run's end, while time is skipped."""

    def __init__(self, run: WorkflowHandle, runtime: WorkflowRuntime, timeout: float) -> None:
        self._run = run
        self._skipper = runtime.skipper
        self._timeout = timeout
        self._end = time.monotonic() + timeout
        self._ended = run.client.watch(run.instance_id, _has_rested)
        self.skip = self._skipper.skip_until(self._ended.done)

    def goes_on(self) -> bool:
        """Whether time is still skipped; raises TimeoutError once that takes too long."""
        if self.skip.done():
            return False
        if time.monotonic() > self._end:
            raise TimeoutError(
                f"{self._run.instance_id} has not ended after {self._timeout:g} s of real time; "
                f"{self._skipper.standstill()}"
            )
        return True

    def stop(self) -> None:
        self.skip.cancel()

    def conclude(self) -> None:
        """Raise RunWaitsError if the run has not ended."""
        self.skip.result()
        if not self._ended.done():
            self._ended.cancel()
            instance_id = self._run.instance_id
            raise RunWaitsError(instance_id, "; ".join(_why(self._run.client, instance_id, _DEEPEST)))


def _has_rested(record: InstanceRecord) -> bool:
    return record.status.is_terminal or record.status is RuntimeStatus.STALLED


def _why(client: WorkflowClient, instance_id: str, deepest: int) -> list[str]:
    """What a run waits for, and those below it, in one clause each."""
    record, history = client.snapshot(instance_id)
    if record.status is RuntimeStatus.SUSPENDED:
        return [f"{instance_id} is suspended: client.resume_workflow({instance_id!r}) lets it go on"]
    if record.stall is not None:
        return [f"{instance_id} is stalled: {record.stall.message}"]
    state = RuntimeState.of(history)
    clauses = [
        f"{instance_id} waits for event {name!r}, which nobody has raised: "
        f"env.raise_event({instance_id!r}, {name!r}, …)"
        for name in dict.fromkeys(wait.name for wait in state.waits.values())
    ]
    for child in state.children.values() if deepest else ():
        clauses.append(f"{instance_id} waits for its child {child.name}")
        clauses += _why(client, child.instance_id, deepest - 1)
    return clauses or [f"{instance_id} is {record.status}, and nothing is due that would move it on"]
