"""What a runtime may choose, and what it runs on."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from importlib import metadata

from nbflow.core.history import Interpreter
from nbflow.core.limits import Limits
from nbflow.core.loop import LOOP_RULES


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
        max_concurrent_activities: Attempts that run at once.
        forward_orphans: Whether prints of runs that no cell of this process started go to stdout.
        auto_resume: Whether runs of before go on by themselves when the store is opened.
        restore_code: Whether code that nobody has registered is made of what the store keeps of it.
        stuck_after: Seconds after which workflow code that awaits nothing is stopped; ``math.inf``: never.
        limits: What a run may grow to before it stalls.
        interpreter: What histories are recorded under.
    """

    cache_size: int = 1000
    max_concurrent_activities: int = 32
    forward_orphans: bool = True
    auto_resume: bool = True
    restore_code: bool = True
    stuck_after: float = 2.0
    limits: Limits = field(default_factory=Limits)
    interpreter: Interpreter = field(default_factory=this_interpreter)
