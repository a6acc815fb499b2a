"""A card that is closed leaves nothing behind: no history, no execution of its workflow, no thread."""

from __future__ import annotations

import gc
import threading
from typing import Any
from weakref import ref

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core.execution import Execution
from nbflow.runtime import RunSource, WorkflowHandle
from nbflow.widgets.conversation import Conversation
from nbflow.widgets.feed import CardFeed
from nbflow.widgets.graphing import Graphing
from nbflow.widgets.runlog import RunLog
from tests.engine.worlds import PATIENCE, World

WHATS = ("listing", "events", "moment", "value", "graph", "details")


@activity
async def add(one: int, other: int) -> int:
    return one + other


@workflow
async def patient(ctx: WorkflowContext) -> int:
    total = 0
    while await ctx.wait_for_external_event("more", data_type=bool):
        total = await add(total, 1)
    return total


class Visit:
    """A card that asks everything once."""

    def __init__(self, source: RunSource) -> None:
        self._answered = threading.Semaphore(0)
        self.conversation = Conversation(source, send=self._take, keep=lambda _message: None)
        self.conversation.open()
        self.conversation.receive({"type": "hello", "view": "one"})

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "reply" and "taken" not in message:
            assert "failed" not in message.get("error", "")
            self._answered.release()

    def ask_everything(self, **args: Any) -> None:
        for what in WHATS:
            self.conversation.receive({"type": "ask", "id": what, "what": what, "seq": 2, "key": "0", **args})
        for _ in WHATS:
            assert self._answered.acquire(timeout=PATIENCE)


@pytest.fixture
def run(quick_world: World) -> WorkflowHandle:
    quick_world.open(patient)
    run = quick_world.start(patient, id="order-42")
    for _ in range(20):
        run.raise_event("more", True)
    quick_world.until(run, lambda _record, history: len(history) > 80)
    return run


def alive(*kinds: type) -> dict[str, int]:
    """How many objects of these types there are."""
    gc.collect()
    return {kind.__name__: sum(type(one) is kind for one in gc.get_objects()) for kind in kinds}


@pytest.mark.parametrize("ending", ["waits", "has ended", "was purged", "was closed with its history"])
def test_nothing_of_a_closed_card_stays(quick_world: World, run: WorkflowHandle, ending: str) -> None:
    kinds = (Conversation, CardFeed, RunLog, Graphing, Execution)
    before = alive(*kinds)
    visit = Visit(RunSource(quick_world.runtime, "order-42"))
    visit.ask_everything()
    during = alive(*kinds)
    assert all(during[name] > before[name] for name in before)
    if ending != "waits":
        run.terminate()
        quick_world.until_status(run, "TERMINATED")
    if ending == "was purged":
        run.purge()
    if ending == "was closed with its history":
        quick_world.close()
    gone = ref(visit.conversation)
    visit.conversation.close()
    visit.conversation.close()
    del visit
    after = alive(*kinds)
    assert gone() is None
    assert all(after[name] <= before[name] for name in before), (before, after)


def test_a_card_that_follows_a_run_for_long_keeps_one_execution_of_it(
    quick_world: World, run: WorkflowHandle
) -> None:
    before = alive(Execution)["Execution"]
    visit = Visit(RunSource(quick_world.runtime, "order-42"))
    for number in range(15):
        visit.ask_everything(seq=3 * number + 1)
        run.raise_event("more", True)
    assert alive(Execution)["Execution"] <= before + 1
    visit.conversation.close()
    assert alive(Execution)["Execution"] <= before


def test_twenty_cards_of_a_runtime_share_their_thread(quick_world: World, run: WorkflowHandle) -> None:
    source = RunSource(quick_world.runtime, "order-42")
    Visit(source).ask_everything()
    before = threading.active_count()
    visits = [Visit(source) for _ in range(20)]
    for visit in visits:
        visit.ask_everything()
    assert threading.active_count() <= before
    for visit in visits:
        visit.conversation.close()
    run.timeline(), run.replay(), run.graph()
    assert threading.active_count() <= before
