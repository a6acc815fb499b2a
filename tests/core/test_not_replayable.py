"""What a replay can't repeat is an error at run time: at the author's line, with what to do instead.

What asyncio and anyio offer, one by one, is in `test_asyncio_constructs`; here is what people do with it.
"""

import asyncio
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from nbflow import WorkflowContext, workflow
from nbflow.core import history as h
from nbflow.errors import FailureDetails, NotReplayableError
from tests.core.builder import Run, work

FOREIGN = "a future of another event loop (await) can't be replayed, so workflow code can't use it: put it in an activity"


def failure_of(run: Run) -> FailureDetails:
    end = run.history[-1]
    assert isinstance(end, h.ExecutionCompleted)
    assert end.status == "FAILED"
    assert end.failure is not None
    return end.failure


def check_line(failure: FailureDetails) -> None:
    """The error's innermost line is the author's, which is marked."""
    assert failure.frames[-1].file == __file__
    assert failure.frames[-1].text.endswith("# here"), failure.stack_trace


@pytest.fixture
def elsewhere() -> Iterator[asyncio.AbstractEventLoop]:
    """Another loop."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


# -- futures of another loop --------------------------------------------------------------------------


@pytest.mark.semantics(46)
def test_a_foreign_future_fails_the_run_at_the_line_that_awaits_it(drive, elsewhere):
    async def helper() -> None:
        await elsewhere.create_future()  # here

    @workflow
    async def borrows() -> None:
        await work(1)
        await helper()

    run = drive(borrows)
    run.start()
    assert run.complete(1) == [f"fail NotReplayableError: {FOREIGN}"]
    check_line(failure_of(run))
    assert failure_of(run).bases[:2] == ("NotReplayableError", "NbflowError")


@pytest.mark.semantics(46)
def test_a_foreign_future_can_be_caught_where_it_is_awaited(drive, elsewhere):
    @workflow
    async def borrows() -> Any:
        try:
            await elsewhere.create_future()
        except NotReplayableError as error:
            return await work(str(error))

    run = drive(borrows)
    assert run.start() == [f'#1 work("{FOREIGN}")']
    assert run.complete(1, "went on") == ['return "went on"']


@pytest.mark.semantics(46)
@pytest.mark.parametrize("how", ["group", "gather", "anyio"])
def test_a_branch_that_awaits_a_foreign_future_fails_alone(drive, elsewhere, how):
    async def borrows() -> None:
        await elsewhere.create_future()  # here

    @workflow
    async def branches() -> str:
        try:
            match how:
                case "group":
                    async with asyncio.TaskGroup() as group:
                        group.create_task(borrows())
                case "anyio":
                    async with anyio.create_task_group() as tasks:
                        tasks.start_soon(borrows)
                case _:
                    await asyncio.gather(borrows())
        except* NotReplayableError as errors:
            told = str(errors.exceptions[0])
        return told

    run = drive(branches)
    run.start()
    assert run.output == FOREIGN


@pytest.mark.semantics(46)
def test_a_branch_that_lets_it_escape_names_its_line_in_the_group(drive, elsewhere):
    @workflow
    async def branches() -> None:
        async def borrows() -> None:
            await elsewhere.create_future()  # here

        async with asyncio.TaskGroup() as group:
            group.create_task(borrows())

    run = drive(branches)
    run.start()
    assert failure_of(run).type == "ExceptionGroup"
    (part,) = failure_of(run).parts
    assert (part.type, part.message) == ("NotReplayableError", FOREIGN)
    check_line(part)


@pytest.mark.semantics(48)
def test_a_generator_workflow_is_told_at_its_yield(drive, elsewhere):
    @workflow
    def borrows() -> Generator[Any, Any, None]:
        yield elsewhere.create_future()  # here

    run = drive(borrows)
    assert run.start() == [f"fail NotReplayableError: {FOREIGN}"]
    check_line(failure_of(run))


OTHER_WAYS: dict[str, tuple[Callable[[asyncio.Future[Any]], Any], str]] = {
    "wait": (lambda future: asyncio.wait([future]), "a future of another event loop (asyncio.wait)"),
    "gather": (asyncio.gather, FOREIGN),
    "shield": (asyncio.shield, FOREIGN),
    "wait_for": (lambda future: asyncio.wait_for(future, 5), "different loop|another event loop"),
    "as_completed": (lambda future: next(iter(asyncio.as_completed([future]))), "different loop"),
    "gather with others": (lambda future: asyncio.gather(work(1), future), "different loop"),
}


@pytest.mark.semantics(46)
@pytest.mark.parametrize("way", OTHER_WAYS)
def test_no_way_of_waiting_takes_a_foreign_future(drive, elsewhere, way):
    wait, said = OTHER_WAYS[way]

    @workflow
    async def borrows() -> None:
        await wait(elsewhere.create_future())

    run = drive(borrows)
    run.start()
    failure = failure_of(run)
    assert failure.type in ("NotReplayableError", "ValueError")
    assert any(part in failure.message for part in said.split("|")), failure.message


# -- what is no future of asyncio's -------------------------------------------------------------------


class Asks:
    """Awaitable by some other library's scheduler."""

    def __init__(self, request: object) -> None:
        self.request = request

    def __await__(self) -> Generator[Any, Any, Any]:
        return (yield self.request)  # here


