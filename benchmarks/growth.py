"""How much a full store costs: opening it, the first run in it, a step. ``python -m benchmarks.growth``.

``--size`` is the number of rows of history of other runs, which have all ended.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from benchmarks.engines.nbflow import Nbflow
from benchmarks.program import tell
from benchmarks.stores import with_rows

STEPS = 300


def main() -> None:
    """Measure, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--options", type=json.loads, default={})
    asked = parser.parse_args()
    path = asked.folder / "history.duckdb"
    with_rows(asked.size, path)
    began = time.perf_counter()
    with Nbflow().open(asked.folder, asked.options) as session:
        opened = time.perf_counter()
        session.sequence(1)
        first = time.perf_counter()
        session.sequence(20)
        warm = time.perf_counter()
        session.sequence(STEPS)
        ended = time.perf_counter()
    details = {
        "opening_ms": (opened - began) * 1e3,
        "first_run_ms": (first - opened) * 1e3,
        "file_mb": path.stat().st_size / 1e6,
    }
    tell({"figure": (ended - warm) / STEPS * 1e3, "unit": "ms/step", "details": details})


if __name__ == "__main__":
    main()
