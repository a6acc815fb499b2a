"""Continue-as-new on a real runtime: generation follows on generation, whatever happens in between."""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from nbflow import RuntimeStatus, WorkflowContext, activity, workflow
from nbflow.core.history import ContinuedAsNew, EventRaised, ExecutionStarted, TaskCompleted, TimerFired
from nbflow.errors import InstanceNotFoundError, InstanceStateError, StoreError
from tests.engine.gates import appends, crash_behind_every_commit, until_handled
from tests.engine.worlds import VirtualClock, World, kinds, never_fails, of_kind, wait_for

pytestmark = pytest.mark.semantics(13)


@workflow
async def collects(ctx: WorkflowContext, given: list[Any]) -> list[Any]:
    """Takes so many items, a few in each generation."""
    wanted, each, got = given
    ctx.set_custom_status(len(got))
    for _ in range(min(each, wanted - len(got))):
        got.append(await ctx.wait_for_external_event("item"))
    if len(got) < wanted:
        ctx.continue_as_new([wanted, each, got])
    return got


def histories(world: World, instance_id: str) -> list[list[Any]]:
    """The histories of all executions of a run, oldest first."""
    return world.runtime.read(
        lambda store: [store.read_history(instance_id, each) for each in store.list_executions(instance_id)]
    )


def until_generation(world: World, run: Any, generation: int, *events: str) -> None:
    world.until(run, lambda record, history: record.generation == generation)
    world.until_waiting(run, *events)


@pytest.mark.semantics(11, 14, 67)
def test_a_crash_behind_any_commit_loses_no_event_and_takes_none_twice(world: World, store_kind: str) -> None:
    raised: dict[int, list[int]] = {}

    def begin(n: int, count: Callable[[], None]) -> None:
        raised[n] = []
        count()
        world.start(collects, [6, 2, []], f"order-{n}")
        for item in range(6):
            world.client.raise_workflow_event(f"order-{n}", "item", data=item)
            raised[n].append(item)

    def is_over(n: int) -> bool:
        try:
            return world.client.get_workflow_state(f"order-{n}").runtime_status.is_terminal
        except InstanceNotFoundError:
            return False

    def finish(n: int) -> None:
        try:
            run = world.handle(f"order-{n}")
        except InstanceNotFoundError:
            run = world.start(collects, [6, 2, []], f"order-{n}")
        known = [
            int(e.payload)
            for history in histories(world, f"order-{n}")
            for e in of_kind(history, EventRaised)
        ]
        known += [int(row.event.payload) for row in world.inbox() if isinstance(row.event, EventRaised)]
        seen = sorted(set(known) | set(raised[n]))  # one that its sender was told nothing of may have come
        for item in range(len(seen), 6):
            run.raise_event("item", item)
        assert run.result(20) == [0, 1, 2, 3, 4, 5]
        each = histories(world, f"order-{n}")
        assert [history[-1].__class__ for history in each[:-1]] == [ContinuedAsNew] * 2
        assert sum(len(of_kind(history, EventRaised)) for history in each) == 6
        until_handled(world)

    apart = 1 if store_kind == "memory" else 4
    assert crash_behind_every_commit(world, [collects], begin, is_over, finish, step=apart) >= 3


@pytest.mark.semantics(14, 67)
def test_a_turn_that_continues_as_new_and_cannot_be_written_has_not_happened(world: World) -> None:
    world.open(collects)
    run = world.start(collects, [2, 1, []], "order-42")
    world.until_waiting(run, "item")
    failures = iter([StoreError("the disk is full")] * 3)
    world.store.fault = lambda operations: (
        next(failures, None) if appends(operations, "order-42", ContinuedAsNew) else None
    )
    with pytest.raises(StoreError, match="the disk is full"):
        run.raise_event("item", "refused")
    assert run.state().input == [2, 1, []]
    world.store.fault = never_fails
    run.raise_event("item", 1)
    run.raise_event("item", 2)
    assert run.result(10) == [1, 2]
    assert len(histories(world, "order-42")) == 2


@pytest.mark.semantics(14, 60)
def test_events_that_come_before_the_first_generation_begins_are_taken_by_those_that_follow(
    world: World, clock: VirtualClock
) -> None:
    world.open(collects)
    later = clock.now().replace(hour=6)
    run = world.start(collects, [5, 1, []], "order-42", start_at=later)
    for n in range(5):
        run.raise_event("item", n)
    world.reopen(collects, crash=True)
    clock.advance(hours=6)
    assert world.handle(run).result(10) == [0, 1, 2, 3, 4]
    assert len(histories(world, "order-42")) == 5


