"""The journal's files: made before they are needed, written one after another, and used again.

A file that has its size already, and whose blocks were written once, takes a commit in a third of the time. So each
segment is filled with empty lines when it is made; one that was loaded into DuckDB is used again as it is, since old
batches are told by their epoch and hash. What is in the folder is JSON, one object a line; a segment begins with a line that says
whose it is, and is written with the first batch.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from nbflow.stores.journal.disk import Disk
from nbflow.stores.journal.lines import FORMAT

SEGMENT_BYTES: Final = 4 << 20
HEADER_BYTES: Final = 256
_SPARES: Final = 2
"""So many files that nothing is in are kept; the first of them is made before it is needed."""


def header(store_id: str, epoch: int) -> bytes:
    """The first line of a segment."""
    text = f'{{"journal":{FORMAT},"store_id":"{store_id}","epoch":{epoch}}}'
    return text.ljust(HEADER_BYTES - 1).encode() + b"\n"


class Segment:
    """One file of the journal.

    Attributes:
        path: Where it is.
        fd: How it is open.
        size: How much it holds without growing.
        epoch: Rises from one segment to the next, also where a file is used again; 0: nothing is in it yet.
        end: Where the next batch goes.
    """

    __slots__ = ("end", "epoch", "fd", "path", "size")

    def __init__(self, path: Path, fd: int, size: int) -> None:
        self.path = path
        self.fd = fd
        self.size = size
        self.epoch = 0
        self.end = 0


class Segments:
    """The files of one open journal.

    Args:
        folder: Where they are; made with the first of them.
        store_id: Whose they are.
        disk: How to reach them.
        size: Bytes of each.
        epoch: That of the last segment before, which is loaded.
        used: Segments of before, of which nothing counts any more.
    """

    def __init__(
        self, folder: Path, store_id: str, disk: Disk, *, size: int, epoch: int, used: Iterable[Path] = ()
    ) -> None:
        self._folder = folder
        self._store_id = store_id
        self._disk = disk
        self._size = size
        self._epoch = epoch
        self._made = 0
        self._lock = threading.Lock()
        self._making = threading.Lock()
        self._spares: list[Segment] = []
        self._all: list[Segment] = []
        for path in used:
            with suppress(OSError):  # it may lie there, too
                segment = Segment(path, disk.open(path), path.stat().st_size)
                self._all.append(segment)
                self.free(segment)

    def prepare(self) -> None:
        """Have a segment ready for when the present one is full; raises OSError."""
        with self._making:
            if not self._spares:
                self._add_spare(self._make(self._size))

    def begin(self, room: int) -> tuple[Segment, bytes]:
        """A segment for the next batch, with the line that goes before it; raises OSError.

        Args:
            room: How long the batch is.
        """
        fits = HEADER_BYTES + room <= self._size
        segment = self._take_spare() if fits else None
        if segment is None:
            with self._making:  # the loader may be at it
                segment = self._take_spare() if fits else None
                if segment is None:
                    segment = self._make(max(self._size, HEADER_BYTES + room))
        self._epoch += 1
        segment.epoch, segment.end = self._epoch, 0
        return segment, header(self._store_id, segment.epoch)

    def free(self, segment: Segment) -> None:
        """Take a segment back: everything in it is in DuckDB, durably, or nothing of it counts."""
        if segment.size != self._size or len(self._spares) >= _SPARES:
            self._remove(segment)
        else:
            self._add_spare(segment)

    def remove(self) -> None:
        """Delete all segments, and the folder if there is nothing else in it; what can't be deleted stays."""
        for segment in list(self._all):
            self._remove(segment)
        try:
            self._folder.rmdir()
        except OSError:
            pass

    def close(self) -> None:
        """Let go of the files and leave them where they are."""
        for segment in self._all:
            self._disk.close(segment.fd)
        self._all.clear()
        self._spares.clear()

    def _take_spare(self) -> Segment | None:
        with self._lock:
            return self._spares.pop(0) if self._spares else None

    def _add_spare(self, segment: Segment) -> None:
        with self._lock:
            self._spares.append(segment)

    def _make(self, size: int) -> Segment:
        is_new = not self._folder.is_dir()
        if is_new:
            self._folder.mkdir(mode=0o700)
            self._disk.sync_folder(self._folder.parent)
        path = self._free_name()
        fd = self._disk.open(path)
        try:
            self._disk.fill(fd, size)
            self._disk.sync_folder(self._folder)
        except BaseException:
            self._disk.close(fd)
            path.unlink()
            raise
        segment = Segment(path, fd, size)
        with self._lock:
            self._all.append(segment)
        return segment

    def _free_name(self) -> Path:
        with self._lock:
            there = {segment.path for segment in self._all}
            while True:
                self._made += 1
                path = self._folder / f"{self._made}.ndjson"
                if path not in there:
                    return path

    def _remove(self, segment: Segment) -> None:
        with self._lock:
            self._all.remove(segment)
            if segment in self._spares:
                self._spares.remove(segment)
        self._disk.close(segment.fd)
        try:
            segment.path.unlink()
        except OSError:
            pass
