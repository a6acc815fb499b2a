"""Terminating a run ends all below it, wherever they are and whatever happens meanwhile (S23)."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from nbflow import WorkflowContext, workflow
from nbflow.core.history import ExecutionStarted, ExecutionTerminated
from nbflow.errors import StoreError
from tests.engine.gates import (
    Crash,
    appends,
    crash_behind_every_commit,
    held_commit,
    held_commits,
    posts,
    start_soon,
    until_handled,
)
from tests.engine.worlds import World, kinds, never_fails, of_kind, wait_for

pytestmark = pytest.mark.semantics(23)


@workflow
async def waits(ctx: WorkflowContext, word: str) -> str:
    if word == "stalls":
        return missing_name  # noqa: F821 - what is tested
    return f"{word} {await ctx.wait_for_external_event('go')}"


@workflow
async def begins(ctx: WorkflowContext, below: dict[str, Any]) -> str:
    """Begins a run for each name, with what is to be below it, and ends when it is told to."""
    for name, what in below.items():
        if isinstance(what, dict):
            ctx.call_child_workflow(begins, input=what, instance_id=name)
        else:
            ctx.call_child_workflow(waits, input=what, instance_id=name)
    return await ctx.wait_for_external_event("end")


def statuses(world: World) -> dict[str, str]:
    return {state.instance_id: state.runtime_status.value for state in world.client.list_workflows()}


def until_statuses(world: World, expected: dict[str, str]) -> None:
    for name, status in expected.items():
        world.until_status(name, status)
    assert statuses(world) == expected


def end(world: World, name: str) -> None:
    """Have a run come to its end by itself."""
    world.until_waiting(name, "end")
    world.handle(name).raise_event("end", "ended")
    world.until_status(name, "COMPLETED")


def build(world: World, root: str = "root", c: str = "waits") -> None:
    """Three levels: below the root one that has ended and one that waits, and below each of them two."""
    prefix = root.removesuffix("root")
    below = {
        "ended": {"a": "waits", "b": "waits", "gone": {}},
        "waiting": {"c": c, "d": "waits"},
    }
    named = {f"{prefix}{k}": {f"{prefix}{n}": v for n, v in each.items()} for k, each in below.items()}
    world.start(begins, named, root)
    for name in "abcd":
        world.until(f"{prefix}{name}", lambda record, history: record.status in ("RUNNING", "STALLED"))
    end(world, f"{prefix}gone")
    end(world, f"{prefix}ended")


def after(prefix: str = "") -> dict[str, str]:
    ended = dict.fromkeys(("ended", "gone"), "COMPLETED")
    terminated = dict.fromkeys(("root", "waiting", "a", "b", "c", "d"), "TERMINATED")
    return {f"{prefix}{name}": status for name, status in {**ended, **terminated}.items()}


def test_all_three_levels_end_whatever_their_status_and_get_the_output(world: World) -> None:
    world.open(begins, waits)
    build(world, c="stalls")
    world.until_status("c", "STALLED")
    for name in ("a", "waiting"):
        world.handle(name).suspend()
        world.until_status(name, "SUSPENDED")
    before = world.client.get_workflow_state("ended")
    world.handle("root").terminate({"why": ["enough"]})
    until_statuses(world, after())
    for name, status in statuses(world).items():
        if status == "TERMINATED":
            assert world.client.get_workflow_state(name).output == {"why": ["enough"]}
            event = of_kind(world.history(name), ExecutionTerminated)[0]
            assert event.by == (None if name == "root" else "root")
    assert world.client.get_workflow_state("ended") == before
    until_handled(world)


def test_whichever_commit_a_crash_comes_behind_all_of_them_end(world: World, store_kind: str) -> None:
    asked: list[int] = []

    def begin(n: int, count: Callable[[], None]) -> None:
        build(world, f"{n}-root")
        count()
        world.handle(f"{n}-root").terminate("enough")
        asked.append(n)

    def is_over(n: int) -> bool:
        known = statuses(world)
        return all(known[name] == status for name, status in after(f"{n}-").items())

    def finish(n: int) -> None:
        if n not in asked:
            world.handle(f"{n}-root").terminate("enough")  # it could not be written
        for name, status in after(f"{n}-").items():
            world.until_status(name, status)
        until_handled(world)

    apart = 1 if store_kind == "memory" else 2
    assert crash_behind_every_commit(world, [begins, waits], begin, is_over, finish, step=apart) >= 2


def test_those_that_a_run_began_in_older_generations_end_with_it(world: World) -> None:
    @workflow
    async def renews(ctx: WorkflowContext, n: int) -> None:
        ctx.call_child_workflow(waits, input="given", instance_id=f"given-{n}")
        waits("derived")
        await ctx.wait_for_external_event("next")
        ctx.continue_as_new(n + 1)

    world.open(renews, waits)
    run = world.start(renews, 0, "root")
    for n in range(3):
        world.until_waiting(f"given-{n}", "go")
        run.raise_event("next")
    world.until_waiting("given-3", "go")
    world.until(run, lambda record, history: record.generation == 3 and "EventWaitCreated" in kinds(history))
    run.terminate()
    below = world.client.list_workflows(parent="root")
    assert len(below) == 8
    for state in below:
        world.until_status(state.instance_id, "TERMINATED")
    until_handled(world)


def test_one_that_the_store_fails_for_ends_when_it_recovers_and_holds_up_nobody(world: World) -> None:
    world.open(begins, waits)
    build(world)
    world.store.fault = lambda operations: (
        StoreError("no room") if appends(operations, "waiting", ExecutionTerminated) else None
    )
    world.handle("root").terminate()
    for name in ("root", "a", "b"):
        world.until_status(name, "TERMINATED")
    assert statuses(world)["waiting"] == "RUNNING"
    world.store.fault = never_fails
    until_statuses(world, after())


@pytest.mark.semantics(24)
def test_ending_a_run_in_the_middle_ends_those_below_it_and_no_others(world: World) -> None:
    world.open(begins, waits)
    build(world)
    world.handle("waiting").terminate()
    expected = {**dict.fromkeys(after(), "RUNNING"), "ended": "COMPLETED", "gone": "COMPLETED"}
    until_statuses(world, {**expected, **dict.fromkeys(("waiting", "c", "d"), "TERMINATED")})


# -- while it happens -----------------------------------------------------------------------------------


def begin_end_of_root(world: World) -> None:
    """Ask for the root's end, without waiting for it."""
    world.runtime.submit(world.runtime.requests.terminate("root", '"enough"', True))


