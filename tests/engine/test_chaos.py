"""All at once, by a seed: failing commits, crashes, suspensions, small caches. Nothing is lost or done twice."""

import asyncio
import random
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from nbflow import WorkflowActivityContext, WorkflowContext, activity, workflow
from nbflow.core.history import EventRaised, TaskCompleted, TaskScheduled
from nbflow.core.operations import Operation
from nbflow.core.state import RuntimeState
from nbflow.errors import InstanceStateError, RuntimeClosedError, StoreError
from nbflow.ports import HistoryStore
from tests.engine.worlds import World, never_fails, of_kind

RUNS, EVENTS = 6, 4


class Chaos:
    """What a seed does to a world."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.random = random.Random(seed)
        self.ran: list[tuple[str, int]] = []
        self.acknowledged: dict[str, list[int]] = {}
        self.unknown: dict[str, set[int]] = {}
        self.refused: dict[str, set[int]] = {}
        self._life = 0
        self._numbers = iter(range(1_000_000))

    def define(self) -> Any:
        @activity
        def work(ctx: WorkflowActivityContext, n: int) -> int:
            self.ran.append((ctx.idempotency_key, self._life))
            return n

        @activity
        async def gentle(n: int) -> int:
            await asyncio.sleep(0.001)
            return n

        @workflow
        async def mixed(ctx: WorkflowContext, count: int) -> list:
            got = []
            for n in range(count):
                total = sum(await asyncio.gather(*[work(10 * n + k) for k in range(3)], gentle(n)))
                await ctx.create_timer(0.001)
                got.append([total, await ctx.wait_for_external_event("item")])
            return got

        return mixed

    def fault(self, operations: Sequence[Operation]) -> Exception | None:
        return StoreError("chaos") if self.random.random() < 0.15 else None

    def insist(self, call: Callable[[], object]) -> bool:
        """Call until the store takes it; tell whether it can be tried again."""
        while True:
            try:
                call()
            except StoreError:
                continue
            except (RuntimeClosedError, InstanceStateError):
                return False  # closed, or the run has ended meanwhile
            return True

    def send(self, instance_id: str, stop: threading.Event) -> None:
        """Raise events, one at a time, and steer, until the runtime is closed or the run has had enough."""
        client = self.world.client
        steer = random.Random(f"{instance_id}-{self._life}")
        while not stop.is_set() and len(self.acknowledged[instance_id]) < EVENTS:
            number = next(self._numbers)
            try:
                client.raise_workflow_event(instance_id, "item", data=number)
                self.acknowledged[instance_id].append(number)
            except StoreError:
                self.refused[instance_id].add(number)
            except RuntimeClosedError:
                self.unknown[instance_id].add(number)
                return
            if steer.random() < 0.3 and not (
                self.insist(lambda: client.pause_workflow(instance_id))
                and self.insist(lambda: client.resume_workflow(instance_id))
            ):
                return

    def begin_life(self) -> None:
        self._life += 1

    def live(self, mixed: Any) -> None:
        """One life of a runtime, which ends in a crash."""
        self.begin_life()
        self.world.open(mixed, cache_size=self.random.choice([0, 1, 3, 1000]))
        self.world.store.fault = self.fault
        stop = threading.Event()
        threads = [threading.Thread(target=self.send, args=(name, stop)) for name in self.acknowledged]
        for thread in threads:
            thread.start()
        stop.wait(self.random.uniform(0.01, 0.3))  # a random moment is what is wanted here
        self.world.crash()
        stop.set()
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("store_kind", ["memory", "journal"])
def test_s67_in_any_chaos_nothing_is_lost_and_nothing_done_twice(
    make_store: Callable[[], HistoryStore], store_kind: str, seed: int
) -> None:
    world = World(make_store, 1000)
    chaos = Chaos(world, seed)
    mixed = chaos.define()
    try:
        world.open(mixed)
        for n in range(RUNS):
            name = f"run-{n}"
            world.start(mixed, EVENTS, name)
            chaos.acknowledged[name], chaos.unknown[name], chaos.refused[name] = [], set(), set()
        world.close()
        for _ in range(5):
            chaos.live(mixed)
        chaos.begin_life()
        world.open(mixed)
        for name in chaos.acknowledged:
            finish(world, name)
        for name in chaos.acknowledged:
            check(world, chaos, name)
        assert world.inbox() == []
    finally:
        world.store.fault = never_fails
        world.close()


def finish(world: World, name: str) -> None:
    """Give a run what it still waits for."""
    run = world.handle(name)
    if run.status == "SUSPENDED":
        run.resume()
    while not run.status.is_terminal:
        record = world.until(
            run,
            lambda record, history: bool(record.status.is_terminal or RuntimeState.of(history).waits),
        )
        if not record.status.is_terminal:
            run.raise_event("item", -1)
    run.result(20)


def check(world: World, chaos: Chaos, name: str) -> None:
    run = world.handle(name)
    history = run.history()
    assert [event.seq for event in history] == list(range(1, len(history) + 1))
    assert [total for total, _ in run.result(10)] == [30 * n + 3 + n for n in range(EVENTS)]
    arrived = [int(event.payload) for event in of_kind(history, EventRaised) if event.payload != "-1"]
    assert len(arrived) == len(set(arrived)), "an event was handled twice"
    assert chaos.refused[name].isdisjoint(arrived), (
        "an event was handled whose sender was told that it is lost"
    )
    certain = [number for number in arrived if number not in chaos.unknown[name]]
    assert certain == chaos.acknowledged[name][: len(certain)], "events are out of order, or were made up"
    if len(arrived) < EVENTS:
        assert certain == chaos.acknowledged[name], "an acknowledged event is lost"
    keys = {event.id: event.task_id for event in of_kind(history, TaskScheduled) if event.name == "work"}
    done = [event.scheduled_id for event in of_kind(history, TaskCompleted) if event.scheduled_id in keys]
    assert len(done) == len(set(done)) == 3 * EVENTS, "a result was recorded twice"
    execution = history[1].execution_id
    for task_id in keys.values():
        lives = [life for key, life in chaos.ran if key == f"{name}:{execution}:{task_id}"]
        assert len(lives) == len(set(lives)), "an activity ran twice in one life"
