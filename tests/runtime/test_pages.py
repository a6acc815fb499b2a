"""A page of runs costs a few looks at the store, however many runs there are; one that can't be read spoils none."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from nbflow import WorkflowContext, workflow
from nbflow.core.history import HistoryEvent
from nbflow.errors import UnknownHistoryKindError
from nbflow.jupyter.listing import RunTable
from nbflow.runtime.instances import RuntimeInstances
from nbflow.runtime.starts import start_request
from tests.engine.worlds import World

MANY = 120


@workflow
async def waits(ctx: WorkflowContext, name: str) -> str:
    return await ctx.wait_for_external_event(name)


@pytest.fixture
def looks(quick_world: World) -> Counter[str]:
    """How often each question was put to the store, in which many runs wait."""
    world, counted = quick_world, Counter[str]()
    world.open(waits)
    requests = [start_request(waits, f"run-{n:03}", waits.encode_input(f"event-{n}")) for n in range(MANY)]
    for future in [world.runtime.submit(world.runtime.requests.start(request)) for request in requests]:
        future.result(20)
    for n in range(MANY):
        world.until_waiting(f"run-{n:03}", f"event-{n}")
    for name in ("get_instance", "get_instances", "list_instances", "read_history", "read_histories"):
        inner = getattr(world.store.inner, name)

        def ask(*args: Any, name: str = name, inner: Any = inner, **kwargs: Any) -> Any:
            counted[name] += 1
            return inner(*args, **kwargs)

        setattr(world.store, name, ask)
    return counted


def unreadable(world: World, *names: str) -> None:
    """Have the histories of some runs be a newer nbflow's."""
    histories, history = world.store.read_histories, world.store.read_history

    def check(asked: Sequence[str]) -> None:
        if set(asked) & set(names):
            raise UnknownHistoryKindError("history row 3 is a 'Wormhole' of format 9: update nbflow")

    def read_histories(asked: Sequence[str]) -> Any:
        check(asked)
        return histories(asked)

    def read_history(asked: str, *args: Any, **kwargs: Any) -> list[HistoryEvent]:
        check([asked])
        return history(asked, *args, **kwargs)

    setattr(world.store, "read_histories", read_histories)  # noqa: B010 # a store answers for its inner one
    setattr(world.store, "read_history", read_history)  # noqa: B010


def test_a_client_s_page_is_read_at_once(quick_world: World, looks: Counter[str]) -> None:
    states = quick_world.client.list_workflows(limit=50)
    assert [state.waits_for for state in states] == [(f"event 'event-{n}'",) for n in range(50)]
    assert looks == {"list_instances": 1, "read_histories": 1}


def test_a_table_s_page_is_read_some_at_a_time(quick_world: World, looks: Counter[str]) -> None:
    table = RunTable(RuntimeInstances(quick_world.runtime), limit=100)
    assert [row[0] for row in table] == [f"run-{n:03}" for n in reversed(range(MANY - 100, MANY))]
    assert all(f"event-{int(row[0][-3:])}" in str(row) for row in table)
    assert looks["read_history"] == looks["get_instance"] == 0
    assert looks["read_histories"] == looks["get_instances"] <= 100 / 16 + 1


def test_a_run_of_a_newer_nbflow_spoils_no_page(quick_world: World, looks: Counter[str]) -> None:
    unreadable(quick_world, "run-003", "run-010")
    states = quick_world.client.list_workflows(limit=20)
    told = {state.instance_id: state.waits_for for state in states}
    assert [name for name, waits_for in told.items() if not waits_for] == ["run-003", "run-010"]
    table = RunTable(RuntimeInstances(quick_world.runtime), limit=MANY)
    assert len(table) == MANY
    assert [row[0] for row in table if f"event-{int(row[0][-3:])}" not in str(row)] == ["run-010", "run-003"]
