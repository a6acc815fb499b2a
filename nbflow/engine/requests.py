"""What a client may ask of the engine: each request returns once it is durable."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future

from nbflow.core import history as h
from nbflow.core.operations import PurgeInstance
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.engine.adopting import Adopting
from nbflow.engine.commits import CommitItem
from nbflow.engine.engine import Engine
from nbflow.engine.family import descendants
from nbflow.engine.going_back import Branching, ForkRequest, RewindRequest
from nbflow.engine.instance import Instance, Settle
from nbflow.engine.posting import finishing, post
from nbflow.engine.purging import Purged, purge
from nbflow.engine.starting import Starter, StartRequest
from nbflow.engine.watchers import Condition, Waiter
from nbflow.errors import (
    InboxFullError,
    InstanceNotFoundError,
    InstanceStateError,
    RuntimeClosedError,
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
        self._tasks: set[asyncio.Task[None]] = set()
        self._starter = Starter(engine)
        self._adopting = Adopting(engine)
        self._branching = Branching(engine)

    async def start(self, request: StartRequest) -> None:
        """Start a run, as far as the policy lets it; raises what `Starter.start` does."""
        self.check()
        await self._starter.start(request)

    def start_soon(self, request: StartRequest, done: Future[None]) -> None:
        """`start` for who waits on another thread: the future gets what became of it."""
        try:
            self.check()
            if self._starter.begin(request, done):
                return
        except Exception as error:
            finishing(done)(error)
            return
        self._carry_out(self._starter.start(request), finishing(done))

    def watch_soon(
        self, instance_ids: Sequence[str], condition: Condition, futures: Sequence[Future[InstanceRecord]]
    ) -> None:
        """`watch` for who waits on another thread for some runs: each future gets the row, or why there is none."""
        engine = self._engine
        away: dict[str, list[Waiter]] = {}
        for instance_id, future in zip(instance_ids, futures, strict=True):
            try:
                engine.check_open()
            except RuntimeClosedError as error:
                future.set_exception(error)
                continue
            waiter = engine.watchers.wait(instance_id, condition, future)
            resident = engine.residents.find(instance_id)
            if resident is None or resident.record is None or resident.is_undecided:
                away.setdefault(instance_id, []).append(waiter)
            else:
                waiter.offer(resident.record)
        if not away:
            return

        def finish(error: Exception | None) -> None:
            for waiter in [waiter for waiters in away.values() for waiter in waiters]:
                if error is not None:
                    waiter.fail(error)

        self._carry_out(self._offer_all(away), finish)

    async def _offer_all(self, away: dict[str, list[Waiter]]) -> None:
        """Tell those who wait for runs that aren't in memory how these are, after one look at the store."""
        engine, ids = self._engine, list(away)
        found = await engine.committer.read(lambda store: store.get_instances(ids))
        for instance_id, waiters in away.items():
            resident = engine.residents.find(instance_id)
            if resident is not None and resident.is_undecided:
                continue  # it is told once that is decided
            record = found.get(instance_id)
            if resident is not None and resident.is_known:
                record = resident.record
            for waiter in waiters:
                if record is not None:
                    waiter.offer_read(record)
                elif not waiter.has_news:
                    waiter.fail(no_such_run(instance_id))

    def _carry_out(self, coro: Coroutine[None, None, None], finish: Settle) -> None:
        task = asyncio.get_running_loop().create_task(coro)
        self._tasks.add(task)

        def done(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if task.cancelled():
                finish(RuntimeClosedError("the runtime was closed"))
            else:
                error = task.exception()
                finish(error if isinstance(error, Exception) else None)

        task.add_done_callback(done)

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
            InboxFullError: The run takes no messages at present, and has as many as it may have.
        """
        self.check()
        self._check_room(instance_id, name)
        now = self._engine.clock.now()
        await post(self._engine, instance_id, h.EventRaised(at=now, name=name, payload=payload))

    def _check_room(self, instance_id: str, name: str) -> None:
        instance, limit = self._engine.residents.find(instance_id), self._engine.options.inbox_limit
        if instance is None or instance.takes_messages or len(instance.messages) < limit:
            return
        raise InboxFullError(
            f"event {name!r} was not taken in: {instance_id} takes no messages at present, and {limit:,} wait for it, "
            f"as many as may; `%wf resume {instance_id}` lets it go on"
        )

    async def terminate(self, instance_id: str, output: str, recursive: bool) -> None:
        """End a run; returns once that is durable. A run that has ended stays as it is."""
        self.check()
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
        self.check()
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
        self.check()
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
        """Have a run go on with another version of its workflow's code; raises what `Adopting.adopt` does."""
        self.check()
        record = await self.record(instance_id)
        if record.status is RuntimeStatus.STALLED and self._engine.registry.version(record.name, code_hash):
            await self._try_again(await self._engine.known(instance_id), code_hash)
        else:
            await self._adopting.adopt(record, code_hash)

    async def drop_version(self, name: str, code_hash: str) -> None:
        """Forget a version of a workflow's code; raises what `Adopting.drop` does."""
        self.check()
        await self._adopting.drop(name, code_hash)

    async def purge(self, instance_id: str, recursive: bool) -> int:
        """Erase a run that has ended, and those below it; gives how many were erased.

        Raises:
            InstanceNotFoundError: There is no such run.
            InstanceStateError: It has not ended, or one below it has not.
        """
        self.check()
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

    async def purge_many(self, instance_ids: Sequence[str], recursive: bool) -> Purged:
        """Erase those of some runs that have ended, in one commit, and tell which stay."""
        self.check()
        return await purge(self._engine, instance_ids, recursive=recursive)

    async def check_rows(self, instance_id: str) -> None:
        """Raise UntrustedError if a run has rows that its owner did not write, or nothing of the store runs."""
        self.check()
        findings = await self._engine.committer.read(lambda store: store.audit(instance_id=instance_id))
        if findings:
            raise UntrustedError(f"{findings[0]}: `%wf trust`", findings[0].seq)

    def check(self) -> None:
        """Raise RuntimeClosedError if the engine is closed, UntrustedError if nothing of the store runs."""
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
            raise no_such_run(instance_id)
        return record

    async def watch(self, instance_id: str, condition: Condition, future: Future[InstanceRecord]) -> None:
        """Complete a future once the run's row meets a condition, at once if it does now.

        A stalled run that is being tried again counts only once that is decided.
        """
        waiter = self._engine.watchers.wait(instance_id, condition, future)
        try:
            await self._offer(instance_id, waiter)
        except BaseException:
            future.cancel()
            raise

    async def _offer(self, instance_id: str, waiter: Waiter) -> None:
        record = await self.record(instance_id)
        resident = self._engine.residents.find(instance_id)
        if resident is None or not resident.is_undecided:
            waiter.offer_read(record)


def no_such_run(instance_id: str) -> InstanceNotFoundError:
    """What to raise for an ID that nobody has."""
    return InstanceNotFoundError(f"there is no run {instance_id!r}: `%wf ps` lists them")
