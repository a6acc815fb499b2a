"""W1 to W6 with unhinged: ``python -m benchmarks.engines.unhinged``.

Its asyncio half, which is the quicker one: a worker for 100 tasks that looks for work every 2 ms (by default 250),
and results looked for as often (by default 50 ms and more). Many tasks are spawned, and many events emitted, in one
transaction.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Coroutine, Generator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import unhinged
from unhinged import AsyncTaskContext, AsyncUnhinged

from benchmarks.program import main
from benchmarks.workloads import ACTIVITIES

POLL = 0.002


def one(number: int) -> int:
    return number + 1


async def sequential(steps: int, ctx: AsyncTaskContext) -> int:
    total = 0
    for _ in range(steps):
        total = await ctx.step("one", partial(one, total))
    return total


async def parallel(width: int, ctx: AsyncTaskContext) -> int:
    return sum(await asyncio.gather(*[ctx.step(f"one-{i}", partial(one, i)) for i in range(width)]))


async def waiting(number: int, ctx: AsyncTaskContext) -> int:
    return number + await ctx.await_event(f"go-{number}")


class UnhingedSession:
    """A worker in this process's loop, which runs while something is waited for."""

    def __init__(self, app: AsyncUnhinged, runner: asyncio.Runner, ids: Path) -> None:
        self.app, self._runner, self._ids = app, runner, ids

    def sequence(self, steps: int) -> None:
        assert self._run(self._result(self._spawn("sequential", steps))) == steps

    def fan_out(self, width: int) -> None:
        assert self._run(self._result(self._spawn("parallel", width))) == width * (width + 1) // 2

    def many(self, runs: int) -> None:
        with self.app.engine.transaction():
            task_ids = [self._spawn("sequential", ACTIVITIES) for _ in range(runs)]
        for task_id in task_ids:
            assert self._run(self._result(task_id)) == ACTIVITIES

    def wait(self, first: int, runs: int) -> None:
        with self.app.engine.transaction():
            task_ids = [self._spawn("waiting", number) for number in range(first, first + runs)]
        for task_id in task_ids:
            self._run(self._result(task_id, state="sleeping"))
        self._ids.write_text(json.dumps(task_ids))

    def answer(self, runs: int) -> None:
        with self.app.engine.transaction():
            for number in range(runs):
                self.app.emit_event(f"go-{number}", 1)
        for number, task_id in enumerate(json.loads(self._ids.read_text())):
            assert self._run(self._result(task_id)) == number + 1

    def _spawn(self, name: str, value: int) -> str:
        return self.app.spawn(name, value)["task_id"]

    async def _result(self, task_id: str, state: str = "completed") -> Any:
        while True:
            found = self.app.fetch_task_result(task_id)
            assert found is not None
            if found.state == state:
                return found.result
            assert not found.terminal, found
            await asyncio.sleep(POLL)

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(work)


class Unhinged:
    """One SQLite file at the library's defaults."""

    name = "unhinged"

    @contextmanager
    def open(self, folder: Path, _options: Mapping[str, Any]) -> Generator[UnhingedSession]:
        app = AsyncUnhinged(str(folder / "unhinged.db"))
        for handler in (sequential, parallel, waiting):
            app.register_task(handler.__name__)(handler)
        with asyncio.Runner() as runner:
            worker = runner.run(_begun(app))
            yield UnhingedSession(app, runner, folder / "ids.json")
            app.stop_worker()
            runner.run(_ended(worker))
        app.close()

    def facts(self) -> dict[str, str]:
        app = AsyncUnhinged(":memory:")
        settings = {
            name: str(app.engine.connection.execute(f"pragma {name}").fetchone()[0])
            for name in ("synchronous", "fullfsync")
        }
        return {"unhinged": unhinged.__version__, "sqlite": sqlite3.sqlite_version, **settings}


async def _begun(app: AsyncUnhinged) -> asyncio.Task[None]:
    return asyncio.create_task(app.start_worker(concurrency=100, poll_interval=POLL))


async def _ended(worker: asyncio.Task[None]) -> None:
    await worker


if __name__ == "__main__":
    main(Unhinged())
