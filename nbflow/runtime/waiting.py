"""Waiting for runs: for one in steps that an interrupt can come between, or for many with one question."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING, Final, TypeVar

from nbflow.core.state import InstanceRecord

if TYPE_CHECKING:
    from nbflow.runtime.runtime import WorkflowRuntime

_T = TypeVar("_T")
_STEP: Final = 0.2
"""Seconds between two moments at which Python sees an interrupt."""

_A_LOOK: Final = 1.0
"""Seconds that the first look at a run never takes."""

Condition = Callable[[InstanceRecord], bool]


def watch(runtime: WorkflowRuntime, instance_id: str, condition: Condition) -> Future[InstanceRecord]:
    """A future of the run's row once a condition holds, on the engine's thread; to be cancelled if not wanted."""
    future: Future[InstanceRecord] = Future()
    engine = runtime.requests
    runtime.post(lambda: engine.watch_soon([instance_id], condition, [future]), waits=True)
    return future


def wait(
    runtime: WorkflowRuntime, instance_id: str, condition: Condition, timeout: float | None
) -> InstanceRecord:
    """Wait until a condition holds for a run's row.

    Raises:
        InstanceNotFoundError: There is no such run.
        TimeoutError: It doesn't hold in time (seconds).
    """
    __tracebackhide__ = True
    if timeout is None or timeout > _A_LOOK:
        future = watch(runtime, instance_id, condition)
    else:  # such a short time counts from the first look on
        future = Future[InstanceRecord]()
        runtime.call(runtime.requests.watch(instance_id, condition, future))
    late = f"{instance_id} has not come so far within {timeout or 0:g} s; it goes on"
    return result_in_steps(future, timeout, late)


def wait_for_all(
    runtime: WorkflowRuntime, instance_ids: Sequence[str], condition: Condition, timeout: float | None
) -> list[InstanceRecord]:
    """Wait until a condition holds for the rows of all these runs; gives the rows in that order.

    Raises:
        InstanceNotFoundError: There is no such run.
        TimeoutError: It doesn't hold for one of them in time (seconds).
    """
    __tracebackhide__ = True
    rows: dict[int, InstanceRecord] = {}
    done: Future[None] = Future()
    futures: list[Future[InstanceRecord]] = []
    engine = runtime.requests

    def ask() -> None:
        for number in range(len(instance_ids)):
            future: Future[InstanceRecord] = Future()
            future.add_done_callback(lambda future, number=number: came(number, future))
            futures.append(future)
        engine.watch_soon(instance_ids, condition, futures)

    def came(number: int, future: Future[InstanceRecord]) -> None:
        if future.cancelled() or done.done():
            return
        error = future.exception()
        if error is not None:
            done.set_exception(error)
            return
        rows[number] = future.result()
        if len(rows) == len(instance_ids):
            done.set_result(None)

    if not instance_ids:
        return []
    runtime.post(ask, waits=True)
    try:
        result_in_steps(done, timeout, f"not all runs have come so far within {timeout or 0:g} s; they go on")
    finally:
        runtime.post(lambda: [future.cancel() for future in futures])
    return [rows[number] for number in range(len(instance_ids))]


def result_in_steps(future: Future[_T], timeout: float | None, late: str) -> _T:
    """Wait for a future in steps that an interrupt can come between; it is cancelled if it isn't done.

    Args:
        future: What to wait for.
        timeout: Seconds; None: as long as it takes.
        late: What the TimeoutError says.
    """
    __tracebackhide__ = True
    end = None if timeout is None else time.monotonic() + timeout
    try:
        while True:
            left = _STEP if end is None else min(_STEP, end - time.monotonic())
            if left <= 0 and not future.done():
                raise TimeoutError(late)
            try:
                return future.result(max(left, 0.0))
            except FutureTimeoutError:
                if future.done():
                    raise  # it is what became of it
    finally:
        future.cancel()
