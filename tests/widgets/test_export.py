"""What an exported page holds: one moment of a run, whatever becomes of the run meanwhile."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from nbflow import WorkflowContext, WorkflowRuntime, activity, workflow
from nbflow.runtime import RunSource, pictures
from nbflow.runtime.pictures import write_page
from nbflow.testing import VirtualClock
from nbflow.widgets import export
from nbflow.widgets.export import export_page
from tests.engine.worlds import World, quick_world
from tests.views.stories_replay import parted
from tests.widgets.sources import FakeSource

__all__ = ["quick_world"]  # a fixture


class Thing:
    """A value whose repr names its place in memory."""


@activity
async def add(one: int, other: int) -> int:
    return one + other


@workflow
async def chain(ctx: WorkflowContext, steps: int) -> int:
    thing, seen = Thing(), {"a", "b"}
    total = 0
    for step in range(steps):
        print("step", step, thing, seen)
        total = await add(total, step)
    return total


@workflow
async def patient(ctx: WorkflowContext) -> int:
    count = 0
    while await ctx.wait_for_external_event("more", data_type=bool):
        count += 1
    return count


def held(page: str) -> dict[str, Any]:
    """The data of a page."""
    found = re.search(r'<script id="data" type="text/plain">([^<]*)</script>', page)
    assert found is not None
    return json.loads(gzip.decompress(base64.b64decode(found[1])))


def test_two_exports_of_one_run_are_the_same_to_the_byte() -> None:
    with WorkflowRuntime(":memory:", definitions=[chain], clock=VirtualClock()) as runtime:
        run = runtime.client.schedule_new_workflow(chain, input=20, instance_id="one")
        run.result(20)
        source = RunSource(runtime, "one")
        assert export_page(source) == export_page(source)


def test_what_the_code_prints_is_not_printed_again(
    quick_world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    quick_world.open(chain)
    run = quick_world.start(chain, 5, id="loud")
    run.result(20)
    capfd.readouterr()
    export_page(RunSource(quick_world.runtime, "loud"))
    assert capfd.readouterr() == ("", "")


def test_a_page_holds_one_moment_of_a_run_that_goes_on(quick_world: World) -> None:
    quick_world.open(patient)
    run = quick_world.start(patient, id="busy")
    quick_world.until_waiting(run, "more")
    for _ in range(3):
        run.raise_event("more", True)

    def go_on(_done: int, _of: int) -> None:
        run.raise_event("more", True)

    data = held(export_page(RunSource(quick_world.runtime, "busy"), tell=go_on))
    length, replies = data["snapshot"]["length"], data["replies"]
    assert replies["events"]["total"] == len(replies["events"]["events"]) == length
    assert max(moment["last"] for moment in replies["moment"].values()) == length
    assert length < len(run.history())


def test_nothing_can_be_done_in_it(quick_world: World) -> None:
    quick_world.open(patient)
    quick_world.until_waiting(quick_world.start(patient, id="busy"), "more")
    run = held(export_page(RunSource(quick_world.runtime, "busy")))["snapshot"]["run"]
    assert run["can"] == ["graph", "replay"]
    assert run["commands"] == []


def test_it_can_be_made_where_an_event_loop_runs(quick_world: World, tmp_path: Path) -> None:
    quick_world.open(chain)
    quick_world.start(chain, 3, id="one").result(20)

    async def cell() -> int:
        return quick_world.handle("one").export(tmp_path / "one.html")

    size = asyncio.run(cell())
    data = held((tmp_path / "one.html").read_text())
    assert size == (tmp_path / "one.html").stat().st_size
    assert any(moment["branches"] for moment in data["replies"]["moment"].values())


def test_moments_beyond_its_limit_say_so(quick_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "_MOST_BYTES", 2_000)
    quick_world.open(chain)
    run = quick_world.start(chain, 50, id="long")
    run.result(20)
    moments = held(export_page(RunSource(quick_world.runtime, "long")))["replies"]["moment"]
    last = list(moments.values())[-1]
    assert 3 < len(moments) < 30
    assert last["last"] == len(run.history())
    assert last["problem"]["words"].startswith(
        f"this page holds the replay up to event {last['first'] - 1}: "
    )


def test_a_page_says_once_how_code_and_history_differ() -> None:
    @workflow(name="fulfil")
    async def changed(ctx: WorkflowContext, order: object) -> None:
        await ctx.call_activity("check_stock", input="coffee")

    data = held(export_page(FakeSource(parted(), code=changed)))
    problems = [m["problem"] for m in data["replies"]["moment"].values() if m["problem"] is not None]
    assert len(problems) > 2
    assert [problem["parting"] is not None for problem in problems] == [True] + [False] * (len(problems) - 1)
    assert data["snapshot"]["run"]["parting"]["rows"]


def test_who_waits_is_told_how_far_it_is_and_can_leave(
    quick_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "_STEP", 0.001)
    quick_world.open(chain)
    run = quick_world.start(chain, 300, id="long")
    run.result(20)
    told: list[tuple[int, int]] = []

    def tell(done: int, of: int) -> None:
        told.append((done, of))
        raise KeyboardInterrupt

    source = RunSource(quick_world.runtime, "long")
    with pytest.raises(KeyboardInterrupt):
        write_page(source, tmp_path / "long.html", tell=tell)
    assert [of for _, of in told] == [len(run.history())]
    assert not (tmp_path / "long.html").exists()
    for thread in threading.enumerate():
        if thread.name == "nbflow-export":
            thread.join(20)
            assert not thread.is_alive()


@workflow
async def wide(ctx: WorkflowContext, branches: int) -> int:
    async def branch(number: int) -> int:
        return await add(await add(number, 1), 1)

    return sum(await asyncio.gather(*map(branch, range(branches))))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "size", "events"),
    [(chain, 14, 44), (chain, 333, 1_000), (chain, 3_333, 10_000), (wide, 200, 800)],
)
def test_how_large_a_page_is_and_how_long_it_takes_is_printed(
    quick_world: World, code: Any, size: int, events: int
) -> None:
    quick_world.open(chain, wide)
    run = quick_world.start(code, size, id="run")
    run.result(120)
    begun = time.perf_counter()
    page = export_page(RunSource(quick_world.runtime, "run"))
    print(f"\n{code.name}, {len(run.history()):,} events: {len(page) / 1e6:.2f} MB", end=" ")
    print(f"in {time.perf_counter() - begun:.2f} s")
    moments = held(page)["replies"]["moment"].values()
    assert len(run.history()) >= events
    assert max(moment["last"] for moment in moments) == len(run.history())
