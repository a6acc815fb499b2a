"""Tasks and cancellation in asyncio, and the Python around them."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncIterator, Awaitable, Generator
from typing import Any

from nbflow import WorkflowContext, when_all
from nbflow.errors import TaskFailedError
from tests.core.constructs import replayable, slow
from tests.core.shapes import broken, fetch, two_steps, undo

# -- tasks ----------------------------------------------------------------------------------------------


@replayable("asyncio.create_task, asyncio.ensure_future", ["a", "b", "c", "mine"])
async def creates_tasks() -> list[Any]:
    async def named() -> str:
        task = asyncio.current_task()
        assert task is not None
        return task.get_name()

    tasks: list[Awaitable[Any]] = [
        asyncio.create_task(fetch("a")),  # type: ignore[arg-type]
        asyncio.ensure_future(fetch("b")),
        asyncio.get_running_loop().create_task(asyncio.sleep(1, "c")),
        asyncio.create_task(named(), name="mine"),
    ]
    return [await task for task in tasks]


@replayable("Task.add_done_callback", ["done a", "a"])
async def is_called_back() -> list[str]:
    told: list[str] = []
    task = asyncio.create_task(two_steps("a"))
    task.add_done_callback(lambda done: told.append(f"done {done.result()[0][0]}"))
    told.append((await task)[0][0])
    return told


@replayable("asyncio.TaskGroup", [["a first", "a second"], "b", "2 failed"])
async def groups() -> list[Any]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(two_steps("a")), group.create_task(fetch("b"))]  # type: ignore[arg-type]
    told = [task.result() for task in tasks]
    try:
        async with asyncio.TaskGroup() as group:
            for name in "xy":
                group.create_task(cleans_up(name))
            raise LookupError
    except* LookupError as errors:
        told.append(f"{1 + len(errors.exceptions)} failed")
    return told


async def cleans_up(name: str) -> Any:
    try:
        return await slow(name)
    finally:
        await undo(name)


@replayable("asyncio.shield", ["late", "paid"])
async def shields() -> list[Any]:
    charge = slow("paid")
    try:
        async with asyncio.timeout(5):
            await asyncio.shield(charge)
    except TimeoutError:
        return ["late", await charge]
    return []


@replayable("asyncio.current_task", ["current_task_is_known", True])
async def current_task_is_known() -> list[Any]:
    task = asyncio.current_task()
    assert task is not None
    await fetch("a")
    return [task.get_name(), task is asyncio.current_task()]


@replayable("asyncio.all_tasks", 0, caveat=True)
async def all_tasks() -> int:
    task = asyncio.create_task(two_steps("a"))
    found = len(asyncio.all_tasks())
    await task
    return found


@replayable("Task.cancel", ["cancelled", True, "went on"])
async def cancels() -> list[Any]:
    async def branch() -> None:
        try:
            await slow("long")
        except asyncio.CancelledError as cancelled:
            told.append(str(cancelled))
            raise

    told: list[Any] = []
    task = asyncio.create_task(branch())
    await fetch("a")
    task.cancel("cancelled")
    await asyncio.wait([task])
    return [*told, task.cancelled(), await fetch("went on")]


@replayable("Task.uncancel, Task.cancelling", [1, 0, "stays"])
async def uncancels() -> list[Any]:
    async def stubborn() -> list[Any]:
        task = asyncio.current_task()
        assert task is not None
        try:
            await slow("long")
        except asyncio.CancelledError:
            return [task.cancelling(), task.uncancel(), await fetch("stays")]
        return []

    task = asyncio.create_task(stubborn())
    await fetch("a")
    task.cancel()
    return await task


@replayable("loop.create_future", ["set by a branch", "failed"])
async def makes_futures() -> list[str]:
    loop = asyncio.get_running_loop()
    good, bad = loop.create_future(), loop.create_future()

    async def sets() -> None:
        good.set_result(await fetch("set by a branch"))
        bad.set_exception(LookupError("failed"))

    task = asyncio.create_task(sets())
    told = [await good]
    try:
        await bad
    except LookupError as error:
        told.append(str(error))
    await task
    return told


@replayable("an awaitable object", "asked twice")
async def awaits_an_object() -> str:
    class Twice:
        def __await__(self) -> Generator[Any, Any, str]:
            yield from fetch("asked").__await__()
            return (yield from fetch("asked twice").__await__())

    return await Twice()


# -- the Python around it ---------------------------------------------------------------------------------


@replayable("try … finally, async with", ["in", "out", "undone"])
async def cleans_up_in_order() -> list[str]:
    told: list[str] = []

    @contextlib.asynccontextmanager
    async def room(name: str) -> AsyncIterator[str]:
        told.append(await fetch("in"))
        try:
            yield name
        finally:
            told.append(await fetch("out"))

    try:
        async with room("a"):
            await broken("b")
    except TaskFailedError:
        pass
    finally:
        told.append(await fetch("undone"))
    return told


@replayable("contextlib.AsyncExitStack", ["b", "a", "callback"])
async def stacks() -> list[str]:
    told: list[str] = []

    async def closes(name: str) -> None:
        told.append(await fetch(name))

    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(closes, "callback")
        for name in "ab":
            await stack.enter_async_context(contextlib.aclosing(Closes(name, closes)))
    return told


class Closes:
    def __init__(self, name: str, closes: Any) -> None:
        self.name, self.closes = name, closes

    async def aclose(self) -> None:
        await self.closes(self.name)


async def pages(name: str) -> AsyncIterator[Any]:
    try:
        for i in range(5):
            yield await fetch(f"{name}{i}")
    finally:
        await undo(name)


@replayable("async generators", ["a0", "a1"])
async def generates() -> list[Any]:
    found = []
    async for page in pages("a"):
        found.append(page)
        if len(found) == 2:
            break  # the generator is closed by the loop, in a task of its own
    await fetch("something else")
    return found


@replayable("contextlib.aclosing", ["a0", "closed"])
async def closes() -> list[Any]:
    async with contextlib.aclosing(pages("a")) as found:  # type: ignore[type-var]
        async for page in found:
            first = page
            break
    return [first, await fetch("closed")]


variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="default")


@replayable("contextvars", ["default", "inside", "branch", "inside", "mine"])
async def has_variables() -> list[str]:
    async def branch() -> None:
        told.append(variable.get())
        variable.set("branch")
        await fetch("a")
        told.append(variable.get())

    async def reads() -> str:
        return variable.get()

    told = [variable.get()]
    variable.set("inside")
    await asyncio.create_task(branch())
    told.append(variable.get())
    mine = contextvars.copy_context()
    mine.run(variable.set, "mine")
    return [*told, await asyncio.create_task(reads(), context=mine)]


@replayable("async helpers", [["a first", "a second"], "b"])
async def calls_helpers() -> list[Any]:
    async def helper() -> list[Any]:
        return [await two_steps("a"), await fetch("b")]

    return await helper()


def helper_generator(name: str) -> Generator[Any, Any, list[Any]]:
    first = yield fetch(f"{name}1")
    second = yield fetch(f"{name}2")
    return [first, second]


@replayable("a generator workflow", [["a1", "a2"], ["b", "c"], ["d first", "d second"], "caught", 60.0])
def yields(ctx: WorkflowContext) -> Generator[Any, Any, list[Any]]:
    started = ctx.current_utc_datetime
    told: list[Any] = [(yield from helper_generator("a"))]
    told.append((yield when_all([fetch("b"), fetch("c")])))
    told.append((yield two_steps("d")))
    try:
        yield broken("e")
    except TaskFailedError:
        told.append("caught")
    yield asyncio.sleep(60)
    return [*told, (ctx.current_utc_datetime - started).total_seconds()]
