"""What the context tells, the same in every replay, and only inside its workflow."""

import asyncio
import contextvars
import logging
import random
import threading
import uuid
from datetime import timedelta

import pytest

from nbflow import WorkflowContext, workflow
from nbflow.core import history as h
from nbflow.errors import NotReplayableError
from tests.core.builder import INTERPRETER, T0, Run, completed, raised, work


def test_the_context_names_the_run(drive):
    @workflow(name="named")
    async def tells(ctx: WorkflowContext) -> list[object]:
        return [ctx.instance_id, ctx.execution_id, ctx.workflow_name, ctx.parent_instance_id, repr(ctx)]

    run = drive(tells, instance_id="order-42", execution_id="e7")
    run.start()
    assert run.output == ["order-42", "e7", "named", None, "<WorkflowContext of named 'order-42'>"]


def test_a_child_knows_its_parent(drive):
    @workflow
    async def tells(ctx: WorkflowContext) -> str | None:
        return ctx.parent_instance_id

    run = drive(tells)
    parent = h.ParentReference(instance_id="boss", execution_id="e0", scheduled_id=3)
    run.turn(
        h.ExecutionStarted(
            at=T0,
            name="tells",
            execution_id="e1",
            input="null",
            definition="",
            interpreter=INTERPRETER,
            parent=parent,
        )
    )
    assert run.output == "boss"


def test_s45_the_time_is_constant_within_a_turn_and_never_goes_back(drive):
    @workflow
    async def times(ctx: WorkflowContext) -> list[float]:
        seen = []
        for i in range(5):
            seen.append((ctx.current_utc_datetime - T0).total_seconds())
            await work(i)
        return seen

    run = drive(times)
    run.start()
    run.turn(completed(1), after=10)
    run.now += timedelta(seconds=5)
    run.turn(completed(2), *[])
    run.turn(completed(3), after=-100)  # the wall clock was set back
    run.turn(completed(4), after=1)
    run.complete(5)
    assert run.output == [0.0, 10.0, 15.0, 15.0, 15.0]


def test_s45_the_time_of_a_batch_is_one(drive):
    @workflow
    async def times(ctx: WorkflowContext) -> int:
        seen = set()
        for i in range(3):
            await work(i)
            seen.add(ctx.current_utc_datetime)
        return len(seen)

    run = drive(times)
    run.start()
    run.turn(completed(1), completed(2), completed(3), after=5)
    assert run.output == 1


@pytest.mark.semantics(45)
def test_a_start_that_lies_ahead_of_the_engines_clock_is_the_beginning_of_time(drive):
    @workflow
    async def sleeps(ctx: WorkflowContext) -> float:
        await asyncio.sleep(10)
        return (ctx.current_utc_datetime - T0).total_seconds()

    run = drive(sleeps)
    run.now = T0 - timedelta(seconds=30)  # it was set back after the client had written the start
    lines = run.turn(
        h.ExecutionStarted(
            at=T0, name="sleeps", execution_id="e1", input="null", definition="", interpreter=INTERPRETER
        )
    )
    assert lines == ["#1 timer at +10s"]
    assert run.fire(1) == ["return 10.0"]


def test_s45_guids_and_random_numbers_repeat_per_execution():
    @workflow
    async def draws(ctx: WorkflowContext) -> list[object]:
        first = [str(ctx.new_guid()), ctx.random().random()]
        await work(1)
        return [*first, str(ctx.new_guid()), ctx.random().random()]

    outputs = []
    for execution_id in ("e1", "e1", "e2"):
        run = Run(draws, execution_id=execution_id)
        run.start()
        run.complete(1)
        outputs.append(run.output)
        run.close()
    assert outputs[0] == outputs[1]
    assert not set(outputs[0]) & set(outputs[2])
    assert len(set(outputs[0])) == 4, "one stream, never started again"
    assert all(uuid.UUID(outputs[0][i]).version == 5 for i in (0, 2))
    # Fixed for ever: stored histories depend on it.
    assert outputs[0][1] == random.Random("e1").random()


