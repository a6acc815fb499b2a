"""W1 to W6 with durabletask and its backend in memory: ``python -m benchmarks.engines.durabletask``.

The backend is the one of the library's testing module, served by gRPC on the loopback. Nothing is durable.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc
from durabletask.client import TaskHubGrpcClient
from durabletask.internal import orchestrator_service_pb2_grpc as stubs
from durabletask.task import ActivityContext, OrchestrationContext, when_all
from durabletask.testing.in_memory_backend import InMemoryOrchestrationBackend
from durabletask.worker import TaskHubGrpcWorker

from benchmarks.program import main
from benchmarks.workloads import ACTIVITIES

PATIENCE = 600

Orchestrator = Generator[Any, Any, int]


def one(_: ActivityContext, number: int) -> int:
    return number + 1


def sequential(ctx: OrchestrationContext, steps: int) -> Orchestrator:
    total = 0
    for _ in range(steps):
        total = yield ctx.call_activity(one, input=total)
    return total


def parallel(ctx: OrchestrationContext, width: int) -> Orchestrator:
    results = yield when_all([ctx.call_activity(one, input=number) for number in range(width)])
    return sum(results)


_waiting: set[int] = set()
_more = threading.Event()


def waiting(ctx: OrchestrationContext, number: int) -> Orchestrator:
    _waiting.add(number)
    _more.set()
    return number + (yield ctx.wait_for_external_event("go"))


class DurabletaskSession:
    """A client of the backend in this process."""

    def __init__(self, client: TaskHubGrpcClient) -> None:
        self._client = client

    def sequence(self, steps: int) -> None:
        assert self._result(self._client.schedule_new_orchestration(sequential, input=steps)) == str(steps)

    def fan_out(self, width: int) -> None:
        instance_id = self._client.schedule_new_orchestration(parallel, input=width)
        assert self._result(instance_id) == str(width * (width + 1) // 2)

    def many(self, runs: int) -> None:
        ids = [self._client.schedule_new_orchestration(sequential, input=ACTIVITIES) for _ in range(runs)]
        for instance_id in ids:
            assert self._result(instance_id) == str(ACTIVITIES)

    def wait(self, first: int, runs: int) -> None:
        for number in range(first, first + runs):
            self._client.schedule_new_orchestration(waiting, input=number, instance_id=f"wait-{number}")
        while len(_waiting) < first + runs:
            _more.wait()
            _more.clear()

    def answer(self, runs: int) -> None:
        raise NotImplementedError("nothing outlives the process")

    def _result(self, instance_id: str) -> str | None:
        state = self._client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
        assert state is not None
        return state.serialized_output


class Durabletask:
    """A backend that forgets all at its end."""

    name = "durabletask"

    @contextmanager
    def open(self, folder: Path, _options: Mapping[str, Any]) -> Generator[DurabletaskSession]:
        backend = InMemoryOrchestrationBackend(max_history_size=1_000_000)
        server = grpc.server(ThreadPoolExecutor(10))  # as the backend's own `start`, on the loopback alone
        stubs.add_TaskHubSidecarServiceServicer_to_server(backend, server)
        host = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        with TaskHubGrpcWorker(host_address=host) as worker:
            for orchestrator in (sequential, parallel, waiting):
                worker.add_orchestrator(orchestrator)
            worker.add_activity(one)
            worker.start()
            yield DurabletaskSession(TaskHubGrpcClient(host_address=host))
            backend.stop()
            server.stop(None)

    def facts(self) -> dict[str, str]:
        return {"durabletask": version("durabletask")}


if __name__ == "__main__":
    main(Durabletask())
