"""One execution on its way through a history, and what can be seen of it at each rest.

A cursor goes forward only. It feeds what is recorded, so that no activity runs and nothing new
happens; the code is unwound when the cursor is closed.
"""

from __future__ import annotations

import linecache
import re
import traceback
import zlib
from collections.abc import Iterator, Sequence
from contextvars import Context
from operator import is_
from types import FrameType, FunctionType
from typing import Any, Final

import msgspec

from nbflow.core import actions as a
from nbflow.core import history as h
from nbflow.core.context import WorkflowContext
from nbflow.core.divergence import ExecutionStalledError
from nbflow.core.execution import Execution, WorkflowCode
from nbflow.core.explain.explaining import explain
from nbflow.core.failures import is_author_file
from nbflow.core.frames import author_frames, calling_line, locals_of, suspended_frames
from nbflow.core.futures import WorkflowTask
from nbflow.core.replay import end_of_step, feed_step
from nbflow.core.state import Stall, StallReason
from nbflow.definitions import ActivityDefinition, WorkflowDefinition, evidence_of
from nbflow.views.excerpts import excerpt, tame
from nbflow.views.replay.moments import Branch, Call, Frame, Local, Problem, State
from nbflow.views.replay.shapes import class_of
from nbflow.views.replay.values import Printer
from nbflow.views.replay.waiting import Waits

MOST_BRANCHES: Final = 250
"""Branches that are looked at at one moment."""

_MOST_VARIABLES: Final = 100
_MARKED: Final = 300
_PLAIN_NAME: Final = re.compile(r"Task-\d+$|.*\.")
"""Names that asyncio and anyio give: the function says more."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen at a rest.

    Attributes:
        state: How the run stood.
        branches: Oldest first.
        calls: Which lines took the actions since the rest before.
        words: How the run ended.
        problem: Why nothing was seen.
        more: Branches that were not looked at.
    """

    state: State
    branches: tuple[Branch, ...] = ()
    calls: tuple[Call, ...] = ()
    words: str = ""
    problem: Problem | None = None
    more: int = 0

    @property
    def size(self) -> int:
        """How many values it holds, about."""
        return 1 + sum(2 + len(frame.variables) for branch in self.branches for frame in branch.frames)


