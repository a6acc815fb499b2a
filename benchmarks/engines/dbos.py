"""W1 to W6 with DBOS Transact on SQLite: ``python -m benchmarks.engines.dbos``.

Threads where they are quicker, asyncio where threads can't: activities at once, and a thousand runs that wait. It
looks for messages every 2 ms (by default every second).
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import sqlalchemy
from dbos import DBOS, SetWorkflowID

from benchmarks.program import main
from benchmarks.workloads import ACTIVITIES

POLL = 0.002


@DBOS.step()
def one(number: int) -> int:
    return number + 1


@DBOS.step()
async def one_on_the_loop(number: int) -> int:
    return number + 1


@DBOS.workflow()
def sequential(steps: int) -> int:
    total = 0
    for _ in range(steps):
        total = one(total)
    return total


@DBOS.workflow()
async def parallel(width: int) -> int:
    return sum(await asyncio.gather(*[one_on_the_loop(number) for number in range(width)]))


_waiting: set[int] = set()  # those of this process that have come so far
_more = threading.Event()


@DBOS.workflow()
async def waiting(number: int) -> int:
    _waiting.add(number)
    _more.set()
    return number + await DBOS.recv_async("go", timeout_seconds=86_400)


class DbosSession:
    """The one DBOS of this process."""

    def sequence(self, steps: int) -> None:
        assert DBOS.start_workflow(sequential, steps).get_result(polling_interval_sec=POLL) == steps

    def fan_out(self, width: int) -> None:
        handle = DBOS.start_workflow(parallel, width)
        assert handle.get_result(polling_interval_sec=POLL) == width * (width + 1) // 2

    def many(self, runs: int) -> None:
        handles = [DBOS.start_workflow(sequential, ACTIVITIES) for _ in range(runs)]
        for handle in handles:
            assert handle.get_result(polling_interval_sec=POLL) == ACTIVITIES

    def wait(self, first: int, runs: int) -> None:
        for number in range(first, first + runs):
            with SetWorkflowID(f"wait-{number}"):
                DBOS.start_workflow(waiting, number)
        while len(_waiting) < first + runs:
            _more.wait()
            _more.clear()

    def answer(self, runs: int) -> None:
        for number in range(runs):
            DBOS.send(f"wait-{number}", 1, "go")
        for number in range(runs):
            handle = DBOS.retrieve_workflow(f"wait-{number}")
            assert handle.get_result(polling_interval_sec=POLL) == number + 1


class Dbos:
    """One SQLite file at the library's defaults."""

    name = "dbos"

    @contextmanager
    def open(self, folder: Path, _options: Mapping[str, Any]) -> Generator[DbosSession]:
        DBOS(
            config={
                "name": "bench",
                "system_database_url": f"sqlite:///{folder}/dbos.sqlite",
                "log_level": "WARNING",
                "notification_listener_polling_interval_sec": POLL,
            }
        )
        DBOS.launch()
        yield DbosSession()
        DBOS.destroy()

    def facts(self) -> dict[str, str]:
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{folder}/dbos.sqlite"
            with self.open(Path(folder), {}), sqlalchemy.create_engine(url).connect() as connection:
                settings = {
                    name: str(connection.execute(sqlalchemy.text(f"pragma {name}")).scalar())
                    for name in ("journal_mode", "synchronous")
                }
        return {"dbos": version("dbos"), "sqlite": sqlite3.sqlite_version, **settings}


if __name__ == "__main__":
    main(Dbos())
