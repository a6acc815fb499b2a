"""Continue-as-new: from wherever it is called, the execution ends there, and what was left goes along."""

import asyncio
import contextlib
from typing import Any

import msgspec
import pytest

from nbflow import WorkflowContext, when_all, workflow
from nbflow.core import history as h
from nbflow.core.operations import CloseExecution, PutInbox, PutInstance
from nbflow.errors import ArgumentsError, PayloadError
from tests.core.builder import INTERPRETER, T0, completed, raised, work
from tests.core.lives import Live
from tests.engine.worlds import kinds, of_kind

pytestmark = pytest.mark.semantics(13)


@workflow
async def child(n: int) -> int: ...


# -- where it is called from ------------------------------------------------------------------------

WAYS: dict[str, Any] = {}


def way(function: Any) -> Any:
    WAYS[function.__name__] = function
    return function


@way
async def plain(ctx: WorkflowContext) -> None:
    ctx.continue_as_new(1)


@way
async def in_gather(ctx: WorkflowContext) -> None:
    async def branch() -> None:
        ctx.continue_as_new(1)

    await asyncio.gather(ctx.create_timer(60), branch(), work(5), return_exceptions=True)


@way
async def in_a_group(ctx: WorkflowContext) -> None:
    async def branch() -> None:
        await asyncio.sleep(0)
        ctx.continue_as_new(1)

    async with asyncio.TaskGroup() as group:
        group.create_task(branch())
        group.create_task(work(5))


@way
async def in_a_timeout(ctx: WorkflowContext) -> None:
    async with asyncio.timeout(60):
        ctx.continue_as_new(1)


@way
async def with_calls_in_finally(ctx: WorkflowContext) -> None:
    try:
        ctx.continue_as_new(1)
    finally:
        ctx.set_custom_status("finally")
        ctx.send_event("order-41", "finally")
        await work("finally")


@way
async def with_a_return_in_finally(ctx: WorkflowContext) -> str:
    try:
        ctx.continue_as_new(1)
    finally:
        return "returned"  # noqa: B012 - what is tested


@way
async def with_everything_caught(ctx: WorkflowContext) -> str:
    try:
        ctx.continue_as_new(1)
    except BaseException:
        return "caught"


@way
async def with_everything_caught_again_and_again(ctx: WorkflowContext) -> str:
    for n in range(3):
        with contextlib.suppress(BaseException):
            ctx.continue_as_new(n + 1)
        with contextlib.suppress(BaseException):
            await work(n)
    return "caught"


@way
async def with_another_error_instead(ctx: WorkflowContext) -> None:
    try:
        ctx.continue_as_new(1)
    except BaseException:
        raise ValueError("instead") from None


@way
async def in_an_async_context_manager(ctx: WorkflowContext) -> None:
    @contextlib.asynccontextmanager
    async def held() -> Any:
        try:
            yield
        finally:
            await ctx.create_timer(60)
            await child(7)

    async with held():
        ctx.continue_as_new(1)


@way
async def in_an_async_generator(ctx: WorkflowContext) -> None:
    async def numbers() -> Any:
        try:
            yield 1
            ctx.continue_as_new(1)
        finally:
            await work("cleaning up")

    async for _ in numbers():
        pass


@way
async def in_the_finally_of_a_failure(ctx: WorkflowContext) -> None:
    try:
        raise ValueError("lost on the way")
    finally:
        ctx.continue_as_new(1)


@way
async def in_a_callback(ctx: WorkflowContext) -> None:
    task = asyncio.create_task(asyncio.sleep(0))
    task.add_done_callback(lambda _: ctx.continue_as_new(1))
    await ctx.wait_for_external_event("never")


@way
def in_a_generator(ctx: WorkflowContext) -> Any:
    try:
        ctx.continue_as_new(1)
    finally:
        yield work("finally")


@way
def deep_in_generators(ctx: WorkflowContext) -> Any:
    def inner() -> Any:
        ctx.continue_as_new(1)
        yield work(1)

    yield when_all([work(5), ctx.create_timer(60)])
    yield from inner()


