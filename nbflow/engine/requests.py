"""What a client may ask of the engine: each request returns once it is durable."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from contextvars import Context
from dataclasses import dataclass
from datetime import datetime

from nbflow.core import history as h
from nbflow.core.identity import check_instance_id
from nbflow.core.operations import InboxRow, PurgeInstance, PutInbox, PutInstance
from nbflow.core.outbox import Descendant, Outbox, Outgoing
from nbflow.core.reuse import ReuseIdAction, ReuseIdPolicy
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.definitions import WorkflowDefinition
from nbflow.engine.commits import CommitItem
from nbflow.engine.engine import Engine
from nbflow.engine.family import descendants, nearest_alive
from nbflow.engine.instance import EndedMeanwhileError, Instance, Message, Settle
from nbflow.engine.watchers import Condition
from nbflow.errors import (
    InstanceExistsError,
    InstanceNotFoundError,
    InstanceStateError,
    StoreError,
    WorkflowStalledError,
)


@dataclass(frozen=True, kw_only=True)
class StartRequest:
    """A run to start.

    Attributes:
        definition: The workflow.
        instance_id: The run's ID.
        is_fresh: Whether the ID was made up just now, so that nobody can have it.
        execution_id: The execution's ID.
        input: JSON text.
        start_at: Not before this time; None: now.
        reuse: What to do if the ID is taken; None: as S3 has it.
        origin: The context of the caller, so that prints come back to its cell.
    """

    definition: WorkflowDefinition[..., object]
    instance_id: str
    is_fresh: bool
    execution_id: str
    input: str
    start_at: datetime | None
    reuse: ReuseIdPolicy | None
    origin: Context | None


class Requests:
    """The requests of clients, carried out on the engine's loop.

    Each of them raises RuntimeClosedError once the runtime is closed, and StoreError
    where something can't be read or written.

    Args:
        engine: The engine.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def start(self, request: StartRequest) -> None:
        """Start a run, as far as the policy lets it.

        Raises:
            InvalidInstanceIdError: The ID has other characters, or too many.
            InstanceExistsError: The ID belongs to an active run, and stays with it.
        """
        engine = self._engine
        engine.check_open()
        check_instance_id(request.instance_id)
        if request.is_fresh:
            instance, below = engine.residents.get(request.instance_id), list[Descendant]()
        else:
            instance, below = await self._taken(request)
        present = instance.record
        now = engine.clock.now()
        record = _new_record(request, now)
        if present is not None:
            action = request.reuse.action_for(present.status) if request.reuse else ReuseIdAction.ERROR
            if action is ReuseIdAction.IGNORE:
                await self._written(instance)
                return
            if action is ReuseIdAction.TERMINATE and not present.status.is_terminal:
                try:
                    await self._replace(request, record, now)
                except EndedMeanwhileError:
                    await self.start(request)
                return
            if not present.status.is_terminal:
                raise InstanceExistsError(
                    f"{present.instance_id} exists and is {present.status}: `%wf show {present.instance_id}`, "
                    "or choose another --id"
                )
        engine.delivery.discard(instance)
        outgoing = self._ends(present, below, now) if present is not None else []
        instance.record, instance.is_known, instance.history = record, True, []
        if request.origin is not None:
            engine.origins[record.instance_id] = request.origin
        if request.start_at is not None and request.start_at > now:
            await self._begin_later(instance, record, outgoing)
        else:
            await self._post(record.instance_id, self._started(record, now), birth=record, outgoing=outgoing)

    async def _taken(self, request: StartRequest) -> tuple[Instance, list[Descendant]]:
        """The instance that has the ID, and whom its end would concern too, as far as the policy asks."""
        engine = self._engine
        while True:
            instance = await engine.known(request.instance_id)
            if instance.record is None or instance.record.status.is_terminal:
                engine.delivery.admit(instance)  # a child may have come for the ID before
            present = instance.record
            if (
                present is None
                or not present.status.is_terminal
                or request.reuse is None
                or request.reuse.action_for(present.status) is not ReuseIdAction.TERMINATE
            ):
                return instance, []
            below = await engine.committer.read(lambda store: nearest_alive(store, request.instance_id))
            instance = await engine.known(request.instance_id)
            if instance.record == present:
                return instance, below

    async def _written(self, instance: Instance) -> None:
        """Wait until a run that is about to begin is durable; raises StoreError if it can't be made so."""
        waiting = [*(instance.turn or ()), *instance.messages]
        start = next((message for message in waiting if message.birth is not None), None)
        if start is None or start.settle is None:
            return
        done = self._engine.promise()
        others, ours = start.settle, finishing(done)

        def settle(error: Exception | None) -> None:
            others(error)
            ours(error)

        start.settle = settle
        await done

    async def _replace(self, request: StartRequest, record: InstanceRecord, now: datetime) -> None:
        """End the active run of that ID and begin the new one, in one commit (S6)."""
        engine = self._engine
        start = Message(row=self._start_row(record, self._started(record, now)), birth=record)
        done = engine.promise()
        finish = finishing(done)

        def settle(error: Exception | None) -> None:
            if error is None and request.origin is not None:
                engine.origins[record.instance_id] = request.origin
            finish(error)

        event = h.ExecutionTerminated(at=now)
        row = InboxRow(row_id=engine.next_row_id(), instance_id=record.instance_id, event=event)
        engine.delivery.post(Message(row=row, must_keep=False, settle=settle, replacement=start))
        await done

    def _ends(self, present: InstanceRecord, below: Sequence[Descendant], now: datetime) -> list[Outgoing]:
        """The end of those below a run that has ended and is replaced."""
        engine = self._engine
        outbox = Outbox(
            present, now=now, next_row_id=engine.next_row_id, interpreter=engine.options.interpreter
        )
        return outbox.terminations(below, h.ExecutionTerminated(at=now))

    def _started(self, record: InstanceRecord, now: datetime) -> h.ExecutionStarted:
        return h.ExecutionStarted(
            at=now,
            name=record.name,
            execution_id=record.execution_id,
            input=record.input,
            definition=record.definition,
            interpreter=self._engine.options.interpreter,
        )

    def _start_row(self, record: InstanceRecord, event: h.ExecutionStarted) -> InboxRow:
        return InboxRow(
            row_id=self._engine.next_row_id(),
            instance_id=record.instance_id,
            execution_id=record.execution_id,
            due=record.start_at if record.start_at and record.start_at > record.created_at else None,
            event=event,
        )

    async def _begin_later(
        self, instance: Instance, record: InstanceRecord, outgoing: Sequence[Outgoing]
    ) -> None:
        engine = self._engine
        done = engine.promise()
        row = self._start_row(record, self._started(record, record.created_at))

        def committed() -> None:
            instance.is_starting = False
            engine.timers.added(row)
            engine.residents.touch(instance)
            engine.delivery.post_outgoing(outgoing)
            finishing(done)(None)

        def failed(error: StoreError) -> None:
            instance.is_starting = False
            engine.unborn(instance)
            engine.residents.touch(instance)
            finishing(done)(error)

        instance.is_starting = True
        operations = [PutInstance(record=record), PutInbox(row=row)]
        operations += [put for message in outgoing for put in message.operations]
        engine.add(CommitItem(record.instance_id, operations, committed, failed))
        await done

    async def raise_event(self, instance_id: str, name: str, payload: str) -> None:
        """Raise an event; returns once it is durable.

        Raises:
            InstanceNotFoundError: There is no such run.
            EventRejectedError: The payload doesn't fit the wait that took it.
        """
        self._engine.check_open()
        now = self._engine.clock.now()
        await self._post(instance_id, h.EventRaised(at=now, name=name, payload=payload))

    async def terminate(self, instance_id: str, output: str, recursive: bool) -> None:
        """End a run; returns once that is durable. A run that has ended stays as it is."""
        self._engine.check_open()
        now = self._engine.clock.now()
        await self._post(instance_id, h.ExecutionTerminated(at=now, output=output, recursive=recursive))

    async def suspend(self, instance_id: str, reason: str) -> None:
        """Pause a run: what arrives is kept, and nothing advances.

        Raises:
            InstanceNotFoundError: There is no such run.
            InstanceStateError: It has ended, or has not begun.
        """
        record = await self.record(instance_id)
        now = self._engine.clock.now()
        if record.status.is_terminal:
            raise InstanceStateError(f"{instance_id} has ended: there is nothing to suspend")
        if record.status is RuntimeStatus.PENDING and record.start_at is not None and record.start_at > now:
            raise InstanceStateError(
                f"{instance_id} has not begun, it starts at {record.start_at:%Y-%m-%d %H:%M:%S}: suspend it "
                f"once it runs, or `%wf terminate {instance_id}`"
            )
        await self._post(instance_id, h.ExecutionSuspended(at=now, reason=reason))

    async def resume(self, instance_id: str, reason: str) -> None:
        """Let a paused run go on; let a stalled one go on with the present code, if that fits.

        Raises:
            InstanceNotFoundError: There is no such run.
            InstanceStateError: It has ended.
            WorkflowStalledError: The run was stalled, and is: says why.
        """
        record = await self.record(instance_id)
        if record.status.is_terminal:
            raise InstanceStateError(f"{instance_id} has ended: there is nothing to resume")
        if instance_id in self._engine.holding:
            await self._engine.release(instance_id)
            if record.status in (RuntimeStatus.PENDING, RuntimeStatus.RUNNING):
                return
        if record.status is RuntimeStatus.STALLED:
            await self._try_again(await self._engine.known(instance_id))
        else:
            now = self._engine.clock.now()
            await self._post(instance_id, h.ExecutionResumed(at=now, reason=reason))

    async def _try_again(self, instance: Instance) -> None:
        """Try a stalled run with its own code, or, if it isn't that which is missing, with the newest."""
        engine, record = self._engine, instance.record
        if record is None or record.status is not RuntimeStatus.STALLED:
            return
        newest = engine.registry.workflow(record.name)
        is_other = newest is not None and newest.code_hash != record.definition
        if newest is not None and is_other and not engine.activities.missing(record.execution_id):
            instance.adopts = newest.code_hash
        done = engine.promise()
        instance.tried.append(finishing(done))
        engine.retry(instance)
        await done
        record = await self.record(instance.instance_id)
        if record.status is RuntimeStatus.STALLED and record.stall is not None:
            raise WorkflowStalledError(f"{record.instance_id} can't go on: {record.stall.message}")

    async def purge(self, instance_id: str, recursive: bool) -> int:
        """Erase a run that has ended, and those below it; gives how many were erased.

        Raises:
            InstanceNotFoundError: There is no such run.
            InstanceStateError: It has not ended, or one below it has not.
        """
        record = await self.record(instance_id)
        if not record.status.is_terminal:
            raise InstanceStateError(
                f"{instance_id} is {record.status}, and only runs that have ended can be purged: "
                f"`%wf terminate {instance_id}` first"
            )
        engine = self._engine
        below = (
            await engine.committer.read(lambda store: descendants(store, instance_id)) if recursive else []
        )
        alive = next((child for child in below if not child.status.is_terminal), None)
        if alive is not None:
            raise InstanceStateError(
                f"{alive.instance_id} below {instance_id} is {alive.status}: `%wf terminate {alive.instance_id}` "
                f"first, or `%wf purge {instance_id} --keep-children`"
            )
        gone = [instance_id, *(child.instance_id for child in below)]
        residents = [*filter(None, map(engine.residents.find, gone))]
        again = next((resident.instance_id for resident in residents if resident.begins), None)
        if again is not None:
            raise InstanceStateError(f"{again} has just been started again: `%wf show {again}`")
        for resident in residents:
            resident.forget()
        done = engine.promise()
        finish = finishing(done)
        purge = [PurgeInstance(instance_id=each) for each in gone]
        engine.add(CommitItem(instance_id, purge, lambda: finish(None), finish))
        await done
        return len(gone)

    async def record(self, instance_id: str) -> InstanceRecord:
        """The row of an instance; raises InstanceNotFoundError."""
        engine = self._engine
        engine.check_open()
        resident = engine.residents.find(instance_id)
        if resident is not None and resident.is_known:
            record = resident.record
        else:
            record = await engine.committer.read(lambda store: store.get_instance(instance_id))
        if record is None:
            raise InstanceNotFoundError(f"there is no run {instance_id!r}: `%wf ps` lists them")
        return record

    async def watch(self, instance_id: str, condition: Condition, future: Future[InstanceRecord]) -> None:
        """Complete a future once the run's row meets a condition, at once if it does now.

        A stalled run that is being tried again counts only once that is decided.
        """
        waiter = self._engine.watchers.wait(instance_id, condition, future)
        try:
            record = await self.record(instance_id)
        except BaseException:
            future.cancel()
            raise
        resident = self._engine.residents.find(instance_id)
        if resident is None or not resident.is_undecided:
            waiter.offer(record)

    async def _post(
        self,
        instance_id: str,
        event: h.InputEvent,
        *,
        birth: InstanceRecord | None = None,
        outgoing: Sequence[Outgoing] = (),
    ) -> None:
        engine = self._engine
        done = engine.promise()
        row = InboxRow(
            row_id=engine.next_row_id(),
            instance_id=instance_id,
            execution_id=birth.execution_id if birth is not None else None,
            event=event,
        )
        engine.delivery.post(Message(row=row, birth=birth, outgoing=outgoing, settle=finishing(done)))
        await done


def _new_record(request: StartRequest, now: datetime) -> InstanceRecord:
    return InstanceRecord(
        instance_id=request.instance_id,
        name=request.definition.name,
        execution_id=request.execution_id,
        status=RuntimeStatus.PENDING,
        created_at=now,
        last_updated_at=now,
        input=request.input,
        definition=request.definition.code_hash,
        start_at=request.start_at,
    )


def finishing(done: asyncio.Future[None]) -> Settle:
    """How to complete a promise, whatever has become of it meanwhile."""

    def finish(error: Exception | None = None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    return finish
