"""Which executions stay in memory: by number, and by what they hold."""

import pytest

from nbflow import activity, workflow
from nbflow.engine.instance import Instance
from nbflow.engine.warm import Warm
from tests.engine.worlds import World


def filled(*sizes: int) -> tuple[Warm, list[Instance]]:
    warm, instances = Warm(), [Instance(f"run-{number}") for number in range(len(sizes))]
    for instance, size in zip(instances, sizes, strict=True):
        warm.use(instance, size)
    return warm, instances


def ids(instances: list[Instance]) -> list[str]:
    return [instance.instance_id for instance in instances]


def test_what_was_used_the_longest_ago_goes_first() -> None:
    warm, instances = filled(0, 0, 0, 0)
    warm.use(instances[0], 0)
    assert ids(warm.surplus(2, 1 << 30)) == ["run-1", "run-2"]


def test_what_is_heavy_goes_until_the_rest_fits() -> None:
    warm, _ = filled(1_000_000, 1_000_000, 10, 10)
    assert ids(warm.surplus(100, 1_100_000)) == ["run-0"]
    assert ids(warm.surplus(100, 100_000)) == ["run-0", "run-1"]
    assert warm.surplus(100, 10_000_000) == []


def test_the_last_stays_however_heavy_it_is_but_not_where_none_may() -> None:
    warm, _ = filled(10, 1_000_000)
    assert ids(warm.surplus(100, 1000)) == ["run-0"]
    assert ids(warm.surplus(0, 1000)) == ["run-0", "run-1"]


def test_who_is_busy_stays() -> None:
    warm, instances = filled(0, 0, 0)
    instances[0].turn = []
    assert ids(warm.surplus(1, 1 << 30)) == ["run-1", "run-2"]


def test_sizes_are_counted_once_and_leave_with_their_instances() -> None:
    warm, instances = filled(100, 200)
    before = warm.size
    warm.use(instances[0], 300)
    assert warm.size == before + 200
    warm.drop(instances[0])
    warm.drop(instances[0])
    warm.drop(instances[1])
    assert (len(warm), warm.size) == (0, 0)


@pytest.mark.parametrize("store_kind", ["memory"])
@pytest.mark.parametrize("cache_size", [1000])
def test_runs_with_large_payloads_leave_memory_and_go_on(world: World) -> None:
    @activity
    def large() -> str:
        return "x" * 100_000

    @workflow
    async def holds(ctx) -> int:
        text = await large()
        await ctx.wait_for_external_event("go")
        return len(text)

    world.open(holds, cache_bytes=1_000_000)
    runs = world.client.schedule_new_workflows(holds, [None] * 20)
    for run in runs:
        world.until(run, lambda record, history: type(history[-1]).__name__ == "EventWaitCreated")
    engine = world.runtime._engine
    assert engine is not None
    world.runtime.call(engine.quiet.settled())
    assert len(engine.turns._warm) <= 10
    for run in runs:
        run.raise_event("go")
    assert world.client.results(runs, timeout=20) == [100_000] * 20
