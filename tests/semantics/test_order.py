"""The order of things: the same in every process, whatever came together."""

import asyncio
import sys
from importlib import metadata

import anyio
import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core.history import ExecutionStarted, HistoryEvent, TaskScheduled
from nbflow.core.loop import LOOP_RULES
from nbflow.errors import TaskFailedError, WorkflowFailedError
from tests.engine.worlds import VirtualClock, World, kinds, of_kind

ran: list[str] = []


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    ran.clear()


@activity
async def note(what: str) -> str:
    ran.append(what)
    if what == "fails":
        raise ValueError
    return what


def told(history: list[HistoryEvent]) -> list[str]:
    """What happened and was asked for, whatever the turns were."""
    return [
        f"{kind} {getattr(event, 'payload', getattr(event, 'input', ''))}"
        for kind, event in zip(kinds(history), history, strict=True)
        if kind not in ("WorkflowStarted", "ExecutionSuspended", "ExecutionResumed", "TaskCompleted")
    ]


@pytest.mark.semantics(73)
def test_events_are_taken_one_by_one_with_what_they_cause_behind_each(world: World) -> None:
    @workflow
    async def answers(ctx: WorkflowContext) -> None:
        async def branch() -> None:
            note(await ctx.wait_for_external_event("item"))

        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(branch())
        await ctx.wait_for_external_event("end")

    world.open(answers)
    apart, together = world.start(answers), world.start(answers)
    for run in (apart, together):
        world.until_waiting(run, "item", "item", "item")
    together.suspend()
    world.until_status(together, "SUSPENDED")
    for run in (apart, together):
        for item in "abc":
            run.raise_event("item", item)
    together.resume()  # here all three are one turn
    for run in (apart, together):
        world.until_waiting(run, "end")
        run.raise_event("end")
        run.result(10)
    assert told(together.history())[4:10] == [
        'EventRaised "a"', 'TaskScheduled "a"', 'EventRaised "b"', 'TaskScheduled "b"', 'EventRaised "c"', 'TaskScheduled "c"'
    ]  # fmt: skip
    assert told(together.history()) == told(apart.history())


@pytest.mark.semantics(73)
def test_timers_that_are_due_together_go_by_time_and_number(world: World, clock: VirtualClock) -> None:
    @workflow
    async def ties(ctx: WorkflowContext) -> list[str]:
        order: list[str] = []

        async def sleeper(name: str, seconds: int) -> None:
            await ctx.create_timer(seconds)
            order.append(name)

        await asyncio.gather(sleeper("c", 20), sleeper("a", 10), sleeper("d", 20), sleeper("b", 10))
        return order

    world.open(ties)
    run = world.start(ties, None, "order-42")
    world.until(run, lambda record, history: kinds(history).count("TimerCreated") == 4)
    world.close()
    clock.advance(days=1)
    world.open(ties)
    assert world.handle(run).result(10) == ["a", "b", "c", "d"]


@pytest.mark.semantics(74)
def test_branches_are_withdrawn_in_the_order_of_their_numbers(world: World) -> None:
    @workflow
    async def grouped(ctx: WorkflowContext) -> str:
        async def branch(n: int) -> None:
            try:
                await ctx.wait_for_external_event("never")
            finally:
                await note(f"undo {n}")

        try:
            async with asyncio.TaskGroup() as group:
                for n in range(12):  # a set of tasks, in which asyncio goes through them
                    group.create_task(branch(n))
                group.create_task(note("fails"))
        except* TaskFailedError:
            pass
        return "undone"

    world.open(grouped)
    run = world.start(grouped)
    assert run.result(10) == "undone"
    calls = [task.input for task in of_kind(run.history(), TaskScheduled)]
    assert calls == ['"fails"', *(f'"undo {n}"' for n in range(12))]


@pytest.mark.semantics(74)
def test_as_completed_over_bare_coroutines_is_refused(world: World) -> None:
    @workflow
    async def races() -> None:
        async def step(what: str) -> None:
            await note(what)

        steps = [step("a"), step("b")]
        try:
            for each in asyncio.as_completed(steps):
                await each
        finally:
            for each in steps:
                each.close()

    world.open(races)
    with pytest.raises(WorkflowFailedError, match="make tasks of them first"):
        world.start(races).result(10)
    assert ran == []


@pytest.mark.semantics(75)
def test_a_history_says_what_it_was_recorded_under(world: World) -> None:
    @workflow
    async def nothing() -> None:
        pass

    world.open(nothing)
    run = world.start(nothing)
    run.result(10)
    recorded = of_kind(run.history(), ExecutionStarted)[0].interpreter
    assert recorded.python == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert (recorded.anyio, recorded.loop_rules) == (metadata.version("anyio"), LOOP_RULES)


@pytest.mark.semantics(76)
def test_a_run_that_leaves_memory_does_nothing_on_its_way_out(world: World) -> None:
    @workflow
    async def pays(ctx: WorkflowContext) -> str:
        try:
            await ctx.wait_for_external_event("go")
        finally:
            await note("refund")
        return "paid"

    world.open(pays)
    world.until_waiting(world.start(pays, None, "order-42"), "go")
    world.reopen(pays)
    assert ran == []
    world.handle("order-42").raise_event("go")
    assert world.handle("order-42").result(10) == "paid"
    assert ran == ["refund"]


@pytest.mark.semantics(77)
def test_a_result_is_what_its_json_says_and_never_the_object(world: World) -> None:
    kept: list[list[tuple[int, ...]]] = []

    @activity
    def makes() -> list:
        kept.append([(1, 2)])
        return kept[0]

    @workflow
    async def changes() -> list:
        got = await makes()
        got.append(type(got[0]).__name__)
        return got

    world.open(changes)
    assert world.start(changes).result(10) == [[1, 2], "list"]
    assert kept == [[(1, 2)]]


@pytest.mark.semantics(78)
def test_a_cancelled_scope_around_a_task_group_comes_to_rest(world: World, clock: VirtualClock) -> None:
    @workflow
    async def scoped(ctx: WorkflowContext) -> list:
        async def branch() -> None:
            try:
                await ctx.wait_for_external_event("never")
            finally:
                await ctx.wait_for_external_event("cleaned up")

        with anyio.move_on_after(60) as scope:
            async with asyncio.TaskGroup() as group:
                group.create_task(branch())
        return [scope.cancelled_caught]

    world.open(scoped)
    run = world.start(scoped)
    world.until_waiting(run, "never")
    clock.advance(seconds=60)
    world.until_waiting(run, "cleaned up")
    run.raise_event("unrelated")
    assert world.until_waiting(run, "cleaned up").status == "RUNNING"
    run.raise_event("cleaned up")
    assert run.result(10) == [True]
