"""Histories that aren't in memory are read together; what is wrong with one doesn't stop the others (S67)."""

import asyncio
import time
from typing import Any

import pytest

from nbflow import WorkflowContext, workflow
from nbflow.errors import StoreError
from tests.engine.gates import Gate
from tests.engine.worlds import PATIENCE, World


@workflow
async def answers(ctx: WorkflowContext, number: int) -> int:
    return number + await ctx.wait_for_external_event("go", data_type=int)


@pytest.mark.parametrize("store_kind", ["memory"])
@pytest.mark.parametrize("together_fails", [False, True])
def test_many_are_read_with_one_question_or_one_by_one_where_that_fails(
    world: World, monkeypatch: pytest.MonkeyPatch, together_fails: bool
) -> None:
    world.open(answers)
    for number in range(4):
        world.start(answers, number, f"wait-{number}")
        world.until_waiting(f"wait-{number}", "go")
    world.close()
    asked: list[int] = []
    inner: Any = world.store.inner
    read = inner.read_histories

    def counted(instance_ids: Any, **options: Any) -> Any:
        asked.append(len(instance_ids))
        if together_fails:
            raise StoreError("one of the rows is bad")
        return read(instance_ids, **options)

    monkeypatch.setattr(inner, "read_histories", counted)
    world.open(answers)
    requests = world.runtime.requests

    async def raise_all() -> None:  # at once, so that one tick finds all of them
        await asyncio.gather(*[requests.raise_event(f"wait-{number}", "go", "10") for number in range(4)])

    world.runtime.call(raise_all())
    assert world.client.results([f"wait-{number}" for number in range(4)], timeout=20) == [10, 11, 12, 13]
    assert asked[0] == 4


@pytest.mark.parametrize("store_kind", ["memory"])
@pytest.mark.parametrize("cache_size", [100])
def test_what_is_wanted_during_a_reading_is_read_by_the_next_one_and_none_reads_too_much(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [f"wait-{number}" for number in range(7)]
    world.open(answers)
    for id in ids:
        world.start(answers, 1, id)
        world.until_waiting(id, "go")
    world.close()
    world.engine_options["reads_at_once"] = 4
    asked: list[list[str]] = []
    gate = Gate()
    inner: Any = world.store.inner
    get = inner.get_instances

    def gated(instance_ids: Any) -> Any:
        asked.append([*instance_ids])
        gate.stop()
        return get(instance_ids)

    world.open(answers)
    monkeypatch.setattr(inner, "get_instances", gated)
    raised = [world.client.raise_encoded_event(ids[0], "go", "10")]
    gate.wait()
    for some in (ids[1:4], ids[4:]):
        raised += [world.client.raise_encoded_event(id, "go", "10") for id in some]
        until_loading(world, some)
    gate.opened.set()
    for one in raised:
        one.result(PATIENCE)
    assert world.client.results(ids, timeout=PATIENCE) == [11] * len(ids)
    assert [ids[:1], [*ids[1:3], *ids[5:]], ids[3:5]] == asked[:3]  # the oldest and the newest first


def until_loading(world: World, ids: list[str]) -> None:
    """Wait until the engine has asked for all of these."""
    engine: Any = world.runtime._engine
    end = time.monotonic() + PATIENCE
    while not all(
        instance is not None and instance.is_loading for instance in map(engine.residents.find, ids)
    ):
        assert time.monotonic() < end, "nobody has asked for them"
        time.sleep(0.005)
