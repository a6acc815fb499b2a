"""A history that was recorded on another interpreter: replayed first, and the interpreter named if it doesn't fit."""

import dataclasses

import pytest

from nbflow import WorkflowContext, workflow
from nbflow.core.history import ExecutionStarted, Interpreter
from nbflow.core.state import StallReason
from tests.engine.worlds import World, of_kind

OLD = Interpreter(python="3.9", anyio="4.0.0", loop_rules=1)


def open_as(world: World, interpreter: Interpreter, *definitions: object) -> None:
    """Open a runtime that takes itself for one on that interpreter."""
    world.open(*definitions)
    engine = world.runtime._engine
    assert engine is not None
    options = dataclasses.replace(engine.options, interpreter=interpreter)
    engine.options = options
    engine.turns._dispatching._lane.dispatcher._options = options


@pytest.mark.semantics(75)
@pytest.mark.parametrize("repeats", [True, False], ids=["same order", "another order"])
def test_a_run_goes_on_under_another_interpreter_only_if_it_does_the_same_there(
    world: World, repeats: bool
) -> None:
    order = ["first", "second"]

    @workflow
    async def waits(ctx: WorkflowContext) -> list:
        tasks = [ctx.wait_for_external_event(name) for name in order]
        return [await task for task in tasks]

    open_as(world, OLD, waits)
    world.until_waiting(world.start(waits, None, "order-42"), "first", "second")
    assert of_kind(world.history("order-42"), ExecutionStarted)[0].interpreter == OLD
    world.close()
    if not repeats:
        order.reverse()
    world.open(waits)
    run = world.handle("order-42")
    run.raise_event("first", 1)
    run.raise_event("second", 2)
    if repeats:
        assert run.result(10) == [1, 2]
        return
    world.until_status(run, "STALLED")
    stall = run.state().stall
    assert stall is not None
    assert stall.reason is StallReason.DIVERGED
    assert "recorded on Python 3.9 with anyio 4.0.0" in stall.message
    order.reverse()
    run.resume()
    assert run.result(10) == [1, 2]
