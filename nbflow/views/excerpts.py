"""Values cut and tamed for showing: a picture holds a piece of a payload, never five megabytes.

Nothing here decodes a payload into objects: JSON text is laid out or cut as text.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import msgspec

from nbflow.core.failures import full_text
from nbflow.errors import FailureDetails

_LAID_OUT_LIMIT: Final = 20_000
_TRAPS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
"""Characters that turn the direction of what follows: a name could hide behind them."""

_CELL_FILE: Final = re.compile(
    r'^([ |]*)File "(?:[^"\n]*[/\\])?(?:ipykernel_\d+[/\\]|<ipython-input-)[^"\n]*", line', re.MULTILINE
)
"""A line of a traceback that names the file which Jupyter pretends that a cell is in."""

_WILD: Final = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{''.join(sorted(_TRAPS))}]")
"""What is not left as it is."""


def excerpt(text: str, limit: int) -> str:
    """Cut a text, saying how much is missing."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text) - limit:,} more characters)"


def pretty(payload: str, limit: int) -> str:
    """Lay out JSON text over lines if it is short, and cut it."""
    if 60 < len(payload) <= _LAID_OUT_LIMIT:
        try:
            payload = msgspec.json.format(payload, indent=2)
        except (msgspec.DecodeError, RecursionError):
            pass
    return excerpt(payload, limit)


def brief(payload: str, limit: int = 48) -> str:
    """A payload on one line, cut where a value ends if it is JSON: ``{"sku":"tea",…}``; nothing of ``null``."""
    if len(payload) <= limit:
        return "" if payload == "null" else tame(payload)
    head = payload[:limit]
    closing = {"{": "}", "[": "]"}.get(head[0], "")
    end = head.rfind(",", limit // 3) + 1 if closing else 0
    return f"{tame(head[: end or limit - 1])}…{closing if end else ''}"


def middle(text: str, limit: int) -> str:
    """Cut a text in its middle: of an ID, both ends tell."""
    if len(text) <= limit:
        return text
    tail = limit // 2
    return f"{text[: limit - tail - 1]}…{text[-tail:]}"


def failure_text(failure: FailureDetails) -> str:
    """The author's traceback, or what is known without one, with what led to it; a cell is called a cell."""
    if failure.stack_trace:
        return _CELL_FILE.sub(r"\1A cell, line", full_text(failure))
    lines = [str(failure)]
    cause = failure.cause
    while cause is not None:
        lines.append(f"caused by {cause}")
        cause = cause.cause
    return "\n".join(lines)


def tame(text: str) -> str:
    """Make control characters visible and put the text on one line: a terminal obeys what it is sent."""
    if _WILD.search(text) is None:
        return text
    return "".join(_tame(character) for character in text)


def tame_lines(text: str) -> str:
    """Make control characters visible, but for the ends of lines."""
    return "\n".join(tame(line) for line in text.split("\n"))


def _tame(character: str) -> str:
    if character == "\n":
        return "⏎"
    if character == "\t":
        return " "
    if character in _TRAPS or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
        return f"\\u{ord(character):04x}"
    return character


def cells(text: str) -> int:
    """How many cells of a terminal a tame text takes."""
    if text.isascii():
        return len(text)
    return sum(_cells(character) for character in text)


def _cells(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def fit(text: str, width: int) -> str:
    """Tame a text and give it exactly that many cells: padded, or cut with an ellipsis."""
    text = tame(text)
    if cells(text) > width:
        kept, used = "", 0
        for character in text:
            if used + _cells(character) > width - 1:
                break
            kept, used = kept + character, used + _cells(character)
        text = f"{kept}…"
    return text + " " * (width - cells(text))