def chain(world: World, *definitions: Any) -> None:
    """A root, a run in the middle, and one below that."""
    world.open(begins, waits, *definitions)
    world.start(begins, {"middle": {"below": "waits"}}, "root")
    world.until_waiting("below", "go")
    world.until_waiting("middle", "end")
    world.until_waiting("root", "end")


def test_one_that_ends_in_the_turn_that_was_to_end_it_passes_the_end_on(world: World) -> None:
    chain(world)
    with held_commit(world, lambda ops: appends(ops, "root", ExecutionTerminated)) as gate:
        begin_end_of_root(world)
        gate.wait()  # the end of the middle one is on its way
        world.client.raise_encoded_event("middle", "end", '"ended"')
        world.until_posted(2)
    until_statuses(world, {"root": "TERMINATED", "middle": "COMPLETED", "below": "TERMINATED"})
    until_handled(world)


@pytest.mark.parametrize("first", ["the end of the root", "the end of the middle one"])
def test_one_that_ends_while_the_end_comes_to_it_passes_it_on_also_after_a_crash(
    quick_world: World, first: str
) -> None:
    world = quick_world
    is_ending, may_end = threading.Event(), threading.Event()

    @workflow
    async def middle(ctx: WorkflowContext) -> str:
        ctx.call_child_workflow(waits, input="x", instance_id="below")
        await ctx.wait_for_external_event("end")
        is_ending.set()
        wait_for(may_end)
        return "ended"

    @workflow
    async def root(ctx: WorkflowContext) -> None:
        ctx.call_child_workflow(middle, instance_id="middle")
        await ctx.wait_for_external_event("end")

    definitions = [waits, middle, root]
    world.open(*definitions, stuck_after=60)
    world.start(root, None, "root")
    world.until_waiting("below", "go")
    world.until_waiting("middle", "end")
    if first == "the end of the root":  # its message comes during the turn that is the other one's last
        with held_commits(world, 2) as (one, two):
            world.client.raise_encoded_event("below", "other", "1")
            one.wait()
            begin_end_of_root(world)
            world.client.raise_encoded_event("below", "other", "2")
            world.until_posted(3)
            one.open()
            two.wait()  # who is below the root was read before
            world.client.raise_encoded_event("middle", "end", "1")
            world.until_posted(3)
        wait_for(is_ending)
        world.until_status("root", "TERMINATED")
    else:  # its turn waits for that one, and its message comes when all is over
        world.client.raise_encoded_event("middle", "end", "1")
        wait_for(is_ending)
        begin_end_of_root(world)
        engine: Any = world.runtime._engine
        while engine.residents.find("root").turn is None:
            time.sleep(0.001)
    crash = world.store.fault = Crash(1)  # the end of the middle one is written, and nothing behind it
    may_end.set()
    wait_for(crash.reached)
    world.crash()
    world.open(*definitions)
    until_statuses(world, {"root": "TERMINATED", "middle": "COMPLETED", "below": "TERMINATED"})
    until_handled(world)