class Cursor:
    """An execution that is fed step by step.

    Args:
        code: The workflow.
        instance_id: The run.
        context: The context variables that the code starts with.
        printer: Prints values.
    """

    def __init__(self, code: WorkflowCode, *, instance_id: str, context: Context, printer: Printer) -> None:
        self._context = context.copy()
        self.execution = Execution(code, instance_id=instance_id, context=context)
        self.position = 0
        self._printer = printer
        self._listing = code.listing if isinstance(code, WorkflowDefinition) else None
        self._names: dict[int, tuple[int, str]] = {}
        self._newest = 0
        self._calls: list[Call] = []
        self._taken = 0
        self._last: Sequence[h.HistoryEvent] = ()
        self._problem: Problem | None = None
        self._sources: dict[tuple[str, int], tuple[str, bool]] = {}
        self._seen: dict[tuple[int, int], tuple[Frame, dict[str, tuple[Any, Local]]]] = {}
        self._branches: dict[int, Branch] = {}
        printer.ignored = lambda: self.execution.loop.ignored

    def close(self) -> None:
        """Unwind the code."""
        self.execution.evict()

    # -- going on ------------------------------------------------------------------------------

    def advance(self, history: Sequence[h.HistoryEvent], *, noting: bool) -> None:
        """Feed the next event with what is recorded behind it; code that can't follow stays where it is.

        Args:
            history: All of it.
            noting: Whether to note which lines take the actions.
        """
        begin = self.position
        self.position = end_of_step(history, begin)
        if self._problem is not None or self.execution.is_finished:
            return
        self._last = history[begin : self.position]
        self._calls, self._taken = [], 0
        self.execution.noting = self._note if noting else _pass
        try:
            feed_step(self.execution, history, begin)
        except ExecutionStalledError as error:
            self._problem = _problem(self._explained(error.stall, history), self.execution.instance_id)
            return
        for task in self.execution.branches(self._newest):
            self._newest = task.number
            if author_frames(task.get_coro()):
                number = len(self._names) + 1
                self._names[task.number] = number, self._name(task)

    def _explained(self, stall: Stall, history: Sequence[h.HistoryEvent]) -> Stall:
        """The report with both sides; as it is where that fails."""
        code = self.execution.code
        try:
            return explain(
                stall,
                code,
                history,
                instance_id=self.execution.instance_id,
                context=self._context,
                evidence=evidence_of(code, history),
            )
        except Exception:  # a picture without a reason is better than none
            return stall

    def _note(self, _action: a.WorkflowAction) -> None:
        self._taken += 1
        place = calling_line()
        if place is not None:
            self._calls.append(Call(self._last[0].seq + self._taken, *place, self._is_own(*place)))

    def _name(self, task: WorkflowTask[Any]) -> str:
        name = task.get_name()
        if _PLAIN_NAME.match(name):
            name = author_frames(task.get_coro())[0].f_code.co_name
        return tame(excerpt(name, 60))

    # -- looking -------------------------------------------------------------------------------

    def look(self) -> Look:
        """See where the code is, and what it holds."""
        if self._problem is not None:
            return Look(state="missing" if self._problem.is_missing else "stalled", problem=self._problem)
        if self.execution.main is None:
            return Look(state="before")
        calls = tuple(self._calls)
        if self.execution.is_finished:
            state, words = _outcome(self._last)
            return Look(state=state, words=words, branches=tuple(self._failed()), calls=calls)
        with self.execution.looking():
            tasks = [task for task in self.execution.branches() if task.number in self._names]
            branches = tuple(self._branch(task) for task in tasks[:MOST_BRANCHES])
        more = max(len(tasks) - MOST_BRANCHES, 0)
        return Look(state="running", branches=branches, calls=calls, more=more)

    def full(self, branch: int, depth: int, name: str) -> str | None:
        """The whole value of a variable; None if there is none now."""
        if self.execution.is_finished:
            found = [frame for frame, _ in self._traced()]
        else:
            numbers = {self._names[task.number][0]: task for task in self._named()}
            found = author_frames(numbers[branch].get_coro()) if branch in numbers else []
        if not 0 <= depth < len(found):
            return None
        with self.execution.looking():
            variables = locals_of(found[depth])
            return self._printer.full(variables[name]) if name in variables else None

    def _named(self) -> Iterator[WorkflowTask[Any]]:
        return (task for task in self.execution.branches() if task.number in self._names)

    def _branch(self, task: WorkflowTask[Any]) -> Branch:
        number, name = self._names[task.number]
        every = suspended_frames(task.get_coro())
        mine = [frame for frame in every if is_author_file(frame.f_code.co_filename)]
        found = [locals_of(frame) for frame in mine]
        waiting = Waits(self._called, self.execution.started.at).of(task, every, found[-1] if found else {})
        frames = tuple(
            self._frame((number, depth), frame, frame.f_lineno, variables)
            for depth, (frame, variables) in enumerate(zip(mine, found, strict=True))
        )
        words = tame(waiting.words)
        known = self._branches.get(number)
        if (
            known is None
            or (known.waits, known.ids) != (words, waiting.ids)
            or not _identical(known.frames, frames)
        ):
            known = Branch(number=number, name=name, waits=words, ids=waiting.ids, frames=frames)
            self._branches[number] = known
        return known

    def _called(self, task: WorkflowTask[Any]) -> str | None:
        known = self._names.get(task.number)
        return None if known is None else f"branch {known[0]} ({known[1]})"

    def _failed(self) -> Iterator[Branch]:
        """The frames through which an error ended the run; they live as long as the error."""
        frames = self._traced()
        if frames and self.execution.main is not None:
            number, name = self._names.get(self.execution.main.number, (1, self.execution.code.name))
            with self.execution.looking():
                shown = tuple(
                    self._frame((number, depth), frame, line, locals_of(frame))
                    for depth, (frame, line) in enumerate(frames)
                )
            yield Branch(number=number, name=name, waits="", ids=(), frames=shown)

    def _traced(self) -> list[tuple[FrameType, int]]:
        main = self.execution.main
        if main is None or not main.done() or main.cancelled():
            return []
        error = main.exception()
        trace = traceback.walk_tb(error.__traceback__ if error is not None else None)
        found = [(frame, line) for frame, line in trace if is_author_file(frame.f_code.co_filename)]
        return found if len(found) <= _MOST_FRAMES else [*found[:5], *found[5 - _MOST_FRAMES :]]

    def _frame(self, place: tuple[int, int], frame: FrameType, line: int, variables: dict[str, Any]) -> Frame:
        """A frame as it is shown; the same object as at the last look if it shows the same."""
        code = frame.f_code
        known, values = self._seen.get(place, _UNSEEN)
        if known is None or known.function != code.co_name or known.file != code.co_filename:
            known, values = _UNSEEN
        seen: dict[str, tuple[Any, Local]] = {}
        for name, value in variables.items():
            if not name.isidentifier() or _is_scenery(value, name in code.co_freevars):
                continue
            if len(seen) == _MOST_VARIABLES:
                break
            seen[name] = self._variable(name, value, values.get(name))
        shown = tuple(local for _, local in seen.values())
        if known is None or known.line != line or not _identical(known.variables, shown):
            source, is_own = self._source(frame, line)
            known = Frame(
                function=code.co_name,
                file=code.co_filename,
                line=line,
                source=source,
                is_own=is_own,
                variables=shown,
            )
        self._seen[place] = known, seen
        return known

    def _variable(self, name: str, value: Any, known: tuple[Any, Local] | None) -> tuple[Any, Local]:
        """A variable, and its value if that is one that never changes: then it is not printed again."""
        fixed = value if type(value) in _FIXED else None
        if known is not None and known[0] is value and fixed is not None:
            return known
        text, is_whole = self._printer.short(value)
        mark = 0
        if not is_whole:
            mark = zlib.crc32(self._printer.short(value, _MARKED).text.encode(errors="replace"))
        if known is not None and (known[1].text, known[1].mark) == (text, mark):
            return fixed, known[1]
        return fixed, Local(name=name, text=text, is_cut=not is_whole, mark=mark)

    def _source(self, frame: FrameType, line: int) -> tuple[str, bool]:
        file = frame.f_code.co_filename
        found = self._sources.get((file, line))
        if found is None:
            text = linecache.getline(file, line, frame.f_globals).strip()
            found = self._sources[file, line] = tame(excerpt(text, 200)), self._is_own(file, line)
        return found

    def _is_own(self, file: str, line: int) -> bool:
        listing = self._listing
        if listing is None or listing.file != file:
            return False
        return listing.first_line <= line <= listing.first_line + listing.text.rstrip("\n").count("\n")


