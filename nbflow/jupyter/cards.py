"""How a run is shown in a cell: its card, once, and the card's static twin kept up to date at rest.

A widget is only as long-lived as its kernel; what stays in the saved notebook is
the HTML beside it, which is written again whenever the run comes to rest: when it
has ended, or when only a person can move it on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Any, Final

from nbflow.core.history import HistoryEvent
from nbflow.core.state import InstanceRecord
from nbflow.errors import NbflowError, RuntimeClosedError
from nbflow.jupyter.location import shorten
from nbflow.jupyter.pictures import picture
from nbflow.jupyter.session import NbFlow
from nbflow.jupyter.showing import Output, show, show_for_good
from nbflow.jupyter.waiting import needs_a_person, waiting
from nbflow.runtime import WorkflowHandle, WorkflowRuntime
from nbflow.widgets.card import RunCard

_PAUSE: Final = 0.3
"""Seconds after a commit before the kernel looks whether the run has come to rest."""


class RuntimeCardSource:
    """A run of this notebook's runtime, as a card sees it.

    Args:
        runtime: The runtime.
        instance_id: The run.
    """

    def __init__(self, runtime: WorkflowRuntime, instance_id: str) -> None:
        self._runtime = runtime
        self._instance_id = instance_id

    def snapshot(self) -> tuple[InstanceRecord, Sequence[HistoryEvent]]:
        """The run's row and history; raises NbflowError."""
        return self._open_runtime().client.snapshot(self._instance_id)

    def subscribe(
        self, callback: Callable[[InstanceRecord, Sequence[HistoryEvent]], None]
    ) -> Callable[[], None]:
        """Call back after each commit that concerns the run."""
        return self._runtime.subscribe(self._instance_id, callback)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back once; called on the engine's thread, whose loop this is."""
        asyncio.get_running_loop().call_later(seconds, callback)

    def raise_event(self, name: str, payload_json: str) -> Future[None]:
        """Raise an event; the future is done once it is durable."""
        return self._open_runtime().client.raise_encoded_event(self._instance_id, name, payload_json)

    def now(self) -> datetime:
        """The runtime's time."""
        return self._runtime.clock.now()

    @property
    def stands_still(self) -> bool:
        """Whether that time is virtual."""
        return self._runtime.is_virtual

    def _open_runtime(self) -> WorkflowRuntime:
        if not self._runtime.is_open:
            raise RuntimeClosedError(
                f"its history is closed: `%wf db {shorten(self._runtime.path)}` opens it again"
            )
        return self._runtime


class Cards:
    """The cards of a notebook.

    Args:
        session: The notebook's nbflow.
    """

    def __init__(self, session: NbFlow) -> None:
        self._session = session
        self._shown: dict[str, int] = {}
        self._shows: dict[str, _Show] = {}

    def show(self, handle: WorkflowHandle) -> None:
        """Show a run's card in the running cell, and keep its twin up to date."""
        self.silence(handle)
        before = self._shows.pop(handle.instance_id, None)
        if before is not None:
            before.retire()
        card = self._shows[handle.instance_id] = _Show(self._session, handle)
        card.begin()

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
        self._source = RuntimeCardSource(session.runtime, handle.instance_id)
        self._card: Any = None
        self._output: Output | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._is_pausing = False

    def begin(self) -> None:
        if not self._session.kernel.is_there:
            show(picture(self._session, self._handle))
            return
        self._unsubscribe = self._source.subscribe(self._on_commit)
        self._card = RunCard(self._source)
        self._output = show_for_good(self._card)
        if self._look()[1]:
            self.stop()

    def stop(self) -> None:
        unsubscribe, self._unsubscribe = self._unsubscribe, None
        if unsubscribe is not None:
            unsubscribe()

    def retire(self) -> None:
        """Follow the run no longer: another card does. The twin says how it was when that one was shown."""
        if self._unsubscribe is not None and self._output is not None:
            self._output.update(self._card)
        self.stop()

    def look_again(self) -> None:
        if self._unsubscribe is not None and self._card is not None:
            self._card.look_again()
            self._refresh()

    def _on_commit(self, _record: InstanceRecord, _events: Sequence[HistoryEvent]) -> None:
        """Have the kernel look, once for all that happens within a short while; on the engine's thread."""
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
            self._output.update(self._card)
        if is_over:
            self.stop()

    def _look(self) -> tuple[bool, bool]:
        """Whether the run is at rest, and whether it has ended."""
        record, history = self._source.snapshot()
        if record.status.is_terminal:
            return True, True
        run = waiting(record, history, self._session.runtime.missing_code(record))
        moves = not self._session.is_virtual
        return needs_a_person(run, self._session.waiting, time_moves=moves), False
