"""From a click to a recorded event, and back to the button that was clicked.

An answer carries the front end's ack id. It is acknowledged twice: as delivered
when it reaches Python, and as recorded, rejected or failed when its event has
come to an end. The same id again, sent by a front end that got no
answer, is the same click: it is told how things stand and raises nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any, Final, TypeGuard

import msgspec

from nbflow.errors import EventRejectedError, NbflowError
from nbflow.widgets.messages import Json, ack_message
from nbflow.widgets.source import CardSource

_REMEMBERED: Final = 256


class Answers:
    """The answers given on one card.

    Args:
        source: The run that gets the events.
        send: Sends a message to the front end.
    """

    def __init__(self, source: CardSource, *, send: Callable[[Json], None]) -> None:
        self._source = source
        self._send = send
        self._lock = threading.Lock()
        self._acks: dict[str, Json] = {}

    def give(self, content: Json) -> None:
        """Take an ``answer`` message; hands the event on and returns."""
        ack_id, name, payload = content.get("id"), content.get("name"), content.get("payload")
        if not (_is_text(ack_id) and _is_text(name) and _is_text(payload)):
            return
        known = self._acks.get(ack_id)
        if known is not None:
            self._send(known)
            return
        self._note(ack_message(ack_id, "delivered"))
        try:
            msgspec.json.decode(payload)
        except (msgspec.DecodeError, RecursionError) as error:
            self._note(ack_message(ack_id, "rejected", f"not JSON: {error}"))
            return
        try:
            future = self._source.raise_event(name, payload)
        except NbflowError as error:
            self._note(ack_message(ack_id, "failed", str(error)))
            return
        future.add_done_callback(lambda done: self._note(_outcome(ack_id, done)))

    def _note(self, ack: Json) -> None:
        with self._lock:
            self._acks[ack["id"]] = ack
            while len(self._acks) > _REMEMBERED:
                self._acks.pop(next(iter(self._acks)))
        self._send(ack)


def _is_text(value: Any) -> TypeGuard[str]:
    return isinstance(value, str)


def _outcome(ack_id: str, done: Future[None]) -> Json:
    try:
        error = done.exception()
    except CancelledError:
        return ack_message(ack_id, "failed", "the runtime was closed before the event was recorded")
    if error is None:
        return ack_message(ack_id, "recorded")
    if isinstance(error, EventRejectedError):
        return ack_message(ack_id, "rejected", str(error))
    return ack_message(ack_id, "failed", str(error) or type(error).__name__)
