"""Forks and rewinds on the engine's loop: one commit makes the new execution, or there is none.

What is to be made was planned elsewhere, since that may run workflow code. Here it is held against how
things stand now, and written; whatever the new execution waits for begins behind that, as in recovery.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import Context
from dataclasses import dataclass

from nbflow.core.branching import Branch, Brancher, Rewound
from nbflow.core.going_back import Cut
from nbflow.core.identity import check_instance_id
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.engine.code import missing_activity
from nbflow.engine.commits import CommitItem
from nbflow.engine.engine import Engine
from nbflow.engine.instance import Instance
from nbflow.engine.posting import finishing
from nbflow.errors import InstanceExistsError, StoreError


class ChangedMeanwhileError(Exception):
    """A run that the plan concerns is not as it was when it was looked at: plan anew."""


@dataclass(frozen=True, kw_only=True)
class ForkRequest:
    """A fork to make.

    Attributes:
        record: The row of the run whose history it is.
        cut: What is shared.
        instance_id: The new run's ID.
        execution_id: Its execution's.
        definition: The version of the code that it goes on with.
        origin: The context of the caller, so that prints come back to its cell.
    """

    record: InstanceRecord
    cut: Cut
    instance_id: str
    execution_id: str
    definition: str
    origin: Context | None = None


@dataclass(frozen=True, kw_only=True)
class RewindRequest:
    """A rewind to make.

    Attributes:
        plan: What becomes of the run and of those below it.
        execution_id: The next execution's ID.
        seen: The rows that the plan goes by, by instance ID; None where there was none.
        origin: The context of the caller.
    """

    plan: Rewound
    execution_id: str
    seen: Mapping[str, InstanceRecord | None]
    origin: Context | None = None


class Branching:
    """Makes forks and rewinds, on the engine's loop.

    Args:
        engine: The engine.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def fork(self, request: ForkRequest) -> None:
        """Begin a new run with what it shares with another; returns once it is durable.

        Raises:
            InvalidInstanceIdError: The ID has other characters, or too many.
            InstanceExistsError: The ID belongs to an active run.
            StoreError: It could not be written: there is no such run.
        """
        engine = self._engine
        engine.check_open()
        check_instance_id(request.instance_id)
        instance = await engine.known(request.instance_id)
        if instance.record is None or instance.record.status.is_terminal:
            engine.delivery.admit(instance)  # a child may have come for the ID before
        present = instance.record
        if present is not None and not present.status.is_terminal:
            raise InstanceExistsError(
                f"{present.instance_id} exists and is {present.status}: `%wf show {present.instance_id}`, "
                "or choose another --id"
            )
        engine.delivery.discard(instance)
        branch = self._brancher().fork(
            request.record,
            request.cut,
            instance_id=request.instance_id,
            execution_id=request.execution_id,
            definition=request.definition,
        )
        await self._begin([(instance, branch)], branch, request.origin)

    async def rewind(self, request: RewindRequest) -> None:
        """Take a run that FAILED back to before that, with its failed children; returns once it is durable.

        Raises:
            ChangedMeanwhileError: Something has happened since the plan was made.
            StoreError: It could not be written: nothing has changed.
        """
        engine = self._engine
        engine.check_open()
        with ExitStack() as pins:
            known: dict[str, Instance] = {}
            for instance_id in request.seen:
                known[instance_id] = await engine.known(instance_id)
                pins.enter_context(_pinned(known[instance_id]))
            if not all(_is_as_seen(known[i], record) for i, record in request.seen.items()):
                raise ChangedMeanwhileError
            branch = self._brancher().rewind(
                request.plan, execution_id=request.execution_id, parent=request.plan.record.parent
            )
            family = [(known[each.record.instance_id], each) for each in branch.family]
            await self._begin(family, branch, request.origin)

    def _brancher(self) -> Brancher:
        engine = self._engine
        return Brancher(
            now=engine.clock.now(), next_row_id=engine.next_row_id, interpreter=engine.options.interpreter
        )

    async def _begin(
        self, family: Sequence[tuple[Instance, Branch]], root: Branch, origin: Context | None
    ) -> None:
        """Write a branch with those below it, and only then begin what they wait for."""
        engine = self._engine
        done = engine.promise()
        finish = finishing(done)
        family = [(instance, self._with_missing_code(branch)) for instance, branch in family]

        def committed() -> None:
            for instance, branch in family:
                self._begun(instance, branch, origin)
            finish(None)

        def failed(error: StoreError) -> None:
            for instance, _ in family:
                instance.is_starting = False
                engine.unborn(instance)
                engine.residents.touch(instance)
            finish(error)

        for instance, branch in family:
            instance.record, instance.is_known, instance.history = branch.record, True, None
            instance.is_starting = True
        operations = [operation for _, branch in family for operation in branch.operations]
        engine.add(CommitItem(root.record.instance_id, operations, committed, failed))
        await done

    def _with_missing_code(self, branch: Branch) -> Branch:
        """Stall a run that waits for an activity without code, in the very commit that makes it (S52)."""
        if branch.record.status is not RuntimeStatus.RUNNING:
            return branch
        known = self._engine.registry.activity
        missing = next((task.name for task in branch.tasks if known(task.name) is None), None)
        return branch if missing is None else branch.stalled(missing_activity(branch.record, missing))

    def _begun(self, instance: Instance, branch: Branch, origin: Context | None) -> None:
        engine, record = self._engine, branch.record
        instance.is_starting = False
        if origin is not None and not record.status.is_terminal:
            engine.origins[record.instance_id] = origin
        for row in branch.timers:
            engine.timers.added(row)
        for row in branch.messages:
            engine.delivery.post_stored(row)
        engine.watchers.publish(record, branch.events)
        engine.post_outgoing(branch.outgoing)
        for task in branch.tasks:
            engine.activities.start(record, task, origin)
        engine.residents.touch(instance)


@contextmanager
def _pinned(instance: Instance) -> Generator[None]:
    """Keep an instance in memory while others are read."""
    instance.awaited += 1
    try:
        yield
    finally:
        instance.awaited -= 1


def _is_as_seen(instance: Instance, seen: InstanceRecord | None) -> bool:
    """Whether a run still is what the plan goes by: the same row, or one that still has not ended."""
    if not instance.is_known or instance.is_starting:
        return False
    record = instance.record
    if seen is None or record is None or seen.status.is_terminal:
        return record == seen
    return not record.status.is_terminal and record.parent == seen.parent
