"""What a dashboard is sent, and when: a real feed over runs in a store, whose engine's thread is the test."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.errors import RuntimeClosedError
from nbflow.widgets import dashfeed, dashrows
from nbflow.widgets.dashfeed import COUNT_PAUSE, DELTA_PAUSE, REST, UNHEARD_MOST, DashboardFeed
from nbflow.widgets.instances import Scope
from tests.views.stories import Story, at
from tests.views.stories_instances import Run, asking, fanned_out, run, shop
from tests.widgets.instances_sources import FakeInstances
from tests.widgets.sources import Outbox


class Bench:
    """A feed on a source, and a front end that has said hello."""

    def __init__(self, source: FakeInstances, *, hello: bool = True, **preset: Any) -> None:
        self.source = source
        self.box = Outbox()
        self.feed = DashboardFeed(source, send=self.box.post, keep=self.box.kept.append, **preset)
        self.first = self.feed.open()
        if hello:
            self.feed.hello("v")
            self.box.take()

    def commit(
        self, story: Story, instance_id: str, created: float = 0.0, *, since: int = 0, **changes: Any
    ) -> None:
        record, history = run(story, instance_id, created, **changes)
        self.source.put(record, history[since:])

    def rows(self) -> list[dict[str, Any]]:
        """The rows of the deltas since the last look."""
        return [row for message in self.box.take() for row in message.get("rows", [])]


def ids(message: dict[str, Any]) -> list[str]:
    return [row["id"] for row in message["rows"]]


def counted(message: dict[str, Any]) -> dict[str, int]:
    return {status: count for status, count, *_ in message["counts"] if count}


def many(number: int, first: int = 0, status: RuntimeStatus = RuntimeStatus.COMPLETED) -> list[Run]:
    record = run(asking(), "x", 0)[0]
    return [
        (
            msgspec.structs.replace(
                record, instance_id=f"run-{first + i:05}", created_at=at(first + i), status=status
            ),
            [],
        )
        for i in range(number)
    ]


def waits(row: dict[str, Any]) -> list[str] | None:
    return None if row["waits"] is None else [label for label, _, _ in row["waits"]]


# -- the first picture ---------------------------------------------------------------------------


def test_the_first_picture_has_the_newest_runs_with_counts_and_what_they_wait_for() -> None:
    bench = Bench(FakeInstances(shop()))
    assert ids(bench.first)[:3] == ["remind-10", "order-42", "order-40"]
    assert counted(bench.first) == {
        "PENDING": 1, "RUNNING": 5, "SUSPENDED": 1, "STALLED": 1, "COMPLETED": 1, "FAILED": 1, "TERMINATED": 1,
    }  # fmt: skip
    bench.feed.hello("w")
    (snapshot,) = bench.box.take()
    found = {row["id"]: waits(row) for row in snapshot["rows"]}
    assert found["order-42"] == ["event 'approval'"]
    assert found["season-3"] == ["child survey …:9f3c2a7b:0001", "child publish …:9f3c2a7b:0002"]
    assert None not in found.values()
    json.dumps(snapshot, allow_nan=False)


def test_histories_are_read_a_few_at_a_time_and_only_of_runs_that_go_on() -> None:
    source = FakeInstances([*many(50), *(run(asking(), f"ask-{i}", 100 + i) for i in range(10))])
    source.waits_aside = True
    bench = Bench(source)
    assert source.reads == source.at_once
    source.do_looks()
    assert source.reads == 10
    bench.feed.hello("v")
    (*_, snapshot) = bench.box.take()
    assert all(row["waits"] is not None for row in snapshot["rows"])


def test_a_dashboard_without_runs_says_so() -> None:
    bench = Bench(FakeInstances())
    assert bench.first["rows"] == []
    assert counted(bench.first) == {}


# -- news ----------------------------------------------------------------------------------------


def test_a_commit_goes_out_as_one_row() -> None:
    bench = Bench(FakeInstances(shop()))
    bench.commit(asking(), "order-50", 200.0)
    (delta, *_) = bench.box.take()
    assert delta["type"] == "delta"
    assert ids(delta) == ["order-50"]
    assert waits(delta["rows"][0]) == ["event 'approval'"]
    assert bench.source.reads == 8, "its history came along, and was not read"


def test_many_commits_are_at_most_ten_messages_a_second() -> None:
    bench = Bench(FakeInstances(shop()))
    for number in range(200):
        bench.commit(asking(), f"new-{number}", 200.0)
        bench.source.advance(0.01)
    bench.source.advance(1.0)
    deltas = bench.box.take()
    assert len(deltas) <= 1 + 2 / DELTA_PAUSE + 3 / COUNT_PAUSE
    assert {row for delta in deltas for row in ids(delta)} == {f"new-{n}" for n in range(200)}
    assert [delta["n"] for delta in deltas] == list(range(deltas[0]["n"], deltas[0]["n"] + len(deltas)))
    assert counted(deltas[-1])["RUNNING"] == 205


def test_what_a_run_waits_for_is_carried_on_commit_by_commit() -> None:
    bench = Bench(FakeInstances())
    story = asking()
    bench.commit(story, "order-1")
    length = len(story.events)
    story.raised(5.0, "approval", True)
    story.task(5.0, "charge")
    bench.commit(story, "order-1", since=length)
    bench.source.advance(DELTA_PAUSE)
    assert [waits(row) for row in bench.rows()] == [["event 'approval'"], ["activity charge"]]
    story.completed(6.0, "sent")
    bench.commit(story, "order-1", since=len(story.events) - 1)
    bench.source.advance(1.0)
    row = bench.rows()[-1]
    assert (row["look"][1], row["note"], row["live"]) == ("completed", '"sent"', False)
    assert bench.source.reads == 0


def test_a_commit_that_was_missed_has_the_history_read() -> None:
    bench = Bench(FakeInstances([run(asking(), "order-1", 0)]))
    story = asking()
    length = len(story.events)
    story.raised(5.0, "approval", True)
    record, history = run(story, "order-1", 0)
    bench.source.put(record, history[length:], lose=True)
    length = len(story.events)
    story.task(6.0, "charge")
    bench.commit(story, "order-1", since=length)
    bench.source.advance(1.0)
    assert waits(bench.rows()[-1]) == ["activity charge"]
    assert bench.source.reads == 2


def test_a_commit_during_the_reading_is_not_lost() -> None:
    source = FakeInstances([run(asking(), "order-1", 0)])
    story = asking()
    length = len(story.events)
    story.raised(5.0, "approval", True)
    story.task(5.0, "charge")
    read = source.histories

    def slow(records: Any) -> Any:
        found = read(records)
        if len(source.followers) and source.reads == 1:
            record, history = run(story, "order-1", 0)
            source.put(record, history[length:])
        return found

    source.histories = slow  # type: ignore[method-assign]
    source.waits_aside = True
    bench = Bench(source)
    source.do_looks()
    bench.feed.hello("v")
    (*_, snapshot) = bench.box.take()
    assert [waits(row) for row in snapshot["rows"]] == [["activity charge"]]
    assert source.reads == 1


def test_a_new_generation_begins_a_new_history() -> None:
    bench = Bench(FakeInstances([run(asking(), "order-1", 0)]))
    record = run(asking(), "order-1", 0)[0]
    following = msgspec.structs.replace(record, execution_id="second", generation=1)
    bench.source.put(following)
    story = fanned_out()
    bench.source.put(msgspec.structs.replace(following, last_updated_at=at(9)), story.events)
    bench.source.advance(1.0)
    row = bench.rows()[-1]
    assert (row["generation"], waits(row)) == (1, ["activity measure_island (5)", "activity fetch_map"])


def test_purged_runs_go_away_and_are_not_counted() -> None:
    bench = Bench(FakeInstances(shop()))
    bench.source.purge("order-36", "order-37", "nobody")
    bench.source.advance(1.0)
    messages = bench.box.take()
    assert [gone for message in messages for gone in message["gone"]] == ["order-36", "order-37"]
    assert "FAILED" not in counted(messages[-1])


def test_a_run_whose_code_is_missing_or_that_is_held_says_so() -> None:
    source = FakeInstances(shop())
    source.missing["order-42"], source.held = ["fulfil"], {"remind-9"}
    bench = Bench(source)
    bench.feed.hello("v")
    rows = {row["id"]: waits(row) for row in bench.rows()}
    assert rows["order-42"] == ["code of fulfil", "event 'approval'"]
    assert rows["remind-9"] == ["its owner: `%wf resume remind-9`", "timer"]


# -- pages ---------------------------------------------------------------------------------------


def loaded(
    bench: Bench, statuses: list[RuntimeStatus] | None = None, text: str = ""
) -> tuple[list[str], bool]:
    bench.feed.load(statuses or [], text, "key")
    *deltas, last = bench.box.take()
    bench.source.advance(1.0)
    bench.box.take()
    assert (last["type"], last["key"], last["error"]) == ("loaded", "key", None)
    return [row for delta in deltas for row in ids(delta)], last["more"]


def test_more_are_loaded_page_by_page() -> None:
    bench = Bench(FakeInstances(many(25)), page=10)
    assert len(bench.first["rows"]) == 10
    assert sum(counted(bench.first).values()) == 25
    first, more = loaded(bench)
    assert (first[0], more) == ("run-00014", True)
    assert loaded(bench) == ([f"run-{n:05}" for n in range(4, -1, -1)], False)
    assert loaded(bench) == ([], False)


def test_a_filter_is_asked_of_the_store() -> None:
    runs = [*many(5, status=RuntimeStatus.FAILED), *many(30, first=100)]
    bench = Bench(FakeInstances([*runs, run(asking(workflow="refund"), "early", -5)]), page=10)
    assert loaded(bench, [RuntimeStatus.FAILED]) == ([f"run-{n:05}" for n in range(4, -1, -1)], False)
    assert loaded(bench, text="run-0011")[0] == [f"run-{n:05}" for n in range(119, 109, -1)]
    assert loaded(bench, text="refund") == (["early"], False)
    assert loaded(bench, text="nothing") == ([], False)


def test_a_page_goes_on_though_its_last_run_was_purged() -> None:
    bench = Bench(FakeInstances(many(25)), page=10)
    bench.source.purge("run-00015")
    bench.box.take()
    assert loaded(bench)[1]
    assert loaded(bench)[0]


def test_a_scope_keeps_others_away_until_it_is_widened() -> None:
    source = FakeInstances(shop())
    bench = Bench(source, scope=Scope(name="fulfil", after="order-42"), statuses=(RuntimeStatus.FAILED,))
    assert ids(bench.first) == ["order-37"]
    assert bench.first["scope"] == "of fulfil, below order-42"
    assert bench.first["chosen"] == ["FAILED"]
    assert sum(counted(bench.first).values()) == 5
    bench.commit(asking(), "order-60", 300.0)
    assert bench.rows() == []
    bench.feed.widen()
    (snapshot, *_) = bench.box.take()
    assert (snapshot["scope"], len(snapshot["rows"])) == ("", 12)


def test_the_oldest_that_have_ended_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashrows, "MOST", 20)
    bench = Bench(FakeInstances([*(run(asking(), f"ask-{i}", -100 + i) for i in range(3)), *many(17)]))
    bench.commit(asking(), "new-1", 200.0)
    bench.commit(asking(), "new-2", 200.0)
    bench.source.advance(1.0)
    bench.feed.hello("v")
    (*_, snapshot) = bench.box.take()
    assert {"new-1", "new-2", "ask-0", "ask-1", "ask-2"} <= set(ids(snapshot))
    assert len(snapshot["rows"]) <= 20


# -- views, rest and end -------------------------------------------------------------------------


def test_without_a_front_end_whole_pictures_go_out_now_and_then_and_not_for_ever() -> None:
    bench = Bench(FakeInstances(shop()), hello=False)
    bench.box.take()
    for number in range(UNHEARD_MOST * 20):
        bench.commit(asking(), f"new-{number}", 200.0)
        bench.source.advance(0.1)
    sent = bench.box.take()
    assert len(sent) in (UNHEARD_MOST - 1, UNHEARD_MOST), "one may have gone out with the first reading"
    assert {message["type"] for message in sent} == {"snapshot"}


def test_without_views_nothing_is_followed_and_a_hello_wakes_it() -> None:
    bench = Bench(FakeInstances(shop()))
    bench.feed.hello("w")
    bench.feed.bye("v")
    assert len(bench.source.followers) == 1
    bench.feed.bye("w")
    assert bench.source.followers == []
    bench.box.take()
    bench.commit(asking(), "order-50", 200.0)
    bench.source.advance(10.0)
    assert (bench.box.take(), bench.box.kept) == ([], [])
    bench.feed.hello("v")
    (snapshot, *_) = bench.box.take()
    assert ids(snapshot)[0] == "order-50"


def test_the_picture_is_kept_at_rest_and_not_whole_of_many() -> None:
    bench = Bench(FakeInstances(many(dashfeed.KEPT_ROWS + 50)))
    bench.commit(asking(), "order-50", 2000.0)
    bench.source.advance(REST / 2)
    assert bench.box.kept == []
    bench.source.advance(2 * REST)
    (kept,) = bench.box.kept
    assert len(kept["rows"]) == dashfeed.KEPT_ROWS
    assert ids(kept)[0] == "order-50"
    bench.source.advance(100.0)
    assert len(bench.box.kept) == 1


def test_a_closed_history_is_told_and_nothing_comes_after_it() -> None:
    bench = Bench(FakeInstances(shop()))
    bench.source.close()
    assert bench.box.take() == [
        {"type": "closed", "reason": "its history is closed: `%wf db shop.duckdb` opens it again"}
    ]
    bench.feed.hello("w")
    assert [message["type"] for message in bench.box.take()] == ["closed"]
    bench.feed.load([], "", "key")
    bench.source.advance(10.0)
    assert bench.box.kept == []


def test_a_history_that_was_closed_while_nobody_looked_is_told_to_the_next_who_does() -> None:
    bench = Bench(FakeInstances(shop()))
    bench.feed.bye("v")
    bench.source.close()
    bench.feed.hello("v")
    assert [message["type"] for message in bench.box.take()] == ["closed"]


def test_a_dashboard_of_a_closed_history_is_an_error() -> None:
    source = FakeInstances(shop())
    source.close()
    with pytest.raises(RuntimeClosedError, match="its history is closed"):
        Bench(source)


def test_a_record_that_came_late_does_not_turn_time_back() -> None:
    rows = dashrows.LoadedRows()
    record: InstanceRecord = run(asking(), "order-1", 0)[0]
    rows.add(msgspec.structs.replace(record, custom_status='"new"', last_updated_at=at(9)))
    rows.begin_reading()
    rows.read(record, [])
    assert rows.record("order-1").custom_status == '"new"'
