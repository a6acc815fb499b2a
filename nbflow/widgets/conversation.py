"""What a card and its run have to say to each other: one run, over a wire that carries JSON.

The feed decides what goes out by itself, `Answers` and `Commands` take what a person decides,
and everything that a view wants to know beyond that is *asked*: ``{"type": "ask", "id", "what", …}``
gets a ``reply`` that it was ``taken`` up, and another with ``ok`` or, in a sentence, ``error``. Who answers may take their time: they are
called on the source's thread for that, and never on the kernel's or the engine's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from nbflow.errors import NbflowError
from nbflow.widgets.answers import Answers
from nbflow.widgets.asking import Answering
from nbflow.widgets.commanding import Commands
from nbflow.widgets.feed import CardFeed
from nbflow.widgets.messages import Json
from nbflow.widgets.runlog import RunLog
from nbflow.widgets.source import CardSource

if TYPE_CHECKING:
    from nbflow.views.timeline.rows import Timeline

_log: Final = logging.getLogger(__name__)


class Conversation:
    """One run's side of a card.

    Args:
        source: The run.
        send: Sends a message to the front end.
        keep: Keeps a snapshot with the notebook.
    """

    def __init__(
        self, source: CardSource, *, send: Callable[[Json], None], keep: Callable[[Json], None]
    ) -> None:
        self._source = source
        self._send = send
        self._keep = keep
        self._log = RunLog(source)
        self._feed = CardFeed(source, send=send, keep=keep)
        self._answers = Answers(source, send=send)
        self._commands = Commands(source, send=self._acknowledge)
        self._answering = Answering(self._log, source)
        self._is_closed = False

    def open(self) -> Json:
        """Begin to follow the run; give the first snapshot.

        Raises:
            InstanceNotFoundError: The run was purged.
            StoreError: It can't be read.
        """
        return self._feed.open()

    def begin(self) -> tuple[Json, Timeline]:
        """Begin to follow the run; give the first snapshot, and the same as a timeline; raises as `open`."""
        return self._feed.begin()

    def timeline(self) -> Timeline | None:
        """What the card shows now, for a picture beside it; None if it isn't up to date, or the run has ended."""
        return self._feed.timeline()

    def close(self) -> None:
        """Stop following; twice is no error."""
        self._is_closed = True
        self._feed.close()
        self._log.close()
        self._answering.close()

    def keep_now(self) -> None:
        """Keep the run's picture with the notebook as it is now."""
        self._feed.keep_now()

    def receive(self, content: Any) -> None:
        """Take a message of the front end's; hands it on and returns."""
        match content:
            case {"type": "hello", "view": str(view)}:
                self._feed.hello(view)
            case {"type": "bye", "view": str(view)}:
                self._feed.bye(view)
            case {"type": "answer"}:
                self._answers.give(content)
            case {"type": "command"}:
                self._commands.give(content)
            case {"type": "ask", "id": str(ask_id), "what": str(what)}:
                self._ask(ask_id, what, content)
            case _:
                pass  # of a front end that is newer than this kernel

    def _ask(self, ask_id: str, what: str, content: Json) -> None:
        def look() -> None:
            self._send({"type": "reply", "id": ask_id, **self._reply(what, content)})
            if self._feed.finished not in (None, self._log.execution or self._feed.finished):
                self._renew_feed()  # it had ended, and somebody else has begun it again
                self._begin_anew()

        self._send({"type": "reply", "id": ask_id, "taken": True})
        try:
            self._source.aside(look)
        except NbflowError as error:
            self._send({"type": "reply", "id": ask_id, "error": str(error)})

    def _reply(self, what: str, content: Json) -> Json:
        try:
            return {"ok": self._answering.answerer(what)(content)}
        except NbflowError as error:
            return {"error": str(error)}
        except Exception as error:
            _log.exception("the card's view %r failed", what)
            return {"error": f"this view failed: {type(error).__name__}: {error}"}

    def _acknowledge(self, ack: Json) -> None:
        """Send what became of a command; one that has made another run of this one has it followed anew."""
        done = ack.get("do") if ack.get("state") == "recorded" else None
        self._send(ack)
        if done in ("restart", "rewind"):
            self._log.forget()
            self._renew_feed()
            self._source.aside(self._begin_anew)
        elif done == "purge":
            self.close()
            self._send({"type": "gone", "reason": "it was purged"})

    def _renew_feed(self) -> None:
        self._feed.close()
        self._feed = CardFeed(self._source, send=self._send, keep=self._keep)

    def _begin_anew(self) -> None:
        try:
            self._feed.open()
        except NbflowError as error:
            self._send({"type": "gone", "reason": str(error)})
        else:
            self._send({"type": "stale"})
        if self._is_closed:  # meanwhile
            self._feed.close()
