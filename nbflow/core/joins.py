"""Waiting for several tasks: Dapr's ``when_all`` and ``when_any``.

`asyncio.gather`, `asyncio.wait` and `asyncio.TaskGroup` keep their own meaning
beside them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TypeVar

_T = TypeVar("_T")


def when_all(tasks: Sequence[Awaitable[_T]]) -> asyncio.Future[list[_T]]:
    """Wait for all tasks; give their results in argument order, then raise the first failure.

    Unlike `asyncio.gather`, a failure waits until every task has come to its end
    (Dapr's ``when_all``). An empty list gives ``[]`` at once.
    """
    return asyncio.ensure_future(_all([asyncio.ensure_future(task) for task in tasks]))


async def _all(futures: list[asyncio.Future[_T]]) -> list[_T]:
    if futures:
        await asyncio.wait(futures)
    return [future.result() for future in futures]


def when_any(tasks: Sequence[Awaitable[_T]]) -> asyncio.Future[asyncio.Future[_T]]:
    """Wait for the first task to end, and give that task: ask it for its result.

    It never raises what the winner failed with, and the others live on (Dapr's ``when_any``). Of
    several that have ended already the first in argument order wins.

    Raises:
        ValueError: There is nothing to wait for.
    """
    if not tasks:
        raise ValueError("when_any needs at least one task: of none, none will ever be the first")
    return asyncio.ensure_future(_any([asyncio.ensure_future(task) for task in tasks]))


async def _any(futures: list[asyncio.Future[_T]]) -> asyncio.Future[_T]:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
    return next(future for future in futures if future.done())
