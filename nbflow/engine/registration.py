"""Code that becomes known: its source is kept, and what waited for it goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from nbflow.core.operations import DefinitionRecord, PutDefinition
from nbflow.core.state import RuntimeStatus, StallReason
from nbflow.definitions import Definition, breaking_changes
from nbflow.definitions.pins import Pin, Sources
from nbflow.engine.code import missing_workflow
from nbflow.engine.commits import CommitItem
from nbflow.engine.engine import Engine
from nbflow.errors import StoreError
from nbflow.ports import InstanceFilter

_log: Final = logging.getLogger("nbflow.engine")
_RECOVERABLE: Final = (StallReason.CODE_MISSING, StallReason.DIVERGED)


class Registration:
    """Registers definitions at an engine.

    Args:
        engine: The engine.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: set[tuple[str, str, str, str]] = set()
        self._compared: set[tuple[str, str]] = set()
        self._apart: list[Definition] = []

    async def register(
        self, definitions: list[Definition], told: Callable[[Definition, list[str]], object]
    ) -> list[Definition]:
        """Make code known, and have what waited for it go on; returns what is new or changed.

        Args:
            definitions: The code.
            told: Called for code whose signature doesn't fit what is on record, with what has changed (S49).

        Raises:
            RuntimeClosedError: The runtime is closed.
            StoreError: It can't be read which runs wait.
        """
        engine = self._engine
        engine.check_open()
        stored = await self._stored_before(definitions)
        for definition in definitions:
            changes = self._breaking_changes(definition, stored)
            if changes:
                told(definition, changes)
        news = [definition for definition in definitions if engine.registry.add(definition)]
        if engine.is_trusted:
            self._keep(definitions)
        else:
            await self._keep_apart(definitions)
            if not engine.is_trusted:
                return news
        engine.activities.code_arrived()
        await self._retry_stalled({d.name for d in definitions if d.kind == "workflow"})
        return news

    async def complete(self, namespace: dict[str, Any], sources: Sources) -> list[str]:
        """Have runs go on that wait for a name which their code missed, and which is there by now; gives their IDs.

        Raises:
            RuntimeClosedError: The runtime is closed.
            StoreError: It can't be read which runs wait.
        """
        engine = self._engine
        engine.check_open()
        where = InstanceFilter(statuses=(RuntimeStatus.STALLED,))
        going_on: list[str] = []
        for record in await engine.committer.read(lambda store: store.list_instances(where)):
            if record.stall is None or record.stall.reason is not StallReason.CODE_MISSING:
                continue
            whole = engine.registry.completed(record.name, record.definition, namespace, sources)
            if whole is None or whole.pin is None:
                continue
            engine.registry.add_pin(record.name, whole.code_hash, whole.pin)
            self._keep_pin(whole.pin, whole.code_hash)
            instance = engine.residents.get(record.instance_id)
            instance.adopts = whole.code_hash
            engine.retry(instance)
            going_on.append(record.instance_id)
        return going_on

    async def forget(self, name: str, code_hash: str) -> None:
        """Note that a version of a workflow is gone from the store: registered once more, it is kept again."""
        self._kept = {version for version in self._kept if version[1:3] != (name, code_hash)}

    def _keep_pin(self, pin: Pin, code_hash: str) -> None:
        made = self._engine.registry.version(pin.registered, code_hash)
        assert made is not None, "it was registered a moment ago"
        self._keep_source(made.made())

    async def _stored_before(self, definitions: list[Definition]) -> dict[tuple[str, str], str]:
        """The newest stored signatures of code that is compared with the store, by kind and name; read at once."""
        unknown = [d.name for d in definitions if self._before(d) is None or self._is_unseen(d)]
        if not unknown:
            return {}
        name = unknown[0] if len(unknown) == 1 else None
        stored = await self._engine.committer.read(lambda store: store.list_definitions(name))
        return {(record.kind, record.name): record.parameters for record in stored}

    def _breaking_changes(self, definition: Definition, stored: Mapping[tuple[str, str], str]) -> list[str]:
        """What has changed against the version before, of this process or of the store."""
        before, key = self._before(definition), (definition.kind, definition.name)
        if before is not None and before is not definition:
            return breaking_changes(before.parameters, definition.parameters)
        if before is None or self._is_unseen(definition):
            self._compared.add(key)
            return breaking_changes(stored[key], definition.parameters) if key in stored else []
        return []

    def _before(self, definition: Definition) -> Definition | None:
        """The code of that name that is registered by now."""
        registry = self._engine.registry
        find = registry.workflow if definition.kind == "workflow" else registry.activity
        return find(definition.name)

    def _is_unseen(self, definition: Definition) -> bool:
        """Whether it was never compared with the store."""
        return (definition.kind, definition.name) not in self._compared

    async def trust(self) -> int:
        """Take every row of the store for its owner's, and go on; gives how many were not. Raises StoreError."""
        count = await self._engine.trust()
        self._keep_rest()
        return count

    async def _keep_apart(self, definitions: list[Definition]) -> None:
        """Write nothing into a store that isn't trusted, but code that its owner runs here and that was altered there.

        With this code signed anew, the store may be trusted.
        """
        engine = self._engine
        self._apart += definitions
        altered = {found.code for found in engine.findings}
        if None in altered:
            return  # there is more that is not its owner's
        again = [d for d in definitions if (d.kind, d.name) in altered]
        if not again:
            return
        puts = [PutDefinition(record=_stored(definition, engine.clock.now())) for definition in again]
        await engine.committer.read(lambda store: store.commit(puts))
        await engine.look_again()
        if engine.is_trusted:
            self._keep_rest()

    def _keep_rest(self) -> None:
        apart, self._apart = self._apart, []
        self._keep(apart)

    def _keep(self, definitions: list[Definition]) -> None:
        for definition in definitions:
            self._keep_source(definition)

    def _keep_source(self, definition: Definition) -> None:
        version = (definition.kind, definition.name, definition.code_hash, definition.source_hash)
        if version in self._kept:
            return
        self._kept.add(version)

        def failed(error: StoreError) -> None:
            self._kept.discard(version)
            _log.warning("the source of %s could not be kept: %s", definition.name, error)

        put = PutDefinition(record=_stored(definition, self._engine.clock.now()))
        self._engine.add(CommitItem(None, [put], lambda: None, failed))

    async def _retry_stalled(self, workflows: set[str]) -> None:
        """Try again every stalled run whose code may be there now, or is another than before."""
        engine = self._engine
        where = InstanceFilter(statuses=(RuntimeStatus.STALLED,))
        for record in await engine.committer.read(lambda store: store.list_instances(where)):
            if record.stall is None or record.stall.reason not in _RECOVERABLE:
                continue
            is_there = missing_workflow(engine.registry, record) is None
            if record.name in workflows or (is_there and not engine.activities.missing(record.execution_id)):
                engine.retry(engine.residents.get(record.instance_id))


def _stored(definition: Definition, now: datetime) -> DefinitionRecord:
    return DefinitionRecord(
        kind=definition.kind,
        name=definition.name,
        code_hash=definition.code_hash,
        source=definition.source,
        source_hash=definition.source_hash,
        parameters=definition.parameters,
        created_at=now,
        pin=definition.pin.to_json() if definition.pin is not None else "",
    )


def warn(definition: Definition, changes: list[str]) -> None:
    """Log that code no longer takes or gives what is on record."""
    _log.warning(
        "%s %s no longer takes or gives what is on record: %s; runs in flight may not go on with it",
        definition.kind,
        definition.name,
        ", ".join(changes),
    )
