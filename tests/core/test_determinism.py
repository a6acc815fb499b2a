"""The first of the three risks: the same history gives the same actions, in any process, every time.

Histories of all shapes are recorded here, under random batching and in random order, and written to a file.
Child processes with other hash seeds and other addresses replay them, and record the same runs again, on this
interpreter, and on 3.12 and 3.13 where they are found.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from nbflow import workflow
from nbflow.core import history as h
from tests.core import replayer
from tests.core.builder import Run, completed, say
from tests.core.replayer import BREAK, Order, Report, digest, read, record, write
from tests.core.shapes import SHAPES, fetch
from tests.core.world import World, without_turns

ROOT = Path(__file__).parents[2]
SEEDS = [1, 2, 3, 4]
OTHERS = [version for version in ("3.11", "3.12", "3.13") if version != f"3.{sys.version_info.minor}"]

DIFFERENT: dict[frozenset[str], set[str]] = {
    frozenset({"3.11", "3.12"}): {"wait_for_coroutines"},
    frozenset({"3.11", "3.13"}): {"wait_for_coroutines"},
    frozenset({"3.12", "3.13"}): set(),
}
"""Shapes that go another way on another interpreter (S75): asyncio itself differs there."""


def interpreter(version: str) -> str:
    if version == f"3.{sys.version_info.minor}":
        return sys.executable
    path = ROOT / f".venv-{version}" / "bin" / "python"
    if not path.exists():
        pytest.skip(
            f"no .venv-{version} here: `make interpreters` makes it where there is a Python {version}"
        )
    return str(path)


def child(order: Order, *, python: str = sys.executable, hash_seed: int | str) -> Report:
    done = subprocess.run(
        [python, "-W", "error", "-m", "tests.core.replayer"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(ROOT)},
        input=msgspec.json.encode(order),
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode()
    return msgspec.json.decode(done.stdout, type=Report)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    """Histories of this process."""
    path = tmp_path_factory.mktemp("histories") / "here.jsonl"
    write(path, record(Order(seeds=SEEDS)))
    return path


@pytest.fixture(scope="module")
def recorded_on(tmp_path_factory, recorded):
    """Histories of an interpreter; makes them once."""
    files = {f"3.{sys.version_info.minor}": recorded}

    def of(version: str) -> Path:
        if version not in files:
            path = tmp_path_factory.mktemp("histories") / f"{version}.jsonl"
            child(Order(seeds=SEEDS, write=str(path)), python=interpreter(version), hash_seed=0)
            files[version] = path
        return files[version]

    return of


def test_there_are_shapes_enough():
    assert len(SHAPES) >= 16


def test_the_file_holds_every_run(recorded):
    found = {(head.shape, head.seed): history for head, history in read(recorded)}
    assert len(found) == len(SHAPES) * len(SEEDS)
    for history in found.values():
        assert isinstance(history[-1], (h.ExecutionCompleted, h.ContinuedAsNew))
        assert getattr(history[-1], "status", "COMPLETED") == "COMPLETED"
        assert [event.seq for event in history] == list(range(1, len(history) + 1))


@pytest.mark.parametrize("hash_seed", [0, 4242, "random"])
def test_s74_another_process_does_the_same(recorded, hash_seed):
    report = child(
        Order(replay=[str(recorded)], seeds=SEEDS, noise=random.getrandbits(32)), hash_seed=hash_seed
    )
    assert report.diverged == {str(recorded): {}}
    assert report.recorded == {
        f"{head.shape} {head.seed}": digest(history) for head, history in read(recorded)
    }


@pytest.mark.parametrize("version", OTHERS)
def test_s75_an_interpreter_replays_its_own_histories(recorded_on, version):
    own = recorded_on(version)
    order = Order(replay=[str(own)], seeds=SEEDS, noise=random.getrandbits(32))
    report = child(order, python=interpreter(version), hash_seed=4242)
    assert report.python.startswith(version)
    assert report.diverged == {str(own): {}}
    assert report.recorded == {f"{head.shape} {head.seed}": digest(history) for head, history in read(own)}


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_s75_interpreters_differ_where_asyncio_does_and_nowhere_else(recorded_on, version):
    others = [other for other in ("3.11", "3.12", "3.13") if other != version]
    files = {other: recorded_on(other) for other in others}
    report = child(
        Order(replay=[str(file) for file in files.values()]), python=interpreter(version), hash_seed=7
    )
    for other, file in files.items():
        assert set(report.diverged[str(file)]) == DIFFERENT[frozenset({version, other})], report.diverged


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_s73_batching_affects_the_clock_and_nothing_else(shape, seed):
    # With a clock that stands still between timers, the same messages in other turns are the same history.
    world = World(shape, seed, still=True)
    first = without_turns(world.play())
    chance = random.Random(seed)
    messages = world.handled
    for most in (1, 2, len(messages)):
        cuts = sorted({0, len(messages), *chance.sample(range(len(messages)), len(messages) // most)})
        batches = [messages[start:end] for start, end in pairwise(cuts)]
        again = World(shape, seed, still=True).play_again(batches)
        assert without_turns(again) == first


@pytest.mark.semantics(74)
def test_planted_bugs_are_found(tmp_path):
    path = tmp_path / "planted.jsonl"
    write(path, record(Order(seeds=SEEDS, planted=True)))
    found: set[str] = set()
    for hash_seed in (11, 12):
        order = Order(replay=[str(path)], planted=True, noise=hash_seed)
        found |= set(child(order, hash_seed=hash_seed).diverged[str(path)])
    assert found == set(replayer.shapes(planted=True))


@pytest.mark.parametrize(
    ("rule", "shapes"),
    [("numbers", {"group_whose_branch_fails", "nested_groups"}), ("scopes", {"scopes_in_scopes"})],
)
def test_s74_without_a_rule_of_the_loop_shapes_diverge(recorded, rule, shapes):
    assert rule in BREAK
    found: set[str] = set()
    for noise in (1, 2, 3):
        order = Order(replay=[str(recorded)], broken=rule, noise=noise)
        found |= set(child(order, hash_seed=0).diverged[str(recorded)])
    assert found >= shapes


def test_s73_results_are_fed_one_by_one():
    async def step(name: str) -> None:
        await fetch(name)

    @workflow
    async def two() -> None:
        async def deep(name: str) -> None:
            await asyncio.create_task(step(name))  # takes longer to wake up
            await fetch(f"{name} next")

        async def flat(name: str) -> None:
            await fetch(name)
            await fetch(f"{name} next")

        await asyncio.gather(flat("b"), deep("a"))

    runs = [Run(two), Run(two)]
    for run in runs:
        assert run.start() == ['#1 fetch("b")', '#2 fetch("a")']
    first, second = completed(2), completed(1)
    assert runs[0].turn(first, second) == ['#3 fetch("a next")', '#4 fetch("b next")']
    # What the rule is for: taken in together, they would go another way.
    execution = runs[1].execution
    execution._actions = []
    execution._deliver(first)
    assert [say(action) for action in execution.feed(second)] == ['#3 fetch("b next")', '#4 fetch("a next")']
    for run in runs:
        run.execution.evict()
