"""Which message goes to the front end, and when.

A feed follows one run: commits come in on the engine's thread, snapshots are
asked for on the kernel's. What has changed goes out at once, then at most every
`DELTA_PAUSE` seconds: whatever is committed meanwhile waits for the pause to end
and is sent as one delta. No thread sleeps for that; the source calls back.

Until a front end has said hello, whole snapshots go out instead of deltas, at a
slower pace: where clicks and hellos wait for a busy cell to end, the picture is
live all the same. Once every view has said goodbye, nothing goes out.

The picture that is kept with the notebook (`keep`) is written only at rest:
when the run has ended, and when nothing but a person, a timer or its owner can move it
on and nothing has for `REST` seconds. It is what a reloaded page and a saved notebook begin
with; writing it costs a hundred times a delta, so that a busy run must not.

After the end a feed holds one finished message and nothing else.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from nbflow.core.history import HistoryEvent
from nbflow.core.state import InstanceRecord
from nbflow.errors import NbflowError
from nbflow.views.timeline import header, served_until, timeline_of, waiting_for
from nbflow.views.timeline.fold import TimelineFold
from nbflow.views.timeline.idle import Idling, millis
from nbflow.views.timeline.rows import Header, Timeline
from nbflow.views.timeline.text import sentence
from nbflow.widgets.messages import (
    Json,
    axis_message,
    commands_message,
    run_message,
    wait_message,
)
from nbflow.widgets.rowlist import RowList
from nbflow.widgets.source import CardSource

DELTA_PAUSE: Final = 0.05
"""Seconds between two deltas."""

UNHEARD_PAUSE: Final = 0.25
"""Seconds between two snapshots while no front end has been heard of."""

REST: Final = 2.0
"""Seconds without a change after which a waiting run counts as at rest."""

_log = logging.getLogger(__name__)


class CardFeed:
    """The messages of one card.

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
        # Held while state changes and while a message is sent, so that messages leave in their
        # order. Never while the source is asked for something on the kernel's thread.
        self._lock = threading.RLock()
        self._record: InstanceRecord | None = None
        self._fold: TimelineFold | None = None
        self._idling = Idling()
        self._rows = RowList()
        self._final: Json | None = None
        self._early: list[tuple[InstanceRecord, Sequence[HistoryEvent]]] | None = None
        self._unsubscribe: Callable[[], None] = _nothing
        self._n = 0
        self._dirty = False
        self._anew = False
        self._pausing = False
        self._resting = False
        self._heard = False
        self._views: set[str] = set()
        self._closed = False

    def open(self) -> Json:
        """Begin to follow the run; give the first snapshot; raises as `begin`."""
        return self.begin()[0]

    def begin(self) -> tuple[Json, Timeline]:
        """Begin to follow the run; give the first snapshot, and what it says as a timeline.

        Raises:
            InstanceNotFoundError: The run was purged.
            StoreError: It can't be read.
        """
        self._unsubscribe = self._source.subscribe(self._on_commit)
        try:
            self._read()
        except NbflowError:
            self.close()
            raise
        with self._lock:
            message = self._snapshot()
            drawn = self._drawn()
            self._finish_if_over(message)
            return message, drawn

    def timeline(self) -> Timeline | None:
        """What the card shows now; None if there is something that it doesn't show yet, or nothing to follow any more."""
        with self._lock:
            return None if self._fold is None or self._dirty or self._anew else self._drawn()

    def close(self) -> None:
        """Stop following, and hold nothing any more: a timer of the engine's may keep this for a while."""
        with self._lock:
            self._closed = True
            self._views.clear()
            self._fold = self._final = self._record = None
            self._idling, self._rows = Idling(), RowList()
            self._send = self._keep = _drop
            unsubscribe, self._unsubscribe = self._unsubscribe, _nothing
        unsubscribe()

    @property
    def finished(self) -> str | None:
        """The execution that has ended, if one has: what comes after it is not followed."""
        return None if self._final is None else self._final["run"]["execution"]

    def keep_now(self) -> None:
        """Keep the picture with the notebook as it is now, at rest or not."""
        with self._lock:
            if self._final is not None:
                self._keep(self._final)
            elif self._fold is not None and not self._closed:
                message = self._snapshot()
                self._send(message)
                if not self._finish_if_over(message):
                    self._keep(message)

    def hello(self, view: str) -> None:
        """A view has appeared, or has missed something: send everything."""
        if self._is_stale and not self._closed:
            try:
                self._read()
            except NbflowError as error:
                _log.warning("the card can't read its run again: %s", error)
                return
        with self._lock:
            if self._closed:
                return
            self._heard = True
            self._views.add(view)
            if self._final is not None:
                self._send(self._final)
                return
            message = self._snapshot()
            self._send(message)
            self._finish_if_over(message)

    def bye(self, view: str) -> None:
        """A view is gone."""
        with self._lock:
            self._views.discard(view)

    # -- commits -----------------------------------------------------------------------------

    def _on_commit(self, record: InstanceRecord, events: Sequence[HistoryEvent]) -> None:
        with self._lock:
            if self._early is not None:
                self._early.append((record, events))
            if self._closed or self._fold is None:
                return
            try:
                self._take(record, events)
                self._dirty = True
                if self._is_stale:
                    self._send({"type": "stale"})
                elif not self._pausing:
                    self._flush()
            except Exception:
                # A picture that fails must not take the engine's thread with it.
                _log.exception("the card of %s can't follow it any more", record.instance_id)
                self.close()

    @property
    def _is_stale(self) -> bool:
        """True when a commit was missed: the front end is told, and its hello has the run read again.

        That happens on the kernel's thread: the engine's can't wait for a store.
        """
        return self._fold is None and self._final is None

    def _read(self) -> None:
        """Load the run as it is stored; what is committed meanwhile is taken in behind it."""
        with self._lock:
            self._early = []
        try:
            record, history = self._source.snapshot()
        finally:
            with self._lock:
                early, self._early = self._early or [], None
        with self._lock:
            self._load(record, history)
            for newer, events in early:
                if newer.last_updated_at >= record.last_updated_at and not self._is_stale:
                    self._take(newer, events)
            if self._is_stale:
                self._load(record, history)

    def _load(self, record: InstanceRecord, history: Sequence[HistoryEvent]) -> None:
        self._record, self._fold, self._idling, self._rows = record, TimelineFold(), Idling(), RowList()
        for event in history:
            self._fold.apply(event)
        self._anew = True

    def _take(self, record: InstanceRecord, events: Sequence[HistoryEvent]) -> None:
        """Take in a commit; what doesn't follow on leaves the feed stale."""
        assert self._fold is not None, "a stale feed takes no commits"
        assert self._record is not None, "likewise"
        if record.execution_id != self._record.execution_id:
            self._load(record, ())
        self._record = record
        for event in events:
            if event.seq > self._fold.length + 1:
                self._fold = None
                return
            if event.seq == self._fold.length + 1:
                self._fold.apply(event)

    # -- what goes out -----------------------------------------------------------------------

    def _flush(self) -> None:
        self._pausing = True
        live = not self._heard or bool(self._views)
        if self._anew or not self._heard:
            message = self._snapshot()
        else:
            message = self._delta()
        if live:
            self._send(message)
        if not self._finish_if_over(message):
            self._source.call_later(DELTA_PAUSE if self._heard else UNHEARD_PAUSE, self._after_pause)
            self._watch_rest()

    def _after_pause(self) -> None:
        with self._lock:
            self._pausing = False
            if self._dirty and self._fold is not None:
                self._flush()

    def _finish_if_over(self, message: Json) -> bool:
        if self._record is None or not self._record.status.is_terminal:
            return False
        final = message if message["type"] == "snapshot" else self._snapshot()
        self._final = final
        self._fold = None
        unsubscribe, self._unsubscribe = self._unsubscribe, _nothing
        unsubscribe()
        self._keep(final)
        return True

    def _watch_rest(self) -> None:
        if not self._resting and self._is_idle():
            self._resting = True
            n = self._n
            self._source.call_later(REST, lambda: self._after_rest(n))

    def _after_rest(self, n: int) -> None:
        with self._lock:
            self._resting = False
            if not self._is_idle():
                return
            if self._n == n and not self._dirty:
                self._keep(self._snapshot(count=False))
            else:
                self._watch_rest()

    def _is_idle(self) -> bool:
        if self._fold is None or self._record is None:
            return False
        waiting = waiting_for(self._record, self._fold)
        return not waiting.activities and not waiting.children

    def _snapshot(self, *, count: bool = True) -> Json:
        head = self._renew()[0]
        self._anew = False
        return {**self._frame("snapshot", head, count=count), **self._rows.whole()}

    def _drawn(self) -> Timeline:
        """What the last message has said, for a picture beside the card."""
        assert self._fold is not None, "a feed that isn't finished has a fold"
        assert self._record is not None, "likewise"
        source = self._source
        drawn = timeline_of(self._record, self._fold, now=source.now(), opened_at=source.opened_at)
        head = drawn.header
        rule = self._idling.rule(start=head.started_at or head.created_at, end=head.ended_at)
        return msgspec.structs.replace(drawn, caveat=source.caveat, axis=rule)

    def _delta(self) -> Json:
        head, keys = self._renew()
        return {**self._frame("delta", head), "rows": self._rows.some(keys)}

    def _renew(self) -> tuple[Header, tuple[str, ...]]:
        """Bring the rows' messages up to date; give the header, and the keys of what has changed."""
        assert self._fold is not None, "a feed that isn't finished has a fold"
        assert self._record is not None, "likewise"
        head = header(self._record, self._fold, now=self._source.now())
        keys = self._fold.changed()
        for row in map(self._fold.row, keys):
            self._idling.put(row)
        self._rows.renew(self._fold, keys, served_until(head, self._source.opened_at))
        return head, keys

    def _frame(self, kind: str, head: Header, *, count: bool = True) -> Json:
        """What snapshot and delta have in common."""
        assert self._fold is not None, "a feed that isn't finished has a fold"
        assert self._record is not None, "likewise"
        self._n += count
        self._dirty = False
        now = self._source.now()
        waiting = waiting_for(self._record, self._fold)
        words = sentence(Timeline(header=head, rows=(), waiting_for=waiting, now=now))
        rule = self._idling.rule(start=head.started_at or head.created_at, end=head.ended_at)
        return {
            "type": kind,
            "n": self._n,
            "now": millis(now),
            "still": self._source.stands_still,
            "run": {
                **run_message(head, words),
                "caveat": self._source.caveat or None,
                "can": sorted(self._source.capabilities),
                "commands": commands_message(head, self._source.capabilities),
            },
            "waits": [wait_message(row) for row in waiting.events],
            "axis": axis_message(rule, served_until(head, self._source.opened_at)),
            "total": self._fold.row_count,
            "length": self._fold.length,
        }


def _nothing() -> None:
    pass


def _drop(_message: Json) -> None:
    pass
