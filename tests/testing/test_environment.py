"""`WorkflowTestEnvironment`: whole runs in virtual time."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest

from nbflow import WorkflowContext, WorkflowFailedError, activity, workflow
from nbflow.errors import ArgumentsError, EventRejectedError, WorkflowStalledError, WorkflowTerminatedError
from nbflow.testing import RunWaitsError, WorkflowTestEnvironment
from tests.engine.worlds import kinds, wait_for
from tests.testing.orders import (
    Decision,
    Order,
    Receipt,
    approval,
    charge,
    fulfil,
    monitor,
    parent,
)

TEA = Order("tea", 1200)
CAR = Order("car", 2_000_000)


def bank(order: Order, cents: int) -> Receipt:
    return Receipt(f"{order.sku} {cents}")


@pytest.fixture
def env():
    with WorkflowTestEnvironment(fulfil, monitor, approval, parent, stubs={charge: bank}) as environment:
        yield environment


def test_a_run_from_its_start_to_its_result(env: WorkflowTestEnvironment) -> None:
    assert env.run(fulfil, TEA) == "tea 1200"
    assert env.run(fulfil, Order("sold out", 1)) == "sold out"


def test_a_run_that_waits_is_answered(env: WorkflowTestEnvironment) -> None:
    run = env.start(fulfil, CAR, id="order-42")
    assert env.state(run).waits_for == ("event 'approval'",)
    env.raise_event(run, "approval", Decision(True))
    assert env.result("order-42") == "car 2000000"
    assert env.state("order-42").runtime_status == "COMPLETED"


def test_whoever_waits_for_a_result_skips_time(env: WorkflowTestEnvironment) -> None:
    began = env.now
    assert env.run(monitor, 30) == [f"{began + timedelta(days=day):%m-%d %H:%M}" for day in range(1, 31)]
    assert env.now == began + timedelta(days=30)


def test_the_handle_s_own_result_skips_time_as_well(env: WorkflowTestEnvironment) -> None:
    assert len(env.start(monitor, 3).result()) == 3


@pytest.mark.asyncio
async def test_it_works_in_a_test_that_is_a_coroutine() -> None:
    async with WorkflowTestEnvironment(fulfil, monitor, stubs={charge: bank}) as env:
        assert len(await env.start(monitor, 30)) == 30
        one, two = await asyncio.gather(env.start(fulfil, TEA), env.start(monitor, 2))
        assert (one, len(two)) == ("tea 1200", 2)
        with pytest.raises(RunWaitsError, match="'approval'"):
            await env.start(fulfil, CAR)


def test_an_event_s_timeout_is_skipped_to(env: WorkflowTestEnvironment) -> None:
    assert env.run(approval) == "timed out at 02 00"


def test_an_event_that_nobody_raised_is_named(env: WorkflowTestEnvironment) -> None:
    with pytest.raises(RunWaitsError) as caught:
        env.run(fulfil, CAR, id="order-42")
    assert str(caught.value) == (
        "order-42 waits for event 'approval', which nobody has raised: "
        "env.raise_event('order-42', 'approval', …)"
    )
    assert isinstance(caught.value, AssertionError)


def test_an_event_that_a_child_waits_for_is_named(env: WorkflowTestEnvironment) -> None:
    with pytest.raises(
        RunWaitsError, match=r"order-42 waits for its child fulfil; order-42:\w+:0001 waits for ev"
    ):
        env.run(parent, CAR, id="order-42")


def test_a_suspended_run_is_said_to_be_suspended(env: WorkflowTestEnvironment) -> None:
    run = env.start(monitor, 3, id="m")
    env.settle()
    run.suspend()
    with pytest.raises(RunWaitsError, match=r"m is suspended: client\.resume_workflow"):
        env.result(run)
    run.resume()
    assert len(env.result(run)) == 3


def test_what_is_read_has_settled() -> None:
    @activity
    async def ponder(number: int) -> int:
        for _ in range(3000):  # long enough for whoever doesn't wait for it
            await asyncio.sleep(0)
        return number

    @workflow
    async def think(ctx: WorkflowContext) -> None:
        for number in range(3):
            ctx.set_custom_status(await ponder(number))
        await ctx.wait_for_external_event("end")

    with WorkflowTestEnvironment(think) as env:
        assert env.state(env.start(think)).custom_status == 2
        run = env.start(think)
        assert kinds(env.history(run)).count("TaskCompleted") == 3
        env.start(think)
        assert len(env.calls(ponder)) == 9


def test_a_clock_that_jumped_is_waited_for_as_well(env: WorkflowTestEnvironment) -> None:
    runs = [env.start(monitor, 3) for _ in range(20)]
    for day in range(1, 4):
        env.clock.advance(days=1)
        assert len(env.calls("remind")) == 20 * day
    env.settle()
    assert [run.status for run in runs] == ["COMPLETED"] * 20


def test_skipping_stops_where_it_should(env: WorkflowTestEnvironment) -> None:
    run = env.start(monitor, 30)
    skipped = env.skip(days=10, hours=12)
    assert env.now == skipped.ended == skipped.began + timedelta(days=10.5)
    assert skipped.timers == 10
    assert len(env.calls("remind")) == 10
    assert env.state(run).waits_for == ("timer until 2030-01-12 00:00:00 UTC",)


def test_a_start_that_is_put_off_is_skipped_to(env: WorkflowTestEnvironment) -> None:
    run = env.start(fulfil, TEA, start_at=env.now + timedelta(days=7))
    assert env.state(run).runtime_status == "PENDING"
    assert env.result(run) == "tea 1200"
    assert env.now == datetime(2030, 1, 8, tzinfo=UTC)


def test_time_begins_where_the_test_wants() -> None:
    with WorkflowTestEnvironment(approval, start=datetime(2024, 2, 28, tzinfo=UTC)) as env:
        assert env.run(approval) == "timed out at 29 00"


def test_how_a_run_failed_is_raised(env: WorkflowTestEnvironment) -> None:
    @workflow
    async def breaks() -> None:
        raise LookupError("no such order")

    with pytest.raises(WorkflowFailedError, match="LookupError: no such order"):
        env.run(breaks)


def test_a_terminated_run_is_raised(env: WorkflowTestEnvironment) -> None:
    run = env.start(monitor, 3)
    run.terminate()
    with pytest.raises(WorkflowTerminatedError):
        env.result(run)


def test_arguments_that_do_not_fit_are_refused(env: WorkflowTestEnvironment) -> None:
    with pytest.raises(ArgumentsError, match="fulfil"):
        env.start(fulfil)


def test_a_payload_that_does_not_fit_is_refused(env: WorkflowTestEnvironment) -> None:
    run = env.start(fulfil, CAR)
    env.settle()
    with pytest.raises(EventRejectedError):
        env.raise_event(run, "approval", {"approved": "perhaps"})


def test_code_that_can_t_be_replayed_is_found() -> None:
    coins = iter([True, False, True, False])

    @workflow
    async def gamble(ctx: WorkflowContext) -> str:
        await asyncio.sleep(1 if next(coins) else 2)
        await asyncio.sleep(1)
        return "won"

    with (
        WorkflowTestEnvironment(gamble) as env,
        pytest.raises(WorkflowStalledError, match="no longer matches its history"),
    ):
        env.run(gamble)


def test_a_run_that_never_ends_is_given_up_after_real_time(env: WorkflowTestEnvironment) -> None:
    @workflow
    async def forever() -> None:
        while True:
            await asyncio.sleep(3600)

    with pytest.raises(
        TimeoutError, match=r"watch has not ended after 0.3 s of real time; virtual time is at 20"
    ):
        env.result(env.start(forever, id="watch"), timeout=0.3)


def test_what_takes_too_long_is_named() -> None:
    begun, go_on = threading.Event(), threading.Event()

    @activity
    def dawdle() -> None:
        begun.set()
        wait_for(go_on)

    @workflow
    async def slow() -> None:
        await dawdle()

    with WorkflowTestEnvironment(slow, timeout=0.3) as env:
        run = env.start(slow, id="order-42")
        wait_for(begun)
        with pytest.raises(TimeoutError, match="dawdle of order-42 is running"):
            env.skip(days=1)
        with pytest.raises(TimeoutError, match="dawdle of order-42 is running"):
            env.result(run)
        go_on.set()
        assert env.result(run, timeout=20) is None


def test_two_environments_do_not_know_each_other() -> None:
    with WorkflowTestEnvironment(monitor) as one, WorkflowTestEnvironment(monitor) as two:
        one.run(monitor, 2, id="m")
        assert two.now == datetime(2030, 1, 1, tzinfo=UTC)
        assert two.client.list_workflows() == []


def test_what_was_called_is_still_there_afterwards() -> None:
    with WorkflowTestEnvironment(fulfil, stubs={charge: bank}) as env:
        env.run(fulfil, TEA)
    assert env.calls(charge) == [{"order": TEA, "cents": 1200}]
