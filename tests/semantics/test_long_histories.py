"""Long histories: how a run goes on for ever, and what happens to one that doesn't mind its size."""

import asyncio
import linecache
import threading

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core.history import ContinuedAsNew, ExecutionStarted, HistoryEvent, Marker, TaskScheduled
from nbflow.core.state import StallReason
from tests.engine.worlds import World, kinds, of_kind, wait_for


@activity
async def square(x: int) -> int:
    return x * x


def executions(world: World, instance_id: str) -> list[list[HistoryEvent]]:
    """The histories of all executions of a run, oldest first."""
    return world.runtime.read(
        lambda store: [store.read_history(instance_id, each) for each in store.list_executions(instance_id)]
    )


def until_generation(world: World, run: object, generation: int, *events: str) -> None:
    world.until(run, lambda record, history: record.generation == generation)
    world.until_waiting(run, *events)


@pytest.mark.semantics(13)
def test_continue_as_new_begins_another_execution_in_place_of_this_one(world: World) -> None:
    @workflow
    async def counts(ctx: WorkflowContext, n: int) -> list:
        if n < 3:
            ctx.create_timer(3600)
            await ctx.wait_for_external_event("next")
            ctx.continue_as_new(n + 1)
        return [n, ctx.instance_id]

    world.open(counts)
    run = world.start(counts, 0, "counter")
    for n in range(3):
        until_generation(world, run, n, "next")
        assert run.status == "RUNNING"
        assert len(world.inbox()) == 1, "the timers of the generations before are gone"
        world.reopen(counts, crash=True)
        run = world.handle("counter")
        run.raise_event("next")
    assert run.result(10) == [3, "counter"]
    assert (run.state().input, world.inbox()) == (3, [])
    histories = executions(world, "counter")
    starts = [of_kind(history, ExecutionStarted)[0] for history in histories]
    assert [(start.input, start.generation) for start in starts] == [(str(n), n) for n in range(4)]
    assert len({start.execution_id for start in starts}) == 4
    assert histories[3] == run.history()
    assert all(isinstance(history[-1], ContinuedAsNew) for history in histories[:3])  # and still readable
    assert all([event.seq for event in each] == list(range(1, len(each) + 1)) for each in histories)


@pytest.mark.semantics(2, 13)
def test_results_of_an_old_execution_are_dropped_and_its_children_live_on(world: World) -> None:
    is_running, may_return = threading.Event(), threading.Event()

    @activity
    def slow(n: int) -> str:
        is_running.set()
        wait_for(may_return)
        return f"result of generation {n}"

    @workflow
    async def child(ctx: WorkflowContext) -> str:
        return await ctx.wait_for_external_event("go")

    @workflow
    async def renews(ctx: WorkflowContext, n: int) -> str:
        task = slow(n)
        if n == 0:
            ctx.call_child_workflow(child, instance_id="child-1")
            await ctx.wait_for_external_event("next")
            ctx.continue_as_new(1)
        return await task

    world.open(renews, child, max_concurrent_activities=1)
    run = world.start(renews, 0, "order-42")
    wait_for(is_running)
    run.raise_event("next")
    world.until(run, lambda record, history: record.generation == 1 and "TaskScheduled" in kinds(history))
    may_return.set()  # the old execution's comes first: the new one's waits for its slot
    assert run.result(10) == "result of generation 1"
    world.handle("child-1").raise_event("go", "lived on")
    assert world.handle("child-1").result(10) == "lived on"


PAYLOADS = [False, 0, "", None, [], {}, 0.0]


@workflow
async def collects(ctx: WorkflowContext, got: list) -> list:
    """Takes two events a generation."""
    if not got:
        await ctx.wait_for_external_event("begin")
    while len(got) < len(PAYLOADS):
        got.append(await ctx.wait_for_external_event("item"))
        if len(got) % 2 == 0:
            ctx.continue_as_new(got)
    return got


@pytest.mark.semantics(14)
def test_events_that_were_not_taken_go_along_in_order_whatever_they_carry(world: World) -> None:
    world.open(collects)
    run = world.start(collects, [], "order-42")
    for payload in PAYLOADS:
        run.raise_event("item", payload)
    world.until(run, lambda record, history: kinds(history).count("EventRaised") == len(PAYLOADS))
    run.raise_event("begin")  # the first generation has them all, and takes two
    got = run.result(10)
    assert [(type(each), each) for each in got] == [(type(each), each) for each in PAYLOADS]
    assert len(executions(world, "order-42")) == 4


@pytest.mark.semantics(14)
def test_save_events_false_drops_what_was_delivered_and_nothing_else(world: World) -> None:
    @workflow
    async def renews(ctx: WorkflowContext, n: int) -> list:
        if n == 0:
            await ctx.wait_for_external_event("renew")
            ctx.continue_as_new(1, save_events=False)
        return [await ctx.wait_for_external_event("item")]

    world.open(renews)
    run = world.start(renews, 0, "order-42")
    world.until_waiting(run, "renew")
    run.raise_event("item", "delivered before")
    world.until(run, lambda record, history: "EventRaised" in kinds(history))
    run.suspend()
    world.until_status(run, "SUSPENDED")
    run.raise_event("renew")
    run.raise_event("item", "still in the inbox")
    run.resume()
    assert run.result(10) == ["still in the inbox"]


