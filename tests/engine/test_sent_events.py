"""Events that runs send to each other: once each, in order, and never lost with the turn that sent them (S38)."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from nbflow import WorkflowContext, workflow
from nbflow.core.history import EventRaised, EventRejected, EventSent, TimerFired
from nbflow.errors import InstanceNotFoundError, StoreError
from tests.engine.gates import crash_behind_every_commit, until_handled
from tests.engine.worlds import VirtualClock, World, kinds, never_fails, of_kind

pytestmark = pytest.mark.semantics(38)


@workflow
async def collects(ctx: WorkflowContext, wanted: int) -> list[Any]:
    return [await ctx.wait_for_external_event("item") for _ in range(wanted)]


@workflow
async def sends(ctx: WorkflowContext, given: dict[str, Any]) -> str:
    """Sends so many, a few in each turn."""
    for n in range(given["count"]):
        ctx.send_event(given["to"], "ITEM", data=n)
        if n % 3 == 2:
            await ctx.create_timer(0)
    return "sent"


def test_what_one_run_sends_another_one_gets_in_order(world: World) -> None:
    world.open(collects, sends)
    target = world.start(collects, 20, "order-42")
    sender = world.start(sends, {"to": "order-42", "count": 20})
    assert target.result(10) == list(range(20))
    assert sender.result(10) == "sent"
    assert [event.payload for event in of_kind(sender.history(), EventSent)] == [str(n) for n in range(20)]


@pytest.mark.semantics(11, 67)
def test_a_crash_behind_any_commit_sends_nothing_twice_and_loses_nothing(
    world: World, store_kind: str
) -> None:
    def begin(n: int, count: Callable[[], None]) -> None:
        world.start(collects, 7, f"to-{n}")
        world.until_waiting(f"to-{n}", "item")
        count()
        world.start(sends, {"to": f"to-{n}", "count": 7}, f"from-{n}")

    def is_over(n: int) -> bool:
        return world.client.get_workflow_state(f"to-{n}").runtime_status.is_terminal

    def finish(n: int) -> None:
        try:
            sender = world.handle(f"from-{n}")
        except InstanceNotFoundError:
            sender = world.start(sends, {"to": f"to-{n}", "count": 7}, f"from-{n}")
        assert sender.result(20) == "sent"
        assert world.handle(f"to-{n}").result(20) == list(range(7))
        assert len(of_kind(world.history(f"to-{n}"), EventRaised)) == 7
        until_handled(world)

    apart = 1 if store_kind == "memory" else 4
    assert crash_behind_every_commit(world, [collects, sends], begin, is_over, finish, step=apart) >= 3


@pytest.mark.semantics(67)
def test_a_turn_that_cannot_be_written_has_sent_nothing(world: World) -> None:
    world.open(collects, sends)
    target = world.start(collects, 2, "order-42")
    world.until_waiting(target, "item")
    failures = iter([StoreError("the disk is full")] * 3)
    world.store.fault = lambda operations: (
        next(failures, None)
        if any("EventSent" in kinds(getattr(o, "events", ())) for o in operations)
        else None
    )
    with pytest.raises(StoreError):
        world.start(sends, {"to": "order-42", "count": 2})
    assert kinds(target.history()).count("EventRaised") == 0
    world.store.fault = never_fails
    world.start(sends, {"to": "order-42", "count": 2})
    assert target.result(10) == [0, 1]
    assert kinds(target.history()).count("EventRaised") == 2


def test_a_turn_behind_a_durable_message_sends_once_however_often_it_is_tried(
    world: World, clock: VirtualClock
) -> None:
    @workflow
    async def sends_later(ctx: WorkflowContext) -> None:
        await ctx.create_timer(60)
        ctx.send_event("order-42", "item", data="once")

    world.open(collects, sends_later)
    target = world.start(collects, 2, "order-42")
    sender = world.start(sends_later)
    world.until(sender, lambda record, history: "TimerCreated" in kinds(history))
    failures = iter([StoreError("the disk is full")] * 3)
    world.store.fault = lambda operations: (
        next(failures, None)
        if any(of_kind(getattr(o, "events", ()), TimerFired) for o in operations)
        else None
    )
    clock.advance(seconds=60)
    sender.result(20)
    target.raise_event("item", "end")
    assert target.result(10) == ["once", "end"]


def test_a_run_can_send_to_itself(world: World) -> None:
    @workflow
    async def selfish(ctx: WorkflowContext) -> list[Any]:
        ctx.send_event(ctx.instance_id, "item", data=1)
        first = await ctx.wait_for_external_event("item")
        wait = ctx.wait_for_external_event("item")
        ctx.send_event(ctx.instance_id, "item", data=2)
        return [first, await wait]

    world.open(selfish)
    assert world.start(selfish).result(10) == [1, 2]


@pytest.mark.semantics(14)
def test_what_a_generation_sends_to_itself_the_next_one_gets(world: World) -> None:
    @workflow
    async def relays(ctx: WorkflowContext, n: int) -> list[int]:
        got = -1 if n == 0 else await ctx.wait_for_external_event("item")
        if n < 5:
            ctx.send_event(ctx.instance_id, "item", data=n)
            ctx.continue_as_new(n + 1, save_events=False)
        return [n, got]

    world.open(relays)
    assert world.start(relays, 0).result(10) == [5, 4]


def test_two_runs_play_ping_pong(world: World) -> None:
    @workflow
    async def plays(ctx: WorkflowContext, given: dict[str, Any]) -> int:
        if given["serves"]:
            ctx.send_event(given["to"], "ball", data=0)
        while (ball := await ctx.wait_for_external_event("ball")) < 20:
            ctx.send_event(given["to"], "ball", data=ball + 1)
        ctx.send_event(given["to"], "ball", data=99)
        return ball

    world.open(plays)
    ada = world.start(plays, {"to": "bob", "serves": False}, "ada")
    world.until_waiting(ada, "ball")
    bob = world.start(plays, {"to": "ada", "serves": True}, "bob")
    assert sorted([ada.result(20), bob.result(20)]) == [20, 99]


# -- whom it comes to ---------------------------------------------------------------------------------


@pytest.mark.semantics(62)
def test_one_for_nobody_and_one_for_a_run_that_has_ended_are_dropped_and_logged(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.open(collects, sends)
    world.start(collects, 0, "ended").result(10)
    with caplog.at_level(logging.WARNING, "nbflow.engine"):
        for name in ("nobody", "ended", "nobody:12345678:0001"):
            assert world.start(sends, {"to": name, "count": 1}).result(10) == "sent"
        until_handled(world)
    said = [record.getMessage() for record in caplog.records]
    assert "event 'ITEM' was dropped: there is no run nobody" in said
    assert "event 'ITEM' was dropped: there is no run nobody:12345678:0001" in said
    assert "event 'ITEM' for ended was dropped: the run has ended" in said
    assert len(said) == 3


def test_a_child_gets_what_its_parent_sends_with_its_start(world: World) -> None:
    @workflow
    async def calls(ctx: WorkflowContext) -> list[Any]:
        derived = collects(2)
        given = ctx.call_child_workflow(collects, input=2, instance_id="given")
        for name in (f"{ctx.instance_id}:{ctx.execution_id[:8]}:0001", "given"):
            for n in range(2):
                ctx.send_event(name, "item", data=n)
        return [await derived, await given]

    world.open(calls, collects)
    assert world.start(calls, None, "order-42").result(10) == [[0, 1], [0, 1]]


def test_a_child_gets_what_it_is_sent_also_after_a_crash_before_it_began(
    world: World, store_kind: str
) -> None:
    @workflow
    async def calls(ctx: WorkflowContext, n: int) -> list[Any]:
        derived = collects(1)
        given = ctx.call_child_workflow(collects, input=1, instance_id=f"given-{n}")
        for name in (f"{ctx.instance_id}:{ctx.execution_id[:8]}:0001", f"given-{n}"):
            ctx.send_event(name, "item", data=name)
        return [await derived, await given]

    def begin(n: int, count: Callable[[], None]) -> None:
        count()
        world.start(calls, n, f"order-{n}")

    def is_over(n: int) -> bool:
        try:
            return world.client.get_workflow_state(f"order-{n}").runtime_status.is_terminal
        except InstanceNotFoundError:
            return False

    def finish(n: int) -> None:
        if n == 0:
            world.start(calls, n, "order-0")
        derived, given = world.handle(f"order-{n}").result(20)
        assert derived[0].startswith(f"order-{n}:")
        assert given == [f"given-{n}"]
        until_handled(world)

    apart = 1 if store_kind == "memory" else 2
    assert crash_behind_every_commit(world, [calls, collects], begin, is_over, finish, step=apart) >= 2


def test_one_that_is_sent_before_a_child_of_a_taken_id_begins_is_for_the_run_that_was_there(
    world: World,
) -> None:
    """The ID belongs to a run that has ended: what is sent before the child's start is for that run, and dropped."""

    @workflow
    async def calls(ctx: WorkflowContext) -> list[Any]:
        ctx.send_event("given", "item", data="too early")
        task = ctx.call_child_workflow(collects, input=1, instance_id="given")
        ctx.send_event("given", "item", data="in time")
        return await task

    world.open(calls, collects)
    world.start(collects, 0, "given").result(10)
    assert world.start(calls).result(10) == ["in time"]