def test_a_child_that_has_not_begun_yet_ends_with_its_parent(world: World) -> None:
    world.open(begins, waits)
    world.store.fault = fails_for_begin("child")
    world.start(begins, {"child": "waits"}, "root")
    world.until_waiting("root", "end")
    world.handle("root").terminate("enough")
    world.until_status("root", "TERMINATED")
    world.reopen(begins, waits, crash=True)
    world.until_status("child", "TERMINATED")
    assert world.client.get_workflow_state("child").output == "enough"
    until_handled(world)


def fails_for_begin(name: str) -> Callable[[Any], Exception | None]:
    return lambda ops: StoreError("no room") if appends(ops, name, ExecutionStarted) else None


@pytest.mark.semantics(2)
def test_whoever_has_the_id_that_a_child_wanted_is_not_its_parents_concern(world: World) -> None:
    world.open(begins, waits)
    taken = world.start(waits, "mine", "taken")
    world.until_waiting(taken, "go")
    with held_commit(world, lambda ops: posts(ops, "taken", ExecutionStarted)) as gate:
        started = start_soon(world, begins, {"taken": "a child"}, "root")
        gate.wait()
        begin_end_of_root(world)
        world.until_posted(2)  # it is ended before it hears that its child could not begin
    started.result(10)
    world.until_status("root", "TERMINATED")
    taken.raise_event("go", "on")
    assert taken.result(10) == "mine on"
    until_handled(world)


def test_runs_that_are_each_others_children_are_no_endless_family(world: World) -> None:
    world.open(begins, waits)
    world.start(begins, {"other": {}}, "one")
    world.until_waiting("other", "end")
    end(world, "one")

    @workflow
    async def takes_over(ctx: WorkflowContext) -> None:
        ctx.call_child_workflow(begins, input={}, instance_id="one")
        await ctx.wait_for_external_event("end")

    world.runtime.register(takes_over)
    world.handle("other").terminate()
    world.until_status("other", "TERMINATED")
    world.start(takes_over, None, "other")
    world.until_waiting("one", "end")
    world.handle("one").terminate()
    world.until_status("one", "TERMINATED")
    world.handle("other").terminate()
    world.until_status("other", "TERMINATED")
    world.handle("one").purge()
    world.handle("other").purge()
    assert world.client.list_workflows() == []
