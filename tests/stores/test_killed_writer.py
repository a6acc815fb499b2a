"""A killed writer loses nothing that was acknowledged, and leaves no half batch.

Risk proof 3, second half. A process commits the batches of `samples.script` and
tells of each one behind the commit. It is killed with SIGKILL at a random moment,
be it while opening, replaying its log or checkpointing. The store must then stand
exactly at the end of a batch, at or just behind the last one told of, and hold
what the memory store holds there. ``KILLS=100 pytest tests/stores/test_killed_writer.py``
kills each of the writers a hundred times, and `make kills` the journal's 500 times altogether.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from nbflow.stores.duckdb import DuckDBStore
from nbflow.stores.journal.store import JournalStore
from nbflow.stores.memory import MemoryStore
from tests.stores.conftest import KEY
from tests.stores.processes import child, lines
from tests.stores.samples import contents, script

ROUNDS = int(os.environ.get("KILLS", "10"))
SEEDS = range(5)


def killed_at_a_random_moment(process: subprocess.Popen[str], random: Random, most: float) -> list[int]:
    """Kill a writer after so many seconds at the most, and return what it has acknowledged."""
    if random.random() < 0.75:
        opened = lines(process).readline()
        assert opened == "open\n", process.communicate()
    try:
        process.wait(timeout=random.uniform(0, most))
    except subprocess.TimeoutExpired:
        process.kill()
    # Not `communicate`: what the line before has taken from the pipe beyond itself would be lost.
    told = lines(process).read()
    assert process.wait() == -9, process.stderr and process.stderr.read()
    # A kill can cut the last line short; what isn't a whole line was not acknowledged.
    return [int(line) for line in told.splitlines(keepends=True) if line.endswith("\n") and line != "open\n"]


@pytest.mark.slow
@pytest.mark.timeout(300 + 20 * ROUNDS)
@pytest.mark.semantics(67)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ["duckdb", "journal", "relaxed"])
def test_every_acknowledged_batch_survives(tmp_path: Path, kind: str, seed: int) -> None:
    path = tmp_path / "history.duckdb"
    random = Random(f"kill {seed}")
    oracle, batches = MemoryStore(), script(seed)
    oracle.open()
    reached = written = 0
    for number in range(ROUNDS):
        most = 0.25 if written >= 2 * number else 2.0  # a computer that has much else to do writes little
        with child("write", kind, path, seed) as process:
            told = killed_at_a_random_moment(process, random, most)
        acknowledged = max([reached, *told])
        written += len(told)
        store = DuckDBStore(path, key=KEY) if kind == "duckdb" else JournalStore(path, key=KEY)
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
@pytest.mark.parametrize("kind", ["duckdb", "journal"])
def test_there_is_a_sync_for_each_acknowledged_commit(tmp_path: Path, kind: str) -> None:
    strace = shutil.which("strace")
    assert strace, "this test needs strace: apt-get install strace"
    trace = tmp_path / "trace"
    calls = "trace=fsync,fdatasync,sync_file_range,msync,write"
    under = (strace, "-f", "-y", "-s", "40", "-o", str(trace), "-e", calls)
    with child("write", kind, tmp_path / "history.duckdb", 1, 40, under=under) as process:
        told, complaints = process.communicate()
    assert process.returncode == 0, complaints
    assert len(told.splitlines()) == 41, told
    syncs_before: list[int] = []
    syncs = 0
    for line in trace.read_text().splitlines():
        # The journal's own, and not what the loader does meanwhile.
        file = "history.duckdb.journal/" if kind == "journal" else "history.duckdb"
        if ("fdatasync(" in line or "fsync(" in line) and file in line:
            syncs += 1
        elif " write(1<" in line:
            syncs_before.append(syncs)
            syncs = 0
    assert len(syncs_before) == 41, "the acknowledgements were not traced"
    # The first line tells that it is open.
    assert min(syncs_before[1:]) >= 1, f"an acknowledgement without a sync before it: {syncs_before}"
