"""W1 to W6 with Restate: ``python -m benchmarks.engines.restate``.

The server is a process beside this one, on ports of the loopback. It calls the workflows by HTTP/2; hypercorn serves
them on this process's loop, which runs while something is waited for.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Coroutine, Generator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import restate
from hypercorn.asyncio import serve
from hypercorn.config import Config

from benchmarks.peers import ENVIRONMENTS
from benchmarks.program import main
from benchmarks.workloads import ACTIVITIES

PATIENCE = 600
AT_ONCE = 100
"""Requests under way at once: the server's streams of a connection, roughly."""

sequential = restate.Workflow("sequential")
parallel = restate.Workflow("parallel")
waiting = restate.Workflow("waiting")


def one(number: int) -> int:
    return number + 1


@sequential.main("run")
async def run_sequential(ctx: restate.WorkflowContext, steps: int) -> int:
    total = 0
    for _ in range(steps):
        total = await ctx.run_typed("one", one, number=total)
    return total


@parallel.main("run")
async def run_parallel(ctx: restate.WorkflowContext, width: int) -> int:
    calls = [ctx.run_typed("one", one, number=number) for number in range(width)]
    return sum([await done for done in await restate.gather(*calls)])


_waiting: set[int] = set()
_more = asyncio.Event()


@waiting.main("run")
async def run_waiting(ctx: restate.WorkflowContext, number: int) -> int:
    _waiting.add(number)
    _more.set()
    return number + await ctx.promise("go", type_hint=int).value()


@waiting.handler("go")
async def go(ctx: restate.WorkflowSharedContext, value: int) -> None:
    await ctx.promise("go", type_hint=int).resolve(value)


class RestateSession:
    """A client of the server's ingress."""

    def __init__(self, http: httpx.AsyncClient, runner: asyncio.Runner) -> None:
        self._http, self._runner = http, runner
        self._names = count()

    def sequence(self, steps: int) -> None:
        assert self._run(self._called("sequential", steps)) == steps

    def fan_out(self, width: int) -> None:
        assert self._run(self._called("parallel", width)) == width * (width + 1) // 2

    def many(self, runs: int) -> None:
        results = self._run(_all(self._called("sequential", ACTIVITIES) for _ in range(runs)))
        assert results == [ACTIVITIES] * runs

    def wait(self, first: int, runs: int) -> None:
        async def all_of_them() -> None:
            numbers = range(first, first + runs)
            await _all(self._post(f"/waiting/wait-{number}/run/send", number) for number in numbers)
            while len(_waiting) < first + runs:
                await _more.wait()
                _more.clear()

        self._run(all_of_them())

    def answer(self, runs: int) -> None:
        async def answered(number: int) -> int:
            await self._post(f"/waiting/wait-{number}/go", 1)
            found = await self._http.get(f"/restate/workflow/waiting/wait-{number}/attach")
            return found.raise_for_status().json()

        results = self._run(_all(answered(number) for number in range(runs)))
        assert results == [number + 1 for number in range(runs)]

    async def _called(self, workflow: str, value: int) -> int:
        return (await self._post(f"/{workflow}/run-{next(self._names)}/run", value)).json()

    async def _post(self, path: str, value: int) -> httpx.Response:
        return (await self._http.post(path, json=value)).raise_for_status()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(work)


class Restate:
    """One server with its data in a folder, at its defaults."""

    name = "restate"

    @contextmanager
    def open(self, folder: Path, _options: Mapping[str, Any]) -> Generator[RestateSession]:
        ports = _ports(folder)
        ingress, admin, node, service = ports
        env = {
            **os.environ,
            "RESTATE_INGRESS__BIND_PORT": str(ingress),
            "RESTATE_ADMIN__BIND_PORT": str(admin),
            "RESTATE_DISABLE_TELEMETRY": "true",
            "RESTATE_LISTEN_MODE": "tcp",
            "RESTATE_LOG_FILTER": "error",
        }
        line = [str(_server()), "--no-logo", "--bind-ip", "127.0.0.1", "--bind-port", str(node)]
        line += ["--advertised-host", "127.0.0.1", "--node-name", "bench", "--base-dir", str(folder)]
        with subprocess.Popen(line, env=env, stdout=sys.stderr) as server, asyncio.Runner() as runner:
            try:
                http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{ingress}", http2=True, timeout=PATIENCE)
                serving = runner.run(_begun(service, admin, http))
                yield RestateSession(http, runner)
            finally:
                server.kill()  # before its callers' connections, which would wait for the runs that wait
            runner.run(_ended(serving, http))

    def facts(self) -> dict[str, str]:
        said = subprocess.run([_server(), "--version"], capture_output=True, text=True, check=True)
        return {"restate-sdk": version("restate-sdk"), "server": said.stdout.split()[-1]}


async def _all(works: Any) -> list[Any]:
    """All of them, so many at once."""
    room = asyncio.Semaphore(AT_ONCE)

    async def with_room(work: Coroutine[Any, Any, Any]) -> Any:
        async with room:
            return await work

    return await asyncio.gather(*[with_room(work) for work in works])


def _server() -> Path:
    """The server's binary, which npm has put beside this environment."""
    return next(
        (ENVIRONMENTS / "restate" / "npm").glob(
            "node_modules/@restatedev/restate-server-*/bin/restate-server"
        )
    )


def _ports(folder: Path) -> list[int]:
    """Four free ports; those of before, where the server is to find its services again."""
    kept = folder / "ports.json"
    if not kept.exists():
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
        kept.write_text(json.dumps([each.getsockname()[1] for each in sockets]))
        for each in sockets:
            each.close()
    return json.loads(kept.read_text())


async def _begun(service: int, admin: int, http: httpx.AsyncClient) -> asyncio.Task[None]:
    """Serve the workflows, and tell the server where they are, once it is up."""
    config = Config()
    config.bind = [f"127.0.0.1:{service}"]
    config.h2_max_concurrent_streams = 2**31 - 1  # these three as the SDK's own harness has them
    config.keep_alive_max_requests = 2**31 - 1
    config.keep_alive_timeout = 2**31 - 1
    app: Any = restate.app([sequential, parallel, waiting])
    serving = asyncio.create_task(serve(app, config, shutdown_trigger=asyncio.Event().wait))
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        await _up(client, f"http://127.0.0.1:{admin}/health")
        found = await client.get(f"http://127.0.0.1:{admin}/deployments")
        if not found.json().get("deployments"):
            uri = {"uri": f"http://127.0.0.1:{service}"}
            (await client.post(f"http://127.0.0.1:{admin}/deployments", json=uri)).raise_for_status()
    await _up(http, "/restate/health")
    return serving


async def _up(client: httpx.AsyncClient, url: str) -> None:
    while True:
        try:
            if (await client.get(url)).status_code == 200:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.02)


async def _ended(serving: asyncio.Task[None], http: httpx.AsyncClient) -> None:
    await http.aclose()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


if __name__ == "__main__":
    main(Restate())
