"""A child process of the interpreters' test: plays every construct here, and replays what others have played.

``python -m tests.core.construct_runs`` reads an `Order` as JSON from its standard input and prints, by file,
which constructs went another way, and where.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from nbflow.core import history as h
from nbflow.core.divergence import ExecutionStalledError
from nbflow.core.replay import replay
from tests.core.constructs import Construct, Orderly, load
from tests.core.replayer import Head, Noise, Order, read, write
from tests.core.world import World


def play(constructs: dict[str, Construct], seeds: list[int]) -> Iterator[tuple[Head, list[h.HistoryEvent]]]:
    """Each construct in good order, as seed 0, and then at random."""
    for name, construct in constructs.items():
        yield Head(name, 0), Orderly(construct.shape, 0).play()
        for seed in seeds:
            yield Head(name, seed), World(construct.shape, seed).play()


def replay_all(path: Path, constructs: dict[str, Construct], noise: Noise) -> dict[str, str]:
    """What went another way, by construct: the first report of each."""
    diverged: dict[str, str] = {}
    for head, history in read(path):
        if head.shape not in constructs:
            continue
        noise()
        shape = constructs[head.shape].shape
        try:
            replay(shape.code, history, instance_id=f"{shape.name}-{head.seed}").evict()
        except ExecutionStalledError as error:
            diverged.setdefault(head.shape, f"seed {head.seed}: {error}")
    return diverged


def main() -> None:
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    here = {name: construct for name, construct in load().items() if construct.is_here}
    if order.write is not None:
        write(Path(order.write), play(here, order.seeds))
    noise = Noise(order.noise)
    diverged = {path: replay_all(Path(path), here, noise) for path in order.replay}
    sys.stdout.write(msgspec.json.encode(diverged).decode())


if __name__ == "__main__":
    main()
