"""W1 to W6 with LangGraph's functional API: ``python -m benchmarks.engines.langgraph``.

With asyncio, which is its quicker half, and its checkpoints in SQLite. A run that waits is nothing but rows: it has
been interrupted, and whoever answers it invokes it again.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Coroutine, Generator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.func import entrypoint, task
from langgraph.types import Command, interrupt

from benchmarks.program import main
from benchmarks.workloads import ACTIVITIES


@task
async def one(number: int) -> int:
    return number + 1


async def sequential(steps: int) -> int:
    total = 0
    for _ in range(steps):
        total = await one(total)
    return total


async def parallel(width: int) -> int:
    return sum(await asyncio.gather(*[one(number) for number in range(width)]))


async def waiting(number: int) -> int:
    return number + interrupt("go")


class LanggraphSession:
    """Entrypoints on one saver."""

    def __init__(self, saver: AsyncSqliteSaver, runner: asyncio.Runner) -> None:
        self._runner, self._threads = runner, count()
        self._sequential = entrypoint(checkpointer=saver)(sequential)
        self._parallel = entrypoint(checkpointer=saver)(parallel)
        self._waiting = entrypoint(checkpointer=saver)(waiting)

    def sequence(self, steps: int) -> None:
        assert self._run(self._sequential.ainvoke(steps, self._thread())) == steps

    def fan_out(self, width: int) -> None:
        assert self._run(self._parallel.ainvoke(width, self._thread())) == width * (width + 1) // 2

    def many(self, runs: int) -> None:
        async def all_of_them() -> list[int]:
            return await asyncio.gather(
                *[self._sequential.ainvoke(ACTIVITIES, self._thread()) for _ in range(runs)]
            )

        assert self._run(all_of_them()) == [ACTIVITIES] * runs

    def wait(self, first: int, runs: int) -> None:
        async def all_of_them() -> None:
            numbers = range(first, first + runs)
            await asyncio.gather(*[self._waiting.ainvoke(n, self._thread(f"wait-{n}")) for n in numbers])

        self._run(all_of_them())

    def answer(self, runs: int) -> None:
        async def all_of_them() -> list[int]:
            answer = Command(resume=1)
            return await asyncio.gather(
                *[self._waiting.ainvoke(answer, self._thread(f"wait-{n}")) for n in range(runs)]
            )

        assert self._run(all_of_them()) == [number + 1 for number in range(runs)]

    def _thread(self, name: str = "") -> Any:
        return {"configurable": {"thread_id": name or f"run-{next(self._threads)}"}}

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(work)


class Langgraph:
    """One SQLite file at the library's defaults."""

    name = "langgraph"

    @contextmanager
    def open(self, folder: Path, _options: Mapping[str, Any]) -> Generator[LanggraphSession]:
        with asyncio.Runner() as runner:
            opened = AsyncSqliteSaver.from_conn_string(str(folder / "checkpoints.sqlite"))
            saver = runner.run(_entered(opened))
            yield LanggraphSession(saver, runner)
            runner.run(_left(opened))

    def facts(self) -> dict[str, str]:
        async def synchronous() -> str:
            async with AsyncSqliteSaver.from_conn_string(":memory:") as saver:
                await saver.setup()
                cursor = await saver.conn.execute("pragma synchronous")
                return str((await cursor.fetchone())[0])

        return {
            "langgraph": version("langgraph"),
            "langgraph-checkpoint-sqlite": version("langgraph-checkpoint-sqlite"),
            "sqlite": sqlite3.sqlite_version,
            "synchronous": asyncio.run(synchronous()),
        }


async def _entered(opened: Any) -> AsyncSqliteSaver:
    return await opened.__aenter__()


async def _left(opened: Any) -> None:
    await opened.__aexit__(None, None, None)


if __name__ == "__main__":
    main(Langgraph())
