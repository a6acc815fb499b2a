"""What a stalled run keeps of a mismatch: both sides, the lines that were changed, the cause; in every store."""

from __future__ import annotations

import re

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.errors import WorkflowStalledError
from tests.engine.worlds import World


@activity
def reserve(item: str) -> str:
    return item


@activity
def charge(amount: int) -> int:
    return amount


@pytest.mark.semantics(12)
@pytest.mark.parametrize("is_kept", [True, False], ids=["version at hand", "version in the store"])
def test_another_version_that_does_not_fit_is_explained_with_the_lines_that_were_changed(
    world: World, is_kept: bool
) -> None:
    @workflow(name="order")
    async def before(ctx: WorkflowContext) -> int:
        await reserve("tea")
        paid = await charge(10)
        await ctx.wait_for_external_event("shipped")
        return paid

    @workflow(name="order")
    async def after(ctx: WorkflowContext) -> int:
        await reserve("tea")
        paid = await charge(12)
        await ctx.wait_for_external_event("shipped")
        return paid

    world.open(before, reserve, charge)
    world.until_waiting(world.start(before, None, "order-42"), "shipped")
    world.close()
    world.open(after, reserve, charge)
    run = world.handle("order-42")
    run.raise_event("shipped", True)
    world.until_status(run, "STALLED")
    with pytest.raises(WorkflowStalledError, match=r"likely cause: .*; `%wf show order-42` shows both sides"):
        run.resume()
    stall = run.state().stall
    assert stall is not None
    divergence = stall.divergence
    assert divergence is not None
    assert (divergence.cause, divergence.line) == ("changed_input", stall.line)
    (change,) = [change for change in divergence.changes if "charge" in change.now]
    assert (change.was, change.now) == ("paid = await charge(10)", "paid = await charge(12)")
    assert change.line == divergence.line
    if is_kept:
        world.reopen(before, after, reserve, charge)
    else:
        world.close()
        world.open(before, reserve, charge)
    assert world.handle("order-42").result(10) == 10


@pytest.mark.semantics(12)
def test_code_that_counts_in_a_global_is_known_to_be_not_deterministic(world: World) -> None:
    seen: list[int] = []

    @workflow(name="order")
    async def counts(ctx: WorkflowContext) -> None:
        seen.append(1)
        await charge(len(seen))
        await ctx.wait_for_external_event("shipped")

    world.open(counts, charge)
    run = world.start(counts, None, "order-42")
    world.until(run, lambda record, history: record.status == "STALLED" or len(history) > 5)
    world.close()
    world.open(counts, charge)
    run = world.handle("order-42")
    run.raise_event("shipped", True)
    world.until_status(run, "STALLED")
    stall = run.state().stall
    assert stall is not None
    assert stall.divergence is not None
    assert (stall.divergence.cause, stall.divergence.is_certain) == ("not_deterministic", True)
    assert re.search(
        r"it did call of activity charge\(\d\) and then call of activity charge\(\d\)", stall.message
    )
