"""Time in asyncio, and waiting for several things at once."""

from __future__ import annotations

import asyncio
from typing import Any

from nbflow import WorkflowContext, when_all, when_any
from nbflow.errors import TaskFailedError
from tests.core.constructs import replayable, slow
from tests.core.shapes import broken, fetch, two_steps

# -- time ---------------------------------------------------------------------------------------------


@replayable("asyncio.sleep", [60.0, 60.0])
async def sleeps(ctx: WorkflowContext) -> list[float]:
    started, seen = ctx.current_utc_datetime, list[float]()
    for seconds in (60, 0):
        await asyncio.sleep(seconds)
        seen.append((ctx.current_utc_datetime - started).total_seconds())
    return seen


@replayable("loop.time", [0.0, 90.0])
async def tells_the_time() -> list[float]:
    loop = asyncio.get_event_loop()
    assert loop is asyncio.get_running_loop()
    before = loop.time()
    await asyncio.sleep(90)
    return [before, loop.time()]


@replayable("loop.call_later, loop.call_at", ["first", "second", "third"])
async def calls_later() -> list[str]:
    loop, called, done = asyncio.get_running_loop(), list[str](), asyncio.Event()
    loop.call_later(20, called.append, "second")
    loop.call_at(loop.time() + 10, called.append, "first")
    loop.call_later(25, called.append, "never").cancel()
    loop.call_later(30, lambda: (called.append("third"), done.set()))
    await done.wait()
    return called


@replayable("loop.call_soon", ["soon", "later"])
async def calls_soon() -> list[str]:
    called: list[str] = []
    loop = asyncio.get_running_loop()
    loop.call_soon(called.append, "soon")
    loop.call_later(0, called.append, "later")
    await fetch("anything")
    return called


@replayable("an exception in a callback", "went on", caveat=True)
async def a_callback_fails() -> str:
    def fails() -> None:
        raise LookupError("nobody hears this")

    asyncio.get_running_loop().call_soon(fails)
    asyncio.get_running_loop().call_later(1, fails)
    await asyncio.sleep(2)
    return "went on"


@replayable("asyncio.timeout", ["late", "in time", True])
async def times_out() -> list[Any]:
    told: list[Any] = []
    try:
        async with asyncio.timeout(5):
            await slow("a")
    except TimeoutError:
        told.append("late")
    async with asyncio.timeout(5) as limit:
        await fetch("b")
        limit.reschedule(asyncio.get_running_loop().time() + 50)
        await asyncio.sleep(10)
        told.append("in time")
    async with asyncio.timeout(None):
        await fetch("c")
    try:
        async with asyncio.timeout(0) as limit:
            await fetch("d")
    except TimeoutError:
        told.append(limit.expired())
    return told


@replayable("asyncio.timeout_at", "late")
async def times_out_at() -> str:
    try:
        async with asyncio.timeout_at(asyncio.get_running_loop().time() + 5):
            await slow("a")
    except TimeoutError:
        return "late"
    return "in time"


@replayable("asyncio.wait_for", ["quick", "late", "now"])
async def waits_for() -> list[Any]:
    told = [await asyncio.wait_for(fetch("quick"), 5)]
    try:
        await asyncio.wait_for(slow("call"), 5)
    except TimeoutError:
        told.append("late")
    return [*told, await asyncio.wait_for(asyncio.create_task(asyncio.sleep(0, "now")), None)]


@replayable(
    "asyncio.wait_for(coroutine)",
    [["a first", "a second"], ["b first", "b second"], "TimeoutError"],
    caveat=True,
    other_order_on="3.11",
)
async def waits_for_coroutines() -> list[Any]:
    async def slowly() -> Any:
        return await slow("c")

    found = await asyncio.gather(
        asyncio.wait_for(two_steps("a"), 5),
        two_steps("b"),
        asyncio.wait_for(slowly(), 5),
        return_exceptions=True,
    )
    return [*found[:2], type(found[2]).__name__]


# -- several at once ------------------------------------------------------------------------------------


