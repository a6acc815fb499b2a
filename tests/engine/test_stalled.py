"""STALLED: the run waits for its owner, nothing of it is lost, and each reason has its way out (S12, S52)."""

import asyncio
import linecache
import re
import threading
from typing import Any

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core import loop
from nbflow.core.history import HistoryEvent, TaskCompleted, TaskScheduled
from nbflow.core.operations import AppendHistory, PutInstance
from nbflow.core.state import StallReason
from nbflow.definitions import WorkflowDefinition
from nbflow.errors import UnknownHistoryKindError, WorkflowStalledError
from tests.engine.gates import held_commit
from tests.engine.worlds import World, kinds, of_kind, touches, wait_for


def workflow_of(source: str, name: str = "order", **namespace: Any) -> WorkflowDefinition[Any, Any]:
    """A workflow from its text: a version of `order`."""
    code = compile(source, f"<{name}>", "exec")
    exec(code, namespace)
    return WorkflowDefinition(namespace[name], source=source)


@activity
def check(x: int) -> bool:
    return x > 0


@activity
def charge(x: int) -> int:
    return 100 * x


FIRST = """
async def order(ctx, x: int) -> int:
    ok = await check(x)
    got = await ctx.wait_for_external_event("go")
    return await charge(x) + got
"""
FITS = FIRST.replace("return await charge(x) + got", "return await charge(x) - got")
DIFFERS = FIRST.replace("    ok = await check(x)", "    fee = await charge(x)\n    ok = await check(x)")


def version(source: str) -> WorkflowDefinition[Any, Any]:
    return workflow_of(source, check=check, charge=charge)


def start_waiting(world: World) -> None:
    """Start order-42 under the first version, until it waits for 'go', and close."""
    world.open(version(FIRST))
    world.until_waiting(world.start("order", 2, "order-42"), "go")
    world.close()


def stall(world: World) -> None:
    """Open without the first version, and have order-42 notice."""
    world.client.raise_workflow_event("order-42", "go", data=5)
    world.until_status("order-42", "STALLED")


def test_s52_a_run_whose_workflow_is_missing_waits_for_it(world: World) -> None:
    start_waiting(world)
    world.open()
    stall(world)
    run = world.handle("order-42")
    state = run.state()
    assert state.stall.reason is StallReason.CODE_MISSING
    assert state.stall.message == "order-42 waits for code: run the cell that defines `order`"
    assert state.waits_for[0] == "code of order"
    with pytest.raises(WorkflowStalledError, match="order-42 is stalled: order-42 waits for code"):
        run.result(10)
    assert "EventRaised" not in kinds(run.history())
    assert [row.event.name for row in world.inbox()] == ["go"]
    world.runtime.register(version(FIRST))
    assert run.result(10) == 205  # it goes on by itself, and the event is still there
    assert run.state().stall is None
    assert world.inbox() == []


def test_s52_registering_other_code_changes_nothing(world: World) -> None:
    start_waiting(world)
    world.open()
    stall(world)
    world.runtime.register(check, workflow_of("async def other() -> int:\n    return 1\n", "other"))
    assert world.handle("order-42").status == "STALLED"
    assert world.start("other").result(10) == 1
    assert world.handle("order-42").status == "STALLED"


def test_s52_a_stalled_run_is_stalled_after_a_restart_and_goes_on_where_the_code_is_there(
    world: World,
) -> None:
    start_waiting(world)
    world.open()
    stall(world)
    world.reopen()
    assert world.handle("order-42").status == "STALLED"
    world.reopen(version(FIRST), crash=True)
    assert world.handle("order-42").result(10) == 205


def test_s52_a_run_is_not_stalled_before_it_needs_its_code(world: World) -> None:
    start_waiting(world)
    world.open()
    run = world.handle("order-42")
    assert run.status == "RUNNING"
    assert "code of order" in run.state().waits_for


def missing_activity(world: World) -> Any:
    """A workflow that calls an activity by a name that nobody has registered."""

    @workflow
    async def calls(ctx: WorkflowContext) -> list:
        first = ctx.call_activity("unheard_of", input=2)
        second = ctx.call_activity("check", input=2)
        return [await first, await second]

    world.open(calls, check)
    run = world.start(calls, None, "order-42")
    world.until_status(run, "STALLED")
    return calls


