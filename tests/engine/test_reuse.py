"""IDs that are taken: what each policy does about each status, all at once or not at all (S3 to S7)."""

import threading
from datetime import timedelta
from typing import Any

import pytest

from nbflow import ReuseIdPolicy, RuntimeStatus, WorkflowContext, WorkflowHandle, activity, workflow
from nbflow.core.history import ExecutionTerminated
from nbflow.core.operations import PutInbox, PutInstance
from nbflow.errors import InstanceExistsError, StoreError, WorkflowStalledError, WorkflowTerminatedError
from tests.engine.gates import appends, held_commit, start_soon, until_handled
from tests.engine.worlds import VirtualClock, World, fails_for, kinds, never_fails, of_kind, wait_for


@workflow
async def waits(ctx: WorkflowContext, word: str) -> str:
    if word == "fails":
        raise LookupError(word)
    if word == "stalls":
        return missing_name  # noqa: F821 - what is tested
    return f"{word} {await ctx.wait_for_external_event('go')}"


@workflow
async def calls(ctx: WorkflowContext, id: str) -> str:
    return await ctx.call_child_workflow(waits, input="child", instance_id=id)


def executions(world: World, instance_id: str) -> list[str]:
    return world.runtime.read(lambda store: store.list_executions(instance_id))


def run_that_is(world: World, status: str, id: str) -> WorkflowHandle:
    """A run with this status."""
    word = {"FAILED": "fails", "STALLED": "stalls"}.get(status, "old")
    later = world.clock.now() + timedelta(days=1) if status == "PENDING" and world.clock else None
    run = world.start(waits, word, id, start_at=later)
    match status:
        case "COMPLETED" | "SUSPENDED" | "RUNNING" | "TERMINATED":
            world.until_waiting(run, "go")
    match status:
        case "COMPLETED":
            run.raise_event("go", "on")
        case "SUSPENDED":
            run.suspend()
        case "TERMINATED":
            run.terminate("old output")
    world.until_status(run, status)
    return run


ENDED = ("COMPLETED", "FAILED", "TERMINATED")


@pytest.mark.parametrize("status", [*RuntimeStatus])
@pytest.mark.semantics(3, 4, 5, 6, 7)
def test_what_each_action_does_to_a_run_of_each_status(
    world: World, clock: VirtualClock, status: str
) -> None:
    world.open(waits)
    others = [each for each in RuntimeStatus if each != status]
    policies: dict[str, Any] = {
        "none": None,
        "error": ReuseIdPolicy("ERROR", status),
        "ignore": ReuseIdPolicy("ignore", status),
        "terminate": ReuseIdPolicy("TERMINATE", [status]),
        "ignore-others": ReuseIdPolicy("IGNORE", others),
        "terminate-others": ReuseIdPolicy("terminate", others),
        "nobody": ReuseIdPolicy("TERMINATE", []),
    }
    for name, policy in policies.items():
        old = run_that_is(world, status, name)
        before, history = old.state(), old.history()
        clock.advance(seconds=5)
        if name != "ignore" and name != "terminate" and status not in ENDED:
            with pytest.raises(
                InstanceExistsError, match=f"{name} exists and is {status}: `%wf show {name}`"
            ):
                world.start(waits, "new", name, reuse_id_policy=policy)
            assert (old.state(), old.history()) == (before, history)
            continue
        new = world.start(waits, "new", name, reuse_id_policy=policy)
        assert new.instance_id == name
        if name == "ignore":
            assert (old.state(), old.history()) == (before, history)
            continue
        world.until_waiting(name, "go")
        after = new.state()
        assert (after.input, after.output, after.runtime_status) == ("new", None, "RUNNING")
        assert after.created_at == clock.now()
        assert len(executions(world, name)) == (1 if status == "PENDING" and name != "terminate" else 2)
        new.raise_event("go", "on")
        assert new.result(10) == "new on"
    assert [row for row in world.inbox() if row.instance_id == "terminate"] == []


@pytest.mark.semantics(6, 67)
def test_terminate_is_one_transaction(world: World) -> None:
    world.open(waits, calls)
    old = world.start(calls, "below", "order-42")
    world.until_waiting("below", "go")
    policy = ReuseIdPolicy("TERMINATE")
    world.store.fault = fails_for("order-42")
    with pytest.raises(StoreError, match="no room for order-42"):
        world.start(waits, "new", "order-42", reuse_id_policy=policy)
    world.store.fault = never_fails
    assert (old.status, old.state().input, len(executions(world, "order-42"))) == ("RUNNING", "below", 1)
    assert "ExecutionTerminated" not in kinds(old.history())
    assert world.handle("below").status == "RUNNING"
    until_handled(world)

    world.store.log.clear()
    world.start(waits, "new", "order-42", reuse_id_policy=policy)
    [commit] = [each for each in world.store.log if appends(each, "order-42", ExecutionTerminated)]
    rows = [each.record for each in commit if isinstance(each, PutInstance)]
    assert [(row.instance_id, row.status, row.input) for row in rows] == [
        ("order-42", "TERMINATED", '"below"'),
        ("order-42", "PENDING", '"new"'),
    ]
    posted = [each.row for each in commit if isinstance(each, PutInbox)]
    assert [(row.instance_id, type(row.event).__name__) for row in posted] == [
        ("below", "ExecutionTerminated"),
        ("order-42", "ExecutionStarted"),
    ]
    world.until_status("below", "TERMINATED")
    world.until_waiting("order-42", "go")
    first, second = executions(world, "order-42")
    ends = [
        world.runtime.read(lambda store, e=each: store.read_history("order-42", e))
        for each in (first, second)
    ]
    assert kinds(ends[0])[-1] == "ExecutionTerminated"
    assert kinds(ends[1])[-1] == "EventWaitCreated"


