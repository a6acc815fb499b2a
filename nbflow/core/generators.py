"""Workflows as generators, the way of Dapr's Python SDK: ``result = yield ctx.call_activity(…)``.

The driver awaits what the generator yields, and gives it the result, or throws
the failure in. It is a coroutine like any other workflow, so histories don't
tell one form from the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

from nbflow.errors import NotReplayableError


async def drive(generator: Generator[Any, Any, Any]) -> Any:
    """Run a generator workflow to its end, and give what it returns."""
    try:
        step = generator.send
        given: Any = None
        while True:
            try:
                task = step(given)
            except StopIteration as end:
                return end.value
            try:
                step, given = generator.send, await _awaitable(task)
            except Exception as error:
                step, given = generator.throw, error
    finally:
        generator.close()


def _awaitable(task: Any) -> Any:
    if asyncio.isfuture(task) or asyncio.iscoroutine(task):
        return task
    raise NotReplayableError(
        f"a generator workflow yielded a {type(task).__name__}: yield what ctx.call_activity(…), "
        "ctx.create_timer(…), when_all([…]) and their like give"
    )
