"""Writing batches behind one another, each durable before the next.

What a failure leaves is never in doubt: a batch that could not be written is blotted out before the next one takes its
number, and behind a sync that failed nothing is written at all, since nobody knows then what the disk has.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from time import perf_counter
from typing import Final, Literal, TypeAlias

import msgspec

from nbflow.errors import StoreError
from nbflow.stores.journal.disk import Disk
from nbflow.stores.journal.lines import Endings
from nbflow.stores.journal.segments import Segment, Segments

Durability: TypeAlias = Literal["full", "relaxed"]

_END_BYTES: Final = 256
"""More than the longest line that ends a batch."""
_QUICK_SECONDS: Final = 0.0005
_WEIGHT: Final = 0.1


class Span(msgspec.Struct, gc=False):
    """Whole batches that lie together in a segment."""

    segment: Segment
    start: int
    end: int


class BatchWriter:
    """Writes batches into segments.

    Args:
        name: What to call the store in errors.
        segments: Where there is room.
        disk: How to write.
        endings: Makes the last line of a batch.
        lsn: Up to which number everything is durable.
        durability: Whether each batch is synced before `append` returns, or `sync` is called now and then.
    """

    def __init__(
        self,
        name: str,
        segments: Segments,
        disk: Disk,
        endings: Endings,
        lsn: int,
        durability: Durability = "full",
    ) -> None:
        self._name = name
        self._segments = segments
        self._disk = disk
        self._endings = endings
        self._is_full = durability == "full"
        self._segment: Segment | None = None
        self._written = self._synced = lsn
        self._syncing = threading.Lock()  # a segment is not left, and not synced, while the other goes on
        self._broken: StoreError | None = None
        self._rest: Span | None = None
        self._seconds = 1.0

    @property
    def is_quick(self) -> bool:
        """Whether a batch has taken little time of late."""
        return self._seconds < _QUICK_SECONDS

    def append(self, body: bytes, count: int, first: int, last: int) -> Span:
        """Write a batch and return where it is.

        Args:
            body: Its lines.
            count: How many.
            first: Number of its first operation.
            last: Number of its last one.

        Raises:
            StoreError: Nothing was written.
        """
        if self._broken is not None:
            raise StoreError(str(self._broken)) from self._broken.__cause__
        began = perf_counter()
        try:
            self._blot_out()
            segment, head = self._room_for(len(body) + _END_BYTES)
        except OSError as error:
            raise self._no_room(error) from error
        start, base = segment.end, segment.end + len(head)
        line = self._endings.line(body, first, last, segment.epoch, count, self._synced)
        data = b"".join((head, body, line))
        try:
            self._disk.write(segment.fd, data, start)
        except OSError as error:
            self._rest = Span(segment, start, start + len(data))
            with suppress(OSError):
                self._blot_out()
            raise self._no_room(error) from error
        if self._is_full:
            self._sync(segment)
            self._synced = last
        segment.end = start + len(data)
        self._segment = segment  # before the number: whoever sees that must find where it is
        self._written = last
        took = perf_counter() - began
        self._seconds = took if self._seconds == 1.0 else self._seconds + _WEIGHT * (took - self._seconds)
        return Span(segment, base, segment.end)

    def sync(self) -> None:
        """Make durable what is written; raises StoreError."""
        with self._syncing:
            written, segment = self._written, self._segment
            if segment is not None and written > self._synced and self._broken is None:
                self._sync(segment)
                self._synced = written

    def _room_for(self, size: int) -> tuple[Segment, bytes]:
        segment = self._segment
        if segment is not None and segment.end + size <= segment.size:
            return segment, b""
        if segment is not None and not self._is_full:
            self.sync()
        return self._segments.begin(size)

    def _sync(self, segment: Segment) -> None:
        try:
            self._disk.sync(segment.fd)
        except OSError as error:
            raise self._break(error) from error

    def _blot_out(self) -> None:
        """Take away what was written of a batch that failed, so that nobody will ever find it whole; raises OSError."""
        if (rest := self._rest) is None:
            return
        self._disk.write(rest.segment.fd, b"\n" * (rest.end - rest.start), rest.start)
        self._sync(rest.segment)
        self._rest = None
        if rest.segment is not self._segment:
            self._segments.free(rest.segment)

    def _no_room(self, error: OSError) -> StoreError:
        return StoreError(f"{self._name} can't be written ({error.strerror}): make room on its disk")

    def _break(self, error: OSError) -> StoreError:
        self._broken = StoreError(
            f"{self._name} could not be synced ({error.strerror}), and nothing more is written, since nobody knows "
            "what the disk has kept; what was committed before is safe: see to the disk, then restart the kernel"
        )
        self._broken.__cause__ = error
        return self._broken
