"""Shapes that have to do with other runs: children, events for others, and generations that follow on each other.

In their world a child is answered as an activity is, by its workflow's name.
"""

from __future__ import annotations

import asyncio
from typing import Any

from nbflow import ChildTerminatedError, RetryPolicy, WorkflowContext, when_any, workflow
from nbflow.errors import TaskFailedError
from tests.core.shapes import SHAPES, Shape, fetch


@workflow
async def part(item: Any = None) -> Any: ...
@workflow
async def flaky_part(item: Any = None) -> Any: ...
@workflow
async def broken_part(item: Any = None) -> Any: ...


def answer(name: str, item: Any, attempt: int) -> Any:
    if name == "broken_part" or (name == "flaky_part" and attempt < 3):
        return ConnectionError(f"{name} {item}")
    return item


def family(*events: tuple[str, Any]) -> Any:
    """Takes a workflow function into the collection, in a world that answers children."""

    def take(function: Any) -> Any:
        code = workflow(function)
        SHAPES[code.name] = Shape(code, events, answer)
        return code

    return take


@family()
async def children_side_by_side() -> list[Any]:
    numbers = await asyncio.gather(*[part(n) for n in range(3)], fetch("beside them"))
    return [*numbers, await part("last")]


@family()
async def children_tried_again(ctx: WorkflowContext) -> list[str]:
    policy = RetryPolicy(2, 4, backoff_coefficient=2)
    found = [await ctx.call_child_workflow(flaky_part, input="x", retry_policy=policy)]
    try:
        await ctx.call_child_workflow(broken_part, input="y", instance_id="mine", retry_policy=policy)
    except TaskFailedError as error:
        found.append(str(error))
    return found


@family(("stop", 1))
async def children_left_behind(ctx: WorkflowContext) -> str:
    stop = ctx.wait_for_external_event("stop")
    child = part("slow")
    first = await when_any([stop, child])
    if first is stop:
        child.cancel()
    try:
        return f"{await child}"
    except (asyncio.CancelledError, ChildTerminatedError):
        return "left behind"


@family(("go", 0), ("go", False), ("go", ""))
async def tells_others(ctx: WorkflowContext) -> list[Any]:
    got = []
    for n in range(3):
        ctx.send_event(f"neighbour-{n}", "ready", data=n)
        got.append(await ctx.wait_for_external_event("go"))
        ctx.set_custom_status(got)
    ctx.send_event(ctx.instance_id, "never read")
    return got


@family(("item", 1), ("note", None), ("item", 0), ("item", False))
async def one_generation(ctx: WorkflowContext, total: int | None = None) -> None:
    async def next_item() -> Any:
        try:
            return await ctx.wait_for_external_event("item")
        finally:
            await fetch("after each")

    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(1000))
        item = group.create_task(next_item())
        await item
        fetch("never started")
        ctx.continue_as_new((total or 0) + item.result())


@family(("item", 3))
def generation_of_a_generator(ctx: WorkflowContext, total: int | None = None) -> Any:
    found = yield part(total)
    item = yield ctx.wait_for_external_event("item")
    ctx.continue_as_new((found or 0) + item, save_events=False)
