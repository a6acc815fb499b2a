"""From a live exception to what a history can hold of it, and to the text that a person reads."""

from __future__ import annotations

import asyncio
import linecache
import re
import traceback
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Final, cast

from nbflow.errors import DefinitionError, Evicted, FailureDetails, SourceFrame, TaskFailedError

_LAST_TWO: Final = re.compile(r"[^\\/]+[\\/][^\\/]+$")
_PACKAGE: Final = _LAST_TWO.sub("", __file__)
_STANDARD: Final = _LAST_TWO.sub("", asyncio.__file__)
_INSTALLED: Final = re.compile(r"[\\/](site|dist)-packages[\\/](?P<name>[^\\/]+)")
_FIRST_FRAMES: Final = 10
_LAST_FRAMES: Final = 20
_MAX_CAUSES: Final = 10
_MAX_PARTS: Final = 20
_MAX_EXCEPTIONS: Final = 100
_MAX_CHARACTERS: Final = 10_000
_NO_CAUSES: Final = (asyncio.CancelledError, GeneratorExit, Evicted)
"""How code is unwound; where it leads to an exception, that one says more."""

PINNED: Final = "nbflow_pinned_"
"""How the names of the modules begin that stored code lives in; people never see them."""

FROM_CAUSE: Final = "The above exception was the direct cause of the following exception:"
WHILE_HANDLING: Final = "During handling of the above exception, another exception occurred:"
OF_TASK: Final = "That ended the workflow:"


def is_author_file(filename: str) -> bool:
    """Tell an author's file from those of nbflow, the standard library, and anyio."""
    installed = _INSTALLED.search(filename)
    if installed is not None:
        return installed["name"] not in ("anyio", "nbflow")
    return not filename.startswith((_PACKAGE, _STANDARD, "<frozen "))


def describe(error: BaseException) -> FailureDetails:
    """Write down an exception: type, message, notes, the author's traceback, causes, and parts of a group.

    What an activity raised and a workflow let through keeps the activity's own
    traceback, as the cause. Whatever an author's exception does when it is looked
    at, and however large it is, a description that a history can hold comes of it.
    """
    try:
        return _Description(_MAX_EXCEPTIONS).of(error, ())
    except Exception as broken:  # what an author's exception class does when it is looked at
        kind = type(error).__qualname__
        message = f"<the exception can't be described: {type(broken).__name__}>"
        return FailureDetails(type=kind, message=message, stack_trace=f"{kind}: {message}", bases=(kind,))


class _Description:
    """Describes an exception with all that belongs to it, up to so many exceptions."""

    def __init__(self, most: int) -> None:
        self._left = most

    def of(self, error: BaseException, seen: tuple[BaseException, ...]) -> FailureDetails:
        """Describe one exception, to which those that were seen before have led."""
        self._left -= 1
        frames, gap = _frames(error.__traceback__)
        seen = (*seen, error)
        cause, is_context = _cause(error)
        described: FailureDetails | None = None
        if isinstance(error, TaskFailedError):
            described, is_context = error.details, False
        elif cause is not None and cause not in _Identical(seen) and len(seen) <= _MAX_CAUSES:
            described = self.of(cause, seen)
        return FailureDetails(
            type=_storable(type(error).__qualname__),
            message=_message(error),
            stack_trace=_format(error, frames, gap),
            frames=frames,
            cause=described,
            is_context=is_context and described is not None,
            notes=_notes(error),
            parts=tuple(self._parts(error, seen)),
            bases=tuple(_storable(kind.__qualname__) for kind in type(error).__mro__ if kind is not object),
        )

    def _parts(self, error: BaseException, seen: tuple[BaseException, ...]) -> Iterator[FailureDetails]:
        for part in _parts(error)[:_MAX_PARTS]:
            if len(seen) <= _MAX_CAUSES and self._left > 0:
                yield self.of(part, seen)


class _Identical:
    """Exceptions, told apart by identity: an author's ``==`` may say or raise anything."""

    def __init__(self, errors: tuple[BaseException, ...]) -> None:
        self._ids = frozenset(map(id, errors))

    def __contains__(self, error: object) -> bool:
        return id(error) in self._ids


def _cause(error: BaseException) -> tuple[BaseException | None, bool]:
    """What led to an exception, and whether that was not said with ``from``."""
    if error.__cause__ is not None:
        found, is_context = error.__cause__, False
    else:
        found, is_context = (None if error.__suppress_context__ else error.__context__), True
    return (None if isinstance(found, _NO_CAUSES) else found), is_context


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


