"""Calls of child workflows: what they give and raise, when they are tried again, and when nobody waits any more."""

import asyncio
from dataclasses import dataclass

import pytest

from nbflow import ChildTerminatedError, RetryPolicy, TaskFailedError, WorkflowContext, workflow
from nbflow.core import history as h
from nbflow.core.failures import describe
from nbflow.errors import FailureDetails, InstanceExistsError, WorkflowTerminatedError
from tests.core.builder import child_completed, child_failed, failed, work


@dataclass(frozen=True)
class Receipt:
    number: int
    lines: list[str]


@workflow
async def ships(sku: str) -> Receipt: ...


@workflow
async def packs(sku: str, qty: int = 1) -> str: ...


def terminated(scheduled_id: int, instance_id: str = "child-1") -> h.ChildWorkflowFailed:
    """What a parent is told of a child that was terminated, as the engine makes it."""
    failure = FailureDetails(type="WorkflowTerminatedError", message=f"{instance_id} was terminated")
    return h.ChildWorkflowFailed(at=child_failed(1).at, scheduled_id=scheduled_id, failure=failure)


# -- what comes back ----------------------------------------------------------------------------------


@pytest.mark.semantics(21)
def test_a_result_comes_by_the_childs_annotation(drive):
    @workflow
    async def calls() -> list[object]:
        receipt = await ships("tea")
        return [type(receipt).__name__, receipt.number, receipt.lines]

    run = drive(calls)
    run.start()
    result = {"number": 7, "lines": ["tea"]}
    assert run.turn(child_completed(1, result)) == ['return ["Receipt",7,["tea"]]']


@pytest.mark.semantics(21)
def test_a_result_that_does_not_fit_is_an_error_of_the_call(drive):
    @workflow
    async def calls() -> str:
        try:
            await ships("tea")
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return "fits"

    run = drive(calls)
    run.start()
    (line,) = run.turn(child_completed(1, {"number": "seven", "lines": []}))
    assert line.startswith('return "PayloadError: the result of ships')


@pytest.mark.semantics(21)
def test_a_failure_has_the_childs_details_and_its_causes(drive):
    def fail() -> None:
        try:
            raise KeyError("tea")
        except KeyError as error:
            raise LookupError("no tea in stock") from error

    try:
        fail()
    except LookupError as error:
        deep = TaskFailedError("counts", describe(error))

    @workflow
    async def calls() -> str:
        return str(await ships("tea"))

    run = drive(calls)
    run.start()
    (line,) = run.turn(child_failed(1, deep))
    assert (
        line
        == "fail TaskFailedError: ships failed: TaskFailedError: counts failed: LookupError: no tea in stock"
    )
    failure, chain = run.state.failure, []
    while failure is not None:
        chain.append((failure.type, failure.frames[-1].text if failure.frames else None))
        failure = failure.cause
    assert chain == [
        ("TaskFailedError", 'return str(await ships("tea"))'),
        ("TaskFailedError", None),
        ("LookupError", 'raise LookupError("no tea in stock") from error'),
        ("KeyError", 'raise KeyError("tea")'),
    ]


@pytest.mark.semantics(24)
def test_a_terminated_child_is_an_error_of_its_own_type_and_never_tried_again(drive):
    @workflow
    async def calls(ctx: WorkflowContext) -> list[str]:
        try:
            await ctx.call_child_workflow(packs, input={"sku": "a"}, retry_policy=RetryPolicy(1, 9))
        except ChildTerminatedError as error:
            return [error.task_name, error.details.message, str(error)]
        return []

    run = drive(calls)
    run.start()
    assert run.turn(terminated(1)) == [
        'return ["packs","child-1 was terminated","packs failed: WorkflowTerminatedError: child-1 was terminated"]'
    ]


@pytest.mark.semantics(24, 28)
def test_an_activity_that_met_a_terminated_run_has_failed_and_is_tried_again(drive):
    @workflow
    async def calls(ctx: WorkflowContext) -> str:
        try:
            await ctx.call_activity(work, retry_policy=RetryPolicy(5, 2))
        except ChildTerminatedError:
            return "taken for a child"
        except TaskFailedError as error:
            return str(error.details)
        return "done"

    run = drive(calls)
    run.start()
    lost = WorkflowTerminatedError("order-41 was terminated")
    assert run.turn(failed(1, lost)) == ["#2 retry of #1 at +5s"]
    run.fire(2)
    assert run.turn(failed(3, lost)) == ['return "WorkflowTerminatedError: order-41 was terminated"']


@pytest.mark.semantics(24)
def test_a_child_that_raised_the_error_of_a_terminated_run_has_failed_and_was_not_terminated(drive):
    @workflow
    async def calls(ctx: WorkflowContext) -> str:
        try:
            await packs("a")
        except ChildTerminatedError:
            return "taken for terminated"
        except TaskFailedError as error:
            return str(error.details)
        return "done"

    try:
        raise WorkflowTerminatedError("order-41 was terminated")
    except WorkflowTerminatedError as error:
        lost = error
    run = drive(calls)
    run.start()
    assert run.turn(child_failed(1, lost)) == ['return "WorkflowTerminatedError: order-41 was terminated"']


