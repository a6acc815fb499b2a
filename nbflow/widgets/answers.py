"""From a click to a recorded event, and back to the button that was clicked.

An answer carries the front end's ack id. It is acknowledged twice: as delivered
when it reaches Python, and as recorded, rejected or failed when its event has
come to an end. Whether anybody waits for the event is not asked here: one that
nobody waits for is kept until somebody does.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from nbflow.errors import NbflowError
from nbflow.widgets.acks import Acks, is_text, outcome, rejected
from nbflow.widgets.messages import Json, ack_message
from nbflow.widgets.source import CardSource


class Answers:
    """The events raised on one card.

    Args:
        source: The run that gets the events.
        send: Sends a message to the front end.
    """

    def __init__(self, source: CardSource, *, send: Callable[[Json], None]) -> None:
        self._source = source
        self._acks = Acks(send)

    def give(self, content: Json) -> None:
        """Take an ``answer`` message; hands the event on and returns."""
        ack_id, name, payload = content.get("id"), content.get("name"), content.get("payload")
        if not (is_text(ack_id) and is_text(name) and is_text(payload)) or not self._acks.claim(ack_id):
            return
        if not name:
            self._acks.note(ack_message(ack_id, "failed", "an event needs a name"))
            return
        try:
            msgspec.json.decode(payload)
        except (msgspec.DecodeError, RecursionError) as error:
            self._acks.note(rejected(ack_id, f"not JSON: {error}"))
            return
        try:
            future = self._source.raise_event(name, payload)
        except NbflowError as error:
            self._acks.note(ack_message(ack_id, "failed", str(error)))
            return
        future.add_done_callback(lambda done: self._acks.note(outcome(ack_id, done)))
