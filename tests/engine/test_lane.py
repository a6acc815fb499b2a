"""The queue of a dispatch thread: nothing that is put there is forgotten, however the two threads meet."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, cast

import pytest

from nbflow.engine.dispatch import Dispatcher, TurnOutcome
from nbflow.engine.lane import Job, Lane
from nbflow.engine.watchdog import Watched

pytestmark = pytest.mark.asyncio


class Prompt:
    """A thread that has done what it is given before whoever gave it goes on."""

    def __init__(self) -> None:
        self.is_stopped = False
        self.calls = 0

    def post(self, call: Callable[[], object]) -> bool:
        self.calls += 1
        if not self.is_stopped:
            call()
        return not self.is_stopped

    def submit(self, call: Callable[[], Any]) -> Future[Any]:
        raise NotImplementedError

    async def run(self, call: Callable[[], Any]) -> Any:
        raise NotImplementedError

    def stop(self, timeout: float) -> bool:
        self.is_stopped = True
        return True


def lane(thread: Prompt, stretch: int = 64) -> Lane:
    return Lane(thread, cast("Dispatcher", None), lambda job: None, stretch)


def noting(done: list[int], number: int) -> Job:
    def work(dispatcher: Dispatcher, watched: Watched) -> TurnOutcome | None:
        done.append(number)
        return None

    return Job(work)


async def test_a_thread_that_is_done_at_once_is_called_again_for_the_next_job() -> None:
    done: list[int] = []
    thread = Prompt()
    jobs = lane(thread)
    for number in range(3):
        jobs.put(noting(done, number))
    assert done == [0, 1, 2]
    assert jobs.first is None


async def test_a_thread_that_has_ended_is_asked_again_once_it_lives() -> None:
    done: list[int] = []
    thread = Prompt()
    thread.is_stopped = True
    jobs = lane(thread)
    jobs.put(noting(done, 0))
    assert done == []
    thread.is_stopped = False
    jobs.put(noting(done, 1))
    assert done == [0, 1]


async def test_a_long_queue_is_done_in_stretches() -> None:
    done: list[int] = []

    class Late(Prompt):
        def post(self, call: Callable[[], object]) -> bool:
            self.calls += 1
            asyncio.get_running_loop().call_soon(call)
            return True

    thread = Late()
    jobs = lane(thread, stretch=2)
    for number in range(5):
        jobs.put(noting(done, number))
    while len(done) < 5:
        await asyncio.sleep(0)
    assert done == list(range(5))
    assert thread.calls == 3
