"""Runs that were really lived, with the code that lived them: the replay view steps through code."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec

from nbflow import RetryPolicy, WorkflowContext, activity, workflow
from nbflow.core import history as h
from nbflow.core.divergence import ExecutionStalledError
from nbflow.core.execution import Execution
from nbflow.core.explain.explaining import explain
from nbflow.core.failures import describe
from nbflow.core.state import RuntimeStatus
from nbflow.definitions import WorkflowDefinition
from nbflow.testing.recording import Recording
from tests.views.stories import T0, Story

ran: list[str] = []
"""Activities that ran as plain functions; none may, in a replay."""


@dataclass
class Order:
    sku: str
    qty: int
    total: int


@dataclass
class Receipt:
    number: str
    cents: int
    lines: list[str] = field(default_factory=list)


@activity
def check_stock(sku: str) -> bool:
    ran.append("check_stock")
    return True


@activity
def check_price(sku: str) -> int:
    ran.append("check_price")
    return 120


@activity(retry_policy=RetryPolicy(1, 3))
def charge(cents: int) -> Receipt:
    ran.append("charge")
    return Receipt("R-1", cents)


@activity
def print_label(order: str) -> str:
    ran.append("print_label")
    return "label.pdf"


@workflow
async def fulfil(ctx: WorkflowContext, order: Order) -> str:
    in_stock, price = await asyncio.gather(check_stock(order.sku), check_price(order.sku))
    if not in_stock:
        return "sold out"

    approved = await ctx.wait_for_external_event("approval", timeout=86400, data_type=bool)
    if not approved:
        return "declined"

    cents = price * order.qty * 100
    done: list[str] = []

    async def bill() -> Receipt:
        receipt = await charge(cents)
        done.append(f"charged {receipt.cents}")
        return receipt

    async def ship() -> str:
        label = await print_label(ctx.instance_id)
        await asyncio.sleep(3)  # the van comes round
        done.append("shipped")
        return label

    async with asyncio.TaskGroup() as group:
        billing = group.create_task(bill())
        shipping = group.create_task(ship())

    ctx.set_custom_status(done)
    return f"{billing.result().number} with {shipping.result()}"


class Lived(Recording):
    """A run that is told what happens to it, and whose history becomes a story."""

    def __init__(self, code: WorkflowDefinition[..., Any], *args: Any, instance_id: str = "order-42") -> None:
        super().__init__(
            code, instance_id=instance_id, execution_id="9f3c2a7b41d04e0b8f6d5c1a2b3c4d5e", start=T0
        )
        self.begin(code.encode_call(args, {}))

    def done(self, i: int, result: Any = None, *, after: float = 1) -> None:
        text = msgspec.json.encode(result).decode()
        self.now += timedelta(seconds=after)
        self.take(h.TaskCompleted(at=self.now, scheduled_id=i, result=text, started_at=self.now))

    def failed(self, i: int, error: BaseException, *, after: float = 1) -> None:
        self.now += timedelta(seconds=after)
        self.take(h.TaskFailed(at=self.now, scheduled_id=i, failure=describe(error), started_at=self.now))

    def raised(self, name: str, payload: Any, *, after: float = 1) -> None:
        self.now += timedelta(seconds=after)
        self.take(h.EventRaised(at=self.now, name=name, payload=json.dumps(payload)))

    def fired(self, i: int) -> None:
        timer = self.state.timers[i]
        self.now = max(self.now, timer.fire_at)
        self.take(h.TimerFired(at=timer.fire_at, scheduled_id=i, fire_at=timer.fire_at))

    def story(self) -> Story:
        started = next(event for event in self.history if isinstance(event, h.ExecutionStarted))
        story = Story(self.code.name, self.instance_id)
        story.input = started.input
        story.events = list(self.history)
        story.now = (self.now - T0).total_seconds()
        story.status = RuntimeStatus(self.state.status)
        return story


def parted() -> Story:
    """A run whose workflow was changed, so that it no longer does what its history holds."""

    @workflow(name="fulfil")
    async def changed(ctx: WorkflowContext, order: Any) -> None:
        await ctx.call_activity("check_stock", input="coffee")

    run = fulfilled(until="approval")
    story = run.story()
    try:
        run.cold(changed).evict()
    except ExecutionStalledError as error:
        story.stall = explain(error.stall, changed, run.history, instance_id="order-42")
        story.status = RuntimeStatus.STALLED
    return story


def fulfilled(*, until: str = "end") -> Lived:
    """Checks side by side, an approval, then a bill (at the second try) and a label at the same time."""
    run = Lived(fulfil, Order("tea", 2, 240))
    run.done(1, True, after=2.1)
    run.done(2, 120, after=1.3)
    if until == "approval":
        return run
    run.raised("approval", True, after=40)
    run.failed(5, ConnectionError("the bank does not answer"), after=1.2)
    if until == "side by side":
        return run
    run.done(6, "label.pdf", after=0.3)
    run.fired(7)
    run.done(9, Receipt("R-1017", 24000, ["2 x tea"]), after=0.8)
    run.fired(8)
    return run


@workflow
async def counting(ctx: WorkflowContext, rounds: int) -> int:
    total, seen = 0, list[int]()
    for i in range(rounds):
        total += int(await ctx.call_activity("step", input=i))
        seen.append(total)
    return total


@workflow
async def crowd(ctx: WorkflowContext, rounds: int) -> int:
    async def worker(name: int) -> list[Any]:
        return [await ctx.call_activity("step", input=i) for i in range(rounds)]

    return len(await asyncio.gather(*[worker(name) for name in range(200)]))


class Hot(Lived):
    """A run that stays in memory between its turns, so that a long one is lived in linear time."""

    execution: Execution | None = None

    def resumed(self) -> Execution:
        if self.execution is None:
            self.execution = Execution(self.code, instance_id=self.instance_id)
        return self.execution

    def paused(self, execution: Execution) -> None:
        """It stays."""


def lived_long(code: WorkflowDefinition[..., Any], rounds: int, *, events: int = 1_000_000) -> Lived:
    """A run whose activities are answered, the oldest first, until it ends or has that many events."""
    run = Hot(code, rounds, instance_id="long-1")
    while run.state.tasks and len(run.history) < events:
        run.done(next(iter(run.state.tasks)), 1)
    run.resumed().evict()
    return run


class Hostile:
    """A value that would like to be more than text."""

    def __repr__(self) -> str:
        return "<script>window.pwned = 1</script>"


@workflow
async def hostile(ctx: WorkflowContext) -> None:
    html = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'></style>"
    turned = "\u202eevil\u2066 \x1b[31mred\x07 שלום 👋"
    long = "x" * 5_000_000
    deep: list[Any] = []
    for _ in range(10_000):
        deep = [deep]
    values = [Hostile(), float("nan"), {"</textarea>": html}]
    await ctx.wait_for_external_event("</style><script>window.pwned = 1</script>")
    del html, turned, long, deep, values


def long_story(code: WorkflowDefinition[..., Any], rounds: int) -> Story:
    return lived_long(code, rounds).story()


LIVED: dict[str, tuple[WorkflowDefinition[..., Any], Callable[[], Lived]]] = {
    "fulfilled": (fulfil, fulfilled),
    "approval": (fulfil, lambda: fulfilled(until="approval")),
    "side-by-side": (fulfil, lambda: fulfilled(until="side by side")),
    "hostile": (hostile, lambda: Lived(hostile)),
}
