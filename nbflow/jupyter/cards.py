"""How a run is shown in a cell: its card, once, and the card's static twin kept up to date at rest.

A widget is only as long-lived as its kernel; what stays in the saved notebook is
the HTML beside it, which is written again whenever the run comes to rest: when it
has ended, or when only a person can move it on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from nbflow.core.history import HistoryEvent
from nbflow.core.state import InstanceRecord
from nbflow.errors import NbflowError
from nbflow.jupyter.session import NbFlow
from nbflow.jupyter.shell import nobody_types
from nbflow.jupyter.showing import Output, show, show_for_good
from nbflow.jupyter.waiting import needs_a_person, waiting
from nbflow.runtime import WorkflowHandle

_PAUSE: Final = 0.3
"""Seconds after a commit before the kernel looks whether the run has come to rest."""


_PATIENCE: Final = 0.5
"""Seconds that a run gets to come to rest before the cell that began it ends, where nobody watches."""


class Cards:
    """The cards of a notebook.

    Args:
        session: The notebook's nbflow.
    """

    def __init__(self, session: NbFlow) -> None:
        self._session = session
        self._shown: dict[str, int] = {}
        self._shows: dict[str, _Show] = {}

    def show(self, handle: WorkflowHandle, *, view: str = "timeline", seq: int | None = None) -> None:
        """Show a run's card in the running cell, open at one of its views, and keep its twin up to date."""
        self.silence(handle)
        before = self._shows.pop(handle.instance_id, None)
        if before is not None:
            before.retire()
        card = self._shows[handle.instance_id] = _Show(self._session, handle)
        card.begin(view, seq)

    def show_unless_shown(self, handle: WorkflowHandle) -> None:
        """Show a run's card, unless this very cell has shown it already: what ``display(run)`` does."""
        if self._shown.get(handle.instance_id) != self._session.shell.execution_count:
            self.show(handle)

    def silence(self, handle: WorkflowHandle) -> None:
        """Have the running cell not show a run's card, also where it is the cell's result."""
        self._shown[handle.instance_id] = self._session.shell.execution_count

    def look_again(self) -> None:
        """Bring the cards up to date with a time that has moved on: a run that only waits makes no news."""
        for card in self._shows.values():
            card.look_again()

    def before_cell(self) -> None:
        """Bring up to date what was news between two cells, where nobody takes it but in a cell."""
        if nobody_types(self._session.shell):
            for card in self._shows.values():
                card.catch_up()

    def after_cell(self) -> None:
        """Likewise at the end of a cell; a run that it has begun gets a moment to come to rest."""
        if nobody_types(self._session.shell):
            for card in self._shows.values():
                card.settle(_PATIENCE)
                card.catch_up()

    def close(self) -> None:
        """Stop following the runs; what is on the page stays."""
        for card in self._shows.values():
            card.stop()
        self._shows.clear()


class _Show:
    """One card on the page."""

    def __init__(self, session: NbFlow, handle: WorkflowHandle) -> None:
        self._session = session
        self._handle = handle
        self._source = session.source(handle.instance_id)
        self._card: Any = None
        self._twin: Any = None
        self._output: Output | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._is_pausing = False
        self._is_new = True
        self._is_behind = False
        self._moved = threading.Event()

    def begin(self, view: str, seq: int | None) -> None:
        if not self._session.kernel.is_there:
            show(self._handle.replay(seq) if view == "replay" else self._handle.timeline())
            return
        from nbflow.widgets.card import RunCard  # with all that draws

        self._unsubscribe = self._source.subscribe(self._on_commit)
        picture = (lambda: self._replay(seq)) if view == "replay" else None
        self._card = RunCard(self._source, view=view, seq=seq, picture=picture)
        self._twin = self._card.apart()
        show(self._card)
        self._output = show_for_good(self._twin)
        if self._card.is_over or self._record().status.is_terminal:
            self.stop()

    def _replay(self, seq: int | None) -> dict[str, str]:
        picture = self._handle.replay(seq)
        return {"text/html": picture.html, "text/plain": picture.text}

    def stop(self) -> None:
        unsubscribe, self._unsubscribe = self._unsubscribe, None
        if unsubscribe is not None:
            unsubscribe()

    def retire(self) -> None:
        """Follow the run no longer: another card does. The twin says how it was when that one was shown."""
        if self._unsubscribe is not None and self._output is not None:
            self._output.update(self._twin)
        self.stop()

    def look_again(self) -> None:
        if self._unsubscribe is not None and self._card is not None:
            self._card.look_again()
            self._refresh()

    def settle(self, seconds: float) -> None:
        """Wait for a run that was begun in this very cell to come to rest, but not for long."""
        end = time.monotonic() + seconds
        while self._is_new and self._unsubscribe is not None:
            self._moved.clear()
            is_at_rest = self._look_once_more() in (None, True)
            self._is_new = not is_at_rest and self._moved.wait(max(0.0, end - time.monotonic()))
        self._is_new = False

    def catch_up(self) -> None:
        """Write the twin anew if there was news, at rest or not; within a cell."""
        is_behind, self._is_behind = self._is_behind, False
        if is_behind and self._output is not None and self._look_once_more() is not None:
            self._output.update(self._twin)
            self._card.keep_now()

    def _look_once_more(self) -> bool | None:
        """Whether the run is at rest; None once there is nothing to look at: what is on the page stays."""
        try:
            return self._look()[0]
        except NbflowError:  # it was purged, or the history was closed
            return None

    def _on_commit(self, _record: InstanceRecord, _events: Sequence[HistoryEvent]) -> None:
        """Have the kernel look, once for all that happens within a short while; on the engine's thread."""
        self._is_behind = True
        self._moved.set()
        if not self._is_pausing:
            self._is_pausing = True
            self._source.call_later(_PAUSE, lambda: self._session.kernel.soon(self._refresh))

    def _refresh(self) -> None:
        """Write the twin anew if the run has come to rest; on the kernel's thread."""
        self._is_pausing = False
        if self._unsubscribe is None:
            return
        try:
            is_at_rest, is_over = self._look()
        except NbflowError:  # purged, or the history was closed: what is on the page stays
            self.stop()
            return
        if is_at_rest and self._output is not None:
            self._output.update(self._twin)
        if is_over:
            self.stop()

    def _look(self) -> tuple[bool, bool]:
        """Whether the run is at rest, and whether it has ended."""
        if self._record().status.is_terminal:  # no need to read a long history for that
            return True, True
        record, history = self._source.snapshot()
        if record.status.is_terminal:
            return True, True
        run = waiting(record, history, self._session.runtime.missing_code(record))
        moves = not self._session.is_virtual
        return needs_a_person(run, self._session.waiting, time_moves=moves), False

    def _record(self) -> InstanceRecord:
        runtime = self._session.runtime
        return runtime.call(runtime.requests.record(self._handle.instance_id))
