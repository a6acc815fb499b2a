"""Purging erases runs that have ended, their generations and those below them, and nothing else; and lists (S44)."""

import threading
from datetime import timedelta
from typing import Any

import pytest

from nbflow import ReuseIdPolicy, WorkflowContext, workflow
from nbflow.core.history import ExecutionStarted, ExecutionTerminated
from nbflow.core.operations import PurgeInstance
from nbflow.errors import InstanceNotFoundError, InstanceStateError, StoreError
from nbflow.runtime import purging
from tests.engine.gates import held_commit, posts, start_soon, until_handled
from tests.engine.worlds import VirtualClock, World, kinds, never_fails

pytestmark = pytest.mark.semantics(44)


@workflow
async def waits(ctx: WorkflowContext, word: str) -> str:
    return f"{word} {await ctx.wait_for_external_event('go')}"


@workflow
async def begins(ctx: WorkflowContext, below: dict[str, Any]) -> str:
    """Begins a run for each name, with what is to be below it, and ends when it is told to."""
    for name, what in below.items():
        ctx.call_child_workflow(begins, input=what, instance_id=name)
    return await ctx.wait_for_external_event("end")


@workflow
async def renews(ctx: WorkflowContext, n: int) -> int:
    ctx.create_timer(3600)
    ctx.call_child_workflow(waits, input=str(n), instance_id=f"of-{n}")
    await ctx.wait_for_external_event("next")
    if n < 3:
        ctx.continue_as_new(n + 1)
    return n


def executions(world: World, instance_id: str) -> list[str]:
    return world.runtime.read(lambda store: store.list_executions(instance_id))


def ids(world: World, **filters: Any) -> list[str]:
    return [state.instance_id for state in world.client.list_workflows(**filters)]


def build(world: World) -> None:
    """Three levels, all of which have ended but for one at the bottom."""
    world.open(begins, waits)
    world.start(begins, {"ended": {"a": {}, "b": {}}, "other": {}}, "root")
    for name in ("a", "ended", "other", "root"):
        world.until_waiting(name, "end")
        world.handle(name).raise_event("end", "ended")
        world.until_status(name, "COMPLETED")
    world.until_waiting("b", "end")


def test_all_generations_are_erased_with_the_run(world: World) -> None:
    world.open(renews, waits)
    run = world.start(renews, 0, "order-42")
    for n in range(4):
        world.until_waiting(f"of-{n}", "go")
        world.until_waiting(run, "next")
        run.raise_event("next")
    assert run.result(10) == 3
    histories = executions(world, "order-42")
    assert len(histories) == 4
    world.client.purge_workflow("order-42", recursive=False)
    assert executions(world, "order-42") == []
    for execution_id in histories:
        assert world.runtime.read(lambda store, e=execution_id: store.read_history("order-42", e)) == []
    assert ids(world) == [f"of-{n}" for n in range(4)]
    until_handled(world)


def test_nothing_is_erased_while_somebody_below_is_active(world: World) -> None:
    build(world)
    before = ids(world)
    for name in ("root", "ended"):
        words = f"b below {name} is RUNNING: `%wf terminate b` first, or `%wf purge {name} --keep-children`"
        with pytest.raises(InstanceStateError, match=words):
            world.handle(name).purge()
    assert ids(world) == before
    world.handle("b").terminate()
    world.until_status("b", "TERMINATED")
    assert world.client.purge_workflow("root") == 5
    assert ids(world) == []
    with pytest.raises(InstanceNotFoundError):
        world.client.purge_workflow("root")


def test_without_recursive_those_below_stay_and_can_still_be_used(world: World) -> None:
    build(world)
    assert world.client.purge_workflow("ended", recursive=False) == 1
    assert sorted(ids(world)) == ["a", "b", "other", "root"]
    world.handle("b").raise_event("end", "on")
    assert world.handle("b").result(10) == "on"
    assert world.client.purge_workflow("root") == 2, "the link to those below is gone with the one between"
    assert sorted(ids(world)) == ["a", "b"]


@pytest.mark.semantics(67)
def test_a_purge_is_all_or_nothing(world: World) -> None:
    build(world)
    world.handle("b").terminate()
    world.until_status("b", "TERMINATED")
    world.store.fault = lambda operations: (
        StoreError("the disk is full") if any(isinstance(o, PurgeInstance) for o in operations) else None
    )
    with pytest.raises(StoreError, match="the disk is full"):
        world.handle("root").purge()
    world.store.fault = never_fails
    assert len(ids(world)) == 5
    assert world.handle("a").status == "COMPLETED"
    world.reopen(begins, waits, crash=True)
    assert world.client.purge_workflow("root") == 5


