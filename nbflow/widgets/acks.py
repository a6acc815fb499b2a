"""What became of what a person asked for: one acknowledgement by id, for a while.

The same id again, sent by a front end that got no answer, is the same click: it is
told how things stand, and does nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any, Final, TypeGuard

from nbflow.errors import EventRejectedError
from nbflow.views.inbox.refusals import refusal_of
from nbflow.widgets.messages import Json, ack_message

_REMEMBERED: Final = 256


class Acks:
    """The latest acknowledgement of each click.

    Args:
        send: Sends a message to the front end.
    """

    def __init__(self, send: Callable[[Json], None]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._acks: dict[str, Json] = {}

    def claim(self, ack_id: str) -> bool:
        """Say that a click has been delivered; False if it had been before, which says how it stands."""
        with self._lock:
            known = self._acks.get(ack_id)
            ack = known or ack_message(ack_id, "delivered")
            self._acks[ack_id] = ack
            while len(self._acks) > _REMEMBERED:
                self._acks.pop(next(iter(self._acks)))
        self._send(ack)
        return known is None

    def note(self, ack: Json) -> None:
        """Say what has become of a click."""
        with self._lock:
            self._acks[ack["id"]] = ack
        self._send(ack)


def is_text(value: Any) -> TypeGuard[str]:
    """Whether a part of a message is a text."""
    return isinstance(value, str)


def rejected(ack_id: str, reason: str) -> Json:
    """The acknowledgement of a payload that was refused, with the place that is wrong in it."""
    refusal = refusal_of(reason)
    return {**ack_message(ack_id, "rejected", reason), "path": refusal.path, "brief": refusal.brief}


def outcome(ack_id: str, done: Future[Any]) -> Json:
    """The acknowledgement of what has come to an end; a text that it gave is its reason."""
    try:
        error = done.exception()
    except CancelledError:
        return ack_message(ack_id, "failed", "the runtime was closed before it was recorded")
    if error is None:
        said = done.result()
        return ack_message(ack_id, "recorded", said if is_text(said) else None)
    if isinstance(error, EventRejectedError):
        return rejected(ack_id, str(error))
    return ack_message(ack_id, "failed", str(error) or type(error).__name__)
