"""Pictures of a run that need no widget: what `nbflow.views` draws, as something IPython displays."""

from __future__ import annotations

from nbflow.jupyter.session import NbFlow
from nbflow.runtime import WorkflowHandle
from nbflow.views.timeline import timeline
from nbflow.views.timeline.html import html_timeline
from nbflow.views.timeline.text import text_timeline


class Page:
    """A picture of a run: HTML in a notebook, text in a terminal."""

    def __init__(self, html: str, text: str) -> None:
        self._html = html
        self._text = text

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return self._html


def picture(session: NbFlow, handle: WorkflowHandle) -> Page:
    """The timeline of a run as it is now."""
    record, events = session.client.snapshot(handle.instance_id)
    drawn = timeline(record, events, now=session.runtime.clock.now())
    return Page(html_timeline(drawn), text_timeline(drawn))
