"""Closing a runtime, whatever is under way, and opening the next one."""

import asyncio
import threading
import time
from pathlib import Path

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.errors import RuntimeClosedError, StoreError, StoreFormatError, StoreLockedError
from nbflow.runtime import WorkflowRuntime
from tests.engine.worlds import World, kinds, wait_for


@activity
def add(x: int, y: int) -> int:
    return x + y


@workflow
async def adds(x: int) -> int:
    return await add(await add(x, 1), 1)


@workflow
async def waits(ctx: WorkflowContext, x: int) -> int:
    total = await add(x, 1)
    return total + await ctx.wait_for_external_event("go")


@pytest.mark.semantics(19)
@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async"])
def test_close_while_an_activity_hangs(world: World, is_async: bool) -> None:
    begun, may_return = threading.Event(), threading.Event()
    ran: list[int] = []

    if is_async:

        @activity
        async def hangs() -> str:
            ran.append(1)
            begun.set()
            while len(ran) == 1:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    continue  # as rude as can be
            return "done"
    else:

        @activity
        def hangs() -> str:
            ran.append(1)
            begun.set()
            if len(ran) == 1:
                may_return.wait(60)
            return "done"

    @workflow
    async def calls() -> str:
        return await hangs()

    world.open(calls)
    world.start(calls, None, "order-42")
    wait_for(begun)
    began = time.monotonic()
    world.close()
    assert time.monotonic() - began < 8
    world.open(calls)
    assert world.handle("order-42").result(10) == "done"
    assert ran == [1, 1]
    may_return.set()


@pytest.mark.semantics(19)
def test_a_polite_async_activity_is_cancelled_and_runs_again(world: World) -> None:
    begun, cancelled = threading.Event(), threading.Event()
    ran: list[int] = []

    @activity
    async def naps() -> str:
        ran.append(1)
        begun.set()
        try:
            await asyncio.sleep(60 if len(ran) == 1 else 0)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return "done"

    @workflow
    async def calls() -> str:
        return await naps()

    world.open(calls)
    world.start(calls, None, "order-42")
    wait_for(begun)
    world.close()
    assert cancelled.is_set()
    world.open(calls)
    run = world.handle("order-42")
    assert run.result(10) == "done"
    assert "TaskFailed" not in kinds(run.history())


def test_close_while_a_turn_runs_waits_for_it(world: World) -> None:
    begun, may_return = threading.Event(), threading.Event()
    starts: list[int] = []

    @workflow
    async def thinks(ctx: WorkflowContext) -> str:
        starts.append(1)
        if len(starts) == 1:
            begun.set()
            wait_for(may_return)
        await ctx.wait_for_external_event("go")
        return "done"

    world.open(thinks)
    world.start(thinks, None, "order-42")
    wait_for(begun)
    threading.Timer(0.3, may_return.set).start()
    world.close()
    world.open(thinks)
    run = world.handle("order-42")
    assert kinds(run.history()) == ["WorkflowStarted", "ExecutionStarted", "EventWaitCreated"]
    run.raise_event("go")
    assert run.result(10) == "done"


def test_close_while_a_turn_never_comes_back(world: World) -> None:
    begun, may_return = threading.Event(), threading.Event()

    @workflow
    async def hangs() -> str:
        if not begun.is_set():
            begun.set()
            may_return.wait(60)
        return "done"

    world.open(hangs, stuck_after=60)
    world.start(hangs, None, "order-42")
    wait_for(begun)
    began = time.monotonic()
    world.close()
    assert time.monotonic() - began < 10
    may_return.set()
    world.open(hangs)
    assert world.handle("order-42").result(10) == "done"


def test_reopening_goes_on_with_everything(world: World) -> None:
    world.open(waits, adds)
    for n in range(10):
        world.until_waiting(world.start(waits, n, f"run-{n}"), "go")
    for n in range(10):
        world.reopen(waits, adds)
        world.client.raise_workflow_event(f"run-{n}", "go", data=100)
        assert world.handle(f"run-{n}").result(10) == n + 101
    assert world.inbox() == []


@pytest.mark.semantics(62)
def test_what_was_acknowledged_just_before_the_close_is_not_lost(world: World) -> None:
    world.open(adds)
    for n in range(20):
        world.start(adds, n, f"run-{n}")
    world.reopen(adds)
    assert [world.handle(f"run-{n}").result(20) for n in range(20)] == [n + 2 for n in range(20)]


def test_closing_twice_is_no_error_and_a_runtime_can_be_opened_again(world: World) -> None:
    runtime = world.open(waits)
    assert runtime.is_open
    assert runtime.open() is runtime
    run = world.start(waits, 1, "order-42")
    world.until_waiting(run, "go")
    runtime.close()
    runtime.close()
    assert not runtime.is_open
    assert "closed" in repr(runtime)
    runtime.open()
    run.raise_event("go", 1)  # the handle serves its runtime, not one opening of it
    assert run.result(10) == 3


