"""Which rows of a dashboard go to the front end, and when.

The feed follows all runs of an engine. It holds a page of them, the newest, and more when they are asked for;
what each of those waits for is folded from its history, which is read once, a few runs at a time, and then
carried on commit by commit. Changed rows go out at most every `DELTA_PAUSE` seconds. How many runs have
each status is asked of the store, at most every `COUNT_PAUSE` seconds while something changes.

Until a front end has said hello, whole snapshots go out, at a slower pace and not for ever. Once every view has said
goodbye, the feed sleeps: it follows nothing and holds nothing, and a hello wakes it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

from nbflow.core.history import HistoryEvent
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.errors import NbflowError
from nbflow.ports import InstanceFilter
from nbflow.widgets.dashmessages import instance_message
from nbflow.widgets.dashreading import Reading
from nbflow.widgets.instances import InstancesSource, Scope
from nbflow.widgets.messages import Json, millis

PAGE: Final = 1000
"""Runs that are loaded at once."""

DELTA_PAUSE: Final = 0.1
"""Seconds between two deltas."""

COUNT_PAUSE: Final = 0.5
"""Seconds between two counts."""

UNHEARD_PAUSE: Final = 1.0
"""Seconds between two snapshots while no front end has been heard of."""

UNHEARD_MOST: Final = 30
"""Snapshots that go out to nobody."""

REST: Final = 2.0
"""Seconds without a change after which the picture is kept with the notebook."""

KEPT_ROWS: Final = 200
"""Rows of the picture that is kept."""

_log: Final = logging.getLogger(__name__)


class DashboardFeed:
    """The messages of one dashboard.

    Args:
        source: The runs.
        send: Sends a message to the front end.
        keep: Keeps a snapshot with the notebook.
        scope: Which runs it is of; all, if it is None.
        statuses: Which are chosen at first.
        page: How many are loaded at once.
    """

    def __init__(
        self,
        source: InstancesSource,
        *,
        send: Callable[[Json], None],
        keep: Callable[[Json], None],
        scope: Scope | None = None,
        statuses: tuple[RuntimeStatus, ...] = (),
        page: int = PAGE,
    ) -> None:
        self._source = source
        self._send = send
        self._keep = keep
        self._scope = scope if scope is not None else Scope()
        self._statuses = statuses
        self._page = page
        # Held while state changes and while a message is sent, so that messages leave in their order.
        # Never while the source is asked for what may have to wait for the store.
        self._lock = threading.RLock()
        self._read = Reading(source, lock=self._lock, page=page)
        self._unfollow: Callable[[], None] | None = None
        self._n = 0
        self._heard = False
        self._unheard = 0
        self._pauses = 0
        self._views: set[str] = set()
        self._dirty = self._pausing = self._counting = self._uncounted = self._reading = self._resting = False
        self._closed: str | None = None

    # -- the front end ------------------------------------------------------------------------

    def open(self) -> Json:
        """Begin to follow the runs; give the first snapshot.

        Raises:
            NbflowError: They can't be read.
        """
        self._wake()
        with self._lock:
            message = self._snapshot()
        self._read_on()
        return message

    def close(self, reason: str = "") -> None:
        """Stop following; with a reason, the front end is told. Twice is no error."""
        with self._lock:
            told, self._closed = self._closed is not None, reason or self._closed or "it was closed"
            if reason and not told:
                self._send({"type": "closed", "reason": reason})
        self._sleep()

    def hello(self, view: str) -> None:
        """A view has appeared, or has missed something: send everything."""
        with self._lock:
            if not self._heard:
                self._end_pause()
            self._heard = True
            self._views.add(view)
            asleep = self._unfollow is None and self._closed is None
        if asleep:
            try:
                self._wake()
            except NbflowError as error:
                self._closed = str(error)
        with self._lock:
            if self._closed is not None:
                self._send({"type": "closed", "reason": self._closed})
                return
            self._send(self._snapshot())
        self._read_on()

    def bye(self, view: str) -> None:
        """A view is gone; without any, nothing is followed."""
        with self._lock:
            self._views.discard(view)
            if self._views or not self._heard:
                return
        self._sleep()

    def load(self, statuses: Sequence[RuntimeStatus], text: str, key: Any) -> None:
        """Load the next page of the runs that pass a filter, and tell whether there are more.

        Args:
            statuses: Any of these.
            text: The beginning of an ID, or the name of a workflow; all, if it is empty.
            key: What the front end calls this filter.
        """
        wheres = [InstanceFilter(statuses=tuple(statuses), name=self._scope.name, id_prefix=text or None)]
        if text and self._scope.name is None:
            wheres.append(InstanceFilter(statuses=tuple(statuses), name=text))

        def look() -> None:
            error = None
            try:
                pages = [self._read.next_page(where, self._scope.after) for where in wheres]
                more = any(pages)
            except NbflowError as failed:
                more, error = False, str(failed)
            with self._lock:
                self._flush(at_once=True)
                self._send({"type": "loaded", "key": key, "more": more, "error": error})
            self._read_on()

        self._aside(look)

    def widen(self) -> None:
        """Show all runs from now on."""
        self._scope, self._statuses = Scope(), ()
        self._sleep()
        for view in list(self._views)[:1]:
            self.hello(view)

    # -- reading ------------------------------------------------------------------------------

    def _wake(self) -> None:
        self._unfollow = self._source.follow(self._on_commit, erased=self._on_erased, closed=self.close)
        try:
            where = InstanceFilter(statuses=self._statuses, name=self._scope.name)
            self._read.next_page(where, self._scope.after)
            self._count()
            self._read.histories()
        except NbflowError:
            self._sleep()
            raise

    def _sleep(self) -> None:
        unfollow, self._unfollow = self._unfollow, None
        if unfollow is not None:
            unfollow()
        self._read.forget()

    def _read_on(self) -> None:
        """Go on reading aside, a few at a time."""
        with self._lock:
            if self._reading or self._closed is not None or not self._read.rows.has_unread:
                return
            self._reading = True

        def look() -> None:
            try:
                while self._closed is None and self._read.histories():
                    with self._lock:
                        self._flush()
            except NbflowError as error:
                _log.info("the dashboard can't read what its runs wait for: %s", error)
                return
            finally:
                self._reading = False
            self._read_on()  # for what came at this very moment

        self._aside(look)

    def _count(self) -> None:
        self._read.count(InstanceFilter(name=self._scope.name))

    def _count_soon(self) -> None:
        """Count anew, at once if that was not done just now."""
        with self._lock:
            self._uncounted = True
            if self._counting:
                return
            self._counting = True

        def look() -> None:
            self._uncounted = False
            try:
                self._count()
            except NbflowError:
                return
            with self._lock:
                self._flush()
            self._source.call_later(COUNT_PAUSE, again)

        def again() -> None:
            self._counting = False
            if self._uncounted:
                self._count_soon()

        self._aside(look)

    def _aside(self, look: Callable[[], object]) -> None:
        try:
            self._source.aside(look)
        except NbflowError as error:
            self.close(str(error))

    # -- news ---------------------------------------------------------------------------------

    def _on_commit(self, record: InstanceRecord, events: Sequence[HistoryEvent]) -> None:
        with self._lock:
            if self._unfollow is None:
                return
            if self._scope.name not in (None, record.name):
                return
            is_counted = self._read.take(record, events, only_known=self._scope.after is not None)
            if record.instance_id in self._read.rows:
                self._flush()
            self._read.trim()
        if is_counted:
            self._count_soon()
        self._read_on()

    def _on_erased(self, instance_ids: Sequence[str]) -> None:
        with self._lock:
            self._read.erase(instance_ids)
            self._flush()
        self._count_soon()

    # -- what goes out ------------------------------------------------------------------------

    def _flush(self, *, at_once: bool = False) -> None:
        """Send what has changed, now or when the pause is over."""
        self._dirty = True
        if self._pausing and not at_once:
            return
        self._dirty = False
        if self._heard:
            self._send(self._delta())
        elif self._unheard < UNHEARD_MOST:
            self._unheard += 1
            self._send(self._snapshot())
        if not self._pausing:
            self._pausing = True
            number = self._pauses
            pause = DELTA_PAUSE if self._heard else UNHEARD_PAUSE
            self._source.call_later(pause, lambda: self._after_pause(number))
        self._watch_rest()

    def _end_pause(self) -> None:
        self._pausing = False
        self._pauses += 1

    def _after_pause(self, number: int) -> None:
        with self._lock:
            if number != self._pauses:
                return
            self._end_pause()
            if self._dirty and self._unfollow is not None:
                self._flush()

    def _watch_rest(self) -> None:
        if not self._resting:
            self._resting = True
            n = self._n
            self._source.call_later(REST, lambda: self._after_rest(n))

    def _after_rest(self, n: int) -> None:
        with self._lock:
            self._resting = False
            if self._unfollow is None:
                return
            if self._n == n and not self._dirty:
                self._keep(self._snapshot(most=KEPT_ROWS, count=False))
            else:
                self._watch_rest()

    def _snapshot(self, *, most: int | None = None, count: bool = True) -> Json:
        if count:
            self._read.news()
        newest = self._read.rows.newest(most)
        return {**self._frame("snapshot", count=count), "rows": [self._row(record) for record in newest]}

    def _delta(self) -> Json:
        changed, gone = self._read.news()
        return {**self._frame("delta"), "rows": [self._row(record) for record in changed], "gone": gone}

    def _row(self, record: InstanceRecord) -> Json:
        return instance_message(self._source.row(record, self._read.rows.fold(record.instance_id)))

    def _frame(self, kind: str, *, count: bool = True) -> Json:
        self._n += count
        return {
            "type": kind,
            "n": self._n,
            "now": millis(self._source.now()),
            "still": self._source.stands_still,
            "counts": self._read.counts,
            "scope": str(self._scope),
            "chosen": [str(status) for status in self._statuses],
            "page": self._page,
            "caveat": self._source.caveat,
        }
