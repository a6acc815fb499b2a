"""What the replay view asks, answered: moments, pages of events, the source, whole values."""

from __future__ import annotations

import contextlib
import io
import threading
from contextvars import Context
from typing import Any

import msgspec
import pytest

from nbflow import WorkflowContext, workflow
from nbflow.definitions import WorkflowDefinition
from nbflow.engine.output import TurnPrints, context_with, routed_prints
from nbflow.errors import InstanceNotFoundError, LookNotPossible
from nbflow.widgets.replaying import Replaying
from nbflow.widgets.runlog import RunLog
from tests.views.stories_replay import Lived, counting, fulfil, fulfilled, lived_long, ran
from tests.widgets.sources import FakeSource


class Quiet(FakeSource):
    def quiet_context(self) -> Context:
        return context_with(TurnPrints(), None)


def asked(run: Lived, code: WorkflowDefinition[..., Any] | None = None) -> tuple[Replaying, FakeSource]:
    source = Quiet(run.story(), code=code or run.code)
    return Replaying(RunLog(source), source), source


@pytest.fixture(autouse=True)
def nothing_runs():
    ran.clear()
    yield
    assert ran == []


def test_a_moment_is_plain_json():
    replaying, _ = asked(fulfilled())
    moment = replaying.moment({"seq": 26})
    assert msgspec.json.decode(msgspec.json.encode(moment)) == moment
    assert (moment["first"], moment["last"], moment["state"]) == (26, 26, "running")
    assert moment["ended"] == ["2 (bill)"]
    [main, ship] = moment["branches"]
    assert (main["number"], main["name"], ship["waits"]) == (
        1,
        "fulfil",
        "the end of a sleep, at 2026-11-22 13:04:52 UTC (timer #8)",
    )
    assert ["done", "['charged 24000']", False, "changed", "[]"] in main["frames"][0]["locals"]


def test_a_question_without_a_position_is_about_the_end():
    replaying, _ = asked(fulfilled())
    assert replaying.moment({}) == replaying.moment({"seq": 30}) == replaying.moment({"seq": 10_000})
    assert replaying.moment({"seq": "<b>"})["seq"] == 30
    assert replaying.moment({"seq": -4})["state"] == "before"


def test_pages_of_events():
    replaying, _ = asked(fulfilled())
    page = replaying.events({"start": 10, "count": 5})
    assert (page["total"], page["start"], [event[0] for event in page["events"]]) == (
        30,
        10,
        [11, 12, 13, 14, 15],
    )
    assert page["events"][3][2:9] == [
        "action",
        "activity scheduled",
        "charge #5",
        "24000",
        "schedules charge #5",
        4,
        12,
    ]
    assert list(page["turns"]) == ["4"]
    assert page["turns"]["4"][:2] == [11, 15]
    assert replaying.events({"start": 99, "count": 5})["events"] == []
    assert len(replaying.events({})["events"]) == 30
    long, _ = asked(lived_long(counting, 500))
    assert len(long.events({"start": 0, "count": 10**9})["events"]) == 1000


def test_the_source_as_the_author_has_it():
    replaying, _ = asked(fulfilled())
    listing = replaying.listing({})
    assert listing["label"] == "stories_replay.py"
    assert listing["lines"][1] == "async def fulfil(ctx: WorkflowContext, order: Order) -> str:"
    own = [
        frame for b in replaying.moment({"seq": 15})["branches"] for frame in b["frames"] if frame["isOwn"]
    ]
    assert [listing["lines"][frame["line"] - listing["first"]].strip() for frame in own] == [
        frame["source"] for frame in own
    ]


def test_a_whole_value():
    replaying, _ = asked(lived_long(counting, 300))
    text = replaying.value({"seq": 500, "branch": 1, "frame": 0, "name": "seen"})["text"]
    assert text.startswith("[\n    1,\n    2,\n")
    for args in ({}, {"name": "seen", "branch": 9}, {"name": 3, "branch": 1, "frame": "x"}):
        with pytest.raises(LookNotPossible, match="this value is gone"):
            replaying.value({"seq": 500, **args})


