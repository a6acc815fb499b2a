"""A burst of work: so much is under way at once, the rest waits its turn, and nothing is forgotten in between."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.engine.instance import Instance
from nbflow.engine.loading import Loading
from nbflow.engine.turns import Turns
from tests.engine.worlds import PATIENCE, World, wait_for

RUNS = 60
TURNS, READS = 3, 2


@activity
def one(number: int) -> int:
    return number + 1


@workflow
async def answers(ctx: WorkflowContext, number: int) -> int:
    return await one(number + await ctx.wait_for_external_event("go", data_type=int))


@workflow
async def small(number: int) -> int:
    return await one(await one(number))


@pytest.fixture
def store_kind() -> str:
    return "memory"


@pytest.fixture
def most(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """How many turns were under way at the most, and how many were read together, once the test is over."""
    world.engine_options.update(turns_at_once=TURNS, reads_at_once=READS)
    most = {"turns": 0, "reads": 0}
    begin, read = Turns.begin, Loading._read

    def begun(self: Turns, instance: Instance) -> None:
        begin(self, instance)
        most["turns"] = max(most["turns"], self._taking)

    def reading(self: Loading, instances: Any) -> Any:
        most["reads"] = max(most["reads"], len(instances))
        return read(self, instances)

    monkeypatch.setattr(Turns, "begin", begun)
    monkeypatch.setattr(Loading, "_read", reading)
    yield most
    assert most["turns"] <= TURNS
    assert most["reads"] <= READS


def all_waiting(world: World) -> list[str]:
    """Open a runtime, and have so many runs wait for an event."""
    world.open(answers, small)
    ids = [f"wait-{number}" for number in range(RUNS)]
    for number, id in enumerate(ids):
        world.start(answers, number, id)
    for id in ids:
        world.until_waiting(id, "go")
    return ids


def raise_at_once(world: World, ids: list[str]) -> list[Future[None]]:
    """Raise an event for each while the engine's loop does nothing else, so that one pass finds all of them."""
    asked, all_asked = threading.Event(), threading.Event()

    def ask() -> None:
        asked.set()
        wait_for(all_asked)

    world.runtime.post(ask)
    wait_for(asked)
    raised = [world.client.raise_encoded_event(id, "go", "10") for id in ids]
    all_asked.set()
    return raised


def test_a_burst_of_starts_is_taken_a_few_at_a_time(world: World, most: dict[str, int]) -> None:
    world.open(small)
    runs = world.client.schedule_new_workflows(small, range(RUNS))
    assert world.client.results(runs, timeout=PATIENCE) == [number + 2 for number in range(RUNS)]
    assert most["turns"] == TURNS


def test_a_burst_of_events_is_taken_a_few_at_a_time_and_new_runs_come_in_between(
    world: World, most: dict[str, int]
) -> None:
    ids = all_waiting(world)
    raised = raise_at_once(world, ids)
    assert world.start(small, 1).result(PATIENCE) == 3
    for one in raised:
        one.result(PATIENCE)
    assert world.client.results(ids, timeout=PATIENCE) == [number + 11 for number in range(RUNS)]
    assert most["turns"] > 1
    if world.cache_size == 0:
        assert most["reads"] == READS


def test_a_runtime_that_closes_in_a_burst_loses_nothing(world: World, most: dict[str, int]) -> None:
    ids = all_waiting(world)
    world.reopen(answers, small)
    raised = raise_at_once(world, ids)
    raised[0].result(PATIENCE)
    world.close()
    taken = [one for one in raised if not one.cancelled() and one.exception(PATIENCE) is None]
    world.open(answers, small)
    told = [id for id, one in zip(ids, raised, strict=True) if one in taken]
    numbers = [int(id.removeprefix("wait-")) for id in told]
    assert world.client.results(told, timeout=PATIENCE) == [number + 11 for number in numbers]
