"""A workflow that goes on for ever, and thousands of events from many sides: each is taken once, and in order."""

import threading
from typing import Any

import pytest

from nbflow import WorkflowContext, workflow
from nbflow.core.history import EventRaised
from nbflow.errors import RuntimeClosedError, StoreError
from tests.engine.gates import until_handled
from tests.engine.worlds import World, of_kind

pytestmark = pytest.mark.semantics(13, 14, 37, 57)

SENDERS = 8


@workflow
async def eternal(ctx: WorkflowContext, given: dict[str, Any]) -> dict[str, Any]:
    """Takes a few events in each generation, and counts those that are out of order, sender by sender."""
    taken, wanted, strange, last = (given[name] for name in ("taken", "wanted", "strange", "last"))
    for _ in range(min(1 + taken % 7, wanted - taken)):
        sender, number = await ctx.wait_for_external_event("item")
        if number != last[sender] + 1:
            strange.append([sender, number])
        last[sender] = number
        taken += 1
    given = {"taken": taken, "wanted": wanted, "strange": strange, "last": last}
    if taken < wanted:
        ctx.continue_as_new(given)
    return given


def fresh(wanted: int) -> dict[str, Any]:
    return {"taken": 0, "wanted": wanted, "strange": [], "last": [-1] * SENDERS}


def send(world: World, sender: int, count: int) -> None:
    """Raises so many events, in order, without waiting for each."""
    sent = [world.client.raise_encoded_event("eternal", "item", f"[{sender},{n}]") for n in range(count)]
    for each in sent:
        each.result(60)


def check(world: World, each: int) -> None:
    result = world.handle("eternal").result(100)
    assert result == {**fresh(each * SENDERS), "taken": each * SENDERS, "last": [each - 1] * SENDERS}
    until_handled(world)


@pytest.mark.slow
def test_ten_thousand_events_from_eight_threads(quick_world: World) -> None:
    each = 1250
    quick_world.open(eternal)
    quick_world.start(eternal, fresh(each * SENDERS), "eternal")
    threads = [threading.Thread(target=send, args=(quick_world, n, each)) for n in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    check(quick_world, each)
    executions = quick_world.runtime.read(lambda store: store.list_executions("eternal"))
    assert len(executions) > each * SENDERS / 7


@pytest.mark.parametrize("store_kind", ["duckdb"])
def test_events_from_eight_threads_on_disk(world: World) -> None:
    each = 50
    world.open(eternal)
    world.start(eternal, fresh(each * SENDERS), "eternal")
    threads = [threading.Thread(target=send, args=(world, n, each)) for n in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    check(world, each)


class Sender:
    """Raises events one at a time, over crashes; of one it may not know whether it was written.

    Attributes:
        taken: What was acknowledged.
        unknown: What may have been written or not; it is raised again under another number.
    """

    def __init__(self, world: World, name: int) -> None:
        self.world = world
        self.name = name
        self.numbers = iter(range(1_000_000))
        self.acknowledged: list[int] = []
        self.unknown: list[int] = []

    def send(self, stop: threading.Event, count: int) -> None:
        client = self.world.client
        while not stop.is_set() and len(self.acknowledged) < count:
            number = next(self.numbers)
            try:
                client.raise_workflow_event("eternal", "item", data=[self.name, number])
                self.acknowledged.append(number)
            except StoreError:
                pass  # not written
            except RuntimeClosedError:
                self.unknown.append(number)
                return


@workflow
async def keeps_all(ctx: WorkflowContext, given: list[list[int]]) -> list[list[int]]:
    for _ in range(1 + len(given) % 5):
        item = await ctx.wait_for_external_event("item")
        if item is None:
            break
        given.append(item)
    else:
        ctx.continue_as_new(given)
    return given


@pytest.mark.parametrize("store_kind", ["memory", "duckdb"])
def test_over_crashes_no_event_is_lost_and_none_taken_twice(world: World, store_kind: str) -> None:
    lives, each = (6, 40) if store_kind == "memory" else (3, 15)
    world.open(keeps_all)
    world.start(keeps_all, [], "eternal")
    senders = [Sender(world, n) for n in range(4)]
    for life in range(1, lives + 1):
        stop = threading.Event()
        last = life == lives
        threads = [
            threading.Thread(target=sender.send, args=(stop, each if last else each * life // lives))
            for sender in senders
        ]
        for thread in threads:
            thread.start()
        if last:
            break
        half = sum(each * life // lives for _ in senders) // 2
        while sum(len(sender.acknowledged) for sender in senders) < half:
            pass
        world.crash()
        stop.set()
        for thread in threads:
            thread.join(20)
        world.open(keeps_all)
    for thread in threads:
        thread.join(60)
    world.client.raise_workflow_event("eternal", "item")
    taken = world.handle("eternal").result(60)
    assert len({tuple(item) for item in taken}) == len(taken), "taken twice"
    for sender in senders:
        mine = [number for name, number in taken if name == sender.name]
        assert mine == sorted(mine), "out of order"
        assert [number for number in mine if number not in sender.unknown] == sender.acknowledged, "lost"
    until_handled(world)
    raised = world.runtime.read(
        lambda store: [
            event
            for execution in store.list_executions("eternal")
            for event in of_kind(store.read_history("eternal", execution), EventRaised)
        ]
    )
    assert len(raised) == len(taken) + 1
