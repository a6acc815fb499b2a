"""Group commit: what a tick wants written, in one transaction.

It is written on the store's own thread; or here and now, if the store is quick and
nobody else is at it.

When a commit fails, its items are tried again one instance at a time, so that
one bad row can't stop the tick (S67). What fails alone is told so, and written
apart from the others until it succeeds; the others never notice.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final, TypeVar

from nbflow.core.operations import AppendHistory, Operation
from nbflow.core.trust import Finding
from nbflow.engine.distrust import Distrusted
from nbflow.engine.threads import JobThread
from nbflow.errors import StoreError
from nbflow.ports import HistoryStore

_T = TypeVar("_T")
_log: Final = logging.getLogger("nbflow.engine")
_SMALL: Final = 256


@dataclass(eq=False)
class CommitItem:
    """Operations that belong together, and what depends on them.

    Attributes:
        instance_id: Whose they are; items of one instance stay together. None: nobody's.
        operations: In order.
        committed: Called on the engine's loop once they are durable.
        failed: Called instead if they could not be written.
    """

    instance_id: str | None
    operations: Sequence[Operation]
    committed: Callable[[], None]
    failed: Callable[[StoreError], None]


class Committer:
    """Writes items and reads for others, one after the other.

    Args:
        store: Opened by `open`.
        thread: Uses the store whenever that may take its time.

    Attributes:
        on_wanted: Called on the engine's loop when somebody else is going to use the store.
    """

    def __init__(self, store: HistoryStore, thread: JobThread) -> None:
        self._own = self._store = store
        self._thread = thread
        self._suspects: set[str | None] = set()
        self._use = threading.Lock()
        self.on_wanted: Callable[[], object] = _nothing

    async def open(self) -> None:
        """Open the store; raises StoreError."""
        await self._thread.run(self._alone(self._store.open))

    def distrust(self, findings: Sequence[Finding]) -> None:
        """Only look at the store from now on, for these rows; at none: use it as any other."""
        self._store = Distrusted(self._own, findings) if findings else self._own

    async def close(self) -> None:
        """Close the store and end its thread."""
        try:
            await self._thread.run(self._alone(self._store.close))
        finally:
            self._thread.stop(timeout=5.0)

    async def read(self, query: Callable[[HistoryStore], _T]) -> _T:
        """Run a query behind every commit that was asked for before it; raises StoreError."""
        self.on_wanted()
        return await self._thread.run(self._alone(lambda: query(self._store)))

    def read_soon(self, query: Callable[[HistoryStore], _T]) -> Future[_T]:
        """The same for a thread that isn't the engine's."""
        return self._thread.submit(self._alone(lambda: query(self._store)))

    def _alone(self, call: Callable[[], _T]) -> Callable[[], _T]:
        """A call that uses the store while nobody else does."""

        def alone() -> _T:
            with self._use:
                return call()

        return alone

    def commit_at_once(self, items: Sequence[CommitItem]) -> bool:
        """Write all items here and now, if that takes no time and nothing speaks against it; tell whether it was done."""
        if self._suspects:
            return False
        operations = [operation for item in items for operation in item.operations]
        try:
            if operations and not self._committed_at_once(operations):
                return False
        except StoreError:
            return False  # nothing happened: who writes one by one finds out whose fault it is
        for item in items:
            item.committed()
        return True

    @property
    def is_quick(self) -> bool:
        """Whether a commit takes no time, and none has failed of late."""
        return not self._suspects and self._store.is_quick

    def commit_here(self, operations: Sequence[Operation]) -> bool:
        """Write on a thread that is neither the loop's nor the store's; tell whether it was done.

        If not, nothing has happened: who writes it the ordinary way finds out why.
        """
        if not self.is_quick:
            return False
        try:
            with self._use:
                self._commit(operations)
        except StoreError:
            return False
        return True

    async def commit(self, items: Sequence[CommitItem]) -> None:
        """Write all items in one transaction, or, if that fails, instance by instance."""
        together = [item for item in items if item.instance_id not in self._suspects]
        apart = [item for item in items if item.instance_id in self._suspects]
        try:
            await self._write(together)
        except StoreError as error:
            groups = _by_instance(together)
            if len(groups) > 1:
                _log.warning("a commit for %d instances failed (%s): one by one now", len(groups), error)
                apart = [*together, *apart]
            else:
                self._failed(together, error)
        for group in _by_instance(apart):
            try:
                await self._write(group)
            except StoreError as error:
                self._failed(group, error)
            else:
                self._suspects.discard(group[0].instance_id)

    async def _write(self, items: Sequence[CommitItem]) -> None:
        operations = [operation for item in items for operation in item.operations]
        if operations:
            await self._thread.run(self._alone(lambda: self._commit(operations)))
        for item in items:
            item.committed()

    def _committed_at_once(self, operations: Sequence[Operation]) -> bool:
        """Write here and now if that takes no time; tell whether it was done. Raises StoreError."""
        if not self._store.is_quick or not _is_small(operations) or not self._use.acquire(blocking=False):
            return False
        try:
            self._commit(operations)
        finally:
            self._use.release()
        return True

    def _commit(self, operations: Sequence[Operation]) -> None:
        try:
            self._store.commit(operations)
        except StoreError:
            raise
        except Exception as error:
            _log.exception("the store raised something else than a StoreError")
            raise StoreError(f"the store failed: {type(error).__name__}: {error}") from error

    def _failed(self, items: Sequence[CommitItem], error: StoreError) -> None:
        for item in items:
            if item.instance_id is not None:
                self._suspects.add(item.instance_id)
            item.failed(error)


def _nothing() -> None:
    pass


def _is_small(operations: Sequence[Operation]) -> bool:
    """Whether preparing a commit takes no longer than the loop may be kept from everything else: some 5 ms."""
    if len(operations) > _SMALL:
        return False
    events = sum(len(each.events) for each in operations if isinstance(each, AppendHistory))
    return events <= _SMALL


def _by_instance(items: Sequence[CommitItem]) -> list[list[CommitItem]]:
    groups: dict[object, list[CommitItem]] = {}
    for item in items:
        groups.setdefault(item.instance_id if item.instance_id is not None else id(item), []).append(item)
    return list(groups.values())
