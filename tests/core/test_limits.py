"""What a run may grow to: it is warned at half, waits for its owner at the limit, and is counted anew from there."""

import pytest

from nbflow import WorkflowContext, workflow
from nbflow.core import history as h
from nbflow.core.limits import HISTORY_LIMIT, RESTLESS_LIMIT, Limits
from nbflow.core.state import RuntimeStatus, StallReason
from nbflow.core.transition import Transition
from tests.core.builder import T0, completed, raised, work
from tests.core.lives import Life, Live, addressed
from tests.engine.worlds import kinds


@workflow
async def counts(ctx: WorkflowContext, wanted: int) -> int:
    taken = 0
    while taken < wanted:
        await ctx.wait_for_external_event("item")
        taken += 1
    return taken


def reason(life: Life) -> StallReason | None:
    return life.record.stall.reason if life.record.stall is not None else None


# -- history ------------------------------------------------------------------------------------------


@pytest.mark.semantics(17)
def test_the_defaults_are_those_of_the_documents() -> None:
    assert (HISTORY_LIMIT, RESTLESS_LIMIT) == (100_000, 500)
    assert (Limits().history, Limits().restless) == (100_000, 500)


@pytest.mark.semantics(17)
def test_it_warns_once_when_half_is_passed(live: Live) -> None:
    life = live(counts, limits=Limits(history=40))
    warnings = [life.start(100).warning]
    while len(life.history) < 38:
        warnings.append(life.turn(raised("item")).warning)
    [said] = [warning for warning in warnings if warning]
    assert said.startswith(
        "its history has 21 events, half of what it may have: split the work over child workflows"
    )
    assert "ctx.continue_as_new" in said


@pytest.mark.semantics(17)
@pytest.mark.parametrize("size", [1, 3, 30])
def test_a_full_history_stalls_the_run_and_nothing_that_came_is_lost(live: Live, size: int) -> None:
    life = live(counts, limits=Limits(history=30))
    life.start(60)
    left = 60
    tries = 0
    while not life.record.status.is_terminal and tries < 20:
        if life.record.status is RuntimeStatus.STALLED:
            assert reason(life) is StallReason.LIMIT
            assert "the limit is 30: every replay reads them all" in life.record.stall.message
            assert "`%wf resume run-1` lets it go on for as many again" in life.record.stall.message
            assert life.record.stall.seq == len(life.history)
            tries += 1
            life.turn()
        elif life.inbox:
            life.turn()
        else:
            batch, left = min(size, left), left - min(size, left)
            life.turn(*[raised("item", left)] * batch)
    assert life.record.output == "60"
    assert tries >= 4
    resumed = [event for event in life.history if isinstance(event, h.ExecutionResumed)]
    assert len(resumed) == tries
    assert all(event.lifts_limit for event in resumed)


@pytest.mark.semantics(17, 63, 64)
def test_a_run_at_its_limit_can_be_ended_and_paused(live: Live) -> None:
    for event, status in (
        (h.ExecutionTerminated(at=T0), "TERMINATED"),
        (h.ExecutionSuspended(at=T0), "SUSPENDED"),
    ):
        life = live(counts, limits=Limits(history=5))
        life.start(10)
        life.turn(raised("item"))
        life.turn(raised("item"), event)
        assert life.record.status == "STALLED"
        assert life.control().record.status == status
        assert life.record.stall is None


@pytest.mark.semantics(17)
def test_one_step_may_go_past_the_limit_since_it_cannot_be_cut(live: Live) -> None:
    @workflow
    async def fans_out(ctx: WorkflowContext) -> int:
        tasks = [work(n) for n in range(50)]
        return sum([await task for task in tasks])

    life = live(fans_out, limits=Limits(history=20))
    turn = life.start()
    assert len(turn.tasks) == 50
    assert turn.warning is not None
    assert life.turn(completed(1, 1)).record.status == "STALLED"
    life.turn()
    assert life.record.status == "RUNNING"


# -- generations that never wait ------------------------------------------------------------------------


def renew(life: Life, most: int) -> list[Transition]:
    """Turn after turn, until there is nothing to do or it stalls."""
    turns: list[Transition] = []
    while life.inbox and life.record.status is not RuntimeStatus.STALLED and len(turns) < most:
        turns.append(life.go_on())
    return turns


@workflow
async def spins(ctx: WorkflowContext, n: int) -> None:
    ctx.continue_as_new(n + 1)


@pytest.mark.semantics(16)
def test_generations_that_never_wait_are_counted_and_stall_at_the_limit(live: Live) -> None:
    life = live(spins, limits=Limits(restless=5))
    life.start(0)
    renew(life, 20)
    assert reason(life) is StallReason.LIMIT
    assert life.record.stall.message.startswith(
        "it has continued as new 5 times without ever waiting: let each generation wait for a timer, an event "
        "or an activity"
    )
    assert life.record.generation == 4
    assert life.history == []
    counted = [history[1].restless for history in life.histories.values() if history]
    assert counted == [0, 1, 2, 3]


@pytest.mark.semantics(16)
def test_its_owner_lets_it_go_on_and_it_is_counted_anew(live: Live) -> None:
    life = live(spins, limits=Limits(restless=5))
    life.start(0)
    renew(life, 20)
    life.turn()  # the owner's resume
    assert life.record.status == "RUNNING"
    assert life.record.generation == 5
    assert kinds(list(life.histories.values())[-2]) == [
        "WorkflowStarted",
        "ExecutionResumed",
        "ExecutionStarted",
        "ContinuedAsNew",
    ]
    renew(life, 20)
    assert reason(life) is StallReason.LIMIT
    assert life.record.generation == 9


