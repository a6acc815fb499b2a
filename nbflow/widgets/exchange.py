"""Several conversations over one wire: a card's own, and those of the cards that are opened in it.

A message with ``to`` belongs to the card of that run; without, to whose wire it is. ``open`` and
``shut`` begin and end the card of another run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from nbflow.errors import NbflowError
from nbflow.widgets.conversation import Conversation
from nbflow.widgets.messages import Json
from nbflow.widgets.source import CardSource

_MOST: Final = 20
"""Cards that may be open in one."""


class Exchange:
    """The cards within a card or a dashboard.

    Args:
        other: Gives the run of an ID.
        send: Sends a message to the front end.
    """

    def __init__(self, other: Callable[[str], CardSource], *, send: Callable[[Json], None]) -> None:
        self._other = other
        self._send = send
        self._open: dict[str, Conversation] = {}

    def takes(self, content: Any) -> bool:
        """Take a message if it belongs to one of the cards within; tell whether it did."""
        match content:
            case {"type": "open", "to": str(run)}:
                self._begin(run)
            case {"type": "shut", "to": str(run)}:
                self._end(run)
            case {"to": str(run)} if run in self._open:
                self._open[run].receive(content)
            case {"type": "bye", "to": str()}:
                pass
            case {"to": str(run)}:
                self._begin(run)  # it was let go of, or never was; its card says hello again
            case _:
                return False
        return True

    def close(self) -> None:
        """End all of them."""
        for run in list(self._open):
            self._end(run)

    def _begin(self, run: str) -> None:
        if run not in self._open:
            while len(self._open) >= _MOST:
                self._end(next(iter(self._open)))
            conversation = Conversation(
                self._other(run),
                send=lambda message: self._send({**message, "to": run}),
                keep=lambda _snapshot: None,
            )
            try:
                conversation.open()
            except NbflowError as error:
                conversation.close()
                self._send({"type": "gone", "to": run, "reason": str(error)})
                return
            self._open[run] = conversation
        self._send({"type": "stale", "to": run})

    def _end(self, run: str) -> None:
        conversation = self._open.pop(run, None)
        if conversation is not None:
            conversation.close()
