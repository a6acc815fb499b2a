"""External events: from anyone, in order, each for one wait."""

import asyncio
from dataclasses import dataclass

import pytest

from nbflow import WorkflowContext, workflow
from nbflow.core.history import EventRaised, EventRejected
from nbflow.errors import EventRejectedError
from tests.engine.worlds import VirtualClock, World, kinds, of_kind


@dataclass
class Decision:
    approved: bool
    comment: str = ""


@workflow
async def takes(ctx: WorkflowContext, names: list[str]) -> list:
    return [await ctx.wait_for_external_event(name) for name in names]


@pytest.mark.semantics(35)
def test_an_event_has_a_name_and_a_payload_and_is_for_one_run(world: World) -> None:
    world.open(takes)
    runs = [world.start(takes, ["approval"], id) for id in ("order-1", "order-2")]
    for run in runs:
        world.until_waiting(run, "approval")
    runs[1].raise_event("approval", {"by": "Ada"})
    assert runs[1].result(10) == [{"by": "Ada"}]
    [event] = of_kind(runs[1].history(), EventRaised)
    assert (event.name, event.payload) == ("approval", '{"by":"Ada"}')
    assert "EventRaised" not in kinds(runs[0].history())


@workflow
async def asks(ctx: WorkflowContext) -> list:
    await ctx.wait_for_external_event("begin")
    decision = await ctx.wait_for_external_event("approval", data_type=Decision)
    return [decision.approved, decision.comment]


@pytest.mark.semantics(36)
def test_a_wait_ends_with_a_payload_of_its_type_and_refuses_others(world: World) -> None:
    world.open(asks)
    run = world.start(asks)
    run.raise_event("begin")
    world.until_waiting(run, "approval")
    with pytest.raises(EventRejectedError, match="doesn't fit Decision"):
        run.raise_event("approval", {"comment": "hm"})
    world.until_waiting(run, "approval")
    run.raise_event("approval", {"approved": True})
    assert run.result(10) == [True, ""]


@pytest.mark.semantics(36)
def test_a_payload_that_came_before_the_wait_is_refused_in_the_history(world: World) -> None:
    world.open(asks)
    run = world.start(asks)
    world.until_waiting(run, "begin")
    run.raise_event("approval", "perhaps")  # nobody asks yet: who could refuse it?
    run.raise_event("begin")
    world.until_waiting(run, "approval")
    assert "doesn't fit Decision" in of_kind(run.history(), EventRejected)[0].reason
    run.raise_event("approval", {"approved": False, "comment": "too dear"})
    assert run.result(10) == [False, "too dear"]


@pytest.mark.semantics(37)
def test_events_are_waited_for_one_after_the_other_or_all_at_once(world: World) -> None:
    @workflow
    async def gathers(ctx: WorkflowContext, names: list[str]) -> list:
        return list(await asyncio.gather(*[ctx.wait_for_external_event(name) for name in names]))

    world.open(takes, gathers)
    for code in (takes, gathers):
        run = world.start(code, ["a", "b", "c"])
        for name in "cab":
            run.raise_event(name, name.upper())
        assert run.result(10) == ["A", "B", "C"]


@pytest.mark.semantics(38)
def test_a_workflow_raises_events_for_other_runs(world: World) -> None:
    @workflow
    async def tells(ctx: WorkflowContext, whom: str) -> None:
        ctx.send_event(whom, "news", data={"from": ctx.instance_id})
        await ctx.wait_for_external_event("thanks")

    @workflow
    async def listens(ctx: WorkflowContext) -> dict:
        news = await ctx.wait_for_external_event("news")
        ctx.send_event(news["from"], "thanks")
        return news

    world.open(tells, listens)
    listener = world.start(listens, None, "listener")
    world.until_waiting(listener, "news")
    teller = world.start(tells, "listener", "teller")
    assert teller.result(10) is None
    assert listener.result(10) == {"from": "teller"}
    assert (kinds(teller.history()).count("EventSent"), world.inbox()) == (1, [])


@pytest.mark.semantics(39)
def test_events_of_one_name_are_taken_first_in_first_out_each_by_one_wait(world: World) -> None:
    world.open(takes)
    run = world.start(takes, ["begin", *["item"] * 20])
    for n in range(20):
        if n == 10:  # half of them come before anybody waits for them
            run.raise_event("begin")
        run.raise_event("item", n)
    assert run.result(10) == [None, *range(20)]


@pytest.mark.semantics(40)
def test_an_event_that_nobody_waits_for_is_kept(world: World) -> None:
    world.open(takes)
    run = world.start(takes, ["first", "later"], "order-42")
    run.raise_event("later", 2)
    world.until(run, lambda record, history: "EventRaised" in kinds(history))
    world.reopen(takes)
    run = world.handle("order-42")
    run.raise_event("first", 1)
    assert run.result(10) == [1, 2]


@pytest.mark.semantics(41)
def test_names_are_one_in_upper_and_lower_case(world: World) -> None:
    world.open(takes)
    run = world.start(takes, ["Approval"])
    run.raise_event("aPPROVAL", True)
    assert run.result(10) == [True]


@pytest.mark.semantics(42)
def test_a_wait_that_times_out_takes_nothing(world: World, clock: VirtualClock) -> None:
    @workflow
    async def waits(ctx: WorkflowContext) -> list:
        try:
            await ctx.wait_for_external_event("approval", timeout=60)
        except TimeoutError:
            await ctx.wait_for_external_event("again")
        return ["late", await ctx.wait_for_external_event("approval", timeout=60)]

    world.open(waits)
    run = world.start(waits)
    world.until_waiting(run, "approval")
    clock.advance(seconds=60)
    world.until_waiting(run, "again")
    run.raise_event("approval", "yes")
    run.raise_event("again")
    clock.advance(seconds=60)  # of an event that was delivered, a late timer takes nothing away
    assert run.result(10) == ["late", "yes"]
