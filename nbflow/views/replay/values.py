"""Values of workflow code as text: like `repr`, but bounded, and proof against what an author's ``__repr__`` does.

Containers, texts, records and data frames are printed from here, item by item, and only as far as
there is room: a list of a million rows costs what its first ten cost. Other objects are asked for
their ``repr``. One that raises, hands back no text, takes too long or acts on the workflow is
named with what it did instead, and the last two are not asked again.

Addresses are left out, since they say nothing and differ from one replay to the next.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

from nbflow.views.excerpts import excerpt, tame, tame_lines
from nbflow.views.replay.shapes import Container, Quoted, Words, class_of, shape_of, type_name

SHORT: Final = 120
"""Characters of a value in a list of variables."""

LONG: Final = 20_000
"""Characters of a value by itself."""

TOO_SLOW: Final = 0.05
"""Seconds after which a ``__repr__`` is not asked again."""

_WIDTH: Final = 88
_DEEPEST: Final = 20
_FLAT_DEEPEST: Final = 6
_SMALL: Final = frozenset({int, bool, float, type(None)})
_LARGE: Final = 10**15
_LEAST: Final = 4
_TAIL: Final = 14
"""Characters of a note of what is missing, such as ``… 1,000 more``."""

_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")


class Text(NamedTuple):
    """A printed value, and whether that is all of it."""

    text: str
    is_whole: bool


class Printer:
    """Prints values.

    Args:
        clock: Seconds; without one no ``__repr__`` counts as slow.
        ignored: How often the workflow has refused something; counts on when a ``__repr__`` acts on it.

    Attributes:
        disturbed: Whether a ``__repr__`` has acted on the workflow, whose state isn't to be trusted any more.
    """

    def __init__(
        self, *, clock: Callable[[], float] | None = None, ignored: Callable[[], int] = lambda: 0
    ) -> None:
        self.disturbed = False
        self.ignored = ignored
        self._clock = clock
        self._refused: dict[type[Any], str] = {}

    def short(self, value: Any, room: int = SHORT - 16) -> Text:
        """A value on one line of about that many characters."""
        before = self.ignored()
        try:
            text, is_whole = self._flat(value, room, ())
        except BaseException as error:  # whatever a class does when it is looked at
            text, is_whole = _complaint(value, error), True
        if self.ignored() != before and not self.disturbed:
            text = self._refuse(class_of(value))
        return Text(tame(text), is_whole)

    def full(self, value: Any) -> str:
        """A value laid out over lines, of at most `LONG` characters and a note of what is missing."""
        lines: list[str] = []
        used = 0
        try:
            for line in self._lines(value, "", "", ()):
                if used + len(line) > LONG:
                    lines += [line[: LONG - used], f"… (cut at {LONG:,} characters)"]
                    break
                lines.append(line)
                used += len(line) + 1
        except BaseException as error:  # likewise
            lines = [_complaint(value, error)]
        return tame_lines("\n".join(lines))

    # -- on one line -------------------------------------------------------------------------

    def _flat(self, value: Any, room: int, around: tuple[int, ...]) -> Text:
        if type(value) in _SMALL and (type(value) is not int or -_LARGE < value < _LARGE):
            return Text(repr(value), True)
        match shape_of(value):
            case None:
                return self._ask(value, room)
            case Quoted(text=text):
                return _quoted(text, room)
            case Words(text=text, has_more=has_more):
                whole = Text(text, not has_more)
                return whole if len(text) <= max(room, 24) else _cut(text, room, len(text))
            case Container() as shape:
                if id(value) in around:
                    return Text(f"{shape.opening}…{shape.closing}", True)
                if not shape.size:
                    return Text(f"{shape.opening}{shape.closing}", True)
                if len(around) >= _FLAT_DEEPEST or room < 8:
                    return Text(f"{shape.opening}… {shape.size:,} {shape.noun}{shape.closing}", False)
                return self._items(shape, room, (*around, id(value)))

    def _items(self, shape: Container, room: int, around: tuple[int, ...]) -> Text:
        parts, used, is_whole = list[str](), len(shape.opening) + len(shape.closing), True
        for number, (label, item) in enumerate(shape.items()):
            left = room - used - len(label)
            if number and left < _LEAST:
                break
            text, whole = self._flat(item, max(left, _LEAST), around)
            if number and used + len(label) + len(text) > room + _TAIL:
                break
            is_whole = is_whole and whole
            parts.append(label + text)
            used += len(label) + len(text) + 2
        if len(parts) < shape.size:
            parts.append(f"… {shape.size - len(parts):,} more")
            is_whole = False
        return Text(f"{shape.opening}{', '.join(parts)}{shape.closing}", is_whole)

    # -- over lines --------------------------------------------------------------------------

    def _lines(self, value: Any, indent: str, label: str, around: tuple[int, ...]) -> Iterator[str]:
        flat = self._flat(value, max(_WIDTH - len(indent) - len(label), 24), around)
        if flat.is_whole:
            yield f"{indent}{label}{flat.text}"
            return
        match shape_of(value):
            case Container() as shape if len(around) < _DEEPEST:
                yield f"{indent}{label}{shape.opening.rstrip()}"
                shown = 0
                for name, item in shape.items():
                    yield from _with_comma(self._lines(item, f"{indent}    ", name, (*around, id(value))))
                    shown += 1
                if shown < shape.size:
                    yield f"{indent}    … {shape.size - shown:,} more"
                yield f"{indent}{shape.closing}"
            case Container():
                yield f"{indent}{label}{flat.text}"
            case Quoted(text=text):
                yield f"{indent}{label}{_quoted(text, LONG - 100).text}"
            case None | Words(has_more=True):
                first, *rest = self._ask(value, LONG - 100).text.split("\n")
                yield f"{indent}{label}{first}"
                yield from rest
            case Words(text=text):
                yield f"{indent}{label}{text}"

    # -- an author's own ---------------------------------------------------------------------

    def _ask(self, value: Any, room: int) -> Text:
        kind = class_of(value)
        if kind in self._refused:
            return Text(self._refused[kind], True)
        before, began = self.ignored(), self._clock() if self._clock is not None else 0.0
        try:
            text = str.__str__(repr(value))
        except BaseException as error:  # an author's code: SystemExit, too
            text = _complaint(value, error)
        if self.ignored() != before:
            text = self._refuse(kind)
        elif self._clock is not None and self._clock() - began > TOO_SLOW:
            self._refused[kind] = f"<{type_name(kind)}: its repr takes too long to be asked again>"
        length = len(text)
        text = _ADDRESS.sub("", text[: room + 100])
        if length <= room + 100:
            length = len(text)
        return Text(text, True) if length <= room else _cut(text, room, length)

    def _refuse(self, kind: type[Any]) -> str:
        self.disturbed = True
        self._refused[kind] = f"<{type_name(kind)}: its repr acts on the workflow>"
        return self._refused[kind]


def _with_comma(lines: Iterable[str]) -> Iterator[str]:
    last: str | None = None
    for line in lines:
        if last is not None:
            yield last
        last = line
    yield f"{last},"


def _quoted(text: Any, room: int) -> Text:
    whole = repr(text) if len(text) <= max(room, 8) else ""
    if whole and len(whole) <= max(room, 12):
        return Text(whole, True)
    kept = max(room - 28, 6)
    while kept > 6 and len(repr(text[:kept])) > max(
        room - 24, 10
    ):  # of characters that are written as \\uxxxx
        kept //= 2
    noun = "characters" if isinstance(text, str) else "bytes"
    return Text(f"{text[:kept]!r}… ({len(text) - kept:,} more {noun})", False)


def _cut(text: str, room: int, length: int) -> Text:
    kept = max(room - 28, 6)
    return Text(f"{text[:kept]}… ({length - kept:,} more characters)", False)


def _complaint(value: Any, error: BaseException) -> str:
    try:
        said = excerpt(str.__str__(str(error)), 60)
    except BaseException:  # what it raises can't be told either
        said = ""
    name = type_name(class_of(value))
    return f"<{name}: its repr raised {type(error).__name__}{': ' if said else ''}{said}>"
