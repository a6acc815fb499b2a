"""Many runs at once: started together, awaited together, and none of them starving the others."""

import asyncio
import threading

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core.history import TaskCompleted
from nbflow.core.operations import PutInstance
from nbflow.errors import (
    InstanceNotFoundError,
    NotReplayableError,
    PayloadError,
    RuntimeClosedError,
    StoreError,
    WorkflowFailedError,
)
from tests.engine.worlds import World, of_kind, wait_for


@activity
def double(number: int) -> int:
    return 2 * number


@workflow
async def doubles(number: int) -> int:
    return await double(number)


@workflow
async def answers(ctx: WorkflowContext, number: int) -> int:
    return number + await ctx.wait_for_external_event("go", data_type=int)


def test_many_runs_are_started_together_and_their_results_come_in_order(world: World) -> None:
    world.open(doubles)
    runs = world.client.schedule_new_workflows(doubles, range(40))
    assert len({run.instance_id for run in runs}) == 40
    assert world.client.results(runs, timeout=20) == [2 * number for number in range(40)]
    births = [
        sum(isinstance(o, PutInstance) and o.is_new for o in commit)
        for commit in world.store.log
        if any(isinstance(o, PutInstance) and o.is_new for o in commit)
    ]
    assert sum(births) == 40
    assert len(births) < 20  # written together, and not one by one


def test_none_is_started_if_one_input_does_not_fit(world: World) -> None:
    world.open(doubles)
    with pytest.raises(PayloadError):
        world.client.schedule_new_workflows(doubles, [1, 2, "three"])
    assert world.client.list_workflows() == []


def test_of_no_runs_there_are_no_results(quick_world: World) -> None:
    quick_world.open(doubles)
    assert quick_world.client.schedule_new_workflows(doubles, []) == []
    assert quick_world.client.results([]) == []


def test_results_of_runs_by_their_ids_that_are_not_in_memory(world: World) -> None:
    world.open(answers)
    for number in range(5):
        world.start(answers, number, f"wait-{number}")
    world.reopen(answers, crash=True)
    for number in range(5):
        world.client.raise_workflow_event(f"wait-{number}", "go", data=10)
    ids = [f"wait-{number}" for number in range(5)]
    assert world.client.results(ids, timeout=20) == [10, 11, 12, 13, 14]
    world.reopen(answers)
    assert world.client.results(reversed(ids), timeout=20) == [14, 13, 12, 11, 10]


def test_the_first_that_did_not_complete_is_raised(world: World) -> None:
    @workflow
    async def picky(number: int) -> int:
        if number == 2:
            raise ValueError("not two")
        return number

    world.open(picky)
    runs = world.client.schedule_new_workflows(picky, range(4))
    with pytest.raises(WorkflowFailedError, match="not two"):
        world.client.results(runs, timeout=20)


def test_who_waits_for_a_run_that_is_not_there_is_told(world: World) -> None:
    world.open(doubles)
    run = world.start(doubles, 1)
    with pytest.raises(InstanceNotFoundError, match="nobody"):
        world.client.results([run, "nobody"], timeout=20)


def test_results_give_up_in_time_and_the_runs_go_on(world: World) -> None:
    world.open(answers)
    runs = world.client.schedule_new_workflows(answers, range(3))
    with pytest.raises(TimeoutError, match="they go on"):
        world.client.results(runs, timeout=0.05)
    for run in runs:
        run.raise_event("go", 1)
    assert world.client.results(runs, timeout=20) == [1, 2, 3]


def test_a_start_that_can_not_be_written_is_told(world: World) -> None:
    world.open(doubles)
    world.store.fault = lambda operations: StoreError("no room")
    with pytest.raises(StoreError, match="no room"):
        world.client.schedule_new_workflows(doubles, range(3))


def test_workflows_and_closed_runtimes_start_nothing(world: World) -> None:
    client = world.open(doubles).client
    said: list[Exception] = []

    @workflow
    async def starts() -> None:
        try:
            client.schedule_new_workflows(doubles, [1])
        except NotReplayableError as error:
            said.append(error)

    world.start(starts).result(20)
    assert said
    world.close()
    with pytest.raises(RuntimeClosedError):
        client.schedule_new_workflows(doubles, [1])
    with pytest.raises(RuntimeClosedError):
        client.results(["anything"])


def test_a_wide_fan_out_lets_a_small_run_through(world: World) -> None:
    begun, go = threading.Event(), threading.Event()
    order: list[str] = []

    @activity
    def part(number: int) -> int:
        begun.set()
        wait_for(go)
        order.append("wide")
        return number

    @activity
    def small() -> None:
        order.append("small")

    @workflow
    async def wide() -> int:
        return len(await asyncio.gather(*[part(number) for number in range(200)]))

    @workflow
    async def one_step() -> None:
        await small()

    world.open(wide, one_step, max_concurrent_activities=4)
    long = world.start(wide)
    wait_for(begun)
    short = world.start(one_step)
    world.until(
        short, lambda record, history: any(kind.name == "small" for kind in history if hasattr(kind, "name"))
    )
    go.set()
    short.result(20)
    assert len(of_kind(world.history(short), TaskCompleted)) == 1
    assert long.result(20) == 200
    assert order.index("small") < 20