@pytest.mark.semantics(6, 67)
def test_after_a_crash_right_behind_it_the_new_run_goes_on_and_all_below_the_old_one_ends(
    world: World,
) -> None:
    definitions = [waits, calls]
    world.open(*definitions)
    world.start(calls, "below", "order-42")
    world.until_waiting("below", "go")
    replaced = threading.Event()

    def fault(operations: Any) -> Exception | None:
        if appends(operations, "order-42", ExecutionTerminated):
            replaced.set()
            return None
        return StoreError("crashed") if replaced.is_set() else None

    world.store.fault = fault
    world.start(waits, "new", "order-42", reuse_id_policy=ReuseIdPolicy("TERMINATE"))
    assert replaced.is_set()
    world.crash()
    world.open(*definitions)
    world.until_status("below", "TERMINATED")
    world.until_waiting("order-42", "go")
    run = world.handle("order-42")
    run.raise_event("go", "on")
    assert run.result(10) == "new on"
    until_handled(world)


@pytest.mark.semantics(6)
def test_what_a_completed_run_has_left_below_ends_with_it(world: World) -> None:
    @workflow
    async def leaves(ctx: WorkflowContext) -> None:
        ctx.call_child_workflow(calls, input="below", instance_id="middle")
        await ctx.create_timer(0)

    world.open(leaves, calls, waits)
    run = world.start(leaves, None, "order-42")
    run.result(10)
    world.until_waiting("below", "go")
    kept = ReuseIdPolicy("TERMINATE", ["RUNNING"])
    world.start(leaves, None, "order-42", reuse_id_policy=kept).result(10)
    assert world.handle("below").status == "RUNNING", "an ended ID is free, and nothing else is touched"
    world.start(waits, "new", "order-42", reuse_id_policy=ReuseIdPolicy("TERMINATE", ["COMPLETED"]))
    for name in ("middle", "below"):
        world.until_status(name, "TERMINATED")
    world.until_waiting("order-42", "go")


@pytest.mark.semantics(6, 60)
def test_the_new_run_may_begin_later_than_the_old_one_ends(world: World, clock: VirtualClock) -> None:
    world.open(waits)
    old = world.start(waits, "old", "order-42")
    world.until_waiting(old, "go")
    new = world.start(
        waits,
        "new",
        "order-42",
        start_at=clock.now() + timedelta(hours=1),
        reuse_id_policy=ReuseIdPolicy("TERMINATE", "RUNNING"),
    )
    assert (new.status, new.state().input, executions(world, "order-42").__len__()) == ("PENDING", "new", 1)
    world.reopen(waits, crash=True)
    assert world.handle(new).status == "PENDING"
    clock.advance(hours=1)
    world.until_waiting(new, "go")
    world.handle(new).raise_event("go", "on")
    assert world.handle(new).result(10) == "new on"
    until_handled(world)


@pytest.mark.semantics(6)
def test_who_waits_for_a_run_that_is_replaced_hears_of_its_end(world: World) -> None:
    world.open(waits)
    old = world.start(waits, "old", "order-42")
    world.until_waiting(old, "go")
    waiting = world.client.watch("order-42", lambda record: record.status.is_terminal)
    world.start(waits, "new", "order-42", reuse_id_policy=ReuseIdPolicy("TERMINATE"))
    record = waiting.result(10)
    assert (record.status, record.input) == ("TERMINATED", '"old"')
    outcome: list[BaseException] = []

    def wait() -> None:
        try:
            world.handle("order-42").result(20)
        except WorkflowTerminatedError as error:
            outcome.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    while not world.runtime._engine.watchers._waiters.get("order-42"):  # type: ignore[union-attr]
        pass
    world.start(waits, "newest", "order-42", reuse_id_policy=ReuseIdPolicy("TERMINATE"))
    thread.join(20)
    assert [str(error) for error in outcome] == ["order-42 was terminated"]


