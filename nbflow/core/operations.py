"""What a commit consists of: the closed union of store operations.

A commit is a sequence of operations and is all or nothing. The store gives each
operation a global sequence number (``lsn``), so that a store in memory, one in
DuckDB and a journal in front of it can mean the same by a batch.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from nbflow.core.history import HistoryEvent, InputEvent
from nbflow.core.state import InstanceRecord


class InboxRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A durable message for an instance; leaves when a turn consumes it.

    Attributes:
        row_id: Given by the engine, rising: the order of delivery.
        instance_id: Whom it is for.
        execution_id: The execution it is for; None for messages to the instance, whichever execution it runs.
        event: The message.
        due: When it may be delivered; a waiting timer is a `TimerFired` that is not due yet. None: at once.
    """

    row_id: int
    instance_id: str
    event: InputEvent
    execution_id: str | None = None
    due: datetime | None = None


class DefinitionRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A version of a workflow's or activity's code, kept with the history.

    Attributes:
        kind: Workflow or activity.
        name: The registered name.
        code_hash: Hash of what the code means: comments and layout don't count.
        source: The text as its author wrote it, empty if it can't be had.
        source_hash: Hash of that text.
        parameters: The signature as text, such as ``(order: Order) -> str``.
        created_at: When this version was first registered.
        pin: The code with all that it uses, as JSON text; empty if some of that can't be kept.
    """

    kind: Literal["workflow", "activity"]
    name: str
    code_hash: str
    source: str
    source_hash: str
    parameters: str
    created_at: datetime
    pin: str = ""


class AppendHistory(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Append events to an execution's history; their ``seq`` follow on what is there."""

    instance_id: str
    execution_id: str
    events: tuple[HistoryEvent, ...]


class PutInbox(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Add a message."""

    row: InboxRow


class DeleteInbox(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Remove messages; a row that isn't there is no error."""

    row_ids: tuple[int, ...]


class DeleteTimers(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Remove the waiting `TimerFired` messages of these timers."""

    execution_id: str
    timer_ids: tuple[int, ...]


class CloseExecution(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Remove every message that is addressed to an execution: it has ended."""

    instance_id: str
    execution_id: str


class PutInstance(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Insert or replace an instance's row. A new ``execution_id`` there begins a new history.

    ``is_new`` says that the ID was made up just now: nobody can have it, and no store need look.
    """

    record: InstanceRecord
    is_new: bool = False


class PurgeInstance(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Erase an instance: its row, its inbox, and the histories of all its executions."""

    instance_id: str


class PutDefinition(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Keep a version of some code.

    The same (kind, name, code_hash, source_hash) again changes nothing, unless a store that seals its rows finds that
    the one it has isn't its owner's: then this one takes its place.
    """

    record: DefinitionRecord


class DropDefinition(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Forget a version of some code, whatever texts it has; one that isn't there is no error."""

    kind: Literal["workflow", "activity"]
    name: str
    code_hash: str


Operation: TypeAlias = (
    AppendHistory
    | PutInbox
    | DeleteInbox
    | DeleteTimers
    | CloseExecution
    | PutInstance
    | PurgeInstance
    | PutDefinition
    | DropDefinition
)
