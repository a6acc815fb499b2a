"""The time axis: which stretches are left out, where moments lie, and what is written along it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbflow.views.timeline.axis import Axis, rule_of
from nbflow.views.timeline.fold import TimelineFold
from nbflow.views.timeline.idle import Idling, idling_of, millis
from nbflow.views.timeline.rows import AxisRule, Row, SpanKind
from tests.views.stories import DAY, Story, at, completed, patient, waiting
from tests.views.timeline.test_fold_laws import histories, picture_of


def seconds(rule: AxisRule) -> list[tuple[float, float]]:
    return [((a - millis(at(0))) / 1000, (b - millis(at(0))) / 1000) for a, b in rule.breaks]


def rule(story: Story) -> AxisRule:
    return rule_of(story.timeline())


# -- what is left out ----------------------------------------------------------------------------


def test_a_wait_that_is_long_compared_with_the_work_is_left_out() -> None:
    assert seconds(rule(patient()))[:2] == [(3.5, 2 * DAY), (2 * DAY + 4, 32 * DAY)]


def test_short_waits_are_drawn_to_scale() -> None:
    assert rule(completed()).breaks == ()


def test_a_run_without_work_has_nothing_to_compare_a_wait_with() -> None:
    story = Story().start()
    story.wait(0.0, "approval")
    assert (rule(story).breaks, rule(story).patience) == ((), None)


def test_without_work_the_short_waits_are_what_counts() -> None:
    story = Story().start()
    story.fired(1.0, story.timer(0.0, 1.0))
    story.fired(30 * DAY, story.timer(1.0, 30 * DAY))
    assert seconds(rule(story)) == [(1.0, 30 * DAY)]


def poll(rounds: int, pause: float, jitter: float = 0.0) -> Story:
    story = Story().start()
    second = 0.0
    for number in range(rounds):
        story.done(second + 0.1, story.task(second, "poll"), began=second)
        due = second + 0.1 + pause + jitter * (number % 3)
        story.fired(due, story.timer(second + 0.1, due))
        second = due
    return story.completed(second)


@pytest.mark.parametrize("jitter", [0.0, 0.002])
def test_of_equal_waits_either_all_are_left_out_or_none(jitter: float) -> None:
    assert len(rule(poll(20, 60.0, jitter)).breaks) == 20
    assert rule(poll(20, 0.15, jitter)).breaks == ()


def test_a_thousand_breaks_would_be_no_picture() -> None:
    assert rule(poll(1000, 60.0)).breaks == ()


def test_the_wait_between_two_attempts_is_idle_and_the_work_beside_it_is_not() -> None:
    story = Story().start()
    charge = story.task(0.0, "charge")
    story.failed(1.0, charge)
    delay = story.timer(1.0, 3601.0, "retry", charge)
    story.fired(3601.0, delay)
    story.done(3602.0, story.task(3601.0, "charge", of=charge, attempt=2), attempt=2)
    assert seconds(rule(story)) == [(1.0, 3601.0)]

    story = Story().start()
    other = story.task(0.0, "backup")
    charge = story.task(0.0, "charge")
    story.failed(1.0, charge)
    story.fired(3601.0, story.timer(1.0, 3601.0, "retry", charge))
    story.done(3601.0, other)
    assert rule(story).breaks == ()


def test_time_in_which_only_a_child_runs_is_left_out_where_it_dwarfs_all() -> None:
    story = Story().start()
    story.done(2.0, story.task(0.0, "charge"))
    story.child_done(50.0, story.child(2.0, "ship"))
    assert rule(story).breaks == ()

    story = Story().start()
    story.done(2.0, story.task(0.0, "charge"))
    story.child_done(3 * DAY, story.child(2.0, "ship"))
    assert seconds(rule(story)) == [(2.0, 3 * DAY)]

    story = Story().start()
    story.child_done(3 * DAY, story.child(0.0, "ship"))
    assert rule(story).breaks == ()


# -- the present ---------------------------------------------------------------------------------


def test_the_present_of_a_run_that_waits_is_left_out_once_that_gets_long() -> None:
    waits = rule(waiting())
    assert (waits.end, waits.last, waits.patience) == (None, millis(at(3.4)), 6800)
    assert Axis(waits, millis(at(10.19))).breaks == ()
    (tail,) = Axis(waits, millis(at(10.2))).breaks
    assert (tail.start, tail.end, tail.last) == (millis(at(3.4)), millis(at(10.2)), 1.0)
    assert Axis(waits, millis(at(30 * DAY))).breaks[0].label == "◇ 30 d"


def test_the_present_is_left_out_also_where_a_longer_wait_was_before() -> None:
    story = Story().start()
    story.done(2.0, story.task(0.0, "charge"))
    story.fired(7202.0, story.timer(2.0, 7202.0))
    story.wait(7202.0, "approval")
    labels = [gap.label for gap in Axis(rule(story), millis(at(7202.0 + 14 * 60))).breaks]
    assert labels == ["◇ 2 h", "◇ 14 min"]
    assert len(Axis(rule(story), millis(at(7202.0 + 3.9))).breaks) == 1


def test_while_something_runs_the_present_is_to_scale() -> None:
    story = waiting()
    story.task(5.0, "remind")
    assert rule(story).patience is None
    assert Axis(rule(story), millis(at(DAY))).breaks == ()


def test_the_axis_of_a_finished_run_ends_with_it() -> None:
    axis = Axis(rule(completed()), millis(at(DAY)))
    assert (axis.start, axis.end) == (millis(at(0)), millis(at(22)))
    assert axis.place_of(at(11)) == 0.5
    assert (axis.place_of(at(-5)), axis.place_of(at(500))) == (0.0, 1.0)


def test_an_event_from_before_the_start_is_on_the_axis() -> None:
    story = Story()
    story.raised(-5.0, "hint")
    story.start(0.0)
    assert rule(story).start == millis(at(-5))


# -- laws ----------------------------------------------------------------------------------------

times = st.integers(0, 50) | st.integers(0, 10**6) | st.integers(0, 10**11)


@st.composite
def rules(draw: st.DrawFn) -> AxisRule:
    moments = sorted(set(draw(st.lists(times, min_size=2, max_size=14))))
    gaps = [pair for pair in pairwise(moments) if draw(st.booleans())]
    live = draw(st.booleans())
    return AxisRule(
        start=moments[0],
        last=moments[-1],
        end=None if live else moments[-1],
        breaks=tuple(gaps),
        patience=draw(st.none() | st.integers(256, 10**6)) if live else None,
    )


axes = st.builds(lambda rule, later: Axis(rule, rule.last + later), rules(), st.just(0) | times)


@settings(max_examples=200, deadline=None)
@given(axes, st.lists(st.floats(-0.2, 1.2), min_size=2, max_size=20))
def test_later_is_never_further_left(axis: Axis, parts: list[float]) -> None:
    moments = sorted(axis.start + part * (axis.end - axis.start) for part in parts)
    places = [axis.place(moment) for moment in moments]

    assert places == sorted(places)
    assert all(0.0 <= place <= 1.0 for place in places)


@settings(max_examples=200, deadline=None)
@given(axes, st.floats(0, 1))
def test_a_place_has_one_moment_and_a_moment_one_place(axis: Axis, part: float) -> None:
    moment = axis.start + part * (axis.end - axis.start)
    back = axis.time(axis.place(moment))

    assert back == pytest.approx(moment, abs=max(1e-6 * (axis.end - axis.start), 1e-3))
    assert axis.place(axis.time(part)) == pytest.approx(part, abs=1e-6)


@settings(max_examples=100, deadline=None)
@given(axes)
def test_breaks_are_apart_have_one_width_and_leave_room_for_the_rest(axis: Axis) -> None:
    widths = [one.last - one.first for one in axis.breaks]

    assert widths == pytest.approx([widths[0]] * len(widths)) if widths else True
    assert sum(widths) <= 0.4 + 1e-9
    assert all(left.last <= right.first + 1e-9 for left, right in pairwise(axis.breaks))


@settings(max_examples=100, deadline=None)
@given(axes, st.integers(2, 12))
def test_there_are_never_more_marks_than_there_is_room_for(axis: Axis, most: int) -> None:
    marks = axis.marks(most)

    assert 1 <= len(marks) <= most
    assert all(0.0 <= mark.place <= 1.0 + 1e-9 for mark in marks)
    assert [mark.place for mark in marks] == sorted(mark.place for mark in marks)


@settings(max_examples=100, deadline=None)
@given(histories)
def test_rows_keep_their_order_and_no_span_is_negative(history: list[Any]) -> None:
    picture = picture_of(history)
    axis = Axis.of(picture)
    for row in picture.rows:
        for span in row.spans:
            end = span.end or picture.now
            assert axis.place_of(span.start) <= axis.place_of(max(end, span.start))
    starts = sorted(picture.rows, key=lambda row: row.start)
    assert [axis.place_of(row.start) for row in starts] == sorted(axis.place_of(row.start) for row in starts)


@settings(max_examples=100, deadline=None)
@given(histories)
def test_nothing_runs_and_nothing_is_queued_in_a_break(history: list[Any]) -> None:
    picture = picture_of(history)
    axis = Axis.of(picture)
    for one in axis.breaks:
        for row in picture.rows:
            for span in row.spans:
                busy = row.kind != "child" and span.kind in (SpanKind.RUNNING, SpanKind.QUEUED)
                last = millis(span.end or picture.now)
                assert not busy or last <= one.start or millis(span.start) >= one.end


@settings(max_examples=100, deadline=None)
@given(histories, st.data())
def test_fed_row_by_row_the_rule_is_that_of_the_whole(history: list[Any], data: st.DataObject) -> None:
    fold, idling = TimelineFold(), Idling()
    while fold.length < len(history):
        for event in history[fold.length :][: data.draw(st.integers(1, 9))]:
            fold.apply(event)
        for key in fold.changed():
            idling.put(fold.row(key))
        scratch: tuple[Row, ...] = fold.rows()
        assert idling.rule(start=at(0), end=None) == idling_of(scratch).rule(start=at(0), end=None)


# -- what is written along it --------------------------------------------------------------------


def test_marks_are_round_and_begin_anew_behind_a_break() -> None:
    axis = Axis.of(patient().timeline())

    assert [mark.label for mark in axis.marks(8)] == ["0", "2 s", "+2 s", "+4 s", "+2 s"]
    assert [one.label for one in axis.breaks] == ["◇ 2 d", "◇ 30 d", "◇ 1 d"]
    assert [mark.label for mark in Axis.of(completed().timeline()).marks(5)] == [
        "0",
        "5 s",
        "10 s",
        "15 s",
        "20 s",
    ]


def test_drawn_to_scale_there_are_no_breaks() -> None:
    axis = Axis(rule(patient()).to_scale(), millis(at(33 * DAY)))
    assert axis.breaks == ()
    assert axis.place_of(at(16.5 * DAY)) == pytest.approx(0.5)
