"""A killed writer loses nothing that was acknowledged, and leaves no half batch.

Risk proof 3, second half. A process commits the batches of `samples.script` and
tells of each one behind the commit. It is killed with SIGKILL at a random moment,
be it while opening, replaying its log or checkpointing. The store must then stand
exactly at the end of a batch, at or just behind the last one told of, and hold
what the memory store holds there.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from nbflow.stores.duckdb import DuckDBStore
from nbflow.stores.memory import MemoryStore
from tests.stores.conftest import KEY
from tests.stores.processes import child, lines
from tests.stores.samples import contents, script

ROUNDS = 10


def killed_at_a_random_moment(process: subprocess.Popen[str], random: Random, most: float) -> list[int]:
    """Kill a writer after so many seconds at the most, and return what it has acknowledged."""
    if random.random() < 0.75:
        opened = lines(process).readline()
        assert opened == "open\n", process.communicate()
    try:
        process.wait(timeout=random.uniform(0, most))
    except subprocess.TimeoutExpired:
        process.kill()
    told, complaints = process.communicate()
    assert process.returncode == -9, complaints
    # A kill can cut the last line short; what isn't a whole line was not acknowledged.
    return [int(line) for line in told.splitlines(keepends=True) if line.endswith("\n") and line != "open\n"]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.semantics(67)
@pytest.mark.parametrize("seed", range(5))
def test_every_acknowledged_batch_survives(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "history.duckdb"
    random = Random(f"kill {seed}")
    oracle, batches = MemoryStore(), script(seed)
    oracle.open()
    reached = written = 0
    for number in range(ROUNDS):
        most = 0.25 if written >= 2 * number else 2.0  # a computer that has much else to do writes little
        with child("write", path, seed) as process:
            told = killed_at_a_random_moment(process, random, most)
        acknowledged = max([reached, *told])
        written += len(told)
        store = DuckDBStore(path, key=KEY)
        store.open()
        there = store.commit([])
        where = f"seed {seed}, round {number}: the store is at {there}, acknowledged was {acknowledged}"
        assert there >= acknowledged, where
        while reached < there:
            assert reached <= acknowledged, f"more than one batch was not acknowledged; {where}"
            reached = oracle.commit(next(batches))
        assert reached == there, f"half a batch is there; {where}"
        assert contents(store) == contents(oracle), where
        assert store.audit(thorough=True) == [], where
        store.close()
    assert written > ROUNDS / 2, "the writer was killed before it wrote anything"


@pytest.mark.semantics(62)
@pytest.mark.skipif(sys.platform != "linux", reason="strace is a Linux tool")
def test_there_is_a_sync_for_each_acknowledged_commit(tmp_path: Path) -> None:
    strace = shutil.which("strace")
    assert strace, "this test needs strace: apt-get install strace"
    trace = tmp_path / "trace"
    calls = "trace=fsync,fdatasync,sync_file_range,msync,write"
    under = (strace, "-f", "-y", "-s", "40", "-o", str(trace), "-e", calls)
    with child("write", tmp_path / "history.duckdb", 1, 40, under=under) as process:
        told, complaints = process.communicate()
    assert process.returncode == 0, complaints
    assert len(told.splitlines()) == 41, told
    syncs_before: list[int] = []
    syncs = 0
    for line in trace.read_text().splitlines():
        if ("fdatasync(" in line or "fsync(" in line) and "history.duckdb" in line:
            syncs += 1
        elif " write(1<" in line:
            syncs_before.append(syncs)
            syncs = 0
    assert len(syncs_before) == 41, "the acknowledgements were not traced"
    assert min(syncs_before) >= 1, f"an acknowledgement without a sync before it: {syncs_before}"
