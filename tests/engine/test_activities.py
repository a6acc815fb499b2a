"""Activities: where they run, what they may do, and what becomes of what they return or raise."""

import asyncio
import os
import sys
import threading
from concurrent.futures import CancelledError as FutureCancelledError

import pytest

from nbflow import WorkflowActivityContext, WorkflowContext, activity, workflow
from nbflow.core.history import TaskCancelled, TaskCompleted, TaskFailed, TaskScheduled
from nbflow.errors import TaskFailedError, WorkflowFailedError
from tests.engine.worlds import VirtualClock, World, kinds, of_kind, wait_for


def test_s18_a_def_runs_in_a_worker_thread_and_blocks_nothing(world: World) -> None:
    may_return, is_running = threading.Event(), threading.Event()
    threads: list[str] = []

    @activity
    def blocks() -> str:
        threads.append(threading.current_thread().name)
        is_running.set()
        wait_for(may_return)
        return "done"

    @activity
    def quick(n: int) -> int:
        return n

    @workflow
    async def calls_blocks() -> str:
        return await blocks()

    @workflow
    async def calls_quick(n: int) -> int:
        return await quick(n)

    world.open(calls_blocks, calls_quick)
    run = world.start(calls_blocks)
    wait_for(is_running)
    assert [world.start(calls_quick, n).result(10) for n in range(3)] == [0, 1, 2]
    assert run.status == "RUNNING"
    may_return.set()
    assert run.result(10) == "done"
    assert threads[0].startswith(("nbflow-activity", "nbflow-dispatch"))


def test_s18_an_async_def_runs_on_the_engine_s_loop(world: World) -> None:
    seen: list[tuple[str, bool]] = []

    @activity
    async def waits(n: int) -> int:
        await asyncio.sleep(0)
        seen.append((threading.current_thread().name, asyncio.get_running_loop().is_running()))
        return n + 1

    @workflow
    async def calls(n: int) -> int:
        return await waits(n)

    world.open(calls)
    assert world.start(calls, 1).result(10) == 2
    assert seen == [("nbflow-engine", True)]


def test_s18_serial_parallel_and_mixed(world: World) -> None:
    @activity
    def add(x: int, y: int) -> int:
        return x + y

    @activity
    async def square(x: int) -> int:
        return x * x

    @workflow
    async def mixed(n: int) -> int:
        first = await add(n, 1)
        squares = await asyncio.gather(*[square(x) for x in range(first)])
        async with asyncio.TaskGroup() as tasks:
            left = tasks.create_task(add(squares[0], squares[1]))
            right = tasks.create_task(add(squares[2], squares[3]))
        return left.result() + right.result()

    world.open(mixed)
    assert world.start(mixed, 3).result(10) == 14


def test_s66_the_activity_knows_whose_call_it_serves(world: World) -> None:
    @activity
    def tells(ctx: WorkflowActivityContext, x: int) -> dict:
        return {
            "instance": ctx.instance_id,
            "workflow": ctx.workflow_name,
            "task": ctx.task_id,
            "attempt": ctx.attempt,
            "key": ctx.idempotency_key,
            "x": x,
        }

    @workflow
    async def asks(ctx: WorkflowContext) -> list:
        return [ctx.execution_id, await tells(1), await tells(2)]

    world.open(asks)
    execution, first, second = world.start(asks, None, "order-42").result(10)
    assert first["instance"] == "order-42"
    assert (first["workflow"], first["attempt"], first["x"]) == ("asks", 1, 1)
    assert first["key"] == f"order-42:{execution}:{first['task']}"
    assert second["key"] != first["key"]


@pytest.mark.semantics(81)
def test_history_tells_who_ran_it_and_when(world: World, clock: VirtualClock) -> None:
    @activity
    def work() -> None:
        clock.advance(seconds=5)

    @workflow
    async def works() -> None:
        await work()

    world.open(works)
    run = world.start(works)
    run.result(10)
    [done] = of_kind(run.history(), TaskCompleted)
    assert (done.at - done.started_at).total_seconds() == 5
    assert done.worker == f"{os.getpid()}/thread"
    assert done.attempt == 1


