"""The run in the pictures: an order that waits for its approval."""

import asyncio
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Literal

from pydantic import BaseModel, Field

from nbflow import RetryPolicy, WorkflowContext, activity, workflow


@workflow
async def fulfil(ctx: WorkflowContext, order: "Order") -> str:  # noqa: D103 # a cell of a notebook, as it were
    in_stock, price = await asyncio.gather(check_stock(order.sku, order.qty), find_price(order.sku))
    if not in_stock:
        return "sold out"

    async def pack() -> str:
        parcel = await weigh(order)
        return await print_label(order, grams=parcel)

    async def hold() -> str:
        cents = price * order.qty
        return await reserve(order.card, cents)

    async with asyncio.TaskGroup() as both:
        label = both.create_task(pack())
        amount = both.create_task(hold())
    await tell(order.sku)
    await asyncio.sleep(2 * 3600)

    decision = await ctx.wait_for_external_event("approval", data_type=Decision, timeout=86400)
    if not decision.approved:
        return "rejected"
    return await send(label.result(), amount.result())


@dataclass
class Order:
    """What is ordered."""

    sku: str
    qty: int
    card: str


@dataclass
class Decision:
    """What a person says to it."""

    approved: bool
    note: str = ""


@activity
async def check_stock(sku: str, qty: int) -> bool:
    """Look whether there is enough of it."""
    await asyncio.sleep(0.31)
    return bool(sku and qty)


@activity
async def find_price(sku: str) -> int:
    """Look up what one costs."""
    await asyncio.sleep(0.52)
    return 100 * len(sku)


@activity
async def weigh(order: Order) -> int:
    """Put it on the scales."""
    await asyncio.sleep(0.34)
    return 240 * order.qty


attempts = iter(range(9))


@activity(
    retry_policy=RetryPolicy(first_retry_interval=0.4, max_number_of_attempts=4, backoff_coefficient=1.5)
)
async def print_label(order: Order, grams: int) -> str:
    """Print it, at the third attempt."""
    await asyncio.sleep(0.22)
    if next(attempts) < 2:
        raise TimeoutError("the printer does not answer")
    return f"label-{order.sku}-{grams}.pdf"


@activity
async def reserve(card: str, cents: int) -> str:
    """Reserve the amount."""
    await asyncio.sleep(0.68)
    return f"R-{card[-4:]}-{cents}"


@activity
async def send(label: str, amount: str) -> str:
    """Send it."""
    return f"{label} for {amount}"


@activity
async def write_to(whom: str) -> str:
    """Write to somebody."""
    await asyncio.sleep(0.2)
    return f"wrote to {whom}"


@workflow
async def tell(ctx: WorkflowContext, sku: str) -> list[str]:
    """Tell those who want to know."""
    return await asyncio.gather(write_to(f"the buyer of {sku}"), write_to("the warehouse"))


class Stars(Enum):
    """How good it was."""

    none = 0
    one = 1
    two = 2
    three = 3


@dataclass
class Survey:
    """What is asked."""

    question: str
    stars: Stars


class Answer(BaseModel):
    """What comes back."""

    stars: int = Field(ge=1, le=5, description="5 is best")
    how: Literal["post", "courier", "pickup"]
    arrived: date
    comment: str = Field("", max_length=500)
    write_to: str | None = None


@workflow
async def ask(ctx: WorkflowContext, survey: Survey) -> Answer:
    """Ask a buyer."""
    return await ctx.wait_for_external_event("answer", data_type=Answer, timeout=7 * 86400)


@workflow
async def nightly(ctx: WorkflowContext, days: int) -> int:
    """Wait for the morning."""
    await asyncio.sleep(days * 40_000)
    return days


@workflow
async def refund(ctx: WorkflowContext, order: str) -> str:
    """Fail."""
    raise ValueError(f"{order} was not paid")
