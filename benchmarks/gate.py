"""How long the gate at the cell takes: ``python -m benchmarks.gate``.

A thousand runs in flight wait for an event, each behind a few activities; half of them fit the
changed code. What is measured is what a cell waits for: reading all histories from DuckDB, replaying
them, and the verdicts. Prints the median and the range of some rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from nbflow import WorkflowContext, WorkflowRuntime, activity, workflow
from nbflow.core.fitting import Diverges, Fits


@activity
async def weigh(sku: str) -> int:
    return len(sku)


@workflow(name="order")
async def before(ctx: WorkflowContext, sku: str) -> int:
    grams = await asyncio.gather(*(weigh(f"{sku}{part}") for part in "abc"))
    await ctx.wait_for_external_event("approval")
    return sum(grams)


@workflow(name="order")
async def after(ctx: WorkflowContext, sku: str) -> int:
    grams = await asyncio.gather(*(weigh(f"{sku.lower()}{part}") for part in "abc"))
    await ctx.wait_for_external_event("approval")
    return sum(grams) + 1


def main() -> None:
    """Measure, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, WorkflowRuntime(Path(folder) / "gate.duckdb") as runtime:
        skus = ["tea" if number % 2 else "TEA" for number in range(options.runs)]
        runs = [runtime.client.schedule_new_workflow(before, input=sku) for sku in skus]
        while any("approval" not in " ".join(run.state().waits_for) for run in runs):
            time.sleep(0.1)
        runtime.register(after)
        seconds: list[float] = []
        for _ in range(options.rounds):
            began = time.perf_counter()
            report = runtime.code.gate("order")
            seconds.append(time.perf_counter() - began)
        fit, parted = len(report.of(Fits)), len(report.of(Diverges))
        assert fit + parted == options.runs
        print(
            f"{options.runs} runs in flight: {fit} fit, {parted} would diverge; {statistics.median(seconds):.2f} s "
            f"({min(seconds):.2f}-{max(seconds):.2f} s in {options.rounds} rounds)"
        )


if __name__ == "__main__":
    main()
