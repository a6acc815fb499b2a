"""What must hold in every simulation, and what says that it doesn't."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TypeAlias


class Invariant(StrEnum):
    """The promises that a simulation watches."""

    RESULT = "finished runs have the result of an undisturbed run"
    RUN_ONCE = "no completed activity runs again"
    WRITTEN_FIRST = "nothing is dispatched before it is written"
    HANDLED_ONCE = "no event is lost or handled twice"
    APPEND_ONLY = "history is append-only and contiguous"
    STATUS = "status agrees with history"
    INBOX = "the inbox holds what the open runs wait for, and nothing else"
    REPLAY = "code and history agree"
    REST = "everything comes to rest"
    SOUND = "the engine makes no mistakes of its own"


Broken: TypeAlias = Callable[[Invariant, str], None]
"""Told that an invariant doesn't hold, and how that shows."""
