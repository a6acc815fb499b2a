"""What asyncio is about to do, told by who calls the loop.

Some things that can't be replayed reach the loop only as a harmless call: a set
of bare coroutines as ``create_task``, the future of a thread as
``create_future``, a future that has no number as ``get_debug``. The frame of the
caller tells them apart.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, cast

from nbflow.core import futures
from nbflow.core.failures import is_author_file
from nbflow.core.refusals import refusal
from nbflow.errors import NotReplayableError

calling_frame: Final = cast("Callable[[int], FrameType]", vars(sys)["_getframe"])
"""``calling_frame(1)`` is the frame of whoever called the function that asks."""

NUMBERED: Final = frozenset({asyncio.events.__file__, futures.__file__})
"""Files whose futures have numbers, or that make no futures: most calls of ``get_debug`` come from here."""

WAITS: Final = frozenset({"wrap_future", "_wait"})
"""Names of asyncio's functions that call ``create_future`` for something that may be foreign."""

_ANYIO_THREAD: Final = "run_sync_in_worker_thread"
"""anyio's function that has a thread do something, and makes a future for it first."""

_TASKS: Final = asyncio.tasks.__file__
_Gathering: Final = cast("type[asyncio.Future[Any]]", vars(asyncio.tasks)["_GatheringFuture"])


class NumberedGathering(_Gathering):
    """What `asyncio.gather` returns, with a number to hash by, as `WorkflowFuture` has it."""

    number: int

    def __hash__(self) -> int:
        return self.number


def check_no_set_of_coroutines(caller: FrameType | None) -> None:
    """Refuse `asyncio.as_completed` over bare coroutines: it makes tasks of them in a set's order.

    Args:
        caller: Who calls the loop's ``create_task``.
    """
    while caller is not None and caller.f_code.co_filename == _TASKS:
        if caller.f_code.co_qualname.partition(".")[0] in ("as_completed", "_AsCompletedIterator"):
            raise NotReplayableError(
                "asyncio.as_completed() starts bare coroutines in an order that can't be replayed: make tasks of "
                "them first, as in as_completed([asyncio.create_task(c) for c in …])"
            )
        caller = caller.f_back


def check_waits(caller: FrameType, loop: asyncio.AbstractEventLoop) -> None:
    """Refuse to wait for what a thread or another loop will end, at any moment.

    Args:
        caller: Who calls the loop's ``create_future``, from a function with one of the names `WAITS`.
        loop: That loop.
    """
    if caller.f_code is asyncio.wrap_future.__code__:
        raise refusal("the future of a thread", "asyncio.wrap_future")
    awaited: set[asyncio.Future[Any]] = (
        caller.f_locals["fs"] if caller.f_code.co_filename == _TASKS else set()
    )
    if any(future.get_loop() is not loop for future in awaited):
        raise refusal("a future of another event loop", "asyncio.wait")


def gathering_of(caller: FrameType) -> NumberedGathering | None:
    """The result of `asyncio.gather` that is being made, for its loop to number it.

    Args:
        caller: Who calls the loop's ``get_debug``, which is all that a future asks when it is made.

    Raises:
        NotReplayableError: The future is for a thread; or the author makes it without the loop, so that it
            has no number.
    """
    code = caller.f_code
    if code is _Gathering.__init__.__code__:
        future = caller.f_locals["self"]
        future.__class__ = NumberedGathering  # asyncio offers no other way to have it made
        return cast("NumberedGathering", future)
    if code.co_name == _ANYIO_THREAD:
        raise refusal("a thread", "anyio.to_thread")
    # asyncio's own tasks.py makes futures for gather only, and tasks for eager_task_factory only.
    unnumbered = code.co_filename == _TASKS or is_author_file(code.co_filename)
    if unnumbered and "get_debug" not in code.co_names:
        raise NotReplayableError(
            "a future or task that is made without the loop has no place in the order that a replay repeats: use "
            "asyncio.create_task(…) for a task, asyncio.get_running_loop().create_future() for a future"
        )
    return None
