"""How a run may go back, as its card asks for it: on the thread for looks, where plans run workflow code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

import msgspec

from nbflow.core import history as h
from nbflow.core.going_back import Answer, cut_behind, nearest_changeable, recorded, subject, what_follows
from nbflow.errors import GoingBackError
from nbflow.ports import InstanceFilter
from nbflow.runtime.going_back import GoingBack
from nbflow.widgets.source import ForkOffer, RewindOffer

if TYPE_CHECKING:
    from nbflow.runtime.runtime import WorkflowRuntime

_MOST_PEERS: Final = 50


class WaysBack:
    """Forks and rewinds of one run.

    Args:
        runtime: The runtime, which is open.
        instance_id: The run.
    """

    def __init__(self, runtime: WorkflowRuntime, instance_id: str) -> None:
        self._runtime = runtime
        self._instance_id = instance_id

    def fork(self, seq: int, value: str | None, instance_id: str) -> Future[str]:
        """Fork the run; see `CardSource.fork`."""
        other: Any = msgspec.UNSET if value is None else msgspec.Raw(value.encode())

        def fork() -> str:
            self._planner().fork(self._instance_id, seq, other, instance_id, newest=False, origin=None)
            return f"{instance_id} has begun"

        return self._aside(fork)

    def rewind(self) -> Future[str]:
        """Rewind the run; the future gives a sentence."""

        def rewind() -> str:
            cut = self._planner().rewind(self._instance_id, None)
            return f"{self._instance_id} is taken back to event {cut.seq}: {what_follows(cut)}"

        return self._aside(rewind)

    def fork_offer(self, seq: int) -> ForkOffer:
        """What a fork at an event would be; see `CardSource.fork_offer`."""
        runtime, run = self._runtime, self._instance_id
        runtime.call(runtime.requests.check_rows(run))
        record, history = runtime.client.snapshot(run)
        if runtime.registry.running(record.name, record.definition or None) is None:
            raise GoingBackError(
                f"the version of {record.name} that {run} goes by isn't here: run the cell that defines it, then fork"
            )
        cut = cut_behind(history, seq)
        planner, event = self._planner(), history[seq - 1]
        offer = ForkOffer(
            instance_id=planner.free_id(run), shared=cut.seq, nearest=nearest_changeable(history, seq)
        )
        if not isinstance(event, Answer):
            return offer
        return msgspec.structs.replace(
            offer,
            subject=subject(event, history),
            value=recorded(event),
            schema=_declared(event.name, history, seq)
            if isinstance(event, h.EventRaised)
            else planner.codec_of(event, history)[0].schema(),
        )

    def rewind_offer(self) -> RewindOffer:
        """Where a rewind would go; see `CardSource.rewind_offer`."""
        cut = self._planner().rewinds_to(self._instance_id)
        return RewindOffer(seq=cut.seq, follows=what_follows(cut))

    def peers(self) -> Sequence[str]:
        """Runs to compare with: where it comes from, what was forked from it, others of the workflow."""
        client, run = self._runtime.client, self._instance_id
        record, _ = client.snapshot(run)
        where = InstanceFilter(name=record.name)
        rows = self._runtime.read(
            lambda store: store.list_instances(where, after=None, limit=_MOST_PEERS, newest_first=True)
        )
        origins = [] if record.origin is None else [record.origin.instance_id]
        forks = [row.instance_id for row in rows if row.origin is not None and row.origin.instance_id == run]
        names = dict.fromkeys([*origins, *forks, *(row.instance_id for row in rows)])
        return [name for name in names if name != run]

    def _planner(self) -> GoingBack:
        return GoingBack(self._runtime, is_aside=True)

    def _aside(self, act: Callable[[], str]) -> Future[str]:
        done: Future[str] = Future()

        def do() -> None:
            try:
                done.set_result(act())
            except BaseException as error:
                done.set_exception(error)

        self._runtime.aside.do(do)
        return done


def _declared(name: str, history: Sequence[h.HistoryEvent], seq: int) -> str | None:
    """The schema of the payload of an event: of the last wait for it by then, or else of the one that came later."""
    waits = [
        event
        for event in history
        if isinstance(event, h.EventWaitCreated) and event.name.casefold() == name.casefold()
    ]
    before = [wait for wait in waits if wait.seq < seq]
    found = before[-1:] or waits[:1]
    return found[0].schema if found else None
