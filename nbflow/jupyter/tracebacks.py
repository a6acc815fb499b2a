"""The author's traceback of a failed run, as IPython shows its own.

``await run`` raises `WorkflowFailedError` in a cell that has nothing to do with
the failure; what a person wants to see is the line of the activity or workflow
that raised, in the cell where it was written. It is known as data
(`FailureDetails.frames`), since the failure went through the store and may be
older than this kernel.
"""

from __future__ import annotations

import itertools
import linecache
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from nbflow.core.failures import link
from nbflow.errors import FailureDetails, SourceFrame, WorkflowFailedError

Label = Callable[[str], str | None]
"""Names the cell whose code has that file name, or gives None for other files."""

_AROUND: Final = 2
_CELL_FILE: Final = re.compile(r"ipykernel_\d+[/\\]|^<ipython-input-")
_RED, _GREEN, _CYAN, _OFF = "\x1b[31m", "\x1b[32m", "\x1b[36m", "\x1b[39m"
_COLOUR: Final = re.compile(r"\x1b\[\d+m")
_RULE: Final = "-" * 75


def failure_lines(error: WorkflowFailedError, label: Label, *, coloured: bool) -> list[str]:
    """The lines that stand for a failed run's traceback, what raised first coming first.

    Args:
        error: What ``await run`` raised.
        label: Names this session's cells.
        coloured: Whether the shell shows colours.
    """
    lines = [f"{_RED}{_RULE}{_OFF}", *_told(error.details, label)]
    lines += ["", f"{error.instance_id} has failed: type %wf show {error.instance_id} --view timeline"]
    return lines if coloured else [_COLOUR.sub("", line) for line in lines]


def _told(details: FailureDetails, label: Label) -> Iterator[str]:
    """A failure behind what led to it, and before its parts."""
    if details.cause is not None:
        yield from _told(details.cause, label)
        yield from ("", link(details))
    for frame, again in _runs(details.frames):
        yield from _frame_lines(frame, label)
        if again:
            yield f"      … and {again} more times"
    yield from _headline(details)
    for note in details.notes:
        yield from note.splitlines()
    for number, part in enumerate(details.parts, start=1):
        yield f"  +---------------- {number} ----------------"
        for line in _told(part, label):
            yield f"  | {line}".rstrip()


def _headline(details: FailureDetails) -> list[str]:
    """The type and the message; of a syntax error the line that it is about."""
    if "SyntaxError" in details.bases:
        place = re.search(r"^  File .*, line \d+$(.|\n)*", details.stack_trace, re.MULTILINE)
        if place is not None:
            *lines, last = place[0].split("\n")
            return [*lines, f"{_RED}{last}{_OFF}"]
    message = f": {details.message}" if details.message else ""
    return [f"{_RED}{details.type}{_OFF}{message}"]


def _runs(frames: Iterable[SourceFrame]) -> Iterator[tuple[SourceFrame, int]]:
    """Frames, and how often each comes again directly behind itself, as in an endless recursion."""
    for frame, same in itertools.groupby(frames):
        yield frame, len(list(same)) - 1


def _frame_lines(frame: SourceFrame, label: Label) -> Iterator[str]:
    cell = label(frame.file)
    earlier = "A cell of an earlier kernel" if _CELL_FILE.search(frame.file) else f"File {frame.file}"
    yield f"{_GREEN}{cell or earlier}{_OFF}, line {frame.line}, in {_CYAN}{frame.function}{_OFF}"
    present = linecache.getline(frame.file, frame.line).rstrip("\n")
    if frame.text and present.strip() != frame.text:  # the file is gone, or has changed since
        yield f"{_GREEN}----> {frame.line}{_OFF} {frame.text}"
        return
    for number in range(max(frame.line - _AROUND, 1), frame.line + _AROUND + 1):
        text = linecache.getline(frame.file, number).rstrip()
        if number == frame.line:
            yield f"{_GREEN}----> {number}{_OFF} {text}"
        elif text:
            yield f"      {_GREEN}{number}{_OFF} {text}"
