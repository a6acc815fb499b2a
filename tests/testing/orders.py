"""A workflow such as users write: order, stock, approval, charge, reminder."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from nbflow import RetryPolicy, TaskFailedError, WorkflowContext, activity, workflow


@dataclass(frozen=True)
class Order:
    sku: str
    cents: int


@dataclass(frozen=True)
class Decision:
    approved: bool


@dataclass(frozen=True)
class Receipt:
    number: str


@activity
def check_stock(sku: str) -> bool:
    return sku != "sold out"


@activity(retry_policy=RetryPolicy(first_retry_interval=60, max_number_of_attempts=3, backoff_coefficient=2))
def charge(order: Order, cents: int) -> Receipt:
    raise ConnectionError("no bank in a test")


@activity
async def remind(sku: str, day: int) -> None: ...


@workflow
async def fulfil(ctx: WorkflowContext, order: Order) -> str:
    if not await check_stock(order.sku):
        return "sold out"
    if order.cents > 10_000:
        decision = await ctx.wait_for_external_event("approval", data_type=Decision)
        if not decision.approved:
            return "rejected"
    try:
        receipt = await charge(order, order.cents)
    except TaskFailedError as error:
        return f"not charged: {error.details.message}"
    return receipt.number


@workflow
async def monitor(ctx: WorkflowContext, days: int) -> list[str]:
    """Looks once a day, and tells when that was."""
    seen: list[str] = []
    for day in range(days):
        await asyncio.sleep(86400)
        await remind("tea", day)
        seen.append(f"{ctx.current_utc_datetime:%m-%d %H:%M}")
    return seen


@workflow
async def approval(ctx: WorkflowContext) -> str:
    try:
        await ctx.wait_for_external_event("approval", timeout=timedelta(hours=24))
    except TimeoutError:
        return f"timed out at {ctx.current_utc_datetime:%d %H}"
    return "approved"


@workflow
async def parent(order: Order) -> str:
    return f"child says {await fulfil(order)}"