@pytest.mark.semantics(46)
@pytest.mark.parametrize("request_", [42, object(), "sleep", asyncio.sleep])
def test_what_another_library_awaits_is_refused_without_a_word_of_addresses(drive, request_):
    @workflow
    async def asks() -> None:
        await Asks(request_)

    run = drive(asks)
    (line,) = run.start()
    assert line == (
        "fail NotReplayableError: what is awaitable by another library than asyncio (await) can't be replayed, so "
        "workflow code can't use it: put it in an activity"
    )
    check_line(failure_of(run))


@pytest.mark.semantics(46)
def test_a_future_that_is_yielded_and_not_awaited_is_refused(drive):
    @workflow
    async def asks() -> None:
        await Asks(asyncio.get_running_loop().create_future())

    (line,) = drive(asks).start()
    assert "NotReplayableError: what is awaitable by another library" in line


@pytest.mark.semantics(46)
def test_a_bare_yield_in_an_awaitable_is_a_step_of_the_loop(drive):
    @workflow
    async def asks() -> str:
        await Asks(None)
        return "went on"

    assert drive(asks).start() == ['return "went on"']


@pytest.mark.semantics(46)
@pytest.mark.parametrize("thing", [3, object(), [1]])
def test_what_is_not_awaitable_at_all_is_pythons_own_error(drive, thing):
    @workflow
    async def awaits() -> None:
        await thing  # here

    run = drive(awaits)
    run.start()
    assert failure_of(run).type == "TypeError"
    assert "can't be used in 'await' expression" in failure_of(run).message
    check_line(failure_of(run))


# -- what two runs share ------------------------------------------------------------------------------


@pytest.mark.semantics(47)
@pytest.mark.parametrize("thing", ["task", "future", "event"])
def test_a_run_can_not_wake_another(thing):
    shared: list[Any] = []

    @workflow
    async def waits(ctx: WorkflowContext) -> None:
        match thing:
            case "event":
                shared.append(asyncio.Event())
                await shared[0].wait()
            case "future":
                shared.append(asyncio.get_running_loop().create_future())
                await shared[0]
            case _:
                shared.append(asyncio.create_task(asyncio.sleep(5)))
                await shared[0]

    @workflow
    async def wakes() -> None:
        match thing:
            case "event":
                shared[0].set()  # here
            case "future":
                shared[0].set_result(None)  # here
            case _:
                shared[0].cancel()  # here

    one, other = Run(waits, instance_id="one"), Run(wakes, instance_id="other")
    one.start()
    steps = one.execution.loop.steps
    (line,) = other.start()
    assert "NotReplayableError: this belongs to another run" in line
    assert "or put it in an activity" in line
    check_line(failure_of(other))
    one.raise_event("anything")
    assert one.execution.loop.steps == steps, "nothing happened to it"
    one.execution.evict()


