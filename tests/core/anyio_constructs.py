"""What anyio offers and a workflow may use."""

from __future__ import annotations

import math
from typing import Any

import anyio
import anyio.functools
import anyio.lowlevel

from nbflow import WorkflowContext
from tests.core.constructs import replayable, slow
from tests.core.shapes import fetch, two_steps, undo

# -- groups and scopes ------------------------------------------------------------------------------------


async def cleans_up(name: str) -> None:
    try:
        await slow(name)
    finally:
        with anyio.CancelScope(shield=True):
            await undo(name)


@replayable("anyio.create_task_group", ["a", "b", "stopped", "no"])
async def groups() -> list[str]:
    told: list[str] = []

    async def one(name: str) -> None:
        told.append(await fetch(name))

    async with anyio.create_task_group() as group:
        group.start_soon(one, "a")
        group.start_soon(one, "b")
    async with anyio.create_task_group() as group:
        group.start_soon(cleans_up, "c")
        await fetch("stop")
        group.cancel_scope.cancel()
        told.append("stopped")
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(cleans_up, "d")
            await fetch("e")
            raise LookupError("no")
    except* LookupError as errors:
        told.append(str(errors.exceptions[0]))
    return told


@replayable("TaskGroup.start, TaskStatus.started", ["ready", "stopped"])
async def starts() -> list[str]:
    async def service(*, task_status: Any = anyio.TASK_STATUS_IGNORED) -> None:
        task_status.started(await fetch("ready"))
        await cleans_up("service")

    async with anyio.create_task_group() as group:
        told = [await group.start(service)]
        group.cancel_scope.cancel()
    return [*told, "stopped"]


@replayable("TaskGroup.create_task, TaskHandle", [["a first", "a second"], "cancelled"])
async def has_handles() -> list[Any]:
    async with anyio.create_task_group() as group:
        handle = group.create_task(two_steps("a"))
        other = group.create_task(cleans_up("b"))
        told: list[Any] = [await handle]
        other.cancel()
        await other.wait()
    return [*told, other.status.name.lower()]


@replayable("anyio.move_on_after", [["a first"], True, False])
async def moves_on() -> list[Any]:
    told: list[Any] = []
    with anyio.move_on_after(5) as late:
        told.append(await fetch("a first"))
        told.append(await slow("a second"))
    with anyio.move_on_after(5) as in_time:
        await fetch("b")
    return [told, late.cancelled_caught, in_time.cancelled_caught]


@replayable("anyio.fail_after", ["late", "in time"])
async def fails_after() -> list[str]:
    told: list[str] = []
    try:
        with anyio.fail_after(5):
            await cleans_up("a")
    except TimeoutError:
        told.append("late")
    with anyio.fail_after(None):
        await fetch("b")
    return [*told, "in time"]


@replayable("anyio.move_on_at, anyio.fail_at", ["late", True])
async def deadlines() -> list[Any]:
    try:
        with anyio.fail_at(anyio.current_time() + 5):
            await slow("a")
    except TimeoutError:
        told = ["late"]
    with anyio.move_on_at(anyio.current_time() + 5) as scope:
        await slow("b")
    return [*told, scope.cancel_called]


@replayable("anyio.CancelScope", ["inside", "moved"])
async def scopes() -> list[str]:
    told: list[str] = []
    with anyio.CancelScope() as scope:
        told.append(await fetch("inside"))
        scope.cancel()
        await anyio.lowlevel.checkpoint()
        told.append("never")
    with anyio.CancelScope(deadline=anyio.current_time() + 5) as scope:
        scope.deadline += 5
        await anyio.sleep(7)
        scope.deadline = -math.inf
        await slow("never")
    return [*told, "moved"]


@replayable("anyio.CancelScope(shield=True)", ["kept", "late"])
async def shields() -> list[str]:
    told: list[str] = []
    with anyio.move_on_after(5):
        with anyio.CancelScope(shield=True):
            told.append(await slow("kept"))
            await anyio.sleep(10)
        await slow("never")
    return [*told, "late"]


@replayable("anyio.current_effective_deadline", ["none", 5.0])
async def tells_its_deadline() -> list[Any]:
    told: list[Any] = ["none" if anyio.current_effective_deadline() == math.inf else "some"]
    with anyio.move_on_after(5):
        await fetch("a")
        told.append(anyio.current_effective_deadline())
    return told


@replayable("anyio.get_cancelled_exc_class", "CancelledError")
async def knows_the_class() -> str:
    told = ""
    with anyio.move_on_after(5):
        try:
            await slow("a")
        except anyio.get_cancelled_exc_class() as cancelled:
            told = type(cancelled).__name__
            raise
    return told


@replayable("anyio.gather, anyio.amap", [["a first", "a second"], "b", "c"])
async def gathers() -> list[Any]:
    async def one(name: str) -> Any:
        return await fetch(name)

    return [*await anyio.gather(two_steps("a"), one("b")), *await anyio.amap(one, ["c"])]


@replayable("anyio.as_completed", ["b", "a"])
async def as_completed() -> list[Any]:
    async def one(name: str, seconds: float) -> Any:
        await anyio.sleep(seconds)
        return await fetch(name)

    async with anyio.as_completed(one("a", 2), one("b", 1)) as handles:
        return [handle.return_value async for handle in handles]


# -- time ---------------------------------------------------------------------------------------------------


