"""Starting runs, and what can be asked of them."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core.history import ExecutionStarted, TaskCompleted
from nbflow.errors import (
    ArgumentsError,
    InstanceExistsError,
    InstanceNotFoundError,
    InstanceStateError,
    InvalidInstanceIdError,
    PayloadError,
    UnknownWorkflowError,
    WorkflowFailedError,
    WorkflowTerminatedError,
)
from tests.engine.worlds import VirtualClock, World, kinds, of_kind, wait_for


@activity
def double(x: int) -> int:
    return 2 * x


@workflow
async def twice(x: int) -> int:
    return await double(x)


@workflow
async def waits(ctx: WorkflowContext, x: int) -> list[int]:
    got = await ctx.wait_for_external_event("go", data_type=int)
    return [x, got]


def test_a_run_returns_what_its_workflow_returns(world: World) -> None:
    world.open(twice)
    run = world.start(twice, 21, "order-42")
    assert run.result(10) == 42
    assert run.result(10) == 42
    assert (run.instance_id, run.name) == ("order-42", "twice")
    assert kinds(run.history()) == [
        "WorkflowStarted",
        "ExecutionStarted",
        "TaskScheduled",
        "WorkflowStarted",
        "TaskCompleted",
        "ExecutionCompleted",
    ]
    assert [event.seq for event in run.history()] == [1, 2, 3, 4, 5, 6]


def test_s1_ids_are_unique_and_made_up_where_none_is_given(world: World) -> None:
    world.open(twice)
    runs = [world.start(twice, n) for n in range(3)]
    assert len({run.instance_id for run in runs}) == 3
    assert [run.result(10) for run in runs] == [0, 2, 4]


def test_s61_the_state_tells_everything(world: World) -> None:
    world.open(waits)
    before = datetime.now(UTC)
    run = world.start(waits, 5, "order-42")
    world.until_waiting(run, "go")
    state = run.state()
    assert state.instance_id == "order-42"
    assert state.name == "waits"
    assert state.runtime_status == run.status == "RUNNING"
    assert before <= state.created_at <= state.last_updated_at <= datetime.now(UTC)
    assert (state.input, state.output, state.custom_status, state.failure_details) == (5, None, None, None)
    assert state.waits_for == ("event 'go'",)
    run.raise_event("go", 6)
    assert run.result(10) == [5, 6]
    state = run.state()
    assert (state.runtime_status, state.output, state.waits_for) == ("COMPLETED", [5, 6], ())
    assert state.last_updated_at >= state.created_at


def test_s61_custom_status_is_in_the_state(world: World) -> None:
    @workflow
    async def publishes(ctx: WorkflowContext) -> None:
        ctx.set_custom_status({"step": 1})
        await ctx.wait_for_external_event("go")
        ctx.set_custom_status("done")

    world.open(publishes)
    run = world.start(publishes)
    world.until_waiting(run, "go")
    assert run.state().custom_status == {"step": 1}
    run.raise_event("go")
    run.result(10)
    assert run.state().custom_status == "done"


def test_s53_an_unhandled_error_fails_the_run_with_the_author_s_lines(world: World) -> None:
    @workflow
    async def breaks() -> None:
        raise ValueError("out of stock")

    world.open(breaks)
    run = world.start(breaks)
    with pytest.raises(WorkflowFailedError, match="out of stock") as caught:
        run.result(10)
    assert caught.value.details.type == "ValueError"
    assert 'raise ValueError("out of stock")' in caught.value.details.stack_trace
    assert run.state().failure_details == caught.value.details
    assert run.status == "FAILED"


def test_lists_are_filtered_and_paged(world: World) -> None:
    world.open(twice, waits)
    done = [world.start(twice, n, f"done-{n}") for n in range(3)]
    for run in done:
        run.result(10)
    open_run = world.start(waits, 1, "open-1")
    world.until_waiting(open_run, "go")

    def ids(**filters: object) -> list[str]:
        return [state.instance_id for state in world.client.list_workflows(**filters)]

    assert ids() == ["done-0", "done-1", "done-2", "open-1"]
    assert ids(status="RUNNING") == ["open-1"]
    assert ids(name="twice") == ["done-0", "done-1", "done-2"]
    assert ids(limit=2) == ["done-0", "done-1"]
    assert ids(after="done-1") == ["done-2", "open-1"]


@pytest.mark.semantics(62)
def test_an_unknown_instance_is_an_error_that_names_it(world: World) -> None:
    world.open(twice)
    client = world.client
    for ask in (
        client.get_workflow_state,
        client.get_workflow_history,
        client.handle,
        client.terminate_workflow,
        client.pause_workflow,
        client.resume_workflow,
        client.purge_workflow,
        client.wait_for_workflow_completion,
        lambda unknown: client.raise_workflow_event(unknown, "go"),
    ):
        with pytest.raises(InstanceNotFoundError, match="order-7"):
            ask("order-7")


@pytest.mark.parametrize("bad", ["", "a b", "a:b", "a/b", "ä", "x" * 257, "a\n"])
def test_s59_an_id_has_letters_digits_underscore_and_hyphen(quick_world: World, bad: str) -> None:
    quick_world.open(twice)
    with pytest.raises(InvalidInstanceIdError, match="letters, digits"):
        quick_world.start(twice, 1, bad)
    assert quick_world.client.list_workflows() == []


def test_s59_the_longest_id(world: World) -> None:
    world.open(twice)
    assert world.start(twice, 1, "x" * 256).result(10) == 2


def test_s3_an_active_id_is_refused_with_its_status(world: World) -> None:
    world.open(waits)
    run = world.start(waits, 1, "order-42")
    with pytest.raises(InstanceExistsError, match=r"order-42 exists and is (PENDING|RUNNING)"):
        world.start(waits, 2, "order-42")
    world.until_waiting(run, "go")
    with pytest.raises(InstanceExistsError, match="order-42 exists and is RUNNING"):
        world.start(waits, 2, "order-42")
    run.raise_event("go", 3)
    assert run.result(10) == [1, 3]


def test_s3_of_many_starts_with_one_id_one_succeeds(world: World) -> None:
    world.open(waits)
    refused: list[Exception] = []
    barrier = threading.Barrier(8)

    def start(n: int) -> None:
        barrier.wait()
        try:
            world.start(waits, n, "order-42")
        except InstanceExistsError as error:
            refused.append(error)

    threads = [threading.Thread(target=start, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 7
    run = world.handle("order-42")
    world.until_waiting(run, "go")
    assert len(of_kind(run.history(), ExecutionStarted)) == 1


@pytest.mark.parametrize("end", ["completed", "failed", "terminated"])
def test_s3_the_id_of_a_run_that_has_ended_can_be_used_again(world: World, end: str) -> None:
    @workflow
    async def ends(ctx: WorkflowContext, how: str) -> str:
        if how == "failed":
            raise ValueError
        if how == "terminated":
            await ctx.wait_for_external_event("never")
        return how

    world.open(ends)
    run = world.start(ends, end, "order-42")
    first = run.state()
    if end == "terminated":
        world.until_waiting(run, "never")
        run.terminate()
    world.until_status(run, end.upper())
    executions = {run.history()[1].execution_id}
    again = world.start(ends, "completed", "order-42")
    assert again.result(10) == "completed"
    executions.add(again.history()[1].execution_id)
    assert len(executions) == 2
    state = again.state()
    assert state.failure_details is None
    assert state.created_at > first.created_at
    assert kinds(again.history()) == ["WorkflowStarted", "ExecutionStarted", "ExecutionCompleted"]


def test_s2_a_late_result_never_reaches_the_next_execution(world: World) -> None:
    may_return = threading.Event()
    calls: list[int] = []

    @activity
    def slow(n: int) -> int:
        calls.append(n)
        if n == 1:
            wait_for(may_return)
        return n

    @workflow
    async def calls_slow(ctx: WorkflowContext, n: int) -> int:
        got = await slow(n)
        await ctx.wait_for_external_event("go")
        return got

    world.open(calls_slow)
    old = world.start(calls_slow, 1, "order-42")
    world.until(old, lambda record, history: "TaskScheduled" in kinds(history))
    old.terminate()
    world.until_status(old, "TERMINATED")
    new = world.start(calls_slow, 2, "order-42")
    world.until_waiting(new, "go")
    late = threading.Event()
    executor_done = world.start(calls_slow, 3, "other")  # behind this one the late result has been through
    may_return.set()
    world.until_waiting(executor_done, "go")
    new.raise_event("go")
    assert new.result(10) == 2
    assert [event.result for event in of_kind(new.history(), TaskCompleted)] == ["2"]
    assert not late.is_set()
    assert sorted(calls) == [1, 2, 3]


def test_s60_the_input_is_what_was_given(world: World) -> None:
    @workflow
    async def echo(given: dict) -> dict:
        return given

    world.open(echo)
    value = {"ä": [1, 2.5, None, True, "x\u2028"], "nested": {"": []}}
    run = world.start(echo, value)
    assert run.result(10) == value
    assert run.state().input == value


@pytest.mark.parametrize("bad", [{"x": float("nan")}, {1: 2}, {"x": {3}}, object()])
def test_s68_an_input_that_json_cannot_carry_starts_nothing(quick_world: World, bad: object) -> None:
    @workflow
    async def takes(x) -> None:
        pass

    quick_world.open(takes)
    with pytest.raises(PayloadError):
        quick_world.start(takes, bad)
    assert quick_world.client.list_workflows() == []


def test_wrong_arguments_start_nothing(quick_world: World) -> None:
    @workflow
    async def pair(x: int, y: int) -> int:
        return x + y

    quick_world.open(pair)
    with pytest.raises(ArgumentsError, match=r"pair\(x: int, y: int\)"):
        quick_world.start(pair, {"x": 1})
    assert quick_world.client.list_workflows() == []


def test_an_unknown_workflow_is_an_error_that_names_the_known_ones(quick_world: World) -> None:
    quick_world.open(twice, waits)
    with pytest.raises(UnknownWorkflowError, match="twice, waits"):
        quick_world.start("thrice", 1)
    assert quick_world.start("twice", 2).result(10) == 4


def test_s60_start_at_keeps_the_run_pending(world: World, clock: VirtualClock) -> None:
    world.open(twice)
    run = world.start(twice, 3, "later", start_at=clock.now() + timedelta(days=30))
    assert run.status == "PENDING"
    assert run.state().waits_for == ("its start at 2030-01-31 00:00:00 UTC",)
    clock.advance(days=29)
    assert (run.status, run.history()) == ("PENDING", [])
    clock.advance(days=1)
    assert run.result(10) == 6
    assert run.state().created_at == datetime(2030, 1, 1, tzinfo=UTC)
    assert world.inbox() == []


def test_s60_start_at_survives_a_restart(world: World, clock: VirtualClock) -> None:
    world.open(twice)
    world.start(twice, 3, "later", start_at=clock.now() + timedelta(days=30))
    world.reopen(twice)
    assert world.handle("later").status == "PENDING"
    clock.advance(days=31)
    assert world.handle("later").result(10) == 6


def test_s60_a_naive_start_time_is_utc_and_a_past_one_is_now(world: World, clock: VirtualClock) -> None:
    world.open(twice)
    naive = clock.now().replace(tzinfo=None) + timedelta(hours=1)
    run = world.start(twice, 3, "later", start_at=naive)
    assert run.status == "PENDING"
    clock.advance(hours=1)
    assert run.result(10) == 6
    assert world.start(twice, 4, start_at=clock.now() - timedelta(hours=1)).result(10) == 8
    assert world.inbox() == []


def test_s60_a_pending_run_can_be_terminated(world: World, clock: VirtualClock) -> None:
    world.open(twice)
    run = world.start(twice, 3, "later", start_at=clock.now() + timedelta(days=30))
    run.terminate("not wanted")
    world.until_status(run, "TERMINATED")
    assert run.state().output == "not wanted"
    assert world.inbox() == []
    clock.advance(days=40)
    with pytest.raises(WorkflowTerminatedError):
        run.result(10)


def test_s60_an_event_for_a_pending_run_is_there_when_it_begins(world: World, clock: VirtualClock) -> None:
    world.open(waits)
    run = world.start(waits, 3, "later", start_at=clock.now() + timedelta(days=30))
    run.raise_event("go", 4)
    assert run.status == "PENDING"
    clock.advance(days=30)
    assert run.result(10) == [3, 4]


def test_a_run_that_has_not_begun_is_not_suspended_silently(world: World, clock: VirtualClock) -> None:
    world.open(twice)
    run = world.start(twice, 3, "later", start_at=clock.now() + timedelta(days=30))
    with pytest.raises(InstanceStateError, match="later has not begun"):
        run.suspend()


def test_s44_purge_erases_a_run_that_has_ended(world: World) -> None:
    world.open(twice, waits)
    run = world.start(twice, 1, "order-42")
    run.result(10)
    run.purge()
    for ask in (run.state, run.history, run.purge):
        with pytest.raises(InstanceNotFoundError, match="order-42"):
            ask()
    assert world.client.list_workflows() == []
    assert world.start(waits, 1, "order-42").status in ("PENDING", "RUNNING")


def test_s44_purge_refuses_a_run_that_has_not_ended(world: World) -> None:
    world.open(waits)
    run = world.start(waits, 1, "order-42")
    world.until_waiting(run, "go")
    with pytest.raises(InstanceStateError, match=r"order-42 is RUNNING.*%wf terminate order-42"):
        run.purge()
    run.raise_event("go", 1)
    assert run.result(10) == [1, 1]


def test_s44_an_id_can_be_purged_and_started_again_at_once(world: World) -> None:
    world.open(twice)
    for n in range(5):
        run = world.start(twice, n, "order-42")
        assert run.result(10) == 2 * n
        run.purge()
    assert world.client.list_workflows() == []
    assert world.inbox() == []


def test_what_a_run_left_is_there_after_a_restart(world: World) -> None:
    world.open(twice, waits)
    done, waiting = world.start(twice, 21, "done"), world.start(waits, 1, "waiting")
    assert done.result(10) == 42
    world.until_waiting(waiting, "go")
    before = [run.history() for run in (done, waiting)]
    world.reopen(twice, waits)
    assert [world.history("done"), world.history("waiting")] == before
    assert world.handle("done").result(10) == 42
    run = world.handle("waiting")
    run.raise_event("go", 2)
    assert run.result(10) == [1, 2]
