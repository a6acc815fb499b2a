"""`HistoryBuilder`: given a history, expect actions."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nbflow import RetryPolicy, WorkflowContext, activity, when_any, workflow
from nbflow.core.actions import CompleteWorkflow, ScheduleTask
from nbflow.core.history import EventRaised, ExecutionStarted, TimerFired, WorkflowStarted
from nbflow.errors import PayloadError
from nbflow.testing import HistoryBuilder, ReplayError, WorkflowTestError, replay_history
from tests.testing.orders import (
    Decision,
    Order,
    Receipt,
    approval,
    charge,
    check_stock,
    fulfil,
    monitor,
    parent,
    remind,
)

TEA, CAR = Order("tea", 1200), Order("car", 2_000_000)


def test_each_step_tells_what_the_workflow_does_next() -> None:
    built = HistoryBuilder(fulfil, input=CAR)
    assert built.actions == ['#1 check_stock("car")']
    assert built.completed(check_stock, True).actions == ["#2 wait for 'approval'"]
    assert built.raised("approval", Decision(True)).actions == [
        '#3 charge({"order":{"sku":"car","cents":2000000},"cents":2000000})'
    ]
    assert built.status == "RUNNING"
    assert built.completed("charge", Receipt("R-1")).actions == ['return "R-1"']
    assert (built.status, built.output) == ("COMPLETED", "R-1")


def test_actions_are_data_as_well() -> None:
    built = HistoryBuilder(fulfil, input=TEA)
    assert built.action_data == [ScheduleTask(id=1, task_id=1, name="check_stock", input='"tea"')]
    built.completed(check_stock, False)
    assert built.action_data == [CompleteWorkflow(status="COMPLETED", output='"sold out"')]


def test_steps_can_be_written_in_one_chain() -> None:
    built = HistoryBuilder(fulfil, input=CAR).raised("approval", Decision(False)).completed(check_stock, True)
    assert built.output == "rejected"


def test_timers_fire_in_the_order_of_their_times() -> None:
    built = HistoryBuilder(monitor, input=2)
    assert built.actions == ["#1 timer at +86400s"]
    assert built.fired().actions == ['#2 remind({"sku":"tea","day":0})']
    assert built.now == datetime(2030, 1, 2, tzinfo=UTC)
    built.completed(remind, after=timedelta(hours=1)).fired().completed(remind)
    assert built.output == ["01-02 01:00", "01-03 01:00"]
    assert [event.at for event in built.history if isinstance(event, TimerFired)] == [
        datetime(2030, 1, 2, tzinfo=UTC),
        datetime(2030, 1, 3, 1, tzinfo=UTC),
    ]


def test_retries_are_steps_too() -> None:
    built = HistoryBuilder(fulfil, input=TEA).completed(check_stock, True)
    assert built.failed(charge, ConnectionError("down"), after=5).actions == ["#3 retry of #2 at +65s"]
    assert [line.split("(")[0] for line in built.fired().actions] == ["#4 charge"]
    assert built.failed(charge, ConnectionError("down")).actions == ["#5 retry of #2 at +185s"]
    assert built.fired().failed(charge, ConnectionError("still down")).output == "not charged: still down"


def test_a_wait_s_time_runs_out() -> None:
    built = HistoryBuilder(approval)
    assert built.actions == ["#1 wait for 'approval'", "#2 timeout of #1 at +86400s"]
    assert built.fired().output == "timed out at 02 00"


def test_several_calls_of_one_name_are_told_apart_by_number() -> None:
    @activity
    def fetch(page: int) -> str: ...

    @workflow
    async def pages() -> list[str]:
        return list(await asyncio.gather(fetch(1), fetch(2), fetch(3)))

    built = HistoryBuilder(pages)
    assert len(built.actions) == 3
    assert built.completed(3, "third").completed(fetch, "first").completed(fetch, "second").output == [
        "first",
        "second",
        "third",
    ]


def test_children_and_generators() -> None:
    built = HistoryBuilder(parent, input=TEA)
    assert built.actions == ['#1 child fulfil({"sku":"tea","cents":1200})']
    assert built.completed(fulfil, "R-1").output == "child says R-1"
    failed = HistoryBuilder(parent, input=TEA).failed("fulfil", LookupError("no tea"))
    assert failed.status == "FAILED"
    assert failed.failure is not None
    assert "no tea" in str(failed.failure)

    @workflow
    def dapr(ctx: WorkflowContext, order: Order) -> Any:
        winner = yield when_any(
            [ctx.call_activity(charge, input={"order": order, "cents": 1}), ctx.create_timer(5)]
        )
        return winner.get_result().number

    assert HistoryBuilder(dapr, input=TEA).completed(charge, Receipt("R-2")).output == "R-2"


def test_a_generation_goes_on_with_what_was_carried_over() -> None:
    @workflow
    async def counts(ctx: WorkflowContext, total: int) -> int:
        ctx.set_custom_status(total)
        number = await ctx.wait_for_external_event("number", data_type=int)
        if number:
            ctx.continue_as_new(total + number)
        return total

    first = HistoryBuilder(counts, input=0)
    with pytest.raises(WorkflowTestError, match="did not continue as new: it waits for #1 event 'number'"):
        first.next_generation()
    first.raised("other", 1).raised("number", 5)
    assert first.actions == ["continue as new(5)"]
    second = first.next_generation()
    assert second.custom_status == 5
    third = second.raised("number", 7).next_generation()
    assert third.raised("number", 0).output == 12
    started = third.history[1]
    assert isinstance(started, ExecutionStarted)
    assert (started.generation, [event.name for event in started.carried]) == (2, ["other"])


def test_a_terminated_run_does_nothing_more() -> None:
    built = HistoryBuilder(monitor, input=2).terminated("enough")
    assert (built.actions, built.status, built.output) == ([], "TERMINATED", "enough")
    with pytest.raises(WorkflowTestError, match="nothing happens to monitor any more: it is TERMINATED"):
        built.raised("late")


def test_the_history_is_what_a_store_would_hold() -> None:
    built = HistoryBuilder(fulfil, input=CAR).raised("approval", Decision(True)).completed(check_stock, True)
    assert [event.seq for event in built.history] == list(range(1, len(built.history) + 1))
    assert [type(event) for event in built.history][:2] == [WorkflowStarted, ExecutionStarted]
    assert sum(isinstance(event, EventRaised) for event in built.history) == 1
    replay_history(fulfil, built.history)


# -- what goes wrong ------------------------------------------------------------------------------


def test_what_is_not_open_can_t_happen() -> None:
    built = HistoryBuilder(fulfil, input=TEA)
    with pytest.raises(WorkflowTestError) as caught:
        built.completed(charge, Receipt("R-1"))
    assert str(caught.value) == "no call of 'charge' is open: fulfil waits for #1 activity check_stock"
    with pytest.raises(WorkflowTestError, match="no call of #7 is open"):
        built.completed(7, True)
    with pytest.raises(WorkflowTestError, match="no timer is open"):
        built.fired()
    with pytest.raises(WorkflowTestError, match="no timer #1 is open"):
        built.fired(1)
    assert built.waits_for == ["#1 activity check_stock"]


def test_a_run_that_has_not_ended_has_no_output() -> None:
    with pytest.raises(
        WorkflowTestError, match="fulfil has no output yet: it waits for #1 activity check_stock"
    ):
        _ = HistoryBuilder(fulfil, input=TEA).output


def test_a_run_that_failed_tells_how_instead_of_its_output() -> None:
    @workflow
    async def breaks() -> None:
        raise LookupError("no such order")

    with pytest.raises(WorkflowTestError, match="breaks failed: LookupError: no such order"):
        _ = HistoryBuilder(breaks).output


def test_types_are_those_of_the_annotations() -> None:
    built = HistoryBuilder(fulfil, input=TEA).completed(check_stock, True)
    with pytest.raises(PayloadError, match="the result of charge"):
        built.completed(charge, {"number": 7})
    with pytest.raises(PayloadError, match="days of monitor"):
        HistoryBuilder(monitor, input="many")


def test_code_that_can_t_be_replayed_is_found_in_the_step_that_shows_it() -> None:
    numbers = itertools.count(1)

    @workflow
    async def gamble(ctx: WorkflowContext) -> None:
        await ctx.call_activity("toss", input=next(numbers))

    with pytest.raises(ReplayError) as caught:
        HistoryBuilder(gamble)
    report = str(caught.value)
    assert "gamble no longer matches its history at event 3" in report
    assert "history: call of activity toss(1)" in report
    assert "code:    call of activity toss(3)" in report
    assert f"at:      {__file__}:" in report


def test_a_name_that_is_not_there_is_told() -> None:
    @workflow
    async def lost() -> None:
        await nowhere()  # type: ignore[name-defined] # noqa: F821

    with pytest.raises(ReplayError, match="name 'nowhere' is not defined"):
        HistoryBuilder(lost)


def test_a_policy_s_repr_and_the_steps_agree() -> None:
    policy = RetryPolicy(first_retry_interval=2, max_number_of_attempts=3, backoff_coefficient=2)

    @workflow
    async def calls(ctx: WorkflowContext) -> None:
        await ctx.call_activity("post", retry_policy=policy)

    built = HistoryBuilder(calls)
    assert built.failed("post", OSError()).actions == ["#2 retry of #1 at +2s"]
    assert built.fired().failed("post", OSError()).actions == ["#4 retry of #1 at +6s"]
