"""Two runs side by side: what is the same, what differs, and what only one of them had."""

from typing import Any

import msgspec

from nbflow.core import history as h
from nbflow.core.state import InstanceRecord
from nbflow.errors import FailureDetails
from nbflow.views.comparison import Comparison, compare, text_comparison
from nbflow.views.comparison.html import html_comparison
from nbflow.views.comparison.rows import Verdict
from tests.views.stories import Story, at


def side(history: list[h.HistoryEvent], **changes: Any) -> tuple[InstanceRecord, list[h.HistoryEvent]]:
    record = msgspec.structs.replace(Story().record(), **changes)
    numbered = [msgspec.structs.replace(event, seq=seq) for seq, event in enumerate(history, 1)]
    return record, numbered


def run(*events: h.HistoryEvent, late: float = 0) -> list[h.HistoryEvent]:
    """A history that begins like all others, so many seconds later."""
    started = h.ExecutionStarted(
        at=at(late),
        name="fulfil",
        execution_id=f"e-{late}",
        input='["tea"]',
        definition="d",
        interpreter=h.Interpreter(python="3.11", anyio="4", loop_rules=1),
    )
    return [h.WorkflowStarted(at=at(late)), started, *events]


def scheduled(i: int, name: str, seconds: float = 1) -> h.TaskScheduled:
    return h.TaskScheduled(at=at(seconds), id=i, task_id=i, name=name, input="[]")


def done(i: int, result: str, seconds: float = 2) -> h.TaskCompleted:
    return h.TaskCompleted(at=at(seconds), scheduled_id=i, result=result)


def verdicts(comparison: Comparison) -> list[tuple[str, Verdict]]:
    return [(row.about, row.verdict) for row in comparison.rows]


def test_runs_at_other_times_and_in_other_turns_that_decided_alike_are_the_same() -> None:
    child = h.ChildWorkflowCreated(at=at(1), id=2, task_id=2, name="pack", input="[]", instance_id="a:e:0001")
    timer = h.TimerCreated(at=at(2), id=3, fire_at=at(62))
    one = run(scheduled(1, "charge"), done(1, "7"), child, timer)
    other = run(
        scheduled(1, "charge", 101),
        h.WorkflowStarted(at=at(102)),
        done(1, "7", 102),
        msgspec.structs.replace(child, instance_id="b:f:0001", at=at(102)),
        msgspec.structs.replace(timer, at=at(102), fire_at=at(162)),
        late=100,
    )
    found = compare(*side(one), *side(other, instance_id="order-43"))
    assert found.is_same
    assert (found.shared, found.alike, len(found.rows)) == (0, 2, 2)
    assert "order-42 and order-43 saw the same and did the same" in text_comparison(found)


def test_a_changed_result_a_changed_consequence_and_what_only_one_had() -> None:
    shared = run(scheduled(1, "charge"), scheduled(2, "check"), done(1, "7"))
    one = [
        *shared,
        done(2, "true"),
        scheduled(3, "ship"),
        done(3, '"sent"'),
        h.EventRaised(at=at(9), name="paid", payload="1"),
    ]
    other = [*shared, done(2, "false"), scheduled(3, "refund"), done(3, "7")]
    found = compare(*side(one), *side(other))
    assert found.shared == len(shared)
    assert verdicts(found) == [
        ("fulfil", "same"),
        ("charge #1", "same"),
        ("check #2", "differs"),
        ("ship #3", "left"),
        ("paid", "left"),
        ("refund #3", "right"),
    ]
    row = found.rows[2]
    assert (row.is_value, row.is_action) == (True, True)
    assert row.left is not None
    assert row.right is not None
    assert (row.left.value, row.left.did) == ("true", ("schedules ship #3",))
    assert (row.right.value, row.right.did) == ("false", ("schedules refund #3",))


def test_a_result_in_place_of_a_failure_is_another_value_of_the_same_call() -> None:
    failed = h.TaskFailed(at=at(2), scheduled_id=1, failure=FailureDetails(type="OSError", message="no van"))
    found = compare(*side(run(scheduled(1, "ship"), failed)), *side(run(scheduled(1, "ship"), done(1, "1"))))
    assert verdicts(found)[-1] == ("ship #1", "differs")
    assert found.rows[-1].is_value
    assert not found.rows[-1].is_action
    assert found.rows[-1].left is not None
    assert found.rows[-1].left.is_bad


def test_the_nth_event_of_a_name_stands_beside_the_nth() -> None:
    def raised(name: str, payload: str) -> h.EventRaised:
        return h.EventRaised(at=at(3), name=name, payload=payload)

    one = run(raised("go", "1"), raised("Go", "2"))
    other = run(raised("GO", "1"), raised("go", "3"), raised("go", "4"))
    assert [verdict for _, verdict in verdicts(compare(*side(one), *side(other)))] == [
        "same", "same", "differs", "right"
    ]  # fmt: skip


def test_an_order_that_differs_is_seen() -> None:
    calls = [scheduled(1, "a"), scheduled(2, "b")]
    found = compare(
        *side(run(*calls, done(1, "1"), done(2, "2"))), *side(run(*calls, done(2, "2"), done(1, "1")))
    )
    assert not found.is_same
    assert sorted(verdict for _, verdict in verdicts(found)) == ["left", "right", "same", "same"]


def test_what_the_text_and_the_page_show() -> None:
    shared = run(scheduled(1, "charge"))
    origin = h.Origin(reason="fork", instance_id="order-42", execution_id="e", seq=4)
    one = side([*shared, done(1, "7"), scheduled(2, "ship")])
    other = side([*shared, done(1, '"<b>"')], instance_id="<i>42", origin=origin)
    found = compare(*one, *other)
    text = text_comparison(found, width=100)
    assert "forked from order-42 at event 4" in text
    assert "the first 3 events are shared; they part at charge #1 (activity result)" in text
    assert "≠ charge #1 (activity result)" in text
    assert all(len(line) <= 100 for line in text.splitlines())
    page = html_comparison(found)
    assert "&lt;b&gt;" in page
    assert "&lt;i&gt;42" in page
    assert "<b>" not in page
    assert "<i>" not in page
    assert "<script" not in page
    assert ">differs<" in page
    assert "1 thing before that, the same in both" in page


def test_in_a_long_history_one_other_value_is_one_row() -> None:
    events = [each for i in range(1, 2_000) for each in (done(i, "1"), scheduled(i + 1, "step"))]
    one = run(scheduled(1, "step"), *events)
    is_changed = [isinstance(event, h.TaskCompleted) and event.scheduled_id == 500 for event in one]
    other = [done(500, "2") if change else event for event, change in zip(one, is_changed, strict=True)]
    found = compare(*side(one), *side(other))
    assert [row.about for row in found.rows if row.verdict != "same"] == ["step #500"]
