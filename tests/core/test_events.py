"""Events from outside: one at a time, first in, first out, kept until asked for, and checked."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import pytest

from nbflow import WorkflowContext, workflow
from tests.core.builder import raised, work


@dataclass
class Decision:
    approved: bool
    note: str = ""


@workflow
async def takes(ctx: WorkflowContext, names: list[str]) -> list[object]:
    return [await ctx.wait_for_external_event(name) for name in names]


@workflow
async def approval(ctx: WorkflowContext) -> str:
    try:
        answer = await ctx.wait_for_external_event(
            "approval", data_type=Decision, timeout=timedelta(hours=24)
        )
    except TimeoutError as error:
        return str(error)
    return "yes" if answer.approved else f"no: {answer.note}"


def test_s36_a_wait_ends_with_the_payload(drive):
    run = drive(takes)
    assert run.start(["go"]) == ["#1 wait for 'go'"]
    assert run.raise_event("go", {"n": [1]}) == ['return [{"n":[1]}]']


@pytest.mark.parametrize("payload", [False, 0, "", None, [], {}, 0.0])
def test_s36_falsy_payloads_are_payloads(drive, payload):
    early, late = drive(takes), drive(takes)
    late.start(["go"])
    late.raise_event("go", payload)
    assert late.output == [payload]
    early.start(["first", "go"])
    early.raise_event("go", payload)
    early.raise_event("first")
    assert early.output == [None, payload]


def test_s39_first_in_first_out_and_one_event_for_one_wait(drive):
    @workflow
    async def three(ctx: WorkflowContext) -> list[object]:
        waits = [ctx.wait_for_external_event("n") for _ in range(3)]
        return list(await asyncio.gather(*waits))

    run = drive(three)
    assert run.start() == ["#1 wait for 'n'", "#2 wait for 'n'", "#3 wait for 'n'"]
    assert run.raise_event("n", 1) == []
    assert run.turn(raised("n", 2), raised("n", 3)) == ["return [1,2,3]"]


def test_s40_an_early_event_is_kept_and_taken_at_once(drive):
    @workflow
    async def busy(ctx: WorkflowContext) -> list[object]:
        await work(1)
        return [await ctx.wait_for_external_event("n", timeout=5) for _ in range(2)]

    run = drive(busy)
    run.start()
    assert run.turn(raised("n", "a"), raised("other"), raised("n", "b")) == []
    assert len(run.state.buffered) == 3
    # No timer: nothing has to be waited for.
    assert run.complete(1) == ["#2 wait for 'n'", "#3 wait for 'n'", 'return ["a","b"]']


def test_s41_names_are_case_insensitive(drive):
    run = drive(takes)
    run.start(["Approval", "STRASSE"])
    run.raise_event("aPPROVAL", 1)
    assert run.raise_event("straße", 2) == ["return [1,2]"]


def test_s37_events_in_parallel(drive):
    @workflow
    async def both(ctx: WorkflowContext) -> list[object]:
        return list(await asyncio.gather(ctx.wait_for_external_event("a"), ctx.wait_for_external_event("b")))

    run = drive(both)
    run.start()
    run.raise_event("b", 2)
    assert run.raise_event("a", 1) == ["return [1,2]"]


@pytest.mark.semantics(27)
def test_an_event_in_time_withdraws_the_timeout(drive):
    run = drive(approval)
    assert run.start() == ["#1 wait for 'approval'", "#2 timeout of #1 at +86400s"]
    assert run.raise_event("approval", {"approved": True}) == ["cancel timer #2", 'return "yes"']


def test_s42_a_timeout_consumes_nothing_and_a_late_event_is_kept(drive):
    @workflow
    async def again(ctx: WorkflowContext) -> list[object]:
        try:
            await ctx.wait_for_external_event("n", timeout=5)
        except TimeoutError:
            await work(1)
        return [await ctx.wait_for_external_event("n")]

    run = drive(again)
    run.start()
    assert run.fire(2) == ["cancel wait #1", "#3 work(1)"]
    assert run.raise_event("n", "late") == []
    assert run.complete(3) == ["#4 wait for 'n'", 'return ["late"]']


def test_a_timeout_says_what_did_not_come(drive):
    run = drive(approval)
    run.start()
    assert run.fire(2) == ["cancel wait #1", "return \"no 'approval' event came within 1 day, 0:00:00\""]


@pytest.mark.parametrize("first", ["event", "timer"])
def test_s42_the_message_that_comes_first_in_a_batch_wins(drive, first):
    run = drive(approval)
    run.start()
    event, timer = raised("approval", {"approved": True}), run.fired(2)
    if first == "event":
        lines = run.turn(event)
        assert lines == ["cancel timer #2", 'return "yes"']
        assert not run.state.accepts(timer), "a late timer never cancels a delivered event"
    else:
        assert run.turn(timer)[0] == "cancel wait #1"
        assert not run.state.accepts(event), "the run is over"


@pytest.mark.parametrize("first", ["event", "timer"])
def test_s42_asyncio_timeout_around_a_wait_loses_no_event(drive, first):
    @workflow
    async def raced(ctx: WorkflowContext) -> list[object]:
        got: list[object] = []
        try:
            async with asyncio.timeout(5):
                got.append(await ctx.wait_for_external_event("n"))
        except TimeoutError:
            got.append("late")
        got.append(await ctx.wait_for_external_event("n"))
        return got

    run = drive(raced)
    run.start()
    timer, event = run.fired(1), raised("n", "first")
    if first == "event":
        assert run.turn(event) == ["cancel timer #1", "#3 wait for 'n'"]
        assert run.raise_event("n", "second") == ['return ["first","second"]']
    else:
        run.now = run.now + timedelta(seconds=5)
        assert run.turn(timer, event) == ["cancel wait #2", "#3 wait for 'n'", 'return ["late","first"]']


def test_s36_a_payload_that_does_not_fit_is_rejected_and_the_wait_goes_on(drive):
    run = drive(approval)
    run.start()
    assert run.raise_event("approval", {"note": "no verdict"}) == ["reject 'approval' for #1"]
    rejected = run.history[-1]
    assert "the payload of 'approval' doesn't fit Decision" in rejected.reason
    assert "approved" in rejected.reason
    assert run.raise_event("approval", {"approved": False, "note": "too dear"}) == [
        "cancel timer #2",
        'return "no: too dear"',
    ]


def test_s36_an_event_that_was_kept_is_rejected_when_it_would_be_taken(drive):
    @workflow
    async def busy(ctx: WorkflowContext) -> int:
        await work(1)
        return await ctx.wait_for_external_event("n", data_type=int, timeout=5)

    run = drive(busy)
    run.start()
    run.turn(raised("n", "one"), raised("N", None), raised("n", 2))
    assert run.complete(1) == ["#2 wait for 'n'", "reject 'n' for #2", "reject 'N' for #2", "return 2"]


def test_s36_after_a_rejection_the_timeout_still_holds(drive):
    @workflow
    async def typed(ctx: WorkflowContext) -> int | str:
        try:
            return await ctx.wait_for_external_event("n", data_type=int, timeout=5)
        except TimeoutError:
            return "late"

    run = drive(typed)
    run.start()
    run.raise_event("n", "one")
    assert run.state.waits.keys() == {1}
    assert run.fire(2) == ["cancel wait #1", 'return "late"']


@pytest.mark.semantics(36, 81)
def test_the_wait_is_in_history_with_the_schema_of_its_payload(drive):
    run = drive(approval)
    run.start()
    created = run.history[2]
    assert '"approved":{"type":"boolean"}' in created.schema


def test_a_wait_without_a_name_is_refused(drive):
    assert drive(takes).start([""]) == ["fail ValueError: an external event needs a name"]


def test_a_cancelled_wait_is_withdrawn_with_its_timeout(drive):
    @workflow
    async def gives_up(ctx: WorkflowContext) -> str:
        wait = ctx.wait_for_external_event("n", timeout=60)
        await work(1)
        wait.cancel()
        return "gone"

    run = drive(gives_up)
    run.start()
    run_lines = run.complete(3)
    assert run_lines == ["cancel wait #1", "cancel timer #2", 'return "gone"']


def test_a_wait_can_be_awaited_twice(drive):
    @workflow
    async def twice(ctx: WorkflowContext) -> list[object]:
        wait = ctx.wait_for_external_event("n")
        return [await wait, await wait]

    run = drive(twice)
    run.start()
    assert run.raise_event("n", 7) == ["return [7,7]"]
