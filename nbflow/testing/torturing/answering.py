"""Activities of a torture: each attempt runs once, in the first run, and is answered from the record after that.

What is answered comes back one at a time, and in the order of the record, so that a run that is
interrupted behind every event gets the same inputs in the same order as one that isn't.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from nbflow.core.history import TaskCompleted
from nbflow.executors.threads import ThreadExecutor
from nbflow.ports import Invocation, InvocationOutcome
from nbflow.testing.torturing.orders import Answer


class AnsweringExecutor:
    """Runs activities, or answers in their place.

    Args:
        stubs: What activities answer that never run: JSON by name.
        answers: What is recorded, in order.

    Attributes:
        handed_out: The place of each attempt in the order in which they were answered: call, and which attempt.
    """

    def __init__(self, stubs: Mapping[str, str], answers: Sequence[Answer]) -> None:
        self._stubs = stubs
        self._answers = {(a.call, a.attempt, a.name, a.input): (place, a) for place, a in enumerate(answers)}
        self._inner = ThreadExecutor()
        self._arrived = 0
        self._waiting: dict[tuple[float, int], _Ticket] = {}
        self._handing: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self.handed_out: dict[tuple[str, int], int] = {}

    async def begin(self, still: Callable[[], Awaitable[None]]) -> None:
        """Begin to hand out what is answered, on the engine's loop.

        Args:
            still: Waits until nothing happens but activities.
        """
        self._handing = asyncio.get_running_loop().create_task(self._hand_out(still))

    async def run(self, invocation: Invocation) -> InvocationOutcome:
        """Run one attempt, or answer for it, and wait for its place in the order."""
        info = invocation.info
        key = (info.idempotency_key, info.attempt, invocation.name, invocation.input)
        place, answer = self._answers.get(key, (math.inf, None))
        self._arrived += 1
        turn, its_turn = (place, self._arrived), asyncio.Event()
        ready = self._waiting[turn] = _Ticket(its_turn)
        try:
            if answer is not None:
                outcome = _outcome(answer)
            elif invocation.name in self._stubs:
                outcome = InvocationOutcome(worker="stub", result=self._stubs[invocation.name])
            else:
                outcome = await self._inner.run(invocation)
            ready.is_ready = True
            self._changed.set()
            await its_turn.wait()
            self.handed_out[info.idempotency_key, info.attempt] = len(self.handed_out)
            return outcome
        finally:
            self._waiting.pop(turn, None)
            self._changed.set()

    async def close(self) -> None:
        """Let go of workers."""
        if self._handing is not None:
            self._handing.cancel()
        await self._inner.close()

    async def _hand_out(self, still: Callable[[], Awaitable[None]]) -> None:
        while True:
            await still()
            first = min(self._waiting, default=None)
            if first is not None and self._waiting[first].is_ready:
                ticket = self._waiting.pop(first)
                ticket.its_turn.set()
                await asyncio.sleep(0)  # so that it is delivered before the engine is asked again
                await asyncio.sleep(0)
                continue
            self._changed.clear()
            await self._changed.wait()


class _Ticket:
    def __init__(self, its_turn: asyncio.Event) -> None:
        self.its_turn: Final = its_turn
        self.is_ready = False


def _outcome(answer: Answer) -> InvocationOutcome:
    event = answer.event
    if isinstance(event, TaskCompleted):
        return InvocationOutcome(worker=event.worker, result=event.result)
    return InvocationOutcome(worker=event.worker, failure=event.failure)
