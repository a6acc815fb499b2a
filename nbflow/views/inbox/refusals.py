"""Where in a payload something was wrong, from the reason that was given for refusing it."""

from __future__ import annotations

import re
from typing import Final

import msgspec

_PLACE: Final = re.compile(r" - at `(\$[^`]*)`$", re.DOTALL)
_MISSING: Final = re.compile(r"missing required field `([^`]*)`$")
_WHOSE: Final = re.compile(r"^the payload of .*? doesn't fit [^:]*: ", re.DOTALL)


class Refusal(msgspec.Struct, frozen=True):
    """A refused payload.

    Attributes:
        path: The place: ``$.items[2].price``; ``$`` if it isn't known.
        brief: What is wrong there, without saying where.
    """

    path: str
    brief: str


def refusal_of(reason: str) -> Refusal:
    """Read the reason that nbflow gives for rejecting an event."""
    found = _PLACE.search(reason)
    path, told = ("$", reason) if found is None else (found[1], reason[: found.start()])
    missing = _MISSING.search(told)
    if missing is not None:
        path, told = f"{path}.{missing[1]}", "a value is needed"
    return Refusal(path, _WHOSE.sub("", told, count=1) or reason)
