"""What goes another way in another process is found, with its line and its cause; what doesn't, is left alone."""

from collections.abc import Callable
from typing import Any

import pytest

from nbflow.core.state import RuntimeStatus
from nbflow.definitions import WorkflowDefinition
from nbflow.lint import check
from nbflow.testing import TortureReport, torture
from tests.testing.torturing import shop, unsound

LINES = {
    "a_set": "return [await note(name) for name in NAMES]",
    "addresses": "sorted(things, key=id)",
    "a_global": "note(len(COUNTER))",
    "the_clock": "note(time.time())",
    "chance": "note(random.random())",
    "the_process": "note(os.getpid())",
}
CAUSES = {
    "a_set": "it fits with the hash seed of the first run, and not with another",
    "addresses": "id() is another number in another process",
    "a_global": "it fits in a new process, and no longer once it has run there",
    "the_clock": "time.time() gives another value on replay: use ctx.current_utc_datetime",
    "chance": "random.random() gives another value on replay: use ctx.random()",
    "the_process": "os.getpid() may be another value where the run goes on",
}


@pytest.mark.parametrize("name", LINES)
def test_an_unsound_workflow_is_found_with_its_line_and_cause(name: str) -> None:
    report = torture(getattr(unsound, name), seed=1)
    assert not report.is_same, report
    divergence = report.divergence
    assert divergence is not None
    assert LINES[name] in divergence.source
    assert CAUSES[name] in divergence.sentence
    assert divergence.cause == "not_deterministic"
    assert (report.when, report.instance_id) == ("in another process", "torture")
    assert f"✗ {name} didn't come out the same in another process" in str(report)
    assert f"event {divergence.seq} of torture in the first run: {divergence.expected}" in str(report)


def test_a_run_that_goes_another_way_after_a_restart_is_found_by_that_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nbflow.testing.torturing.crashing._REPLAYING", 0)
    report = torture(unsound.chance, seed=1)
    assert not report.is_same
    assert (report.when, report.restarts) == ("after 2 restarts", 2)
    assert report.divergence is not None
    assert LINES["chance"] in report.divergence.source


def test_the_lint_catches_the_hidden_global_too() -> None:
    assert [found.code for found in check(unsound.a_global)] == ["NBF012", "NBF012"]


def _whole() -> TortureReport:
    order = shop.Order("tea", 3)
    return torture(shop.fulfil, order, events=[("approval", shop.Decision(True))], restarts=7, seed=3)


def _asyncio() -> TortureReport:
    return torture(shop.shapes, restarts=4, seed=4)


@pytest.mark.semantics(10, 79)
@pytest.mark.parametrize(
    ("tortured", "workflow", "begins"),
    [(_whole, shop.fulfil, "{'done'"), (_asyncio, shop.shapes, "[['parcel 0']")],
)
def test_a_sound_workflow_comes_out_the_same(
    tortured: Callable[[], TortureReport], workflow: WorkflowDefinition[..., Any], begins: str
) -> None:
    report = tortured()
    assert report.is_same, report
    assert report.status is RuntimeStatus.COMPLETED
    assert repr(report.output).startswith(begins)
    assert report.restarts >= 3
    assert report.replays > report.events
    assert len(set(report.hash_seeds)) == len(report.hash_seeds) == report.restarts + 4
    assert str(report).startswith(f"✓ {workflow.name} came out the same every time")
