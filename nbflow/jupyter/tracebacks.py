"""The author's traceback of a failed run, as IPython shows its own.

``await run`` raises `WorkflowFailedError` in a cell that has nothing to do with
the failure; what a person wants to see is the line of the activity or workflow
that raised, in the cell where it was written. It is known as data
(`FailureDetails.frames`), since the failure went through the store and may be
older than this kernel.
"""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable, Iterator
from typing import Final

from nbflow.errors import FailureDetails, SourceFrame, WorkflowFailedError

Label = Callable[[str], str | None]
"""Names the cell whose code has that file name, or gives None for other files."""

_AROUND: Final = 2
_MOST_CAUSES: Final = 10
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
    lines = [f"{_RED}{_RULE}{_OFF}"]
    for position, details in enumerate(reversed(_chain(error.details))):
        if position:
            lines += ["", "That ended the workflow:"]
        for frame in details.frames:
            lines += _frame_lines(frame, label)
        message = f": {details.message}" if details.message else ""
        lines.append(f"{_RED}{details.type}{_OFF}{message}")
    lines += ["", f"{error.instance_id} has failed: type %wf show {error.instance_id} --view timeline"]
    return lines if coloured else [_COLOUR.sub("", line) for line in lines]


def _chain(details: FailureDetails) -> list[FailureDetails]:
    """A failure and its causes, the outermost first."""
    found = [details]
    while found[-1].cause is not None and len(found) < _MOST_CAUSES:
        found.append(found[-1].cause)
    return found


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
