"""How times and durations read, in one place: terminal, HTML twin and card say the same.

The card's JavaScript has a twin of `duration` for the clocks that run; a test
holds the two together.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR


def duration(span: timedelta) -> str:
    """Say how long something took, in at most two units: ``340 ms``, ``3.4 s``, ``5 min 12 s``, ``30 d 4 h``.

    Cuts off and never rounds up: what reads ``59 s`` hasn't been a minute. A negative span reads as none.
    """
    milliseconds = max(span // timedelta(milliseconds=1), 0)
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    seconds = milliseconds // 1000
    if seconds < 10:
        return f"{seconds}.{milliseconds % 1000 // 100} s"
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        return _two(seconds // _MINUTE, "min", seconds % _MINUTE, "s")
    if seconds < _DAY:
        return _two(seconds // _HOUR, "h", seconds % _HOUR // _MINUTE, "min")
    return _two(seconds // _DAY, "d", seconds % _DAY // _HOUR, "h")


def about(span: timedelta) -> str:
    """Say about how long something took: `duration`, rounded to the unit that it shows last.

    For what is not measured, but passed over: two days less a second are ``2 d``.
    """
    seconds = max(span.total_seconds(), 0.0)
    unit = _HOUR if seconds >= _DAY - _MINUTE / 2 else _MINUTE if seconds >= _HOUR - 0.5 else 1
    return (
        duration(timedelta(seconds=(seconds + unit / 2) // unit * unit)) if seconds >= 10 else duration(span)
    )


def _two(large: int, unit: str, small: int, small_unit: str) -> str:
    return f"{large} {unit} {small} {small_unit}" if small else f"{large} {unit}"


def moment(at: datetime) -> str:
    """Say when, to the second: ``2026-11-22 13:04:05 UTC``."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def until(due: datetime, now: datetime) -> str:
    """Say how far away a due time is: ``in 3 h 5 min``, or ``due now`` once it has come."""
    return f"in {duration(due - now)}" if due > now else "due now"
