"""The loop itself: it rests, it refuses what can't repeat, and it leaves asyncio as it found it."""

import asyncio
import inspect
import sys
import threading
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from nbflow import WorkflowContext, workflow
from nbflow.core import loop as loop_module
from nbflow.core.divergence import ExecutionStalledError
from nbflow.core.loop import WorkflowLoop
from nbflow.core.state import StallReason
from nbflow.errors import NotReplayableError
from tests.core.builder import Run, work


def refused_by(run: Run) -> str:
    (line,) = run.start()
    assert "can't be replayed, so workflow code can't use it: put it in an activity" in line
    return line


async def to_thread() -> None:
    await asyncio.to_thread(print, "never")


async def run_in_executor() -> None:
    await asyncio.get_running_loop().run_in_executor(None, print)


async def open_connection() -> None:
    await asyncio.open_connection("localhost", 80)


async def start_server() -> None:
    await asyncio.start_server(lambda _r, _w: None, "localhost", 0)


async def subprocess() -> None:
    await asyncio.create_subprocess_exec("true")


async def anyio_connect() -> None:
    await anyio.connect_tcp("localhost", 80)


async def add_reader() -> None:
    asyncio.get_running_loop().add_reader(0, print)


async def threadsafe() -> None:
    asyncio.get_running_loop().call_soon_threadsafe(print)


@pytest.mark.parametrize(
    ("code", "named"),
    [
        (to_thread, "a thread (loop.run_in_executor)"),
        (run_in_executor, "a thread (loop.run_in_executor)"),
        (open_connection, "a connection (loop.create_connection)"),
        (start_server, "a connection (loop.create_server)"),
        (subprocess, "a subprocess (loop.subprocess_exec)"),
        (anyio_connect, "a connection (loop.getaddrinfo)"),
        (add_reader, "watching a file or socket (loop.add_reader)"),
        (threadsafe, "a thread (loop.call_soon_threadsafe)"),
    ],
)
def test_what_can_not_repeat_is_refused_where_it_is_done(drive, code, named):
    assert named in refused_by(drive(workflow(code)))


def test_a_thread_of_anyio_is_refused_before_it_does_anything(drive):
    did: list[str] = []

    @workflow
    async def threads() -> None:
        await anyio.to_thread.run_sync(did.append, "never")

    before = set(threading.enumerate())
    assert "a thread (anyio.to_thread)" in refused_by(drive(threads))
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive()
    assert did == []


def test_every_method_of_a_loop_works_or_is_refused():
    loop = WorkflowLoop(None)  # type: ignore[arg-type]
    unknown = []
    for name, _member in inspect.getmembers(asyncio.AbstractEventLoop, inspect.isfunction):
        if name.startswith("__"):
            continue
        mine = inspect.getattr_static(WorkflowLoop, name)
        if mine is inspect.getattr_static(asyncio.AbstractEventLoop, name):
            unknown.append(name)
    assert unknown == []
    with pytest.raises(NotReplayableError, match=r"control of the event loop \(loop.run_forever\)"):
        loop.run_forever()


def test_another_loops_future_is_an_error(drive):
    elsewhere = asyncio.new_event_loop()
    try:

        @workflow
        async def borrows() -> None:
            await elsewhere.create_future()

        (line,) = drive(borrows).start()
        assert "a future of another event loop" in line
        assert "put it in an activity" in line
    finally:
        elsewhere.close()


def test_a_loop_in_the_loop_is_an_error(drive):
    @workflow
    async def nests() -> None:
        coro = asyncio.sleep(0)
        try:
            asyncio.run(coro)
        finally:
            coro.close()

    (line,) = drive(nests).start()
    assert "asyncio.run() cannot be called from a running event loop" in line


@pytest.mark.parametrize("where", ["main", "branch"])
def test_code_that_never_rests_stalls_and_names_its_line(monkeypatch, where):
    monkeypatch.setattr(loop_module, "MAX_STEPS", 500)

    async def spins() -> None:
        while True:
            await asyncio.sleep(0)  # spins

    @workflow
    async def main() -> None:
        await spins()

    @workflow
    async def branch() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(work(1))
            group.create_task(spins())

    run = Run(main if where == "main" else branch)
    with pytest.raises(ExecutionStalledError) as stalled:
        run.start()
    stall = stalled.value.stall
    assert stall.reason is StallReason.STUCK
    assert "never comes to rest" in stall.message
    lines = Path(__file__).read_text().splitlines()
    assert stall.line is not None
    assert lines[stall.line - 1].endswith("# spins")
    assert stall.file == __file__