def test_runs_before_under_the_same_id_are_erased_too(world: World) -> None:
    world.open(waits)
    for n in range(3):
        run = world.start(waits, str(n), "order-42", reuse_id_policy=ReuseIdPolicy("TERMINATE"))
        world.until_waiting(run, "go")
    run.terminate()
    world.until_status(run, "TERMINATED")
    assert len(executions(world, "order-42")) == 3
    run.purge()
    assert executions(world, "order-42") == []
    world.start(waits, "new", "order-42")
    world.until_waiting("order-42", "go")
    assert len(executions(world, "order-42")) == 1


@pytest.mark.semantics(2)
def test_a_child_that_is_about_to_begin_under_an_id_is_not_erased_with_the_run_before(world: World) -> None:
    world.open(begins, waits)
    world.start(begins, {"below": {}}, "root")
    for name in ("below", "root"):
        world.until_waiting(name, "end")
        world.handle(name).raise_event("end", "ended")
        world.until_status(name, "COMPLETED")
    with held_commit(world, lambda operations: posts(operations, "below", ExecutionStarted)) as gate:
        started = start_soon(world, begins, {"below": {}}, "another")
        gate.wait()
        purge = world.runtime.submit(world.runtime.requests.purge("root", True))
        many = world.runtime.submit(world.runtime.requests.purge_many(["root", "below"], True))
    assert started.exception(10) is None
    refused = purge.exception(10)  # None: it came when `below` had become the other one's child
    assert refused is None or (isinstance(refused, InstanceStateError) and "below" in str(refused))
    told = many.result(10)
    assert "below" in told.kept
    assert "below" not in told.gone
    world.until_waiting("below", "end")
    world.handle("below").raise_event("end", "again")
    assert world.handle("below").result(10) == "again"
    world.until("another", lambda record, history: "ChildWorkflowCompleted" in kinds(history))


@pytest.mark.semantics(2)
def test_what_comes_for_a_run_that_was_purged_is_dropped_and_does_not_stay(world: World) -> None:
    world.open(begins, waits)
    world.start(begins, {"below": {"deep": {}}}, "root")
    world.until_waiting("deep", "end")
    world.handle("root").terminate(recursive=False)
    world.until_status("root", "TERMINATED")
    world.client.purge_workflow("root", recursive=False)
    world.handle("below").raise_event("end", "ended")
    world.until_status("below", "COMPLETED")  # and its result goes to nobody
    until_handled(world)
    world.reopen(begins, waits)
    assert sorted(ids(world)) == ["below", "deep"]


@pytest.mark.semantics(23)
def test_the_end_of_an_ancestor_that_comes_to_a_purged_run_does_not_stay(world: World) -> None:
    world.open(begins, waits)
    world.start(begins, {"below": {}}, "root")
    world.until_waiting("below", "end")
    world.until_waiting("root", "end")
    stopped = threading.Event()

    def fault(operations: Any) -> Exception | None:
        if stopped.is_set():
            return StoreError("crashed")
        if posts(operations, "below", ExecutionTerminated):
            stopped.set()
        return None

    world.store.fault = fault
    world.handle("root").terminate()
    world.crash()
    world.store.inner.open()  # the message is there, and its run is not
    world.store.inner.commit([PurgeInstance(instance_id="below")])
    [row] = [row for row in world.store.log[-1] if getattr(row, "row", None) is not None]
    world.store.inner.commit([row])
    world.store.inner.close()
    world.open(begins, waits)
    until_handled(world)


# -- by filter, and lists ---------------------------------------------------------------------------------


def several(world: World, clock: VirtualClock) -> None:
    """Runs of both workflows, an hour apart: each with another end."""
    world.open(begins, waits)
    for n, end in enumerate(("COMPLETED", "FAILED", "TERMINATED", "RUNNING", "COMPLETED")):
        name = f"{'even' if n % 2 == 0 else 'odd'}-{n}"
        run = world.start(begins, {f"below-{n}": {}}, name)
        world.until_waiting(f"below-{n}", "end")
        world.until_waiting(run, "end")
        if end == "TERMINATED":
            run.terminate()
        elif end == "FAILED":
            run.raise_event("end", 1.5)  # which is no str
        elif end == "COMPLETED":
            run.raise_event("end", "ended")
        world.until_status(run, end)
        clock.advance(hours=1)