def test_use_after_close_says_so(world: World) -> None:
    runtime = world.open(waits)
    run = world.start(waits, 1, "order-42")
    runtime.close()
    for use in (
        run.state,
        run.history,
        run.terminate,
        lambda: run.raise_event("go"),
        lambda: run.result(1),
        lambda: world.start(waits, 1),
        world.client.list_workflows,
        lambda: runtime.register(adds),
        lambda: runtime.subscribe(None, lambda record, events: None),
    ):
        with pytest.raises(
            RuntimeClosedError, match=r"is closed: use `with WorkflowRuntime\(…\) as runtime:`"
        ):
            use()


def test_use_before_open_says_so() -> None:
    with pytest.raises(RuntimeClosedError, match="is not open"):
        WorkflowRuntime().client.list_workflows()


def test_requests_that_race_with_the_close_end(quick_world: World) -> None:
    world = quick_world
    runtime = world.open(waits)
    world.until_waiting(world.start(waits, 1, "order-42"), "go")
    begun = threading.Barrier(9, timeout=20)
    outcomes: list[object] = []

    def asks() -> None:
        begun.wait()
        while True:
            try:
                world_client.get_workflow_state("order-42")
                world_client.raise_workflow_event("order-42", "other")
            except RuntimeClosedError as error:
                outcomes.append(error)
                return

    world_client = runtime.client
    threads = [threading.Thread(target=asks) for _ in range(8)]
    for thread in threads:
        thread.start()
    begun.wait()
    world.close()
    for thread in threads:
        thread.join(20)
    assert len(outcomes) == 8


def test_async_with(world: World) -> None:
    async def cell() -> int:
        runtime = WorkflowRuntime(store=world.store, definitions=[adds])
        async with runtime:
            return await runtime.client.schedule_new_workflow(adds, input=1)

    assert asyncio.run(cell()) == 3


@pytest.mark.semantics(72)
def test_a_file_is_opened_by_one_runtime_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "orders.duckdb"
    with WorkflowRuntime(path, definitions=[adds]) as runtime:
        with pytest.raises(StoreLockedError, match=r"orders\.duckdb"):
            WorkflowRuntime(path, definitions=[adds]).open()
        assert runtime.client.schedule_new_workflow(adds, input=1).result(10) == 3
    with WorkflowRuntime(path, definitions=[adds]) as runtime:
        assert len(runtime.client.list_workflows()) == 1


def test_a_runtime_that_could_not_be_opened_leaves_nothing_behind(tmp_path: Path) -> None:
    import sys

    path = tmp_path / "orders.duckdb"
    path.write_text("these are no orders, and no database" * 100)
    before, screen = set(threading.enumerate()), sys.stdout
    with pytest.raises(StoreFormatError):
        WorkflowRuntime(path).open()
    assert sys.stdout is screen
    end = time.monotonic() + 10
    while left := {thread.name for thread in set(threading.enumerate()) - before}:
        assert time.monotonic() < end, left
        time.sleep(0.01)


def test_a_store_that_cannot_be_read_on_opening_is_closed_again(world: World) -> None:
    def broken() -> None:
        raise StoreError("the inbox is gone")

    world.store.read_inbox = broken
    with pytest.raises(StoreError, match="the inbox is gone"):
        world.open(adds)
    del world.store.read_inbox
    world.open(adds)
    assert world.start(adds, 1).result(10) == 3


def test_no_thread_is_left_behind(quick_world: World) -> None:
    before = set(threading.enumerate())
    for _ in range(3):
        quick_world.open(adds)
        assert quick_world.start(adds, 1).result(10) == 3
        quick_world.close()
    end = time.monotonic() + 10
    while left := {thread.name for thread in set(threading.enumerate()) - before}:
        assert time.monotonic() < end, left
        time.sleep(0.01)


def test_an_error_of_the_engine_itself_is_told_to_everybody_who_waits(quick_world: World) -> None:
    world = quick_world
    world.open(waits)
    run = world.start(waits, 1, "order-42")
    world.until_waiting(run, "go")
    waiting = world.client.watch("order-42", lambda record: record.status.is_terminal)
    world.runtime._engine._effects.item = lambda *args: 1 / 0
    with pytest.raises(RuntimeClosedError, match="the engine stopped after an error of its own"):
        run.raise_event("go")
    assert isinstance(waiting.exception(10), RuntimeClosedError)
    with pytest.raises(RuntimeClosedError):
        run.raise_event("go")
    world.reopen(waits)
    world.client.raise_workflow_event("order-42", "go", data=1)
    assert world.handle("order-42").result(10) == 3
