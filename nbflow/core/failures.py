"""From a live exception to what a history can hold of it."""

from __future__ import annotations

import asyncio
import linecache
import re
import traceback
from types import TracebackType
from typing import Final, cast

from nbflow.core.refusals import refusal
from nbflow.errors import DefinitionError, FailureDetails, SourceFrame, TaskFailedError

_LAST_TWO: Final = re.compile(r"[^\\/]+[\\/][^\\/]+$")
_PACKAGE: Final = _LAST_TWO.sub("", __file__)
_STANDARD: Final = _LAST_TWO.sub("", asyncio.__file__)
_INSTALLED: Final = re.compile(r"[\\/](site|dist)-packages[\\/](?P<name>[^\\/]+)")
_MAX_FRAMES: Final = 30
_MAX_CAUSES: Final = 10


def is_author_file(filename: str) -> bool:
    """Tell an author's file from those of nbflow, the standard library, and anyio."""
    installed = _INSTALLED.search(filename)
    if installed is not None:
        return installed["name"] not in ("anyio", "nbflow")
    return not filename.startswith((_PACKAGE, _STANDARD, "<frozen "))


def describe(error: BaseException) -> FailureDetails:
    """Write down an exception: type, message, the author's traceback and the chain of causes.

    What an activity raised and a workflow let through keeps the activity's own
    traceback, as the cause. The cause of an exception group is its first exception.
    """
    return _describe(error, ())


def _describe(error: BaseException, seen: tuple[BaseException, ...]) -> FailureDetails:
    frames = _frames(error.__traceback__)
    seen = (*seen, error)
    cause = _cause(error)
    if isinstance(error, TaskFailedError):
        described_cause: FailureDetails | None = error.details
    elif isinstance(cause, Exception) and cause not in seen and len(seen) <= _MAX_CAUSES:
        described_cause = _describe(cause, seen)
    else:
        described_cause = None
    return FailureDetails(
        type=type(error).__qualname__,
        message=_message(error),
        stack_trace=_format(error, frames),
        frames=frames,
        cause=described_cause,
        bases=tuple(kind.__qualname__ for kind in type(error).__mro__ if kind is not object),
    )


def _cause(error: BaseException) -> BaseException | None:
    if error.__cause__ is not None:
        return error.__cause__
    parts = _parts(error)
    if parts:
        return parts[0]
    return None if error.__suppress_context__ else error.__context__


def is_unresolved(error: BaseException | None) -> bool:
    """Tell whether code failed since a name or module isn't there: that waits for its owner (S12).

    Also in a branch of a TaskGroup, and in an annotation. A local variable that is read too
    early is a bug of the code like any other.
    """
    if parts := _parts(error):
        return any(is_unresolved(part) for part in parts)
    if isinstance(error, DefinitionError):
        return is_unresolved(error.__cause__)
    return isinstance(error, (NameError, ImportError)) and not isinstance(error, UnboundLocalError)


def clarified(error: BaseException | None) -> BaseException | None:
    """Say what is to be done about an error in which asyncio doesn't."""
    if isinstance(error, RuntimeError) and "attached to a different loop" in str(error):
        clear = refusal("a future of another event loop", "await")
        clear.__cause__, clear.__traceback__ = error, error.__traceback__
        return clear
    return error


def _parts(error: BaseException | None) -> tuple[BaseException, ...]:
    """The exceptions of a group."""
    if not isinstance(error, BaseExceptionGroup):
        return ()
    return cast("BaseExceptionGroup[BaseException]", error).exceptions


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:
        return f"<str() of the exception raised {type(broken).__name__}>"


def _frames(trace: TracebackType | None) -> tuple[SourceFrame, ...]:
    frames: list[SourceFrame] = []
    for frame, line in traceback.walk_tb(trace):
        code = frame.f_code
        if is_author_file(code.co_filename):
            text = linecache.getline(code.co_filename, line, frame.f_globals).strip()
            frames.append(SourceFrame(file=code.co_filename, line=line, function=code.co_name, text=text))
    return tuple(frames[-_MAX_FRAMES:])


def _format(error: BaseException, frames: tuple[SourceFrame, ...]) -> str:
    lines = ["Traceback (most recent call last):"] if frames else []
    for frame in frames:
        lines.append(f'  File "{frame.file}", line {frame.line}, in {frame.function}')
        if frame.text:
            lines.append(f"    {frame.text}")
    lines.append("".join(traceback.format_exception_only(error)).rstrip())
    for number, part in enumerate(_parts(error), start=1):
        lines.append(f"  | {number}: {type(part).__qualname__}: {_message(part)}")
    return "\n".join(lines)
