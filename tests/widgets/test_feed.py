"""Which message goes out when: snapshots, deltas, pauses, rest and the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nbflow.core.state import RuntimeStatus
from nbflow.errors import InstanceNotFoundError, StoreUnavailableError
from nbflow.widgets.feed import DELTA_PAUSE, REST, UNHEARD_PAUSE, CardFeed
from tests.views.stories import DECISION, Story, completed, running, waiting
from tests.views.stories_replay import parted
from tests.widgets.sources import FakeSource, Outbox


class Rig:
    """A feed on a fake source, with what it sends."""

    def __init__(self, story: Story | None = None, *, heard: bool = True) -> None:
        self.story = story or Story().start()
        self.source = FakeSource(self.story)
        self.box = Outbox()
        self.feed = CardFeed(self.source, send=self.box.post, keep=self.box.kept.append)
        self.first = self.feed.open()
        if heard:
            self.feed.hello("view")
            self.box.take()

    def names(self, message: dict[str, Any]) -> list[str]:
        return [row["name"] for row in message["rows"]]


def test_the_first_snapshot_is_the_whole_run() -> None:
    rig = Rig(running(), heard=False)

    assert rig.first["type"] == "snapshot"
    assert rig.names(rig.first) == ["check_stock", "check_price", "print_label", "charge", "notify_customer"]
    assert rig.first["run"]["look"] == ["►", "running", "active"]
    assert rig.first["run"]["live"] is True
    assert rig.first["now"] == 1795352656000


def test_a_change_goes_out_at_once_and_alone() -> None:
    rig = Rig()
    rig.story.task(1.0, "check_stock")
    rig.source.commit()
    rig.source.advance(1.0)
    rig.box.take()
    rig.story.task(2.0, "charge")
    rig.source.commit()
    (delta,) = rig.box.take()

    assert delta["type"] == "delta"
    assert rig.names(delta) == ["charge"]


def test_a_burst_is_one_message_and_then_one_a_pause() -> None:
    rig = Rig()
    for number in range(1000):
        rig.story.task(1.0, f"step_{number}")
        rig.source.commit()
        if number % 100 == 99:
            rig.source.advance(DELTA_PAUSE / 10)
    rig.source.advance(DELTA_PAUSE)
    first, second = rig.box.take()

    assert rig.names(first) == ["step_0"]
    assert rig.names(second) == [f"step_{number}" for number in range(1, 1000)]


def test_a_row_that_changed_ten_times_in_a_pause_is_sent_once() -> None:
    rig = Rig()
    charge = rig.story.task(1.0, "charge")
    rig.source.commit()
    for _ in range(5):
        rig.story.failed(1.0, charge)
        rig.source.commit()
    rig.source.advance(DELTA_PAUSE)

    assert [rig.names(message) for message in rig.box.take()] == [["charge"], ["charge"]]


def test_without_changes_nothing_is_sent() -> None:
    rig = Rig(waiting())
    rig.source.advance(3600)

    assert rig.box.take() == []


def test_messages_are_counted_without_gaps() -> None:
    rig = Rig()
    seen = [rig.first["n"]]
    for number in range(20):
        rig.story.task(1.0, f"step_{number}")
        rig.source.commit()
        if number == 7:
            rig.feed.hello("another view")
        rig.source.advance(DELTA_PAUSE)
    seen += [2, *(message["n"] for message in rig.box.take())]

    assert seen == list(range(1, len(seen) + 1))


def test_deltas_on_a_snapshot_give_what_a_snapshot_would() -> None:
    rig = Rig(Story())
    for event in completed().events:
        rig.story.events.append(event)
        rig.source.commit()
        rig.source.advance(DELTA_PAUSE)
    shown: dict[str, Any] = {}
    for message in rig.box.take():
        shown |= {row["key"]: row for row in message["rows"]}

    assert list(shown.values()) == Rig(completed(), heard=False).first["rows"]


def test_hello_is_answered_with_everything() -> None:
    rig = Rig(running())
    rig.feed.hello("a second view")
    (message,) = rig.box.take()

    assert message["type"] == "snapshot"
    assert len(message["rows"]) == 5


def test_until_a_hello_is_heard_whole_snapshots_go_out_slowly() -> None:
    rig = Rig(heard=False)
    for number in range(10):
        rig.story.task(1.0, f"step_{number}")
        rig.source.commit()
        rig.source.advance(UNHEARD_PAUSE / 5)
    messages = rig.box.take()

    assert {message["type"] for message in messages} == {"snapshot"}
    assert len(messages) == 3
    assert rig.names(messages[-1]) == [f"step_{number}" for number in range(10)]


def test_when_every_view_is_gone_nothing_goes_out_and_a_new_one_gets_everything() -> None:
    rig = Rig()
    rig.feed.bye("view")
    rig.story.task(1.0, "charge")
    rig.source.commit()
    rig.source.advance(1.0)
    assert rig.box.take() == []

    rig.feed.hello("another")
    (message,) = rig.box.take()
    assert rig.names(message) == ["charge"]


def test_a_stall_has_no_event_and_is_shown() -> None:
    rig = Rig(waiting())
    rig.story.stalled("run the cell that defines `fulfil`")
    rig.source.commit()
    (delta,) = rig.box.take()

    assert delta["run"]["look"][1] == "stalled"
    assert delta["run"]["problem"] == "run the cell that defines `fulfil`"
    assert delta["rows"] == []


def test_code_that_no_longer_matches_its_history_is_sent_from_both_sides() -> None:
    run = Rig(parted()).feed.open()["run"]
    parting = run["parting"]
    assert parting["sides"] == [
        'event 3 in history: call of activity check_stock("tea")',
        'the code did: call of activity check_stock("coffee")',
    ]
    assert [row[3] for row in parting["rows"] if row[-1]] == ["3"]
    assert Rig(waiting()).feed.open()["run"]["parting"] is None


def test_waits_carry_their_control_and_why_a_payload_was_refused() -> None:
    rig = Rig()
    wait = rig.story.wait(1.0, "approval", DECISION)
    rig.source.commit()
    (message,) = rig.box.take()
    (ask,) = message["waits"]
    assert (ask["name"], ask["control"]["control"], ask["refused"]) == ("approval", "buttons", 0)
    assert [choice["label"] for choice in ask["control"]["choices"]] == ["Approve", "Reject"]

    rig.source.advance(1.0)
    rig.story.raised(2.0, "approval", "yes")
    rig.story.rejected(2.0, wait, "approval", "Expected `bool`")
    rig.source.commit()
    (message,) = rig.box.take()
    assert (message["waits"][0]["refused"], message["waits"][0]["reason"]) == (1, "Expected `bool`")


def test_a_new_execution_is_a_new_picture() -> None:
    rig = Rig(running())
    second = Story().start()
    second.execution_id = "another"
    second.task(0.0, "poll")
    rig.source.begin_anew(second)
    (message,) = rig.box.take()

    assert message["type"] == "snapshot"
    assert rig.names(message) == ["poll"]
    assert message["run"]["execution"] == "another"


def test_a_lost_commit_makes_the_front_end_say_hello_and_that_reads_again() -> None:
    rig = Rig()
    reads = rig.source.reads
    rig.story.task(1.0, "missed")
    rig.source.commit(lose=True)
    for number in range(3):
        rig.story.task(2.0, f"seen_{number}")
        rig.source.commit()
        rig.source.advance(1.0)
    assert rig.box.take() == [{"type": "stale"}], "said once; the engine's thread reads nothing"
    assert rig.source.reads == reads

    rig.feed.hello("view")
    (message,) = rig.box.take()
    assert message["type"] == "snapshot"
    assert rig.names(message) == ["missed", "seen_0", "seen_1", "seen_2"]

    rig.story.task(3.0, "later")
    rig.source.commit()
    assert [rig.names(message) for message in rig.box.take()] == [["later"]]


def test_a_run_that_ended_while_a_commit_was_lost_is_finished_by_the_hello() -> None:
    rig = Rig()
    rig.story.task(1.0, "missed")
    rig.source.commit(lose=True)
    rig.story.completed(2.0, "done")
    rig.source.commit()
    rig.feed.hello("view")

    assert rig.box.take()[-1]["run"]["live"] is False
    assert len(rig.box.kept) == 1
    assert rig.source.callbacks == []


def test_a_commit_that_the_snapshot_held_already_counts_once() -> None:
    rig = Rig()
    rig.story.task(1.0, "charge")
    events = rig.story.events[rig.source.committed :]
    rig.source.commit()
    for callback in rig.source.callbacks:
        callback(rig.story.record(), events)
    rig.source.advance(1.0)
    rig.feed.hello("view")

    (*_, last) = rig.box.take()
    assert [len(row["spans"]) for row in last["rows"]] == [1]


def reading(source: FakeSource, meanwhile: Callable[[], None]) -> None:
    """Have something happen each time between the read of a snapshot and its return."""
    plain = source.snapshot

    def snapshot() -> Any:
        picture = plain()
        meanwhile()
        return picture

    source.snapshot = snapshot  # type: ignore[method-assign]


def opened(source: FakeSource) -> tuple[CardFeed, Outbox, dict[str, Any]]:
    box = Outbox()
    feed = CardFeed(source, send=box.post, keep=box.kept.append)
    return feed, box, feed.open()


def test_commits_during_the_first_read_are_not_lost() -> None:
    source = FakeSource(Story().start())

    def meanwhile() -> None:
        for number in range(3):
            source.story.task(float(number), f"step_{number}")
            source.commit()

    reading(source, meanwhile)
    _, _, first = opened(source)

    assert [row["name"] for row in first["rows"]] == ["step_0", "step_1", "step_2"]
    assert source.reads == 1


def test_a_commit_from_before_the_read_does_not_undo_it() -> None:
    source = FakeSource(waiting())
    late = source.story.record()
    source.story.completed(20.0, "done")
    source.commit()
    reading(source, lambda: [callback(late, ()) for callback in source.callbacks] and None)
    _, _, first = opened(source)

    assert first["run"]["look"][1] == "completed"


def test_a_new_execution_during_the_first_read_is_what_is_shown() -> None:
    source = FakeSource(running())
    second = Story().start(20.0)
    second.execution_id = "second"
    second.task(20.0, "poll")
    reading(source, lambda: source.begin_anew(second) if source.reads == 1 else None)
    _, _, first = opened(source)

    assert first["run"]["execution"] == "second"
    assert [row["name"] for row in first["rows"]] == ["poll"]


# -- rest, end, close ----------------------------------------------------------------------------


def test_the_kept_picture_is_written_at_rest_and_not_before() -> None:
    rig = Rig()
    charge = rig.story.task(1.0, "charge")
    rig.source.commit()
    rig.source.advance(60.0)
    assert rig.box.kept == [], "an activity is at work"

    rig.story.done(70.0, charge)
    rig.story.wait(70.0, "approval")
    rig.source.commit()
    rig.source.advance(REST / 2)
    assert rig.box.kept == [], "it has only just begun to wait"
    rig.source.advance(REST)
    (kept,) = rig.box.kept
    assert [wait["name"] for wait in kept["waits"]] == ["approval"]
    rig.source.advance(3600.0)
    assert len(rig.box.kept) == 1


def test_rest_is_counted_from_the_last_change() -> None:
    rig = Rig()
    rig.story.wait(1.0, "approval")
    rig.source.commit()
    for _ in range(10):
        rig.source.advance(REST * 0.75)
        rig.story.raised(rig.story.now + 1, "hint")
        rig.source.commit()
    assert rig.box.kept == []
    rig.source.advance(2 * REST)
    assert len(rig.box.kept) == 1


def test_the_end_is_kept_at_once_and_the_source_let_go() -> None:
    rig = Rig()
    rig.story.completed(5.0, "done")
    rig.source.commit()
    (kept,) = rig.box.kept
    (delta,) = rig.box.take()

    assert kept["type"] == "snapshot"
    assert kept["run"]["live"] is False
    assert kept["run"]["output"] == '"done"'
    assert delta["run"]["live"] is False
    assert rig.source.callbacks == []


def test_a_finished_run_answers_hello_with_its_last_picture() -> None:
    rig = Rig(completed(), heard=False)
    reads = rig.source.reads
    rig.feed.hello("view")
    (message,) = rig.box.take()

    assert message["run"]["look"][1] == "completed"
    assert len(message["rows"]) == 10
    assert rig.source.reads == reads, "nothing is read for it"
    assert rig.source.callbacks == []


def test_a_closed_feed_lets_go_and_is_silent() -> None:
    rig = Rig()
    rig.story.task(1.0, "charge")
    rig.source.commit()
    rig.story.task(1.0, "pending")
    rig.source.commit()
    rig.box.take()
    rig.feed.close()
    rig.feed.close()
    rig.feed.hello("view")
    rig.source.advance(10.0)

    assert rig.source.callbacks == []
    assert rig.box.take() == []
    assert rig.box.kept == []


def test_a_run_that_is_gone_is_an_error_and_leaves_no_subscription() -> None:
    source = FakeSource(Story())

    def gone() -> Any:
        raise InstanceNotFoundError("no instance 'order-42': `%wf ps` lists them")

    source.snapshot = gone  # type: ignore[method-assign]
    with pytest.raises(InstanceNotFoundError, match="%wf ps"):
        CardFeed(source, send=print, keep=print).open()
    assert source.callbacks == []


def test_a_picture_that_fails_does_not_take_the_engine_with_it(caplog: pytest.LogCaptureFixture) -> None:
    source = FakeSource(Story().start())

    def broken(_message: Any) -> None:
        raise OSError("the socket is closed")

    feed = CardFeed(source, send=broken, keep=broken)
    feed.open()
    source.story.task(1.0, "charge")
    source.commit()

    assert "the card of order-42 can't follow it any more" in caplog.text
    assert source.callbacks == []


def test_a_store_that_can_not_be_read_again_is_logged_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = Rig()
    plain = rig.source.snapshot

    def broken() -> Any:
        raise StoreUnavailableError("disk gone")

    rig.source.snapshot = broken  # type: ignore[method-assign]
    rig.story.task(1.0, "missed")
    rig.source.commit(lose=True)
    rig.story.task(2.0, "seen")
    rig.source.commit()
    rig.feed.hello("view")
    assert "can't read its run again: disk gone" in caplog.text

    rig.source.snapshot = plain  # type: ignore[method-assign]
    rig.feed.hello("view")
    assert rig.names(rig.box.take()[-1]) == ["missed", "seen"]


def test_ten_thousand_events_fit_into_a_message_of_bearable_size() -> None:
    story = Story().start()
    for number in range(3333):
        story.done(number + 1, story.task(number, "step", "x" * 5000), "y" * 5000)
    text = str(Rig(story, heard=False).first)

    assert len(text) < 4_000_000


def test_the_status_is_taken_from_the_record() -> None:
    rig = Rig(waiting())
    rig.story.status = RuntimeStatus.SUSPENDED
    rig.source.commit()

    assert rig.box.take()[0]["run"]["look"][1] == "suspended"
