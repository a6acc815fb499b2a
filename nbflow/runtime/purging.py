"""Erasing runs that have ended, one or very many, and giving back the room that they took."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from nbflow.core.state import TERMINAL, InstanceRecord
from nbflow.errors import InstanceStateError, StoreError
from nbflow.ports import Compacted, HistoryStore, InstanceFilter
from nbflow.runtime.starts import utc
from nbflow.runtime.state import Statuses, statuses_of

if TYPE_CHECKING:
    from nbflow.runtime.runtime import WorkflowRuntime

AT_ONCE: Final = 500
"""Runs that go with one commit: others that wait for the store are held up for some 20 ms."""

QUICK: Final = 32 * 2**20
"""Bytes of a history that are written anew without being asked for: less than a second."""

_log: Final = logging.getLogger("nbflow.runtime")

Tell: TypeAlias = Callable[[int, int], object]
"""Is told how many of how many runs are done."""


class Purging:
    """What a client erases.

    Args:
        runtime: The runtime whose client it is.
    """

    def __init__(self, runtime: WorkflowRuntime) -> None:
        self._runtime = runtime

    def purge_workflow(self, instance_id: str, *, recursive: bool = True) -> int:
        """Erase a run that has ended, with its history; gives how many runs were erased.

        Args:
            instance_id: The run.
            recursive: Whether its children are erased too, and theirs.

        Raises:
            InstanceNotFoundError: There is no such run.
            InstanceStateError: It has not ended, or a descendant has not.
        """
        return self._runtime.call(self._runtime.requests.purge(instance_id, recursive))

    def purge_workflows_by(
        self,
        *,
        status: Statuses = None,
        name: str | None = None,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        recursive: bool = True,
        tell: Tell | None = None,
    ) -> int:
        """Erase the runs that have ended and pass a filter, with their histories; gives how many.

        One with a descendant that has not ended stays. Some hundred go with each commit, and other runs go on
        in between. What an interrupt leaves is whole. The file gets smaller afterwards, if that is quick;
        see `compact`.

        Args:
            status: Only those with this status, or one of these: COMPLETED, FAILED, TERMINATED.
            name: Only those of this workflow.
            created_from: Not those that were started before; naive times are UTC.
            created_to: Only those that were started before.
            recursive: Whether their children are erased too, and theirs.
            tell: Is told how many of how many of them are looked at, after each commit.

        Raises:
            InstanceStateError: The filter names a status that is none of an ended run.
        """
        statuses = statuses_of(status) or tuple(TERMINAL)
        active = [each for each in statuses if not each.is_terminal]
        if active:
            raise InstanceStateError(f"runs that are {active[0]} can't be purged: only those that have ended")
        where = InstanceFilter(
            statuses=statuses, name=name, created_from=utc(created_from), created_to=utc(created_to)
        )
        of = sum(self._runtime.read(lambda store: store.count_by_status(where)).values())
        kept: dict[str, str] = {}
        count = 0
        after: str | None = None
        while page := self._page(where, after):
            wanted = [record.instance_id for record in page if record.instance_id not in kept]
            if wanted:
                purged = self._runtime.call(self._runtime.requests.purge_many(wanted, recursive))
                count += len(purged.gone)
                kept.update(purged.kept)
            staying = [record.instance_id for record in page if record.instance_id in kept]
            after = staying[-1] if staying else after
            if tell is not None:
                tell(min(count + len(kept), of), of)
        for instance_id, why in kept.items():
            _log.info("%s is not purged: %s", instance_id, why)
        if count:
            try:
                self.compact(most=QUICK)
            except StoreError as error:
                _log.warning("the file did not get smaller: %s", error)  # a query is on, or the disk is full
        return count

    def _page(self, where: InstanceFilter, after: str | None) -> list[InstanceRecord]:
        """The next runs to erase, behind the last one that stays."""

        def read(store: HistoryStore) -> list[InstanceRecord]:
            try:
                return store.list_instances(where, after=after, limit=AT_ONCE)
            except StoreError:
                if after is None:
                    raise
                return store.list_instances(where, limit=AT_ONCE)  # that one is gone by now: from the top

        return self._runtime.read(read)

    def compact(self, *, most: int | None = None) -> Compacted | None:
        """Write the history's file anew without the room that nothing needs; None if it is in no file.

        Other runs wait as long as that takes: some 20 s for a GB of history that stays. Who is killed meanwhile
        loses nothing.

        Args:
            most: Bytes of history that may be written anew for that: if more would stay, or less than half of the
                file is spare, it is left as it is.

        Raises:
            UntrustedError: The history is not trusted, and may only be looked at.
            StoreError: The file can't be written, or is being read; what it holds is as it was.
        """
        self._runtime.requests.check()

        def compact(store: HistoryStore) -> Compacted | None:
            compacting: Any = getattr(store, "compact", None)
            return None if compacting is None else compacting(most=most)

        return self._runtime.read(compact)