def test_s70_is_replaying_is_true_only_while_recorded_history_is_fed():
    seen: list[bool] = []

    @workflow
    async def looks(ctx: WorkflowContext) -> None:
        seen.append(ctx.is_replaying)
        await work(1)
        seen.append(ctx.is_replaying)
        await work(2)
        seen.append(ctx.is_replaying)

    run = Run(looks)
    run.start()
    run.complete(1)
    assert seen == [False, False]
    seen.clear()
    run.execution = run.cold()
    assert seen == [True, True]
    assert not run.execution.is_replaying
    run.complete(2)
    assert seen == [True, True, False]


def test_s70_what_goes_beyond_the_record_is_no_replay():
    seen: list[bool] = []

    @workflow
    async def looks(ctx: WorkflowContext) -> None:
        for i in range(3):
            work(i)
            seen.append(ctx.is_replaying)
        await work("last")

    run = Run(looks)
    run.start()
    seen.clear()
    run.cold(length=4).evict()  # turn, start, and two of four calls
    assert seen == [True, True, False]
    run.close()


def test_s70_the_logger_is_silent_in_a_replay(caplog):
    @workflow
    async def talks(ctx: WorkflowContext) -> None:
        ctx.logger.info("begins with %s", 1)
        await work(1)
        ctx.logger.warning("ends")

    caplog.set_level(logging.INFO, logger="nbflow")
    run = Run(talks, instance_id="order-42")
    run.start()
    assert caplog.messages == ["[order-42] begins with 1"]
    run.execution = run.cold()
    run.complete(1)
    assert caplog.messages == ["[order-42] begins with 1", "[order-42] ends"]
    assert caplog.records[0].name == "nbflow.workflow"


def test_s70_a_message_may_look_like_a_format(caplog):
    @workflow
    async def talks(ctx: WorkflowContext) -> None:
        ctx.logger.info("100% done")

    caplog.set_level(logging.INFO, logger="nbflow")
    run = Run(talks, instance_id="run-%s")
    run.start()
    assert "100% done" in caplog.records[0].getMessage()


@pytest.mark.semantics(61)
def test_custom_status_is_an_action(drive):
    @workflow
    async def reports(ctx: WorkflowContext) -> None:
        ctx.set_custom_status("half way")
        await work(1)
        ctx.set_custom_status({"done": 1})

    run = drive(reports)
    assert run.start() == ['status "half way"', "#1 work(1)"]
    assert run.state.custom_status == '"half way"'
    assert run.complete(1) == ['status {"done":1}', "return null"]
    assert run.state.custom_status == '{"done":1}'


def test_s68_a_custom_status_that_is_no_json_is_the_authors_error(drive):
    @workflow
    async def reports(ctx: WorkflowContext) -> None:
        ctx.set_custom_status({"rate": float("nan")})

    (line,) = drive(reports).start()
    assert line == (
        "fail PayloadError: the custom status at 'rate' is nan, which JSON doesn't have: use None, or a string"
    )


@pytest.mark.parametrize(
    "use",
    [
        lambda ctx: ctx.call_activity(work, input=1),
        lambda ctx: ctx.create_timer(1),
        lambda ctx: ctx.wait_for_external_event("n"),
        lambda ctx: ctx.set_custom_status(1),
        lambda ctx: ctx.new_guid(),
        lambda ctx: ctx.random(),
    ],
    ids=[
        "call_activity",
        "create_timer",
        "wait_for_external_event",
        "set_custom_status",
        "new_guid",
        "random",
    ],
)
def test_s47_a_context_used_from_elsewhere_is_an_error(use):
    kept: list[WorkflowContext] = []

    @workflow
    async def leaks(ctx: WorkflowContext) -> None:
        kept.append(ctx)
        await work(1)

    run = Run(leaks, instance_id="order-42")
    run.start()
    with pytest.raises(NotReplayableError, match=r"outside the workflow 'order-42'.*in an activity"):
        use(kept[0])
    assert run.complete(1) == ["return null"]


