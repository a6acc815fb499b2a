"""What is simulated in CI: workflows that use everything, each with the clients that it takes.

Their results must not depend on time or order, since a seed changes both: where a workflow goes by
what comes first, `same` says what must be the same all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any

from nbflow import (
    RetryPolicy,
    TaskFailedError,
    WorkflowActivityContext,
    WorkflowContext,
    activity,
    when_all,
    when_any,
    workflow,
)
from nbflow.testing.simulator import SimulatedRun, Simulator

PATIENT = RetryPolicy(0.5, 500)
"""Enough attempts for whatever a seed does to them, such as to leave them one slot for all."""


@activity
def fetch(item: Any) -> Any:
    return item


@activity
async def gentle(item: Any) -> Any:
    await asyncio.sleep(0.1)
    return item


@activity(retry_policy=RetryPolicy(1, 4, backoff_coefficient=2, max_retry_interval=3))
def flaky(item: Any) -> Any:
    return item


@activity(retry_policy=RetryPolicy(0.2, 3))
def broken(item: Any) -> Any:
    raise ConnectionError(f"nobody answers for {item}")


@activity
def undo(item: Any) -> str:
    return f"{item} undone"


@activity
def key(ctx: WorkflowActivityContext, n: int) -> str:
    return ctx.idempotency_key


@activity(retry_policy=PATIENT, timeout=3)
async def slow_at_first(ctx: WorkflowActivityContext, item: Any) -> Any:
    await asyncio.sleep(10 if ctx.attempt == 1 else 0)
    return item


# -- one after another, and many at once ------------------------------------------------------------


@workflow
async def orders(ctx: WorkflowContext, count: int) -> list[Any]:
    got: list[Any] = []
    for n in range(count):
        total = sum(await asyncio.gather(*[fetch(10 * n + k) for k in range(3)], gentle(n), flaky(n)))
        ctx.set_custom_status({"round": n})
        await ctx.create_timer(86400)
        got.append([total, await ctx.wait_for_external_event("item", data_type=int)])
    return got


@workflow
async def compensated(ctx: WorkflowContext, steps: int) -> list[str]:
    done: list[str] = []
    try:
        for n in range(steps):
            step = await flaky(f"step {n}")
            done.append(step)
        await broken("the last step")
    except TaskFailedError as error:
        return [error.details.message, *[await undo(step) for step in reversed(done)]]
    return done


@workflow
async def unhandled(item: str) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(careful("one"))
        group.create_task(careful("other"))
        group.create_task(broken(item))


async def careful(name: str) -> Any:
    try:
        await fetch(name)
        await asyncio.sleep(600)
    finally:
        await undo(name)


@workflow
async def bounded(ctx: WorkflowContext, count: int) -> list[Any]:
    todo, running, found = list(range(count)), list[Any](), list[Any]()
    while todo or running:
        while todo and len(running) < 3:
            running.append(flaky(todo.pop(0)))
        first = await when_any(running)
        running.remove(first)
        found.append(first.get_result())
    return found


@workflow
def dapr_style(ctx: WorkflowContext, count: int) -> Generator[Any, Any, list[Any]]:
    found = yield from parts(ctx, count)
    answer = ctx.wait_for_external_event("answer")
    late = ctx.create_timer(3)
    first = yield when_any([answer, late])
    if first is late:
        yield ctx.call_activity(undo, input="patience")
    return [found, (yield answer)]


def parts(ctx: WorkflowContext, count: int) -> Generator[Any, Any, Any]:
    return (yield when_all([ctx.call_activity(gentle, input=n) for n in range(count)]))


# -- time -------------------------------------------------------------------------------------------


@workflow
async def deadlines(ctx: WorkflowContext, count: int) -> list[Any]:
    """Waits that time out or don't: nothing of what was sent may get lost in between."""
    got: list[Any] = []
    while len(got) < count:
        try:
            got.append(await ctx.wait_for_external_event("tick", timeout=1))
        except TimeoutError:
            await fetch("nobody")
        try:
            async with asyncio.timeout(0.5):
                got.append(await ctx.wait_for_external_event("TICK"))
        except TimeoutError:
            pass
    return got


@workflow
async def timeouts(ctx: WorkflowContext, count: int) -> list[Any]:
    found = await asyncio.gather(*[slow_at_first(n) for n in range(count)])
    async with asyncio.timeout(5) as scope:
        reminder = asyncio.create_task(asyncio.sleep(3))
        scope.reschedule(None)
        await reminder
    return [*found, str(ctx.new_guid()), ctx.random().random()]


@workflow
async def queued(ctx: WorkflowContext, count: int) -> list[Any]:
    queue: asyncio.Queue[Any] = asyncio.Queue(2)
    room, found = asyncio.Semaphore(2), list[Any]()

    async def produce() -> None:
        for n in range(count):
            await queue.put(await fetch(n))
        await queue.put(None)

    async def consume() -> None:
        while (item := await queue.get()) is not None:
            async with room:
                found.append(await flaky(item))

    await asyncio.gather(produce(), consume())
    return found


# -- more than one run ------------------------------------------------------------------------------


@workflow
async def own_keys(ctx: WorkflowContext, count: int) -> bool:
    """Results that another run under this ID asked for would show."""
    keys = await asyncio.gather(*[key(n) for n in range(count)])
    await ctx.create_timer(2)
    keys += [await key(count)]
    mine = f"{ctx.instance_id}:{ctx.execution_id}:"
    return all(one.startswith(mine) for one in keys)