@pytest.mark.parametrize("name", WAYS)
def test_wherever_it_is_called_the_execution_ends_there(live: Live, name: str) -> None:
    way = WAYS[name]

    async def anyhow(ctx: WorkflowContext, n: int) -> Any:
        if n > 0:
            ctx.set_custom_status("the next one")
            return await ctx.wait_for_external_event("end")
        await ctx.wait_for_external_event("go")
        return await way(ctx)

    def anyhow_yielding(ctx: WorkflowContext, n: int) -> Any:
        if n > 0:
            ctx.set_custom_status("the next one")
            return (yield ctx.wait_for_external_event("end"))
        yield ctx.wait_for_external_event("go")
        return (yield from way(ctx))

    is_generator = not asyncio.iscoroutinefunction(way)
    life = live(workflow(anyhow_yielding if is_generator else anyhow))
    life.start(0)
    before = life.record.execution_id
    turn = life.turn(raised("go"))
    if name == "deep_in_generators":
        assert turn.successor is None
        life.turn(completed(2), h.TimerFired(at=T0, scheduled_id=3, fire_at=T0))
    end = life.histories[before]
    assert end[-1] == h.ContinuedAsNew(seq=len(end), at=life.now, new_input="1", save_events=True)
    assert "CustomStatusSet" not in kinds(end)
    assert not [out for out in life.sent if isinstance(out.row.event, h.EventRaised)]
    assert life.record.execution_id != before
    assert life.record.status == "RUNNING"
    life.go_on()
    assert life.record.custom_status == '"the next one"'
    assert life.turn(raised("end", "over")).record.output == '"over"'


# -- what the next generation is ----------------------------------------------------------------------


def test_the_next_generation_is_the_same_run_with_another_input(live: Live) -> None:
    @workflow
    async def renews(ctx: WorkflowContext, n: int) -> list[object]:
        seen = [n, ctx.instance_id, ctx.execution_id, ctx.parent_instance_id]
        seen += [str(ctx.new_guid()), ctx.random().random()]
        if n < 2:
            ctx.set_custom_status(seen)
            ctx.continue_as_new(n + 1)
        return seen

    parent = h.ParentReference(instance_id="order-42", execution_id="p", scheduled_id=7)
    life = live(renews, parent=parent)
    turns = [life.start(0), life.go_on(), life.go_on()]
    starts = [history[1] for history in life.histories.values()]
    assert all(isinstance(start, h.ExecutionStarted) for start in starts)
    assert [(start.input, start.generation, start.parent) for start in starts] == [
        ("0", 0, parent),
        ("1", 1, parent),
        ("2", 2, parent),
    ]
    assert [turn.record.generation for turn in turns] == [1, 2, 2]
    said = [msgspec.json.decode(start.custom_status) for start in starts[1:]]
    said.append(msgspec.json.decode(life.record.output or ""))
    assert [each[0] for each in said] == [0, 1, 2]
    assert {each[1] for each in said} == {"run-1"}
    assert {each[3] for each in said} == {"order-42"}
    for place in (2, 4, 5):
        assert len({each[place] for each in said}) == 3, "each generation has its own"
    assert [len(turn.outgoing) for turn in turns] == [0, 0, 1], "only the end concerns the parent"
    result = turns[2].outgoing[0].row
    assert (result.instance_id, result.execution_id, result.event.scheduled_id) == ("order-42", "p", 7)


def test_a_generation_ends_with_all_that_is_addressed_to_it(live: Live) -> None:
    @workflow
    async def renews(ctx: WorkflowContext, n: int) -> None:
        ctx.create_timer(60)
        await ctx.wait_for_external_event("go")
        ctx.create_timer(90)
        ctx.continue_as_new(n + 1)

    life = live(renews)
    first = life.record.execution_id
    life.start(0)
    turn = life.turn(raised("go"))
    assert turn.timers == []
    closing = CloseExecution(instance_id="run-1", execution_id=first)
    assert closing in turn.operations
    rows = [each.record for each in turn.operations if isinstance(each, PutInstance)]
    assert rows == [turn.record]
    assert [each.row for each in turn.operations if isinstance(each, PutInbox)] == [turn.successor]
    assert turn.operations.index(closing) < turn.operations.index(PutInbox(row=turn.successor))


