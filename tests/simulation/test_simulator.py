"""`Simulator` as its users see it: what it finds in workflows and activities, and what it says."""

import asyncio
import dataclasses
import logging
import random
from typing import Any

import pytest

from nbflow import RetryPolicy, WorkflowActivityContext, WorkflowContext, activity, workflow
from nbflow.testing import Faults, Invariant, SimulatedRun, Simulator, WorkflowTestError
from tests.simulation.workloads import SIMULATIONS, orders

SEEDS = range(60)


@dataclasses.dataclass
class Decision:
    approved: bool


@activity
def charge(cents: int) -> str:
    return f"receipt for {cents}"


@activity(retry_policy=RetryPolicy(1, 5))
def ship(what: str) -> str:
    return f"{what} shipped"


@workflow
async def fulfil(ctx: WorkflowContext, cents: int) -> list[str]:
    decision = await ctx.wait_for_external_event("approval", data_type=Decision)
    if not decision.approved:
        return ["rejected"]
    return list(await asyncio.gather(charge(cents), ship("tea")))


def test_a_sound_workflow_passes_and_the_report_says_what_it_went_through() -> None:
    report = Simulator(fulfil, input=1200, events=[("approval", Decision(True))]).run(SEEDS)
    assert report.ok, report
    assert report.count == 60
    tally = dataclasses.asdict(report.tally)
    assert all(tally.values()), f"something never happens: {tally}"
    assert str(report).startswith("60 seeds, and every invariant held: ")
    assert f"{tally['crashes']} crashes" in str(report)


def test_a_workflow_that_is_not_deterministic_is_found() -> None:
    @workflow
    async def dicing() -> list[Any]:
        return [await charge(random.randrange(100)), await charge(1)]

    report = Simulator(dicing, same=len).run(SEEDS)
    assert report.invariant is Invariant.REPLAY
    assert "the code no longer matches its history" in report.how


def test_an_activity_that_must_not_run_twice_is_found() -> None:
    booked: list[int] = []

    @activity
    def book(n: int) -> int:
        booked.append(n)
        return len(booked)

    @workflow
    async def booking() -> int:
        for n in range(3):
            count = await book(n)
        return count

    simulator = Simulator(booking, before_each=booked.clear)
    report = simulator.run(SEEDS)
    assert report.invariant is Invariant.RESULT
    assert "undisturbed it is COMPLETED '3'" in report.how


def test_a_report_names_the_seed_and_shows_how_it_came_to_that() -> None:
    @workflow
    async def counting(ctx: WorkflowContext) -> int:
        return await stumble(1)

    @activity
    def stumble(ctx: WorkflowActivityContext, n: int) -> int:
        seen.append(n)
        return len(seen)

    seen: list[int] = []
    simulator = Simulator(counting, id="order-42", before_each=seen.clear, definitions=[stumble])
    report = simulator.run(range(10, 100))
    assert not report.ok
    assert report.seed is not None
    assert report.count == report.seed - 9
    text = str(report)
    assert text.startswith("broken: finished runs have the result of an undisturbed run\n")
    assert (
        f"by seed {report.seed} (run(seeds=[{report.seed}]))\norder-42 is COMPLETED '2'; undisturbed" in text
    )
    assert "CRASH" in text
    assert "order-42: attempt 1 of stumble begins" in text
    again = simulator.run(seeds=[report.seed])
    assert str(again) == text


def test_same_is_what_has_to_be_the_same() -> None:
    @workflow
    async def timed(ctx: WorkflowContext) -> dict[str, Any]:
        receipt = await charge(1)
        return {"receipt": receipt, "at": ctx.current_utc_datetime.isoformat()}

    assert Simulator(timed).run(SEEDS).invariant is Invariant.RESULT
    report = Simulator(timed, same=lambda output: output["receipt"]).run(SEEDS)
    assert report.ok, report


def test_a_run_that_nobody_helps_to_its_end_is_an_error_that_says_so() -> None:
    report = Simulator(fulfil, input=1).run(SEEDS)
    assert (report.invariant, report.seed, report.count) == (Invariant.REST, None, 0)
    assert "in the undisturbed run" in str(report)
    assert "run is RUNNING and never ends: it waits for event 'approval'" in str(report)


