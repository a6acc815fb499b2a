"""The loop itself: it rests, it refuses what can't repeat, and it leaves asyncio as it found it."""

import asyncio
import inspect
import sys
from pathlib import Path
from typing import Any

import pytest

from nbflow import WorkflowContext, workflow
from nbflow.core import loop as loop_module
from nbflow.core.divergence import ExecutionStalledError
from nbflow.core.loop import WorkflowLoop
from nbflow.core.state import StallReason
from nbflow.errors import NotReplayableError
from tests.core.builder import Run, work


@pytest.mark.semantics(46)
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


@pytest.mark.semantics(17)
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


@pytest.mark.semantics(17)
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
