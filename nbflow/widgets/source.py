"""The port behind a card: one run, wherever it runs.

The runtime implements it for its own engine; a client of another engine can do
the same, and its runs get the same card.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextvars import Context
from datetime import datetime
from typing import Any, Protocol, TypeAlias

import msgspec

from nbflow.core.history import HistoryEvent
from nbflow.core.state import InstanceRecord
from nbflow.definitions import WorkflowDefinition


class ForkOffer(msgspec.Struct, frozen=True, kw_only=True):
    """What a fork at an event would be.

    Attributes:
        instance_id: An ID for it that nobody has.
        shared: The last event that it would share, if nothing is changed.
        subject: What could be changed there, such as ``the result of charge``; empty: nothing.
        value: That as it is recorded, as JSON text; None if it was a failure.
        schema: Its JSON schema, if it is known.
        nearest: The event closest to this one at which something could be changed; None if there is none.
    """

    instance_id: str
    shared: int
    subject: str = ""
    value: str | None = None
    schema: str | None = None
    nearest: int | None = None


class RewindOffer(msgspec.Struct, frozen=True, kw_only=True):
    """Where a rewind would take a run back to.

    Attributes:
        seq: The last event that it would keep.
        follows: What happens then, in words.
    """

    seq: int
    follows: str


Commit: TypeAlias = Callable[[InstanceRecord, Sequence[HistoryEvent]], None]


class CardSource(Protocol):
    """A run as a card sees it.

    The engine's thread is the one that `subscribe` and `call_later` call back on; there is
    one, and it must not be kept waiting. The other methods may be called from any thread.
    """

    def snapshot(self) -> tuple[InstanceRecord, Sequence[HistoryEvent]]:
        """The run as the last commit left it: its record and the history of its present execution.

        May wait for the store; never called on the engine's thread.

        Raises:
            InstanceNotFoundError: The run was purged.
            StoreError: It can't be read.
        """
        ...

    def subscribe(self, callback: Commit) -> Callable[[], None]:
        """Call back after each commit that concerns the run, until the function returned is called.

        The callback gets the new record and the events that were appended to the history of the execution
        it names, numbered by ``seq``; none, if only the record changed (a stall). A new ``execution_id``
        begins a new history. It comes on the engine's thread, in the order of the commits, and a commit
        that `snapshot` doesn't hold yet comes after it. Calling the function returned twice, on
        whichever thread, or after the runtime was closed, is no error.
        """
        ...

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back once on the engine's thread; only called on that thread. Never, if the runtime closes."""
        ...

    def raise_event(self, name: str, payload_json: str) -> Future[None]:
        """Raise an external event; the future is done once it is durable.

        Its exception is an `EventRejectedError` (the payload doesn't fit the wait), or another
        `NbflowError`, such as `RuntimeClosedError` or `InstanceStateError`. Never waits.
        """
        ...

    def command(self, name: str) -> Future[str]:
        """Suspend, resume, terminate, purge, restart or rewind the run, as ``name`` says.

        The future gives a sentence once that is durable; its exception is an `NbflowError`, such as
        `InstanceStateError`. Never waits. Only what `capabilities` lists may be asked for.
        """
        ...

    def peers(self) -> Sequence[str]:
        """IDs of runs that this one may well be compared with, the likeliest first. May wait for the store."""
        ...

    @property
    def capabilities(self) -> frozenset[str]:
        """What can be done here: ``raise``, ``replay``, ``graph``, and the names of commands."""
        ...

    def fork(self, seq: int, value: str | None, instance_id: str) -> Future[str]:
        """Start a new run that shares this one's history up to an event.

        The future gives a sentence once that is durable; its exception is an `NbflowError`: an `ArgumentError` of
        the new ID, a `PayloadError` of the value. Never waits.

        Args:
            seq: The event.
            value: JSON text that the event brings there instead; None: what it brought.
            instance_id: The new run's ID.
        """
        ...

    def fork_offer(self, seq: int) -> ForkOffer:
        """What a fork at an event would be. May wait for the store.

        Raises:
            NbflowError: The run can't be forked there; says why.
        """
        ...

    def rewind_offer(self) -> RewindOffer:
        """Where `command` would rewind the run to. May run workflow code, without any effect.

        Raises:
            NbflowError: The run can't be rewound; says why.
        """
        ...

    def definition(self) -> WorkflowDefinition[Any, Any] | None:
        """The code that the run's present execution goes by, or that it was stalled with; None if it isn't there.

        May wait for the store.
        """
        ...

    def kind_of(self, name: str) -> str | None:
        """What a name stands for in workflow code: an ``activity``, a ``workflow``; None if neither."""
        ...

    def quiet_context(self) -> Context:
        """Context variables under which what workflow code prints is dropped: for looking at a replay.

        Raises:
            LookNotPossible: No code may run on the run's history, since its owner did not write it.
        """
        ...

    def other(self, instance_id: str) -> CardSource:
        """Another run of the same engine, which need not exist."""
        ...

    def aside(self, look: Callable[[], object]) -> None:
        """Do something that may take its time, on a thread for that, behind what was given before.

        Raises:
            RuntimeClosedError: There is nobody to do it.
        """
        ...

    @property
    def opened_at(self) -> datetime:
        """When this engine took the run's history up: what had ended before was not done by it."""
        ...

    def now(self) -> datetime:
        """The present time of the run's clock, aware UTC."""
        ...

    @property
    def caveat(self) -> str:
        """What is to be known of how the run's history is kept; empty: nothing."""
        ...

    @property
    def stands_still(self) -> bool:
        """Whether that clock shows the same time until somebody moves it."""
        ...
