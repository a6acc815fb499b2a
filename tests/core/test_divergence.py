"""Code that no longer matches its history: STALLED, with both sides and the line; never FAILED."""

import asyncio
from pathlib import Path

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core import history as h
from nbflow.core.divergence import ExecutionStalledError
from nbflow.core.replay import replay
from nbflow.core.state import StallReason
from tests.core.builder import T0, Run, work

HERE = str(Path(__file__))


@activity
def other(item: object = None) -> object: ...


def line_of(text: str) -> int:
    lines = Path(HERE).read_text().splitlines()
    (number,) = [number for number, line in enumerate(lines, 1) if line.endswith(f"# {text}")]
    return number


@workflow
async def order(ctx: WorkflowContext) -> str:
    await work("reserve")
    await work("charge")
    await ctx.create_timer(60)
    return "done"


@pytest.fixture
def recorded():
    """1 turn, 2 start, 3 call, 4 turn, 5 result, 6 call, 7 turn, 8 result, 9 timer."""
    run = Run(order)
    run.start()
    run.complete(1)
    run.complete(2)
    yield run
    run.close()


@pytest.fixture
def ended(recorded):
    recorded.fire(3)
    return recorded


def test_s12_another_activity(recorded):
    @workflow
    async def changed() -> None:
        await work("reserve")
        await other("charge")  # another activity

    stall = recorded.diverge(changed)
    assert stall.reason is StallReason.DIVERGED
    assert stall.expected == 'call of activity work("charge")'
    assert stall.actual == 'call of activity other("charge")'
    assert (stall.seq, stall.file, stall.line) == (6, HERE, line_of("another activity"))
    assert stall.message == (
        'the code no longer matches its history: event 6 is call of activity work("charge"), '
        f'the code did: call of activity other("charge"), line {stall.line}'
    )


def test_s12_another_input(recorded):
    @workflow
    async def changed() -> None:
        await work("reserve")
        await work("bill")

    stall = recorded.diverge(changed)
    assert (stall.expected, stall.actual) == (
        'call of activity work("charge")',
        'call of activity work("bill")',
    )


@pytest.mark.semantics(12)
def test_s50_reordered(recorded):
    @workflow
    async def changed() -> None:
        await work("charge")  # reordered
        await work("reserve")

    stall = recorded.diverge(changed)
    assert (stall.seq, stall.line) == (3, line_of("reordered"))


@pytest.mark.semantics(12)
def test_s50_a_removed_call(recorded):
    @workflow
    async def changed(ctx: WorkflowContext) -> str:
        await work("reserve")
        await ctx.create_timer(60)  # removed call
        return "done"

    stall = recorded.diverge(changed)
    assert stall.expected == 'call of activity work("charge")'
    assert stall.actual == "timer until 2026-01-01 00:01:00"
    assert stall.line == line_of("removed call")


@pytest.mark.semantics(12)
def test_s50_an_added_call(ended):
    @workflow
    async def changed(ctx: WorkflowContext) -> str:
        await work("reserve")
        await work("charge")
        await ctx.create_timer(60)
        await work("one more")  # added call
        return "done"

    stall = ended.diverge(changed)
    assert (stall.expected, stall.actual) == ('return "done"', 'call of activity work("one more")')
    assert stall.line == line_of("added call")


@pytest.mark.semantics(12)
def test_a_call_more_than_history_holds_behind_an_event(recorded):
    @workflow
    async def changed() -> None:
        work("reserve")
        await work("at once")  # one more

    stall = recorded.diverge(changed)
    assert (stall.expected, stall.actual) == ("nothing more", 'call of activity work("at once")')
    assert (stall.seq, stall.line) == (4, line_of("one more"))


@pytest.mark.semantics(12)
def test_code_that_waits_where_history_went_on(recorded):
    @workflow
    async def changed() -> None:
        await work("reserve")
        await asyncio.get_running_loop().create_future()  # waits

    stall = recorded.diverge(changed)
    assert (stall.expected, stall.actual) == ('call of activity work("charge")', "it waits")
    assert stall.line == line_of("waits")