@replayable("anyio.sleep, anyio.sleep_until", [60.0, 90.0])
async def sleeps(ctx: WorkflowContext) -> list[float]:
    started = ctx.current_utc_datetime
    await anyio.sleep(60)
    told = [(ctx.current_utc_datetime - started).total_seconds()]
    await anyio.sleep_until(anyio.current_time() + 30)
    return [*told, (ctx.current_utc_datetime - started).total_seconds()]


@replayable("anyio.sleep_forever", "woken")
async def sleeps_forever() -> str:
    with anyio.move_on_after(5):
        await anyio.sleep_forever()
    return "woken"


@replayable("anyio.current_time", [0.0, 30.0])
async def tells_the_time() -> list[float]:
    before = anyio.current_time()
    await anyio.sleep(30)
    return [before, anyio.current_time()]


@replayable("anyio.lowlevel.checkpoint", ["a", "b", "a", "b"])
async def checkpoints() -> list[str]:
    told: list[str] = []

    async def one(name: str) -> None:
        told.append(name)
        await anyio.lowlevel.checkpoint()
        await anyio.lowlevel.checkpoint_if_cancelled()
        await anyio.lowlevel.cancel_shielded_checkpoint()
        told.append(name)

    async with anyio.create_task_group() as group:
        group.start_soon(one, "a")
        group.start_soon(one, "b")
    return told


# -- primitives -----------------------------------------------------------------------------------------------


@replayable("anyio.Event", ["set", "seen"])
async def events() -> list[str]:
    told: list[str] = []
    opened = anyio.Event()

    async def waits() -> None:
        await opened.wait()
        told.append(await fetch("seen"))

    async with anyio.create_task_group() as group:
        group.start_soon(waits)
        told.append(await fetch("set"))
        opened.set()
    return told


async def most_at_once(room: Any) -> list[int]:
    inside, most = 0, 0

    async def one(i: int) -> None:
        nonlocal inside, most
        async with room:
            inside += 1
            most = max(most, inside)
            await fetch(i)
            inside -= 1

    async with anyio.create_task_group() as group:
        for i in range(5):
            group.start_soon(one, i)
    return [most, inside]


@replayable("anyio.Lock", [1, 0])
async def locks() -> list[int]:
    return await most_at_once(anyio.Lock())


@replayable("anyio.Semaphore", [2, 0])
async def semaphores() -> list[int]:
    return await most_at_once(anyio.Semaphore(2))


@replayable("anyio.CapacityLimiter", [3, 0])
async def limiters() -> list[int]:
    return await most_at_once(anyio.CapacityLimiter(3))


@replayable("anyio.Condition", ["ready", "seen"])
async def conditions() -> list[str]:
    condition, told = anyio.Condition(), list[str]()

    async def waits() -> None:
        async with condition:
            await condition.wait()
            told.append(await fetch("seen"))

    async with anyio.create_task_group() as group:
        group.start_soon(waits)
        value = await fetch("ready")
        async with condition:
            told.append(value)
            condition.notify_all()
    return told


@replayable("anyio.ResourceGuard", "busy")
async def guards() -> str:
    guard, told = anyio.ResourceGuard("using"), "free"

    async def uses() -> None:
        with guard:
            await fetch("a")

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(uses)
            group.start_soon(uses)
    except* anyio.BusyResourceError:
        told = "busy"
    return told


@replayable("anyio.create_memory_object_stream", ["a0", "a1", "b0", "b1", "closed"])
async def streams() -> list[str]:
    send, receive = anyio.create_memory_object_stream[str](1)
    told: list[str] = []

    async def feeds(name: str, stream: Any) -> None:
        async with stream:
            for i in range(2):
                await stream.send(await fetch(f"{name}{i}"))

    async with anyio.create_task_group() as group, receive:
        for name in "ab":
            group.start_soon(feeds, name, send.clone())
        send.close()
        told += sorted([await fetch(item) async for item in receive])
        try:
            await receive.receive()
        except anyio.EndOfStream:
            told.append("closed")
    return told


@replayable("anyio.Future", "set")
async def futures() -> str:
    future: anyio.Future[str] = anyio.Future()

    async def sets() -> None:
        future.return_value = await fetch("set")

    async with anyio.create_task_group() as group:
        group.start_soon(sets)
        return await future


# -- the rest -------------------------------------------------------------------------------------------------


@anyio.functools.cache
async def looks_up(name: str) -> Any:
    return await fetch(name)


@replayable("anyio.functools.cache, anyio.lowlevel.RunVar", ["a", "a", "b"])
async def caches() -> list[Any]:
    return [await looks_up("a"), await looks_up("a"), await looks_up("b")]


@replayable("anyio.get_current_task", "knows_its_task", caveat=True)
async def knows_its_task() -> str | None:
    await fetch("a")
    return anyio.get_current_task().name


@replayable("anyio.get_running_tasks", 0, caveat=True)
async def running_tasks() -> int:
    async with anyio.create_task_group() as group:
        group.start_soon(cleans_up, "a")
        await fetch("b")
        found = len(anyio.get_running_tasks())
        group.cancel_scope.cancel()
    return found


@replayable("anyio.wait_all_tasks_blocked", "at once", caveat=True)
async def all_tasks_blocked() -> str:
    async with anyio.create_task_group() as group:
        group.start_soon(cleans_up, "a")
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    return "at once"
