"""W1 to W6 with Temporal's dev server: ``python -m benchmarks.engines.temporal``.

The server writes into a SQLite file and is a process beside this one, started and ended with it. The worker runs
workflows without the sandbox, which costs time; options: ``activities`` (remote or local).
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Coroutine, Generator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from benchmarks.program import main
from benchmarks.workloads import ACTIVITIES

SERVER = Path(sys.executable).with_name("temporal")
QUEUE = "bench"
SOON = timedelta(seconds=60)


@activity.defn
async def one(number: int) -> int:
    return number + 1


@workflow.defn
class Sequential:
    @workflow.run
    async def run(self, steps: int, is_local: bool) -> int:
        total = 0
        for _ in range(steps):
            if is_local:
                total = await workflow.execute_local_activity(one, total, start_to_close_timeout=SOON)
            else:
                total = await workflow.execute_activity(one, total, start_to_close_timeout=SOON)
        return total


@workflow.defn
class Parallel:
    @workflow.run
    async def run(self, width: int) -> int:
        calls = [
            workflow.execute_activity(one, number, start_to_close_timeout=SOON) for number in range(width)
        ]
        return sum(await asyncio.gather(*calls))


_waiting: set[int] = set()
_more = threading.Event()


@workflow.defn
class Waiting:
    def __init__(self) -> None:
        self._go: int | None = None

    @workflow.run
    async def run(self, number: int) -> int:
        _waiting.add(number)
        _more.set()
        await workflow.wait_condition(lambda: self._go is not None)
        return number + (self._go or 0)

    @workflow.signal
    def go(self, value: int) -> None:
        self._go = value


class TemporalSession:
    """A client of the dev server; the worker's loop runs while something is waited for."""

    def __init__(self, client: Client, runner: asyncio.Runner, is_local: bool) -> None:
        self._client, self._runner, self._is_local = client, runner, is_local
        self._count = 0

    def sequence(self, steps: int) -> None:
        assert self._run(self._sequence(steps)) == steps

    def fan_out(self, width: int) -> None:
        work = self._client.execute_workflow(Parallel.run, width, id=self._id(), task_queue=QUEUE)
        assert self._run(work) == width * (width + 1) // 2

    def many(self, runs: int) -> None:
        async def all_of_them() -> list[int]:
            return await asyncio.gather(*[self._sequence(ACTIVITIES) for _ in range(runs)])

        assert self._run(all_of_them()) == [ACTIVITIES] * runs

    def wait(self, first: int, runs: int) -> None:
        async def start(number: int) -> None:
            await self._client.start_workflow(Waiting.run, number, id=f"wait-{number}", task_queue=QUEUE)

        async def all_of_them() -> None:
            await asyncio.gather(*[start(number) for number in range(first, first + runs)])
            while len(_waiting) < first + runs:
                await asyncio.to_thread(_more.wait)
                _more.clear()

        self._run(all_of_them())

    def answer(self, runs: int) -> None:
        async def answered(number: int) -> int:
            handle = self._client.get_workflow_handle_for(Waiting.run, f"wait-{number}")
            await handle.signal(Waiting.go, 1)
            return await handle.result()

        async def all_of_them() -> list[int]:
            return await asyncio.gather(*[answered(number) for number in range(runs)])

        assert self._run(all_of_them()) == [number + 1 for number in range(runs)]

    async def _sequence(self, steps: int) -> int:
        return await self._client.execute_workflow(
            Sequential.run, args=[steps, self._is_local], id=self._id(), task_queue=QUEUE
        )

    def _id(self) -> str:
        self._count += 1
        return f"run-{self._count}"

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(work)


class Temporal:
    """The dev server with a file, at its defaults."""

    name = "temporal"

    @contextmanager
    def open(self, folder: Path, options: Mapping[str, Any]) -> Generator[TemporalSession]:
        with asyncio.Runner() as runner:
            environment, worker = runner.run(_started(folder))
            yield TemporalSession(environment.client, runner, options.get("activities") == "local")
            runner.run(_ended(environment, worker))

    def facts(self) -> dict[str, str]:
        said = subprocess.run([SERVER, "--version"], capture_output=True, text=True, check=True)
        return {"temporalio": version("temporalio"), "server": said.stdout.strip()}


async def _started(folder: Path) -> tuple[WorkflowEnvironment, Worker]:
    environment = await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(SERVER),
        dev_server_database_filename=str(folder / "temporal.sqlite"),
        dev_server_log_level="error",
    )
    worker = Worker(
        environment.client,
        task_queue=QUEUE,
        workflows=[Sequential, Parallel, Waiting],
        activities=[one],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    await worker.__aenter__()
    return environment, worker


async def _ended(environment: WorkflowEnvironment, worker: Worker) -> None:
    await worker.__aexit__(None, None, None)
    await environment.shutdown()


if __name__ == "__main__":
    main(Temporal())
    os._exit(0)  # its native threads sometimes crash while the interpreter ends