@pytest.mark.semantics(47)
def test_a_call_of_another_run_is_not_awaited():
    shared: list[Any] = []

    @workflow
    async def calls() -> None:
        shared.append(work(1))
        await shared[0]

    @workflow
    async def borrows() -> None:
        await shared[0]  # here

    one, other = Run(calls, instance_id="one"), Run(borrows, instance_id="other")
    one.start()
    assert other.start() == [f"fail NotReplayableError: {FOREIGN}"]
    check_line(failure_of(other))
    assert one.complete(1) == ["return null"]


@pytest.mark.semantics(47)
@pytest.mark.parametrize("where", ["a thread", "another loop"])
def test_a_context_that_is_used_elsewhere_names_the_line(drive, where):
    @workflow
    async def lends(ctx: WorkflowContext) -> list[Any]:
        told: list[Any] = []

        def uses() -> None:
            try:
                ctx.call_activity(work)  # here
            except NotReplayableError as error:
                told.append(str(error))
                told.append(error.__traceback__.tb_lineno if error.__traceback__ else None)

        async def uses_in_a_loop() -> None:
            uses()

        target = uses if where == "a thread" else lambda: asyncio.run(uses_in_a_loop())
        thread = threading.Thread(target=target)
        thread.start()
        thread.join()
        return told

    run = drive(lends)
    run.start()
    said, line = run.output
    assert "ctx.call_activity() was called outside the workflow 'run-1'" in said
    assert "in an activity" in said
    assert Path(__file__).read_text().splitlines()[line - 1].endswith("# here")


# -- threads, and what callbacks raise ---------------------------------------------------------------------


@pytest.mark.semantics(46)
def test_no_thread_is_started_for_what_anyio_would_have_a_thread_do(drive, monkeypatch):
    started: list[threading.Thread] = []
    monkeypatch.setattr(threading.Thread, "start", started.append)

    @workflow
    async def threads() -> None:
        await anyio.to_thread.run_sync(print, "never")  # here

    run = drive(threads)
    run.start()
    check_line(failure_of(run))
    assert started == []


@pytest.mark.semantics(46)
def test_a_refusal_is_the_same_in_a_replay_as_it_was(drive, elsewhere):
    @workflow
    async def stubborn() -> list[str]:
        told = []
        for i in range(3):
            try:
                await elsewhere.create_future()
            except NotReplayableError as error:
                told.append(type(error).__name__)
            await work(i)
        return told

    run = drive(stubborn)
    run.start()
    for i in (1, 2, 3):
        run.execution.evict()
        run.execution = run.cold()
        run.complete(i)
    assert run.output == ["NotReplayableError"] * 3


@pytest.mark.semantics(70)
def test_what_a_callback_raises_is_logged_once(caplog):
    def fails() -> None:
        raise LookupError("nobody awaits this")

    @workflow
    async def calls_back() -> None:
        asyncio.get_running_loop().call_soon(fails)
        await work(1)

    run = Run(calls_back, instance_id="order-42")
    run.start()
    run.execution.evict()
    run.execution = run.cold()
    run.complete(1)
    (record,) = caplog.records
    assert (record.name, record.getMessage()) == (
        "nbflow.workflow",
        "[order-42] a callback of the workflow failed",
    )
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)


@pytest.mark.semantics(46)
def test_a_loop_tells_that_it_is_not_in_debug_mode(drive):
    @workflow
    async def asks() -> list[bool]:
        loop = asyncio.get_running_loop()
        loop.set_debug(True)
        return [loop.get_debug(), loop.is_running(), loop.is_closed()]

    run = drive(asks)
    run.start()
    assert run.output == [False, True, False]
