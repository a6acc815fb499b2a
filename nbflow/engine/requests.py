"""What a client may ask of the engine: each request returns once it is durable."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import Context
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from nbflow.core import history as h
from nbflow.core.operations import DefinitionRecord, InboxRow, PurgeInstance, PutDefinition, PutInstance
from nbflow.core.state import InstanceRecord, RuntimeStatus, StallReason
from nbflow.definitions import Definition, WorkflowDefinition
from nbflow.engine.commits import CommitItem
from nbflow.engine.engine import Engine
from nbflow.engine.mailbox import Message
from nbflow.errors import (
    InstanceExistsError,
    InstanceNotFoundError,
    InstanceStateError,
    InvalidInstanceIdError,
    StoreError,
)
from nbflow.ports import InstanceFilter

_log: Final = logging.getLogger("nbflow.engine")
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
_RECOVERABLE: Final = (StallReason.CODE_MISSING, StallReason.DIVERGED)


@dataclass(frozen=True, kw_only=True)
class StartRequest:
    """A run to start.

    Attributes:
        definition: The workflow.
        instance_id: The run's ID.
        execution_id: The execution's ID.
        input: JSON text.
        start_at: Not before this time; None: now.
        interpreter: What the history is recorded under.
        origin: The context of the caller, so that prints come back to its cell.
    """

    definition: WorkflowDefinition[..., object]
    instance_id: str
    execution_id: str
    input: str
    start_at: datetime | None
    interpreter: h.Interpreter
    origin: Context | None


class Requests:
    """The requests of clients, carried out on the engine's loop.

    Args:
        engine: The engine.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: set[tuple[str, str, str, str]] = set()

    async def register(self, definitions: list[Definition]) -> list[Definition]:
        """Make code known, and have what waited for it go on; returns what is new or changed."""
        engine = self._engine
        engine.check_open()
        news = [definition for definition in definitions if engine.registry.add(definition)]
        for definition in definitions:
            version = (definition.kind, definition.name, definition.code_hash, definition.source_hash)
            if version in self._kept:
                continue
            self._kept.add(version)
            put = PutDefinition(record=_stored(definition, engine.clock.now()))
            name = definition.name
            engine.add(CommitItem(None, [put], _nothing, lambda error, name=name: _unwritten(name, error)))
        if definitions:
            engine.activities.code_arrived()
            await self.retry_stalled()
        return news

    async def retry_stalled(self) -> None:
        """Try again every stalled run whose code may be there now."""
        engine = self._engine
        where = InstanceFilter(statuses=(RuntimeStatus.STALLED,))
        for record in await engine.committer.read(lambda store: store.list_instances(where)):
            recoverable = record.stall is not None and record.stall.reason in _RECOVERABLE
            missing = engine.turns.missing_workflow(record)
            if recoverable and missing is None and not engine.activities.missing_for(record.instance_id):
                engine.retry(record.instance_id)
            elif missing is not None and record.stall is not None and missing.message != record.stall.message:
                engine.put_record(msgspec.structs.replace(record, stall=missing))

    async def start(self, request: StartRequest) -> None:
        """Start a run.

        Raises:
            InvalidInstanceIdError: The ID has other characters, or too many.
            InstanceExistsError: The ID belongs to an active run.
            StoreError: It could not be written.
        """
        engine = self._engine
        engine.check_open()
        instance_id = request.instance_id
        check_instance_id(instance_id)
        if instance_id not in engine.records:
            stored = await engine.committer.read(lambda store: store.get_instance(instance_id))
        else:
            stored = None
        present = engine.records.get(instance_id, stored)
        if present is not None and not present.status.is_terminal:
            raise InstanceExistsError(
                f"{instance_id} exists and is {present.status}: `%wf show {instance_id}`, or choose another --id"
            )
        now = engine.clock.now()
        record = InstanceRecord(
            instance_id=instance_id,
            name=request.definition.name,
            execution_id=request.execution_id,
            status=RuntimeStatus.PENDING,
            created_at=now,
            last_updated_at=now,
            input=request.input,
            definition=request.definition.code_hash,
            start_at=request.start_at,
        )
        event = h.ExecutionStarted(
            at=now,
            name=record.name,
            execution_id=record.execution_id,
            input=record.input,
            definition=record.definition,
            interpreter=request.interpreter,
        )
        await self._begin(record, event, request)

    async def _begin(self, record: InstanceRecord, event: h.ExecutionStarted, request: StartRequest) -> None:
        engine = self._engine
        engine.records[record.instance_id] = record
        if request.origin is not None:
            engine.origins[record.instance_id] = request.origin

        def failed(_error: StoreError) -> None:
            engine.records.pop(record.instance_id, None)
            engine.origins.pop(record.instance_id, None)

        engine.turns.evict([record.instance_id])
        engine.mailbox(record.instance_id).is_new = True
        engine.add(CommitItem(record.instance_id, [PutInstance(record=record)], _nothing, failed))
        await self._post(record.instance_id, event, execution_id=record.execution_id, due=request.start_at)

    async def raise_event(self, instance_id: str, name: str, payload: str) -> None:
        """Raise an event; returns once it is durable.

        Raises:
            InstanceNotFoundError: There is no such run.
            EventRejectedError: The payload doesn't fit the wait that took it.
        """
        record = await self.active(instance_id)
        if record is None:
            _log.warning("event %r for %s was dropped: the run has ended", name, instance_id)
            return
        await self._post(instance_id, h.EventRaised(at=self._engine.clock.now(), name=name, payload=payload))

    async def terminate(self, instance_id: str, output: str, recursive: bool) -> None:
        """End a run; returns once that is durable. A run that has ended stays as it is."""
        if await self.active(instance_id) is not None:
            now = self._engine.clock.now()
            await self._post(instance_id, h.ExecutionTerminated(at=now, output=output, recursive=recursive))

    async def suspend(self, instance_id: str, reason: str) -> None:
        """Pause a run: what arrives is kept, and nothing advances."""
        record = await self.active(instance_id)
        if record is None:
            raise InstanceStateError(f"{instance_id} has ended: there is nothing to suspend")
        await self._post(instance_id, h.ExecutionSuspended(at=self._engine.clock.now(), reason=reason))

    async def resume(self, instance_id: str, reason: str) -> None:
        """Let a paused run go on; let a stalled one go on with the present code, if that fits."""
        engine = self._engine
        record = await self.active(instance_id)
        if record is None:
            raise InstanceStateError(f"{instance_id} has ended: there is nothing to resume")
        if record.status is RuntimeStatus.SUSPENDED:
            await self._post(instance_id, h.ExecutionResumed(at=engine.clock.now(), reason=reason))
        elif record.status is RuntimeStatus.STALLED:
            newest = engine.registry.workflow(record.name)
            if newest is not None:
                engine.records[instance_id] = msgspec.structs.replace(record, definition=newest.code_hash)
            engine.turns.evict([instance_id])
            engine.retry(instance_id)

    async def purge(self, instance_id: str) -> None:
        """Erase a run that has ended.

        Raises:
            InstanceNotFoundError: There is no such run.
            InstanceStateError: It has not ended.
        """
        record = await self.record(instance_id)
        if not record.status.is_terminal:
            raise InstanceStateError(
                f"{instance_id} is {record.status}, and only runs that have ended can be purged: "
                f"`%wf terminate {instance_id}` first"
            )
        self._engine.records.pop(instance_id, None)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        operations = [PurgeInstance(instance_id=instance_id)]
        self._engine.add(CommitItem(instance_id, operations, lambda: _finish(done), lambda e: _finish(done, e)))
        await done

    async def record(self, instance_id: str) -> InstanceRecord:
        """The row of an instance; raises InstanceNotFoundError."""
        engine = self._engine
        engine.check_open()
        record = engine.records.get(instance_id)
        if record is None:
            record = await engine.committer.read(lambda store: store.get_instance(instance_id))
        if record is None:
            raise InstanceNotFoundError(f"there is no run {instance_id!r}: `%wf ps` lists them")
        return record

    async def active(self, instance_id: str) -> InstanceRecord | None:
        """The row of a run that has not ended, or None; raises InstanceNotFoundError."""
        record = await self.record(instance_id)
        if record.status.is_terminal:
            return None
        self._engine.records.setdefault(instance_id, record)
        return record

    async def watch(
        self, instance_id: str, condition: Callable[[InstanceRecord], bool], future: Future[InstanceRecord]
    ) -> None:
        """Complete a future once the run's row meets a condition, at once if it does now."""
        record = await self.record(instance_id)
        self._engine.watchers.wait(instance_id, condition, future)
        if condition(record) and not future.done():
            future.set_result(record)

    async def _post(
        self, instance_id: str, event: h.InputEvent, *, execution_id: str | None = None, due: datetime | None = None
    ) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        row = InboxRow(
            row_id=self._engine.next_row_id(),
            instance_id=instance_id,
            execution_id=execution_id,
            due=due,
            event=event,
        )
        self._engine.post(Message(row=row, must_keep=True, settle=lambda error: _finish(done, error)))
        await done


def check_instance_id(instance_id: str) -> None:
    """Refuse an ID that a caller may not give (S59).

    Raises:
        InvalidInstanceIdError: It has other characters than letters, digits, ``_`` and ``-``.
    """
    if not _ID.fullmatch(instance_id):
        raise InvalidInstanceIdError(
            f"{instance_id[:80]!r} can't be an instance ID: 1 to 256 letters, digits, _ and - (such as order-42)"
        )


def _stored(definition: Definition, now: datetime) -> DefinitionRecord:
    return DefinitionRecord(
        kind=definition.kind,
        name=definition.name,
        code_hash=definition.code_hash,
        source=definition.source,
        source_hash=definition.source_hash,
        parameters=definition.parameters,
        created_at=now,
    )


def _finish(done: asyncio.Future[None], error: Exception | None = None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)


def _nothing() -> None:
    pass


def _unwritten(name: str, error: StoreError) -> None:
    _log.warning("the source of %s could not be kept: %s", name, error)
