"""How long a history may grow, and how often a workflow may begin anew without waiting (S16, S17).

A run that comes to a limit is STALLED, and nothing of it is lost. Its owner's
``resume`` lets it go on, and the limit counts anew from there.
"""

from __future__ import annotations

from typing import Final

import msgspec

from nbflow.core.divergence import ExecutionStalledError
from nbflow.core.state import RuntimeState, Stall, StallReason

HISTORY_LIMIT: Final = 100_000
"""Events of one execution."""

RESTLESS_LIMIT: Final = 500
"""Generations in a row that never waited for anything."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a run may grow to.

    Attributes:
        history: Events of one execution.
        restless: Generations in a row that never waited for anything.
    """

    history: int = HISTORY_LIMIT
    restless: int = RESTLESS_LIMIT

    def room(self, state: RuntimeState) -> int:
        """How many more events the history may take."""
        return self.history - _length(state)

    def warning(self, state: RuntimeState, before: int) -> str | None:
        """What to say of a history that has come past half of its limit; ``before``: the room there was."""
        if before > self.history / 2 >= self.room(state):
            return (
                f"its history has {state.length:,} events, half of what it may have: split the work over child "
                "workflows, or go on with ctx.continue_as_new(…) from time to time"
            )
        return None

    def check_history(self, instance_id: str, state: RuntimeState) -> None:
        """Stall a run whose history is full.

        Raises:
            ExecutionStalledError: It is.
        """
        if self.room(state) <= 0:
            raise ExecutionStalledError(
                Stall(
                    reason=StallReason.LIMIT,
                    message=f"its history has {state.length:,} events, and the limit is {self.history:,}: every replay "
                    f"reads them all. `%wf resume {instance_id}` lets it go on for as many again; new code should split "
                    "the work over child workflows, or use ctx.continue_as_new(…)",
                    seq=state.length,
                )
            )

    def generations_without_rest(self, instance_id: str, state: RuntimeState) -> int:
        """How many generations in a row have not waited, this one included, which continues as new.

        Raises:
            ExecutionStalledError: Too many.
        """
        assert state.started is not None, "only what has begun continues as new"
        waited = state.inputs > 1 or len(state.buffered) < len(state.started.carried)
        if waited or state.lifted_at is not None:
            return 0
        count = state.started.restless + 1
        if count >= self.restless:
            raise ExecutionStalledError(
                Stall(
                    reason=StallReason.LIMIT,
                    message=f"it has continued as new {count:,} times without ever waiting: let each generation wait "
                    f"for a timer, an event or an activity; `%wf resume {instance_id}` lets it go on as it is",
                )
            )
        return count


def _length(state: RuntimeState) -> int:
    return state.length - (state.lifted_at or 0)
