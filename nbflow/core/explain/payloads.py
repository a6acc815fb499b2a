"""What differs between two recorded values, and what a value that changes by itself looks like."""

from __future__ import annotations

import re
from typing import Any, Final, cast

import msgspec

_LONGEST: Final = 20_000
_CUT: Final = 40
_UUID: Final = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\b1[5-9]\d{8}(\.\d+)?\b")
_FRACTION: Final = re.compile(r"\b0\.\d{9,}\b")


def difference(was: str, now: str) -> str:
    """Where two JSON texts differ first, such as ``amount: 10, now 12``; nothing if that can't be told."""
    if max(len(was), len(now)) > _LONGEST:
        return ""
    try:
        one, other = msgspec.json.decode(was), msgspec.json.decode(now)
    except (msgspec.DecodeError, RecursionError):
        return ""
    path: list[str] = []
    while True:
        if isinstance(one, dict) and isinstance(other, dict):
            mine, theirs = cast("dict[str, Any]", one), cast("dict[str, Any]", other)
            key = next((k for k in [*mine, *theirs] if mine.get(k, _NONE) != theirs.get(k, _NONE)), None)
            if key is None:
                return "in another order"
            path.append(key if not path else f".{key}")
            one, other = mine.get(key, _NONE), theirs.get(key, _NONE)
        elif isinstance(one, list) and isinstance(other, list):
            ours, others = cast("list[Any]", one), cast("list[Any]", other)
            both = zip(ours, others, strict=False)
            place = next((n for n, (a, b) in enumerate(both) if a != b), min(len(ours), len(others)))
            path.append(f"[{place}]")
            one = ours[place] if place < len(ours) else _NONE
            other = others[place] if place < len(others) else _NONE
        else:
            where = f"{''.join(path)[:_CUT]}: " if path else ""
            return f"{where}{_said(one)}, now {_said(other)}"


_NONE: Final = object()


def _said(value: Any) -> str:
    if value is _NONE:
        return "nothing"
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _CUT else f"{text[: _CUT - 1]}…"


def looks_like(text: str) -> str:
    """What a text that differs from replay to replay is likely made of; nothing if it can't be told."""
    if _UUID.search(text):
        return "a new UUID"
    if _FRACTION.search(text):
        return "a random number"
    if _TIME.search(text):
        return "the time of the clock"
    return ""
