"""Live executions in memory: fewer starts of the code, and never another result (S9)."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core.history import HistoryEvent
from nbflow.ports import HistoryStore
from tests.engine.worlds import VirtualClock, World, kinds, never_fails


@pytest.fixture
def world_with(make_store: Callable[[], HistoryStore]) -> Iterator[Callable[[int], World]]:
    """Worlds with a cache size of the test's choice, each on a store of its own (DuckDB: one at a time)."""
    worlds: list[World] = []

    def make(cache_size: int) -> World:
        worlds.append(World(make_store, cache_size))
        return worlds[-1]

    yield make
    for world in worlds:
        world.store.fault = never_fails
        world.close()


@activity
def add(x: int, y: int) -> int:
    return x + y


def counting() -> tuple[list[str], object]:
    """A workflow that notes each start of its code, and the notes."""
    starts: list[str] = []

    @workflow
    async def works(ctx: WorkflowContext, x: int) -> int:
        starts.append(ctx.instance_id)
        total = x
        for n in range(3):
            total = await add(total, n)
            total += await ctx.wait_for_external_event("item")
        return total

    return starts, works


def drive(world: World, works: object, instance_id: str) -> int:
    run = world.start(works, 1, instance_id)
    for n in range(3):
        world.until_waiting(run, "item")
        run.raise_event("item", 10**n)
    return run.result(10)


@pytest.mark.semantics(9)
def test_with_room_in_memory_the_code_is_started_once(world_with: Callable[[int], World]) -> None:
    world = world_with(1000)
    starts, works = counting()
    world.open(works)
    assert drive(world, works, "order-42") == 115
    assert starts == ["order-42"]


@pytest.mark.semantics(9, 10)
def test_without_a_cache_every_turn_replays(world_with: Callable[[int], World]) -> None:
    world = world_with(0)
    starts, works = counting()
    world.open(works)
    assert drive(world, works, "order-42") == 115
    turns = kinds(world.history("order-42")).count("WorkflowStarted")
    assert turns == 7
    assert len(starts) == turns


@pytest.mark.semantics(9)
def test_a_full_cache_evicts_what_was_used_longest_ago(world_with: Callable[[int], World]) -> None:
    world = world_with(2)
    starts, works = counting()
    world.open(works)
    for name in ("a", "b", "c"):
        world.until_waiting(world.start(works, 1, name), "item")
    for name in ("b", "c"):
        world.handle(name).raise_event("item", 1)
        world.until(name, lambda record, history: kinds(history).count("EventWaitCreated") == 2)
    assert starts == ["a", "b", "c"]  # b and c were in memory
    world.handle("a").raise_event("item", 1)
    world.until("a", lambda record, history: kinds(history).count("EventWaitCreated") == 2)
    assert starts == ["a", "b", "c", "a"]


def shape_of(history: list[HistoryEvent]) -> list[object]:
    """A history without what differs from run to run: times, workers and IDs."""
    told = []
    for event in history:
        fields = {name: getattr(event, name) for name in event.__struct_fields__}
        for name in ("at", "started_at", "worker", "execution_id", "fire_at"):
            fields.pop(name, None)
        told.append((type(event).__name__, sorted(fields.items(), key=lambda item: item[0])))
    return told


def test_s9_histories_are_the_same_with_and_without_a_cache(
    world_with: Callable[[int], World], tmp_path: object
) -> None:
    @workflow
    async def mixed(ctx: WorkflowContext, x: int) -> list:
        ctx.set_custom_status("begun")
        first = await add(x, 1)
        async with asyncio.timeout(100):
            got = await ctx.wait_for_external_event("item")
        nap = ctx.create_timer(5)
        await nap
        second = await add(first, got)
        return [first, second, str(ctx.new_guid())[:0], ctx.random().randint(0, 0)]

    told = []
    for cache_size in (1000, 0, 1):
        world = world_with(cache_size)
        world.clock = VirtualClock()
        world.open(mixed)
        run = world.start(mixed, 1, f"order-{cache_size}")
        world.until_waiting(run, "item")
        run.raise_event("item", 2)
        world.until(run, lambda record, history: kinds(history).count("TimerCreated") == 2)
        world.clock.advance(seconds=5)
        assert run.result(10) == [2, 4, "", 0]
        told.append(shape_of(run.history()))
        world.close()
    assert told[0] == told[1] == told[2]


def cleaning_up(ran: list[str]) -> object:
    """A workflow whose cleaning up is an activity."""

    @activity
    def refund(why: str) -> str:
        ran.append(why)
        return why

    @workflow
    async def pays(ctx: WorkflowContext) -> str:
        try:
            await ctx.wait_for_external_event("go")
        finally:
            await refund("done")
        return "paid"

    return pays


@pytest.mark.parametrize("how", ["evicted", "closed", "terminated", "replaced by a crash"])
def test_s76_leaving_memory_runs_no_cleaning_up(world_with: Callable[[int], World], how: str) -> None:
    ran: list[str] = []
    pays = cleaning_up(ran)
    world = world_with(0 if how == "evicted" else 1000)
    world.open(pays)
    run = world.start(pays, None, "order-42")
    world.until_waiting(run, "go")
    if how == "terminated":
        run.terminate()
        world.until_status(run, "TERMINATED")
    elif how == "closed":
        world.reopen(pays)
    elif how.startswith("replaced"):
        world.reopen(pays, crash=True)
    other = world.start(pays, None, "other")  # whatever was to be evicted is evicted before this one's turn
    world.until_waiting(other, "go")
    assert ran == []
    if how != "terminated":
        run = world.handle("order-42")
        run.raise_event("go")
        assert run.result(10) == "paid"
        assert ran == ["done"]


def test_the_engine_remembers_nothing_of_what_has_ended(world_with: Callable[[int], World]) -> None:
    world = world_with(10)

    @workflow
    async def works(ctx: WorkflowContext, n: int) -> int:
        got = await add(n, 1)
        if n % 3 == 0:
            await ctx.wait_for_external_event("never")
        return got

    world.open(works)
    runs = [world.start(works, n, f"run-{n}") for n in range(60)]
    for n, run in enumerate(runs):
        if n % 3 == 0:
            world.until_waiting(run, "never")
            assert run.history()
        else:
            assert run.result(10) == n + 1
            run.result(10)
    engine = world.runtime._engine
    world.start(works, 1).result(10)

    def is_clean() -> bool:
        books = (
            engine.activities._attempts,
            engine.watchers._waiters,
            engine.watchers._subscribers,
            engine.origins,
            engine._promises,
        )
        fits = len(engine.residents) <= 10 and len(engine.turns._warm) <= 10
        return fits and not any(books)

    world.runtime.submit(_until(is_clean)).result(10)


async def _until(condition: Callable[[], bool]) -> None:
    """Let the engine's loop go on until a condition holds; the result's timeout says that it never did."""
    while not condition():
        await asyncio.sleep(0.001)
