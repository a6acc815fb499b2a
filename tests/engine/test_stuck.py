"""Workflow code that awaits nothing is found, named and stopped, and holds nobody else up (S17)."""

import asyncio
import json
import linecache
import threading
from typing import Any

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core import loop
from nbflow.core.state import InstanceRecord, StallReason
from nbflow.definitions import WorkflowDefinition
from nbflow.errors import WorkflowStalledError
from tests.engine.traps import SOON, Trap, spin, trap
from tests.engine.worlds import PATIENCE, World, kinds, wait_for

__all__ = ["trap"]

pytestmark = pytest.mark.semantics(17)


def once_more(number: int) -> int:
    return number + 1


@activity
def charge(x: int) -> int:
    return 100 * x


@workflow
async def waits(ctx: WorkflowContext) -> str:
    return await ctx.wait_for_external_event("go")


def version(source: str, **namespace: Any) -> WorkflowDefinition[Any, Any]:
    """One of the versions of the workflow `order`."""
    exec(compile(source, "<order>", "exec"), namespace)
    return WorkflowDefinition(namespace["order"], source=source)


FIXED = version("""
async def order(ctx):
    await ctx.wait_for_external_event("go")
    return "fixed"
""")
BROKEN = version("""
async def order(ctx):
    await ctx.wait_for_external_event("go")
    while True: pass
""")


def stuck(world: World, instance_id: str = "order-42") -> InstanceRecord:
    """Wait until a run is found to be stuck."""
    record = world.until_status(instance_id, "STALLED")
    assert record.stall is not None
    assert record.stall.reason is StallReason.STUCK
    return record


def source_line(record: InstanceRecord) -> str:
    assert record.stall is not None
    return linecache.getline(record.stall.file or "", record.stall.line or 0).strip()


def let_them_go(world: World, *instance_ids: str) -> list[str]:
    for instance_id in instance_ids:
        world.handle(instance_id).raise_event("go", "went")
    return [world.handle(instance_id).result(PATIENCE) for instance_id in instance_ids]


def test_a_loop_that_awaits_nothing_stalls_its_run_and_names_the_line(world: World) -> None:
    @workflow
    async def loops(ctx: WorkflowContext) -> None:
        await ctx.wait_for_external_event("go")
        while True: pass  # fmt: skip  # noqa: E701

    world.open(loops, waits, stuck_after=SOON)
    run = world.start(loops, None, "order-42")
    world.until_waiting(run, "go")
    run.raise_event("go")
    record = stuck(world)
    assert source_line(record).startswith("while True: pass")
    assert record.stall is not None
    line = record.stall.line
    assert (
        f"its code has not awaited anything for 0.4 s (line {line} of test_stuck.py, in loops: `while True"
        in (record.stall.message)
    )
    assert record.stall.message.endswith(
        "await something durable in the loop, or put the work in an activity, then `%wf resume order-42`"
    )
    assert kinds(run.history()) == ["WorkflowStarted", "ExecutionStarted", "EventWaitCreated"]
    assert [row.event.name for row in world.inbox()] == ["go"]
    with pytest.raises(WorkflowStalledError, match="order-42 is stalled: its code has not awaited anything"):
        run.result(PATIENCE)
    world.until_waiting(world.start(waits, None, "other"), "go")
    assert let_them_go(world, "other") == ["went"]


def test_a_run_that_is_stuck_from_the_first_line_is_found(world: World) -> None:
    @workflow
    async def loops() -> None:
        spin()

    world.open(loops, stuck_after=SOON)
    world.start(loops, None, "order-42")
    assert source_line(stuck(world)) in {"while True:  # the loop", "pass"}
    world.handle("order-42").terminate()
    world.until_status("order-42", "TERMINATED")


def test_the_line_is_that_of_the_loop_and_not_of_what_it_calls(quick_world: World) -> None:
    @workflow
    async def loops() -> None:
        number = 0
        while number >= 0: number = once_more(number)  # fmt: skip  # noqa: E701

    quick_world.open(loops, stuck_after=SOON)
    quick_world.start(loops, None, "order-42")
    assert source_line(stuck(quick_world)).startswith("while number >= 0")