def test_s52_a_run_whose_activity_is_missing_waits_for_it(world: World) -> None:
    missing_activity(world)
    run = world.handle("order-42")
    message = "order-42 waits for code: run the cell that defines the activity `unheard_of`"
    assert run.state().stall.message == message
    assert "code of unheard_of" in run.state().waits_for
    world.until_kept(TaskCompleted)  # the other activity's result waits as well

    @activity
    def unheard_of(x: int) -> int:
        return 10 * x

    world.runtime.register(unheard_of)
    assert run.result(10) == [20, True]
    assert [event.name for event in of_kind(run.history(), TaskScheduled)] == ["unheard_of", "check"]
    assert world.inbox() == []


@pytest.mark.parametrize("known", [False, True], ids=["still missing", "there"])
def test_s52_a_missing_activity_over_a_restart(world: World, known: bool) -> None:
    calls = missing_activity(world)

    @activity
    def unheard_of(x: int) -> int:
        return 10 * x

    world.reopen(calls, check, *([unheard_of] if known else []), crash=True)
    run = world.handle("order-42")
    if not known:
        world.until_status(run, "STALLED")
        world.runtime.register(unheard_of)
    assert run.result(10) == [20, True]


def test_s52_whoever_waits_for_a_try_is_not_told_of_the_one_before(world: World) -> None:
    """Code comes while a try of a stalled run is being written that had to do without it."""
    calls = missing_activity(world)

    @activity
    def unheard_of(x: int) -> int:
        return 10 * x

    world.crash()
    told: list[Any] = []
    seen: list[HistoryEvent] = []
    with held_commit(world, lambda operations: any(touches(each, "order-42") for each in operations)) as gate:
        world.open(calls, check)
        gate.wait()  # it is tried without the activity, and stalls again
        engine: Any = world.runtime._engine
        known = len(world.store.inner.read_history("order-42"))
        world.runtime.subscribe("order-42", lambda record, events: seen.extend(events))

        def arrives() -> None:
            engine.registry.add(unheard_of)
            engine.activities.code_arrived()
            engine.retry(engine.residents.get("order-42"))

        engine._loop.call_soon_threadsafe(arrives)

        def ask() -> None:
            try:
                told.append(world.client.handle("order-42").result(10))
            except WorkflowStalledError as error:
                told.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        while "order-42" not in engine.watchers._waiters:
            assert asking.is_alive()
    asking.join(20)
    assert told == [[20, True]]
    assert seen == world.handle("order-42").history()[known:]  # whoever looks on misses nothing


def test_s52_a_missing_activity_noticed_on_reopening_stalls_the_run(world: World) -> None:
    may_return, is_running = threading.Event(), threading.Event()

    @activity
    def slow() -> int:
        is_running.set()
        may_return.wait(20)
        return 1

    @workflow
    async def calls(ctx: WorkflowContext) -> int:
        return await ctx.call_activity("slow")

    world.open(calls, slow)
    run = world.start(calls, None, "order-42")
    wait_for(is_running)
    world.crash()
    may_return.set()
    world.open(calls)
    run = world.handle("order-42")
    world.until_status(run, "STALLED")
    assert "the activity `slow`" in run.state().stall.message
    world.runtime.register(slow)
    assert run.result(10) == 1


@pytest.mark.semantics(63)
def test_a_run_that_waits_for_an_activity_can_be_terminated_and_its_id_used_again(world: World) -> None:
    calls = missing_activity(world)
    run = world.handle("order-42")
    run.terminate()
    world.until_status(run, "TERMINATED")
    ran: list[int] = []

    @activity
    def unheard_of(x: int) -> int:
        ran.append(x)
        return 10 * x

    world.runtime.register(unheard_of)
    assert world.start(calls, None, "order-42").result(10) == [20, True]
    assert ran == [2]  # that of the terminated run never begins


def test_s12_resume_does_not_hide_that_an_activity_is_missing(world: World) -> None:
    missing_activity(world)
    run = world.handle("order-42")
    with pytest.raises(WorkflowStalledError, match="run the cell that defines the activity `unheard_of`"):
        run.resume()
    assert run.status == "STALLED"


def test_s12_changed_code_stalls_and_names_both_ways_out(world: World) -> None:
    start_waiting(world)
    world.open(version(FITS))
    stall(world)
    message = world.handle("order-42").state().stall.message
    assert message == (
        "order-42 was started with another version of `order`: run the cell that defines that version, or "
        "`%wf resume order-42` to go on with the present one"
    )
    world.runtime.register(version(FIRST))
    assert world.handle("order-42").result(10) == 205


