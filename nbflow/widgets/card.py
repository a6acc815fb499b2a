"""The card of a run: an anywidget that is live while a kernel is, and a picture for ever after.

The widget itself only carries messages, between the front end and the run's conversation.
Callbacks of the front end may come on the kernel's main thread
or on a subshell's; they hand a message on and never touch an engine.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import anywidget
import traitlets

from nbflow.errors import NbflowError
from nbflow.views.timeline import is_of, timeline
from nbflow.views.timeline.html import html_timeline
from nbflow.views.timeline.rows import Timeline
from nbflow.views.timeline.text import sentence
from nbflow.widgets import page
from nbflow.widgets.conversation import Conversation
from nbflow.widgets.exchange import Exchange
from nbflow.widgets.messages import Json
from nbflow.widgets.source import CardSource
from nbflow.widgets.twins import Twin

MODULE: Final = page.packed(page.module())
"""What a front end runs; as text, since of a path anywidget makes a signal that holds every card ever made."""


class RunCard(anywidget.AnyWidget):
    """The live card of one run.

    Args:
        source: The run; see `CardSource`.
        view: The view that it opens with: ``timeline``, ``replay``, ``graph`` or ``inbox``.
        seq: The position in the history that the replay view opens with; None: the last.
        picture: Gives what is shown where no kernel is, ``text/html`` and ``text/plain``; the timeline by default.
    """

    _esm = MODULE

    snapshot = traitlets.Dict().tag(sync=True)
    opens = traitlets.Dict().tag(sync=True)
    twin = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        source: CardSource,
        *,
        view: str = "timeline",
        seq: int | None = None,
        picture: Callable[[], Mapping[str, str]] | None = None,
    ) -> None:
        self._source = source
        self._other_picture = picture
        self._is_apart = False
        self._conversation = Conversation(source, send=self._post, keep=self._keep)
        self._exchange = Exchange(source.other, send=self._post)
        opens: Json = {"view": view} if seq is None else {"view": view, "detail": {"seq": seq}}
        snapshot, drawn = self._conversation.begin()
        self._drawn = drawn if picture is None and drawn.header.status.is_terminal else None
        token = secrets.token_hex(16)
        super().__init__(snapshot=snapshot, opens=opens, twin=token, model_id=token)
        comm: Any = self.comm
        comm.on_close(self._on_front_end_closed)
        reply_where_asked(comm)
        cast("Any", self).on_msg(self._on_message)

    @property
    def is_over(self) -> bool:
        """Whether the run that it shows has ended."""
        return not self.snapshot["run"]["live"]

    def look_again(self) -> None:
        """Have every view ask for the whole picture: its time has moved, and nothing else may have."""
        self._post({"type": "stale"})

    def keep_now(self) -> None:
        """Have the notebook hold the run as it is now, also where it missed what was sent before."""
        self._conversation.keep_now()
        cast("Any", self).send_state("snapshot")

    def close(self) -> None:
        """Stop following the run, and take the card off the page."""
        self._let_go()
        super().close()

    def _on_message(self, _widget: RunCard, content: Any, _buffers: Any) -> None:
        if not self._exchange.takes(content):
            self._conversation.receive(content)

    def _on_front_end_closed(self, _message: Any) -> None:
        self._let_go()

    def _let_go(self) -> None:
        self._exchange.close()
        self._conversation.close()

    def _post(self, message: Json) -> None:
        cast("Any", self).send(message)

    def _keep(self, message: Json) -> None:
        self.snapshot = message

    def apart(self) -> Twin:
        """The picture for where no kernel is, as an output of its own; the card's own leaves it out then."""
        self._is_apart = True
        return Twin(str(self.twin), self._picture)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """The live card, and beside it what is shown where no kernel is: a sentence, and the HTML twin."""
        bundle: Any = cast("Any", super())._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        if self._is_apart:  # and kept up to date there, as this one would not be
            run = self.snapshot["run"]
            picture = {"text/plain": f"the card of {run['id']} ({run['name']})"}
        else:
            picture = self._picture()
        match bundle:
            case (data, metadata):  # anywidget
                return {**data, **picture}, metadata
            case data:  # plain ipywidgets
                return {**data, **picture}, {}

    def _picture(self) -> dict[str, str]:
        try:
            if self._other_picture is not None:
                return dict(self._other_picture())
        except NbflowError:
            pass  # such as code that isn't there: the timeline needs none
        try:
            picture = self._timeline()
        except NbflowError:
            return {"text/plain": self.snapshot["run"]["sentence"]}
        return {"text/html": html_timeline(picture), "text/plain": sentence(picture)}

    def _timeline(self) -> Timeline:
        """The run as the store has it, not folded again where the card has it too.

        A run that had ended when the card was opened is not even read, for the first picture.
        """
        source, ended = self._source, self._drawn
        self._drawn = None
        if ended is not None:
            return ended
        drawn = self._conversation.timeline()
        record, history = source.snapshot()
        if drawn is not None and is_of(drawn, record, history):
            return drawn
        return timeline(record, history, now=source.now(), opened_at=source.opened_at, caveat=source.caveat)


def reply_where_asked(comm: Any) -> None:
    """Have clicks handled on the shell that they come on, and not on the one that last sent.

    From ipykernel 7.4 on, a comm that a cell has sent on is pinned to the main shell, where a click
    waits for the running cell to end although JupyterLab sent it to a subshell. The name is private, so
    it may go away: then clicks wait, and the card says so.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = _default_shell


def _default_shell(_data: Any, default: Any) -> Any:
    return default
