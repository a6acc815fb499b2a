"""A message for an instance, and the wait until it is durable."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future

from nbflow.core import history as h
from nbflow.core.operations import InboxRow
from nbflow.core.outbox import Outgoing
from nbflow.core.state import InstanceRecord
from nbflow.engine.engine import Engine
from nbflow.engine.instance import Message, Settle


async def post(
    engine: Engine,
    instance_id: str,
    event: h.InputEvent,
    *,
    birth: InstanceRecord | None = None,
    outgoing: Sequence[Outgoing] = (),
) -> None:
    """Post a message; returns once it is durable, and raises what became of it otherwise."""
    done = engine.promise()
    post_for(engine, instance_id, event, finishing(done), birth=birth, outgoing=outgoing)
    await done


def post_for(
    engine: Engine,
    instance_id: str,
    event: h.InputEvent,
    settle: Settle,
    *,
    birth: InstanceRecord | None = None,
    is_fresh: bool = False,
    outgoing: Sequence[Outgoing] = (),
) -> None:
    """Post a message; ``settle`` is told what became of it."""
    row = InboxRow(
        row_id=engine.next_row_id(),
        instance_id=instance_id,
        execution_id=birth.execution_id if birth is not None else None,
        event=event,
    )
    engine.delivery.post(Message(row=row, birth=birth, is_fresh=is_fresh, outgoing=outgoing, settle=settle))


def finishing(done: asyncio.Future[None] | Future[None]) -> Settle:
    """How to complete a promise, whatever has become of it meanwhile."""

    def finish(error: Exception | None = None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    return finish
