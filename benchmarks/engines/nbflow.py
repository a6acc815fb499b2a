"""W1 to W6 with nbflow: ``python -m benchmarks.engines.nbflow``."""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.program import main
from benchmarks.workloads import ACTIVITIES
from nbflow import WorkflowContext, WorkflowRuntime, activity, workflow

STARTERS = 64
"""Threads that start runs side by side, so that one commit takes the starts of many."""


@activity
def one(number: int) -> int:
    return number + 1


@activity
async def one_on_the_loop(number: int) -> int:
    return number + 1


@workflow
async def sequential(steps: int) -> int:
    total = 0
    for _ in range(steps):
        total = await one(total)
    return total


@workflow
async def sequential_on_the_loop(steps: int) -> int:
    total = 0
    for _ in range(steps):
        total = await one_on_the_loop(total)
    return total


@workflow
async def parallel(width: int) -> int:
    return sum(await asyncio.gather(*[one(number) for number in range(width)]))


@workflow
async def waiting(ctx: WorkflowContext, number: int) -> int:
    return number + await ctx.wait_for_external_event("go", data_type=int)


DEFINITIONS = (one, one_on_the_loop, sequential, sequential_on_the_loop, parallel, waiting)


class NbflowSession:
    """A runtime, asked by its client."""

    def __init__(self, runtime: WorkflowRuntime, activities: str) -> None:
        self.runtime, self.client = runtime, runtime.client
        self._sequential = sequential if activities == "threads" else sequential_on_the_loop

    def sequence(self, steps: int) -> None:
        assert self.client.schedule_new_workflow(self._sequential, input=steps).result() == steps

    def fan_out(self, width: int) -> None:
        total = self.client.schedule_new_workflow(parallel, input=width).result()
        assert total == width * (width + 1) // 2

    def many(self, runs: int) -> None:
        handles = self.client.schedule_new_workflows(self._sequential, [ACTIVITIES] * runs)
        assert self.client.results(handles) == [ACTIVITIES] * runs

    def wait(self, first: int, runs: int) -> None:
        def start(number: int) -> None:
            self.client.schedule_new_workflow(waiting, input=number, instance_id=f"wait-{number}")

        with self._told(runs, "EventWaitCreated") as all_wait, ThreadPoolExecutor(STARTERS) as starters:
            list(starters.map(start, range(first, first + runs)))
            all_wait()

    def answer(self, runs: int) -> None:
        raised = [self.client.raise_encoded_event(f"wait-{number}", "go", "1") for number in range(runs)]
        for future in raised:
            future.result()
        answers = self.client.results(f"wait-{number}" for number in range(runs))
        assert answers == [number + 1 for number in range(runs)]

    @contextmanager
    def _told(self, count: int, kind: str) -> Generator[Callable[[], object]]:
        """Gives a function that returns once so many events of a kind are durable."""
        seen, enough = 0, threading.Event()

        def news(_: object, events: Sequence[object]) -> None:
            nonlocal seen
            seen += sum(type(event).__name__ == kind for event in events)
            if seen >= count:
                enough.set()

        unsubscribe = self.runtime.subscribe(None, news)
        try:
            yield enough.wait
        finally:
            unsubscribe()


class Nbflow:
    """A store in one file.

    Options: ``activities`` (threads or loop), ``rows`` of history that are there before, and those of `WorkflowRuntime`.
    """

    name = "nbflow"

    @contextmanager
    def open(self, folder: Path, options: Mapping[str, Any]) -> Generator[NbflowSession]:
        os.environ.setdefault("NBFLOW_KEY_FILE", str(folder / "key"))  # not the user's own
        settings = dict(options)
        activities = settings.pop("activities", "threads")
        path = folder / "history.duckdb"
        if rows := settings.pop("rows", 0):
            from benchmarks.stores import with_rows  # which takes this module's definitions

            with_rows(rows, path)
        with WorkflowRuntime(path, definitions=DEFINITIONS, **settings) as runtime:
            yield NbflowSession(runtime, activities)

    def facts(self) -> dict[str, str]:
        modes = "full, relaxed" if "durability" in inspect.signature(WorkflowRuntime).parameters else "full"
        return {"nbflow": version("nbflow"), "duckdb": duckdb.__version__, "durability": modes}


if __name__ == "__main__":
    main(Nbflow())