@pytest.mark.parametrize("action", ["ERROR", "IGNORE", "TERMINATE"])
@pytest.mark.semantics(2, 4)
def test_of_many_starts_at_once_each_policy_leaves_one_run(world: World, action: str) -> None:
    world.open(waits)
    count, together = 8, threading.Barrier(8)
    outcomes: list[object] = []

    def start(n: int) -> None:
        together.wait()
        try:
            outcomes.append(world.start(waits, f"run {n}", "order-42", reuse_id_policy=ReuseIdPolicy(action)))
        except InstanceExistsError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=start, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    refused = [outcome for outcome in outcomes if isinstance(outcome, InstanceExistsError)]
    assert len(outcomes) == count
    assert len(refused) == (count - 1 if action == "ERROR" else 0)
    world.until_waiting("order-42", "go")
    histories = [
        world.runtime.read(lambda store, e=each: store.read_history("order-42", e))
        for each in executions(world, "order-42")
    ]
    assert len(histories) == (count if action == "TERMINATE" else 1)
    assert all(kinds(each)[-1] == "ExecutionTerminated" for each in histories[:-1])
    run = world.handle("order-42")
    run.raise_event("go", "on")
    assert run.result(10) == f"{run.state().input} on"
    until_handled(world)


@pytest.mark.parametrize("how", ["TERMINATE", "terminate and start"])
@pytest.mark.semantics(2)
def test_nothing_meant_for_the_old_run_reaches_the_new_one(
    world: World, clock: VirtualClock, how: str
) -> None:
    is_running, may_return = threading.Event(), threading.Event()
    fresh = threading.Event()

    @activity
    def work(word: str) -> str:
        if word == "old":
            is_running.set()
            wait_for(may_return)
        else:
            wait_for(fresh)
        return f"work of {word}"

    @workflow
    async def all_at_once(ctx: WorkflowContext, word: str) -> list[Any]:
        """An activity, a timer and a child, with the same numbers in each run."""
        activity, child = work(word), ctx.call_child_workflow(waits, input=word, instance_id=f"child-{word}")
        timer = ctx.create_timer(60 if word == "old" else 3600)
        first = ctx.wait_for_external_event("look")
        seen = [task.is_complete for task in (activity, child, timer)]
        await first
        seen += [task.is_complete for task in (activity, child, timer)]
        return [*seen, await activity, await child]

    world.open(all_at_once, waits)
    old = world.start(all_at_once, "old", "order-42")
    wait_for(is_running)
    world.until_waiting("child-old", "go")
    policy = None
    if how == "TERMINATE":
        policy = ReuseIdPolicy("TERMINATE")
    else:
        old.terminate(recursive=False)
        world.until_status(old, "TERMINATED")
    run = world.start(all_at_once, "new", "order-42", reuse_id_policy=policy)
    world.until_waiting(run, "look")
    may_return.set()
    clock.advance(seconds=61)
    child = world.handle("child-old")
    if how == "TERMINATE":
        world.until_status(child, "TERMINATED")
    else:
        child.raise_event("go", "late")
        assert child.result(10) == "old late"
    world.start(waits, "behind", "behind")  # begins behind all that came before it
    world.until_waiting("behind", "go")
    run.raise_event("look")
    fresh.set()
    world.until_waiting("child-new", "go")
    world.handle("child-new").raise_event("go", "on")
    assert run.result(10) == [False] * 6 + ["work of new", "new on"]
    assert of_kind(run.history(), ExecutionTerminated) == []


@pytest.mark.semantics(6, 12)
def test_a_run_that_stalls_at_its_first_step_has_taken_the_other_ones_place_all_the_same(
    world: World,
) -> None:
    @workflow
    async def leaves(ctx: WorkflowContext) -> None:
        ctx.call_child_workflow(waits, input="x", instance_id="below")
        await ctx.create_timer(0)

    world.open(leaves, waits)
    world.start(leaves, None, "order-42").result(10)
    world.until_waiting("below", "go")
    run = world.start(waits, "stalls", "order-42", reuse_id_policy=ReuseIdPolicy("TERMINATE"))
    world.until_status("below", "TERMINATED")
    for _ in range(2):
        with pytest.raises(WorkflowStalledError, match="missing_name"):
            run.resume()
        world.until_status(run, "STALLED")
        statuses = {state.instance_id: state.runtime_status for state in world.client.list_workflows()}
        assert statuses == {"order-42": "STALLED", "below": "TERMINATED"}, "as the store has it, too"


@pytest.mark.semantics(5)
def test_who_ignores_a_run_that_could_not_be_written_is_told_so(quick_world: World) -> None:
    world = quick_world
    world.open(waits)
    fails = StoreError("the disk is full")
    with held_commit(world, lambda operations: True, error=fails) as gate:
        first = start_soon(world, waits, "first", "order-42")
        gate.wait()
        second = start_soon(world, waits, "second", "order-42", ReuseIdPolicy("IGNORE"))
        assert not second.done(), "nobody knows yet"
    assert isinstance(first.exception(20), StoreError)
    assert isinstance(second.exception(20), StoreError)
    assert world.client.list_workflows() == []