@pytest.mark.semantics(57)
def test_who_waits_for_the_end_waits_over_all_generations(world: World) -> None:
    world.open(collects)
    run = world.start(collects, [4, 1, []], "order-42")
    seen: list[RuntimeStatus] = []
    stop = world.runtime.subscribe("order-42", lambda record, events: seen.append(record.status))
    waiting = world.client.watch("order-42", lambda record: record.status.is_terminal)
    for n in range(4):
        until_generation(world, run, n, "item")
        assert not waiting.done()
        assert run.status == "RUNNING"
        assert run.state().custom_status == n
        run.raise_event("item", n)
    assert waiting.result(10).output == "[0,1,2,3]"
    stop()
    assert set(seen) == {"RUNNING", "COMPLETED"}, "to continue as new is no status"


@pytest.mark.parametrize("store_kind", ["journal"])
def test_the_view_of_runs_tells_of_every_generation(world: World) -> None:
    world.open(collects)
    run = world.start(collects, [3, 1, []], "order-42")
    for n in range(3):
        until_generation(world, run, n, "item")
        run.raise_event("item", n)
    run.result(10)

    def read(store: Any) -> list[Any]:
        sql = "SELECT generation, status, is_present, input, output FROM runs WHERE instance = 'order-42'"
        return store.cursor().execute(sql).fetchall()

    assert world.runtime.read(read) == [
        (0, "CONTINUED_AS_NEW", False, "[3,1,[]]", None),
        (1, "CONTINUED_AS_NEW", False, "[3,1,[0]]", None),
        (2, "COMPLETED", True, "[3,1,[0,1]]", "[0,1,2]"),
    ]


@pytest.mark.semantics(64)
def test_a_run_can_be_paused_between_two_generations_and_goes_on_in_order(world: World) -> None:
    world.open(collects)
    run = world.start(collects, [30, 1, []], "order-42")
    for n in range(0, 30, 3):
        for item in range(n, n + 3):
            world.client.raise_encoded_event("order-42", "item", str(item))
        if n == 27:  # with the last ones it may have ended, at any moment
            with suppress(InstanceStateError):
                run.suspend()
                run.resume()
            break
        run.suspend()
        world.until_status(run, "SUSPENDED")
        before = len(histories(world, "order-42"))
        run.raise_event("other")
        assert len(histories(world, "order-42")) == before
        run.resume()
    assert run.result(10) == list(range(30))


@pytest.mark.semantics(63)
def test_a_run_can_be_ended_between_two_generations(world: World) -> None:
    world.open(collects)
    run = world.start(collects, [30, 1, []], "order-42")
    for item in range(10):
        world.client.raise_encoded_event("order-42", "item", str(item))
    run.terminate("enough")
    world.until_status(run, "TERMINATED")
    assert run.state().output == "enough"
    assert run.state().custom_status == 10, "what came before the end was taken"
    assert len(histories(world, "order-42")) == 11
    until_handled(world)


# -- what belonged to the generation before ----------------------------------------------------------------


@pytest.mark.semantics(2, 15)
def test_a_call_that_an_earlier_step_of_the_last_turn_made_is_the_old_generations(world: World) -> None:
    ran: list[str] = []
    may_return = threading.Event()

    @activity
    def work(word: str) -> str:
        ran.append(word)
        if word == "new":
            wait_for(may_return)
        return word

    @workflow
    async def renews(ctx: WorkflowContext, n: int) -> str:
        one = ctx.wait_for_external_event("one")
        if n == 0:
            await one
            work("old")  # its number is that of the next generation's call
            await ctx.wait_for_external_event("two")
            ctx.continue_as_new(1)
        return await work("new")

    world.open(renews)
    run = world.start(renews, 0, "order-42")
    world.until_waiting(run, "one")
    run.suspend()
    world.until_status(run, "SUSPENDED")
    run.raise_event("one")
    run.raise_event("two")
    run.resume()  # one turn takes both
    world.until(run, lambda record, history: record.generation == 1 and "TaskScheduled" in kinds(history))
    world.start(collects, [1, 1, []], "behind")
    world.until_waiting("behind", "item")
    may_return.set()
    assert run.result(10) == "new"
    assert sorted(ran) == ["new", "old"]
    assert len(of_kind(run.history(), TaskCompleted)) == 1


def test_activities_of_the_old_generation_that_had_not_begun_are_withdrawn(world: World) -> None:
    ran: list[str] = []
    is_running, may_return = threading.Event(), threading.Event()

    @activity
    def work(word: str) -> str:
        ran.append(word)
        if word == "blocks":
            is_running.set()
            wait_for(may_return)
        return word

    @workflow
    async def renews(ctx: WorkflowContext, n: int) -> str:
        if n == 0:
            work("blocks")
            work("withdrawn")
            await ctx.wait_for_external_event("next")
            ctx.continue_as_new(1)
        return await work("new")

    world.open(renews, max_concurrent_activities=1)
    run = world.start(renews, 0, "order-42")
    wait_for(is_running)
    run.raise_event("next")
    world.until(run, lambda record, history: record.generation == 1 and "TaskScheduled" in kinds(history))
    may_return.set()
    assert run.result(10) == "new"
    assert ran == ["blocks", "new"]
    assert len(of_kind(run.history(), TaskCompleted)) == 1


