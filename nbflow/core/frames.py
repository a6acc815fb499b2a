"""Where workflow code is: the author's frames of a running or suspended branch."""

from __future__ import annotations

import inspect
from types import FrameType
from typing import Any

from nbflow.core.failures import is_author_file


def calling_line() -> tuple[str, int] | None:
    """File and line of the innermost author's frame that led to this call, if it is the loop's doing."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_name != "feed":
        if is_author_file(frame.f_code.co_filename):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return None


def suspended_frames(coro: Any) -> list[FrameType]:
    """The frames of a suspended coroutine, from the outermost to the innermost await."""
    frames: list[FrameType] = []
    while coro is not None:
        for frame_name, next_name in (
            ("cr_frame", "cr_await"),
            ("gi_frame", "gi_yieldfrom"),
            ("ag_frame", "ag_await"),
        ):
            frame = getattr(coro, frame_name, None)
            if frame is not None:
                frames.append(frame)
                coro = getattr(coro, next_name, None)
                break
        else:
            break
    return frames


def waiting_line(coro: Any) -> tuple[str, int] | None:
    """File and line at which an author's coroutine waits."""
    for frame in reversed(suspended_frames(coro)):
        if is_author_file(frame.f_code.co_filename):
            return frame.f_code.co_filename, frame.f_lineno
    return None
