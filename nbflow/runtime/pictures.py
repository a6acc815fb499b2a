"""Pictures of a run that need no widget: HTML where there is a notebook, text where there is a terminal.

What draws them is imported when one is asked for: a run needs none of it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from nbflow.engine.threads import SerialThread
from nbflow.errors import LookNotPossible

if TYPE_CHECKING:
    from nbflow.core.execution import WorkflowCode
    from nbflow.core.history import HistoryEvent
    from nbflow.core.state import InstanceRecord
    from nbflow.views.replay.moments import Moment
    from nbflow.views.timeline.rows import Timeline
    from nbflow.widgets.source import CardSource

_T = TypeVar("_T")

Tell: TypeAlias = Callable[[int, int], object]
"""Is told how many of how many events are done."""

_WIDTH: Final = 100
"""Cells that a line of text takes at the most."""

_STEP: Final = 0.2
"""Seconds between two looks, so that an interrupt is noticed soon."""


class Picture:
    """A picture as it was when it was made.

    Attributes:
        html: A piece of HTML that survives in a saved notebook.
        text: The same for terminals.
    """

    def __init__(self, html: str, text: str) -> None:
        self.html = html
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.html


def timeline_picture(source: CardSource, *, width: int = _WIDTH) -> Picture:
    """The timeline of a run as it is now."""
    from nbflow.views.timeline.html import html_timeline
    from nbflow.views.timeline.text import text_timeline

    drawn = _timeline(source)
    return Picture(html_timeline(drawn), text_timeline(drawn, width=width))


def inbox_picture(source: CardSource, *, width: int = _WIDTH) -> Picture:
    """What a run waits for, how to answer it, and what has come."""
    from nbflow.views.inbox.html import html_inbox
    from nbflow.views.inbox.text import text_inbox

    drawn = _timeline(source)
    return Picture(html_inbox(drawn), text_inbox(drawn, width=width))


def comparison_picture(
    left: tuple[InstanceRecord, Sequence[HistoryEvent]], right: tuple[InstanceRecord, Sequence[HistoryEvent]]
) -> Picture:
    """Two runs side by side: where they part, and what each did then."""
    from nbflow.views.comparison import compare
    from nbflow.views.comparison.html import html_comparison
    from nbflow.views.comparison.text import text_comparison

    drawn = compare(*left, *right)
    return Picture(html_comparison(drawn), text_comparison(drawn))


def graph_picture(source: CardSource, *, width: int = _WIDTH) -> Picture:
    """The workflow as a diagram, laid over with the run."""
    from nbflow.views.graph import html_graph, text_graph
    from nbflow.widgets.graphing import Graphing
    from nbflow.widgets.runlog import RunLog

    log = RunLog(source)
    try:
        flow, laid, svg = _aside(source, Graphing(log, source).laid)
    finally:
        log.close()
    return Picture(html_graph(flow, laid, svg=svg), text_graph(flow, laid, width=width))


def replay_picture(source: CardSource, seq: int | None, *, width: int = _WIDTH) -> Picture:
    """The code of a run at a position of its history; the last if ``seq`` is None.

    Raises:
        LookNotPossible: There is no such position, or the code isn't there.
    """
    from nbflow.views.replay.html import html_replay
    from nbflow.views.replay.narrative import narrate
    from nbflow.views.replay.text import text_replay
    from nbflow.widgets.replaying import no_code

    record, history = source.snapshot()
    code = source.definition()
    if code is None:
        raise no_code(source, record.name)
    at = len(history) if seq is None else seq
    if not 0 <= at <= len(history):
        raise LookNotPossible(f"{record.instance_id} has {len(history)} events: there is no position {at}")
    moment = _aside(source, lambda: _moment(source, code, history, record.instance_id, at))
    notes = narrate(history)
    text = text_replay(moment, notes, code.listing, width=width)
    return Picture(html_replay(moment, notes, code.listing), text)


def narrative(source: CardSource, *, width: int = _WIDTH) -> str:
    """What each event of a run was, a line each: as much of a replay as there is without the code."""
    from nbflow.views.excerpts import fit
    from nbflow.views.replay.narrative import narrate

    notes = narrate(source.snapshot()[1])
    return "\n".join(fit(f"{note.seq:>6,}  {note.did}", width).rstrip() for note in notes)


def _moment(
    source: CardSource, code: WorkflowCode, history: Sequence[HistoryEvent], instance_id: str, at: int
) -> Moment:
    from nbflow.views.replay.travel import TimeTravel

    travel = TimeTravel(
        code, history, instance_id=instance_id, context=source.quiet_context(), clock=time.perf_counter
    )
    try:
        return travel.moment(at)
    finally:
        travel.close()


def write_page(source: CardSource, path: str | Path, *, tell: Tell | None = None) -> int:
    """Write a run as a page of its own; gives how many bytes it has.

    The file is only touched once the page is there.

    Args:
        source: The run.
        path: The file.
        tell: Is told again and again, on the thread that calls, how many of how many events are in it.
    """
    from nbflow.widgets.export import export_page

    far, left = [(0, 0)], threading.Event()

    def note(done: int, of: int) -> None:
        far[0] = done, of
        if left.is_set():
            raise LookNotPossible("nobody waits for the page any more")

    thread = SerialThread("nbflow-export")  # of its own: the cards' looks would wait for it
    try:
        making = thread.submit(lambda: export_page(source, tell=note).encode("utf-8", "surrogatepass"))
        page = _awaited(making, lambda: tell(*far[0]) if tell is not None and far[0][1] else None)
    finally:
        left.set()
        thread.stop(0)
    Path(path).write_bytes(page)
    return len(page)


def _timeline(source: CardSource) -> Timeline:
    from nbflow.views.timeline import timeline

    record, history = source.snapshot()
    return timeline(record, history, now=source.now(), opened_at=source.opened_at, caveat=source.caveat)


def _aside(source: CardSource, look: Callable[[], _T]) -> _T:
    """Have something looked at on the thread for that, where no other loop runs, and wait for it."""
    found: Future[_T] = Future()

    def answer() -> None:
        try:
            found.set_result(look())
        except BaseException as error:
            found.set_exception(error)

    source.aside(answer)
    return _awaited(found)


def _awaited(found: Future[_T], meanwhile: Callable[[], object] = lambda: None) -> _T:
    """Wait, so that an interrupt is noticed."""
    while not wait([found], _STEP).done:
        meanwhile()
    return found.result()