@pytest.mark.semantics(2, 26)
def test_timers_of_the_old_generation_never_fire_into_the_new_one(world: World, clock: VirtualClock) -> None:
    @workflow
    async def renews(ctx: WorkflowContext, n: int) -> str:
        ctx.create_timer(60)
        timer = ctx.create_timer(60 if n == 0 else 3600)
        await ctx.wait_for_external_event("next")
        if n < 2:
            ctx.continue_as_new(n + 1)
        await timer
        return ctx.current_utc_datetime.isoformat()

    world.open(renews)
    run = world.start(renews, 0, "order-42")
    for n in range(2):
        until_generation(world, run, n, "next")
        clock.advance(seconds=20)
        run.raise_event("next")
    until_generation(world, run, 2, "next")
    clock.advance(seconds=20)  # now those of the first would be due, which were there twice
    world.start(collects, [1, 1, []], "behind")
    world.until_waiting("behind", "item")
    assert of_kind(run.history(), TimerFired) == []
    run.raise_event("next")
    world.reopen(renews, collects, crash=True)
    clock.advance(hours=1)
    assert world.handle(run).result(10) == "2030-01-01T01:01:00+00:00"
    assert kinds(world.history(run)).count("TimerFired") == 2


@pytest.mark.semantics(20, 21)
def test_a_child_that_continues_as_new_reports_its_last_result_and_nothing_else(world: World) -> None:
    @workflow
    async def calls(ctx: WorkflowContext) -> list[Any]:
        first = await ctx.call_child_workflow(collects, input=[3, 1, []], instance_id="child")
        return [first, await ctx.wait_for_external_event("end")]

    world.open(calls, collects)
    run = world.start(calls, None, "order-42")
    for n in range(3):
        until_generation(world, "child", n, "item")
        world.handle("child").raise_event("item", n)
        if n == 1:
            world.reopen(calls, collects, crash=True)
    run = world.handle(run)
    world.until_waiting(run, "end")
    assert kinds(run.history()).count("ChildWorkflowCompleted") == 1
    starts = [of_kind(history, ExecutionStarted)[0] for history in histories(world, "child")]
    assert {start.parent.instance_id for start in starts} == {"order-42"}
    run.raise_event("end", "over")
    assert run.result(10) == [[0, 1, 2], "over"]


# -- code ---------------------------------------------------------------------------------------------


@pytest.mark.semantics(51)
def test_the_next_generation_takes_the_newest_code(world: World) -> None:
    def version(n: int) -> Any:
        @workflow(name="renews")
        async def renews(ctx: WorkflowContext, seen: list[int]) -> list[int]:
            if await ctx.wait_for_external_event("next") == "on":
                ctx.continue_as_new([*seen, n])
            return seen

        @workflow(name="renews")
        async def other(ctx: WorkflowContext, seen: list[int]) -> list[int]:
            if await ctx.wait_for_external_event("next") == "on":
                ctx.continue_as_new([*seen, 100 + n])
            return [*seen, -1]

        return renews if n == 0 else other

    world.open(version(0))
    run = world.start(version(0), [], "order-42")
    world.until_waiting(run, "next")
    world.runtime.register(version(1))
    run.raise_event("next", "on")
    until_generation(world, run, 1, "next")
    run.raise_event("next", "on")
    until_generation(world, run, 2, "next")
    run.raise_event("next", "end")
    assert run.result(10) == [0, 101, -1]


@pytest.mark.semantics(52, 63, 64)
@pytest.mark.parametrize("what", ["suspend", "terminate", "nothing"])
def test_a_generation_that_cannot_begin_without_its_code_can_be_steered_all_the_same(
    world: World, what: str
) -> None:
    world.open(collects)
    run = world.start(collects, [2, 1, []], "order-42")
    world.until_waiting(run, "item")
    stopped = threading.Event()

    def fault(operations: Any) -> Exception | None:
        if stopped.is_set():
            return StoreError("crashed")
        if appends(operations, "order-42", ContinuedAsNew):
            stopped.set()
        return None

    world.store.fault = fault
    run.raise_event("item", 1)
    world.crash()
    world.open()
    run = world.handle("order-42")
    world.until_status(run, "STALLED")
    assert (run.state().input, run.history()) == ([2, 1, [1]], [])
    if what == "terminate":
        run.terminate("enough")
        world.until_status(run, "TERMINATED")
        assert (run.state().output, run.state().custom_status) == ("enough", 0)
        return
    if what == "suspend":
        run.suspend()
        world.until_status(run, "SUSPENDED")
    world.runtime.register(collects)
    if what == "suspend":
        assert run.status == "SUSPENDED"
        run.resume()
    run.raise_event("item", 2)
    assert run.result(10) == [1, 2]
