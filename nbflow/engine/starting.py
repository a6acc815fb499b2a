"""A run is started: under an ID of its own, or in the place of another run (S3 to S7)."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from contextvars import Context
from dataclasses import dataclass
from datetime import datetime

from nbflow.core import history as h
from nbflow.core.identity import check_instance_id
from nbflow.core.operations import InboxRow, PutInbox, PutInstance
from nbflow.core.outbox import Descendant, Outbox, Outgoing
from nbflow.core.reuse import ReuseIdAction, ReuseIdPolicy
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.definitions import WorkflowDefinition
from nbflow.engine.commits import CommitItem
from nbflow.engine.engine import Engine
from nbflow.engine.family import nearest_alive
from nbflow.engine.instance import EndedMeanwhileError, Instance, Message
from nbflow.engine.posting import finishing, post, post_for
from nbflow.errors import InstanceExistsError, StoreError


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


class Starter:
    """Starts runs, on the engine's loop.

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
            await post(
                engine, record.instance_id, self._started(record, now), birth=record, outgoing=outgoing
            )

    def begin(self, request: StartRequest, done: Future[None]) -> bool:
        """Start a run that nobody can be in the way of, without a task; tells whether it is one.

        The future gets what became of it; it is not told of another run.
        """
        engine = self._engine
        check_instance_id(request.instance_id)
        now = engine.clock.now()
        if not request.is_fresh or (request.start_at is not None and request.start_at > now):
            return False
        record = _new_record(request, now)
        instance = engine.residents.get(record.instance_id)
        instance.record, instance.is_known, instance.history = record, True, []
        if request.origin is not None:
            engine.origins[record.instance_id] = request.origin
        started = self._started(record, now)
        settle = finishing(engine.promised(done))
        post_for(engine, record.instance_id, started, settle, birth=record, is_fresh=True)
        return True

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