@pytest.mark.semantics(12)
def test_another_result(ended):
    @workflow
    async def changed(ctx: WorkflowContext) -> str:
        await work("reserve")
        await work("charge")
        await ctx.create_timer(60)
        return "finished"

    stall = ended.diverge(changed)
    assert (stall.expected, stall.actual) == ('return "done"', 'return "finished"')


def test_s12_an_exception_while_history_remains_stalls_and_names_its_line(recorded):
    @workflow
    async def changed() -> None:
        await work("reserve")
        raise ValueError("typo")  # exception

    stall = recorded.diverge(changed)
    assert stall.reason is StallReason.DIVERGED
    assert stall.actual == "failure with ValueError: typo"
    assert (stall.file, stall.line) == (HERE, line_of("exception"))


def test_s12_an_early_return_while_history_remains_stalls(recorded):
    @workflow
    async def changed() -> str:
        await work("reserve")
        return "done"

    stall = recorded.diverge(changed)
    assert (stall.expected, stall.actual) == ('call of activity work("charge")', 'return "done"')


def test_a_failure_agrees_by_type_and_message_wherever_its_line_went():
    @workflow
    async def fails() -> None:
        raise ValueError("no")

    @workflow(name="fails")
    async def moved() -> None:

        raise ValueError("no")

    @workflow(name="fails")
    async def changed() -> None:
        raise ValueError("yes")

    run = Run(fails)
    run.start()
    run.cold(moved).evict()
    assert run.diverge(changed).expected == "failure with ValueError: no"


@pytest.mark.semantics(12)
def test_the_line_is_that_of_the_branch(recorded):
    @workflow
    async def changed() -> None:
        await work("reserve")
        async with asyncio.TaskGroup() as group:
            group.create_task(branch())

    async def branch() -> None:
        await other("charge")  # in a branch

    assert recorded.diverge(changed).line == line_of("in a branch")


@pytest.mark.semantics(12, 34)
def test_the_line_of_what_a_retry_does_is_where_the_code_waits():
    from nbflow import RetryPolicy

    def tries(interval: float):
        @workflow(name="tries")
        async def tries(ctx: WorkflowContext) -> None:
            await ctx.call_activity(work, retry_policy=RetryPolicy(interval, 3))  # retried

        return tries

    run = Run(tries(1))
    run.start()
    run.fail(1)
    stall = run.diverge(tries(1.5))
    assert stall.actual == "retry timer until 2026-01-01 00:00:01.500000"
    assert stall.line == line_of("retried")
    run.close()


@pytest.mark.semantics(12)
def test_code_that_swallows_everything_stalls_all_the_same(recorded):
    @workflow
    async def changed() -> None:
        while True:
            try:
                await other("reserve")
            except BaseException:
                continue

    assert recorded.diverge(changed).actual == 'call of activity other("reserve")'


@pytest.mark.parametrize("live", [True, False], ids=["live", "replay"])
def test_s12_a_missing_name_waits_for_code(live):
    @workflow(name="order")
    async def broken() -> None:
        await work("reserve")
        await undefined_activity("charge")  # noqa: F821

    run = Run(broken)
    run.start()
    if live:
        with pytest.raises(ExecutionStalledError) as stalled:
            run.complete(1)
        stall = stalled.value.stall
    else:
        recorded = Run(order)
        recorded.start()
        recorded.complete(1)
        stall = recorded.diverge(broken)
        recorded.close()
    assert stall.reason is StallReason.CODE_MISSING
    assert stall.message == (
        "order uses something that isn't there (name 'undefined_activity' is not defined): "
        "run the cell that defines it"
    )
    run.execution.evict()


