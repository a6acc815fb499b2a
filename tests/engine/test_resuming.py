"""Resuming a stalled run is answered with what became of it, and not of an earlier try."""

import threading
from typing import Any

import pytest

from nbflow import WorkflowContext, workflow
from tests.engine.worlds import World, wait_for


@pytest.mark.semantics(12)
def test_who_resumes_while_another_try_is_under_way_hears_of_their_own(world: World) -> None:
    is_tried, may_fail = threading.Event(), threading.Event()
    may_fail.set()

    @workflow
    async def stalls(ctx: WorkflowContext) -> Any:
        is_tried.set()
        wait_for(may_fail)
        return missing_name  # noqa: F821 - what is tested

    @workflow(name="stalls")
    async def repaired(ctx: WorkflowContext) -> str:
        return "repaired"

    world.open(stalls, stuck_after=60)
    run = world.start(stalls, None, "order-42")
    world.until_status(run, "STALLED")
    is_tried.clear()
    may_fail.clear()
    world.runtime.register(repaired)  # which has the run tried with its own code
    wait_for(is_tried)
    resumed = world.runtime.submit(world.runtime.requests.resume("order-42", ""))
    engine: Any = world.runtime._engine
    while engine.residents.find("order-42").adopts is None:
        pass
    may_fail.set()
    assert resumed.exception(10) is None
    assert run.result(10) == "repaired"
