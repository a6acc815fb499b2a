"""Durable timers: rows in the store, and one task that knows when to look.

Nothing is held in memory for a waiting timer but the earliest due time (S26).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from nbflow.core.operations import InboxRow
from nbflow.engine.commits import Committer
from nbflow.errors import StoreError
from nbflow.ports import Clock

_log: Final = logging.getLogger("nbflow.engine")
_PAGE: Final = 1000
_RETRY_SECONDS: Final = 1.0
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


class TimerPump:
    """Delivers messages when they come due, in the order (due, row).

    Args:
        committer: Reads due rows.
        clock: Says what time it is.
        deliver: Takes a due row, on the engine's loop.

    Attributes:
        on_rest: Called when it has looked at what is due.
    """

    def __init__(self, committer: Committer, clock: Clock, deliver: Callable[[InboxRow], None]) -> None:
        self._committer = committer
        self._clock = clock
        self._deliver = deliver
        self.on_rest: Callable[[], None] = _nothing
        self._delivered: tuple[datetime, int] | None = None
        self._next: datetime | None = _LONG_AGO  # to begin with, whatever is overdue
        self._reading_until: datetime | None = None
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Deliver until cancelled; overdue rows go out at once."""
        while True:
            self._changed.clear()
            if self._next is None:
                await self._changed.wait()
            elif self._clock.now() < self._next:
                await self._nap(self._next)
            else:
                await self._deliver_due()
                self.on_rest()

    @property
    def is_resting(self) -> bool:
        """Whether everything that is due was delivered."""
        is_due = self._next is not None and self._next <= self._clock.now()
        return self._reading_until is None and not is_due

    async def next_due(self) -> datetime | None:
        """When the next row comes due that was not delivered yet; raises StoreError."""
        behind = self._delivered
        return await self._committer.read(lambda store: store.next_due(behind))

    def added(self, row: InboxRow) -> None:
        """Take note of a row that was committed just now."""
        assert row.due is not None, "a timer has a due time"
        is_behind = self._delivered is not None and (row.due, row.row_id) <= self._delivered
        is_read_now = self._reading_until is not None and row.due <= self._reading_until
        if is_behind or is_read_now:
            # The place in the store was passed already. Should the read have met the row all the
            # same, it is delivered twice, and the second time means nothing (S71).
            self._deliver(row)
        elif self._next is None or row.due < self._next:
            self._next = row.due
            self._changed.set()

    async def _deliver_due(self) -> None:
        until, overdue = self._clock.now(), self._next
        self._next, self._reading_until = None, until
        try:
            await self._read(until)
        except StoreError as error:
            _log.warning("timers could not be read (%s): tried again", error)
            self._next = overdue
            await asyncio.sleep(_RETRY_SECONDS)
        finally:
            self._reading_until = None

    async def _read(self, until: datetime) -> None:
        after = self._delivered
        rows = await self._committer.read(lambda store: store.read_due(until, after=after, limit=_PAGE))
        for row in rows:
            assert row.due is not None, "the store gives rows that have a due time"
            self._delivered = (row.due, row.row_id)
            self._deliver(row)
        found = await self.next_due()
        if found is not None and (self._next is None or found < self._next):
            self._next = found

    async def _nap(self, until: datetime) -> None:
        nap = asyncio.ensure_future(self._clock.wait_until(until))
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait({nap, changed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            nap.cancel()
            changed.cancel()


def _nothing() -> None:
    pass