def test_a_loop_in_the_standard_library_is_that_of_the_line_that_calls_it(quick_world: World) -> None:
    @workflow
    async def loops() -> None:
        endless: Any = []
        for _ in range(100):
            endless = [endless, endless]
        json.dumps(endless, indent=1)  # 2**100 brackets, which Python code writes

    quick_world.open(loops, stuck_after=SOON)
    quick_world.start(loops, None, "order-42")
    assert source_line(stuck(quick_world)).startswith("json.dumps")


def test_a_generator_and_a_branch_are_found_like_any_other_code(quick_world: World) -> None:
    @workflow
    def generates(ctx: WorkflowContext) -> Any:
        yield ctx.wait_for_external_event("go")
        spin()

    @workflow
    async def branches(ctx: WorkflowContext) -> None:
        async def branch() -> None:
            await ctx.wait_for_external_event("go")
            spin()

        async with asyncio.TaskGroup() as group:
            group.create_task(branch())
            group.create_task(branch())

    quick_world.open(generates, branches, stuck_after=SOON)
    for definition in (generates, branches):
        run = quick_world.start(definition, None, definition.name)
        quick_world.until(run, lambda record, history: "EventWaitCreated" in kinds(history))
        run.raise_event("go")
        assert source_line(stuck(quick_world, definition.name)) in {"while True:  # the loop", "pass"}


