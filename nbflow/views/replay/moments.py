"""A moment of a run: where each branch of its code was, and what its variables held.

Everything here is text and numbers: a moment outlives the execution that it was taken from.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from nbflow.core.explain.report import Divergence

State: TypeAlias = Literal[
    "before", "running", "completed", "failed", "terminated", "continued", "stalled", "missing"
]
Change: TypeAlias = Literal["", "new", "changed", "gone"]


class Local(msgspec.Struct, frozen=True, kw_only=True):
    """A variable.

    Attributes:
        name: Its name.
        text: Its value in about 120 characters.
        is_cut: Whether there is more of it.
        change: Against the step before.
        was: What it held then, if that was something else.
        mark: Tells values apart that are cut alike.
    """

    name: str
    text: str
    is_cut: bool = False
    change: Change = ""
    was: str | None = None
    mark: int = 0


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """A function of the author's that a branch is in.

    Attributes:
        function: Its name.
        file: Its file, as Python knows it.
        line: Where it is.
        source: The text of that line.
        is_own: Whether the line is one of the workflow's listing.
        variables: Its locals.
    """

    function: str
    file: str
    line: int
    source: str
    is_own: bool
    variables: tuple[Local, ...]


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """One of the things that the code does side by side.

    Attributes:
        number: Counts the branches of the run: 1 is the workflow's function itself.
        name: What it is called, or the function that it began as.
        waits: What it waits for, in words.
        ids: Of the scheduling events behind that.
        frames: From the outermost to the innermost.
        is_new: Whether it has begun in this step.
    """

    number: int
    name: str
    waits: str
    ids: tuple[int, ...]
    frames: tuple[Frame, ...]
    is_new: bool = False


class Call(msgspec.Struct, frozen=True):
    """Which line of the author's took an action."""

    seq: int
    file: str
    line: int
    is_own: bool


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why the code can't be followed further.

    Attributes:
        words: In a sentence.
        is_missing: Whether the code uses something that isn't there.
        seq: The position concerned.
        expected: What history holds there.
        actual: What the code did instead.
        file: The line of the code that did it.
        line: Likewise.
        divergence: Both sides and the likely cause.
        instance_id: The run.
    """

    words: str
    is_missing: bool = False
    seq: int | None = None
    expected: str | None = None
    actual: str | None = None
    file: str | None = None
    line: int | None = None
    divergence: Divergence | None = None
    instance_id: str = ""


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """The code at a position of its history.

    The actions behind an event belong to the same step as the event: the code takes them all
    before it rests, so that all positions of a step show the same.

    Attributes:
        seq: The position; 0 is before everything.
        first: The first position of its step.
        last: The last one.
        state: How the run stands.
        words: How it ended, if it has.
        branches: Oldest first. At the end of a run: what is last known of them.
        ended: Names of the branches that ended in this step.
        calls: Which lines took the actions of this step.
        problem: Why there is nothing to see.
        more: Branches that are not shown.
    """

    seq: int
    first: int
    last: int
    state: State
    words: str = ""
    branches: tuple[Branch, ...] = ()
    ended: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    problem: Problem | None = None
    more: int = 0


def compared(branches: tuple[Branch, ...], before: tuple[Branch, ...]) -> tuple[Branch, ...]:
    """Branches with what has changed in them against an earlier moment."""
    known = {branch.number: branch for branch in before}
    return tuple(_compared(branch, known.get(branch.number)) for branch in branches)


def _compared(branch: Branch, before: Branch | None) -> Branch:
    if before is None:
        return msgspec.structs.replace(branch, is_new=True)
    if branch is before:
        return branch
    frames = tuple(
        _frame(frame, before.frames[depth] if depth < len(before.frames) else None)
        for depth, frame in enumerate(branch.frames)
    )
    return msgspec.structs.replace(branch, frames=frames)


def _frame(frame: Frame, before: Frame | None) -> Frame:
    if frame is before:
        return frame
    if before is None or (frame.function, frame.file) != (before.function, before.file):
        found = [msgspec.structs.replace(local, change="new") for local in frame.variables]
        return msgspec.structs.replace(frame, variables=tuple(found))
    if frame.variables == before.variables:
        return frame
    old = {local.name: local for local in before.variables}
    found = [_local(local, old.pop(local.name, None)) for local in frame.variables]
    gone = [Local(name=local.name, text="", change="gone", was=local.text) for local in old.values()]
    return msgspec.structs.replace(frame, variables=(*found, *gone))


def _local(local: Local, before: Local | None) -> Local:
    if before is None:
        return msgspec.structs.replace(local, change="new")
    if (local.text, local.mark) == (before.text, before.mark):
        return local
    return msgspec.structs.replace(local, change="changed", was=before.text)
