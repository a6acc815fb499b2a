"""Laws of replay, over all shapes and any order of messages."""

from __future__ import annotations

import random
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbflow.core import actions as a
from nbflow.core import history as h
from nbflow.core.context import WorkflowContext
from nbflow.core.execution import Execution
from nbflow.core.replay import replay
from nbflow.core.state import RuntimeState
from tests.core.builder import failed
from tests.core.shapes import SHAPES
from tests.core.world import World, fired

shapes = st.sampled_from(list(SHAPES.values()))
seeds = st.integers(0, 2**32)


@pytest.mark.semantics(10)
@settings(max_examples=60)
@given(shapes, seeds)
def test_the_same_history_gives_the_same_actions(shape, seed):
    first = World(shape, seed)
    history = first.play()
    assert World(shape, seed).play() == history
    execution = Execution(shape.code, instance_id=first.instance_id)
    done: list[h.HistoryEvent] = []
    for event in history:  # fed live, as if for the first time
        if isinstance(event, h.ACTION_KINDS):
            assert event == done.pop(0)
        else:
            assert done == []
            done = [
                a.record(action, seq=event.seq + 1 + i, at=history[event.seq + i].at)
                for i, action in enumerate(execution.feed(event))
            ]
    assert done == []
    assert execution.is_finished


@pytest.mark.semantics(10)
@settings(max_examples=40)
@given(shapes, seeds)
def test_every_prefix_replays(shape, seed):
    world = World(shape, seed)
    history = world.play()
    for length in range(1, len(history) + 1):
        execution = replay(shape.code, history[:length], instance_id=world.instance_id, prefix=True)
        assert execution.is_finished == isinstance(
            history[execution_end(history, length)], (h.ExecutionCompleted, h.ContinuedAsNew)
        )
        execution.evict()


def execution_end(history: list[h.HistoryEvent], length: int) -> int:
    """Where the actions of the last event of a prefix end: there the code is, whatever the prefix shows."""
    end = length
    while end < len(history) and isinstance(history[end], h.ACTION_KINDS):
        end += 1
    return end - 1


@pytest.mark.semantics(77)
@settings(max_examples=40)
@given(shapes, seeds, st.sampled_from([0.1, 0.5, 1]))
def test_s9_warm_is_cold(shape, seed, evict):
    assert World(shape, seed, evict=evict).play() == World(shape, seed).play()


@settings(max_examples=30)
@given(shapes, seeds)
def test_s71_duplicates_and_strangers_are_no_ops(shape, seed):
    world = World(shape, seed)
    history = world.play()
    chance = random.Random(seed)
    state = RuntimeState()
    execution = Execution(shape.code, instance_id=world.instance_id)
    handled: list[Any] = []
    for event in history:
        state.apply(event)
        if isinstance(event, h.ACTION_KINDS):
            continue
        execution.feed(event)
        if isinstance(event, h.INPUT_KINDS) and not isinstance(event, (h.EventRaised, h.ExecutionStarted)):
            handled.append(event)
        for late in [*chance.sample(handled, min(2, len(handled))), failed(10_000)]:
            assert not state.accepts(late)
            if not execution.is_finished and not isinstance(late, h.TimerFired):
                assert execution.feed(late) == []
    assert execution.is_finished


class Counted:
    """A workflow whose starts are counted, apart from what the execution says of itself."""

    def __init__(self, code: Any) -> None:
        self.code = code
        self.starts = 0

    @property
    def name(self) -> str:
        return self.code.name

    def run(self, context: WorkflowContext, input: str) -> Coroutine[Any, Any, str]:
        self.starts += 1
        return self.code.run(context, input)

    def encode_input(self, value: Any) -> str:
        return self.code.encode_input(value)


@pytest.mark.semantics(9, 10)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_warm_run_starts_its_coroutine_once(shape):
    warm, cold = Counted(shape.code), Counted(shape.code)
    world = World(replace(shape, code=warm), 1)
    world.play()
    assert (warm.starts, world.starts) == (1, [1])
    evicted = World(replace(shape, code=cold), 1, evict=0.3)
    evicted.play()
    assert evicted.starts == [1] * len(evicted.starts), "each execution object starts it once"
    assert cold.starts == len(evicted.starts) > 1


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_s73_the_fold_and_the_execution_agree_on_what_is_open(shape):
    world = World(shape, 2)
    history = world.play()
    for length, event in enumerate(history, start=1):
        following = history[length] if length < len(history) else None
        if following is None or isinstance(following, h.ACTION_KINDS) or isinstance(event, h.WorkflowStarted):
            continue
        state = RuntimeState.of(history[:length])
        execution = replay(shape.code, history[:length], instance_id=world.instance_id)
        known = {**state.tasks, **state.children, **state.timers}
        assert [i for i in range(1, max([0, *known]) + 3) if execution.is_open(i)] == sorted(known)
        assert all(state.accepts(fired(timer)) for timer in state.timers.values())
        execution.evict()
