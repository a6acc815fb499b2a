"""What can be done to a run as a whole, as it stands now, and what is asked before."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from nbflow.core.state import RuntimeStatus


class Command(msgspec.Struct, frozen=True):
    """A command of the card's menu.

    Attributes:
        name: For the kernel.
        title: What a person sees.
        asks: What is asked before it is done; empty: nothing.
    """

    name: str
    title: str
    asks: str = ""


def commands_for(
    status: RuntimeStatus, instance_id: str, can: Iterable[str], *, is_child: bool = False
) -> tuple[Command, ...]:
    """Give the commands that make sense for a run of that status.

    Args:
        status: How the run stands.
        instance_id: Named in what is asked, so that nobody ends another run than the one that is meant.
        can: What whoever runs it can do.
        is_child: Whether it has a parent: then only that one can be rewound.
    """
    is_over, is_paused = status.is_terminal, status is RuntimeStatus.SUSPENDED
    end = (
        f"Terminate {instance_id}, and the child workflows below it? They end where they are and can't go on."
    )
    erase = f"Purge {instance_id}, and the child workflows below it? Their history is erased for good."
    back = f"Rewind {instance_id}? What failed is tried again; what is recorded stays."
    fitting = (
        (not is_over and not is_paused, Command("suspend", "Suspend")),
        (is_paused, Command("resume", "Resume")),
        (status is RuntimeStatus.STALLED, Command("resume", "Try again")),
        (status is RuntimeStatus.FAILED and not is_child, Command("rewind", "Rewind…", back)),
        (is_over, Command("restart", "Start again")),
        (True, Command("compare", "Compare with…")),
        (not is_over, Command("terminate", "Terminate…", end)),
        (is_over, Command("purge", "Purge…", erase)),
    )
    known = frozenset(can)
    return tuple(command for fits, command in fitting if fits and command.name in known)