def test_calls_in_a_loop_that_are_never_awaited_are_not_made(
    quick_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    charged: list[int] = []

    @activity
    def charge_again(x: int) -> None:
        charged.append(x)

    @workflow
    async def calls(ctx: WorkflowContext) -> None:
        while True:
            ctx.call_activity(charge_again, input=1)

    monkeypatch.setattr(loop, "MAX_MADE", 1_000)
    quick_world.open(calls, charge_again, stuck_after=SOON)
    run = quick_world.start(calls, None, "order-42")
    stuck(quick_world)
    assert run.history() == []
    assert charged == []


def test_code_that_survives_its_interruption_does_not_count(quick_world: World) -> None:
    survived = threading.Event()

    @workflow
    async def survives() -> str:
        try:
            spin()
        except BaseException:
            survived.set()
        await charge(1)
        return "and goes on"

    quick_world.open(survives, charge, waits, stuck_after=SOON)
    run = quick_world.start(survives, None, "order-42")
    stuck(quick_world)
    assert survived.is_set()
    assert run.history() == []


def test_code_that_swallows_every_interruption_is_left_behind(quick_world: World) -> None:
    may_end = threading.Event()

    @workflow
    async def swallows() -> str:
        while not may_end.is_set():
            try:
                while not may_end.is_set():
                    pass
            except BaseException:
                continue
        return "swallowed"

    quick_world.open(swallows, waits, stuck_after=SOON)
    quick_world.start(swallows, None, "order-42")
    record = stuck(quick_world)
    quick_world.until_waiting(quick_world.start(waits, None, "other"), "go")
    assert let_them_go(quick_world, "other") == ["went"]
    may_end.set()
    assert "while not may_end" in source_line(record) or source_line(record) == "pass"


def test_a_call_that_never_returns_is_left_behind_and_what_comes_of_it_is_ignored(
    world: World, trap: Trap, caplog: pytest.LogCaptureFixture
) -> None:
    began: list[str] = []

    @workflow
    async def trapped(ctx: WorkflowContext) -> str:
        await ctx.wait_for_external_event("go")
        began.append(threading.current_thread().name)
        if len(began) == 1:
            try:
                trap.enter()
            finally:
                trap.left.set()
        return f"attempt {len(began)}"

    world.open(trapped, waits, stuck_after=SOON)
    run = world.start(trapped, None, "order-42")
    world.until_waiting(run, "go")
    run.raise_event("go")
    record = stuck(world)
    assert record.stall is not None
    assert "self._lock.acquire()" in source_line(record)
    assert record.stall.message.endswith(
        "It could not be stopped: its thread was left behind, and may go on for as long as this process"
    )
    assert "a workflow's code doesn't come back" in caplog.text
    before = run.history()
    trap.open()
    wait_for(trap.left)
    world.until_waiting(world.start(waits, None, "other"), "go")
    assert let_them_go(world, "other") == ["went"]
    assert run.history() == before
    assert run.status == "STALLED"
    run.resume()
    assert run.result(PATIENCE) == "attempt 2"


def test_the_others_lose_nothing_by_it(world: World, trap: Trap) -> None:
    """Those in memory stay there, turns that wait for the thread are taken on another one."""
    starts: list[str] = []

    @workflow
    async def counts(ctx: WorkflowContext, name: str) -> list[Any]:
        starts.append(name)
        first = await ctx.wait_for_external_event("first")
        return [name, first, await ctx.wait_for_external_event("second")]

    @workflow
    async def trapped() -> None:
        trap.enter()

    world.open(counts, trapped, stuck_after=SOON)
    names = [f"run-{number}" for number in range(20)]
    for name in names:
        world.start(counts, name, name)
    for name in names:
        world.until_waiting(name, "first")
    begun = len(starts)
    world.start(trapped, None, "order-42")
    wait_for(trap.entered)
    for name in names:
        world.handle(name).raise_event("first", 1)
    late = world.start(counts, "late", "late")
    for name in names:
        world.handle(name).raise_event("second", 2)
    assert [world.handle(name).result(PATIENCE) for name in names] == [[name, 1, 2] for name in names]
    world.until_waiting(late, "first")
    if world.cache_size:
        assert len(starts) == begun + 1
    assert stuck(world).status == "STALLED"


def test_two_runs_may_be_stuck_at_once(quick_world: World, trap: Trap) -> None:
    traps = [trap, Trap(), Trap()]

    @workflow
    async def trapped(number: int) -> None:
        traps[number].enter()

    quick_world.open(trapped, waits, stuck_after=SOON)
    for number in range(3):
        quick_world.start(trapped, number, f"order-{number}")
    for number in range(3):
        stuck(quick_world, f"order-{number}")
    quick_world.until_waiting(quick_world.start(waits, None, "other"), "go")
    assert let_them_go(quick_world, "other") == ["went"]
    for other in traps[1:]:
        other.open()


def test_resume_finds_the_same_code_stuck_again_and_other_code_goes_on(world: World) -> None:
    world.open(BROKEN, stuck_after=SOON)
    run = world.start("order", None, "order-42")
    world.until_waiting(run, "go")
    run.raise_event("go")
    assert stuck(world).stall.line == 4
    with pytest.raises(WorkflowStalledError, match="order-42 can't go on: its code has not awaited anything"):
        run.resume()
    world.runtime.register(FIXED)
    assert run.status == "STALLED"  # other code is adopted only with consent
    run.resume()
    assert run.result(PATIENCE) == "fixed"


def test_a_store_with_a_stuck_run_opens_like_any_other(world: World) -> None:
    world.open(BROKEN, stuck_after=SOON)
    run = world.start("order", None, "order-42")
    world.until_waiting(run, "go")
    run.raise_event("go")
    stuck(world)
    world.reopen(BROKEN, waits, crash=True, stuck_after=SOON)
    assert world.handle("order-42").status == "STALLED"
    world.until_waiting(world.start(waits, None, "other"), "go")
    assert [row.event.name for row in world.inbox()] == ["go"]
    world.runtime.register(FIXED)
    world.handle("order-42").resume()
    assert world.handle("order-42").result(PATIENCE) == "fixed"


def test_closing_stops_what_is_stuck(quick_world: World) -> None:
    """Also where nobody has found out yet; else it would keep a processor busy until the end."""
    begun, ended = threading.Event(), threading.Event()

    @workflow
    async def loops() -> str:
        try:
            if not begun.is_set():
                begun.set()
                spin()
        finally:
            ended.set()
        return "done"

    quick_world.open(loops, stuck_after=1000)
    quick_world.start(loops, None, "order-42")
    wait_for(begun)
    quick_world.close()
    wait_for(ended)
    quick_world.open(loops)
    assert quick_world.handle("order-42").result(PATIENCE) == "done"


def test_code_that_is_stuck_on_its_way_out_of_memory_holds_nobody_up(quick_world: World) -> None:
    begun = threading.Event()
    quick_world.cache_size = 0

    @workflow
    async def loops(ctx: WorkflowContext) -> str:
        try:
            return await ctx.wait_for_external_event("go")
        finally:
            if not begun.is_set():
                begun.set()
                spin()

    quick_world.open(loops, waits, stuck_after=SOON)
    quick_world.start(loops, None, "order-42")
    wait_for(begun)
    quick_world.until_waiting(quick_world.start(waits, None, "other"), "go")
    assert let_them_go(quick_world, "other", "order-42") == ["went", "went"]
