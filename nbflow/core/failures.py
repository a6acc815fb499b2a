"""From a live exception to what a history can hold of it."""

from __future__ import annotations

import linecache
import os.path
import traceback
from types import TracebackType
from typing import Final

from nbflow.errors import FailureDetails, SourceFrame, TaskFailedError

_PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_LOOPS: Final = tuple(os.sep + part + os.sep for part in ("asyncio", "anyio"))
_MAX_FRAMES: Final = 30


def is_author_file(filename: str) -> bool:
    """Tell an author's file from nbflow's own, asyncio's and anyio's."""
    return not filename.startswith(_PACKAGE + os.sep) and not any(part in filename for part in _LOOPS)


def describe(error: BaseException) -> FailureDetails:
    """Write down an exception: type, message, the author's traceback and the chain of causes.

    What an activity raised and a workflow let through keeps the activity's own
    traceback, as the cause.
    """
    frames = _frames(error.__traceback__)
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if isinstance(error, TaskFailedError):
        described_cause: FailureDetails | None = error.details
    else:
        described_cause = describe(cause) if isinstance(cause, Exception) else None
    return FailureDetails(
        type=type(error).__qualname__,
        message=_message(error),
        stack_trace=_format(error, frames),
        frames=frames,
        cause=described_cause,
        bases=tuple(kind.__qualname__ for kind in type(error).__mro__ if kind is not object),
    )


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
    return "\n".join(lines)
