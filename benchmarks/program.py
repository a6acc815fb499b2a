"""The program that measures one workload with one engine, in a process of its own: one JSON line on stdout.

``python -m benchmarks.engines.nbflow sequence --size 1000 --folder F`` and so on. ``wait`` is the exception: it says
``waiting`` once all its runs wait, and then waits itself, to be killed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks import workloads
from benchmarks.workloads import Engine, Figure

Workload = Callable[[Engine, Path, int, Mapping[str, Any]], Figure]

WORKLOADS: Mapping[str, Workload] = {
    "sequence": workloads.sequence,
    "fan_out": workloads.fan_out,
    "many": workloads.many,
    "latency": workloads.latency,
    "answer": workloads.after_the_kill,
    "memory": workloads.memory,
}


def main(engine: Engine) -> None:
    """Measure what the command line says."""
    imports = since_the_process_began()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workload", choices=[*WORKLOADS, "wait", "facts"])
    parser.add_argument("--size", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--options", type=json.loads, default={}, help="settings of the engine, as JSON")
    asked = parser.parse_args()
    if asked.workload == "facts":
        tell(engine.facts())
        return
    if asked.workload == "wait":
        with engine.open(asked.folder, asked.options) as session:
            session.wait(0, asked.size)
            print("waiting", flush=True)
            sys.stdin.read()  # for ever: whoever started this kills it
        return
    found = WORKLOADS[asked.workload](engine, asked.folder, asked.size, asked.options)
    tell(asdict(replace(found, details={**found.details, "imports": imports})))


def tell(what: Mapping[str, Any]) -> None:
    """One line of JSON, the last on stdout."""
    print(json.dumps(what), flush=True)


def since_the_process_began() -> float:
    """Seconds of the interpreter's start and all imports, to 10 ms; 0 where the system doesn't tell."""
    stat = Path("/proc/self/stat")
    if not stat.exists():
        return 0.0
    started = int(stat.read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started
