"""Retry policies: how often, after what waits, and on history time only."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbflow import RetryPolicy, WorkflowContext, activity, workflow
from nbflow.core.failures import describe
from nbflow.errors import FailureDetails, TaskFailedError
from tests.core.builder import Run, completed, failed, plain_calls, work

T = datetime(2026, 1, 1, tzinfo=UTC)
BROKEN = FailureDetails(type="ValueError", message="no", bases=("ValueError", "Exception", "BaseException"))


class CardDeclinedError(ValueError): ...


@activity(retry_policy=RetryPolicy(5, 3, backoff_coefficient=2), timeout=30)
def charge(cents: int) -> str:
    plain_calls.append("charge")
    return ""


@workflow
async def pays(cents: int) -> str:
    try:
        return await charge(cents)
    except TaskFailedError as error:
        return f"gave up: {error.details}"


@workflow
async def stubborn(ctx: WorkflowContext) -> object:
    return await ctx.call_activity(work, input=1, retry_policy=RetryPolicy(10, 4, retry_timeout=25))


@pytest.mark.semantics(27, 34)
def test_s28_s32_each_attempt_and_each_wait_is_in_history(drive):
    run = drive(pays)
    assert run.start(5) == ["#1 charge(5) within 30s", "#2 timeout of #1 at +30s"]
    assert run.fail(1, after=1) == ["cancel timer #2", "#3 retry of #1 at +6s"]
    assert run.fire(3) == ["#4 charge(5) attempt 2 of #1 within 30s", "#5 timeout of #4 at +36s"]
    assert run.fail(4, after=1) == ["cancel timer #5", "#6 retry of #1 at +17s"]
    assert run.fire(6) == ["#7 charge(5) attempt 3 of #1 within 30s", "#8 timeout of #7 at +47s"]
    assert run.complete(7, "paid") == ["cancel timer #8", 'return "paid"']


def test_s33_the_last_failure_is_raised_and_can_be_caught(drive):
    run = drive(pays)
    run.start(5)
    run.fail(1, ValueError("first"))
    run.fire(3)
    run.fail(4, ValueError("second"))
    run.fire(6)
    assert run.fail(7, ValueError("third")) == ["cancel timer #8", 'return "gave up: ValueError: third"']


@pytest.mark.semantics(66)
def test_an_attempt_that_takes_too_long_is_withdrawn_and_tried_again(drive):
    run = drive(pays)
    run.start(5)
    assert run.fire(2) == ["cancel activity #1", "#3 retry of #1 at +35s"]
    assert not run.state.accepts(completed(1, "too late"))
    run.fire(3)
    run.fire(5)
    run.fire(6)
    (withdrawn, outcome) = run.fire(8)
    assert withdrawn == "cancel activity #7"
    assert outcome == 'return "gave up: TimeoutError: charge took longer than its timeout of 0:00:30"'


@pytest.mark.semantics(66)
def test_a_timeout_without_a_policy_fails_the_call(drive):
    @workflow
    async def hurried(ctx: WorkflowContext) -> str:
        try:
            await ctx.call_activity(work, input=1, timeout=5)
        except TaskFailedError as error:
            return error.details.type
        return "in time"

    run = drive(hurried)
    assert run.start() == ["#1 work(1) within 5s", "#2 timeout of #1 at +5s"]
    assert run.fire(2) == ["cancel activity #1", 'return "TimeoutError"']


@pytest.mark.semantics(28)
def test_a_call_may_override_the_activitys_policy_and_timeout(drive):
    @workflow
    async def own(ctx: WorkflowContext) -> object:
        return await ctx.call_activity(charge, input=1, retry_policy=RetryPolicy(1, 2), timeout=2)

    run = drive(own)
    assert run.start() == ["#1 charge(1) within 2s", "#2 timeout of #1 at +2s"]
    assert run.fail(1) == ["cancel timer #2", "#3 retry of #1 at +1s"]


def test_s31_retry_timeout_bounds_the_whole_on_history_time(drive):
    run = drive(stubborn)
    run.start()
    assert run.fail(1, after=1) == ["#2 retry of #1 at +11s"]
    assert run.fire(2) == ["#3 work(1) attempt 2 of #1"]
    # 16 s have gone, and a third attempt would begin at 26 s: later than 25 s after the first.
    (line,) = run.fail(3, after=5)
    assert line.startswith("fail TaskFailedError: work failed: RuntimeError: out of paper")


def test_s31_a_replay_decides_as_the_first_run_did_whatever_the_time_is(drive):
    run = drive(stubborn)
    run.start()
    run.fail(1, after=1)
    run.fire(2)
    cold = run.cold()  # a year later, say: nothing in here asks for the time
    assert cold.clock == run.execution.clock
    cold.evict()


@pytest.mark.semantics(31)
def test_retry_timeout_reached_exactly_still_counts_as_in_time(drive):
    run = drive(stubborn)
    run.start()
    assert run.fail(1, after=15) == ["#2 retry of #1 at +25s"]


def test_s32_a_restart_keeps_the_attempt_count(drive):
    run = drive(pays)
    run.start(5)
    run.fail(1)
    run.fire(3)
    run.execution = run.cold()
    assert run.fail(4) == ["cancel timer #5", "#6 retry of #1 at +15s"]


@pytest.mark.semantics(28)
def test_failures_of_a_named_type_are_not_retried(drive):
    @workflow
    async def careful(ctx: WorkflowContext) -> str:
        policy = RetryPolicy(1, 10, non_retryable=(ValueError,))
        try:
            await ctx.call_activity(work, input=1, retry_policy=policy)
        except TaskFailedError as error:
            return error.details.type
        return "fine"

    subclass, other = drive(careful), drive(careful)
    subclass.start()
    assert subclass.fail(1, CardDeclinedError("no money")) == ['return "CardDeclinedError"']
    other.start()
    assert other.fail(1, KeyError("x")) == ["#2 retry of #1 at +1s"]


def test_cancelling_a_call_between_attempts_withdraws_the_wait(drive):
    @workflow
    async def gives_up(ctx: WorkflowContext) -> str:
        task = ctx.call_activity(work, input=1, retry_policy=RetryPolicy(60, 5))
        await ctx.wait_for_external_event("enough")
        task.cancel()
        return "stopped"

    run = drive(gives_up)
    run.start()
    assert run.fail(1) == ["#3 retry of #1 at +60s"]
    assert run.raise_event("enough") == ["cancel timer #3", 'return "stopped"']


def test_the_last_attempt_and_its_timeout_in_one_batch(drive):
    run = drive(pays)
    run.start(5)
    timer = run.fired(2)
    assert run.turn(failed(1)) == ["cancel timer #2", "#3 retry of #1 at +5s"]
    assert not run.state.accepts(timer)


@pytest.mark.parametrize(
    ("policy", "delays"),
    [
        (RetryPolicy(5, 4), [5, 5, 5]),
        (RetryPolicy(1, 5, 2), [1, 2, 4, 8]),
        (RetryPolicy(1, 5, 2, max_retry_interval=3), [1, 2, 3, 3]),
        (RetryPolicy(timedelta(minutes=1), 3, 1.5), [60, 90]),
        (RetryPolicy(0, 3), [0, 0]),
        (RetryPolicy(1, 1), []),
    ],
)
def test_s29_s30_the_delays(policy, delays):
    found = []
    attempt = 1
    while (wait := policy.next_delay(attempt=attempt, failure=BROKEN, first_at=T, now=T)) is not None:
        found.append(wait.total_seconds())
        attempt += 1
    assert found == delays


@given(
    first=st.floats(0, 1e9),
    coefficient=st.floats(1, 1e6),
    attempts=st.integers(1, 400),
    longest=st.none() | st.floats(0, 1e9),
)
def test_s29_a_wait_is_never_shorter_than_the_one_before_nor_beyond_the_calendar(
    first, coefficient, attempts, longest
):
    policy = RetryPolicy(first, attempts, coefficient, longest)
    waits = [policy.next_delay(attempt=n, failure=BROKEN, first_at=T, now=T) for n in range(1, attempts + 1)]
    assert waits[-1] is None
    assert waits[:-1] == sorted(waits[:-1])
    assert all(T + wait for wait in waits[:-1])
    if longest is not None:
        assert all(wait <= timedelta(seconds=longest) for wait in waits[:-1])


def test_the_repr_is_the_table_of_attempts():
    policy = RetryPolicy(5, 4, 2, max_retry_interval=600, non_retryable=(ValueError,))
    assert repr(policy).splitlines() == [
        "RetryPolicy: 4 attempts",
        " attempt  wait before it     begins at",
        "       1  -                  0 s",
        "       2  5 s                5 s",
        "       3  10 s               15 s",
        "       4  20 s               35 s",
        "   never retried: ValueError",
    ]


def test_the_repr_of_many_attempts_is_short_and_says_where_retry_timeout_cuts():
    assert "…" in repr(RetryPolicy(1, 100))
    assert len(repr(RetryPolicy(1, 100)).splitlines()) == 12
    assert repr(RetryPolicy(10, 9, retry_timeout=25)).splitlines()[-2:] == [
        "       3  10 s               20 s",
        "   (no attempt begins later than 25 s)",
    ]
    assert repr(RetryPolicy(1, 100, 10)), "a table of waits beyond the calendar"


@pytest.mark.semantics(28)
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_number_of_attempts": 0}, "max_number_of_attempts counts the first one: 0 is too few"),
        ({"backoff_coefficient": 0.5}, "backoff_coefficient can't be below 1: 0.5"),
        ({"first_retry_interval": -1}, "first_retry_interval can't be negative: -1"),
        ({"max_retry_interval": timedelta(-1)}, "max_retry_interval can't be negative"),
        ({"retry_timeout": -3}, "retry_timeout can't be negative: -3"),
        ({"first_retry_interval": float("nan")}, "first_retry_interval can't be nan seconds"),
        ({"backoff_coefficient": float("nan")}, "backoff_coefficient can't be below 1: nan"),
        ({"max_number_of_attempts": 2.5}, "max_number_of_attempts is a whole number, not 2.5"),
    ],
)
def test_numbers_out_of_range_are_named(options, words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        RetryPolicy(**{"first_retry_interval": 1, "max_number_of_attempts": 3, **options})


@pytest.mark.semantics(28)
@pytest.mark.parametrize("kinds", ["ValueError", ("ValueError",), (ValueError, 5), (str,), [ValueError()]])
def test_what_is_no_exception_type_is_refused_when_the_policy_is_made(kinds):
    with pytest.raises(
        TypeError, match=r"non_retryable takes exception types, such as \(ValueError, OSError\)"
    ):
        RetryPolicy(1, 3, non_retryable=kinds)


def test_one_exception_type_needs_no_tuple():
    assert RetryPolicy(1, 3, non_retryable=ValueError) == RetryPolicy(1, 3, non_retryable=[ValueError])


def test_retry_policies_compare_by_value():
    assert RetryPolicy(5, 3) == RetryPolicy(timedelta(seconds=5), 3, 1.0)
    assert hash(RetryPolicy(5, 3)) == hash(RetryPolicy(5, 3))


def test_s34_another_policy_for_a_running_instance_is_a_code_change():
    @workflow(name="stubborn")
    async def patient(ctx: WorkflowContext) -> object:
        return await ctx.call_activity(work, input=1, retry_policy=RetryPolicy(20, 4))

    run = Run(stubborn)
    run.start()
    run.fail(1, after=1)
    stall = run.diverge(patient)
    assert stall.expected == "retry timer until 2026-01-01 00:00:11"
    assert stall.actual == "retry timer until 2026-01-01 00:00:21"
    run.close()


def test_the_bases_of_a_failure_are_its_classes():
    assert describe(CardDeclinedError("x")).bases == (
        "CardDeclinedError",
        "ValueError",
        "Exception",
        "BaseException",
    )
