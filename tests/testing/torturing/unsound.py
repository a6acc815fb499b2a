"""Workflows that go another way in another process, or another time, each by a cause of its own."""

import os
import random
import time

from nbflow import WorkflowContext, activity, workflow

COUNTER: list[int] = []
NAMES = frozenset({"apple", "banana", "cherry", "date", "elderberry", "fig", "grape"})


@activity
def note(what: object) -> object:
    return what


class Thing:
    def __init__(self, name: str) -> None:
        self.name = name


@workflow
async def a_set(ctx: WorkflowContext) -> list[object]:
    return [await note(name) for name in NAMES]


@workflow
async def addresses(ctx: WorkflowContext) -> list[object]:
    things = [Thing(f"{number}") for number in range(40)]
    return [await note(thing.name) for thing in sorted(things, key=id)[:3]]


@workflow
async def a_global(ctx: WorkflowContext) -> object:
    COUNTER.append(1)
    return await note(len(COUNTER))


@workflow
async def the_clock(ctx: WorkflowContext) -> object:
    return await note(time.time())


@workflow
async def chance(ctx: WorkflowContext) -> object:
    await note("first")
    return await note(random.random())


@workflow
async def the_process(ctx: WorkflowContext) -> object:
    return await note(os.getpid())