@pytest.mark.parametrize("kind", ["import", "group", "annotation"])
def test_s12_whatever_is_missing_waits_for_code(kind):
    @workflow
    async def imports() -> None:
        import no_such_module_anywhere  # noqa: F401

    @workflow
    async def group() -> None:
        async def branch() -> None:
            await undefined_activity()  # noqa: F821

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(branch())

    @activity
    def typed(item: "Undefined") -> None: ...  # noqa: F821

    @workflow
    async def annotation() -> None:
        await typed(1)

    run = Run({"import": imports, "group": group, "annotation": annotation}[kind])
    with pytest.raises(ExecutionStalledError) as stalled:
        run.start()
    assert stalled.value.stall.reason is StallReason.CODE_MISSING


@pytest.mark.semantics(12, 53)
def test_a_variable_that_is_read_too_early_is_a_bug_like_any_other():
    @workflow
    async def early() -> None:
        if False:
            value = 1
        await work(value)

    run = Run(early)
    (line,) = run.start()
    assert line.startswith("fail UnboundLocalError")


@pytest.mark.semantics(53)
def test_what_the_activity_misses_is_the_activitys_failure(drive):
    @workflow
    async def plain() -> None:
        await work(1)

    run = drive(plain)
    run.start()
    (line,) = run.fail(1, NameError("name 'pd' is not defined"))
    assert line == "fail TaskFailedError: work failed: NameError: name 'pd' is not defined"


def test_history_that_begins_with_an_action_is_no_history():
    with pytest.raises(ExecutionStalledError, match="history begins with a recorded action: TaskScheduled"):
        replay(order, [h.TaskScheduled(at=T0, seq=1, id=1, task_id=1, name="a", input="")], instance_id="x")


def test_a_long_input_is_cut_in_the_report():
    @workflow
    async def one() -> None:
        await work("x" * 1000)

    @workflow(name="one")
    async def changed() -> None:
        await work("y" * 1000)

    run = Run(one)
    run.start()
    stall = run.diverge(changed)
    assert len(stall.expected) < 130
    assert stall.expected.endswith("…)")
    run.close()


def test_every_action_has_words():
    from nbflow.core.divergence import describe_event

    said = {describe_event(event) for event in examples()}
    assert said == {
        'call of activity charge({"a":1})',
        "call of activity charge(1), attempt 2",
        "activity 3 cancelled",
        "timer until 2026-01-01 00:00:00",
        "retry timer until 2026-01-01 00:00:00",
        "timer 4 cancelled",
        "call of child workflow ship(1)",
        "wait for event 'go'",
        "event wait 5 cancelled",
        "event 'go' rejected",
        "event 'go' sent to other-1",
        'custom status "x"',
        "marker 'not_started'",
        "continue-as-new(2)",
        "return 3",
        "failure with ValueError: no",
    }


def examples() -> list[h.ActionEvent]:
    from nbflow.errors import FailureDetails

    return [
        h.TaskScheduled(at=T0, id=1, task_id=1, name="charge", input='{"a":1}'),
        h.TaskScheduled(at=T0, id=1, task_id=1, name="charge", input="1", attempt=2),
        h.TaskCancelled(at=T0, scheduled_id=3),
        h.TimerCreated(at=T0, id=1, fire_at=T0),
        h.TimerCreated(at=T0, id=1, fire_at=T0, purpose="retry"),
        h.TimerCancelled(at=T0, scheduled_id=4),
        h.ChildWorkflowCreated(at=T0, id=1, task_id=1, name="ship", input="1", instance_id="c"),
        h.EventWaitCreated(at=T0, id=1, name="go"),
        h.EventWaitCancelled(at=T0, scheduled_id=5),
        h.EventRejected(at=T0, scheduled_id=1, name="go", reason="no"),
        h.EventSent(at=T0, id=1, instance_id="other-1", name="go", payload="1"),
        h.CustomStatusSet(at=T0, value='"x"'),
        h.Marker(at=T0, name="not_started"),
        h.ContinuedAsNew(at=T0, new_input="2"),
        h.ExecutionCompleted(at=T0, status="COMPLETED", output="3"),
        h.ExecutionCompleted(at=T0, status="FAILED", failure=FailureDetails(type="ValueError", message="no")),
    ]
