"""Handles: how to wait for a run, and to stop waiting, without any harm to it."""

import _thread
import asyncio
import threading
import time

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.errors import (
    RuntimeClosedError,
    WorkflowFailedError,
    WorkflowStalledError,
    WorkflowTerminatedError,
)
from tests.engine.worlds import World, wait_for


@workflow
async def waits(ctx: WorkflowContext):
    return await ctx.wait_for_external_event("go")


def test_a_run_can_be_awaited_on_any_loop(world: World) -> None:
    @activity
    async def meets() -> str:
        await asyncio.sleep(0)
        return "met"

    @workflow
    async def calls() -> str:
        return await meets()

    world.open(calls)

    async def cell() -> list[str]:
        runs = [world.start(calls) for _ in range(3)]
        return [await runs[0], *await asyncio.gather(*runs[1:])]

    assert asyncio.run(cell()) == ["met"] * 3


def test_a_run_can_be_awaited_again_and_by_several(world: World) -> None:
    world.open(waits)
    run = world.start(waits)

    async def cell() -> list[object]:
        waiting = [asyncio.ensure_future(_awaited(run)) for _ in range(3)]
        await asyncio.sleep(0)
        await asyncio.to_thread(run.raise_event, "go", {"x": 1})
        return [*[await each for each in waiting], await run]

    assert asyncio.run(cell()) == [{"x": 1}] * 4


async def _awaited(run: object) -> object:
    return await run


def test_a_cancelled_await_leaves_the_run_alone(world: World) -> None:
    world.open(waits)
    run = world.start(waits)

    async def cell() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await run
        waiting = asyncio.ensure_future(_awaited(run))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(cell())  # this loop is closed when the run ends
    assert run.status == "RUNNING"
    run.raise_event("go", {"x": 1})
    assert run.result(10) == {"x": 1}


def test_awaiting_what_did_not_succeed_raises(world: World) -> None:
    @workflow
    async def breaks() -> None:
        raise ValueError("broken")

    world.open(breaks, waits)

    async def cell() -> None:
        with pytest.raises(WorkflowFailedError, match="broken"):
            await world.start(breaks)
        run = world.start(waits)
        await asyncio.to_thread(run.terminate)
        with pytest.raises(WorkflowTerminatedError):
            await run
        stalled = world.start(_missing())
        with pytest.raises(WorkflowStalledError, match="unheard_of"):
            await stalled

    asyncio.run(cell())


def _missing() -> object:
    @workflow
    async def calls(ctx: WorkflowContext) -> None:
        await ctx.call_activity("unheard_of")

    return calls


def test_result_gives_up_in_time_and_the_run_goes_on(world: World) -> None:
    world.open(waits)
    run = world.start(waits, None, "order-42")
    began = time.monotonic()
    with pytest.raises(TimeoutError, match=r"order-42 .* within 0\.3 s; it goes on"):
        run.result(0.3)
    assert 0.25 < time.monotonic() - began < 5
    with pytest.raises(TimeoutError):
        run.result(0)
    run.raise_event("go")
    assert run.result(10) is None
    assert run.result(0.001) is None


def test_who_waits_no_more_is_forgotten(quick_world: World) -> None:
    world = quick_world
    world.open(waits)
    run = world.start(waits)
    for _ in range(5):
        with pytest.raises(TimeoutError):
            run.result(0.001)
    run.raise_event("go")
    for _ in range(5):
        run.result(10)
    world.runtime.submit(asyncio.sleep(0.01)).result(10)
    assert world.runtime._engine.watchers._waiters == {}


def test_an_interrupt_ends_the_wait_soon_and_not_the_run(quick_world: World) -> None:
    world = quick_world
    world.open(waits)
    run = world.start(waits)
    threading.Timer(0.1, _thread.interrupt_main).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run.result(30)
    assert time.monotonic() - began < 5
    run.raise_event("go")
    assert run.result(10) is None


def test_results_come_by_annotation(world: World) -> None:
    from dataclasses import dataclass
    from datetime import date

    @dataclass
    class Receipt:
        day: date
        cents: int

    namespace = {"Receipt": Receipt}

    async def pays(cents: int) -> "Receipt":
        return namespace["Receipt"](date(2030, 1, 2), cents)

    pays.__annotations__["return"] = Receipt
    world.open(flow := workflow(pays))
    run = world.start(flow, 5)
    assert run.result(10) == Receipt(date(2030, 1, 2), 5)
    assert run.state().output == {"day": "2030-01-02", "cents": 5}


def test_wait_for_start_and_completion(world: World) -> None:
    world.open(waits)
    run = world.start(waits, None, "order-42")
    assert world.client.wait_for_workflow_start("order-42", timeout=10).runtime_status == "RUNNING"
    with pytest.raises(TimeoutError):
        world.client.wait_for_workflow_completion("order-42", timeout=0.05)
    run.raise_event("go", 7)
    state = world.client.wait_for_workflow_completion("order-42", timeout=10)
    assert (state.runtime_status, state.output) == ("COMPLETED", 7)


def test_a_condition_that_raises_is_told_to_the_one_who_waits(quick_world: World) -> None:
    world = quick_world
    world.open(waits)
    run = world.start(waits, None, "order-42")
    with pytest.raises(ZeroDivisionError):
        world.client.wait("order-42", lambda record: 1 / 0, timeout=10)
    future = world.client.watch("order-42", lambda record: record.status.is_terminal and 1 / 0)
    run.raise_event("go")
    assert isinstance(future.exception(10), ZeroDivisionError)
    assert run.result(10) is None


def test_who_subscribes_is_told_of_every_event_once(world: World) -> None:
    world.open(waits)
    told: list[int] = []
    everything: list[str] = []
    ended = threading.Event()
    run = world.start(waits, None, "order-42")
    world.until_waiting(run, "go")
    stop = world.runtime.subscribe("order-42", lambda record, events: told.extend(e.seq for e in events))
    world.runtime.subscribe(None, lambda record, events: everything.append(record.instance_id))
    world.runtime.subscribe("order-42", lambda record, events: 1 / 0)
    world.runtime.subscribe("order-42", lambda r, events: ended.set() if r.status.is_terminal else None)
    run.raise_event("go")
    wait_for(ended)
    assert told == [event.seq for event in run.history()][3:]
    stop()
    stop()
    world.start(waits, None, "other")
    world.until_waiting("other", "go")
    assert everything == ["order-42", "other"]


def test_waiting_for_a_run_whose_runtime_is_closed_ends(world: World) -> None:
    world.open(waits)
    run = world.start(waits)
    errors: list[BaseException] = []
    waiting = threading.Event()

    def wait() -> None:
        waiting.set()
        try:
            run.result(30)
        except RuntimeClosedError as error:
            errors.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    wait_for(waiting)
    world.close()
    thread.join(10)
    assert len(errors) == 1
