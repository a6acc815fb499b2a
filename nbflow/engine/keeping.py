"""Messages that no turn consumes soon are written down by themselves.

Most messages are consumed by a turn within milliseconds, and then the turn's commit
is the only one that they need. The others must not wait in memory for long: who
sent an event is told only once it is durable (S62).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from nbflow.core.outbox import Outgoing
from nbflow.engine.commits import CommitItem
from nbflow.engine.instance import Instance, Message
from nbflow.errors import StoreError

_KEEP_SECONDS: Final = 0.2
"""How long a message waits for a turn to consume it."""

_RETRY_SECONDS: Final = 0.2
"""How long a message that has no sender waits after it could not be written."""


class Keeper:
    """Makes commit items of messages.

    Args:
        touch: Has the engine look at an instance again.
        unborn: Called with an instance whose start could not be written.
        post: Called with messages for other instances once they are written.
    """

    def __init__(
        self,
        touch: Callable[[Instance], None],
        unborn: Callable[[Instance], None],
        post: Callable[[Sequence[Outgoing]], None],
    ) -> None:
        self._touch = touch
        self._unborn = unborn
        self._post = post
        self._loop = asyncio.get_running_loop()

    def posted(self, message: Message) -> None:
        """Note that a message waits from now on."""
        message.keep_at = self._loop.time() + _KEEP_SECONDS

    def items(self, instance: Instance, *, is_closing: bool) -> list[CommitItem]:
        """What is to be written now; has the engine look again where that is later."""
        if instance.record is None or instance.record.status.is_terminal:
            return []
        waits = is_closing or instance.is_resting or not (instance.is_busy or instance.is_ready())
        now = self._loop.time()
        items: list[CommitItem] = []
        for message in [*(instance.turn or ()), *instance.messages]:
            if message.stored or message.replacement is not None:  # only a turn can write a replacement
                continue
            if waits or (message.must_keep and message.keep_at <= now):
                items.append(self._item(instance, message))
            elif message.must_keep and not instance.keeping:
                instance.keeping = True
                self._loop.call_at(message.keep_at, self._look_again, instance)
        return items

    def _look_again(self, instance: Instance) -> None:
        instance.keeping = False
        self._touch(instance)

    def _item(self, instance: Instance, message: Message) -> CommitItem:
        def committed() -> None:
            message.is_written = False
            message.stored, message.birth = True, None
            message.settled()
            outgoing, message.outgoing = message.outgoing, ()
            self._post(outgoing)

        def failed(error: StoreError) -> None:
            message.is_written = False
            if message not in instance.messages:
                return  # a turn has it: its own commit decides
            if message.settle is None:
                self._loop.call_later(_RETRY_SECONDS, self._touch, instance)
                return
            instance.messages.remove(message)
            if message.birth is not None:
                self._unborn(instance)
            message.settled(error)

        message.is_written = True
        operations = [*message.birth_operations, *message.keep_operations]
        return CommitItem(instance.instance_id, operations, committed, failed)
