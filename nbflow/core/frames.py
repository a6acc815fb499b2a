"""Where workflow code is: the author's frames of a running or suspended branch."""

from __future__ import annotations

import gc
import inspect
from types import AsyncGeneratorType, CoroutineType, FrameType, GeneratorType
from typing import Any, Final, cast

from nbflow.core import generators
from nbflow.core.failures import is_author_file
from nbflow.core.futures import WorkflowSteps

_SUSPENDED: Final[dict[type[Any], tuple[str, str]]] = {
    CoroutineType: ("cr_frame", "cr_await"),
    GeneratorType: ("gi_frame", "gi_yieldfrom"),
    AsyncGeneratorType: ("ag_frame", "ag_await"),
}
_ITERATORS: Final = frozenset(
    {"async_generator_asend", "async_generator_athrow", "anext_awaitable", "coroutine_wrapper"}
)
"""Python's awaitables that have no frame and no attribute that leads to one."""

_DRIVER: Final = generators.drive.__code__


def calling_line() -> tuple[str, int] | None:
    """File and line of the innermost author's frame that led to this call, if it is the loop's doing."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_name != "feed":
        if is_author_file(frame.f_code.co_filename):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return None


def suspended_frames(coro: Any) -> list[FrameType]:
    """The frames of a suspended coroutine, from the outermost to the innermost await.

    A generator that is a workflow stands below the coroutine that drives it; an async generator
    below whoever asks it for its next item.
    """
    frames: list[FrameType] = []
    if isinstance(coro, WorkflowSteps):
        coro = cast("Any", coro).coro
    while coro is not None:
        names = _SUSPENDED.get(cast("Any", type(coro))) or _like_those(coro)
        if names is None:
            coro = _asked_for(coro)
            continue
        frame: FrameType | None = getattr(coro, names[0])
        if frame is None:
            break
        frames.append(frame)
        if frame.f_code is _DRIVER:
            frames += suspended_frames(locals_of(frame)["generator"])
        coro = getattr(coro, names[1])
    return frames


def author_frames(coro: Any) -> list[FrameType]:
    """The author's frames of a suspended coroutine, from the outermost to the innermost."""
    return [frame for frame in suspended_frames(coro) if is_author_file(frame.f_code.co_filename)]


def waiting_line(coro: Any) -> tuple[str, int] | None:
    """File and line at which an author's coroutine waits."""
    for frame in reversed(suspended_frames(coro)):
        if is_author_file(frame.f_code.co_filename):
            return frame.f_code.co_filename, frame.f_lineno
    return None


def locals_of(frame: FrameType) -> dict[str, Any]:
    """The local variables of a frame, which doesn't keep what it shows.

    Before Python 3.13 a frame keeps the mapping that it gave, and with it every value: an async
    generator that the code drops later would live on, and not end where a replay has it end.
    """
    mapping = frame.f_locals
    found = dict(mapping)
    if type(mapping) is dict:
        mapping.clear()
    return found


def _like_those(coro: Any) -> tuple[str, str] | None:
    """The names of a coroutine's attributes, for one that isn't Python's own."""
    return next((names for names in _SUSPENDED.values() if hasattr(coro, names[0])), None)


def _asked_for(awaitable: Any) -> Any:
    """Give what has a frame: the async generator behind an ``anext``, the coroutine behind an ``__await__``."""
    if type(awaitable).__name__ not in _ITERATORS:
        return None
    for behind in gc.get_referents(awaitable):
        if inspect.iscoroutine(behind) or inspect.isgenerator(behind) or inspect.isasyncgen(behind):
            return behind
    return None
