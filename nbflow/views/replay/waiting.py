"""What a branch of a workflow waits for, in words: told from the future that it awaits and the frames below the author's."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any, Final, cast

import msgspec

from nbflow.core.callers import NumberedGathering
from nbflow.core.calls import CallTask, ChildTask
from nbflow.core.failures import is_author_file
from nbflow.core.frames import locals_of, suspended_frames
from nbflow.core.futures import WorkflowTask
from nbflow.core.tasks import DurableTask, EventTask, TimerTask
from nbflow.views.excerpts import excerpt

_MOST: Final = 4
_DEEPEST: Final = 6

_LIBRARY: Final = {
    "Lock.acquire": "a lock",
    "Semaphore.acquire": "a semaphore",
    "Condition.wait": "a condition",
    "Condition.wait_for": "a condition",
    "Event.wait": "an event of its own code to be set",
    "Barrier.wait": "others at a barrier",
    "Queue.get": "an item of a queue",
    "Queue.put": "room in a queue",
    "Queue.join": "a queue to be worked off",
    "CapacityLimiter.acquire_on_behalf_of": "a capacity limiter",
    "MemoryObjectReceiveStream.receive": "an item of a stream",
    "MemoryObjectSendStream.send": "room in a stream",
    "TaskGroup.start": "a task to say that it has started",
    "sleep_forever": "nothing, for ever",
}
"""By the qualified names of asyncio's and anyio's functions, what their callers wait for."""

_OBJECTS: Final = ("Lock", "Semaphore", "Condition", "Event", "Barrier", "Queue", "CapacityLimiter")


class Waiting(msgspec.Struct, frozen=True):
    """What a branch waits for.

    Attributes:
        words: ``activity charge #5``.
        ids: Of the scheduling events behind it.
    """

    words: str
    ids: tuple[int, ...] = ()


class Waits:
    """Tells what branches wait for, at one moment.

    Args:
        name: Names a branch that is shown; None for a task that isn't.
        started: When the execution began.
    """

    def __init__(self, name: Callable[[WorkflowTask[Any]], str | None], started: datetime) -> None:
        self._name = name
        self._started = started

    def of(
        self, task: WorkflowTask[Any], frames: Sequence[FrameType], variables: dict[str, Any] | None = None
    ) -> Waiting:
        """What a branch waits for.

        Args:
            task: The branch.
            frames: All of its frames, from the outermost.
            variables: The locals of its innermost frame of the author's: a lock is called by its name there.
        """
        ids: list[int] = []
        words = self._task(task, frames, variables or {}, ids, 0)
        return Waiting(words, tuple(dict.fromkeys(ids)))

    def _task(
        self,
        task: WorkflowTask[Any],
        frames: Sequence[FrameType],
        variables: dict[str, Any],
        ids: list[int],
        depth: int,
    ) -> str:
        future = task.waits_for
        if future is None:
            return "its next turn"
        if isinstance(future, (DurableTask, NumberedGathering)):
            return self._future(future, ids, depth)
        below = list(frames)
        while below and any(is_author_file(frame.f_code.co_filename) for frame in below):
            below.pop(0)
        for frame in below:
            words = self._library(frame, variables, ids, depth)
            if words is not None:
                return words
        return self._future(future, ids, depth)

    def _library(self, frame: FrameType, variables: dict[str, Any], ids: list[int], depth: int) -> str | None:
        """What somebody waits for who has called this function of asyncio's or anyio's."""
        function = frame.f_code.co_qualname
        if function == "sleep":
            return self._sleep(locals_of(frame).get("h"), ids)
        if function in ("TaskGroup.__aexit__", "TaskGroup._aexit"):
            group = locals_of(frame).get("self")
            return self._several("its task group: ", getattr(group, "_tasks", ()), ids, depth)
        if function == "_wait":
            known = locals_of(frame)
            every = known.get("return_when") == "ALL_COMPLETED"
            return self._several("all of " if every else "the first of ", known.get("fs", ()), ids, depth)
        words = _LIBRARY.get(function)
        if words is None:
            return None
        owner = locals_of(frame).get("self")
        name = next((name for name, value in variables.items() if value is owner), None)
        return words if name is None else f"{words} ({excerpt(name, 40)})"

    def _sleep(self, handle: Any, ids: list[int]) -> str:
        timer = getattr(handle, "timer", None)
        if timer is None:
            return "nothing, for ever"
        ids.append(timer.id)
        due = _clock(self._started + timedelta(seconds=handle.when()))
        return f"the end of a sleep, at {due} (timer #{timer.id})"

    def _several(self, before: str, futures: Collection[Any], ids: list[int], depth: int) -> str:
        pending = [future for future in futures if not future.done()]
        pending.sort(key=lambda future: getattr(future, "number", 0))
        if depth >= _DEEPEST:
            return f"{before}{len(pending)} more"
        words = [
            self._future(future, ids, depth + 1) for future in pending[: _MOST if len(pending) > 5 else 5]
        ]
        if len(pending) > len(words):
            words.append(f"{len(pending) - len(words):,} more")
        if len(words) == 1 and before.endswith(" of "):
            before = ""
        return before + ", ".join(words)

    def _future(self, future: Any, ids: list[int], depth: int) -> str:
        if isinstance(future, DurableTask):
            task = cast("DurableTask[Any]", future)
            ids.append(task.id)
            return _durable(task)
        if isinstance(future, NumberedGathering):
            children: Iterable[Any] = cast("Any", future)._children
            return self._several(
                "all of ", list({id(child): child for child in children}.values()), ids, depth
            )
        if isinstance(future, WorkflowTask):
            branch = cast("WorkflowTask[Any]", future)
            name = self._name(branch)
            if name is not None or depth >= _DEEPEST:
                return name or "a task"
            return self._task(branch, suspended_frames(branch.get_coro()), {}, ids, depth + 1)
        behind = _shielded(future)
        return "a future" if behind is None else f"{self._future(behind, ids, depth + 1)} (shielded)"


def _durable(task: DurableTask[Any]) -> str:
    match task:
        case ChildTask():
            again = f", attempt {task.attempt}" if task.attempt > 1 else ""
            words = f"child {task.call.name} #{task.id}{again}, {excerpt(task.instance_id, 60)}"
        case CallTask():
            again = f", attempt {task.attempt}" if task.attempt > 1 else ""
            words = f"activity {task.call.name} #{task.id}{again}"
        case TimerTask():
            return f"timer #{task.id}, due {_clock(task.fire_at)}"
        case EventTask():
            return f"event {excerpt(task.name, 80)!r} #{task.id}"
        case _:
            return f"#{task.id}"
    return f"{words}, which failed and is tried again" if task.is_pausing else words


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _shielded(future: Any) -> Any:
    """What `asyncio.shield` protects, if the future is one of its making."""
    for callback, _context in getattr(future, "_callbacks", None) or ():
        if getattr(callback, "__qualname__", "").startswith("shield.<locals>."):
            cells = dict(zip(callback.__code__.co_freevars, callback.__closure__ or (), strict=True))
            return cells["inner"].cell_contents if "inner" in cells else None
    return None
