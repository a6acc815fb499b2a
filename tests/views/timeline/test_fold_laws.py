"""What holds for every history, also for one that no engine would write."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from nbflow.core import history as h
from nbflow.core.state import RuntimeState
from nbflow.views.timeline import timeline, timeline_of
from nbflow.views.timeline.fold import TimelineFold
from nbflow.views.timeline.html import html_timeline
from nbflow.views.timeline.rows import RowKind, RowStatus, Timeline
from nbflow.views.timeline.text import text_timeline
from tests.views.stories import INTERPRETER, Story, at, failure

ids = st.integers(1, 5)
moments = st.floats(0, 100, allow_nan=False).map(at)
names = st.sampled_from(["go", "Go", "<b>"])
payloads = st.sampled_from(["null", "true", '{"a": 1}'])


def event(kind: Any, **fields: Any) -> st.SearchStrategy[Any]:
    return st.builds(kind, at=moments, **fields)


scheduled = {"scheduled_id": ids}
ONE_OF_EACH = (
    event(
        h.ExecutionStarted,
        name=names,
        execution_id=st.just("x"),
        input=payloads,
        definition=st.just("d"),
        interpreter=st.just(INTERPRETER),
    ),
    event(h.WorkflowStarted),
    event(
        h.ExecutionForked,
        origin=st.just(h.Origin(reason="fork", instance_id="a", execution_id="x", seq=3)),
        instance_id=st.just("b"),
        execution_id=st.just("y"),
        begun=st.lists(ids).map(tuple),
    ),
    event(h.TaskScheduled, id=ids, task_id=ids, name=names, input=payloads, attempt=st.integers(1, 3)),
    event(h.TaskCompleted, result=payloads, started_at=st.none() | moments, **scheduled),
    event(h.TaskFailed, failure=st.just(failure()), started_at=st.none() | moments, **scheduled),
    event(h.TaskCancelled, **scheduled),
    event(
        h.TimerCreated,
        id=ids,
        fire_at=moments,
        purpose=st.sampled_from(["timer", "retry", "timeout"]),
        for_id=st.none() | ids,
    ),
    event(h.TimerFired, fire_at=moments, **scheduled),
    event(h.TimerCancelled, **scheduled),
    event(h.ChildWorkflowCreated, id=ids, task_id=ids, name=names, input=payloads, instance_id=st.just("c")),
    event(h.ChildWorkflowCompleted, result=payloads, **scheduled),
    event(h.ChildWorkflowFailed, failure=st.just(failure()), **scheduled),
    event(h.EventWaitCreated, id=ids, name=names),
    event(h.EventWaitCancelled, **scheduled),
    event(h.EventRaised, name=names, payload=payloads),
    event(h.EventRejected, name=names, reason=st.just("no"), **scheduled),
    event(h.EventSent, id=ids, instance_id=st.just("i"), name=names, payload=payloads),
    event(h.CustomStatusSet, value=payloads),
    event(h.Marker, name=names),
    event(h.ExecutionSuspended),
    event(h.ExecutionResumed),
    event(h.ContinuedAsNew, new_input=payloads),
    event(h.ExecutionTerminated),
    event(h.ExecutionCompleted, status=st.just("COMPLETED")),
)
EVENTS = st.one_of(*ONE_OF_EACH)


def numbered(events: list[Any]) -> list[h.HistoryEvent]:
    return [msgspec.structs.replace(event, seq=seq) for seq, event in enumerate(events, start=1)]


FREQUENT = st.one_of(
    event(h.TaskScheduled, id=ids, task_id=st.integers(1, 2), name=names, input=payloads),
    event(h.TaskFailed, failure=st.just(failure()), started_at=st.none() | moments, **scheduled),
    event(h.TimerCreated, id=ids, fire_at=moments, purpose=st.just("retry"), for_id=st.integers(1, 2)),
    event(h.TimerFired, fire_at=moments, **scheduled),
    event(h.EventWaitCreated, id=ids, name=names),
    event(h.EventRaised, name=names, payload=payloads),
)
histories = st.lists(EVENTS | FREQUENT, min_size=10, max_size=40).map(numbered)
RECORD = Story().record()


def picture_of(history: list[h.HistoryEvent]) -> Timeline:
    return timeline(RECORD, history, now=at(120))


def test_every_kind_of_event_is_generated() -> None:
    assert len(ONE_OF_EACH) == len({h.WorkflowStarted, h.ExecutionForked, *h.INPUT_KINDS, *h.ACTION_KINDS})


@settings(max_examples=150, deadline=None)
@given(histories)
def test_every_event_is_covered_exactly_once(history: list[h.HistoryEvent]) -> None:
    picture = picture_of(history)
    covered = [*picture.header.seqs, *(seq for row in picture.rows for seq in row.seqs)]

    assert sorted(covered) == list(range(1, len(history) + 1))


@settings(max_examples=150, deadline=None)
@given(histories)
def test_spans_are_in_order_and_never_end_before_they_start(history: list[h.HistoryEvent]) -> None:
    for row in picture_of(history).rows:
        reached = row.start
        assert row.spans, "every row has a bar"
        for span in row.spans:
            assert reached <= span.start
            assert span.end is None or span.end >= span.start
            assert span.end is not None or span is row.spans[-1], "only the last span is open"
            reached = span.end or span.start
        assert (row.end is None) == (row.spans[-1].end is None) == row.status.is_open
        assert row.end is None or row.end >= reached


@given(histories, st.data())
def test_fed_piece_by_piece_is_the_same_as_from_scratch(
    history: list[h.HistoryEvent], data: st.DataObject
) -> None:
    fold = TimelineFold()
    shown: dict[str, Any] = {}
    while fold.length < len(history):
        for event in history[fold.length :][: data.draw(st.integers(1, 6))]:
            fold.apply(event)
        for key in fold.changed():
            shown[key] = fold.row(key)
        scratch = picture_of(history[: fold.length])
        assert tuple(shown.values()) == scratch.rows, "what is shown from changes alone"
        assert timeline_of(RECORD, fold, now=at(120)) == scratch


@settings(max_examples=150, deadline=None)
@given(histories)
def test_keys_and_indexes_name_rows_for_good(history: list[h.HistoryEvent]) -> None:
    rows = picture_of(history).rows

    assert [row.index for row in rows] == list(range(len(rows)))
    assert len({row.key for row in rows}) == len(rows)


@settings(max_examples=150, deadline=None)
@given(histories)
def test_any_history_can_be_printed(history: list[h.HistoryEvent]) -> None:
    picture = picture_of(history)

    assert all(len(line) <= 80 for line in text_timeline(picture, width=80).splitlines())
    assert html_timeline(picture)


@st.composite
def event_stories(draw: st.DrawFn) -> Story:
    """Waits, events, refusals and timeouts as an engine records them."""
    story = Story().start()
    state = RuntimeState.of(story.events)
    for second in range(draw(st.integers(0, 25))):
        before = len(story.events)
        match draw(st.sampled_from(["wait", "raise", "raise", "cancel"])):
            case "wait":
                story.wait(second, draw(names))
            case "raise":
                story.raised(second, draw(names), second)
            case _ if state.waits:
                story.wait_cancelled(second, draw(st.sampled_from(sorted(state.waits))))
            case _:
                pass
        waits = set(state.waits)
        for event in story.events[before:]:
            state.apply(event)
            waits |= {event.id} if isinstance(event, h.EventWaitCreated) else set()
        last = story.events[-1]
        for i in sorted(waits - set(state.waits)):
            if not isinstance(last, h.EventWaitCancelled) and draw(st.booleans()):
                story.rejected(second, i, "go", "does not fit")
                state.apply(story.events[-1])
    return story


@given(event_stories())
def test_who_gets_which_event_agrees_with_the_runtime_state(story: Story) -> None:
    state = RuntimeState.of(story.events)
    rows = picture_of(story.events).rows
    open_waits = [row.id for row in rows if row.kind is RowKind.WAIT and row.status is RowStatus.WAITING]
    kept = [row.input for row in rows if row.kind is RowKind.ARRIVAL and row.status is RowStatus.KEPT]

    assert sorted(open_waits) == sorted(state.waits)
    assert kept == [event.payload for event in state.buffered]
