"""Time travel over everything that people write: a moment at each position, and nothing happens on the way."""

from __future__ import annotations

import gc
import linecache
from contextvars import Context, ContextVar
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbflow import WorkflowContext, workflow
from nbflow.core import history as h
from nbflow.core.execution import Execution
from nbflow.views.replay.moments import Moment
from nbflow.views.replay.travel import TimeTravel, call_sites, every_moment
from tests.core.builder import plain_calls
from tests.core.shapes import SHAPES
from tests.core.world import World
from tests.views.stories_replay import (
    Lived,
    charge,
    counting,
    crowd,
    fulfil,
    fulfilled,
    lived_long,
    ran,
)

shapes = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


@pytest.fixture(autouse=True)
def nothing_runs():
    plain_calls.clear()
    ran.clear()
    yield
    assert plain_calls == []
    assert ran == []


def moments(run: Lived) -> list[Moment]:
    return list(every_moment(run.code, run.history, instance_id=run.instance_id))


def variables(moment: Moment, branch: int = 1, depth: int = -1) -> dict[str, str]:
    found = next(one for one in moment.branches if one.number == branch)
    return {local.name: local.text for local in found.frames[depth].variables if local.change != "gone"}


@shapes
def test_every_position_of_every_shape_has_a_moment_whose_lines_are_lines_of_the_source(shape):
    world = World(shape, 3)
    history = world.play()
    every = list(every_moment(shape.code, history, instance_id=world.instance_id))
    assert [moment.seq for moment in every] == list(range(len(history) + 1))
    assert [moment.problem for moment in every] == [None] * len(every)
    for moment in every:
        assert moment.first <= moment.seq <= moment.last
        for branch in moment.branches:
            for frame in branch.frames:
                assert linecache.getline(frame.file, frame.line).strip() == frame.source != ""
        own = [branch for branch in moment.branches if any(frame.is_own for frame in branch.frames)]
        assert own or moment.state not in ("running", "completed")
    assert every[-1].state in ("completed", "continued", "failed")