def test_max_concurrent_activities_is_respected(world: World) -> None:
    lock, may_return, three_run = threading.Lock(), threading.Event(), threading.Event()
    running: list[int] = []
    most: list[int] = []

    @activity
    def work(n: int) -> int:
        with lock:
            running.append(n)
            most.append(len(running))
            if len(running) == 3:
                three_run.set()
        wait_for(may_return)
        with lock:
            running.remove(n)
        return n

    @workflow
    async def works() -> list[int]:
        return await asyncio.gather(*[work(n) for n in range(20)])

    world.open(works, max_concurrent_activities=3)
    run = world.start(works)
    wait_for(three_run)
    may_return.set()
    assert run.result(20) == list(range(20))
    assert max(most) == 3


def test_s53_a_failure_carries_the_author_s_lines_and_causes_over_a_restart(world: World) -> None:
    @activity
    def reads() -> None:
        try:
            {}["sku"]
        except KeyError as error:
            raise ValueError("no such article") from error

    @workflow
    async def handles(ctx: WorkflowContext) -> dict:
        try:
            await reads()
        except TaskFailedError as error:
            failure = error.details
        await ctx.wait_for_external_event("go")
        return {
            "type": failure.type,
            "message": failure.message,
            "line": failure.frames[-1].text,
            "trace": failure.stack_trace,
            "cause": failure.cause.type,
            "cause_line": failure.cause.frames[-1].text,
        }

    world.open(handles)
    run = world.start(handles, None, "order-42")
    world.until_waiting(run, "go")
    world.reopen(handles, crash=True)
    run = world.handle("order-42")
    run.raise_event("go")
    told = run.result(10)
    assert (told["type"], told["message"], told["cause"]) == ("ValueError", "no such article", "KeyError")
    assert told["line"] == 'raise ValueError("no such article") from error'
    assert told["cause_line"] == '{}["sku"]'
    assert "test_activities.py" in told["trace"]
    assert "nbflow/engine" not in told["trace"]
    assert "nbflow/executors" not in told["trace"]


@pytest.mark.semantics(21, 53)
def test_a_failure_that_nobody_handles_fails_the_run_and_names_the_activity(world: World) -> None:
    @activity
    async def charge() -> None:
        raise PermissionError("card refused")

    @workflow
    async def pays() -> None:
        await charge()

    world.open(pays)
    run = world.start(pays)
    with pytest.raises(WorkflowFailedError, match="charge failed: PermissionError: card refused") as caught:
        run.result(10)
    assert caught.value.details.cause.type == "PermissionError"
    assert 'raise PermissionError("card refused")' in caught.value.details.cause.stack_trace


