"""The journal of an open store: batches go in at one end, and DuckDB gets them at the other."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from nbflow.errors import StoreError
from nbflow.stores.duckdb_batch import Batch
from nbflow.stores.duckdb_errors import first_line
from nbflow.stores.journal.disk import Disk
from nbflow.stores.journal.loading import Loader
from nbflow.stores.journal.segments import SEGMENT_BYTES, Segment, Segments
from nbflow.stores.journal.tail import Tail
from nbflow.stores.journal.threads import Repeating
from nbflow.stores.journal.writing import BatchWriter, Durability

_SYNC_SECONDS: Final = 0.05
_MOST_SECONDS: Final = 30.0
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalOptions:
    """How a journal works; a test gives others.

    Attributes:
        durability: Whether a commit waits for the disk, or the disk is waited for every 50 ms.
        segment_bytes: Size of each file.
        load_seconds: How long what was committed waits for more before it is loaded.
        load_bytes: So much is loaded at once.
        most_bytes: So much may wait; behind that, a commit waits for the loading.
        has_threads: Whether loading goes on by itself. If not, it happens when somebody reads.
        disk: How to reach the files.
    """

    durability: Durability = "full"
    segment_bytes: int = SEGMENT_BYTES
    load_seconds: float = 1.0
    load_bytes: int = 2 << 20
    most_bytes: int = 32 << 20
    has_threads: bool = True
    disk: Disk = field(default_factory=Disk)


class Journal:
    """Where the batches are that DuckDB doesn't have.

    Args:
        name: What to call the store in errors.
        segments: The files.
        writer: Writes to them.
        loader: Reads from them.
        options: See `JournalOptions`.
        prepare: Done once by the thread that loads, before anything else.

    Attributes:
        tail: What is known of them.
    """

    def __init__(
        self,
        name: str,
        segments: Segments,
        writer: BatchWriter,
        loader: Loader,
        options: JournalOptions,
        prepare: Callable[[], None],
    ) -> None:
        self.tail = Tail()
        self._name = name
        self._segments = segments
        self._writer = writer
        self._loader = loader
        self._options = options
        self._load_bytes, self._most_bytes = options.load_bytes, options.most_bytes
        self._prepare: Callable[[], None] | None = prepare
        self._loading = threading.RLock()
        self._current: Segment | None = None
        self._failures = 0
        self._threads: list[Repeating] = []
        self._tell: Callable[..., None] = _nothing
        self._tell_of_write: Callable[..., None] = _nothing

    def start(self) -> None:
        """Begin to load by itself."""
        if not self._options.has_threads:
            self._prepare_once()
            return
        loading = Repeating("nbflow-loader", self._load_by_itself, 0.0)
        self._tell = loading.tell
        self._threads.append(loading)
        if self._options.durability == "relaxed":
            syncing = Repeating("nbflow-sync", self._sync_by_itself, _SYNC_SECONDS)
            self._tell_of_write = syncing.tell
            self._threads.append(syncing)
        for thread in self._threads:
            thread.start()
        loading.tell()

    @property
    def is_quick(self) -> bool:
        """Whether `append` waits for nothing that takes its time."""
        return self._writer.is_quick and self.tail.size < self._most_bytes // 2

    def append(self, batch: Batch, body: bytes, count: int) -> None:
        """Write a batch; when this returns, it is as durable as it was to be.

        Args:
            batch: The batch.
            body: Its lines.
            count: How many those are.

        Raises:
            StoreError: Nothing was written.
        """
        if self.tail.size > self._most_bytes:
            self._make_room()
        span = self._writer.append(body, count, batch.first, batch.lsn)
        size = self.tail.add(batch, span)
        self._tell(hurry=size > self._load_bytes and not self._failures)
        self._tell_of_write()

    def _make_room(self) -> None:
        try:
            self.flush()
        except StoreError as error:
            raise StoreError(
                f"{self._name} takes no more commits: {self.tail.size >> 20} MB wait in its journal, and loading them fails "
                f"({error}): make room on its disk"
            ) from error

    def flush(self) -> None:
        """Return once DuckDB has all that was committed; raises StoreError."""
        with self._loading:
            if self.tail.has_any:
                self._load()

    def paused(self) -> threading.RLock:
        """Nothing is loaded while this lock is held."""
        return self._loading

    def close(self) -> None:
        """Load everything and delete the files; what can't be loaded stays, for the next opening."""
        for thread in self._threads:
            thread.stop()
        self._threads.clear()
        try:
            self.flush()
        except StoreError as error:
            _log.warning(
                "what was committed to %s last stays in the journal beside it, and is loaded when it is opened again: %s",
                self._name, first_line(error),
            )  # fmt: skip
            self._sync_for_good()
            self._segments.close()
        else:
            self._segments.remove()

    def _sync_for_good(self) -> None:
        try:
            self._writer.sync()
        except StoreError:
            _log.exception("%s may have lost its last commits", self._name)

    def _load(self) -> None:
        taken = self.tail.take()
        try:
            self._loader.load(taken.spans, taken.lsn)
        except BaseException:
            self.tail.give_back()
            raise
        self.tail.done()
        used = [self._current, *(span.segment for span in taken.spans)]
        # The last one may be written to still; those before it are full, and loaded.
        self._current = used[-1]
        for segment in dict.fromkeys(used[:-1]):
            if segment is not None and segment is not self._current:
                self._segments.free(segment)

    def _load_by_itself(self) -> float:
        """One round of the loader; gives the seconds until the next."""
        try:
            self._prepare_once()
            with self._loading:
                if self.tail.has_any:
                    self._load()
                self._loader.checkpoint_if_due()
            self._segments.prepare()
        except Exception as error:  # whatever it is, what is in the journal is safe, and this thread goes on
            self._failures += 1
            seconds = min(self._options.load_seconds * 2**self._failures, _MOST_SECONDS)
            _log.warning(
                "%s: what was committed stays in the journal, since it can't be loaded (%s): tried again in %.1f s",
                self._name, first_line(error), seconds,
            )  # fmt: skip
            self._tell()
            return seconds
        self._failures = 0
        return self._options.load_seconds

    def _prepare_once(self) -> None:
        if self._prepare is not None:
            self._segments.prepare()  # the first commit may wait for it already
            self._prepare()
            self._prepare = None

    def _sync_by_itself(self) -> float:
        try:
            self._writer.sync()
        except StoreError:
            _log.exception("%s is closed for writing", self._name)
        return _SYNC_SECONDS


def _nothing(**_how: bool) -> None:
    pass
