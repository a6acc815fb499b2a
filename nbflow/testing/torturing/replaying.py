"""In a child process: recorded histories, and their beginnings, replayed against the code that a store keeps."""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbflow.core.divergence import ExecutionStalledError
from nbflow.core.explain.changes import nearest
from nbflow.core.explain.explaining import explain
from nbflow.core.explain.report import Suspect
from nbflow.core.history import ExecutionStarted
from nbflow.core.replay import replay
from nbflow.core.state import Stall
from nbflow.definitions import Registry, WorkflowDefinition, evidence_of
from nbflow.lint import check
from nbflow.stores.duckdb import DuckDBStore
from nbflow.testing.torturing.orders import HISTORIES, Diverged, News, Recorded, Replayed, ReplayOrder


class Noise:
    """Makes addresses and the moments of the garbage collector differ from process to process.

    Args:
        seed: Decides on them.
    """

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._kept: list[object] = []

    def __call__(self) -> None:
        """Make some."""
        for _ in range(self._chance.randrange(20)):
            size = self._chance.randrange(1, 400)
            self._kept.append(bytes(size) if self._chance.random() < 0.5 else [None] * size)
        self._chance.shuffle(self._kept)
        del self._kept[self._chance.randrange(100) + 1 :]
        if self._chance.random() < 0.5:
            gc.enable()
        else:
            gc.disable()


def replay_all(order: ReplayOrder) -> News:
    """Replay what is ordered, until something doesn't fit."""
    registry = _code(order.store)
    noise = Noise(order.noise)
    count = 0
    try:
        for recorded, length in _replays(order):
            code = registry.workflow(recorded.name, _definition(recorded))
            assert code is not None, "the first run had its code"
            noise()
            stall = _mismatch(code, recorded, length)
            if stall is not None:
                return Diverged(
                    instance_id=recorded.instance_id,
                    execution_id=recorded.execution_id,
                    name=recorded.name,
                    stall=stall,
                    hint=_hint(code, stall),
                    count=count,
                )
            count += 1
    finally:
        gc.enable()
    return Replayed(count=count)


def _code(path: str) -> Registry:
    store, registry = DuckDBStore(path), Registry()
    store.open()
    try:
        for record in store.list_definitions():
            registry.add_stored(record)
    finally:
        store.close()
    return registry


def _replays(order: ReplayOrder) -> Iterator[tuple[Recorded, int]]:
    """Every history whole, and then as many of its beginnings as are asked for, spread evenly."""
    every = [one for path in order.histories for one in HISTORIES.decode(Path(path).read_bytes()).executions]
    every = [one for one in every if order.only is None or one.execution_id == order.only]
    for recorded in every:
        yield recorded, len(recorded.events)
    for recorded in every:
        lengths = len(recorded.events)
        step = max(1, -(-lengths // order.prefixes)) if order.prefixes else lengths
        for length in range(step, lengths, step):
            yield recorded, length


def _definition(recorded: Recorded) -> str | None:
    started = next((event for event in recorded.events if isinstance(event, ExecutionStarted)), None)
    return (started.definition or None) if started is not None else None


def _mismatch(code: WorkflowDefinition[Any, Any], recorded: Recorded, length: int) -> Stall | None:
    events = recorded.events[:length]
    try:
        replay(code, events, instance_id=recorded.instance_id, prefix=length < len(recorded.events)).evict()
    except ExecutionStalledError as error:
        return explain(
            error.stall,
            code,
            recorded.events,
            instance_id=recorded.instance_id,
            evidence=evidence_of(code, recorded.events, suspects=suspects_in(code)),
        )
    return None


def suspects_in(code: WorkflowDefinition[Any, Any]) -> tuple[Suspect, ...]:
    """What the lint has to say of some code."""
    return tuple(
        Suspect(line=found.line, what=f"({found.code}): {found.says}", fix=found.fix, file=found.file)
        for found in check(code)
    )


def _hint(code: WorkflowDefinition[Any, Any], stall: Stall) -> str:
    place = (stall.file, stall.line) if stall.file is not None and stall.line is not None else None
    suspect = nearest(suspects_in(code), code.text, place)
    return f"line {suspect.line} {suspect.what}: {suspect.fix}" if suspect is not None else ""
