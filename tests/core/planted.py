"""Workflows that can't be replayed: what the determinism test must find out."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from typing import Any

from nbflow import workflow
from tests.core.shapes import Shape, fetch

PLANTED: dict[str, Shape] = {}
_counter = itertools.count(os.getpid())


def planted(function: Any) -> Any:
    code = workflow(function)
    PLANTED[code.name] = Shape(code)
    return code


class Thing:
    def __init__(self, name: str) -> None:
        self.name = name


@planted
async def over_a_set_of_texts() -> None:
    for name in {f"name {i}" for i in range(20)}:
        await fetch(name)


@planted
async def over_a_set_of_objects() -> None:
    things = {Thing(f"thing {i}") for i in range(20)}
    await asyncio.gather(*[fetch(thing.name) for thing in things])


@planted
async def by_address() -> None:
    for thing in sorted([Thing(f"thing {i}") for i in range(20)], key=id):
        await fetch(thing.name)


@planted
async def by_the_wall_clock() -> None:
    await fetch(time.time_ns())


@planted
async def by_a_variable_of_the_module() -> None:
    await fetch(next(_counter))


@planted
async def by_the_environment() -> None:
    await fetch(os.environ.get("PYTHONHASHSEED"))


@planted
async def by_hash() -> None:
    await asyncio.sleep(1 + hash("text") % 1000)