def test_a_purge_by_filter_takes_what_passes_and_leaves_what_is_active(
    world: World, clock: VirtualClock
) -> None:
    noon = clock.now()
    several(world, clock)
    client = world.client
    for status in ("RUNNING", "STALLED", ["COMPLETED", "PENDING"]):
        with pytest.raises(InstanceStateError, match="can't be purged: only those that have ended"):
            client.purge_workflows_by(status=status)
    assert client.purge_workflows_by(name="nobody") == 0
    assert client.purge_workflows_by(status="terminated") == 2, "and the one below with it"
    assert client.purge_workflows_by(created_to=noon + timedelta(minutes=1)) == 0, (
        "below it somebody is active"
    )
    assert client.purge_workflows_by(created_to=noon + timedelta(minutes=1), recursive=False) == 1
    assert sorted(ids(world)) == ["below-0", "below-1", "below-3", "below-4", "even-4", "odd-1", "odd-3"]
    later = (noon + timedelta(hours=4)).replace(tzinfo=None)
    assert client.purge_workflows_by(created_from=later, recursive=False) == 1
    assert client.purge_workflows_by(recursive=False) == 1
    assert sorted(ids(world)) == ["below-0", "below-1", "below-3", "below-4", "odd-3"]


def test_a_list_passes_all_of_its_filters_at_once(world: World, clock: VirtualClock) -> None:
    noon = clock.now()
    several(world, clock)
    assert ids(world, parent="odd-1") == ["below-1"]
    assert ids(world, parent="nobody") == []
    assert ids(world, parent="even-2", status="TERMINATED") == ["below-2"]
    assert ids(world, parent="even-2", status="RUNNING") == []
    assert ids(world, id_prefix="even-", status=["completed", "TERMINATED"]) == ["even-0", "even-2", "even-4"]
    assert ids(world, id_prefix="even-", created_from=noon + timedelta(hours=2)) == ["even-2", "even-4"]
    between = {"created_from": noon + timedelta(hours=1), "created_to": noon + timedelta(hours=3)}
    assert ids(world, **between) == ["below-1", "odd-1", "below-2", "even-2"]
    assert ids(world, name="waits") == []


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_pages_follow_on_each_other_without_gap_or_repetition(
    world: World, clock: VirtualClock, size: int
) -> None:
    several(world, clock)
    for filters in ({}, {"parent": "odd-3"}, {"id_prefix": "below-"}, {"status": "RUNNING"}):
        paged: list[str] = []
        while page := ids(world, **filters, limit=size, after=paged[-1] if paged else None):
            assert len(page) <= size
            paged += page
        assert paged == ids(world, **filters)
    with pytest.raises(StoreError, match="nobody"):
        ids(world, after="nobody")


def ended(world: World, *names: str) -> None:
    for name in names:
        world.start(begins, {}, name)
        world.until_waiting(name, "end")
        world.handle(name).raise_event("end", "ended")
        world.until_status(name, "COMPLETED")


def purges(world: World) -> list[list[str]]:
    """Who was erased by which commit."""
    found = [[o.instance_id for o in commit if isinstance(o, PurgeInstance)] for commit in world.store.log]
    return [commit for commit in found if commit]


def test_many_go_with_few_commits_and_others_go_on_in_between(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "AT_ONCE", 3)
    build(world)  # root and ended stay, for b below them goes on
    ended(world, *(f"run-{n}" for n in range(7)))
    world.start(waits, "hello", "waiting")
    world.until_waiting("waiting", "go")
    told: list[tuple[int, int]] = []

    def tell(done: int, of: int) -> None:
        told.append((done, of))
        if len(told) == 2:
            world.handle("waiting").raise_event("go", "on")
            assert world.handle("waiting").result(10) == "hello on"

    assert world.client.purge_workflows_by(name="begins", tell=tell) == 9
    assert sorted(ids(world)) == ["b", "ended", "root", "waiting"]
    assert max(map(len, purges(world))) == 3
    assert len(purges(world)) <= 5
    assert told[-1] == (11, 11)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_who_stays_and_is_erased_meanwhile_does_not_end_a_purge_of_many(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "AT_ONCE", 1)
    build(world)
    ended(world, "run-1", "run-2", "run-3")

    def tell(done: int, of: int) -> None:
        if done == 1:  # root, the oldest, stays and marks the place
            world.handle("b").terminate()
            world.until_status("b", "TERMINATED")
            world.client.purge_workflow("root")

    world.client.purge_workflows_by(tell=tell)
    assert ids(world) == []


def test_a_purge_of_many_that_cannot_be_written_erases_nothing_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "AT_ONCE", 2)
    world.open(begins, waits)
    ended(world, *(f"run-{n}" for n in range(5)))
    world.store.fault = lambda operations: (
        StoreError("the disk is full")
        if any(isinstance(o, PurgeInstance) and o.instance_id == "run-3" for o in operations)
        else None
    )
    with pytest.raises(StoreError, match="the disk is full"):
        world.client.purge_workflows_by()
    world.store.fault = never_fails
    assert ids(world) == ["run-2", "run-3", "run-4"]
    assert world.client.purge_workflows_by() == 3
