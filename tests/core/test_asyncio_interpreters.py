"""What asyncio and anyio offer is the same on every Python, but for what docs/asyncio.md says."""

import json
import os
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from nbflow.core import history as h
from tests.core.constructs import load
from tests.core.replayer import Order, read
from tests.core.test_determinism import ROOT, interpreter

VERSIONS = ["3.11", "3.12", "3.13"]
CONSTRUCTS = load()

Played = Callable[[str], Path]


def child(version: str, order: Order) -> dict[str, dict[str, str]]:
    done = subprocess.run(
        [interpreter(version), "-W", "error", "-m", "tests.core.construct_runs"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "random", "PYTHONPATH": str(ROOT)},
        input=msgspec.json.encode(order),
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Where an interpreter's runs of all constructs are; makes them once."""
    files: dict[str, Path] = {}

    def of(version: str) -> Path:
        if version not in files:
            files[version] = tmp_path_factory.mktemp("played") / f"{version}.jsonl"
            child(version, Order(seeds=[1, 2, 3], write=str(files[version])))
        return files[version]

    return of


@pytest.mark.parametrize("version", VERSIONS)
def test_each_python_gives_what_the_table_says(played: Played, version: str) -> None:
    ends = {head.shape: history[-1] for head, history in read(played(version)) if head.seed == 0}
    minor = (3, int(version.partition(".")[2]))
    assert set(ends) == {name for name, construct in CONSTRUCTS.items() if construct.since <= minor}
    for name, end in ends.items():
        construct = CONSTRUCTS[name]
        assert isinstance(end, h.ExecutionCompleted)
        if construct.verdict == "refused":
            assert end.failure is not None, name
            assert (end.failure.type, construct.says in end.failure.message) == (construct.error, True), name
            assert end.failure.frames[-1].text.endswith("# here"), end.failure.stack_trace
        else:
            assert end.failure is None, end.failure.stack_trace
            assert msgspec.json.decode(end.output or "") == construct.result, name


@pytest.mark.semantics(74)
@pytest.mark.semantics(75)
@pytest.mark.parametrize("version", VERSIONS)
def test_histories_replay_on_every_python_but_where_the_table_says_otherwise(
    played: Played, version: str
) -> None:
    files = {other: played(other) for other in VERSIONS}
    noise = random.getrandbits(32)
    diverged = child(version, Order(replay=[str(file) for file in files.values()], noise=noise))
    for other, file in files.items():
        expected = {
            name
            for name, construct in CONSTRUCTS.items()
            if other != version and construct.other_order_on in (version, other)
        }
        assert set(diverged[str(file)]) == expected, diverged[str(file)]
