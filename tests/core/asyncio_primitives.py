"""asyncio's locks, events and queues, between branches of a workflow."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.core.constructs import replayable
from tests.core.shapes import fetch


@replayable("asyncio.Lock", ["a in", "a out", "b in", "b out"])
async def locks() -> list[str]:
    lock, told = asyncio.Lock(), list[str]()

    async def one(name: str) -> None:
        async with lock:
            told.append(await fetch(f"{name} in"))
            told.append(await fetch(f"{name} out"))

    await asyncio.gather(one("a"), one("b"))
    return told


@replayable("asyncio.Event", ["set", "a", "b"])
async def events() -> list[str]:
    opened, told = asyncio.Event(), list[str]()

    async def waits(name: str) -> None:
        await opened.wait()
        told.append(await fetch(name))

    async with asyncio.TaskGroup() as group:
        group.create_task(waits("a"))
        group.create_task(waits("b"))
        told.append(await fetch("set"))
        opened.set()
    return told


@replayable("asyncio.Condition", ["ready", 2])
async def conditions() -> list[Any]:
    condition, told = asyncio.Condition(), list[Any]()

    async def waits() -> None:
        async with condition:
            await condition.wait_for(lambda: len(told) > 0)

    tasks = [asyncio.create_task(waits()) for _ in range(2)]
    value = await fetch("ready")
    async with condition:
        told.append(value)
        condition.notify_all()
    await asyncio.gather(*tasks)
    return [*told, len(tasks)]


async def most_at_once(room: Any) -> list[int]:
    inside, most = 0, 0

    async def one(i: int) -> None:
        nonlocal inside, most
        async with room:
            inside += 1
            most = max(most, inside)
            await fetch(i)
            inside -= 1

    async with asyncio.TaskGroup() as group:
        for i in range(5):
            group.create_task(one(i))
    return [most, inside]


@replayable("asyncio.Semaphore", [2, 0])
async def semaphores() -> list[int]:
    return await most_at_once(asyncio.Semaphore(2))


@replayable("asyncio.BoundedSemaphore", [3, 0, "released too often"])
async def bounded_semaphores() -> list[Any]:
    room = asyncio.BoundedSemaphore(3)
    found = await most_at_once(room)
    try:
        room.release()
    except ValueError:
        return [*found, "released too often"]
    return []


@replayable("asyncio.Barrier", [["a", "b"], "broken"])
async def barriers() -> list[Any]:
    barrier = asyncio.Barrier(2)

    async def arrives(name: str) -> str:
        await fetch(name)
        await barrier.wait()
        return name

    told: list[Any] = [list(await asyncio.gather(arrives("a"), arrives("b")))]
    late = asyncio.create_task(arrives("late"))
    await fetch("something else")
    await barrier.abort()
    try:
        await late
    except asyncio.BrokenBarrierError:
        told.append("broken")
    return told


async def through(queue: asyncio.Queue[Any], items: list[Any]) -> list[Any]:
    """Puts items, by one branch, and takes them, by two others."""
    found: list[Any] = []

    async def produces() -> None:
        for item in items:
            await queue.put(await fetch(item))

    async def consumes() -> None:
        while True:
            found.append(await queue.get())
            await fetch("taken")
            queue.task_done()

    consumers = [asyncio.create_task(consumes()) for _ in range(2)]
    await produces()
    await queue.join()
    for consumer in consumers:
        consumer.cancel()
    await asyncio.gather(*consumers, return_exceptions=True)
    return found


@replayable("asyncio.Queue", [3, 1, 2])
async def queues() -> list[Any]:
    return await through(asyncio.Queue(1), [3, 1, 2])


@replayable("asyncio.PriorityQueue", [1, 2, 3])
async def priority_queues() -> list[Any]:
    queue: asyncio.PriorityQueue[int] = asyncio.PriorityQueue()
    for item in (3, 1, 2):
        queue.put_nowait(await fetch(item))
    return [await queue.get() for _ in range(3)]


@replayable("asyncio.LifoQueue", [2, 1, 3])
async def lifo_queues() -> list[Any]:
    queue: asyncio.LifoQueue[int] = asyncio.LifoQueue()
    for item in (3, 1, 2):
        queue.put_nowait(await fetch(item))
    return [await queue.get() for _ in range(3)]


@replayable("Queue.shutdown", ["a", "shut down"], since=(3, 13))
async def queues_that_shut_down() -> list[Any]:
    queue: asyncio.Queue[Any] = asyncio.Queue()

    async def consumes() -> list[Any]:
        found: list[Any] = []
        try:
            while True:
                found.append(await queue.get())
        except asyncio.QueueShutDown:  # type: ignore[attr-defined]
            return [*found, "shut down"]

    consumer = asyncio.create_task(consumes())
    queue.put_nowait(await fetch("a"))
    queue.shutdown()  # type: ignore[attr-defined]
    return await consumer
