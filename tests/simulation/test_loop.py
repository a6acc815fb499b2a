"""The simulation's loop and threads: virtual time, one order, and an end that leaves nothing behind."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from nbflow.errors import RuntimeClosedError
from nbflow.testing.simulation.loop import RanDryError, SimulationLoop
from nbflow.testing.simulation.threads import SimulatedThread


def test_a_month_of_sleep_takes_no_time() -> None:
    loop = SimulationLoop(100.0)

    async def sleep() -> float:
        await asyncio.sleep(30 * 86400)
        return asyncio.get_running_loop().time()

    assert loop.run_until_complete(sleep()) == 100.0 + 30 * 86400


def test_things_happen_in_the_order_of_their_time_and_then_of_their_making() -> None:
    loop, seen = SimulationLoop(), list[Any]()
    loop.call_later(2, seen.append, "second")
    loop.call_later(1, seen.append, "first")
    loop.call_later(2, seen.append, "third")
    cancelled = loop.call_later(1, seen.append, "never")
    loop.call_soon(seen.append, "now")
    cancelled.cancel()
    loop.run_dry()
    assert seen == ["now", "first", "second", "third"]
    assert loop.time() == 2


def test_what_waits_for_nothing_is_an_error_and_no_hang() -> None:
    loop = SimulationLoop()
    with pytest.raises(RanDryError, match="waits for what never comes"):
        loop.run_until_complete(loop.create_future())


def test_a_loop_that_goes_round_and_round_stops() -> None:
    loop = SimulationLoop(max_steps=50)

    def again() -> None:
        loop.call_soon(again)

    again()
    loop.run_dry()
    assert (loop.steps, loop.is_stopped) == (50, True)


def test_what_is_abandoned_is_unwound_and_complains_to_nobody() -> None:
    loop, seen = SimulationLoop(), list[str]()

    async def tidy(name: str) -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            seen.append(name)
            asyncio.get_running_loop().create_task(never_begins())

    async def never_begins() -> None:
        seen.append("begun")

    loop.create_task(tidy("one"))
    loop.create_task(tidy("other"))
    loop.call_later(5, loop.stop)
    loop.run_dry()
    loop.abandon()
    assert seen == ["one", "other"]
    assert loop.complaints == []


def test_a_failure_that_nobody_looks_at_is_a_complaint() -> None:
    loop = SimulationLoop()
    loop.call_soon(lambda: 1 / 0)
    loop.run_dry()
    assert "ZeroDivisionError" in loop.complaints[0]


def test_generators_that_are_dropped_are_closed_on_the_loop() -> None:
    loop, seen = SimulationLoop(), list[str]()

    async def numbers() -> AsyncGenerator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(1)
            seen.append("closed")

    async def look_at_the_first() -> None:
        generator = numbers()
        await anext(generator)

    loop.run_until_complete(look_at_the_first())
    loop.run_dry()
    assert seen == ["closed"]


def test_what_is_given_to_an_executor_runs_at_once() -> None:
    async def elsewhere() -> list[Any]:
        return [
            await asyncio.to_thread(sum, [1, 2]),
            await asyncio.gather(asyncio.to_thread(int, "x"), return_exceptions=True),
        ]

    result, (error,) = SimulationLoop().run_until_complete(elsewhere())
    assert result == 3
    assert isinstance(error, ValueError)


def test_a_simulated_thread_does_one_thing_after_another() -> None:
    loop = SimulationLoop()
    thread = SimulatedThread(loop, lambda: 2.0)

    async def main() -> list[Any]:
        times = [thread.run(loop.time), thread.run(loop.time)]
        return await asyncio.gather(*times)

    assert loop.run_until_complete(main()) == [2.0, 4.0]


def test_a_simulated_thread_ends_behind_what_is_queued() -> None:
    thread, seen = SimulatedThread(SimulationLoop(), lambda: 1.0), list[int]()
    thread.submit(lambda: seen.append(1))
    assert thread.stop(0)
    assert seen == [1]
    assert isinstance(thread.submit(lambda: seen.append(2)).exception(), RuntimeClosedError)
    assert seen == [1]
