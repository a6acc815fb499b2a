"""Rewinds: a run that FAILED goes back to before that, and what failed is tried again."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from nbflow import RetryPolicy, RuntimeStatus, WorkflowContext, WorkflowHandle, activity, when_all, workflow
from nbflow.core import history as h
from nbflow.core.rows import to_row
from nbflow.definitions import WorkflowDefinition
from nbflow.errors import GoingBackError, InstanceStateError, StoreError, WorkflowFailedError
from nbflow.testing import VirtualClock
from tests.engine.worlds import World, appends_for, fails_for, kinds, never_fails, of_kind, wait_for

ran: Counter[str] = Counter()
broken: set[str] = set()


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    ran.clear()
    broken.clear()
    begun.clear()
    yield
    release.set()


begun, release = threading.Event(), threading.Event()


@activity
def step(name: str) -> str:
    ran[name] += 1
    if name in broken:
        raise ValueError(f"{name} is broken")
    if name == "slow":
        begun.set()
        wait_for(release)
    return name


@workflow
async def chain(ctx: WorkflowContext, last: str) -> str:
    first = await step("first")
    return first + await step(last)


@workflow
async def fan(ctx: WorkflowContext, names: list[str]) -> list[str]:
    return await when_all([step(name) for name in names])


@workflow
async def group(ctx: WorkflowContext, names: list[str]) -> list[str]:
    async with asyncio.TaskGroup() as tasks:
        found = [tasks.create_task(chain_of(name)) for name in names]
    return [each.result() for each in found]


async def chain_of(name: str) -> str:
    return await step("before " + name) + await step(name)


@workflow
async def compensates(ctx: WorkflowContext, name: str) -> str:
    try:
        return await step(name)
    except Exception as error:
        await step("undo")
        raise RuntimeError("it did not work") from error


@workflow
async def handles(ctx: WorkflowContext, name: str) -> list[Any]:
    found = await asyncio.gather(step("quiet"), step("sound"), return_exceptions=True)
    return [str(found[0]), await step(name)]


@workflow
async def family(ctx: WorkflowContext, names: list[str]) -> list[str]:
    return await asyncio.gather(*(chain(name) for name in names))


def failed(
    world: World, code: Any, input: Any, id: str = "a", *, breaks: tuple[str, ...] = ("bad",)
) -> WorkflowHandle:
    """A run that has failed, with what broke it mended since."""
    broken.update(breaks)
    run = world.start(code, input, id)
    world.until_status(run, "FAILED")
    broken.clear()
    return run


def present(world: World, run: WorkflowHandle) -> str:
    return world.client.snapshot(run.instance_id)[0].execution_id


def history_of(world: World, run: WorkflowHandle, execution_id: str) -> list[h.HistoryEvent]:
    return world.runtime.read(lambda store: store.read_history(run.instance_id, execution_id))


@pytest.mark.semantics(2, 13, 19)
def test_what_failed_is_tried_again_and_what_is_recorded_is_not(world: World) -> None:
    world.open(step, chain)
    run = failed(world, chain, "bad")
    old, history = present(world, run), run.history()
    run.rewind()
    assert run.result(20) == "firstbad"
    assert ran == {"first": 1, "bad": 2}
    assert [to_row(e) for e in history_of(world, run, old)] == [to_row(e) for e in history]
    executions = world.runtime.read(lambda store: store.list_executions("a"))
    assert executions == [old, present(world, run)]
    origin = run.state().origin
    assert origin == h.Origin(reason="rewind", instance_id="a", execution_id=old, seq=7)
    assert [to_row(e) for e in run.history()[:7]] == [to_row(e) for e in history[:7]]


@pytest.mark.parametrize(
    ("code", "input", "breaks", "result", "again"),
    [
        (fan, ["bad", "worse", "good"], ("bad", "worse"), ["bad", "worse", "good"], {"bad", "worse"}),
        (compensates, "bad", ("bad",), "bad", {"bad"}),
        (handles, "bad", ("bad", "quiet"), ["step failed: ValueError: quiet is broken", "bad"], {"bad"}),
    ],
)  # fmt: skip
@pytest.mark.semantics(53, 54)
def test_which_failures_are_left_behind(
    world: World, code: Any, input: Any, breaks: tuple[str, ...], result: Any, again: set[str]
) -> None:
    world.open(step, code)
    run = failed(world, code, input, breaks=breaks)
    before = Counter(ran)
    run.rewind()
    assert run.result(20) == result
    assert {name for name, count in (ran - before).items() if count} == again


@pytest.mark.semantics(54)
def test_branches_that_a_failure_had_cancelled_go_on_too(world: World) -> None:
    world.open(step, group)
    broken.add("bad")
    release.clear()
    run = world.start(group, ["slow", "bad"], "a")
    world.until_status(run, "FAILED")
    broken.clear()
    release.set()
    run.rewind()
    assert run.result(20) == ["before slowslow", "before badbad"]
    assert (ran["before slow"], ran["before bad"]) == (1, 1)


@workflow
async def tries(ctx: WorkflowContext, name: str) -> str:
    policy = RetryPolicy(first_retry_interval=timedelta(seconds=5), max_number_of_attempts=3)
    return await ctx.call_activity(step, input=name, retry_policy=policy)


@pytest.mark.semantics(28, 32, 66)
def test_of_a_call_with_retries_the_last_attempt_is_tried_again(world: World, clock: VirtualClock) -> None:
    world.open(step, tries)
    broken.add("bad")
    run = world.start(tries, "bad", "a")
    for attempt in (1, 2):
        world.until(run, lambda record, history, n=attempt: len(of_kind(history, h.TaskFailed)) == n)
        clock.advance(seconds=6)
    world.until_status(run, "FAILED")
    clock.advance(days=3)
    broken.clear()
    run.rewind()
    assert run.result(20) == "bad"
    assert ran == {"bad": 4}
    assert of_kind(run.history(), h.TaskCompleted)[0].attempt == 3


@workflow
async def limited(ctx: WorkflowContext, name: str) -> str:
    return await ctx.call_activity(step, input=name, timeout=timedelta(seconds=30))


@pytest.mark.semantics(66)
def test_an_attempt_whose_time_was_up_gets_all_of_its_time_again(world: World, clock: VirtualClock) -> None:
    world.open(step, limited)
    release.clear()
    run = world.start(limited, "slow", "a")
    wait_for(begun)
    begun.clear()
    clock.advance(seconds=31)
    world.until_status(run, "FAILED")
    clock.advance(days=1)
    run.rewind()
    wait_for(begun)
    clock.advance(seconds=20)
    release.set()
    assert run.result(20) == "slow"


def mends(is_mended: bool) -> Any:
    async def mended(ctx: WorkflowContext, name: str) -> str:
        found = await step(name)
        await ctx.wait_for_external_event("go")
        if not is_mended:
            raise KeyError(found)
        return found

    return WorkflowDefinition(mended, source=f"mended = {is_mended}")


@pytest.mark.semantics(51, 53)
def test_after_an_exception_of_its_own_the_run_goes_on_with_the_mended_code(world: World) -> None:
    world.open(step, mends(False))
    run = world.start("mended", "x", "a")
    world.until_waiting(run, "go")
    run.raise_event("go")
    world.until_status(run, "FAILED")
    run.rewind()  # the code is as it was
    world.until_status(run, "FAILED")
    world.runtime.register(mends(True))
    run.rewind()
    assert run.result(20) == "x"
    assert ran == {"x": 1}
    parted = of_kind(run.history(), h.ExecutionForked)
    assert [event.origin.seq for event in parted] == [7, 9], "history keeps that it was taken back in vain"


@pytest.mark.semantics(51)
def test_newer_code_that_does_not_fit_leaves_the_run_its_own(world: World) -> None:
    async def chain_of_another_kind(ctx: WorkflowContext, last: str) -> str:
        return await step("something else")

    world.open(step, chain)
    run = failed(world, chain, "bad")
    world.runtime.register(WorkflowDefinition(chain_of_another_kind, name="chain", source="other = 1"))
    run.rewind()
    assert run.result(20) == "firstbad"
    late = failed(world, chain, "bad", "late")
    world.reopen(step, WorkflowDefinition(chain_of_another_kind, name="chain", source="other = 1"))
    with pytest.raises(
        GoingBackError, match="late: the newest code of chain doesn't fit its history: run the cell"
    ):
        world.handle(late).rewind()
    world.reopen(step)
    with pytest.raises(
        GoingBackError, match="late can't be taken back without its code: run the cell that defines"
    ):
        world.handle(late).rewind()
    assert world.handle(late).status is RuntimeStatus.FAILED


@pytest.mark.semantics(20, 21, 23)
def test_failed_children_are_taken_back_too_and_others_go_on(world: World) -> None:
    world.open(step, chain, family)
    broken.add("bad")
    release.clear()
    run = world.start(family, ["good", "bad", "slow"], "a")
    world.until_status(run, "FAILED")
    children = {child.instance_id: child for child in world.client.list_workflows(parent="a")}
    _, bad, slow = children
    assert children[slow].runtime_status is RuntimeStatus.RUNNING
    broken.clear()
    run.rewind()
    world.until(bad, lambda record, history: record.status is RuntimeStatus.COMPLETED)
    release.set()
    assert run.result(20) == ["firstgood", "firstbad", "firstslow"]
    assert ran == {"first": 3, "good": 1, "bad": 2, "slow": 1}
    assert list(children) == [child.instance_id for child in world.client.list_workflows(parent="a")]
    assert world.client.snapshot(bad)[0].parent.execution_id == present(world, run)


@pytest.mark.semantics(21)
def test_a_child_that_has_completed_since_answers_at_once(world: World) -> None:
    world.open(step, chain, family)
    broken.add("bad")
    release.clear()
    run = world.start(family, ["bad", "slow"], "a")
    world.until_status(run, "FAILED")
    slow = world.client.list_workflows(parent="a")[1].instance_id
    release.set()
    world.until_status(slow, "COMPLETED")
    broken.clear()
    run.rewind()
    assert run.result(20) == ["firstbad", "firstslow"]
    assert ran == {"first": 2, "bad": 2, "slow": 1}


@pytest.mark.semantics(21, 71)
def test_a_plan_that_was_overtaken_is_made_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.open(step, chain, family)
    broken.add("bad")
    release.clear()
    run = world.start(family, ["bad", "slow"], "a")
    world.until_status(run, "FAILED")
    slow = world.client.list_workflows(parent="a")[1].instance_id
    broken.clear()
    requests, plans = world.runtime.requests, list[Any]()
    rewind = requests.rewind

    def overtaken(request: Any) -> Any:
        plans.append(request.plan)
        release.set()
        world.until_status(slow, "COMPLETED")
        return rewind(request)

    monkeypatch.setattr(requests, "rewind", overtaken)
    run.rewind()
    assert [type(plan.children[2]).__name__ for plan in plans] == ["Kept", "Finished"]
    assert run.result(20) == ["firstbad", "firstslow"]
    assert ran == {"first": 2, "bad": 2, "slow": 1}


@pytest.mark.semantics(23, 24)
def test_a_terminated_child_begins_once_more(world: World) -> None:
    world.open(step, chain, family)
    release.clear()
    run = world.start(family, ["slow"], "a")
    wait_for(begun)
    (child,) = world.client.list_workflows(parent="a")
    world.client.terminate_workflow(child.instance_id)
    world.until_status(run, "FAILED")
    release.set()
    run.rewind()
    assert run.result(20) == ["firstslow"]
    assert ran == {"first": 2, "slow": 2}


def test_only_what_failed_can_be_taken_back(world: World) -> None:
    world.open(step, chain, family)
    run = world.start(chain, "fine", "done")
    run.result(20)
    with pytest.raises(
        InstanceStateError, match=r"done is COMPLETED, and only a FAILED run .*`%wf fork done --at N`"
    ):
        run.rewind()
    parent = failed(world, family, ["bad"], "parent")
    (child,) = world.client.list_workflows(parent="parent")
    with pytest.raises(
        InstanceStateError, match=r"is a child of parent, .*: `%wf rewind parent` takes both back"
    ):
        world.client.rewind_workflow(child.instance_id)
    parent.rewind()
    assert parent.result(20) == ["firstbad"]


@workflow
async def fails_at_once(ctx: WorkflowContext, name: str) -> str:
    raise ValueError(name)


def test_what_failed_in_its_first_step_has_nowhere_to_go_back_to(world: World) -> None:
    world.open(fails_at_once)
    run = failed(world, fails_at_once, "x")
    with pytest.raises(
        GoingBackError, match=r"a: it failed before it had waited .*`%wf restart a` begins it"
    ):
        run.rewind()


@pytest.mark.semantics(67)
def test_a_rewind_whose_commit_fails_has_not_happened(world: World) -> None:
    world.open(step, chain, family)
    run = failed(world, family, ["good", "bad"])
    (_, child) = world.client.list_workflows(parent="a")
    before = [world.client.snapshot(each) for each in ("a", child.instance_id)]
    world.store.fault = fails_for(child.instance_id)
    with pytest.raises(StoreError):
        run.rewind()
    world.store.fault = never_fails
    assert [world.client.snapshot(each) for each in ("a", child.instance_id)] == before
    with pytest.raises(WorkflowFailedError):
        run.result(20)
    run.rewind()
    assert run.result(20) == ["firstgood", "firstbad"]


@pytest.mark.semantics(11, 67)
def test_a_crash_right_behind_a_rewinds_commit_loses_nothing(world: World) -> None:
    world.open(step, chain, family)
    run = failed(world, family, ["good", "bad"])
    old = present(world, run)
    world.store.fault = lambda operations: (
        StoreError("the power is off") if appends_for(world, "a", h.ExecutionForked) else None
    )
    run.rewind()
    world.reopen(step, chain, family, crash=True)
    run = world.handle(run)
    assert run.result(20) == ["firstgood", "firstbad"]
    assert present(world, run) != old
    assert kinds(history_of(world, run, old))[-1] == "ExecutionCompleted"


@pytest.mark.semantics(11)
def test_a_run_is_taken_back_that_failed_before_a_crash_and_twice(world: World) -> None:
    world.open(step, chain)
    run = failed(world, chain, "bad")
    world.reopen(step, chain, crash=True)
    run = world.handle(run)
    broken.add("bad")
    run.rewind()
    world.until(run, lambda record, history: record.status is RuntimeStatus.FAILED and ran["bad"] == 2)
    broken.clear()
    run.rewind()
    assert run.result(20) == "firstbad"
    assert ran == {"first": 1, "bad": 3}
    assert len(world.runtime.read(lambda store: store.list_executions("a"))) == 3


@pytest.mark.semantics(13, 16)
def test_a_fork_of_a_rewound_run_and_a_rewind_of_a_fork(world: World) -> None:
    world.open(step, chain)
    run = failed(world, chain, "bad")
    broken.add("bad")
    fork = run.fork(5, id="b")
    world.until_status(fork, "FAILED")
    broken.clear()
    run.rewind()
    fork.rewind()
    assert (run.result(20), fork.result(20)) == ("firstbad", "firstbad")
    again = run.fork(len(run.history()) - 3, id="c")
    assert again.result(20) == "firstbad"
