"""Whether code fits a history: a dry replay without any effect."""

from __future__ import annotations

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core.fitting import Diverges, Fits, Undecided, fit
from tests.core.builder import Run

ran: list[object] = []


@activity
def step(item: object = None) -> object:
    ran.append(item)
    return item


def chain(*items: str, ends: bool = True):
    @workflow(name="chain")
    async def chain(ctx: WorkflowContext) -> str:
        for item in items:
            await step(item)
        await ctx.wait_for_external_event("go")
        return "done"

    return chain


@pytest.fixture
def history():
    run = Run(chain("a", "b"))
    run.start()
    run.complete(1)
    yield run.history
    run.close()


@pytest.mark.semantics(12)
def test_code_that_fits(history):
    assert fit(chain("a", "b", "c"), history, instance_id="run-1") == Fits()
    assert ran == []


@pytest.mark.semantics(12)
def test_a_run_that_has_not_begun_fits_anything():
    assert fit(chain("a"), [], instance_id="run-1") == Fits()


@pytest.mark.semantics(12)
@pytest.mark.parametrize("explained", [True, False], ids=["explained", "brief"])
def test_code_that_diverges_names_event_and_line(history, explained):
    found = fit(chain("a", "c"), history, instance_id="run-1", explained=explained)
    assert isinstance(found, Diverges)
    divergence = found.divergence
    assert (divergence.seq, divergence.expected) == (6, 'call of activity step("b")')
    assert divergence.line == found.stall.line is not None
    assert bool(divergence.rows) is explained


def test_code_that_misses_something_is_undecided(history):
    @workflow(name="chain")
    async def broken() -> None:
        await step("a")
        await undefined_activity()  # noqa: F821

    found = fit(broken, history, instance_id="run-1")
    assert isinstance(found, Undecided)
    assert "name 'undefined_activity' is not defined" in found.reason


def test_a_history_that_is_too_long_is_undecided(history):
    found = fit(chain("a", "b"), history, instance_id="run-1", most_events=5)
    assert found == Undecided("its history is long (6 events)")


def test_who_has_no_time_left_is_told_that_it_is_undecided(history):
    asked: list[int] = []

    def is_late() -> bool:
        asked.append(1)
        return len(asked) == 3

    found = fit(chain("a", "b"), history, instance_id="run-1", is_late=is_late)
    assert found == Undecided("it takes too long")


def test_every_execution_is_told_of(history):
    begun: list[object] = []
    fit(chain("a", "c"), history, instance_id="run-1", begun=begun.append)
    assert len(begun) == 2


def test_a_history_without_a_beginning_diverges(history):
    found = fit(chain("a", "b"), history[2:], instance_id="run-1")
    assert isinstance(found, Diverges)
    assert "history begins with a recorded action" in found.stall.message
