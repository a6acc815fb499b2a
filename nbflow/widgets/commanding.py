"""From the card's menu to what is done to the run, and back.

``{"type": "command", "id", "do": "suspend" | "resume" | "terminate" | "purge" | "restart" | "rewind"}`` is
acknowledged as answers are: as delivered, then as recorded, with a sentence, or failed, with the
reason. Each acknowledgement names what was to be done.

``"do": "fork"`` has an event's ``seq`` and, as JSON text, what was filled in ``with`` it: ``{"id": …}``, and a
``value`` if that is to be another one. What is wrong with either is told with its place in that.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

import msgspec

from nbflow.errors import (
    GoingBackError,
    InstanceExistsError,
    InvalidInstanceIdError,
    NbflowError,
    PayloadError,
)
from nbflow.widgets.acks import Acks, is_text, outcome, rejected
from nbflow.widgets.messages import Json, ack_message
from nbflow.widgets.source import CardSource

_KNOWN: Final = frozenset({"suspend", "resume", "terminate", "purge", "restart", "rewind", "fork"})


class _Fork(msgspec.Struct, frozen=True):
    """What a person fills in for a fork."""

    id: str
    value: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


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
        if name == "fork":
            self._fork(ack_id, content)
            return
        try:
            future = self._source.command(name)
        except NbflowError as error:
            self._acks.note({**ack_message(ack_id, "failed", str(error)), "do": name})
            return
        future.add_done_callback(lambda done: self._acks.note({**outcome(ack_id, done), "do": name}))

    def _fork(self, ack_id: str, content: Json) -> None:
        seq = content.get("seq")
        try:
            filled = msgspec.json.decode(content.get("with") or "", type=_Fork)
        except (msgspec.DecodeError, RecursionError, TypeError) as error:
            self._acks.note({**rejected(ack_id, f"not JSON: {error}"), "do": "fork"})
            return
        value = None if filled.value is msgspec.UNSET else bytes(filled.value).decode()
        try:
            future = self._source.fork(seq if isinstance(seq, int) else 0, value, filled.id)
        except NbflowError as error:
            self._acks.note({**ack_message(ack_id, "failed", str(error)), "do": "fork"})
            return
        future.add_done_callback(
            lambda done: self._acks.note({**_forked(ack_id, done), "do": "fork", "run": filled.id})
        )


def _forked(ack_id: str, done: Future[str]) -> Json:
    """The acknowledgement of a fork; what is wrong with what was filled in names the field."""
    error = None if done.cancelled() else done.exception()
    match error:
        case InvalidInstanceIdError() | InstanceExistsError():
            return {**rejected(ack_id, str(error)), "path": "$.id", "brief": str(error)}
        case PayloadError() | GoingBackError():
            ack = rejected(ack_id, str(error))
            return {**ack, "path": f"$.value{ack['path'][1:]}"}
        case _:
            return outcome(ack_id, done)
