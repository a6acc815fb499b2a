"""What `torture` asks of a workflow, what it says where it can't go on, and that nothing of it stays."""

import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core.state import RuntimeStatus
from nbflow.testing import RunWaitsError, WorkflowTestError, torture
from nbflow.testing.torturing import Plan, processes
from nbflow.testing.torturing.child import ORPHANED
from nbflow.testing.torturing.orders import Committed, RunOrder
from nbflow.testing.torturing.preparing import BEFORE
from tests.testing.torturing import shop

PLACE = iter(["place"])
"""A global of a module: another process has one, too."""


@activity
def write(path: str, line: str) -> int:
    with open(path, "a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    return len(Path(path).read_text(encoding="utf-8").splitlines())


@workflow
async def diary(ctx: WorkflowContext, path: str) -> list[int]:
    return [await write(path, f"line {number}") for number in range(2)]


@activity
def place() -> str:
    return next(PLACE)


@workflow
async def looks_around(ctx: WorkflowContext) -> str:
    return await place()


def connected(connection: object) -> tuple[Any, Any]:
    """A workflow with an activity that holds on to something which no other process has."""

    @activity
    def query(key: str) -> str:
        return f"{connection}{key}"

    @workflow
    async def looks_up(ctx: WorkflowContext) -> str:
        return await query("key")

    return looks_up, query


looks_up, query = connected(object())


@workflow
async def asks(ctx: WorkflowContext) -> str:
    return await ctx.wait_for_external_event("answer", data_type=str)


@workflow
async def fails(ctx: WorkflowContext, text: str) -> None:
    raise ValueError(text)


@workflow
async def eternal(ctx: WorkflowContext) -> None:
    await shop.stock("tea")
    ctx.continue_as_new(None)


@workflow
async def numbered(ctx: WorkflowContext) -> str:
    return ctx.instance_id


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The processes that are begun."""
    begun: list[subprocess.Popen[bytes]] = []
    original = subprocess.Popen

    def popen(*args: Any, **kwargs: Any) -> subprocess.Popen[bytes]:
        begun.append(original(*args, **kwargs))
        return begun[-1]

    monkeypatch.setattr(processes.subprocess, "Popen", popen)
    return begun


@pytest.mark.semantics(19)
def test_each_attempt_runs_once_and_is_answered_from_the_record_after_that(tmp_path: Path) -> None:
    path = tmp_path / "diary"
    report = torture(diary, str(path))
    assert report.is_same, report
    assert report.output == [1, 2]
    assert report.restarts == 3
    assert path.read_text(encoding="utf-8") == "line 0\nline 1\n"


def test_a_run_that_waits_for_an_event_that_nobody_gives_says_how_to_give_it() -> None:
    with pytest.raises(RunWaitsError, match=r"asks waits for event 'answer', which nobody gives") as caught:
        torture(asks)
    assert "%wf torture asks(…) --event 'answer=DATA', in Python events=[('answer', DATA)]" in str(
        caught.value
    )


def test_an_event_that_does_not_fit_is_said() -> None:
    with pytest.raises(WorkflowTestError, match="answer"):
        torture(asks, events=[("answer", 12)])


def test_an_event_that_is_never_waited_for_is_said(children: list[subprocess.Popen[bytes]]) -> None:
    report = torture(numbered, events=[("answer", 1)], id="order-42")
    assert (report.unused, report.output) == (["answer"], "order-42")
    assert "event 'answer' was never waited for" in str(report)


def test_a_failure_may_be_the_same_too() -> None:
    report = torture(fails, "<no & no>")
    assert (report.is_same, report.status) == (True, RuntimeStatus.FAILED)
    assert "it is FAILED: ValueError: <no & no>" in str(report)
    assert "ValueError: &lt;no &amp; no&gt;" in report._repr_html_()


def test_code_that_no_other_process_has_is_named_before_anything_runs(
    children: list[subprocess.Popen[bytes]],
) -> None:
    with pytest.raises(WorkflowTestError, match="activity query uses `connection`, which") as caught:
        torture(looks_up)
    assert "%wf torture … --stub 'query=VALUE', in Python stubs={query: VALUE}" in str(caught.value)
    assert children == []


def test_a_module_that_was_loaded_from_a_file_is_found_there() -> None:
    assert torture(looks_around).output == "place"


def test_a_stub_answers_in_place_of_an_activity() -> None:
    report = torture(looks_up, stubs={query: "found"})
    assert (report.is_same, report.output) == (True, "found")


@pytest.mark.parametrize(
    ("stubs", "says"),
    [
        ({"query": 12}, r"doesn't fit str.*give a value that query\(key: str\) -> str may return"),
        ({"quary": "x"}, "no activity 'quary' is known: did you mean 'query'"),
    ],
)
def test_a_stub_that_can_not_be_is_refused(stubs: dict[Any, Any], says: str) -> None:
    with pytest.raises(WorkflowTestError, match=says):
        torture(looks_up, stubs=stubs)


def test_a_run_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nbflow.testing.torturing.crashing._MOST_EVENTS", 60)
    with pytest.raises(WorkflowTestError, match=r"eternal has not ended after .* events: give it an input"):
        torture(eternal)


def test_an_interrupt_ends_the_children_and_leaves_nothing(
    children: list[subprocess.Popen[bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    said: list[str] = []

    def progress(line: str) -> None:
        said.append(line)
        if line.startswith("crash 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        torture(diary, str(tmp_path.parent / "diary"), progress=progress)
    assert said[0] == "making a scratch store"
    assert any(line.startswith("crash 1 of about ") for line in said)
    assert len(children) > 4
    assert all(child.poll() is not None for child in children)
    assert list(tmp_path.iterdir()) == []


@activity
def never() -> None:
    threading.Event().wait()


@workflow
async def hangs(ctx: WorkflowContext) -> None:
    await never()


def test_what_takes_too_long_is_given_up() -> None:
    with pytest.raises(
        WorkflowTestError, match=r"hangs takes longer than 3 s: .*never of torture is running"
    ):
        torture(hangs, timeout=3)


def test_a_child_ends_with_its_parent(tmp_path: Path) -> None:
    plan = Plan(hangs, "null", instance_id="run", events=[], stubs={}, definitions=[])
    plan.prepare(tmp_path / "store.duckdb")
    order = RunOrder(
        store=str(tmp_path / "store.duckdb"),
        modules=plan.modules,
        instance_id="run",
        now=BEFORE,
        events=[],
        given=[],
        needed=[],
        stubs={},
        answers="",
        histories=str(tmp_path / "histories"),
        dies_after=None,
        timeout=600,
    )
    child = processes.Child(1, tmp_path)
    try:
        news = child.do(order)
        assert isinstance(next(news), Committed)
        stdin = child._process.stdin
        assert stdin is not None
        stdin.close()  # as it is when whoever began it is gone
        assert list(news) == []
        assert child._process.wait() == ORPHANED
    finally:
        child.end()


def test_the_same_seed_gives_the_same_hash_seeds() -> None:
    one, two = (torture(numbered, seed=5) for _ in range(2))
    assert one.hash_seeds == two.hash_seeds
    assert one.hash_seeds[0] == 0
    assert (one.seed, str(one)) == (5, str(two))
