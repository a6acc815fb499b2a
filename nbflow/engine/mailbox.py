"""What waits for an instance's next turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from nbflow.core.operations import InboxRow
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.core.transition import CONTROLS, WAKES_SUSPENDED


@dataclass(eq=False)
class Message:
    """A message on its way: its row, and what is owed for it.

    Attributes:
        row: What the store would hold.
        must_keep: Whether the store has to hold it until it is consumed; an activity's
            result need not be, since the activity would run again.
        stored: Whether the store holds it.
        settle: Told once the message is durable; gets an error if it could not be made so.
    """

    row: InboxRow
    must_keep: bool
    stored: bool = False
    settle: Callable[[Exception | None], None] | None = None

    def settled(self, error: Exception | None = None) -> None:
        """Tell whoever waits for the message's fate, once."""
        settle, self.settle = self.settle, None
        if settle is not None:
            settle(error)


@dataclass(eq=False)
class Mailbox:
    """Messages of one instance, and whether a turn of it is under way.

    Attributes:
        instance_id: Whose.
        messages: What waits, in order of delivery.
        turn: The messages of the turn that is not committed yet; None if there is none.
        retry: Whether to try a stalled run again.
        is_new: Whether the execution has no history yet.
        is_orphaned: Whether there is no such instance.
    """

    instance_id: str
    messages: deque[Message] = field(default_factory=deque[Message])
    turn: list[Message] | None = None
    retry: bool = False
    is_new: bool = False
    is_orphaned: bool = False

    def has(self, kinds: tuple[type, ...]) -> bool:
        """Whether a message of one of these kinds waits."""
        return any(isinstance(message.row.event, kinds) for message in self.messages)

    def is_ready(self, record: InstanceRecord | None) -> bool:
        """Whether a turn can begin now; without a record that is for the turn to find out."""
        if self.turn is not None:
            return False
        if record is None or self.retry:
            return self.retry or bool(self.messages)
        match record.status:
            case RuntimeStatus.SUSPENDED:
                return self.has(WAKES_SUSPENDED)
            case RuntimeStatus.STALLED:
                return self.has(CONTROLS)
            case _:
                return bool(self.messages)

    def begin_turn(self, *, controls_only: bool) -> list[Message]:
        """Take the messages of a turn: all of them, or only those that need no code."""
        turn = [m for m in self.messages if not controls_only or isinstance(m.row.event, CONTROLS)]
        rest = [m for m in self.messages if controls_only and not isinstance(m.row.event, CONTROLS)]
        self.messages = deque(rest)
        self.turn = turn
        return turn

    def end_turn(self, kept: list[Message]) -> None:
        """Put back what the turn didn't consume, in front of what came meanwhile."""
        self.messages.extendleft(reversed(kept))
        self.turn = None
        self.retry = False
