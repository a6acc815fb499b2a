"""Sound workflows, with one of everything in them, to be tortured."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from nbflow import RetryPolicy, TaskFailedError, WorkflowContext, activity, workflow


@dataclass(frozen=True)
class Order:
    sku: str
    count: int


@dataclass(frozen=True)
class Decision:
    approved: bool


@activity
def stock(sku: str) -> int:
    return len(sku)


@activity(retry_policy=RetryPolicy(first_retry_interval=60, max_number_of_attempts=2))
def charge(cents: int) -> str:
    raise ConnectionError("no bank here")


@activity
async def pack(number: int) -> str:
    await asyncio.sleep(0.001)
    return f"parcel {number}"


@workflow
async def label(ctx: WorkflowContext, number: int) -> str:
    await asyncio.sleep(60)
    return f"{await pack(number)} at {ctx.current_utc_datetime:%H:%M}"


@workflow
async def fulfil(ctx: WorkflowContext, order: Order, generation: int = 0) -> dict[str, object]:
    await stock(order.sku)
    done: dict[str, str] = {}

    async def work(number: int) -> None:
        done[f"{number}"] = await (label(number) if number % 2 else pack(number))

    async with asyncio.TaskGroup() as group:
        for number in range(order.count):
            group.create_task(work(number))
    if generation == 0:
        ctx.continue_as_new({"order": order, "generation": 1})
        return {}
    decision = await ctx.wait_for_external_event("approval", data_type=Decision, timeout=timedelta(days=1))
    try:
        await charge(12)
    except TaskFailedError as error:
        return {
            "done": done,
            "approved": decision.approved,
            "error": error.details.message,
            "id": ctx.new_guid(),
        }
    return {}


@workflow
async def shapes(ctx: WorkflowContext) -> list[object]:
    """Much of asyncio, with results in the order in which things come."""
    seen: list[object] = []
    queue: asyncio.Queue[str] = asyncio.Queue()
    room = asyncio.Semaphore(2)

    async def work(number: int) -> str:
        async with room:
            parcel = await pack(number)
        await queue.put(parcel)
        return parcel

    tasks = {asyncio.create_task(work(number)) for number in range(4)}
    done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    seen.append(sorted(task.result() for task in done))
    seen += [await task for task in asyncio.as_completed(rest)]
    seen += [queue.get_nowait() for _ in range(queue.qsize())]
    try:
        async with asyncio.timeout(5):
            await asyncio.sleep(60)
    except TimeoutError:
        seen.append(f"{ctx.current_utc_datetime:%S}")
    return seen
