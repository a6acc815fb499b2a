"""What a client may ask of the engine: each request returns once it is durable."""

from __future__ import annotations

from concurrent.futures import Future

import msgspec

from nbflow.core import history as h
from nbflow.core.operations import PurgeInstance, PutInstance
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.engine.commits import CommitItem
from nbflow.engine.engine import Engine
from nbflow.engine.family import descendants
from nbflow.engine.going_back import Branching, ForkRequest, RewindRequest
from nbflow.engine.instance import Instance
from nbflow.engine.posting import finishing, post
from nbflow.engine.starting import Starter, StartRequest
from nbflow.engine.watchers import Condition
from nbflow.errors import (
    InstanceNotFoundError,
    InstanceStateError,
    UntrustedError,
    WorkflowStalledError,
)


class Requests:
    """The requests of clients, carried out on the engine's loop.

    Each of them raises RuntimeClosedError once the runtime is closed, StoreError where
    something can't be read or written, and UntrustedError where a run would change whose
    history its owner did not write.

    Args:
        engine: The engine.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._starter = Starter(engine)
        self._branching = Branching(engine)

    async def start(self, request: StartRequest) -> None:
        """Start a run, as far as the policy lets it; raises what `Starter.start` does."""
        self._check()
        await self._starter.start(request)

    async def fork(self, request: ForkRequest) -> None:
        """Begin a run with what it shares with another; raises what `Branching.fork` does."""
        await self._branching.fork(request)

    async def rewind(self, request: RewindRequest) -> None:
        """Take a FAILED run back; raises what `Branching.rewind` does."""
        await self._branching.rewind(request)

    async def raise_event(self, instance_id: str, name: str, payload: str) -> None:
        """Raise an event; returns once it is durable.

        Raises:
            InstanceNotFoundError: There is no such run.
            EventRejectedError: The payload doesn't fit the wait that took it.
        """
        self._check()
        now = self._engine.clock.now()
        await post(self._engine, instance_id, h.EventRaised(at=now, name=name, payload=payload))

    async def terminate(self, instance_id: str, output: str, recursive: bool) -> None:
        """End a run; returns once that is durable. A run that has ended stays as it is."""
        self._check()
        now = self._engine.clock.now()
        await post(
            self._engine, instance_id, h.ExecutionTerminated(at=now, output=output, recursive=recursive)
        )

    async def suspend(self, instance_id: str, reason: str) -> None:
        """Pause a run: what arrives is kept, and nothing advances.

        Raises:
            InstanceNotFoundError: There is no such run.
            InstanceStateError: It has ended, or has not begun.
        """
        self._check()
        record = await self.record(instance_id)
        now = self._engine.clock.now()
        if record.status.is_terminal:
            raise InstanceStateError(f"{instance_id} has ended: there is nothing to suspend")
        if record.status is RuntimeStatus.PENDING and record.start_at is not None and record.start_at > now:
            raise InstanceStateError(
                f"{instance_id} has not begun, it starts at {record.start_at:%Y-%m-%d %H:%M:%S}: suspend it "
                f"once it runs, or `%wf terminate {instance_id}`"
            )
        await post(self._engine, instance_id, h.ExecutionSuspended(at=now, reason=reason))

    async def resume(self, instance_id: str, reason: str) -> None:
        """Let a paused run go on; let a stalled one go on with the present code, if that fits.

        Raises:
            InstanceNotFoundError: There is no such run.
            InstanceStateError: It has ended.
            WorkflowStalledError: The run was stalled, and is: says why.
        """
        self._check()
        record = await self.record(instance_id)
        if record.status.is_terminal:
            raise InstanceStateError(f"{instance_id} has ended: there is nothing to resume")
        if instance_id in self._engine.holding:
            await self._engine.release(instance_id)
        if record.status is RuntimeStatus.STALLED:
            await self._try_again(await self._engine.known(instance_id))
        else:
            now = self._engine.clock.now()
            await post(self._engine, instance_id, h.ExecutionResumed(at=now, reason=reason))

    async def _try_again(self, instance: Instance, code_hash: str | None = None) -> None:
        """Try a stalled run with its own code, or, if it isn't that which is missing, with the newest or a chosen one."""
        engine, record = self._engine, instance.record
        if record is None or record.status is not RuntimeStatus.STALLED:
            return
        newest = engine.registry.version(record.name, code_hash)
        is_other = newest is not None and newest.code_hash != record.definition
        if newest is not None and is_other and not engine.activities.missing(record.execution_id):
            instance.adopts = newest.code_hash
        done = engine.promise()
        instance.tried.append(finishing(done))
        engine.retry(instance)
        await done
        record = await self.record(instance.instance_id)
        if record.status is RuntimeStatus.STALLED and record.stall is not None:
            message = f"{record.instance_id} can't go on: {record.stall.message}"
            if record.stall.divergence is not None:
                message += f"; `%wf show {record.instance_id}` shows both sides"
            raise WorkflowStalledError(message)

    async def adopt(self, instance_id: str, code_hash: str) -> None:
        """Have a run go on with another version of its workflow's code; returns once that is durable.

        Raises:
            InstanceNotFoundError: There is no such run.
            InstanceStateError: It has ended, or there is no such version.
            WorkflowStalledError: It was stalled, and is: says why.
        """
        record = await self.record(instance_id)
        engine = self._engine
        if record.status.is_terminal:
            raise InstanceStateError(f"{instance_id} has ended: it keeps the code that it had")
        if engine.registry.version(record.name, code_hash) is None:
            raise InstanceStateError(
                f"no such version of {record.name} is known: `%wf versions {record.name}`"
            )
        instance = await engine.known(instance_id)
        if record.status is RuntimeStatus.STALLED:
            await self._try_again(instance, code_hash)
            return
        async with engine.held_back(instance):
            record = await self.record(instance_id)
            if record.status.is_terminal or record.definition == code_hash:
                return
            engine.turns.evict(instance)
            await self._put(instance, msgspec.structs.replace(record, definition=code_hash))

    async def _put(self, instance: Instance, record: InstanceRecord) -> None:
        """Write an instance's row outside of a turn; nobody may take one meanwhile."""
        done = self._engine.promise()
        finish = finishing(done)

        def put() -> None:
            instance.record = record
            self._engine.watchers.publish(record, [])
            finish(None)

        self._engine.add(CommitItem(record.instance_id, [PutInstance(record=record)], put, finish))
        await done

    async def purge(self, instance_id: str, recursive: bool) -> int:
        """Erase a run that has ended, and those below it; gives how many were erased.

        Raises:
            InstanceNotFoundError: There is no such run.
            InstanceStateError: It has not ended, or one below it has not.
        """
        self._check()
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

        def purged() -> None:
            engine.watchers.purged(gone)
            finish(None)

        purge = [PurgeInstance(instance_id=each) for each in gone]
        engine.add(CommitItem(instance_id, purge, purged, finish))
        await done
        return len(gone)

    async def check_rows(self, instance_id: str) -> None:
        """Raise UntrustedError if a run has rows that its owner did not write, or nothing of the store runs."""
        self._check()
        findings = await self._engine.committer.read(lambda store: store.audit(instance_id=instance_id))
        if findings:
            raise UntrustedError(f"{findings[0]}: `%wf trust`", findings[0].seq)

    def _check(self) -> None:
        self._engine.check_open()
        self._engine.check_trusted()

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