@pytest.mark.semantics(64)
def test_a_suspended_a_stalled_and_a_later_run_keep_what_they_are_sent(
    world: World, clock: VirtualClock
) -> None:
    @workflow
    async def stalls(ctx: WorkflowContext) -> Any:
        await ctx.wait_for_external_event("go")
        return missing_name  # noqa: F821 - what is tested

    @workflow(name="stalls")
    async def repaired(ctx: WorkflowContext) -> Any:
        await ctx.wait_for_external_event("go")
        return await ctx.wait_for_external_event("item")

    world.open(collects, sends, stalls)
    suspended = world.start(collects, 1, "suspended")
    world.until_waiting(suspended, "item")
    suspended.suspend()
    world.until_status(suspended, "SUSPENDED")
    later = world.start(collects, 1, "later", start_at=clock.now().replace(hour=6))
    stalled = world.start(stalls, None, "stalled")
    stalled.raise_event("go")
    world.until_status(stalled, "STALLED")
    for name in ("suspended", "later", "stalled"):
        world.start(sends, {"to": name, "count": 1}).result(10)
    world.reopen(collects, sends, stalls, crash=True)
    assert [kinds(world.history(run)).count("EventRaised") for run in (suspended, stalled)] == [0, 0]
    world.handle(suspended).resume()
    clock.advance(hours=6)
    world.runtime.register(repaired)
    world.handle(stalled).resume()
    assert world.handle(suspended).result(10) == [0]
    assert world.handle(later).result(10) == [0]
    assert world.handle(stalled).result(10) == 0


@pytest.mark.semantics(36)
def test_one_that_does_not_fit_is_rejected_by_the_run_and_its_sender_goes_on(world: World) -> None:
    @workflow
    async def typed(ctx: WorkflowContext) -> str:
        return await ctx.wait_for_external_event("item", data_type=str)

    world.open(typed, sends)
    target = world.start(typed, None, "order-42")
    world.until_waiting(target, "item")
    assert world.start(sends, {"to": "order-42", "count": 2}).result(10) == "sent"
    world.until(target, lambda record, history: kinds(history).count("EventRejected") == 2)
    assert {event.name for event in of_kind(target.history(), EventRejected)} == {"ITEM"}
    target.raise_event("item", "fits")
    assert target.result(10) == "fits"