def test_code_that_is_not_there_is_asked_for_until_it_is():
    run = fulfilled()
    replaying, source = asked(run)
    source.code = None
    for answer in (replaying.moment, replaying.listing, replaying.value):
        with pytest.raises(
            LookNotPossible, match="the code of fulfil isn't here: run the cell that defines it"
        ):
            answer({"seq": 3})
    assert len(replaying.events({})["events"]) == 30, "the events need no code"
    source.code = fulfil
    assert replaying.moment({"seq": 3})["state"] == "running"


def test_code_that_was_defined_anew_takes_over_when_the_source_is_asked_for():
    @workflow(name="fulfil")
    async def other(ctx: WorkflowContext, order: Any) -> None:
        await ctx.call_activity("elsewhere")

    replaying, source = asked(fulfilled())
    assert replaying.moment({"seq": 4})["problem"] is None
    source.code = other
    assert replaying.listing({})["lines"][1].startswith("async def other")
    moment = replaying.moment({"seq": 4})
    assert moment["problem"]["actual"].startswith("call of activity elsewhere")


def test_a_history_that_grows_while_one_looks():
    run = Lived(counting, 5)
    replaying, source = asked(run)
    assert replaying.moment({})["seq"] == 3
    for i in range(1, 6):
        run.done(i, 1)
        source.story.events = list(run.history)
        source.commit()
        end = len(run.history)
        assert replaying.moment({"seq": end})["seq"] == end
        assert replaying.events({"start": 0})["total"] == end
        assert replaying.moment({"seq": 3})["state"] == "running"
    assert replaying.moment({})["words"] == "it returned 5"


def test_a_run_that_begins_anew_is_looked_at_anew():
    run = fulfilled()
    replaying, source = asked(run)
    assert replaying.events({})["total"] == 30
    again = Lived(fulfil, *[{"sku": "soup", "qty": 1, "total": 3}]).story()
    again.execution_id = "another"
    source.begin_anew(again)
    assert replaying.events({})["total"] == 4
    moment = replaying.moment({})
    assert moment["execution"] == "another"
    assert ["order", "Order(sku='soup', qty=1, total=3)", False, "", None] in moment["branches"][0]["frames"][
        0
    ]["locals"] or moment["branches"][0]["isNew"]


def test_nothing_that_workflow_code_prints_reaches_the_notebook():
    class Loud:
        def __repr__(self) -> str:
            print("a repr prints")
            return "<Loud>"

    @workflow
    async def prints(ctx: WorkflowContext) -> None:
        print("the workflow prints")
        loud = Loud()
        try:
            await ctx.call_activity("a")
        finally:
            print("it is unwound")
            del loud

    run = Lived(prints)
    screen = io.StringIO()
    with contextlib.redirect_stdout(screen), routed_prints():
        replaying, _ = asked(run)
        replaying.moment({})
        replaying.value({"seq": 3, "branch": 1, "frame": 0, "name": "loud"})
        replaying.moment({"seq": 0})
        replaying.moment({"seq": 2})
        replaying._begin("another", 0)
    assert screen.getvalue() == ""


def test_a_look_that_does_not_come_back_does_not_hold_up_the_next():
    held, entered = threading.Event(), threading.Event()
    waits = [True]

    class Stuck:
        def __repr__(self) -> str:
            if waits.pop():
                entered.set()
                held.wait(60)
            waits.append(False)
            return "<Stuck>"

    @workflow
    async def sticks(ctx: WorkflowContext) -> None:
        stuck = Stuck()
        await ctx.call_activity("a")
        del stuck

    run = Lived(sticks)
    replaying, _ = asked(run)
    first: list[Any] = []
    thread = threading.Thread(target=lambda: first.append(replaying.moment({})))
    thread.start()
    assert entered.wait(60)
    waits.append(False)
    assert replaying.moment({})["state"] == "running"
    held.set()
    thread.join(60)
    assert first[0]["state"] == "running"
    assert replaying.moment({})["state"] == "running"


def test_a_run_that_is_gone_is_an_error_in_words():
    replaying, source = asked(fulfilled())
    source.is_purged = True
    with pytest.raises(InstanceNotFoundError, match="there is no run"):
        replaying.moment({})
