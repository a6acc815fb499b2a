"""Durations as they are typed in a magic's line: ``90``, ``90s``, ``5m``, ``24h``, ``30d``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from nbflow.jupyter.complaints import CommandError

_UNITS: Final = {
    "": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[smhdw]|$)")


def parse_duration(text: str, what: str) -> timedelta:
    """Read a duration; parts add up, as in ``1h30m``.

    Args:
        text: As typed; a bare number counts seconds.
        what: What it is for, such as ``--timeout``, for the message.

    Raises:
        CommandError: It is no duration.
    """
    rest, total = text.strip().lower(), timedelta(0)
    if not rest:
        raise CommandError(_refusal(text, what))
    while rest:
        part = _PART.match(rest)
        if part is None:
            raise CommandError(_refusal(text, what))
        try:
            total += float(part[1]) * _UNITS[part[2]]
        except OverflowError:
            raise CommandError(f"{what} {text} is longer than time itself: type {what} 365d") from None
        rest = rest[part.end() :].lstrip()
    return total


def _refusal(text: str, what: str) -> str:
    return f"{what} {text!r} is no duration: type {what} 90, {what} 90s, {what} 5m, {what} 24h or {what} 30d"