@pytest.mark.semantics(16)
@pytest.mark.parametrize("what", ["an event", "an activity", "a timer", "a child"])
def test_who_waits_in_between_is_never_restless(live: Live, what: str) -> None:
    @workflow
    async def waits(ctx: WorkflowContext, n: int) -> None:
        if n % 4 == 3:
            match what:
                case "an event":
                    await ctx.wait_for_external_event("go")
                case "an activity":
                    await work()
                case "a timer":
                    await ctx.create_timer(5)
                case _:
                    await spins(1)
        ctx.continue_as_new(n + 1)

    life = live(waits, limits=Limits(restless=5))
    life.start(0)
    for _ in range(5):
        renew(life, 100)
        assert life.record.status == "RUNNING"
        answers: dict[str, h.InputEvent] = {
            "an event": raised("go"),
            "an activity": completed(1),
            "a timer": h.TimerFired(at=T0, scheduled_id=1, fire_at=T0),
            "a child": h.ChildWorkflowCompleted(at=T0, scheduled_id=1, result="null"),
        }
        answer = answers[what]
        life.turn(answer if what == "an event" else addressed(answer, life.record.execution_id))
    assert life.record.generation >= 15


@pytest.mark.semantics(16, 14)
def test_who_takes_what_was_carried_is_not_restless_before_that_is_used_up(live: Live) -> None:
    @workflow
    async def takes(ctx: WorkflowContext, n: int) -> None:
        if n == 0:
            await ctx.wait_for_external_event("begin")
        elif n % 4 == 3 and n < 30:
            await ctx.wait_for_external_event("item")
        ctx.continue_as_new(n + 1)

    life = live(takes, limits=Limits(restless=5))
    life.start(0)
    life.turn(*[raised("item", n) for n in range(10)])
    life.turn(raised("begin"))
    assert len(life.inbox[0].event.carried) == 10
    renew(life, 100)
    assert reason(life) is StallReason.LIMIT
    assert life.record.generation == 32, "the last that it took was the 27th's, and five more were too many"


@pytest.mark.semantics(16, 14)
def test_what_is_carried_and_never_taken_is_no_wait(live: Live) -> None:
    life = live(spins, limits=Limits(restless=5))
    life.turn(_start(life), raised("never taken"))
    renew(life, 20)
    assert reason(life) is StallReason.LIMIT
    assert [row.event.name for row in life.inbox[1:]] == ["never taken"]


@pytest.mark.semantics(16, 63)
def test_a_spinning_run_can_be_ended_at_the_latest_when_it_stalls(live: Live) -> None:
    life = live(spins, limits=Limits(restless=5))
    life.turn(_start(life), h.ExecutionTerminated(at=T0, output='"enough"'))
    renew(life, 20)
    assert life.record.status == "STALLED"
    assert life.control().record.status == "TERMINATED"
    assert life.record.output == '"enough"'
    assert life.record.generation == 4


def _start(life: Life) -> h.ExecutionStarted:
    return h.ExecutionStarted(
        at=T0,
        name=life.code.name,
        execution_id=life.record.execution_id,
        input="0",
        definition="",
        interpreter=h.Interpreter(python="3.11", anyio="4", loop_rules=1),
    )


@workflow
async def reports(ctx: WorkflowContext, n: int) -> None:
    ctx.set_custom_status(f"generation {n}")
    ctx.continue_as_new(n + 1)


def stalled_before_it_began(live: Live) -> Life:
    """A run whose next generation waits for its owner and has not begun."""
    life = live(reports, limits=Limits(restless=3))
    life.start(0)
    renew(life, 20)
    assert (life.record.status, life.history) == ("STALLED", [])
    return life


@pytest.mark.semantics(63, 61)
def test_a_generation_that_ends_before_it_began_leaves_the_status_that_it_was_given(live: Live) -> None:
    life = stalled_before_it_began(live)
    life.inbox.append(addressed(h.ExecutionTerminated(at=T0), None))
    life.control()
    assert (life.record.status, life.record.custom_status) == ("TERMINATED", '"generation 1"')


@pytest.mark.semantics(64)
def test_a_generation_can_be_paused_before_it_began(live: Live) -> None:
    life = stalled_before_it_began(live)
    life.inbox.append(addressed(h.ExecutionSuspended(at=T0), None))
    life.control()
    assert (life.record.status, life.record.custom_status) == ("SUSPENDED", '"generation 1"')
    assert [type(row.event) for row in life.inbox] == [h.ExecutionStarted], "it waits"
    life.turn()
    assert life.record.status == "SUSPENDED"
    life.turn(h.ExecutionResumed(at=T0))
    assert life.record.status == "STALLED", "resumed, it is where it was: nobody has lifted the limit"
    assert life.control().record.status == "RUNNING"
    life.turn()
    assert life.record.status == "STALLED"
    life.turn()
    assert life.record.generation == 3
    begins = ["WorkflowStarted", "ExecutionSuspended", "WorkflowStarted", "ExecutionResumed"]
    lifted = ["WorkflowStarted", "ExecutionResumed", "ExecutionStarted", "CustomStatusSet", "ContinuedAsNew"]
    assert kinds(life.histories[list(life.histories)[-2]]) == begins + lifted
