"""The card of a run: an anywidget that is live while a kernel is, and a picture for ever after.

The widget itself only carries messages: the feed decides what goes out, the
answers what comes in. Callbacks of the front end may come on the kernel's main thread
or on a subshell's; they hand a message on and never touch an engine.
"""

from __future__ import annotations

from typing import Any, cast

import anywidget
import traitlets

from nbflow.errors import NbflowError
from nbflow.views.timeline import timeline
from nbflow.views.timeline.html import html_timeline
from nbflow.views.timeline.text import sentence
from nbflow.widgets import page
from nbflow.widgets.answers import Answers
from nbflow.widgets.feed import CardFeed
from nbflow.widgets.messages import Json
from nbflow.widgets.source import CardSource


class RunCard(anywidget.AnyWidget):
    """The live card of one run.

    Args:
        source: The run; see `CardSource`.
    """

    # As text: of a path, anywidget makes a signal that holds every card ever made.
    _esm = page.module()
    _css = page.styles()

    snapshot = traitlets.Dict().tag(sync=True)

    def __init__(self, source: CardSource) -> None:
        self._source = source
        self._feed = CardFeed(source, send=self._post, keep=self._keep)
        self._answers = Answers(source, send=self._post)
        super().__init__(snapshot=self._feed.open())
        comm: Any = self.comm
        comm.on_close(self._on_front_end_closed)
        _reply_where_asked(comm)
        cast("Any", self).on_msg(self._on_message)

    def look_again(self) -> None:
        """Have every view ask for the whole picture: its time has moved, and nothing else may have."""
        self._post({"type": "stale"})

    def close(self) -> None:
        """Stop following the run, and take the card off the page."""
        self._feed.close()
        super().close()

    def _on_message(self, _widget: RunCard, content: Any, _buffers: Any) -> None:
        match content:
            case {"type": "hello", "view": str(view)}:
                self._feed.hello(view)
            case {"type": "bye", "view": str(view)}:
                self._feed.bye(view)
            case {"type": "answer"}:
                self._answers.give(content)
            case _:
                pass  # of a front end that is newer than this kernel

    def _on_front_end_closed(self, _message: Any) -> None:
        self._feed.close()

    def _post(self, message: Json) -> None:
        cast("Any", self).send(message)

    def _keep(self, message: Json) -> None:
        self.snapshot = message

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """The live card, and beside it what is shown where no kernel is: the HTML twin and a sentence."""
        bundle: Any = cast("Any", super())._repr_mimebundle_(**kwargs)
        match bundle:
            case None:
                return None
            case (data, metadata):  # anywidget
                return {**data, **self._static_twin()}, metadata
            case data:  # plain ipywidgets
                return {**data, **self._static_twin()}, {}

    def _static_twin(self) -> dict[str, str]:
        try:
            record, history = self._source.snapshot()
        except NbflowError:
            return {"text/plain": self.snapshot["run"]["sentence"]}
        picture = timeline(record, history, now=self._source.now())
        return {"text/html": html_timeline(picture), "text/plain": sentence(picture)}


def _reply_where_asked(comm: Any) -> None:
    """Have clicks handled on the shell that they come on, and not on the one that last sent.

    From ipykernel 7.4 on, a comm that a cell has sent on is pinned to the main shell, where a click
    waits for the running cell to end although JupyterLab sent it to a subshell. The name is private, so
    it may go away: then clicks wait, and the card says so.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = _default_shell


def _default_shell(_data: Any, default: Any) -> Any:
    return default
