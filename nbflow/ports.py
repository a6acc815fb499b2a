"""The edges of nbflow: what a store, an executor and a clock must do.

Each adapter lives behind one of these protocols and passes the conformance
suite of that port. The comments name the errors, so that an adapter's author
needs nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

import msgspec

from nbflow.core.context import WorkflowActivityContext
from nbflow.core.history import HistoryEvent, TaskScheduled
from nbflow.core.operations import DefinitionRecord, InboxRow, Operation
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.core.trust import Finding
from nbflow.errors import FailureDetails


class InstanceFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which instances to list; a field that is None or empty does not restrict.

    Attributes:
        statuses: Any of these.
        name: Workflow name, exactly.
        id_prefix: Beginning of the instance ID.
        created_from: Inclusive.
        created_to: Exclusive.
        parents: Children of any of these instances.
    """

    statuses: tuple[RuntimeStatus, ...] = ()
    name: str | None = None
    id_prefix: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    parents: tuple[str, ...] = ()


class PendingTask(msgspec.Struct, frozen=True, kw_only=True):
    """An activity attempt whose result is not in history yet."""

    instance_id: str
    execution_id: str
    event: TaskScheduled


class HistoryStore(Protocol):
    """Durable histories, inboxes, instances and definitions of one owner process.

    Every method is called from one thread at a time, whichever that is: the
    caller sees to that. Every error is a `StoreError`.
    """

    def open(self) -> None:
        """Open, create or migrate the store.

        Raises:
            StoreLockedError: Another process has it open; names the PID where it is known.
            StoreFormatError: There is something at that place that is no nbflow store.
            StoreVersionError: It was written by a newer nbflow.
            StoreUnavailableError: The place can't be read or written.
        """
        ...

    def close(self) -> None:
        """Let go of the store; closing twice is no error."""
        ...

    @property
    def store_id(self) -> str:
        """A UUID, made when the store was created."""
        ...

    @property
    def is_quick(self) -> bool:
        """Whether a commit takes so little time that the engine's loop may wait for it; may change at any time."""
        ...

    def commit(self, operations: Sequence[Operation]) -> int:
        """Carry out all operations or none, durably, and return the ``lsn`` of the last one.

        The ``lsn`` counts operations and rises by one for each, also over a reopening.
        When this returns, a power cut can't lose the batch. When it raises, nothing of it
        happened, and the store can be used on.

        Raises:
            StoreError: Nothing was written. Bugs of the caller are such errors: an `AppendHistory` whose
                first ``seq`` doesn't follow on the last one of that execution, or whose instance has no row
                at that point of the sequence; a `PutInbox` with a ``row_id`` that is taken.
        """
        ...

    def next_row_id(self) -> int:
        """A number above every ``row_id`` that the inbox holds now; asked once, after `open`."""
        ...

    def get_instance(self, instance_id: str) -> InstanceRecord | None:
        """The instance's row, or None."""
        ...

    def get_instances(self, instance_ids: Sequence[str]) -> dict[str, InstanceRecord]:
        """The rows of several instances by ID; unknown IDs are left out."""
        ...

    def list_instances(
        self,
        where: InstanceFilter,
        *,
        after: str | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[InstanceRecord]:
        """Instances that pass the filter, by (``created_at``, ``instance_id``).

        Args:
            where: The filter.
            after: The last ID of the page before.
            limit: How many at the most.
            newest_first: Whether to list them backwards; ``after`` is the last ID of the page before then, too.

        Raises:
            StoreError: The instance ``after`` isn't there any more.
        """
        ...

    def count_by_status(self, where: InstanceFilter | None = None) -> dict[RuntimeStatus, int]:
        """How many instances that pass the filter have each status; statuses that nobody has are left out."""
        ...

    def read_history(
        self, instance_id: str, execution_id: str | None = None, *, checked: bool = False
    ) -> list[HistoryEvent]:
        """An execution's events in order; without ``execution_id`` those of the present execution.

        Args:
            instance_id: The instance.
            execution_id: The execution.
            checked: Whether somebody acts upon them. Whoever only looks takes them as they are.

        Raises:
            UntrustedError: They are to be acted upon, and their owner did not write them so.
            UnknownHistoryKindError: A row was written by a newer nbflow.
        """
        ...

    def read_histories(
        self, instance_ids: Sequence[str], *, checked: bool = False
    ) -> dict[str, list[HistoryEvent]]:
        """The histories of the present executions of several instances, by ID; unknown IDs are left out.

        Raises:
            UntrustedError: They are to be acted upon (``checked``), and their owner did not write all of them so.
            UnknownHistoryKindError: A row was written by a newer nbflow.
        """
        ...

    def list_executions(self, instance_id: str) -> list[str]:
        """The instance's executions that have a history, oldest first."""
        ...

    def read_inbox(self, instance_id: str | None = None) -> list[InboxRow]:
        """Messages that can be delivered at once (``due`` is None), of one or all instances, by ``row_id``."""
        ...

    def read_due(
        self, until: datetime, *, after: tuple[datetime, int] | None = None, limit: int = 1000
    ) -> list[InboxRow]:
        """Messages with ``due`` at or before ``until``, in the order (``due``, ``row_id``), behind ``after``."""
        ...

    def next_due(self, after: tuple[datetime, int] | None = None) -> datetime | None:
        """The earliest ``due`` behind ``after``, or None."""
        ...

    def pending_tasks(self) -> list[PendingTask]:
        """Every `TaskScheduled` without a result or cancellation, in history order per instance.

        Only of the present executions of instances that are not COMPLETED, FAILED or TERMINATED.
        """
        ...

    def list_definitions(self, name: str | None = None) -> list[DefinitionRecord]:
        """Stored versions of code, oldest first."""
        ...

    def audit(
        self, *, limit: int = 20, thorough: bool = False, instance_id: str | None = None
    ) -> list[Finding]:
        """Rows that the owner did not write: all code, and the first of the others.

        A store that nobody else can write to, or that seals nothing, finds none.

        Args:
            limit: How many at the most, beside code.
            thorough: Whether to look at every row. If not, at what is acted upon without another look once
                the store is opened: code, inbox, instances that have not ended, pending tasks.
            instance_id: Only, and then thoroughly, at the rows of this instance.
        """
        ...

    def seal_anew(self) -> int:
        """Take every row for the owner's, durably; gives how many were not before."""
        ...


class Compacted(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a store's file that was to be made smaller, in bytes.

    A store whose room can be given back has a ``compact(*, most: int | None)`` beside the port, which gives this.

    Attributes:
        before: The file before.
        after: The file now.
        spare: What of it nothing needs, and new history will be written into.
    """

    before: int
    after: int
    spare: int


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """The present time, aware UTC."""
        ...

    async def wait_until(self, when: datetime) -> None:
        """Return once `now` is at or past ``when``, or earlier: the caller looks again."""
        ...


class Invocation(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of an activity, as an executor gets it.

    Attributes:
        name: The activity's name.
        input: Its recorded input: JSON text.
        info: What the activity may know of the call.
        context: The context variables to run in: they lead prints to the history and to the right cell.
        call: Runs a ``def`` and returns its result as JSON text; None for an ``async def``.
        call_async: Runs an ``async def`` likewise; None for a ``def``.
    """

    name: str
    input: str
    info: WorkflowActivityContext
    context: Context
    call: Callable[[], str] | None = None
    call_async: Callable[[], Coroutine[Any, Any, str]] | None = None


class InvocationOutcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of an attempt: a result (JSON text) or a failure, and who ran it.

    ``seconds`` is how long the call took, without any waiting before and behind it; None: nobody has measured.
    """

    worker: str
    result: str | None = None
    failure: FailureDetails | None = None
    seconds: float | None = None


class ActivityExecutor(Protocol):
    """Runs activity attempts; never raises for what an activity raises."""

    async def run(self, invocation: Invocation) -> InvocationOutcome:
        """Run one attempt to its end. Called on the engine's loop; must not block it."""
        ...

    async def close(self) -> None:
        """Let go of workers; attempts that still run are abandoned."""
        ...


@runtime_checkable
class DirectExecutor(ActivityExecutor, Protocol):
    """An executor that needs no task for an attempt of a ``def``: many of them cost it little."""

    def start(self, invocation: Invocation, done: Callable[[InvocationOutcome], None]) -> None:
        """Run one attempt of a ``def``; ``done`` gets its outcome, once, on any thread.

        Called on the engine's loop; must not block it. Once `close` was called, ``done`` need not be.
        """
        ...

    def call(self, invocation: Invocation) -> InvocationOutcome:
        """Run one attempt of a ``def`` here and now; on any thread but the engine's."""
        ...