@workflow
async def child(ctx: WorkflowContext, n: int) -> Any:
    await ctx.create_timer(n % 3)
    return [n, await flaky(n), await gentle(n)]


@workflow
async def hopeless_child(n: int) -> None:
    await fetch(n)
    await broken(n)


@workflow
async def patient_child(ctx: WorkflowContext, n: int) -> Any:
    return await ctx.wait_for_external_event("never", timeout=40)


@workflow
async def family(ctx: WorkflowContext, count: int) -> list[Any]:
    found: list[Any] = list(await asyncio.gather(*[child(n) for n in range(count)]))
    named = ctx.call_child_workflow(child, input=7, instance_id=f"named-by-{ctx.instance_id}")
    try:
        await ctx.call_child_workflow(hopeless_child, input=1, retry_policy=RetryPolicy(1, 2))
    except TaskFailedError as error:
        found.append(error.details.type)
    return [*found, await named]


@workflow
async def grandparent(ctx: WorkflowContext, count: int) -> list[Any]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(parent(n)) for n in range(count)]
    return [task.result() for task in tasks]


@workflow
async def parent(ctx: WorkflowContext, n: int) -> str:
    try:
        await asyncio.gather(child(n), patient_child(n))
    except TaskFailedError as error:
        return error.details.type
    return "nobody waited"


@workflow
async def eternal(ctx: WorkflowContext, state: dict[str, Any]) -> list[Any]:
    """Consumes its events over many generations, leaving some of them to the next one on purpose."""
    got = [*state["got"]]
    got.append(await ctx.wait_for_external_event("item"))
    await fetch(len(got))
    ctx.create_timer(1000)  # goes with the generation
    if len(got) == state["count"]:
        return got
    return ctx.continue_as_new({"got": got, "count": state["count"]})


@workflow
async def pinger(ctx: WorkflowContext, count: int) -> list[Any]:
    got: list[Any] = []
    for n in range(count):
        ctx.send_event("ponger", "ping", data=[ctx.instance_id, n])
        got.append(await ctx.wait_for_external_event("pong"))
        await gentle(n)
    return got


@workflow
async def ponger(ctx: WorkflowContext, left: int) -> str:
    for _ in range(3):
        who, n = await ctx.wait_for_external_event("ping")
        await fetch(n)
        ctx.send_event(who, "pong", data=[n, "back"])
        left -= 1
        if left == 0:
            return "done"
    return ctx.continue_as_new(left)


def numbers(name: str, count: int) -> list[tuple[str, Any]]:
    return [(name, n) for n in range(count)]


def consumer(count: int) -> dict[str, Any]:
    return {"got": [], "count": count}


SIMULATIONS: dict[str, Callable[[], Simulator]] = {
    "orders": lambda: Simulator(
        orders,
        input=3,
        events=[("item", 0), ("ITEM", "no number"), ("Item", 1), ("item", 2), ("item", 3)],
        also=[
            SimulatedRun(
                workflow=orders, id=f"other-{n}", input=2, events=numbers("item", 2), terminated=n == 1
            )
            for n in range(2)
        ],
    ),
    "sequences": lambda: Simulator(
        compensated,
        input=3,
        also=[
            SimulatedRun(workflow=unhandled, id="unhandled", input="x"),
            SimulatedRun(workflow=bounded, id="bounded", input=6, same=sorted),
            SimulatedRun(workflow=queued, id="queued", input=5, start_in=3),
        ],
    ),
    "generators": lambda: Simulator(
        dapr_style,
        input=3,
        events=[("answer", 42)],
        also=[SimulatedRun(workflow=dapr_style, id="later", input=1, events=[("answer", None)], start_in=5)],
    ),
    "time": lambda: Simulator(
        deadlines,
        input=4,
        events=numbers("Tick", 5),
        same=lambda got: got[:4],
        also=[SimulatedRun(workflow=timeouts, id="timeouts", input=3)],
    ),
    "reuse": lambda: Simulator(
        own_keys,
        input=2,
        also=[
            SimulatedRun(workflow=own_keys, id="again", input=3, times=4, terminated=True),
            SimulatedRun(
                workflow=eternal,
                id="eternal",
                input=consumer(2),
                events=numbers("item", 2),
                times=3,
                terminated=True,
            ),
            SimulatedRun(workflow=grandparent, id="elders", input=1, times=2, terminated=True, start_in=1),
        ],
    ),
    "family": lambda: Simulator(
        family,
        input=3,
        also=[SimulatedRun(workflow=family, id="other", input=2, terminated=True)],
    ),
    "cascade": lambda: Simulator(
        grandparent,
        input=2,
        also=[
            SimulatedRun(workflow=grandparent, id=f"elder-{n}", input=2, terminated=True) for n in range(2)
        ],
    ),
    "eternal": lambda: Simulator(
        eternal,
        input=consumer(8),
        events=numbers("item", 8),
        also=[
            SimulatedRun(
                workflow=eternal, id="other", input=consumer(5), events=numbers("item", 7), terminated=True
            )
        ],
    ),
    "signals": lambda: Simulator(
        ponger,
        input=7,
        id="ponger",
        also=[
            SimulatedRun(workflow=pinger, id="pinger-1", input=4, after="ponger"),
            SimulatedRun(workflow=pinger, id="pinger-2", input=3, after="ponger"),
        ],
    ),
}
