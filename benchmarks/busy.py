"""W7: how soon a cell is done while the kernel runs W3: ``python -m benchmarks.busy``.

``--size`` is the number of empty cells. Runs of three activities are started by the hundred on a thread of the kernel,
from before the first cell to after the last.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

from benchmarks.kernels import Kernel, kernel
from benchmarks.program import tell
from benchmarks.workloads import percentile

PAUSE = 0.01
"""Seconds between a cell's end and the next: a person is slower still."""

ONE = """%%activity
def one(number: int) -> int:
    return number + 1
"""
THREE = """%%workflow
async def three(number: int) -> int:
    for _ in range(3):
        number = await one(number)
    return number
"""
BEGIN = """
import nbflow, threading
from concurrent.futures import ThreadPoolExecutor
client, done, stop = nbflow.client(), 0, threading.Event()

def many():
    global done
    with ThreadPoolExecutor(64) as starters:
        while not stop.is_set():
            start = lambda number: client.schedule_new_workflow(three, input=number)
            for handle in list(starters.map(start, range(500))):
                handle.result()
                done += 1

busy = threading.Thread(target=many)
busy.start()
"""


def main() -> None:
    """Measure, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--options", type=json.loads, default={})
    asked = parser.parse_args()
    with kernel(asked.folder) as running:
        for cell in ("%load_ext nbflow", ONE, THREE):
            running.run(cell)
        idle = cells(running, 50)
        running.run(BEGIN)
        began = time.perf_counter()
        busy = cells(running, asked.size)
        seconds = time.perf_counter() - began
        _, came = running.run("print(done)")
        runs = int(next(each["content"]["text"] for each in came if each["msg_type"] == "stream"))
        running.run("stop.set(); busy.join()")
    details = {
        "p99": percentile(busy, 99),
        "max": max(busy),
        "idle": statistics.median(idle),
        "workflows_per_s": runs / seconds,
    }
    tell({"figure": statistics.median(busy), "unit": "ms", "details": details})


def cells(running: Kernel, count: int) -> list[float]:
    """Milliseconds that each of so many empty cells takes."""
    times: list[float] = []
    for _ in range(count):
        times.append(running.run("pass")[0] * 1e3)
        time.sleep(PAUSE)
    return times


if __name__ == "__main__":
    main()
