"""Looking at an execution from outside: its frames, its values, and which line took an action."""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import Any

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core.execution import Execution
from nbflow.core.frames import author_frames, locals_of, suspended_frames, waiting_line
from nbflow.core.replay import end_of_step, feed_step
from nbflow.errors import Evicted, NotReplayableError
from tests.core.builder import Run, completed, plain_calls, work


@workflow
async def waits(ctx: WorkflowContext) -> list[Any]:
    async def inner(item: str) -> Any:
        return await work(item)

    return [await inner("a"), await inner("b")]


def coroutine(execution: Execution) -> Any:
    assert execution.main is not None
    return execution.main.get_coro()


def test_frames_go_from_the_outermost_to_the_innermost():
    run = Run(waits)
    assert run.execution.main is None
    run.start()
    assert [frame.f_code.co_name for frame in author_frames(coroutine(run.execution))] == ["waits", "inner"]
    assert waiting_line(coroutine(run.execution)) == (
        __file__,
        author_frames(coroutine(run.execution))[1].f_lineno,
    )
    run.close()


def test_a_generator_that_is_a_workflow_has_a_line():
    @workflow
    def yields(ctx: WorkflowContext) -> Any:
        yield ctx.call_activity(work, input=1)

    run = Run(yields)
    run.start()
    [frame] = author_frames(coroutine(run.execution))
    assert waiting_line(coroutine(run.execution)) == (__file__, frame.f_lineno)
    run.close()


def test_an_async_generator_and_an_awaitable_of_ones_own_are_seen_through():
    class Delegates:
        def __await__(self) -> Any:
            return deepest().__await__()

    async def deepest() -> Any:
        return await work("deep")

    async def items() -> Any:
        yield await Delegates()

    @workflow
    async def looks(ctx: WorkflowContext) -> None:
        await anext(items())
        async for _ in items():
            pass

    run = Run(looks)
    run.start()
    for i in (1, 2):
        assert [frame.f_code.co_name for frame in author_frames(coroutine(run.execution))] == [
            *("looks", "items", "deepest")
        ]
        run.turn(completed(i))
    run.close()


def test_looking_at_variables_keeps_nothing_alive():
    """An async generator that is dropped is closed at once, and what its closing asks for is history."""
    looks: list[Execution] = []

    @workflow
    async def drops(ctx: WorkflowContext) -> None:
        async def pages() -> Any:
            try:
                yield 1
            finally:
                await work("closed")

        generator = pages()
        await anext(generator)
        await work("first")
        del generator
        await work("second")

    def live(look: bool) -> list[list[str]]:
        run = Run(drops, prefixes=False)
        told = [run.start()]
        for i in (1, 2, 3):
            if look:
                looks.append(run.execution)
                for frame in suspended_frames(coroutine(run.execution)):
                    locals_of(frame)
            told.append(run.turn(completed(i)) if not run.execution.is_finished else [])
        run.close()
        return told

    assert live(look=True) == live(look=False)
    assert looks


def test_what_is_asked_for_while_somebody_looks_is_refused_and_does_not_count():
    run = Run(waits)
    run.start()
    execution = run.execution
    ctx = execution.context
    number = execution.loop.next_number()
    with execution.looking():
        for ask in (
            lambda: work(1),
            ctx.new_guid,
            ctx.random,
            lambda: ctx.call_activity("x"),
            lambda: ctx.set_custom_status(1),
        ):
            with pytest.raises(NotReplayableError):
                ask()
        coro = asyncio.sleep(0)
        with pytest.raises(Evicted):
            asyncio.get_running_loop().create_task(coro)
        with pytest.raises(Evicted):
            asyncio.get_running_loop().call_later(1, print)
        asyncio.get_running_loop().create_future()
        before = execution.loop.ignored
        asyncio.get_running_loop().call_soon(print)
        assert execution.loop.ignored == before + 1
    assert plain_calls == []
    assert execution.loop.next_number() == number + 1
    assert run.complete(1) == ['#2 work("b")']
    run.complete(2)
    run.close()


def test_actions_are_noted_while_their_line_is_on_the_stack():
    run = Run(waits, prefixes=False)
    noted: list[Any] = []

    def note(action: Any) -> None:
        functions = [frame.function for frame in inspect.stack()]
        noted.append((type(action).__name__, "inner" in functions))

    run.execution.noting = note
    run.start()
    run.complete(1)
    run.complete(2)
    assert noted == [("ScheduleTask", True), ("ScheduleTask", True), ("CompleteWorkflow", False)]
    run.close()


def test_a_history_is_fed_step_by_step():
    run = Run(waits)
    run.start()
    run.complete(1)
    execution = Execution(waits, instance_id="run-1")
    position, ends = 0, []
    while position < len(run.history):
        feed_step(execution, run.history, position)
        position = end_of_step(run.history, position)
        ends.append(position)
    assert ends == [1, 3, 4, 6]
    execution.evict()
    run.close()


def test_branches_after_a_number_are_those_that_are_newer():
    @workflow
    async def fans(ctx: WorkflowContext) -> None:
        await asyncio.gather(*[asyncio.create_task(one(i)) for i in range(3)])

    async def one(i: int) -> None:
        await work(i)

    run = Run(fans)
    run.start()
    every = run.execution.branches()
    assert len(every) == 4
    assert run.execution.branches(every[1].number) == every[2:]
    assert run.execution.branches(every[-1].number) == []
    run.close()


def test_what_is_unwound_logs_nothing(caplog):
    """Leaving memory is no news: a `finally` block that logs did so when it really ended."""

    @activity
    def other() -> None: ...

    @workflow
    async def logs(ctx: WorkflowContext) -> None:
        try:
            await other()
        finally:
            ctx.logger.warning("cleaning up, replaying: %s", ctx.is_replaying)

    caplog.set_level(logging.DEBUG, logger="nbflow.workflow")
    run = Run(logs)
    run.start()
    run.execution.evict()
    run.close()
    assert caplog.messages == []
