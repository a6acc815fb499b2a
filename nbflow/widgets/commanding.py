"""From the card's menu to what is done to the run, and back.

``{"type": "command", "id", "do": "suspend" | "resume" | "terminate" | "purge" | "restart"}`` is
acknowledged as answers are: as delivered, then as recorded, with a sentence, or failed, with the
reason. Each acknowledgement names what was to be done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nbflow.errors import NbflowError
from nbflow.widgets.acks import Acks, is_text, outcome
from nbflow.widgets.messages import Json, ack_message
from nbflow.widgets.source import CardSource

_KNOWN: Final = frozenset({"suspend", "resume", "terminate", "purge", "restart"})


class Commands:
    """The commands given on one card.

    Args:
        source: The run that they are for.
        send: Sends a message to the front end.
    """

    def __init__(self, source: CardSource, *, send: Callable[[Json], None]) -> None:
        self._source = source
        self._acks = Acks(send)

    def give(self, content: Json) -> None:
        """Take a ``command`` message; hands it on and returns."""
        ack_id, name = content.get("id"), content.get("do")
        if not (is_text(ack_id) and is_text(name)) or not self._acks.claim(ack_id):
            return
        if name not in _KNOWN or name not in self._source.capabilities:
            self._acks.note(
                {**ack_message(ack_id, "failed", f"{name[:40]!r} can't be done here"), "do": name}
            )
            return
        try:
            future = self._source.command(name)
        except NbflowError as error:
            self._acks.note({**ack_message(ack_id, "failed", str(error)), "do": name})
            return
        future.add_done_callback(lambda done: self._acks.note({**outcome(ack_id, done), "do": name}))
