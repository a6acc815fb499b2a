"""What happens when a run is started under an ID that is taken (S3 to S7)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from nbflow.core.state import RuntimeStatus


class ReuseIdAction(StrEnum):
    """What to do about an ID that is taken (Dapr's names)."""

    ERROR = "ERROR"
    IGNORE = "IGNORE"
    TERMINATE = "TERMINATE"


class ReuseIdPolicy:
    """What to do when the ID of a new run belongs to another one, by that one's status.

    ``ReuseIdPolicy("terminate", ["RUNNING", "STALLED"])``

    Where the present status is not among the targets, and without any policy, the ID of a run
    that has ended is free, and that of an active one an error.

    Args:
        action: ERROR: as without a policy. IGNORE: nothing is started, and the present run stays as it
            is. TERMINATE: the present run and its descendants are ended, and the new one takes its place.
        statuses: The targets; all of them by default.

    Raises:
        ValueError: There is no such action or status.
    """

    def __init__(
        self,
        action: ReuseIdAction | str,
        statuses: Iterable[RuntimeStatus | str] | RuntimeStatus | str | None = None,
    ) -> None:
        self.action = ReuseIdAction(action.upper())
        if isinstance(statuses, str):
            statuses = [statuses]
        self.statuses = frozenset(
            RuntimeStatus if statuses is None else (RuntimeStatus(status.upper()) for status in statuses)
        )

    def __repr__(self) -> str:
        names = ", ".join(status for status in RuntimeStatus if status in self.statuses)
        return f"ReuseIdPolicy({self.action}: {names})"

    def action_for(self, status: RuntimeStatus) -> ReuseIdAction:
        """What to do about a run of that status."""
        return self.action if status in self.statuses else ReuseIdAction.ERROR
