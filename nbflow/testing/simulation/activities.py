"""Activities in a simulation: they run at once and on the loop, and their results take their time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from nbflow.core.failures import describe
from nbflow.core.history import TaskCompleted
from nbflow.definitions import Registry
from nbflow.engine.delivery import Delivery
from nbflow.ports import ActivityExecutor, Invocation, InvocationOutcome
from nbflow.testing.simulation.clock import BEGINNING
from nbflow.testing.simulation.faults import Dice
from nbflow.testing.simulation.ledger import Ledger
from nbflow.testing.simulation.loop import SimulationLoop
from nbflow.testing.simulation.trace import Trace

_WORKER: Final = "simulation"


class InjectedError(ConnectionError):
    """An attempt failed since the simulation wants it; its retry policy tries it again."""


class InlineExecutor:
    """Runs attempts without any thread: each is done when the loop comes to it."""

    async def run(self, invocation: Invocation) -> InvocationOutcome:
        """Run one attempt to its end."""
        loop = asyncio.get_running_loop()
        if invocation.call_async is not None:
            coro = _outcome_async(invocation.call_async)
            outcome = await loop.create_task(coro, context=invocation.context)
        else:
            call = invocation.call
            assert call is not None, "an invocation has something to call"
            done: asyncio.Future[InvocationOutcome] = loop.create_future()
            # by a callback, since an activity may have a loop of its own, which a task must not start
            loop.call_soon(_carry_out, call, done, context=invocation.context)
            outcome = await done
        present = asyncio.current_task()
        if present is not None and present.cancelling():
            raise asyncio.CancelledError  # the activity took our cancellation for its own
        return outcome

    async def close(self) -> None:
        """There is nothing to let go of."""


class SimulatedExecutor:
    """Runs attempts as a seed wants it: some of them fail, and some bring their result twice.

    What an attempt does happens at once; that it is done is known only after a while, and
    a crash in between has it run again.

    Args:
        inner: Runs them.
        registry: The code, with its retry policies.
        fails: How many attempts of an activity may fail, where its own policy doesn't say.
        dice: Decides what happens.
        ledger: Sees to it that an attempt may begin.
        trace: Is told of it.
        loop: Where results are delivered for the second time.

    Attributes:
        delivery: How they come to the engine.
    """

    def __init__(
        self,
        inner: ActivityExecutor,
        registry: Registry,
        fails: Mapping[str, int],
        *,
        dice: Dice,
        ledger: Ledger,
        trace: Trace,
        loop: SimulationLoop,
    ) -> None:
        self.delivery: Delivery | None = None
        self._inner = inner
        self._registry = registry
        self._fails = fails
        self._dice = dice
        self._ledger = ledger
        self._trace = trace
        self._loop = loop

    async def run(self, invocation: Invocation) -> InvocationOutcome:
        """Run one attempt to its end."""
        info, name = invocation.info, invocation.name
        self._trace.say("%s: attempt %s of %s begins", info.instance_id, info.attempt, name)
        self._ledger.begins(name, info)
        if info.attempt <= self._allowed(name) and self._dice.activity_fails():
            self._trace.say("%s: it fails", info.instance_id)
            failure = describe(InjectedError("this attempt failed, as the simulation wants it"))
            outcome = InvocationOutcome(worker=_WORKER, failure=failure)
        else:
            outcome = await self._inner.run(invocation)
            self._bring_again(invocation, outcome)
        await asyncio.sleep(self._dice.activity_time())
        return outcome

    async def close(self) -> None:
        """Let go of what runs attempts."""
        await self._inner.close()

    def _allowed(self, name: str) -> int:
        """How many attempts may fail so that the outcome stays what it is: never the last one."""
        allowed = self._fails.get(name)
        activity = self._registry.activity(name)
        policy = activity.retry_policy if activity is not None else None
        if allowed is not None or policy is None:
            return allowed or 0
        if policy.retry_timeout is not None or issubclass(InjectedError, policy.non_retryable):
            return 0
        return policy.max_number_of_attempts - 1

    def _bring_again(self, invocation: Invocation, outcome: InvocationOutcome) -> None:
        """Deliver a result once more, before or after its time."""
        info, delivery = invocation.info, self.delivery
        attempt_id = self._ledger.attempt_id(info)
        if attempt_id is None or outcome.result is None or delivery is None or not self._dice.duplicates():
            return
        instance_id, execution_id, _ = info.idempotency_key.rsplit(":", 2)
        event = TaskCompleted(
            at=BEGINNING,
            scheduled_id=attempt_id,
            result=outcome.result,
            started_at=BEGINNING,
            attempt=info.attempt,
            worker=f"{_WORKER}, again",
        )
        self._loop.call_later(
            self._dice.activity_time(), delivery.post_result, instance_id, execution_id, event
        )


def _carry_out(call: Callable[[], str], done: asyncio.Future[InvocationOutcome]) -> None:
    loop = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        outcome = InvocationOutcome(worker=_WORKER, result=call())
    except BaseException as error:
        outcome = InvocationOutcome(worker=_WORKER, failure=describe(error))
    finally:
        asyncio._set_running_loop(loop)
    if not done.done():
        done.set_result(outcome)


async def _outcome_async(call: Callable[[], Coroutine[Any, Any, str]]) -> InvocationOutcome:
    try:
        return InvocationOutcome(worker=_WORKER, result=await call())
    except BaseException as error:
        return InvocationOutcome(worker=_WORKER, failure=describe(error))
