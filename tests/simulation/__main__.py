"""`make simulate`: as many seeds as there is time for, on all cores, until one breaks an invariant."""

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator

from nbflow.testing import SimulationReport
from nbflow.testing.simulation.faults import Tally
from tests.simulation.test_seeds import NAMES, simulator

CHUNK = 20


def simulate(chunk: tuple[str, range]) -> tuple[str, SimulationReport]:
    name, seeds = chunk
    return name, simulator(name).run(seeds)


def chunks(names: list[str], seeds: range) -> Iterator[tuple[str, range]]:
    """Each seed with one workload, as the tests have it, in chunks of one workload."""
    for first in range(seeds.start, seeds.stop, CHUNK * len(names)):
        for name in names:
            start = first + (NAMES.index(name) - first) % len(NAMES) if len(names) > 1 else first
            yield name, range(start, min(first + CHUNK * len(names), seeds.stop), len(names))


def main() -> int:
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20_000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument(
        "--only", choices=NAMES, help="one workload, with every seed; all by turns if not given"
    )
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.seeds)
    names = [options.only] if options.only else NAMES
    tally, done, began = Tally(), 0, time.monotonic()
    with multiprocessing.Pool() as pool:
        for name, report in pool.imap_unordered(simulate, chunks(names, seeds)):
            if not report.ok:
                print(
                    f"\n{name}: {report}\n\nonly this one: make simulate ONLY={name} FIRST={report.seed} SEEDS=1"
                )
                return 1
            done += report.count
            tally.add(report.tally)
            rate = done / (time.monotonic() - began)
            line = f"{done} of {len(seeds)} seeds, {rate:.0f} a second: {tally}"
            print(
                f"\r{line}" if sys.stdout.isatty() else line,
                end="" if sys.stdout.isatty() else "\n",
                flush=True,
            )
    print(f"\n{done} seeds on {os.cpu_count()} cores, and every invariant held")
    return 0


if __name__ == "__main__":
    sys.exit(main())