@shapes
def test_a_moment_is_the_same_whichever_way_one_came(shape):
    world = World(shape, 4)
    history = world.play()
    every = list(every_moment(shape.code, history, instance_id=world.instance_id))
    travel = TimeTravel(shape.code, history, instance_id=world.instance_id)
    for seq in [len(history), *range(len(history), -1, -1), len(history) // 2, 1, len(history)]:
        assert travel.moment(seq) == every[seq]
    travel.close()
    for seq in range(0, len(history) + 1, 5):
        alone = TimeTravel(shape.code, history, instance_id=world.instance_id)
        assert alone.moment(seq) == every[seq]
        alone.close()


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(list(SHAPES.values())), st.integers(0, 2**32), st.data())
def test_any_walk_sees_what_a_forward_pass_sees(shape, seed, data):
    world = World(shape, seed)
    history = world.play()
    every = list(every_moment(shape.code, history, instance_id=world.instance_id))
    travel = TimeTravel(shape.code, history[: len(history) // 2], instance_id=world.instance_id)
    for seq in data.draw(st.lists(st.integers(0, len(history)), min_size=1, max_size=8)):
        travel.grow(history)
        assert travel.moment(seq) == every[seq]
    travel.close()


@shapes
def test_call_sites_are_lines_that_call_something(shape):
    world = World(shape, 5)
    history = world.play()
    sites = call_sites(shape.code, history, instance_id=world.instance_id)
    scheduled = {
        event.id: event
        for event in history
        if isinstance(event, (h.TaskScheduled, h.ChildWorkflowCreated, h.EventWaitCreated, h.EventSent))
    }
    assert set(scheduled) <= set(sites)
    for file, line in sites.values():
        assert linecache.getline(file, line).strip()


def test_later_attempts_have_the_line_of_the_call():
    run = fulfilled()
    sites = call_sites(run.code, run.history, instance_id=run.instance_id)
    lines = {i: linecache.getline(*site).strip() for i, site in sites.items()}
    assert lines[5] == lines[9] == "receipt = await charge(cents)"
    assert lines[3] == lines[4]
    assert "approval" in lines[3]
    assert lines[8] == "await asyncio.sleep(3)  # the van comes round"


def test_the_branches_their_lines_and_what_they_wait_for():
    moment = moments(fulfilled())[15]
    assert [(b.number, b.name, b.waits, b.ids, b.is_new) for b in moment.branches] == [
        (1, "fulfil", "its task group: branch 2 (bill), branch 3 (ship)", (), False),
        (2, "bill", "activity charge #5", (5,), True),
        (3, "ship", "activity print_label #6", (6,), True),
    ]
    assert [branch.frames[-1].source for branch in moment.branches] == [
        "async with asyncio.TaskGroup() as group:",
        "receipt = await charge(cents)",
        "label = await print_label(ctx.instance_id)",
    ]
    assert variables(moment)["order"] == "Order(sku='tea', qty=2, total=240)"
    assert variables(moment)["ctx"] == "<ctx of fulfil 'order-42'>"
    assert variables(moment)["billing"] == "<Task bill, pending>"
    assert "bill" not in variables(moment), "a function stands in the source"


def test_what_has_changed_since_the_step_before():
    every = moments(fulfilled())
    changes = {
        local.name: (local.change, local.was, local.text)
        for local in every[26].branches[0].frames[0].variables
    }
    assert changes["done"] == ("changed", "[]", "['charged 24000']")
    assert changes["billing"] == ("changed", "<Task bill, pending>", "<Task bill, done>")
    assert changes["cents"] == ("", None, "24000")
    assert every[26].ended == ("2 (bill)",)
    assert [local.change for local in every[27].branches[0].frames[0].variables] == [""] * len(changes)
    assert [call.line for call in every[14].calls if call.seq == 14] == [
        branch.frames[-1].line for branch in every[14].branches if branch.number == 2
    ]


def test_a_variable_that_goes():
    @workflow
    async def forgets(ctx: WorkflowContext) -> None:
        kept = "x"
        await ctx.call_activity("a")
        del kept
        await ctx.call_activity("b")

    run = Lived(forgets)
    run.done(1)
    [gone] = [local for local in moments(run)[-1].branches[0].frames[0].variables if local.change == "gone"]
    assert (gone.name, gone.was, gone.text) == ("kept", "'x'", "")


def test_a_change_behind_the_cut_is_a_change():
    @workflow
    async def changes(ctx: WorkflowContext) -> None:
        seats = list(range(60))
        await ctx.call_activity("a")
        seats[40] = -1
        await ctx.call_activity("b")

    run = Lived(changes)
    run.done(1)
    after = moments(run)[-1]
    [_, seats] = after.branches[0].frames[0].variables
    assert (seats.is_cut, seats.change, seats.was) == (True, "changed", seats.text)


def test_a_turn_that_begins_has_taken_no_action_and_changed_nothing():
    every = moments(fulfilled())
    assert len(every[15].calls) == 2, "the clock of the wait is stopped by nobody's line"
    assert every[16].calls == ()
    assert [branch.frames[-1].line for branch in every[16].branches] == [
        branch.frames[-1].line for branch in every[15].branches
    ]


def test_every_branch_of_a_crowd_is_there():
    run = lived_long(crowd, 1, events=150)
    moment = moments(run)[-1]
    assert len(moment.branches) == 201 - sum(isinstance(event, h.TaskCompleted) for event in run.history)
    assert moment.branches[0].waits.startswith("all of branch ")
    assert moment.branches[0].waits.endswith(" more")


def test_the_workflow_code_is_the_authors_and_never_ours():
    every = moments(fulfilled())
    files = {frame.file for moment in every for branch in moment.branches for frame in branch.frames}
    assert files == {fulfil.function.__code__.co_filename}


def test_a_generator_and_an_async_generator_show_their_frames():
    @workflow
    def yields(ctx: WorkflowContext) -> Any:
        item = "tea"
        yield ctx.call_activity("a", input=item)

    @workflow
    async def iterates(ctx: WorkflowContext) -> None:
        async def pages() -> Any:
            page = 7
            yield await ctx.call_activity("a", input=page)

        async for found in pages():
            del found

    [branch] = moments(Lived(yields))[-1].branches
    assert branch.waits == "activity a #1"
    assert branch.frames[-1].source == 'yield ctx.call_activity("a", input=item)'
    [branch] = moments(Lived(iterates))[-1].branches
    assert [frame.function for frame in branch.frames] == ["iterates", "pages"]
    assert branch.frames[-1].variables[0].text == "7"


def test_all_code_runs_in_the_context_that_is_given():
    who: ContextVar[str] = ContextVar("who", default="nobody")
    heard: list[str] = []

    class Loud:
        def __repr__(self) -> str:
            heard.append(who.get())
            return "<Loud>"

    @workflow
    async def speaks(ctx: WorkflowContext) -> None:
        loud = Loud()
        heard.append(who.get())
        try:
            await ctx.call_activity("a")
        finally:
            heard.append(who.get())
            del loud

    run = Lived(speaks)
    heard.clear()
    context = Context()
    context.run(who.set, "the replay")
    travel = TimeTravel(speaks, run.history, instance_id="order-42", context=context)
    assert travel.value(3, 1, 0, "loud") == "<Loud>"
    travel.moment(3)
    travel.close()
    assert len(heard) >= 4
    assert set(heard) == {"the replay"}


def test_nothing_of_the_code_is_left_behind():
    ended: list[str] = []

    @workflow
    async def cleans(ctx: WorkflowContext) -> None:
        try:
            await charge(1)
        finally:
            ended.append("unwound")
            await charge(2)  # refused: it would run as a plain function otherwise

    run = Lived(cleans)
    ended.clear()
    travel = TimeTravel(cleans, run.history, instance_id="order-42")
    travel.moment(3)
    travel.moment(0)
    travel.close()
    travel.close()
    assert ended == ["unwound"]


def test_who_forgets_to_close_leaves_nothing_to_the_garbage_collector():
    ended: list[str] = []

    @workflow
    async def cleans(ctx: WorkflowContext) -> None:
        try:
            await charge(1)
        finally:
            ended.append("unwound")
            await charge(2)

    run = Lived(cleans)
    ended.clear()
    travel = TimeTravel(cleans, run.history, instance_id="order-42")
    travel.moment(3)
    cycle: list[Any] = [travel]
    cycle.append(cycle)
    del travel, cycle
    gc.collect()
    assert ended == ["unwound"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "rounds"), [(counting, 3333), (crowd, 16)], ids=["one branch", "200 branches"]
)
def test_ten_thousand_events(code, rounds, capsys):
    run = lived_long(code, rounds)
    end = len(run.history)
    figures: list[str] = []

    def timed(label: str, seq: int) -> Moment:
        begun = perf_counter()
        moment = travel.moment(seq)
        figures.append(f"{label} {1000 * (perf_counter() - begun):.1f} ms")
        return moment

    begun = perf_counter()
    execution = Execution(code, instance_id=run.instance_id)
    execution.evict()
    travel = TimeTravel(code, run.history, instance_id=run.instance_id)
    figures.append(f"begin {1000 * (perf_counter() - begun):.1f} ms")
    assert timed("open at the end", end).state == "completed"
    for back in (1, 2, 3, 30):
        timed(f"back to -{back}", end - back)
    timed("jump to the middle", end // 2)
    for on in range(1, 7):
        assert timed(f"on to +{on}", end // 2 + on).state == "running"
    timed("jump back", end // 4)
    travel.close()
    begun = perf_counter()
    call_sites(code, run.history, instance_id=run.instance_id)
    figures.append(f"call sites {1000 * (perf_counter() - begun):.1f} ms")
    with capsys.disabled():
        print(f"\n{end:,} events, {code.name}: {', '.join(figures)}")
    assert end > 9_000
