"""What a runtime may choose, and what it runs on."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from importlib import metadata
from typing import Final

from nbflow.core.history import Interpreter
from nbflow.core.limits import Limits
from nbflow.core.loop import LOOP_RULES

INBOX_LIMIT: Final = 10_000
"""Messages that may wait for a run that takes none."""


def this_interpreter() -> Interpreter:
    """What decides the order of things here beside the code itself (S75)."""
    return Interpreter(
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        anyio=metadata.version("anyio"),
        loop_rules=LOOP_RULES,
    )


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """What a runtime may choose.

    Attributes:
        cache_size: Live executions that stay in memory between turns.
        cache_bytes: What they may hold together, going by the payloads that they have had.
        max_concurrent_activities: Attempts that run at once.
        turns_at_once: Turns that are under way at once. What else there is to do waits with its messages, which take
            little memory.
        reads_at_once: Instances that are read together. More would be quicker, and hold what they are read with, and
            everybody else, for longer.
        forward_orphans: Whether prints of runs that no cell of this process started go to stdout.
        auto_resume: Whether runs of before go on by themselves when the store is opened.
        restore_code: Whether code that nobody has registered is made of what the store keeps of it.
        stuck_after: Seconds after which workflow code that awaits nothing is stopped; ``math.inf``: never.
        eager_below: Seconds that an activity may take on the average so that its runs go on without a worker;
            0, or no cache: never, ``math.inf``: also if nobody has measured it yet.
        inbox_limit: Messages that may wait for a run that takes none; events are refused then.
        limits: What a run may grow to before it stalls.
        interpreter: What histories are recorded under.
    """

    cache_size: int = 1000
    cache_bytes: int = 256 << 20
    max_concurrent_activities: int = 32
    turns_at_once: int = 500
    reads_at_once: int = 250
    forward_orphans: bool = True
    auto_resume: bool = True
    restore_code: bool = True
    stuck_after: float = 2.0
    eager_below: float = 0.0005
    inbox_limit: int = INBOX_LIMIT
    limits: Limits = field(default_factory=Limits)
    interpreter: Interpreter = field(default_factory=this_interpreter)