@pytest.mark.semantics(45)
def test_the_clock_of_the_next_generation_goes_on_where_this_ones_stood(live: Live) -> None:
    @workflow
    async def renews(ctx: WorkflowContext, last: str) -> str:
        now = ctx.current_utc_datetime.isoformat()
        if not last:
            await ctx.wait_for_external_event("go")
            ctx.continue_as_new(ctx.current_utc_datetime.isoformat())
        return f"{last} {now}"

    life = live(renews)
    life.start("")
    life.turn(raised("other"), after=100)
    life.turn(raised("go"), after=-50)  # somebody has set the computer's clock back
    life.go_on()
    before, now = msgspec.json.decode(life.record.output or "").split()
    assert before == now == "2026-01-01T00:01:40+00:00"


# -- what is not started ------------------------------------------------------------------------------


@pytest.mark.semantics(15)
def test_calls_of_the_last_step_are_not_started_and_named(live: Live) -> None:
    @workflow
    async def renews(ctx: WorkflowContext, n: int) -> None:
        work("before")
        await ctx.wait_for_external_event("go")
        given_up = asyncio.ensure_future(work("given up"))
        given_up.cancel()
        work("forgotten")
        child(3)
        ctx.call_child_workflow(child, input=4, instance_id="given")
        ctx.send_event("order-41", "renewed")
        ctx.continue_as_new(n + 1)

    life = live(renews)
    first = life.record.execution_id
    life.start(0)
    turn = life.turn(raised("go"))
    [marker] = of_kind(life.histories[first], h.Marker)
    assert (marker.name, marker.value) == ("not_started", '["work","child","child"]')
    assert turn.tasks == []
    assert [type(out.row.event) for out in turn.outgoing] == [h.EventRaised], "an event is on its way"


@pytest.mark.semantics(15)
def test_calls_of_an_earlier_step_of_the_same_turn_are_started(live: Live) -> None:
    @workflow
    async def renews(ctx: WorkflowContext, n: int) -> None:
        work("before")
        child(3)
        await ctx.wait_for_external_event("go")
        work("forgotten")
        ctx.continue_as_new(n + 1)

    life = live(renews)
    event = h.ExecutionStarted(
        at=T0, name="renews", execution_id="0123456789", input="0", definition="", interpreter=INTERPRETER
    )
    turn = life.turn(event, raised("go"))
    assert turn.successor is not None
    assert [task.input for task in turn.tasks] == ['"before"']
    [start] = [out.row for out in turn.outgoing]
    assert start.instance_id == "run-1:01234567:0001"
    assert start.event.parent == h.ParentReference(
        instance_id="run-1", execution_id="0123456789", scheduled_id=2
    )


@pytest.mark.parametrize("wrong", ["ArgumentsError", "PayloadError"])
def test_an_input_that_does_not_fit_is_an_error_of_the_call_and_ends_nothing(live: Live, wrong: str) -> None:
    @workflow
    async def renews(ctx: WorkflowContext, n: int, m: float = 0) -> str:
        work("first")
        try:
            ctx.continue_as_new(
                {"n": 1, "k": 2} if wrong == "ArgumentsError" else {"n": 1, "m": float("nan")}
            )
        except (ArgumentsError, PayloadError) as error:
            await work(type(error).__name__)
        return "went on"

    life = live(renews)
    turn = life.start(0)
    assert turn.successor is None
    assert [task.input for task in turn.tasks] == ['"first"', f'"{wrong}"']
    assert life.turn(completed(2)).record.output == '"went on"'
