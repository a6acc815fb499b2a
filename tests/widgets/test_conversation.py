"""What a card asks and is told: conversations, alone and several over one wire."""

from __future__ import annotations

from typing import Any

import pytest

from nbflow.errors import InstanceNotFoundError, LookNotPossible, RuntimeClosedError
from nbflow.widgets.conversation import Conversation
from nbflow.widgets.exchange import Exchange
from nbflow.widgets.runlog import RunLog
from tests.views.stories import Story, completed, waiting
from tests.widgets.sources import FakeSource, Outbox


def begin(source: FakeSource) -> tuple[Conversation, Outbox]:
    out = Outbox()
    conversation = Conversation(source, send=out.post, keep=out.kept.append)
    conversation.open()
    return conversation, out


def ask(what: str, **args: Any) -> dict[str, Any]:
    return {"type": "ask", "id": "a1", "what": what, **args}


def test_what_is_asked_is_taken_up_at_once_and_answered_apart() -> None:
    source = FakeSource(completed())
    source.waits_aside = True
    conversation, out = begin(source)
    conversation.receive(ask("details", key="2"))
    assert out.take() == [{"type": "reply", "id": "a1", "taken": True}]
    source.looks.pop()()
    (reply,) = out.take()
    assert reply["type"] == "reply"
    assert reply["id"] == "a1"
    assert isinstance(reply["ok"], dict)