def test_s47_a_thread_of_the_workflow_is_elsewhere(drive):
    @workflow
    async def threads(ctx: WorkflowContext) -> str:
        errors: list[Exception] = []

        def elsewhere() -> None:
            try:
                ctx.create_timer(1)
            except Exception as error:
                errors.append(error)

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        return str(errors[0])

    run = drive(threads)
    run.start()
    assert run.output == (
        "ctx.create_timer() was called outside the workflow 'run-1', from another thread or loop: use the "
        "context only in the workflow itself, and do other work in an activity"
    )


def test_s47_a_context_of_another_workflow_is_elsewhere(drive):
    kept: list[WorkflowContext] = []

    @workflow
    async def leaks(ctx: WorkflowContext) -> None:
        kept.append(ctx)
        await work(1)

    @workflow
    async def borrows() -> None:
        kept[0].create_timer(1)

    drive(leaks, instance_id="first").start()
    (line,) = drive(borrows).start()
    assert "outside the workflow 'first'" in line


def test_an_activity_is_what_call_activity_takes(drive):
    def plain() -> None: ...

    @workflow
    async def calls(ctx: WorkflowContext) -> None:
        ctx.call_activity(plain)

    assert drive(calls).start() == [
        "fail DefinitionError: plain is no activity: put @activity (or %%activity) on it"
    ]


def test_context_variables_are_the_workflows_own(drive):
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="default")

    @workflow
    async def sets() -> list[str]:
        seen = [variable.get()]
        variable.set("inside")

        async def branch() -> None:
            seen.append(variable.get())
            variable.set("branch")
            await work(1)
            seen.append(variable.get())

        await asyncio.create_task(branch())
        return [*seen, variable.get()]

    token = variable.set("outside")
    try:
        run = drive(sets)
        run.start()
        run.complete(1)
    finally:
        variable.reset(token)
    assert run.output == ["default", "inside", "branch", "inside"]


def test_s15_calls_of_the_last_step_are_noted_and_not_started(drive):
    @workflow
    async def careless(ctx: WorkflowContext) -> str:
        early = work("started: it was called before the last step")
        await ctx.wait_for_external_event("go")
        work("forgotten")
        ctx.create_timer(5)
        work("and this")
        return "done" if not early.done() else "early"

    run = drive(careless)
    run.start()
    lines = run.raise_event("go")
    assert lines == [
        '#3 work("forgotten")',
        "#4 timer at +5s",
        '#5 work("and this")',
        'marker not_started ["work","work"]',
        'return "done"',
    ]


def test_s15_calls_that_were_withdrawn_are_not_noted(drive):
    @workflow
    async def tidy() -> str:
        work("changed my mind").cancel()  # type: ignore[attr-defined]
        return "done"

    assert drive(tidy).start() == ['#1 work("changed my mind")', "cancel activity #1", 'return "done"']


@pytest.mark.semantics(63)
def test_terminated_code_does_not_run_on(drive):
    @workflow
    async def waits(ctx: WorkflowContext) -> None:
        try:
            await ctx.wait_for_external_event("n")
        finally:
            work("cleanup")

    run = drive(waits)
    run.start()
    assert run.turn(h.ExecutionTerminated(at=T0, output='"why"')) == []
    assert run.execution.is_finished
    assert run.state.status == "TERMINATED"
    assert not run.state.accepts(raised("n"))


@pytest.mark.semantics(64)
def test_suspending_and_resuming_run_no_code(drive):
    @workflow
    async def waits(ctx: WorkflowContext) -> object:
        return await ctx.wait_for_external_event("n")

    run = drive(waits)
    run.start()
    steps = run.execution.loop.steps
    assert run.turn(h.ExecutionSuspended(at=T0)) == []
    assert run.state.status == "SUSPENDED"
    assert run.turn(h.ExecutionResumed(at=T0)) == []
    assert run.execution.loop.steps == steps
    assert run.raise_event("n", 1) == ["return 1"]
