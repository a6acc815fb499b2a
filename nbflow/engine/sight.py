"""Where the code is that another thread runs: what the watchdog sees of a turn that doesn't end."""

from __future__ import annotations

import linecache
import os.path
import sys
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any, Final

from nbflow.core.failures import is_author_file
from nbflow.core.state import Stall, StallReason

_DEBUGGERS: Final = frozenset({"bdb", "pdb", "pydevd", "_pydevd_bundle", "_pydev_bundle", "debugpy"})
"""Packages on whose frames a person stands still."""

_DELICATE: Final = frozenset(
    {"nbflow", "threading", "queue", "logging", "concurrent", "multiprocessing", "importlib"}
)
"""Packages that are not left in the middle: they hold locks, or what they do goes on to count."""


@dataclass(frozen=True, kw_only=True)
class Sight:
    """The author's code on the stack of a thread.

    Attributes:
        frames: Its frames, innermost first, with the line at which each of them was.
        may_interrupt: Whether it, or something harmless that it called, ran at that moment.
        is_importing: Whether it was importing a module.
    """

    frames: tuple[tuple[FrameType, int], ...]
    may_interrupt: bool
    is_importing: bool

    def narrowed(self, later: Sight) -> Sight:
        """What is on the stack later as well: the loop is in there, and not in what it calls."""
        stayed = {id(frame) for frame, _ in self.frames}
        frames = tuple(place for place in later.frames if id(place[0]) in stayed)
        return replace(later, frames=frames or later.frames)


def look_at(thread_id: int, outermost: dict[str, Any]) -> Sight | None:
    """Look for the author's code on the stack of a thread.

    Args:
        thread_id: The thread.
        outermost: The globals of the module whose frame is the last that is looked at.

    Returns:
        None if there is none, or if a debugger holds it.
    """
    frame = sys._current_frames().get(thread_id)  # pyright: ignore[reportPrivateUsage] # documented all the same
    frames: list[tuple[FrameType, int]] = []
    may_interrupt, is_importing = True, False
    while frame is not None and frame.f_globals is not outermost:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package in _DEBUGGERS:
            return None
        if is_author_file(frame.f_code.co_filename):
            frames.append((frame, frame.f_lineno))
        elif not frames and package in _DELICATE:
            may_interrupt = False
        is_importing = is_importing or package == "importlib"
        frame = frame.f_back
    if not frames:
        return None
    return Sight(frames=tuple(frames), may_interrupt=may_interrupt, is_importing=is_importing)


def stuck_stall(instance_id: str | None, seconds: float, sight: Sight) -> Stall:
    """The report of code that doesn't come to rest.

    Args:
        instance_id: The run; None for code that ends because it leaves memory, which stalls nothing.
        seconds: For how long it has not awaited anything.
        sight: Where its code is.
    """
    frame, line = sight.frames[0]
    file = frame.f_code.co_filename
    text = linecache.getline(file, line, frame.f_globals).strip()
    place = f"line {line}"
    if os.path.exists(file):  # that of a cell means nothing to anybody
        place += f" of {os.path.basename(file)}"
    place += f", in {frame.f_code.co_name}"
    if text:
        place += f": `{text}`"
    way_out = "await something durable in the loop, or put the work in an activity"
    if instance_id is not None:
        way_out += f", then `%wf resume {instance_id}`"
    return Stall(
        reason=StallReason.STUCK,
        message=f"its code has not awaited anything for {seconds:g} s ({place}): {way_out}",
        file=file,
        line=line,
    )
