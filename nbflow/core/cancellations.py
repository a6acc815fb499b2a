"""anyio's cancellation, made repeatable and brought to rest (semantics S74, S78).

An anyio scope that is cancelled cancels its tasks again and again, on every turn
of the loop, until they have left it. Two things about that don't suit a replay:
it visits child scopes by address, and a task that can't leave yet, such as one
in the ``__aexit__`` of an asyncio TaskGroup whose child is still cleaning up,
would keep the loop busy for ever. So cancellations are collected while a step
runs and delivered in the order of the tasks' numbers; and a task is cancelled
once at each place where it waits, per event that the loop is fed.
"""

from __future__ import annotations

from types import CodeType
from typing import Any

from nbflow.core.frames import suspended_frames
from nbflow.core.futures import WorkflowTask


class Cancellations:
    """The cancellations that anyio asks for on one loop."""

    def __init__(self) -> None:
        self._collected: dict[WorkflowTask[Any], Any] = {}
        self._delivered: set[tuple[int, CodeType | None, int]] | None = None

    def __bool__(self) -> bool:
        return bool(self._collected)

    def begin(self) -> None:
        """A new event is fed: every place may be cancelled once more."""
        self._delivered = None

    def collect(self, task: WorkflowTask[Any], msg: Any) -> None:
        """Take a cancellation; one that would bring nothing new is only counted."""
        if task in self._collected or not self._is_new(task):
            task.withhold_cancellation()
        else:
            self._collected[task] = _without_address(msg)

    def deliver(self) -> bool:
        """Cancel what was collected, and tell whether there was anything."""
        collected, self._collected = self._collected, {}
        for task in sorted(collected, key=hash):
            task.cancel_now(collected[task])
        return bool(collected)

    def _is_new(self, task: WorkflowTask[Any]) -> bool:
        if not task.is_waiting:
            return True
        frames = suspended_frames(task.get_coro())
        place = (task.number, frames[-1].f_code, frames[-1].f_lasti) if frames else (task.number, None, 0)
        if self._delivered is None:
            self._delivered = set()
        if place in self._delivered:
            return False
        self._delivered.add(place)
        return True


def _without_address(msg: Any) -> Any:
    """Take the addresses out of a message of anyio's, which names scope and task; it goes by the beginning."""
    if not isinstance(msg, str):
        return msg
    start, _, _ = msg.partition(" scope ")
    reason = msg.partition("; reason: ")[2]
    return f"{start} scope {f'({reason})' if reason else ''}"