# -- retries ------------------------------------------------------------------------------------------


@workflow
async def stubborn(ctx: WorkflowContext, given: str | None) -> str:
    return await ctx.call_child_workflow(
        packs, input={"sku": "a"}, instance_id=given, retry_policy=RetryPolicy(10, 3, 2)
    )


@pytest.mark.parametrize("given", [None, "mine"])
@pytest.mark.semantics(22, 32)
def test_each_attempt_is_a_run_of_its_own_and_keeps_an_id_that_was_given(drive, given):
    run = drive(stubborn)
    assert run.start(given) == ['#1 child packs({"sku":"a","qty":1})']
    assert run.turn(child_failed(1)) == ["#2 retry of #1 at +10s"]
    assert run.fire(2) == ['#3 child packs({"sku":"a","qty":1})']
    assert run.turn(child_failed(3)) == ["#4 retry of #1 at +30s"]
    run.fire(4)
    created = [event for event in run.history if isinstance(event, h.ChildWorkflowCreated)]
    assert [(event.id, event.task_id, event.attempt) for event in created] == [
        (1, 1, 1),
        (3, 1, 2),
        (5, 1, 3),
    ]
    derived = [f"run-1:e1:000{n}" for n in (1, 2, 3)]
    assert [event.instance_id for event in created] == (derived if given is None else ["mine"] * 3)
    assert run.turn(child_failed(5)) == ["fail TaskFailedError: packs failed: RuntimeError: out of paper"]


@pytest.mark.semantics(22)
def test_a_result_of_an_attempt_that_is_over_means_nothing(drive):
    run = drive(stubborn)
    run.start(None)
    run.turn(child_failed(1))
    assert not run.state.accepts(child_completed(1, "late"))
    run.fire(2)
    assert not run.state.accepts(child_completed(1, "late"))
    assert run.turn(child_completed(3, "packed")) == ['return "packed"']


@pytest.mark.semantics(22)
def test_a_policy_may_wait_for_an_id_to_become_free_or_refuse_to(drive):
    @workflow
    async def refuses(ctx: WorkflowContext) -> str:
        policy = RetryPolicy(10, 3, non_retryable=(InstanceExistsError,))
        try:
            return await ctx.call_child_workflow(
                packs, input={"sku": "a"}, instance_id="mine", retry_policy=policy
            )
        except TaskFailedError as error:
            return error.details.type

    taken = InstanceExistsError("mine exists and is RUNNING: a child needs an ID of its own")
    run = drive(stubborn)
    run.start("mine")
    assert run.turn(child_failed(1, taken)) == ["#2 retry of #1 at +10s"]
    run = drive(refuses)
    run.start()
    assert run.turn(child_failed(1, taken)) == ['return "InstanceExistsError"']


# -- cancelled ----------------------------------------------------------------------------------------


@pytest.mark.semantics(81)
def test_a_branch_that_gives_up_its_child_says_so_and_ignores_what_comes_later(drive):
    @workflow
    async def gives_up(ctx: WorkflowContext) -> str:
        try:
            async with asyncio.timeout(5):
                return await packs("a")
        except TimeoutError:
            return await packs("instead")

    run = drive(gives_up)
    run.start()
    assert run.fire(1) == ["cancel activity #2", '#3 child packs({"sku":"instead","qty":1})']
    assert run.history[-2] == h.TaskCancelled(seq=run.history[-2].seq, at=run.now, scheduled_id=2)
    late = child_completed(2, "late")
    assert not run.state.accepts(late)
    assert run.execution.feed(late) == []
    assert run.turn(child_completed(3, "instead")) == ['return "instead"']


def test_a_child_that_fails_in_a_group_gives_the_others_up(drive):
    @workflow
    async def groups(ctx: WorkflowContext) -> str:
        said = "all"
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(packs("a"))
                group.create_task(packs("b"))
                group.create_task(ctx.call_activity(work))
        except* TaskFailedError as errors:
            said = str(errors.exceptions[0])
        return said

    run = drive(groups)
    run.start()
    assert run.turn(child_failed(2)) == [
        "cancel activity #1",
        "cancel activity #3",
        'return "packs failed: RuntimeError: out of paper"',
    ]


def test_giving_up_between_two_attempts_withdraws_the_wait(drive):
    @workflow
    async def gives_up(ctx: WorkflowContext) -> str:
        task = asyncio.create_task(
            ctx.call_child_workflow(packs, input={"sku": "a"}, retry_policy=RetryPolicy(60, 2))
        )
        await ctx.wait_for_external_event("stop")
        task.cancel()
        await asyncio.wait([task])
        return "stopped"

    run = drive(gives_up)
    run.start()
    run.turn(child_failed(1))
    assert run.raise_event("stop") == ["cancel timer #3", 'return "stopped"']
