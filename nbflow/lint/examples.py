"""An example of each rule, and what to write instead."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Final


def _pair(example: str, better: str) -> tuple[str, str]:
    return textwrap.dedent(example).strip() + "\n", textwrap.dedent(better).strip() + "\n"


EXAMPLES: Final[Mapping[str, tuple[str, str]]] = {
    "clock": _pair(
        """
        @workflow
        async def remind(ctx: WorkflowContext) -> float:
            started = time.time()
            await ask()
            return time.time() - started
        """,
        """
        @workflow
        async def remind(ctx: WorkflowContext) -> float:
            started = ctx.current_utc_datetime
            await ask()
            return (ctx.current_utc_datetime - started).total_seconds()
        """,
    ),
    "chance": _pair(
        """
        @workflow
        async def draw(ctx: WorkflowContext, names: list[str]) -> str:
            return random.choice(names)
        """,
        """
        @workflow
        async def draw(ctx: WorkflowContext, names: list[str]) -> str:
            return ctx.random().choice(names)
        """,
    ),
    "identifier": _pair(
        """
        @workflow
        async def order(ctx: WorkflowContext, sku: str) -> str:
            return await charge(sku, key=str(uuid.uuid4()))
        """,
        """
        @workflow
        async def order(ctx: WorkflowContext, sku: str) -> str:
            return await charge(sku, key=str(ctx.new_guid()))
        """,
    ),
    "environment": _pair(
        """
        @workflow
        async def report(ctx: WorkflowContext) -> str:
            return await send(os.environ["RECIPIENT"])
        """,
        """
        @workflow
        async def report(ctx: WorkflowContext, recipient: str) -> str:
            return await send(recipient)
        """,
    ),
    "file": _pair(
        """
        @workflow
        async def count(ctx: WorkflowContext, path: str) -> int:
            return len(Path(path).read_text().split())
        """,
        """
        @activity
        def read(path: str) -> str:
            return Path(path).read_text()


        @workflow
        async def count(ctx: WorkflowContext, path: str) -> int:
            return len((await read(path)).split())
        """,
    ),
    "network": _pair(
        """
        @workflow
        async def weather(ctx: WorkflowContext, city: str) -> str:
            return httpx.get("https://example.com/api/data", params={"city": city}).text
        """,
        """
        @activity
        def fetch_weather(city: str) -> str:
            return httpx.get("https://example.com/api/data", params={"city": city}).text


        @workflow
        async def weather(ctx: WorkflowContext, city: str) -> str:
            return await fetch_weather(city)
        """,
    ),
    "process": _pair(
        """
        @workflow
        async def build(ctx: WorkflowContext) -> int:
            return subprocess.run(["make"]).returncode
        """,
        """
        @activity
        def make() -> int:
            return subprocess.run(["make"]).returncode


        @workflow
        async def build(ctx: WorkflowContext) -> int:
            return await make()
        """,
    ),
    "thread": _pair(
        """
        @workflow
        async def survey(ctx: WorkflowContext, cities: list[str]) -> list[str]:
            with ThreadPoolExecutor() as pool:
                return list(pool.map(ask, cities))
        """,
        """
        @workflow
        async def survey(ctx: WorkflowContext, cities: list[str]) -> list[str]:
            return list(await asyncio.gather(*[ask(city) for city in cities]))
        """,
    ),
    "blocking": _pair(
        """
        @workflow
        async def wait(ctx: WorkflowContext) -> None:
            time.sleep(5)
        """,
        """
        @workflow
        async def wait(ctx: WorkflowContext) -> None:
            await asyncio.sleep(5)
        """,
    ),
    "set order": _pair(
        """
        @workflow
        async def tell(ctx: WorkflowContext, names: list[str]) -> None:
            for name in set(names):
                await send(name)
        """,
        """
        @workflow
        async def tell(ctx: WorkflowContext, names: list[str]) -> None:
            for name in sorted(set(names)):
                await send(name)
        """,
    ),
    "address": _pair(
        """
        @workflow
        async def order(ctx: WorkflowContext, sku: str) -> str:
            return await charge(sku, key=f"order-{hash(sku)}")
        """,
        """
        @workflow
        async def order(ctx: WorkflowContext, sku: str) -> str:
            return await charge(sku, key=f"order-{ctx.new_guid()}")
        """,
    ),
    "global": _pair(
        """
        seen = []


        @workflow
        async def collect(ctx: WorkflowContext, sku: str) -> int:
            seen.append(await check(sku))
            return len(seen)
        """,
        """
        @workflow
        async def collect(ctx: WorkflowContext, sku: str, before: list[str]) -> list[str]:
            return [*before, await check(sku)]
        """,
    ),
    "not awaited": _pair(
        """
        @workflow
        async def fulfil(ctx: WorkflowContext, sku: str) -> str:
            charge(sku)
            return await ship(sku)
        """,
        """
        @workflow
        async def fulfil(ctx: WorkflowContext, sku: str) -> str:
            await charge(sku)
            return await ship(sku)
        """,
    ),
    "endless loop": _pair(
        """
        @workflow
        async def poll(ctx: WorkflowContext, due: datetime) -> None:
            while ctx.current_utc_datetime < due:
                pass
        """,
        """
        @workflow
        async def poll(ctx: WorkflowContext, due: datetime) -> None:
            await ctx.create_timer(due)
        """,
    ),
    "cancellation": _pair(
        """
        @workflow
        async def careful(ctx: WorkflowContext, sku: str) -> str:
            try:
                return await charge(sku)
            except BaseException:
                return "failed"
        """,
        """
        @workflow
        async def careful(ctx: WorkflowContext, sku: str) -> str:
            try:
                return await charge(sku)
            except Exception:
                return "failed"
        """,
    ),
    "input": _pair(
        """
        @workflow
        async def gift(ctx: WorkflowContext, order: Order) -> str:
            order.wrapped = True
            return await ship(order)
        """,
        """
        @workflow
        async def gift(ctx: WorkflowContext, order: Order) -> str:
            return await ship(dataclasses.replace(order, wrapped=True))
        """,
    ),
    "bare coroutines": _pair(
        """
        async def visit(city: str) -> str:
            return await ask(city)


        @workflow
        async def survey(ctx: WorkflowContext, cities: list[str]) -> list[str]:
            return [await first for first in asyncio.as_completed([visit(city) for city in cities])]
        """,
        """
        async def visit(city: str) -> str:
            return await ask(city)


        @workflow
        async def survey(ctx: WorkflowContext, cities: list[str]) -> list[str]:
            tasks = [asyncio.create_task(visit(city)) for city in cities]
            return [await first for first in asyncio.as_completed(tasks)]
        """,
    ),
    "skipped cleanup": _pair(
        """
        @workflow
        async def monitor(ctx: WorkflowContext, round: int) -> None:
            try:
                await look(round)
                ctx.continue_as_new(round + 1)
            finally:
                await release(round)
        """,
        """
        @workflow
        async def monitor(ctx: WorkflowContext, round: int) -> None:
            try:
                await look(round)
            finally:
                await release(round)
            ctx.continue_as_new(round + 1)
        """,
    ),
    "event loop": _pair(
        """
        @workflow
        async def confirmed(ctx: WorkflowContext, sku: str) -> str:
            return asyncio.run(confirm(sku))
        """,
        """
        @workflow
        async def confirmed(ctx: WorkflowContext, sku: str) -> str:
            return await confirm(sku)
        """,
    ),
}

PRELUDE: Final = """\
import asyncio, dataclasses, os, random, subprocess, time, uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx

from nbflow import WorkflowContext, activity, workflow


@dataclass
class Order:
    sku: str
    wrapped: bool = False


@activity
def ask(city: str = "") -> str: ...
@activity
def charge(sku: str, key: str = "") -> str: ...
@activity
def check(sku: str) -> str: ...
@activity
def confirm(sku: str) -> str: ...
@activity
def look(round: int) -> str: ...
@activity
def release(round: int) -> str: ...
@activity
def send(to: str) -> str: ...
@activity
def ship(order: str | Order) -> str: ...
"""
"""What stands above the examples: their imports, and the activities that they call."""