def test_stubs_stand_in_for_activities() -> None:
    asked: list[int] = []

    async def bank(cents: int) -> str:
        asked.append(cents)
        await asyncio.sleep(3600)
        return "R-1"

    simulator = Simulator(fulfil, input=12, events=[("approval", Decision(True))], stubs={charge: bank})
    report = simulator.run(range(10))
    assert report.ok, report
    assert set(asked) == {12}
    with pytest.raises(WorkflowTestError, match="can't take its arguments"):
        Simulator(fulfil, stubs={"charge": lambda: "R-1"})


def test_activities_may_have_loops_and_threads_of_their_own() -> None:
    @activity
    def looping(n: int) -> int:
        async def inner() -> int:
            await asyncio.sleep(0)
            return n

        return asyncio.run(inner())

    @activity
    async def threading(n: int) -> int:
        return await asyncio.to_thread(lambda: n)

    @workflow
    async def both() -> list[int]:
        return [await looping(1), await threading(2)]

    report = Simulator(both).run(range(10))
    assert report.ok, report


def test_injected_failures_leave_the_last_attempt_alone() -> None:
    attempts: dict[str, list[int]] = {"twice": [], "once": [], "told": []}

    @activity(retry_policy=RetryPolicy(1, 2))
    def twice(ctx: WorkflowActivityContext) -> None:
        attempts["twice"].append(ctx.attempt)

    @activity
    def once(ctx: WorkflowActivityContext) -> None:
        attempts["once"].append(ctx.attempt)

    @activity(name="told")
    def told(ctx: WorkflowActivityContext) -> None:
        attempts["told"].append(ctx.attempt)

    @workflow
    async def trying(ctx: WorkflowContext) -> None:
        await twice()
        await once()
        await ctx.call_activity(told, retry_policy=RetryPolicy(1, 9))

    report = Simulator(trying, fails={"told": 3}).run(range(150))
    assert report.ok, report
    assert {name: set(numbers) for name, numbers in attempts.items()} == {
        "twice": {1, 2},
        "once": {1},
        "told": {1, 2, 3, 4},
    }


def test_what_the_simulated_engine_logs_and_prints_stays_inside(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    @workflow
    async def talkative(ctx: WorkflowContext) -> None:
        print("from the workflow")
        ctx.logger.warning("also from the workflow")
        await chatty()

    @activity
    def chatty() -> None:
        print("from the activity")

    with caplog.at_level(logging.DEBUG):
        simulator = Simulator(talkative, definitions=[chatty])
        assert simulator.run(range(20)).ok
        lines = "\n".join(simulator.trace(3).lines())
    assert "logged: [run] also from the workflow" in lines
    assert capfd.readouterr() == ("", "")
    assert caplog.text == ""
    assert logging.getLogger("nbflow").propagate


def test_no_faults_are_no_faults() -> None:
    calm = Faults(
        crashes=0,
        restarts=0,
        failed_commits=0,
        activity_failures=False,
        duplicates=False,
        pauses=False,
        holds=False,
    )
    report = Simulator(fulfil, input=1, events=[("approval", Decision(True))], faults=calm).run(range(20))
    assert report.ok, report
    tally = dataclasses.asdict(report.tally)
    assert {name for name, count in tally.items() if count} == {"commits"}


def test_every_disturbance_happens_in_the_seeds_that_are_run() -> None:
    report = SIMULATIONS["orders"]().run(range(40))
    assert report.ok, report
    tally = dataclasses.asdict(report.tally)
    assert min(tally.values()) >= 10, tally


def test_runs_may_be_many_and_one_another_s_successors() -> None:
    told: list[int] = []
    simulator = Simulator(
        orders,
        input=1,
        events=[("item", 1)],
        also=[SimulatedRun(workflow=orders, id="again", input=1, events=[("item", 1)], times=3, start_in=2)],
    )
    report = simulator.run(range(10), progress=told.append)
    assert report.ok, report
    assert told == list(range(10))
    starts = [line for line in simulator.trace(2).lines() if "its start is acknowledged" in line]
    assert [line.split()[1] for line in starts if "again" in line] == ["01-again:", "02-again:", "03-again:"]