def test_s12_resume_adopts_a_version_that_fits(world: World) -> None:
    start_waiting(world)
    world.open(version(FITS))
    stall(world)
    run = world.handle("order-42")
    run.resume()
    assert run.result(10) == 195
    assert world.client.snapshot("order-42")[0].definition == version(FITS).code_hash


def test_s12_an_adopted_version_stays_adopted_over_a_restart(world: World) -> None:
    two_waits = FIRST.replace(
        "return await charge(x) + got",
        'more = await ctx.wait_for_external_event("more")\n    return await charge(x) - got - more',
    )
    start_waiting(world)
    world.open(version(two_waits))
    stall(world)
    run = world.handle("order-42")
    run.resume()
    world.until_waiting(run, "more")
    world.reopen(version(two_waits), crash=True)
    run = world.handle("order-42")
    run.raise_event("more", 1)
    assert run.result(10) == 194


def test_s12_resume_refuses_a_version_that_does_not_fit_and_says_where(world: World) -> None:
    start_waiting(world)
    world.open(version(DIFFERS))
    stall(world)
    run = world.handle("order-42")
    with pytest.raises(
        WorkflowStalledError, match="order-42 can't go on: the code no longer matches"
    ) as caught:
        run.resume()
    report = run.state().stall
    assert report.reason is StallReason.DIVERGED
    assert report.expected == "call of activity check(2)"
    assert report.actual == "call of activity charge(2)"
    assert (report.file, report.line) == ("<order>", 3)
    assert "line 3" in str(caught.value)
    assert [row.event.name for row in world.inbox()] == ["go"]
    world.runtime.register(version(FIRST))  # the pinned version is still the pinned one
    assert run.result(10) == 205


def test_s12_the_refusal_is_kept_until_something_about_this_workflow_changes(world: World) -> None:
    start_waiting(world)
    world.open(version(DIFFERS))
    stall(world)
    run = world.handle("order-42")
    with pytest.raises(WorkflowStalledError):
        run.resume()
    world.reopen()
    world.runtime.register(check)
    assert run.instance_id == "order-42"
    assert world.handle("order-42").state().stall.reason is StallReason.DIVERGED


def test_s12_resume_without_any_version_says_what_is_missing(world: World) -> None:
    start_waiting(world)
    world.open()
    stall(world)
    with pytest.raises(WorkflowStalledError, match="run the cell that defines `order`"):
        world.handle("order-42").resume()


def test_s12_a_nondeterministic_workflow_stalls_and_goes_on_once_it_repeats_itself(world: World) -> None:
    world.cache_size = 0
    calls = {"which": check}

    @workflow
    async def unsteady(ctx: WorkflowContext, x: int) -> str:
        await calls["which"](x)
        await ctx.wait_for_external_event("go")
        return "done"

    world.open(unsteady, check, charge)
    run = world.start(unsteady, 2, "order-42")
    world.until_waiting(run, "go")
    calls["which"] = charge
    run.raise_event("go")
    world.until_status(run, "STALLED")
    report = run.state().stall
    assert report.reason is StallReason.DIVERGED
    assert report.file == __file__
    assert 'await calls["which"](x)' in linecache.getline(__file__, report.line)
    calls["which"] = check
    run.resume()
    assert run.result(10) == "done"


def test_s12_an_unresolved_name_stalls_and_goes_on_when_it_is_there(world: World) -> None:
    namespace: dict[str, Any] = {"check": check}
    source = "async def order(ctx, x: int) -> int:\n    await check(x)\n    return shipping(x)\n"
    exec(compile(source, "<order>", "exec"), namespace)
    order = WorkflowDefinition(namespace["order"], source=source)
    world.open(order)
    run = world.start(order, 2, "order-42")
    world.until_status(run, "STALLED")
    assert run.state().stall.reason is StallReason.CODE_MISSING
    assert "name 'shipping' is not defined" in run.state().stall.message
    namespace["shipping"] = lambda x: 7 * x
    world.runtime.register(order)
    assert run.result(10) == 14
    assert kinds(run.history()).count("TaskCompleted") == 1


