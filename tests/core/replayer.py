"""A child process of the determinism test: replays histories, records the same runs again, and reports.

``python -m tests.core.replayer`` reads an `Order` as JSON from its standard input and prints a `Report`.
"""

from __future__ import annotations

import gc
import hashlib
import platform
import random
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from nbflow.core import history as h
from nbflow.core import rows
from nbflow.core.cancellations import Cancellations
from nbflow.core.divergence import ExecutionStalledError
from nbflow.core.futures import WorkflowFuture, WorkflowTask
from nbflow.core.replay import replay
from tests.core.shapes import SHAPES, Shape
from tests.core.world import World


class Order(msgspec.Struct, kw_only=True):
    """What a child is to do.

    Attributes:
        replay: Files of histories to replay.
        seeds: Which runs of each shape to record.
        write: Where to, if anywhere.
        planted: Whether the shapes are those that must be found out.
        broken: A rule of the loop to break first; see `BREAK`.
        noise: Seed of the noise in memory; None for silence.
    """

    replay: list[str] = []
    seeds: list[int] = []
    write: str | None = None
    planted: bool = False
    broken: str | None = None
    noise: int | None = None


class Report(msgspec.Struct, kw_only=True):
    """What came of it: what diverged by file and shape, and a digest of each history recorded."""

    python: str
    diverged: dict[str, dict[str, str]]
    recorded: dict[str, str]


class Head(msgspec.Struct):
    """The line before a history."""

    shape: str
    seed: int


class Noise:
    """Makes addresses and the garbage collector's moments differ from process to process."""

    def __init__(self, seed: int | None) -> None:
        self.silent = seed is None
        self.chance = random.Random(seed)
        self.kept: list[object] = []

    def __call__(self) -> None:
        if self.silent:
            return
        for _ in range(self.chance.randrange(20)):
            size = self.chance.randrange(1, 400)
            self.kept.append(self.chance.choice((object, dict, set, lambda size=size: bytearray(size)))())
        self.chance.shuffle(self.kept)
        del self.kept[self.chance.randrange(100) + 1 :]
        if self.chance.random() < 0.01:
            gc.collect()


def shapes(planted: bool) -> dict[str, Shape]:
    if planted:
        from tests.core.planted import PLANTED

        return PLANTED
    return SHAPES


def record(order: Order) -> Iterator[tuple[Head, list[h.HistoryEvent]]]:
    noise = Noise(order.noise)
    for shape in shapes(order.planted).values():
        for seed in order.seeds:
            yield Head(shape.name, seed), World(shape, seed, noise=noise).play()


def write(path: Path, histories: Iterable[tuple[Head, list[h.HistoryEvent]]]) -> None:
    with path.open("wb") as file:
        for head, history in histories:
            file.write(msgspec.json.encode(head) + b"\n")
            file.writelines(rows.to_json(event).encode() + b"\n" for event in history)


def read(path: Path) -> Iterator[tuple[Head, list[h.HistoryEvent]]]:
    head: Head | None = None
    history: list[h.HistoryEvent] = []
    for line in path.read_bytes().splitlines():
        if line.startswith(b'{"shape"'):
            if head is not None:
                yield head, history
            head, history = msgspec.json.decode(line, type=Head), []
        else:
            history.append(rows.from_json(line))
    if head is not None:
        yield head, history


def digest(history: list[h.HistoryEvent]) -> str:
    return hashlib.sha256("\n".join(map(rows.to_json, history)).encode()).hexdigest()[:16]


def replay_all(path: Path, known: dict[str, Shape], noise: Noise) -> dict[str, str]:
    """What diverged, by shape: the first report of each."""
    diverged: dict[str, str] = {}
    for head, history in read(path):
        noise()
        try:
            replay(known[head.shape].code, history, instance_id=f"{head.shape}-{head.seed}").evict()
        except ExecutionStalledError as error:
            diverged.setdefault(head.shape, f"seed {head.seed}: {error}")
    return diverged


def _hash_by_address() -> None:
    WorkflowTask.__hash__ = WorkflowFuture.__hash__ = object.__hash__  # type: ignore[method-assign]


def _visit_scopes_by_address() -> None:
    def deliver(self: Cancellations) -> bool:
        collected, self._collected = self._collected, {}
        for task, message in collected.items():
            task.cancel_now(message)
        return bool(collected)

    Cancellations.deliver = deliver  # type: ignore[method-assign]


BREAK = {"numbers": _hash_by_address, "scopes": _visit_scopes_by_address}


def main() -> None:
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    if order.broken is not None:
        BREAK[order.broken]()
    known = shapes(order.planted)
    noise = Noise(order.noise)
    diverged = {path: replay_all(Path(path), known, noise) for path in order.replay}
    histories = list(record(order))
    if order.write is not None:
        write(Path(order.write), histories)
    report = Report(
        python=platform.python_version(),
        diverged=diverged,
        recorded={f"{head.shape} {head.seed}": digest(history) for head, history in histories},
    )
    sys.stdout.write(msgspec.json.encode(report).decode())


if __name__ == "__main__":
    main()
