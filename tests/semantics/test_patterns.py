"""The patterns: chaining, fan-out, the first of several, polling, monitors and approvals."""

import asyncio
from datetime import timedelta

import pytest

from nbflow import WorkflowContext, activity, when_all, when_any, workflow
from nbflow.errors import TaskFailedError, WorkflowFailedError
from tests.engine.worlds import VirtualClock, World, kinds

done: list[str] = []


@pytest.fixture(autouse=True)
def nothing_done() -> None:
    done.clear()


@activity
def work(what: str) -> str:
    done.append(what)
    return what.upper()


@activity
async def square(x: int) -> int:
    if x < 0:
        raise ValueError(f"{x} is negative")
    return x * x


@pytest.mark.semantics(53)
def test_chaining_undoes_what_went_before_a_failure(world: World) -> None:
    @workflow
    async def books(days: int) -> str:
        await work("flight")
        try:
            await square(-days)
        except TaskFailedError as error:
            await work("cancel flight")
            raise RuntimeError("nothing was booked") from error
        return "booked"

    world.open(books)
    run = world.start(books, 3)
    with pytest.raises(WorkflowFailedError, match="nothing was booked") as caught:
        run.result(10)
    assert done == ["flight", "cancel flight"]
    details = caught.value.details
    assert (run.status, details.type, details.message) == ("FAILED", "RuntimeError", "nothing was booked")
    assert 'raise RuntimeError("nothing was booked") from error' in details.stack_trace
    assert details.cause.cause.message == "-3 is negative"


@pytest.mark.semantics(54)
def test_fan_out_gives_results_in_the_order_of_its_arguments(world: World) -> None:
    @workflow
    async def squares(numbers: list[int]) -> list[int]:
        return await when_all([square(x) for x in numbers])

    world.open(squares)
    assert world.start(squares, []).result(10) == []
    assert world.start(squares, list(range(50))).result(10) == [x * x for x in range(50)]


@pytest.mark.semantics(54)
def test_when_all_waits_for_all_and_then_raises_the_first_failure(world: World) -> None:
    @workflow
    async def squares(ctx: WorkflowContext) -> list[str]:
        go = ctx.wait_for_external_event("go")
        try:
            await when_all([square(-2), go, square(-1)])
        except TaskFailedError as error:
            return [error.details.message, go.get_result()]
        return []

    world.open(squares)
    run = world.start(squares)
    world.until(run, lambda record, history: kinds(history).count("TaskFailed") == 2)
    assert run.status == "RUNNING"
    run.raise_event("go", "waited for")
    assert run.result(10) == ["-2 is negative", "waited for"]


@pytest.mark.semantics(54)
def test_a_task_group_withdraws_the_others_when_one_fails(world: World) -> None:
    @workflow
    async def grouped(ctx: WorkflowContext) -> str:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(ctx.wait_for_external_event("never"))
                group.create_task(square(-1))
        except ExceptionGroup as errors:
            return str(errors.exceptions[0])
        return ""

    world.open(grouped)
    run = world.start(grouped)
    assert run.result(10) == "square failed: ValueError: -1 is negative"
    assert "EventWaitCancelled" in kinds(run.history())


@pytest.mark.semantics(55)
def test_when_any_bounds_what_runs_at_once(world: World) -> None:
    @activity
    def job(n: int) -> int:
        if n == 3:
            raise ValueError(n)
        return n

    @workflow
    async def bounded(count: int) -> list[str]:
        left, running, ended = list(range(count)), [], []
        while left or running:
            while left and len(running) < 3:
                running.append(job(left.pop(0)))
            winner = await when_any(running)  # never raises, and the others live on
            running.remove(winner)
            ended.append("failed" if winner.is_failed else str(winner.get_result()))
        return sorted(ended)

    world.open(bounded)
    run = world.start(bounded, 8)
    assert run.result(10) == sorted(["0", "1", "2", "failed", "4", "5", "6", "7"])
    open_calls, most_open = 0, 0
    for kind in kinds(run.history()):
        open_calls += {"TaskScheduled": 1, "TaskCompleted": -1, "TaskFailed": -1}.get(kind, 0)
        most_open = max(most_open, open_calls)
    assert most_open == 3


@pytest.mark.semantics(56)
def test_a_run_is_started_without_waiting_and_asked_later(world: World) -> None:
    @workflow
    async def reports(ctx: WorkflowContext) -> str:
        ctx.set_custom_status({"done": 0})
        await ctx.wait_for_external_event("go")
        return "finished"

    world.open(reports)
    run = world.start(reports, None, "report-7")
    world.until_waiting(run, "go")
    state = world.client.get_workflow_state("report-7")
    assert (state.runtime_status, state.custom_status, state.output) == ("RUNNING", {"done": 0}, None)
    run.raise_event("go")
    assert world.client.wait_for_workflow_completion("report-7", timeout=10).output == "finished"


@pytest.mark.semantics(57)
def test_a_monitor_looks_sleeps_and_continues_as_new(world: World, clock: VirtualClock) -> None:
    looks: list[int] = []

    @activity
    def looks_healthy(time: int) -> bool:
        looks.append(time)
        return time < 5

    @workflow
    async def monitors(ctx: WorkflowContext, time: int) -> str:
        if await looks_healthy(time):
            await ctx.create_timer(timedelta(minutes=10))
            ctx.continue_as_new(time + 1)
        return f"unhealthy at look {time}"

    world.open(monitors)
    run = world.start(monitors, 0, "monitor-1")
    for time in range(5):
        world.until(
            run,
            lambda record, history, time=time: record.generation == time and "TimerCreated" in kinds(history),
        )
        assert len(run.history()) == 6  # it never grows, however long it goes on
        clock.advance(minutes=10)
    assert run.result(10) == "unhealthy at look 5"
    assert looks == [0, 1, 2, 3, 4, 5]


@pytest.mark.semantics(58)
@pytest.mark.parametrize("answer", ["yes", "no", None])
def test_an_approval_is_waited_for_24_hours_and_undone_without_it(
    world: World, clock: VirtualClock, answer: str | None
) -> None:
    @workflow
    async def purchases(ctx: WorkflowContext) -> str:
        await work("reserve")
        approval = ctx.wait_for_external_event("approval")
        late = ctx.create_timer(timedelta(hours=24))
        if await when_any([approval, late]) is approval and approval.get_result() == "yes":
            return await work("buy")
        return await work("release")

    world.open(purchases)
    run = world.start(purchases, None, "purchase-1")
    world.until_waiting(run, "approval")
    clock.advance(hours=23)
    world.reopen(purchases, crash=True)
    run = world.handle("purchase-1")
    if answer is None:
        clock.advance(hours=1)
    else:
        run.raise_event("approval", answer)
    assert run.result(10) == ("BUY" if answer == "yes" else "RELEASE")
    assert done == ["reserve", "buy" if answer == "yes" else "release"]
    assert world.inbox() == []