def link(details: FailureDetails) -> str:
    """The sentence between a failure's cause and the failure itself."""
    if details.type in _TASK_FAILURES:
        return OF_TASK
    return WHILE_HANDLING if details.is_context else FROM_CAUSE


def full_text(details: FailureDetails) -> str:
    """A failure with its causes and its parts, as Python prints an exception: what came first comes first."""
    return "\n".join(_told(details))


_TASK_FAILURES: Final = ("TaskFailedError", "ChildTerminatedError")


def _told(details: FailureDetails) -> Iterator[str]:
    if details.cause is not None:
        yield from _told(details.cause)
        yield from ("", link(details), "")
    own = details.stack_trace.rstrip().split("\n") if details.stack_trace else [str(details), *details.notes]
    yield from (line for line in own if not (details.parts and _PART.match(line)))
    for number, part in enumerate(details.parts, start=1):
        yield f"  +---------------- {number} ----------------"
        for line in _told(part):
            yield f"  | {line}".rstrip()


def _parts(error: BaseException | None) -> tuple[BaseException, ...]:
    """The exceptions of a group."""
    if not isinstance(error, BaseExceptionGroup):
        return ()
    return cast("BaseExceptionGroup[BaseException]", error).exceptions


def _message(error: BaseException) -> str:
    try:
        return _storable(str(error))
    except BaseException as broken:  # whatever an author's __str__ raises: SystemExit, too
        return f"<str() of the exception raised {type(broken).__name__}>"


def _notes(error: BaseException) -> tuple[str, ...]:
    notes: object = getattr(error, "__notes__", None)
    if not isinstance(notes, list):
        return ()
    return tuple(_storable(note) for note in cast("list[object]", notes) if isinstance(note, str))


def _storable(text: str) -> str:
    """A text that a history can hold: of a bounded length, and Unicode."""
    if len(text) > _MAX_CHARACTERS:
        text = f"{text[:_MAX_CHARACTERS]}… ({len(text) - _MAX_CHARACTERS:,} more characters)"
    return text.encode(errors="backslashreplace").decode()


def _frames(trace: TracebackType | None) -> tuple[tuple[SourceFrame, ...], int]:
    """The author's frames, and how many were left out behind the tenth: an endless recursion has a thousand."""
    lines = [place for place in traceback.walk_tb(trace) if is_author_file(place[0].f_code.co_filename)]
    left_out = max(len(lines) - _FIRST_FRAMES - _LAST_FRAMES, 0)
    kept = [*lines[:_FIRST_FRAMES], *lines[_FIRST_FRAMES + left_out :]]
    return tuple(_frame(frame, line) for frame, line in kept), left_out


def _frame(frame: FrameType, line: int) -> SourceFrame:
    code = frame.f_code
    text = linecache.getline(code.co_filename, line, frame.f_globals).strip()
    return SourceFrame(
        file=_storable(code.co_filename),
        line=line,
        function=_storable(code.co_name),
        text=_storable(text),
    )


_PART: Final = re.compile(r"  \| \d+: ")
_WITH_MORE: Final = (SyntaxError, NameError, AttributeError, ImportError)
"""Of these Python shows more than the message: the line, or a name that may have been meant. Not so of a group,
all of whose parts it would go through, however many there are."""


def _format(error: BaseException, frames: tuple[SourceFrame, ...], gap: int) -> str:
    lines = ["Traceback (most recent call last):"] if frames else []
    for number, frame in enumerate(frames):
        if gap and number == _FIRST_FRAMES:
            lines.append(f"  … {gap:,} more lines …")
        lines.append(f'  File "{frame.file}", line {frame.line}, in {frame.function}')
        if frame.text:
            lines.append(f"    {frame.text}")
    lines.append(_storable(_headline(error)))
    lines += _notes(error)
    for number, part in enumerate(_parts(error)[:_MAX_PARTS], start=1):
        lines.append(f"  | {number}: {_storable(type(part).__qualname__)}: {_message(part)}")
    return "\n".join(lines)


def _headline(error: BaseException) -> str:
    """What Python prints below the frames, without the notes."""
    if isinstance(error, _WITH_MORE):
        notes = "".join(f"{note}\n" for note in _notes(error))
        return "".join(traceback.format_exception_only(error)).removesuffix(notes).rstrip()
    kind, message = type(error), _message(error)
    is_plain = kind.__module__ in ("builtins", "__main__") or kind.__module__.startswith(PINNED)
    name = kind.__qualname__ if is_plain else f"{kind.__module__}.{kind.__qualname__}"
    return f"{name}: {message}" if message else name