@replayable("asyncio.gather", [["a", ["b first", "b second"], "a"], "failed"])
async def gathers() -> list[Any]:
    one = fetch("a")
    found = list(await asyncio.gather(one, two_steps("b"), one))
    assert await asyncio.gather() == []
    try:
        await asyncio.gather(broken("c"), slow("d"))
    except TaskFailedError:
        return [found, "failed"]
    return []


@replayable("asyncio.gather(return_exceptions=True)", ["a", "TaskFailedError", "CancelledError"])
async def gathers_exceptions() -> list[str]:
    cancelled = asyncio.create_task(two_steps("c"))
    cancelled.cancel()
    found = await asyncio.gather(fetch("a"), broken("b"), cancelled, return_exceptions=True)
    return [found[0], type(found[1]).__name__, type(found[2]).__name__]


async def one_and_failing() -> list[asyncio.Task[Any]]:
    async def fails() -> None:
        await fetch("before")
        raise LookupError("no")

    async def slowly() -> Any:
        return await slow("slow")

    return [asyncio.create_task(coro) for coro in (two_steps("a"), fails(), slowly())]


@replayable("asyncio.wait(ALL_COMPLETED)", [3, 0])
async def waits_for_all() -> list[int]:
    done, pending = await asyncio.wait(await one_and_failing())
    return [len(done), len(pending)]


@replayable("asyncio.wait(FIRST_COMPLETED)", [1, 2])
async def waits_for_the_first() -> list[int]:
    done, pending = await asyncio.wait(await one_and_failing(), return_when=asyncio.FIRST_COMPLETED)
    return [len(done), len(pending)]


@replayable("asyncio.wait(FIRST_EXCEPTION)", ["no"])
async def waits_for_the_first_exception() -> list[str]:
    done, _ = await asyncio.wait(await one_and_failing(), return_when=asyncio.FIRST_EXCEPTION)
    return [str(task.exception()) for task in done if task.exception() is not None]


@replayable("asyncio.wait(timeout=…)", [["2 done", "1 open"], "slow"])
async def waits_with_a_timeout() -> list[Any]:
    tasks = await one_and_failing()
    done, pending = await asyncio.wait(tasks, timeout=5)
    told = [f"{len(done)} done", f"{len(pending)} open"]
    return [told, await pending.pop()]


@replayable("a set of gather's futures", ["a", "b", "c", "d", "e", "f"])
async def waits_for_gatherings() -> list[Any]:
    pairs = [asyncio.gather(fetch(one), fetch(other)) for one, other in ("ab", "cd", "ef")]
    await fetch("all are done by then")
    done, _ = await asyncio.wait(pairs)
    found = []
    for pair in done:  # in the order of a set
        found += await asyncio.gather(*[fetch(item) for item in pair.result()])
    return sorted(found)


@replayable("asyncio.as_completed(tasks)", ["b", "a", "late"])
async def as_completed() -> list[Any]:
    async def one(name: str, seconds: float) -> Any:
        await asyncio.sleep(seconds)
        return await fetch(name)

    tasks = [
        asyncio.create_task(one("a", 2)),
        asyncio.create_task(one("b", 1)),
        asyncio.create_task(one("c", 60)),
    ]
    found = []
    try:
        for following in asyncio.as_completed(tasks, timeout=10):
            found += [await following]
    except TimeoutError:
        found.append("late")
    return found


@replayable("async for … in asyncio.as_completed(tasks)", ["b", "a"], since=(3, 13))
async def as_completed_asynchronously() -> list[Any]:
    async def one(name: str, seconds: float) -> Any:
        await asyncio.sleep(seconds)
        return await fetch(name)

    tasks = [asyncio.create_task(one("a", 2)), asyncio.create_task(one("b", 1))]
    found = []
    async for task in asyncio.as_completed(tasks):  # type: ignore[attr-defined]
        assert task in tasks
        found.append(task.result())
    return found


@replayable("when_all, when_any", [["a", "b"], "c"])
async def joins() -> list[Any]:
    both = await when_all([fetch("a"), fetch("b")])
    winner = await when_any([slow("never"), fetch("c")])
    return [both, winner.result()]