_MOST_FRAMES: Final = 30
_UNSEEN: Final[tuple[Frame | None, dict[str, tuple[Any, Local]]]] = (None, {})
_TOOLS: Final = (type, ActivityDefinition, WorkflowDefinition)


_FIXED: Final = frozenset({int, float, bool, str, bytes, WorkflowContext})
"""Types whose values print the same for ever."""


def _is_scenery(value: Any, is_free: bool) -> bool:
    """Whether a variable is part of the code rather than of its state: a function, or a tool of the surroundings."""
    kind = class_of(value)
    return kind is FunctionType or (is_free and issubclass(kind, _TOOLS))


def _identical(one: Sequence[object], other: Sequence[object]) -> bool:
    return len(one) == len(other) and all(map(is_, one, other))


def _pass(_action: a.WorkflowAction) -> None:
    pass


def _problem(stall: Stall, instance_id: str) -> Problem:
    return Problem(
        words=tame(excerpt(stall.message, 2000)),
        is_missing=stall.reason is StallReason.CODE_MISSING,
        seq=stall.seq,
        expected=stall.expected,
        actual=stall.actual,
        file=stall.file,
        line=stall.line,
        divergence=stall.divergence,
        instance_id=instance_id,
    )


def _outcome(step: Sequence[h.HistoryEvent]) -> tuple[State, str]:
    for event in reversed(step):
        match event:
            case h.ExecutionCompleted(status="COMPLETED", output=output):
                return "completed", f"it returned {tame(excerpt(output, 200))}"
            case h.ExecutionCompleted(failure=failure):
                return "failed", f"it failed with {tame(excerpt(str(failure), 300))}"
            case h.ContinuedAsNew(new_input=new_input):
                return "continued", f"it continued as new with {tame(excerpt(new_input, 200))}"
            case h.ExecutionTerminated():
                return "terminated", "it was terminated"
            case _:
                pass
    return "running", ""
