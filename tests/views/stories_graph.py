"""Workflows whose graph is drawn, and runs of them: real code, and histories that a world of tests has made."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import anyio
import msgspec

from nbflow import WorkflowContext, activity, when_any, workflow
from nbflow.core import history as h
from nbflow.core.state import RuntimeStatus
from nbflow.definitions import WorkflowDefinition
from tests.core.shapes import Shape
from tests.core.world import World
from tests.views.stories import Story


@activity
def check_stock(item: Any = None) -> Any: ...
@activity
def print_label(item: Any = None) -> Any: ...
@activity
def charge(item: Any = None) -> Any: ...
@activity
def refund(item: Any = None) -> Any: ...
@activity
def send_receipt(item: Any = None) -> Any: ...
@activity
def weigh(item: Any = None) -> Any: ...
@activity
def flaky(item: Any = None) -> Any: ...


@workflow
async def fulfil(ctx: WorkflowContext, total: int) -> str:
    await check_stock(total)
    if total > 100:
        decision = await ctx.wait_for_external_event("approval", data_type=bool, timeout=timedelta(hours=24))
        if not decision:
            return "rejected"
    async with asyncio.TaskGroup() as tg:
        tg.create_task(print_label(total))
        bill = tg.create_task(charge(total))
    await asyncio.sleep(30 * 86400)
    return str(await send_receipt(bill.result()))


@workflow
async def monitor(ctx: WorkflowContext, months: int) -> int:
    agreed = 0
    for month in range(months):
        ctx.set_custom_status({"month": month})
        await weigh(month)
        try:
            await ctx.wait_for_external_event("agreed", timeout=7 * 86400)
            agreed += 1
        except TimeoutError:
            await refund(month)
        await asyncio.sleep(30 * 86400)
    return agreed


async def careful(name: str) -> Any:
    try:
        return await charge(name)
    finally:
        await refund(name)


@workflow
async def nested(names: list[str]) -> list[Any]:
    async def inner(name: str) -> list[Any]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(careful(f"{name}{i}")) for i in range(3)]
            group.create_task(weigh(name))
        return [task.result() for task in tasks]

    found = await asyncio.gather(*[inner(name) for name in names], check_stock("all"))
    return [str(one) for one in found]


@workflow
async def compensate(order: str) -> str:
    try:
        await charge(order)
        await flaky(order)
    except Exception as error:
        await refund(order)
        return f"given back: {error}"
    else:
        return "sold"


@workflow
async def race(ctx: WorkflowContext, patience: float) -> str:
    approval = ctx.wait_for_external_event("approval")
    late = ctx.create_timer(patience)
    if await when_any([approval, late]) is late:
        await refund("late")
        ctx.send_event("other", "given up")
    with anyio.move_on_after(60):
        for item in ("a", "b"):
            await weigh(item)
    return "done"


@workflow
async def again(ctx: WorkflowContext, seen: int) -> int:
    await weigh(seen)
    try:
        await ctx.wait_for_external_event("stop", timeout=10)
    except TimeoutError:
        ctx.continue_as_new(seen + 1)
    return seen


@workflow
def generator(ctx: WorkflowContext, word: str) -> Any:
    items = yield ctx.call_activity(check_stock, input=word)
    tasks = [ctx.call_activity(weigh, input=item) for item in items]
    for task in tasks:  # noqa: UP028 (a generator may wait for one after the other)
        yield task
    yield ctx.call_child_workflow(again, input=1)
    return len(tasks)


def answer(name: str, item: Any, attempt: int) -> Any:
    if name == "flaky":
        return ConnectionError("the bank does not answer")
    if name == "check_stock":
        return ["tea", "milk"]
    return item


RUNS: dict[str, tuple[WorkflowDefinition[..., Any], Any, tuple[tuple[str, Any], ...]]] = {
    "order": (fulfil, 120, (("approval", True),)),
    "rejected": (fulfil, 120, (("approval", False),)),
    "cheap": (fulfil, 20, ()),
    "monitor": (monitor, 3, (("agreed", None),)),
    "nested": (nested, ["a", "b"], ()),
    "compensate": (compensate, "order-42", ()),
    "race": (race, 30, ()),
    "again": (again, 1, (("stop", None),)),
    "generator": (generator, "tea", ()),
}


class PlayedWorld(World):
    """A world whose run has an input of its own."""

    given: Any = None

    def start(self) -> h.ExecutionStarted:
        return msgspec.structs.replace(super().start(), input=self.shape.code.encode_input(self.given))


def played(name: str, *, until: float = 1.0, seed: int = 1) -> Story:
    """A run of one of these workflows; ``until``: how much of its history there is."""
    code, given, events = RUNS[name]
    world = PlayedWorld(Shape(code, events, answer), seed)
    world.given = given
    history = world.play()
    turns = [place for place, event in enumerate(history) if isinstance(event, h.WorkflowStarted)]
    cut = len(history) if until >= 1 else turns[max(1, round(len(turns) * until))]
    return story_of(code.name, history[:cut])


def story_of(name: str, history: list[h.HistoryEvent]) -> Story:
    """A story that has come this far."""
    story = Story(name=name)
    story.events = list(history)
    story.now = (history[-1].at - history[0].at).total_seconds()
    last = history[-1]
    match last:
        case h.ExecutionCompleted(status=status):
            story.status = RuntimeStatus(status)
        case h.ContinuedAsNew():
            story.status = RuntimeStatus.COMPLETED
        case _:
            story.status = RuntimeStatus.RUNNING
    return story
