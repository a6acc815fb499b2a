"""Words for a yes and a no, and the two buttons that they make."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from nbflow.views.inbox.controls import Choice

APPROVALS: Final = frozenset(
    [
        "approve",
        "approved",
        "accept",
        "accepted",
        "allow",
        "allowed",
        "confirm",
        "confirmed",
        "granted",
        "ok",
        "yes",
        "true",
        "go",
    ]
)
_REJECTIONS: Final = frozenset(
    [
        "reject",
        "rejected",
        "decline",
        "declined",
        "deny",
        "denied",
        "refuse",
        "refused",
        "cancel",
        "cancelled",
        "no",
        "false",
        "stop",
    ]
)


def approval(yes: str, no: str) -> tuple[Choice, ...]:
    """The two buttons of a question that approves or rejects; each sends its JSON text."""
    return Choice("Approve", yes, "good"), Choice("Reject", no, "bad")


def in_two(choices: tuple[Choice, ...]) -> tuple[Choice, ...]:
    """Two values as buttons; what sounds like a yes looks like one, and comes first."""
    toned = [msgspec.structs.replace(choice, tone=_tone(choice.label)) for choice in choices]
    return tuple(sorted(toned, key=lambda choice: ("good", "quiet", "bad").index(choice.tone)))


def _tone(label: str) -> Literal["good", "bad", "quiet"]:
    folded = label.casefold()
    return "good" if folded in APPROVALS else "bad" if folded in _REJECTIONS else "quiet"