def test_an_unknown_question_is_answered_with_what_to_do() -> None:
    conversation, out = begin(FakeSource(completed()))
    conversation.receive(ask("weather"))
    assert (
        out.take()[-1]["error"]
        == "the kernel's nbflow can't tell 'weather': restart the kernel to get the newer one"
    )


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (LookNotPossible("run the cell that defines `fulfil`"), "run the cell that defines `fulfil`"),
        (ZeroDivisionError("by zero"), "this view failed: ZeroDivisionError: by zero"),
    ],
)
def test_a_look_that_fails_says_why(
    raised: Exception, said: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    conversation, out = begin(FakeSource(completed()))

    def fail(_args: dict[str, Any]) -> dict[str, Any]:
        raise raised

    monkeypatch.setattr("nbflow.widgets.details.RowDetails.details", lambda _self, args: fail(args))
    conversation.receive(ask("details"))
    assert out.take()[-1] == {"type": "reply", "id": "a1", "error": said}
    assert bool(caplog.records) == (not isinstance(raised, LookNotPossible))


def test_a_closed_history_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    source = FakeSource(completed())
    conversation, out = begin(source)

    def closed(_look: object) -> None:
        raise RuntimeClosedError("its history is closed")

    monkeypatch.setattr(source, "aside", closed)
    conversation.receive(ask("details"))
    assert out.take()[-1]["error"] == "its history is closed"


@pytest.mark.parametrize(
    "content",
    [None, 7, {}, {"type": "ask"}, {"type": "ask", "id": 1, "what": "details"}, {"type": "hello", "view": 3}],
)
def test_what_makes_no_sense_is_passed_over(content: Any) -> None:
    conversation, out = begin(FakeSource(completed()))
    conversation.receive(content)
    assert out.take() == []


def test_after_a_restart_the_new_execution_is_followed() -> None:
    source = FakeSource(completed())
    conversation, out = begin(source)
    conversation.receive({"type": "command", "id": "c1", "do": "restart"})
    ((name, future),) = source.commanded
    assert name == "restart"
    story = Story().start()
    story.execution_id = "another"
    source.story, source.committed = story, len(story.events)
    future.set_result("order-42 has begun again")
    assert out.take()[-1] == {"type": "stale"}
    conversation.receive({"type": "hello", "view": "v"})
    (snapshot,) = out.take()
    assert snapshot["run"]["execution"] == "another"
    story.task(1.0, "check")
    source.commit()
    assert [message["type"] for message in out.take()] == ["delta"]


def test_a_run_that_somebody_else_begins_again_after_its_end_is_followed_anew_once_it_is_looked_at() -> None:
    source = FakeSource(completed())
    conversation, out = begin(source)
    conversation.receive(ask("events", start=0, count=10))
    story = Story().start()
    story.execution_id = "another"
    source.begin_anew(story)
    out.take()
    conversation.receive(ask("events", start=0, count=10))
    assert out.take()[-1] == {"type": "stale"}
    conversation.receive({"type": "hello", "view": "v"})
    assert out.take()[0]["run"]["execution"] == "another"
    conversation.receive(ask("events", start=0, count=10))
    assert [message["type"] for message in out.take()] == ["reply", "reply"]


def test_a_look_that_ends_after_the_card_was_closed_follows_nothing() -> None:
    source = FakeSource(completed())
    conversation, _ = begin(source)
    conversation.receive(ask("events", start=0, count=10))
    story = Story().start()
    story.execution_id = "another"
    source.begin_anew(story)
    source.waits_aside = True
    conversation.receive(ask("events", start=0, count=10))
    conversation.close()
    source.looks.pop()()
    assert source.callbacks == []


def test_after_a_purge_there_is_nothing_more_to_follow() -> None:
    source = FakeSource(completed())
    conversation, out = begin(source)
    conversation.receive({"type": "command", "id": "c1", "do": "purge"})
    source.commanded[0][1].set_result("order-42 is purged")
    assert out.take()[-1] == {"type": "gone", "reason": "it was purged"}
    assert source.callbacks == []


# -- several over one wire ---------------------------------------------------------------------


def test_messages_find_the_card_that_they_are_for() -> None:
    source, out = FakeSource(completed()), Outbox()
    other = source.others["order-43"] = FakeSource(waiting())
    exchange = Exchange(source.other, send=out.post)
    assert not exchange.takes({"type": "hello", "view": "v"})
    assert exchange.takes({"type": "open", "to": "order-43"})
    assert out.take() == [{"type": "stale", "to": "order-43"}]
    assert exchange.takes({"type": "hello", "view": "v", "to": "order-43"})
    (snapshot,) = out.take()
    assert snapshot["to"] == "order-43"
    assert exchange.takes(
        {"type": "answer", "id": "a", "name": "approval", "payload": "true", "to": "order-43"}
    )
    assert [(name, payload) for name, payload, _ in other.raised] == [("approval", "true")]
    exchange.close()
    assert other.callbacks == []


def test_a_card_of_an_unknown_run_is_told_so() -> None:
    out = Outbox()
    exchange = Exchange(FakeSource(completed()).other, send=out.post)
    exchange.takes({"type": "open", "to": "nobody"})
    assert out.take() == [{"type": "gone", "to": "nobody", "reason": "there is no run 'nobody'"}]


def test_a_card_that_was_let_go_of_is_followed_again_when_it_speaks() -> None:
    source, out = FakeSource(completed()), Outbox()
    source.others["order-43"] = FakeSource(waiting())
    exchange = Exchange(source.other, send=out.post)
    exchange.takes({"type": "hello", "view": "v", "to": "order-43"})
    assert out.take() == [{"type": "stale", "to": "order-43"}]
    exchange.takes({"type": "shut", "to": "order-43"})
    exchange.takes({"type": "bye", "view": "v", "to": "order-43"})
    assert out.take() == []
    assert source.others["order-43"].callbacks == []


def test_the_oldest_of_very_many_cards_is_let_go() -> None:
    source, out = FakeSource(completed()), Outbox()
    for number in range(21):
        source.others[f"r{number}"] = FakeSource(waiting())
    exchange = Exchange(source.other, send=out.post)
    for number in range(21):
        exchange.takes({"type": "open", "to": f"r{number}"})
    assert source.others["r0"].callbacks == []
    assert source.others["r1"].callbacks != []


# -- the run in memory -------------------------------------------------------------------------


def test_a_run_is_read_once_and_then_carried_on() -> None:
    source = FakeSource(waiting())
    log = RunLog(source)
    assert source.callbacks == []
    record, history = log.read()
    source.story.raised(15.0, "approval", {"approved": True})
    source.commit()
    newer, longer = log.read()
    assert source.reads == 1
    assert record.execution_id == newer.execution_id
    assert list(longer) == source.story.events
    assert len(history) < len(longer)


def test_a_commit_that_was_missed_has_the_run_read_anew() -> None:
    source = FakeSource(waiting())
    log = RunLog(source)
    log.read()
    source.story.raised(15.0, "hint", 1)
    source.commit(lose=True)
    source.story.raised(16.0, "hint", 2)
    source.commit()
    assert list(log.read()[1]) == source.story.events
    assert source.reads == 2


def test_a_new_execution_begins_a_new_history() -> None:
    source = FakeSource(waiting())
    log = RunLog(source)
    log.read()
    story = Story().start()
    story.execution_id = "another"
    source.begin_anew(story)
    record, history = log.read()
    assert record.execution_id == "another"
    assert list(history) == story.events
    assert source.reads == 1


def test_a_commit_during_the_reading_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    source = FakeSource(waiting())
    log = RunLog(source)
    read = source.snapshot

    def slow() -> Any:
        found = read()
        source.story.raised(15.0, "hint", 1)
        source.commit()
        return found

    monkeypatch.setattr(source, "snapshot", slow)
    assert list(log.read()[1]) == source.story.events


def test_a_closed_log_follows_nothing_and_a_purged_run_is_an_error() -> None:
    source = FakeSource(waiting())
    log = RunLog(source)
    log.read()
    log.close()
    assert source.callbacks == []
    source.is_purged = True
    with pytest.raises(InstanceNotFoundError):
        log.read()
