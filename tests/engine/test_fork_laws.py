"""Forks of random workflows, at random events, with random values: they get where a fresh run would get.

The workflow does what its input says: calls that may decide what else is called, fans, timers, events, children.
Every call and every event has a key of its own, by which a table says what comes of it; a fresh run with another
value in the table is what a fork with that value has to be the same as.
"""

import json
import zlib
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nbflow import WorkflowContext, activity, when_all, workflow
from nbflow.core import history as h
from nbflow.core.rows import to_row
from nbflow.core.state import RuntimeState
from nbflow.runtime import WorkflowHandle
from nbflow.testing import WorkflowTestEnvironment

table: dict[str, int] = {}
FORKS = 200


def value_of(key: str, given: int) -> int:
    return table.get(key, zlib.crc32(f"{key}:{given}".encode()) % 1000)


@activity
def decide(key: str, given: int) -> int:
    return value_of(key, given)


@workflow
async def follows(ctx: WorkflowContext, key: str, plan: list[Any]) -> int:
    reached = 1
    for number, (kind, size, below) in enumerate(plan):
        name = f"{key}.{number}"
        match kind:
            case "call":
                reached = await decide(name, reached)
                if reached % 2:
                    reached += await decide(f"{name}.odd", reached)
            case "fan":
                reached = sum(await when_all([decide(f"{name}.{i}", reached) for i in range(size)]))
            case "timer":
                await ctx.create_timer(timedelta(minutes=size))
            case "event":
                reached += await ctx.wait_for_external_event(name)
            case _:
                reached += await follows(name, below)
    return await decide(f"{key}.out", reached)


steps = st.tuples(st.sampled_from(["call", "fan", "timer", "event"]), st.integers(1, 4), st.just([]))
plans = st.lists(
    steps | st.tuples(st.just("child"), st.just(1), st.lists(steps, max_size=2).map(list)), min_size=1, max_size=5
)  # fmt: skip


def finish(env: WorkflowTestEnvironment, run: WorkflowHandle) -> int:
    """Raise what the run and its children wait for, and skip time, until it has ended."""
    for _ in range(60):
        env.settle()
        if run.status.is_terminal:
            return run.result(0)
        family = [
            run,
            *(env.client.handle(c.instance_id) for c in env.client.list_workflows(parent=run.instance_id)),
        ]
        for each in family:
            for wait in RuntimeState.of(each.history()).waits.values():
                each.raise_event(wait.name, value_of(wait.name, 0))
        env.skip(minutes=5)
    raise AssertionError(f"{run} never ends: {run.state()}")


def key_of(event: h.HistoryEvent, history: list[h.HistoryEvent]) -> str:
    """The key that the value of an event has in the table."""
    if isinstance(event, h.EventRaised):
        return event.name
    call: Any = next(e for e in history if getattr(e, "id", None) == event.scheduled_id)  # type: ignore[attr-defined]
    arguments = json.loads(call.input)
    return arguments["key"] if isinstance(call, h.TaskScheduled) else f"{arguments['key']}.out"


# Where in a history, as a part of its length: which answer comes first is the threads' doing, and not the data's.
places = st.floats(0, 1, exclude_max=True)


@settings(max_examples=FORKS, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plans, st.sampled_from([0, 10]), places, places, st.integers(0, 999))
def test_a_fork_gets_where_a_fresh_run_with_the_same_values_gets(
    plan: list[Any], cache_size: int, at: float, changed: float, value: int
) -> None:
    table.clear()
    with WorkflowTestEnvironment(follows, decide, cache_size=cache_size) as env:
        env.start(follows, "p", plan, id="run")
        run = env.client.handle("run")
        result = finish(env, run)
        history = run.history()
        before = [to_row(event) for event in history]
        same = run.fork(1 + int(at * len(history)))
        assert finish(env, same) == result

        changeable = (h.TaskCompleted, h.ChildWorkflowCompleted, h.EventRaised)
        answers = [event for event in history if isinstance(event, changeable)]
        event = answers[int(changed * len(answers))]
        # What the fork meets behind its cut, the fresh run meets from its beginning.
        table[key_of(event, history)] = value
        other = run.fork(event.seq, set=value)
        env.start(follows, "p", plan, id="fresh")
        fresh = env.client.handle("fresh")
        assert finish(env, other) == finish(env, fresh)
        shared = next(e.seq for e in other.history() if isinstance(e, h.ExecutionForked)) - 1
        assert [to_row(e) for e in other.history()[:shared]] == before[:shared]
        assert [to_row(e) for e in run.history()] == before
