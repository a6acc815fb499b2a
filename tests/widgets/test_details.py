"""What is behind a row: along with it while rows are few, asked for where they are many."""

from __future__ import annotations

from typing import Any

import pytest

from nbflow.errors import LookNotPossible
from nbflow.widgets.details import RowDetails
from nbflow.widgets.feed import DELTA_PAUSE, CardFeed
from nbflow.widgets.messages import INLINE_ROWS
from nbflow.widgets.rowlist import rows_of
from nbflow.widgets.runlog import RunLog
from tests.views.stories import DAY, Story, at, completed, patient, restarted, waiting
from tests.widgets.sources import FakeSource, Outbox


def opened(source: FakeSource, feed: CardFeed | None = None) -> tuple[dict[str, Any], Outbox]:
    box = Outbox()
    feed = feed or CardFeed(source, send=box.post, keep=box.kept.append)
    first = feed.open()
    feed.hello("view")
    box.take()
    return first, box


def many(count: int) -> Story:
    story = Story().start()
    for number in range(count):
        story.task(number, "fetch", {"page": number})
    return story


def answerer(source: FakeSource) -> RowDetails:
    return RowDetails(RunLog(source), source)


# -- in the messages -----------------------------------------------------------------------------


def test_a_few_rows_bring_along_what_is_behind_them_and_many_do_not() -> None:
    few, _ = opened(FakeSource(many(INLINE_ROWS)))
    lots, _ = opened(FakeSource(many(INLINE_ROWS + 1)))

    assert all(row["details"]["blocks"][0][0] == "Input" for row in few["rows"])
    assert not any("details" in row for row in rows_of(lots))


def test_when_rows_become_many_what_is_behind_them_stays_behind() -> None:
    source, box = FakeSource(many(INLINE_ROWS)), Outbox()
    feed = CardFeed(source, send=box.post, keep=box.kept.append)
    opened(source, feed)
    box.take()
    source.story.task(900.0, "one_more")
    source.commit()
    source.advance(DELTA_PAUSE)
    (delta,) = box.take()
    assert [row["name"] for row in delta["rows"]] == ["one_more"]
    assert "details" not in delta["rows"][0]

    feed.hello("another view")
    (snapshot,) = box.take()
    assert snapshot["rows"] == [], "they are one text"
    rows = rows_of(snapshot)
    assert [row["index"] for row in rows] == list(range(INLINE_ROWS + 1))
    assert rows[-1] == delta["rows"][0]
    assert not any("details" in row for row in rows)


def test_rows_say_what_tells_them_apart_and_where_they_lie_in_the_history() -> None:
    first, _ = opened(FakeSource(patient()))
    rows = {row["key"]: row for row in first["rows"]}

    assert (rows["2"]["name"], rows["2"]["short"], rows["2"]["seqs"]) == (
        "check",
        '{"register": "sanctions"}',
        [4, 9],
    )
    assert rows["1"]["turn"] == rows["2"]["turn"] != rows["4"]["turn"]
    assert rows["9"]["instance"] == rows["9"]["short"] == "customer-7:9f3c2a7b:0009"
    assert rows["2"]["spans"] == [
        ["queued", 0, 600, "good", "completed"],
        ["running", 600, 1900, "good", "completed"],
    ]


def test_every_message_carries_the_axis() -> None:
    source = FakeSource(waiting())
    first, box = opened(source)
    assert first["axis"]["patience"] == 6800
    assert first["axis"]["breaks"] == ()

    source.story.raised(DAY, "approval", {"approved": True})
    source.story.task(DAY, "charge")
    source.commit()
    source.advance(DELTA_PAUSE)
    axis = box.take()[-1]["axis"]
    start = axis["start"]
    assert [[a - start, b - start] for a, b in axis["breaks"]] == [[3400, DAY * 1000]]
    assert axis["patience"] is None, "an activity is at work"


@pytest.mark.parametrize("opened_at", [None, 20.0])
def test_until_when_a_run_was_served_from_history(opened_at: float | None) -> None:
    story, _ = restarted()
    source = FakeSource(story)
    if opened_at is not None:
        source.opened_at = at(opened_at)
    first, _ = opened(source)
    served = {row["short"] for row in first["rows"] if any(f[0] == "Served" for f in row["details"]["facts"])}

    if opened_at is None:
        assert (first["axis"]["served"], served) == (None, set())
    else:
        assert first["axis"]["served"] == first["axis"]["start"] + 20_000
        assert served == {f'{{"table": "{table}"}}' for table in ("users", "orders", "items")}


# -- asked for -----------------------------------------------------------------------------------


def test_what_is_asked_for_is_what_would_have_come_along() -> None:
    source = FakeSource(completed())
    first, _ = opened(source)
    details = answerer(source)

    for row in first["rows"]:
        assert details.details({"key": row["key"]}) == row["details"]


def test_a_single_row_may_show_more_of_a_value() -> None:
    story = Story().start()
    story.done(1.0, story.task(0.0, "fetch", "x" * 50_000))
    source = FakeSource(story)
    first, _ = opened(source)
    (along,) = (block[1] for block in first["rows"][0]["details"]["blocks"] if block[0] == "Input")
    (asked,) = (block[1] for block in answerer(source).details({"key": "1"})["blocks"] if block[0] == "Input")

    assert len(along) < 2000 < 20_000 < len(asked) < 20_100


def test_the_history_is_read_once_and_then_carried_on() -> None:
    source = FakeSource(waiting())
    details = answerer(source)
    assert "Result" in [block[0] for block in details.details({"key": "1"})["blocks"]]
    source.story.raised(20.0, "approval", {"approved": True})
    source.commit()

    assert ["Payload", '{"approved": true}', "json"] in details.details({"key": "3"})["blocks"]
    assert source.reads == 1


def test_a_row_of_an_execution_that_is_over_is_gone() -> None:
    source = FakeSource(completed())
    details = answerer(source)
    details.details({"key": "13"})
    second = Story().start()
    second.execution_id = "second"
    second.task(0.0, "poll")
    source.begin_anew(second)

    assert details.details({"key": "1"})["facts"][0] == ["What", "activity #1"]
    for key in ("13", None, 7):
        with pytest.raises(LookNotPossible, match="this row is gone: the run has begun anew"):
            details.details({"key": key})


def test_what_replay_took_from_history_is_said_when_asked_too() -> None:
    story, moment = restarted()
    source = FakeSource(story)
    source.opened_at = at(moment)
    facts = dict(answerer(source).details({"key": "1"})["facts"])
    assert facts["Served"] == "from history, by replay: it did not run again"
