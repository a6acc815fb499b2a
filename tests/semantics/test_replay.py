"""Replay: the history is the truth, and the code is run from its top as often as need be."""

import asyncio
import logging
from typing import Any

import msgspec
import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core.history import EventRaised, TaskCompleted
from nbflow.core.operations import InboxRow, PutInbox
from nbflow.core.state import StallReason
from nbflow.definitions import WorkflowDefinition
from nbflow.errors import WorkflowStalledError
from tests.engine.worlds import World, always_fails, kinds, never_fails, of_kind


@activity
def add(x: int, y: int) -> int:
    return x + y


@pytest.mark.semantics(8)
def test_what_happened_is_written_before_anything_that_depends_on_it_begins(world: World) -> None:
    @activity
    def looks() -> list[str]:
        return kinds(world.history("order-42"))

    @workflow
    async def asks() -> list[str]:
        return await looks()

    world.open(asks)
    assert world.start(asks, None, "order-42").result(10)[-1] == "TaskScheduled"
    world.store.fault = always_fails  # and what can't be written does not begin
    with pytest.raises(Exception, match="the disk is full"):
        world.start(asks, None, "order-43")
    world.store.fault = never_fails
    assert [state.instance_id for state in world.client.list_workflows()] == ["order-42"]


@pytest.mark.semantics(9, 10)
def test_a_workflow_leaves_memory_at_any_await_and_comes_back_as_it_was(world: World) -> None:
    begun: list[str] = []
    ran: list[int] = []

    @activity
    def step(n: int) -> int:
        ran.append(n)
        return 10 * n

    @workflow
    async def walks(ctx: WorkflowContext) -> list[int]:
        begun.append(ctx.instance_id)
        seen = []
        for n in range(4):
            seen.append(await step(n))
            await ctx.wait_for_external_event("next")
        return seen

    world.open(walks)
    run = world.start(walks, None, "order-42")
    for _ in range(4):
        world.until_waiting(run, "next")
        run.raise_event("next")
    assert run.result(10) == [0, 10, 20, 30]
    turns = kinds(run.history()).count("WorkflowStarted")
    assert len(begun) == (turns if world.cache_size == 0 else 1)
    assert ran == [0, 1, 2, 3]


@pytest.mark.semantics(11)
def test_after_a_crash_only_what_was_not_recorded_runs_again(world: World) -> None:
    ran: list[int] = []
    gate: dict[str, Any] = {"open": False}

    @activity
    async def work(n: int) -> int:
        ran.append(n)
        while n >= 40 and not gate["open"]:
            await asyncio.sleep(0.01)
        return n

    @workflow
    async def fans_out() -> int:
        return sum(await asyncio.gather(*[work(n) for n in range(100)]))

    world.open(fans_out, max_concurrent_activities=100)
    run = world.start(fans_out, None, "order-42")
    world.until(run, lambda record, history: kinds(history).count("TaskCompleted") == 40)
    world.crash()
    ran.clear()
    gate["open"] = True
    world.open(fans_out)
    assert world.handle("order-42").result(20) == 4950
    assert sorted(ran) == list(range(40, 100))


def version(source: str) -> WorkflowDefinition[Any, Any]:
    """A version of the workflow `order`, as a cell would define it."""
    namespace: dict[str, Any] = {"add": add}
    exec(compile(source, "<order>", "exec"), namespace)
    return WorkflowDefinition(namespace["order"], source=source)


FIRST = """
async def order(ctx, x: int) -> int:
    total = await add(x, 1)
    return total + await ctx.wait_for_external_event("go")
"""
OTHER = FIRST.replace("add(x, 1)", "add(x, 2)")


@pytest.mark.semantics(12)
def test_code_that_no_longer_fits_stalls_the_run_and_says_what_differs(world: World) -> None:
    world.open(version(FIRST))
    world.until_waiting(world.start("order", 5, "order-42"), "go")
    world.reopen(version(OTHER))
    run = world.handle("order-42")
    run.raise_event("go", 100)
    world.until_status(run, "STALLED")
    with pytest.raises(WorkflowStalledError, match="the code no longer matches its history"):
        run.resume()  # "go on with the present code": it was tried, and refused
    report = run.state().stall
    assert (report.reason, report.line) == (StallReason.DIVERGED, 3)
    assert report.expected == 'call of activity add({"x":5,"y":1})'
    assert report.actual == 'call of activity add({"x":5,"y":2})'
    assert of_kind(run.history(), EventRaised) == []
    world.runtime.register(version(FIRST))  # it goes on by itself, and the event is still there
    assert run.result(10) == 106


@pytest.mark.semantics(52)
def test_missing_code_is_waited_for(world: World) -> None:
    @workflow
    async def calls(ctx: WorkflowContext) -> int:
        return await ctx.call_activity("unheard_of", input=3)

    world.open(calls)
    run = world.start(calls, None, "order-42")
    world.until_status(run, "STALLED")
    assert run.state().stall.reason is StallReason.CODE_MISSING

    @activity
    def unheard_of(x: int) -> int:
        return x * x

    world.runtime.register(unheard_of)
    assert run.result(10) == 9


@pytest.mark.semantics(70)
def test_what_a_workflow_says_is_said_once(
    world: World, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="nbflow.workflow")

    @workflow
    async def talks(ctx: WorkflowContext) -> list[bool]:
        print("begin")
        seen = [ctx.is_replaying]
        for n in range(3):
            await ctx.wait_for_external_event("next")
            print("got", n)
            ctx.logger.info("got %s", n)
            seen.append(ctx.is_replaying)
        return seen

    world.open(talks)
    run = world.start(talks)
    for _ in range(3):
        world.until_waiting(run, "next")
        run.raise_event("next")
    replayed = world.cache_size == 0
    assert run.result(10) == [replayed, replayed, replayed, False]
    assert capsys.readouterr().out == "begin\ngot 0\ngot 1\ngot 2\n"
    assert [record.getMessage().split("] ")[1] for record in caplog.records] == ["got 0", "got 1", "got 2"]


@pytest.mark.semantics(71)
def test_a_result_counts_once(world: World) -> None:
    @workflow
    async def adds(ctx: WorkflowContext) -> int:
        total = await add(1, 2)
        await ctx.wait_for_external_event("go")
        return total

    world.open(adds)
    run = world.start(adds)
    world.until_waiting(run, "go")
    [completed] = of_kind(run.history(), TaskCompleted)
    world.close()
    deliver(world, run.instance_id, msgspec.structs.replace(completed, seq=0))  # once more
    world.open(adds)
    run = world.handle(run)
    run.raise_event("go")
    assert run.result(10) == 3
    assert of_kind(run.history(), TaskCompleted) == [completed]
    assert world.inbox() == []


def deliver(world: World, instance_id: str, event: TaskCompleted) -> None:
    """Put a message into the closed store, for the run's present execution."""
    world.store.open()
    record = world.store.get_instance(instance_id)
    row = InboxRow(
        row_id=world.store.next_row_id(),
        instance_id=instance_id,
        execution_id=record.execution_id,
        event=event,
    )
    world.store.commit([PutInbox(row=row)])
    world.store.close()