@pytest.mark.semantics(14)
def test_of_two_thousand_events_over_many_generations_none_is_lost(world: World) -> None:
    count = 2000

    @workflow
    async def sums(ctx: WorkflowContext, given: list[int]) -> list[int]:
        taken, total = given
        for _ in range(min(97, count - taken)):
            total += await ctx.wait_for_external_event("item", data_type=int)
            taken += 1
        if taken < count:
            ctx.continue_as_new([taken, total])
        return [taken, total]

    world.open(sums)
    run = world.start(sums, [0, 0], "order-42")
    acks = [world.client.raise_encoded_event("order-42", "item", str(n)) for n in range(count)]
    assert run.result(100) == [count, sum(range(count))]
    for ack in acks:
        ack.result(10)
    assert world.inbox() == []
    assert len(executions(world, "order-42")) == 21


@pytest.mark.semantics(15)
def test_what_is_called_in_the_last_turn_and_not_awaited_is_not_started(world: World) -> None:
    ran: list[str] = []

    @activity
    def work(what: str) -> None:
        ran.append(what)

    @workflow
    async def careless(ctx: WorkflowContext) -> str:
        work("not awaited, but called before")
        await ctx.wait_for_external_event("go")
        work("forgotten")
        ctx.call_child_workflow(careless, instance_id="never-begun")
        return "done"

    world.open(careless, max_concurrent_activities=1)
    run = world.start(careless, None, "order-42")
    world.until_waiting(run, "go")
    run.raise_event("go")
    assert run.result(10) == "done"
    again = world.start(careless)  # behind its activity the other one would have run
    world.until(again, lambda record, history: "TaskCompleted" in kinds(history))
    assert ran == ["not awaited, but called before"] * 2
    assert {state.instance_id for state in world.client.list_workflows()} == {"order-42", again.instance_id}
    [marker] = of_kind(run.history(), Marker)
    assert (marker.name, marker.value) == ("not_started", '["work","careless"]')


@pytest.mark.semantics(16)
def test_a_run_that_continues_as_new_and_never_waits_takes_turns_and_stalls(
    quick_world: World,
) -> None:
    world = quick_world
    began: list[str] = []
    is_spinning, may_go_on = threading.Event(), threading.Event()

    @workflow
    async def spins(ctx: WorkflowContext, n: int) -> None:
        began.append("spins")
        if n == 10:
            is_spinning.set()
            wait_for(may_go_on)
        ctx.continue_as_new(n + 1)

    @workflow
    async def other() -> str:
        began.append("other")
        return "done"

    world.open(spins, other)
    run = world.start(spins, 0, "order-42")
    wait_for(is_spinning)
    waiting = world.start(other)
    may_go_on.set()
    assert waiting.result(10) == "done"
    world.until_status(run, "STALLED")
    assert began.index("other") < len(began) - 1, "it came between two generations"
    stall = run.state().stall
    assert stall.reason is StallReason.LIMIT
    assert "has continued as new 500 times without ever waiting" in stall.message
    run.terminate()
    world.until_status(run, "TERMINATED")


@pytest.mark.semantics(17)
def test_the_history_guard_warns_at_half_and_stalls_with_advice(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    @workflow
    async def grows(ctx: WorkflowContext) -> int:
        taken = 0
        while taken < 30:
            await ctx.wait_for_external_event("item")
            taken += 1
        return taken

    world.open(grows, history_limit=60)
    run = world.start(grows, None, "order-42")
    for _ in range(30):
        run.raise_event("item")
    world.until_status(run, "STALLED")
    assert "half of what it may have" in caplog.text
    stall = run.state().stall
    assert stall.reason is StallReason.LIMIT
    assert "the limit is 60" in stall.message
    assert "child workflows, or use ctx.continue_as_new" in stall.message
    run.resume()  # its owner's decision
    assert run.result(10) == 30


@pytest.mark.semantics(17)
def test_thousands_of_tasks_are_fine_and_a_childs_are_not_its_parents(world: World) -> None:
    @workflow
    async def squares(start: int) -> int:
        return sum(await asyncio.gather(*[square(x) for x in range(start, start + 100)]))

    @workflow
    async def splits(count: int) -> int:
        return sum(await asyncio.gather(*[squares(start) for start in range(0, count, 100)]))

    world.open(splits, squares)
    run = world.start(splits, 2000)
    assert run.result(100) == sum(x * x for x in range(2000))
    history = run.history()
    assert len(of_kind(history, TaskScheduled)) == 0
    assert kinds(history).count("ChildWorkflowCompleted") == 20
    assert len(history) < 100


@pytest.mark.semantics(17)
def test_a_turn_that_never_awaits_is_named_with_its_line_and_freezes_nobody(world: World) -> None:
    is_stuck, enough = threading.Event(), threading.Event()

    @workflow
    async def spins(ctx: WorkflowContext) -> None:
        await ctx.wait_for_external_event("go")
        is_stuck.set()
        while not enough.is_set():  # or for as long as the test runs
            pass

    @workflow
    async def other(x: int) -> int:
        return await square(x)

    world.open(spins, other, stuck_after=0.2)
    try:
        run = world.start(spins, None, "order-42")
        world.until_waiting(run, "go")
        run.raise_event("go")
        wait_for(is_stuck)
        assert world.start(other, 5).result(20) == 25
        world.until_status(run, "STALLED")
        stall = run.state().stall
        assert (stall.reason, stall.file) == (StallReason.STUCK, __file__)
        assert linecache.getline(__file__, stall.line).strip().startswith(("while not enough", "pass"))
    finally:
        enough.set()
