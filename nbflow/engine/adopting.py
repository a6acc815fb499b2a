"""Runs in flight change over to other code, and versions that nobody needs are forgotten (S51)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from nbflow.core.operations import DropDefinition, PutInstance
from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.engine.commits import CommitItem
from nbflow.engine.engine import Engine
from nbflow.engine.instance import Instance
from nbflow.engine.posting import finishing
from nbflow.errors import InstanceStateError
from nbflow.ports import InstanceFilter

_LOOK_SECONDS: Final = 0.005
"""How often it is looked whether an instance that is held back has come to the end of its turn."""

_ACTIVE: Final = tuple(status for status in RuntimeStatus if not status.is_terminal)


class Adopting:
    """Changes which code runs have, on the engine's loop.

    Args:
        engine: The engine.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def adopt(self, record: InstanceRecord, code_hash: str) -> None:
        """Have a run that isn't stalled go on with another version of its code; returns once that is durable.

        Its execution leaves memory, so that its next turn replays the history with that code.

        Raises:
            InstanceStateError: It has ended, or there is no such version.
            StoreError: It could not be written: the run keeps its code.
        """
        engine = self._engine
        if record.status.is_terminal:
            raise InstanceStateError(f"{record.instance_id} has ended: it keeps the code that it had")
        if engine.registry.version(record.name, code_hash) is None:
            raise InstanceStateError(
                f"no such version of {record.name} is known: `%wf versions {record.name}` lists them"
            )
        instance = await engine.known(record.instance_id)
        async with self._held_back(instance):
            present = instance.record
            if present is None or present.status.is_terminal or present.definition == code_hash:
                return
            engine.turns.evict(instance)
            await self._put(instance, msgspec.structs.replace(present, definition=code_hash))

    async def drop(self, name: str, code_hash: str) -> None:
        """Forget a version of a workflow's code; returns once that is durable.

        Raises:
            InstanceStateError: A run in flight has it, or it is the newest.
        """
        engine = self._engine
        active = InstanceFilter(name=name, statuses=_ACTIVE)
        runs = await engine.committer.read(lambda store: store.list_instances(active))
        needing = next((run.instance_id for run in runs if run.definition == code_hash), None)
        if needing is not None:
            raise InstanceStateError(f"{needing} has that version of {name}: it stays until no run needs it")
        if engine.registry.newest_hash("workflow", name) == code_hash:
            raise InstanceStateError(f"it is the newest version of {name}, which new runs take: it stays")
        done = engine.promise()
        finish = finishing(done)

        def dropped() -> None:
            engine.registry.drop(name, code_hash)
            finish(None)

        drop = DropDefinition(kind="workflow", name=name, code_hash=code_hash)
        engine.add(CommitItem(None, [drop], dropped, finish))
        await done

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

    @asynccontextmanager
    async def _held_back(self, instance: Instance) -> AsyncGenerator[None]:
        """Let no turn of an instance begin; the one under way ends first."""
        was_held, instance.is_held = instance.is_held, True
        instance.awaited += 1
        try:
            while instance.is_busy:  # noqa: ASYNC110 - a commit, a rest and a load end in several places
                await asyncio.sleep(_LOOK_SECONDS)
            yield
        finally:
            instance.awaited -= 1
            instance.is_held = was_held
            self._engine.residents.touch(instance)