def test_a_long_step_is_no_endless_loop(monkeypatch):
    monkeypatch.setattr(loop_module, "MAX_STEPS", 500)

    @workflow
    async def busy() -> str:
        for i in range(10):
            for _ in range(400):
                await asyncio.sleep(0)
            await work(i)
        return "done"

    run = Run(busy)
    run.start()
    for i in range(1, 11):
        run.complete(i)
    assert run.output == "done"
    run.close()


def test_the_thread_is_as_it_was():
    @workflow
    async def plain() -> None:
        await work(1)

    hooks = sys.get_asyncgen_hooks()
    run = Run(plain)
    run.start()
    assert asyncio._get_running_loop() is None
    assert sys.get_asyncgen_hooks() == hooks
    run.complete(1)
    assert sys.get_asyncgen_hooks() == hooks


def test_an_execution_can_be_fed_inside_another_loop():
    @workflow
    async def plain() -> str:
        await asyncio.sleep(1)
        return "done"

    async def engine() -> Any:
        here = asyncio.get_running_loop()
        run = Run(plain)
        run.start()
        assert asyncio.get_running_loop() is here
        assert asyncio.current_task() is not None
        run.fire(1)
        run.close()
        await asyncio.sleep(0)
        return run.output

    assert asyncio.run(engine()) == "done"


def test_an_interrupt_is_no_outcome_of_a_branch():
    @workflow
    async def interrupted(ctx: WorkflowContext) -> None:
        async def branch() -> None:
            raise KeyboardInterrupt

        task = asyncio.create_task(branch())
        await ctx.wait_for_external_event("n")
        await task

    run = Run(interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.start()
    run.execution.evict()


def test_what_a_forgotten_branch_raises_is_not_logged_by_asyncio(caplog, capsys):
    kept: list[object] = []

    @workflow
    async def forgets() -> str:
        async def branch() -> None:
            raise ValueError("forgotten")

        kept.append(asyncio.create_task(branch()))
        await work(1)
        return "done"

    run = Run(forgets)
    run.start()
    run.complete(1)
    run.close()
    kept.clear()
    assert caplog.records == []
    assert capsys.readouterr().err == ""


def test_s78_tasks_are_named_by_number(drive):
    @workflow
    async def names() -> list[str]:
        async def branch() -> str:
            task = asyncio.current_task()
            assert task is not None
            return task.get_name()

        return [await asyncio.create_task(branch()), await asyncio.create_task(branch(), name="mine")]

    first, second = drive(names), drive(names)
    first.start()
    second.start()
    assert first.output == second.output
    assert first.output[1] == "mine"


@pytest.mark.parametrize("primitive", ["event", "lock", "queue", "condition", "barrier", "priority queue"])
def test_asyncio_primitives_between_branches(drive, primitive):
    @workflow
    async def meets() -> object:
        match primitive:
            case "event":
                event = asyncio.Event()

                async def sets() -> None:
                    await work(1)
                    event.set()

                async with asyncio.TaskGroup() as group:
                    group.create_task(sets())
                    await event.wait()
                return "met"
            case "lock":
                lock, order = asyncio.Lock(), []

                async def holds(name: str) -> None:
                    async with lock:
                        await work(name)
                        order.append(name)

                await asyncio.gather(*[holds(name) for name in "abc"])
                return order
            case "queue" | "priority queue":
                queue = asyncio.Queue(1) if primitive == "queue" else asyncio.PriorityQueue(1)

                async def produces() -> None:
                    for i in range(3):
                        await work(i)
                        await queue.put(i)

                async with asyncio.TaskGroup() as group:
                    group.create_task(produces())
                    return [await queue.get() for _ in range(3)]
            case "condition":
                condition, ready = asyncio.Condition(), []

                async def waits() -> int:
                    async with condition:
                        await condition.wait_for(lambda: ready)
                        return len(ready)

                task = asyncio.create_task(waits())
                ready.append(await work(1))
                async with condition:
                    condition.notify_all()
                return await task
            case "barrier":
                barrier = asyncio.Barrier(2)

                async def arrives(name: str) -> None:
                    await work(name)
                    await barrier.wait()

                await asyncio.gather(arrives("a"), arrives("b"))
                return "met"

    run = drive(meets)
    run.start()
    while not run.execution.is_finished:
        run.complete(min(run.state.tasks), 1)
    assert run.output in ("met", ["a", "b", "c"], [0, 1, 2], 1)
