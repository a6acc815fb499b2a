"""Code that is there a moment late: known to the workflow alone, or registered while it is looked for (S52)."""

import threading
from typing import Any

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.definitions import WorkflowDefinition
from tests.engine.worlds import World, wait_for


@pytest.mark.semantics(52)
def test_an_attempt_of_before_begins_again_once_the_workflow_has_named_its_code(world: World) -> None:
    begun, lives = threading.Event(), 1

    @activity
    def work(n: int) -> int:
        begun.set()
        if lives == 1:
            threading.Event().wait(20)
        return n

    table = {"work": work}

    @workflow
    async def works() -> int:
        return await table["work"](7)

    world.open(works)
    run = world.start(works, None, "order-42")
    wait_for(begun)
    lives = 2
    world.reopen(works, crash=True)
    assert world.handle(run).result(10) == 7


@pytest.mark.semantics(52)
def test_s52_code_that_is_registered_while_its_turn_waits_for_the_thread_is_not_missed(world: World) -> None:
    reached, may_go_on = threading.Event(), threading.Event()

    async def asks(ctx: WorkflowContext) -> int:
        return await ctx.wait_for_external_event("go")

    @workflow
    async def blocks() -> None:
        reached.set()
        may_go_on.wait(1)  # the dispatch thread takes no other turn meanwhile

    world.open(WorkflowDefinition(asks))
    world.until_waiting(world.start("asks", None, "order-42"), "go")
    world.close()
    world.open(blocks)
    engine: Any = world.runtime._engine
    engine.turns._dispatching._long_turn = 1000  # no other thread takes over
    world.start(blocks, None, "blocks")
    wait_for(reached)
    world.client.raise_workflow_event("order-42", "go", data=5)
    world.runtime.register(WorkflowDefinition(asks))
    may_go_on.set()
    assert world.handle("order-42").result(10) == 5
