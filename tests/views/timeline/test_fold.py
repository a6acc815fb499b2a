"""Given a history, expect rows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from nbflow.core import history as h
from nbflow.core.state import RuntimeStatus
from nbflow.views.timeline.fold import TimelineFold
from nbflow.views.timeline.rows import Row, RowKind, RowStatus, SpanKind, Timeline
from tests.views.stories import DECISION, Story, at, completed, failing, failure, stalled, waiting


def row(picture: Timeline, name: str) -> Row:
    (found,) = (row for row in picture.rows if row.name == name)
    return found


def spans(row: Row) -> list[tuple[str, float, float | None, str]]:
    def seconds(moment: object) -> float:
        return (moment - at(0)) / timedelta(seconds=1)  # type: ignore[operator]

    return [
        (span.kind, seconds(span.start), None if span.end is None else seconds(span.end), span.status)
        for span in row.spans
    ]


def test_an_activity_has_a_queued_and_a_running_span() -> None:
    story = Story().start()
    story.done(3.0, story.task(1.0, "charge", 12), "R-1", began=1.5, prints="hello\n")
    charge = row(story.timeline(), "charge")

    assert (charge.kind, charge.status, charge.input, charge.result) == (
        "activity",
        "completed",
        "12",
        '"R-1"',
    )
    assert spans(charge) == [("queued", 1.0, 1.5, "completed"), ("running", 1.5, 3.0, "completed")]
    assert (charge.start, charge.end) == (at(1.0), at(3.0))
    (attempt,) = charge.attempts
    assert (attempt.worker, attempt.prints, attempt.started_at) == ("thread-1", "hello\n", at(1.5))


def test_an_activity_at_work_is_open() -> None:
    story = Story().start()
    story.task(1.0, "charge")
    charge = row(story.timeline(now=9.0), "charge")

    assert spans(charge) == [("running", 1.0, None, "running")]
    assert charge.end is None
    assert charge.duration(at(9.0)) == timedelta(seconds=8)


def test_retries_are_one_row_with_the_waits_between() -> None:
    label = row(completed().timeline(), "print_label")

    assert [attempt.status for attempt in label.attempts] == ["failed", "failed", "completed"]
    assert [attempt.number for attempt in label.attempts] == [1, 2, 3]
    assert spans(label) == [
        ("queued", 11.0, 11.1, "failed"),
        ("running", 11.1, 12.5, "failed"),
        ("backoff", 12.5, 13.5, "retrying"),
        ("queued", 13.5, 13.6, "failed"),
        ("running", 13.6, 15.0, "failed"),
        ("backoff", 15.0, 17.0, "retrying"),
        ("queued", 17.0, 17.1, "completed"),
        ("running", 17.1, 18.2, "completed"),
    ]
    assert label.failure is None, "it came out well in the end"


def test_the_last_failure_stays_with_its_row() -> None:
    label = row(failing().timeline(), "print_label")

    assert label.status is RowStatus.FAILED
    assert label.failure is not None
    assert 'File "Cell In[3]", line 4, in print_label' in label.failure.stack_trace


def test_between_two_attempts_a_row_is_retrying_and_knows_when() -> None:
    story = Story().start()
    charge = story.task(0.0, "charge")
    story.failed(1.0, charge)
    story.timer(1.0, 5.0, "retry", charge)
    picture = story.timeline(now=2.0)

    assert row(picture, "charge").status is RowStatus.RETRYING
    assert row(picture, "charge").due == at(5.0)
    assert row(picture, "charge").end is None
    assert [r.name for r in picture.waiting_for.activities] == ["charge"]
    assert picture.waiting_for.timers == (), "a retry delay belongs to its activity"


def test_a_retry_delay_ends_with_the_next_attempt() -> None:
    story = Story().start()
    charge = story.task(0.0, "charge")
    story.failed(1.0, charge)
    story.fired(5.0, story.timer(1.0, 5.0, "retry", charge))
    assert row(story.timeline(), "charge").status is RowStatus.RETRYING

    story.task(5.0, "charge", of=charge, attempt=2)
    assert spans(row(story.timeline(), "charge"))[1:] == [
        ("backoff", 1.0, 5.0, "retrying"),
        ("running", 5.0, None, "running"),
    ]


def test_a_call_cancelled_between_two_attempts_is_cancelled() -> None:
    story = Story().start()
    charge = story.task(0.0, "charge")
    story.failed(1.0, charge)
    story.timer_cancelled(2.0, story.timer(1.0, 5.0, "retry", charge))

    assert row(story.timeline(), "charge").status is RowStatus.CANCELLED
    assert spans(row(story.timeline(), "charge"))[-1] == ("backoff", 1.0, 2.0, "retrying")


def test_an_attempt_that_takes_too_long_is_timed_out_not_cancelled() -> None:
    story = Story().start()
    slow = story.task(0.0, "slow", timeout=2.0)
    late = story.timer(0.0, 2.0, "timeout", slow)
    other = story.task(0.0, "other")
    story.fired(2.0, late)
    story.cancelled(2.0, slow)
    story.cancelled(2.0, other)
    picture = story.timeline()

    assert row(picture, "slow").status is RowStatus.TIMED_OUT
    assert row(picture, "other").status is RowStatus.CANCELLED
    assert [r.kind for r in picture.rows] == [RowKind.ACTIVITY, RowKind.ACTIVITY]


def test_a_timer_that_fired_while_nobody_was_there_ends_when_the_run_woke() -> None:
    story = Story().start()
    story.fired(10.0, story.timer(0.0, 10.0), seen=500.0)
    timer = row(story.timeline(), "timer")

    assert (timer.due, timer.end, timer.status) == (at(10.0), at(500.0), RowStatus.COMPLETED)


def test_an_open_timer_is_waited_for() -> None:
    story = Story().start()
    story.timer(0.0, 30.0)
    (timer,) = story.timeline(now=5.0).waiting_for.timers

    assert (timer.due, timer.start, timer.status) == (at(30.0), at(0.0), RowStatus.WAITING)


def test_a_wait_says_what_it_waits_for() -> None:
    (approval,) = waiting().timeline().waiting_for.events

    assert (approval.name, approval.schema, approval.start) == ("approval", DECISION, at(3.4))
    assert approval.due == at(86403.4)


def test_a_refused_payload_leaves_the_wait_open_and_is_kept() -> None:
    story = Story().start()
    wait = story.wait(0.0, "approval")
    story.raised(1.0, "Approval", "yes")
    story.rejected(1.0, wait, "Approval", "Expected `bool`, got `str`")
    approval = row(story.timeline(), "approval")

    assert approval.status is RowStatus.WAITING
    assert approval.end is None
    assert [(d.payload, d.rejected) for d in approval.deliveries] == [('"yes"', "Expected `bool`, got `str`")]

    story.raised(4.0, "APPROVAL", True)
    approval = row(story.timeline(), "approval")
    assert (approval.status, approval.result, approval.end) == (RowStatus.COMPLETED, "true", at(4.0))
    assert len(approval.deliveries) == 2


@pytest.mark.parametrize(("times_out", "status"), [(True, "timed out"), (False, "cancelled")])
def test_a_wait_ends_without_an_event(times_out: bool, status: str) -> None:
    story = Story().start()
    wait = story.wait(0.0, "approval")
    late = story.timer(0.0, 60.0, "timeout", wait)
    if times_out:
        story.fired(60.0, late)
    story.wait_cancelled(60.0, wait)
    approval = row(story.timeline(), "approval")

    assert (approval.status, approval.end) == (status, at(60.0))
    assert spans(approval) == [("waiting", 0.0, 60.0, status)]


def test_an_event_that_came_early_is_kept_until_it_is_asked_for() -> None:
    story = Story().start()
    story.raised(1.0, "Hint", "green")
    (early,) = story.timeline(now=3.0).rows
    assert (early.kind, early.status, early.input, early.end) == ("arrival", "kept", '"green"', None)

    story.turn(8.0)
    wait = story.wait(8.0, "hint")
    early, taken = story.timeline().rows
    assert (early.status, early.end, early.taken_by) == (RowStatus.COMPLETED, at(8.0), wait)
    assert (taken.kind, taken.status, taken.result) == (RowKind.WAIT, RowStatus.COMPLETED, '"green"')
    assert taken.end == taken.start, "it waited for nothing"


def test_the_first_wait_gets_the_first_event() -> None:
    story = Story().start()
    one, two = story.wait(0.0, "go"), story.wait(0.0, "GO")
    story.raised(1.0, "go", "first")
    by_id = {row.id: row for row in story.timeline().rows}

    assert by_id[one].result == '"first"'
    assert by_id[two].status is RowStatus.WAITING


def test_a_child_knows_its_instance() -> None:
    story = Story().start()
    good, bad = story.child(0.0, "pack"), story.child(0.0, "ship")
    assert [r.name for r in story.timeline(now=1.0).waiting_for.children] == ["pack", "ship"]
    story.child_done(2.0, good, "box")
    story.child_failed(3.0, bad)
    picture = story.timeline()

    assert row(picture, "pack").instance_id == "order-42:9f3c2a7b:0001"
    assert (row(picture, "pack").result, row(picture, "pack").kind) == ('"box"', RowKind.CHILD)
    assert row(picture, "ship").failure == failure()


def test_a_child_whose_branch_was_cancelled_is_cancelled() -> None:
    story = Story().start()
    child = story.child(1.0, "ship")
    story.add(h.TaskCancelled(at=at(2.0), scheduled_id=child), 2.0)
    ship = row(story.timeline(), "ship")
    assert (ship.kind, ship.status, ship.end) == (RowKind.CHILD, RowStatus.CANCELLED, at(2.0))


def test_events_that_an_earlier_generation_left_are_there_from_the_start() -> None:
    carried = tuple(h.EventRaised(at=at(n), name="item", payload=str(n)) for n in range(3))
    story = Story().start(5.0, carried=carried, generation=1)
    assert [(r.status, r.input) for r in story.timeline().rows] == [
        (RowStatus.KEPT, str(n)) for n in range(3)
    ]
    story.add(h.EventWaitCreated(at=at(6), id=1, name="item"), 6.0)
    first, wait = story.timeline().rows[0], story.timeline().rows[-1]
    assert (first.status, wait.status, wait.result) == (RowStatus.COMPLETED, RowStatus.COMPLETED, "0")


def test_what_was_open_at_the_end_is_left_open() -> None:
    picture = failing().timeline(now=1000.0)
    charge = row(picture, "charge")

    assert (charge.status, charge.end) == (RowStatus.LEFT_OPEN, at(7.1))
    assert charge.attempts[0].status is RowStatus.LEFT_OPEN
    assert picture.waiting_for.activities == ()
    assert picture.header.duration == timedelta(seconds=7.1)


def test_a_kept_event_that_nobody_asked_for_is_left_open() -> None:
    story = Story().start()
    story.raised(1.0, "hint")
    (hint,) = story.completed(2.0).timeline().rows

    assert (hint.status, hint.end) == (RowStatus.LEFT_OPEN, at(2.0))


def test_an_event_sent_is_a_row_without_length() -> None:
    picked = row(completed().timeline(), "picked")

    assert (picked.kind, picked.instance_id, picked.input) == (
        RowKind.SENT,
        "warehouse",
        '{"order": "order-42"}',
    )
    assert picked.end == picked.start


def test_the_header_tells_of_the_run() -> None:
    story = Story().start()
    story.add(h.ExecutionSuspended(at=at(1.0), reason="lunch"), 1.0)
    story.add(h.ExecutionResumed(at=at(2.0)), 2.0)
    story.add(h.CustomStatusSet(at=at(2.0), value='"packing"'), 2.0)
    story.add(h.Marker(at=at(3.0), name="not_started", value='["charge"]'), 3.0)
    header = story.completed(3.0, "done").timeline(now=9.0).header

    assert (header.name, header.instance_id, header.status) == ("fulfil", "order-42", RuntimeStatus.COMPLETED)
    assert (header.started_at, header.ended_at, header.duration) == (at(0.0), at(3.0), timedelta(seconds=3))
    assert [(p.start, p.end, p.reason) for p in header.pauses] == [(at(1.0), at(2.0), "lunch")]
    assert (header.custom_status, header.output) == ('"packing"', '"done"')
    assert header.notes == ('not_started: ["charge"]',)
    assert header.seqs == (1, 2, 3, 4, 5, 6, 7)


def test_a_stall_is_on_the_record_and_in_the_header() -> None:
    header = stalled().timeline().header

    assert header.status is RuntimeStatus.STALLED
    assert header.stall is not None
    assert "run the cell that defines `fulfil`" in header.stall.message


def test_a_run_that_has_not_begun_has_a_header_and_no_rows() -> None:
    story = Story()
    story.status = RuntimeStatus.PENDING
    picture = story.timeline(now=4.0)

    assert picture.rows == ()
    assert picture.header.started_at is None
    assert picture.header.duration == timedelta(seconds=4)


def test_a_workers_clock_that_is_wrong_makes_no_span_run_backwards() -> None:
    story = Story().start()
    early, late = story.task(10.0, "early"), story.task(10.0, "late")
    story.done(12.0, early, began=3.0)
    story.done(11.0, late, began=99.0)
    picture = story.timeline()

    assert spans(row(picture, "early")) == [("running", 10.0, 12.0, "completed")]
    assert spans(row(picture, "late")) == [
        ("queued", 10.0, 11.0, "completed"),
        ("running", 11.0, 11.0, "completed"),
    ]


def test_a_result_for_nothing_is_the_headers_and_a_second_result_changes_nothing() -> None:
    story = Story().start()
    charge = story.task(0.0, "charge")
    story.done(1.0, charge, "first")
    before = row(story.timeline(), "charge")
    story.done(2.0, 77, "whose?")
    picture = story.timeline()

    assert row(picture, "charge") == before
    assert len(story.events) in picture.header.seqs


def test_only_what_an_event_touched_has_changed() -> None:
    story = Story().start()
    stock, price = story.task(0.0, "check_stock"), story.task(0.0, "check_price")
    fold = TimelineFold()
    for event in story.events:
        fold.apply(event)
    assert fold.changed() == (str(stock), str(price))
    assert fold.changed() == ()

    story.done(1.0, price, 120)
    for event in story.events[fold.length :]:
        fold.apply(event)
    assert fold.changed() == (str(price),)


def test_taking_a_kept_event_changes_both_rows() -> None:
    fold = TimelineFold()
    story = Story().start()
    story.raised(1.0, "hint")
    for event in story.events:
        fold.apply(event)
    fold.changed()
    story.wait(2.0, "hint")
    fold.apply(story.events[-1])

    assert set(fold.changed()) == {"e4", "1"}


def test_backoff_and_waiting_are_spans_of_their_own_kind() -> None:
    kinds = {span.kind for row in completed().timeline().rows for span in row.spans}
    assert kinds == set(SpanKind)