@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async"])
@pytest.mark.parametrize(
    "error",
    [
        SystemExit(3),
        KeyboardInterrupt(),
        asyncio.CancelledError(),
        FutureCancelledError(),
        StopIteration(1),
        StopAsyncIteration(1),
        GeneratorExit(),
        TimeoutError("slow"),
        ExceptionGroup("several", [ValueError("a"), KeyError("b")]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_an_activity_raises_is_a_failure_of_it(
    quick_world: World, error: BaseException, is_async: bool
) -> None:
    if is_async:

        @activity
        async def breaks() -> None:
            raise error
    else:

        @activity
        def breaks() -> None:
            raise error

    @workflow
    async def handles() -> str:
        try:
            await breaks()
        except TaskFailedError as failed:
            return failed.details.type
        return "none"

    world = quick_world
    world.open(handles)
    run = world.start(handles)
    told = run.result(10)
    if is_async and isinstance(error, StopIteration):
        assert told == "RuntimeError"  # Python's own rule for coroutines
    else:
        assert told == type(error).__name__
    assert world.start(handles).result(10) == told  # and the engine is alive


def test_s68_a_result_that_json_cannot_carry_is_a_failure_that_names_the_path(world: World) -> None:
    @activity
    def makes() -> dict:
        return {"rows": [{"price": float("nan")}]}

    @workflow
    async def handles() -> str:
        try:
            await makes()
        except TaskFailedError as failed:
            return str(failed.details)
        return "none"

    world.open(handles)
    told = world.start(handles).result(10)
    assert "the result of makes" in told
    assert "rows" in told
    assert "price" in told


def test_a_result_that_does_not_fit_the_annotation_is_a_failure(world: World) -> None:
    @activity
    def counts() -> int:
        return "three"

    @workflow
    async def handles() -> str:
        try:
            await counts()
        except TaskFailedError as failed:
            return str(failed.details)
        return "none"

    world.open(handles)
    assert "doesn't fit int" in world.start(handles).result(10)


@pytest.mark.semantics(66)
def test_a_timeout_fails_the_attempt_and_its_late_result_is_ignored(
    world: World, clock: VirtualClock
) -> None:
    may_return, has_returned = threading.Event(), threading.Event()

    @activity(timeout=30)
    def slow() -> str:
        wait_for(may_return)
        has_returned.set()
        return "late"

    @workflow
    async def handles(ctx: WorkflowContext) -> str:
        try:
            told = await slow()
        except TaskFailedError as failed:
            told = failed.details.type
        await ctx.wait_for_external_event("go")
        return told

    world.open(handles)
    run = world.start(handles)
    world.until(run, lambda record, history: "TimerCreated" in kinds(history))
    clock.advance(seconds=30)
    world.until_waiting(run, "go")
    may_return.set()
    wait_for(has_returned)
    run.raise_event("go")
    assert run.result(10) == "TimeoutError"
    assert len(of_kind(run.history(), TaskCancelled)) == 1
    assert of_kind(run.history(), TaskCompleted) == []
    assert world.inbox() == []


def test_a_call_that_was_cancelled_before_it_found_a_slot_never_begins(world: World) -> None:
    may_return, is_running = threading.Event(), threading.Event()
    ran: list[str] = []

    @activity
    def work(name: str) -> str:
        ran.append(name)
        is_running.set()
        if name == "first":
            wait_for(may_return)
        return name

    @workflow
    async def cancels(ctx: WorkflowContext) -> str:
        first = work("first")
        second = work("second")
        await ctx.wait_for_external_event("cancel")
        second.cancel()
        return await first + await work("third")

    world.open(cancels, max_concurrent_activities=1)
    run = world.start(cancels)
    wait_for(is_running)
    run.raise_event("cancel")
    world.until(run, lambda record, history: "TaskCancelled" in kinds(history))
    may_return.set()
    assert run.result(10) == "firstthird"
    assert ran == ["first", "third"]


@pytest.mark.semantics(66)
def test_s19_what_was_running_at_a_crash_runs_again_and_what_was_recorded_does_not(world: World) -> None:
    may_return, is_slow = threading.Event(), threading.Event()
    ran: list[tuple[str, int, str]] = []

    @activity
    def work(ctx: WorkflowActivityContext, name: str) -> str:
        ran.append((name, ctx.attempt, ctx.idempotency_key))
        if name == "slow":
            is_slow.set()
        if name == "slow" and len([entry for entry in ran if entry[0] == "slow"]) == 1:
            wait_for(may_return)
        return name

    @workflow
    async def works() -> list[str]:
        return [await work("quick"), await work("slow")]

    world.open(works)
    world.start(works, None, "order-42")
    wait_for(is_slow)
    world.crash()
    may_return.set()
    world.open(works)
    assert world.handle("order-42").result(10) == ["quick", "slow"]
    assert [name for name, _, _ in ran] == ["quick", "slow", "slow"]
    assert ran[1] == ran[2]  # the attempt's number and its idempotency key stay (S66)


def test_s8_an_activity_is_only_started_when_its_scheduling_is_durable(world: World) -> None:
    @activity
    def work(n: int) -> int:
        world.store.log.append(f"run {n}")
        return n

    @workflow
    async def works() -> list[int]:
        return await asyncio.gather(*[work(n) for n in range(5)])

    world.open(works)
    run = world.start(works)
    assert run.result(10) == list(range(5))
    log = world.store.log
    scheduled = next(
        position
        for position, entry in enumerate(log)
        if isinstance(entry, tuple)
        and any(
            of_kind(operation.events, TaskScheduled) for operation in entry if hasattr(operation, "events")
        )
    )
    first_run = min(position for position, entry in enumerate(log) if isinstance(entry, str))
    assert scheduled < first_run


@pytest.mark.semantics(18)
def test_an_activity_may_use_the_client_from_its_thread(world: World) -> None:
    @workflow
    async def echo(x: int) -> int:
        return x

    @activity
    def starts(x: int) -> int:
        return world.client.schedule_new_workflow(echo, input=x).result(10)

    @workflow
    async def outer(x: int) -> int:
        return await starts(x)

    world.open(outer, echo)
    assert world.start(outer, 5).result(10) == 5


def test_an_async_activity_that_waits_for_its_own_runtime_is_told_so(world: World) -> None:
    @activity
    async def asks() -> str:
        return str(world.client.get_workflow_state("order-42").runtime_status)

    @activity
    async def waits() -> str:
        return await world.client.schedule_new_workflow("handles", instance_id="other")

    @activity
    async def closes() -> None:
        world.runtime.close()

    @workflow
    async def handles() -> list[str]:
        told = []
        for call in (asks, waits, closes):
            try:
                await call()
            except TaskFailedError as failed:
                told.append(failed.details.message)
        return told

    world.open(handles)
    told = world.start(handles, None, "order-42").result(10)
    assert len(told) == 3
    for message in told:
        assert "an async activity can't wait for the runtime that runs it: make it a `def`" in message


@pytest.mark.semantics(46)
def test_workflow_code_that_uses_the_client_is_told_so(world: World) -> None:
    @workflow
    async def asks() -> str:
        return str(world.client.get_workflow_state("order-42").runtime_status)

    world.open(asks)
    run = world.start(asks, None, "order-42")
    with pytest.raises(WorkflowFailedError, match="put it in an activity"):
        run.result(10)


def test_an_executor_that_fails_is_a_failure_of_the_attempt(world: World) -> None:
    class Broken:
        async def run(self, invocation: object) -> object:
            raise ConnectionError("the cluster is gone")

        async def close(self) -> None:
            pass

    @activity
    def work() -> None:
        pass

    @workflow
    async def works() -> str:
        try:
            await work()
        except TaskFailedError as failed:
            return str(failed.details)
        return "none"

    world.open(works, executor=Broken())
    run = world.start(works)
    assert run.result(10) == "ConnectionError: the cluster is gone"
    assert len(of_kind(run.history(), TaskFailed)) == 1


def test_an_executor_can_be_used_by_the_next_runtime(world: World) -> None:
    from nbflow.executors.threads import ThreadExecutor

    @activity
    def work(n: int) -> int:
        return n

    @workflow
    async def works() -> list[int]:
        return await asyncio.gather(*[work(n) for n in range(8)])

    executor = ThreadExecutor()
    for _ in range(3):
        world.open(works, executor=executor)
        assert world.start(works).result(10) == list(range(8))
        world.close()


def test_idle_workers_are_used_again(world: World) -> None:
    names: set[str] = set()

    @activity
    def work(n: int) -> int:
        names.add(threading.current_thread().name)
        return n

    @workflow
    async def works() -> int:
        return sum([await work(n) for n in range(20)])

    world.open(works)
    assert world.start(works).result(10) == 190
    assert len(names - {"nbflow-dispatch"}) <= 1


def test_standard_output_is_as_before_once_all_runtimes_are_closed(world: World) -> None:
    @workflow
    async def nothing() -> None:
        pass

    before = sys.stdout
    world.open(nothing)
    assert sys.stdout is not before
    world.close()
    assert sys.stdout is before