@pytest.mark.semantics(81)
def test_an_unreadable_history_stalls_the_run_and_is_not_skipped(world: World) -> None:
    start_waiting(world)
    world.open(version(FIRST))
    read_history = world.store.inner.read_history

    def newer(instance_id: str, execution_id: str | None = None, **how: bool) -> Any:
        if instance_id == "order-42":
            raise UnknownHistoryKindError("history row 3 is a 'Wormhole' of format 9: update nbflow")
        return read_history(instance_id, execution_id, **how)

    world.store.read_history = newer
    run = world.handle("order-42")
    run.raise_event("go", 5)
    world.until_status_of_row("order-42", "STALLED")
    assert "update nbflow" in run.state().stall.message
    assert [state.instance_id for state in world.client.list_workflows()] == ["order-42"]
    assert world.start(version(FIRST), 1, "other").instance_id == "other"
    del world.store.read_history
    run.resume()
    assert run.result(10) == 205


def test_s17_a_loop_that_never_rests_is_stuck(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "MAX_STEPS", 2_000)

    @workflow
    async def spins(ctx: WorkflowContext) -> None:
        await ctx.wait_for_external_event("go")
        while True:
            await asyncio.sleep(0)

    world.open(spins, version(FIRST))
    run = world.start(spins, None, "order-42")
    world.until_waiting(run, "go")
    run.raise_event("go")
    world.until_status(run, "STALLED")
    report = run.state().stall
    assert report.reason is StallReason.STUCK
    assert "never comes to rest" in report.message
    assert report.file == __file__
    assert "EventRaised" not in kinds(run.history())
    other = world.start(version(FIRST), 1, "other")
    world.until_waiting(other, "go")  # the others go on
    run.terminate()
    world.until_status(run, "TERMINATED")


def test_a_system_exit_in_workflow_code_ends_the_run_and_nothing_else(world: World) -> None:
    @workflow
    async def exits(ctx: WorkflowContext) -> None:
        async def branch() -> None:
            raise SystemExit(3)

        task = asyncio.ensure_future(branch())
        await ctx.wait_for_external_event("go")
        await task

    world.open(exits, version(FIRST))
    run = world.start(exits, None, "order-42")
    world.until_waiting(run, "go")
    run.raise_event("go")
    world.until_status(run, "FAILED")
    assert run.state().failure_details.type == "SystemExit"
    world.until_waiting(world.start(version(FIRST), 1, "other"), "go")


@pytest.mark.semantics(12)
def test_s67_nothing_of_a_turn_that_stalls_is_written_but_the_stall(world: World) -> None:
    start_waiting(world)
    world.open(version(DIFFERS))
    world.store.log.clear()
    stall(world)
    about_it = [
        operation
        for operations in world.store.log
        for operation in operations
        if isinstance(operation, (AppendHistory, PutInstance))
    ]
    assert [type(operation) for operation in about_it] == [PutInstance]
    assert about_it[0].record.status == "STALLED"


def test_s12_a_stall_that_stays_the_same_is_not_written_again(world: World) -> None:
    start_waiting(world)
    world.open()
    stall(world)
    world.store.log.clear()
    for _ in range(3):
        with pytest.raises(WorkflowStalledError):
            world.handle("order-42").resume()
    assert [o for operations in world.store.log for o in operations if isinstance(o, PutInstance)] == []


@pytest.mark.semantics(52)
def test_code_that_is_registered_while_the_turn_is_under_way_is_not_missed(world: World) -> None:
    start_waiting(world)
    world.open()
    first = version(FIRST)
    registrations = [threading.Thread(target=world.runtime.register, args=(first,)) for _ in range(4)]
    for registration in registrations:
        registration.start()
    world.client.raise_workflow_event("order-42", "go", data=5)
    for registration in registrations:
        registration.join()
    assert world.handle("order-42").result(10) == 205


@pytest.mark.semantics(52)
def test_a_register_that_unblocks_many_runs_unblocks_all_of_them(world: World) -> None:
    world.open(version(FIRST))
    for n in range(30):
        world.start("order", n, f"order-{n}")
    for n in range(30):
        world.until_waiting(f"order-{n}", "go")
    world.reopen()
    for n in range(30):
        world.client.raise_workflow_event(f"order-{n}", "go", data=1)
    for n in range(30):
        world.until_status(f"order-{n}", "STALLED")
    world.runtime.register(version(FIRST))
    assert [world.handle(f"order-{n}").result(20) for n in range(30)] == [100 * n + 1 for n in range(30)]


def test_what_a_stalled_run_said_matches_nothing_of_this_place(world: World) -> None:
    start_waiting(world)
    world.open(version(DIFFERS))
    stall(world)
    with pytest.raises(WorkflowStalledError) as caught:
        world.handle("order-42").resume()
    assert not re.search(r"0x[0-9a-f]+|nbflow/", str(caught.value))
