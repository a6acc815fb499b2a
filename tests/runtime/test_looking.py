"""A run as its card sees it, the thread for looks, and starting a run once more."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core.history import EventWaitCreated
from nbflow.core.state import RuntimeStatus
from nbflow.errors import (
    InstanceNotFoundError,
    InstanceStateError,
    RuntimeClosedError,
    UnknownWorkflowError,
)
from nbflow.runtime import RunSource
from nbflow.runtime.aside import Aside
from tests.engine.worlds import World


@activity
def double(number: int) -> int:
    print("doubling", number)
    return 2 * number


@workflow
async def doubles(ctx: WorkflowContext, number: int) -> int:
    print("a workflow's print")
    await ctx.wait_for_external_event("go")
    return await double(number)


def test_commands_do_what_they_say(world: World) -> None:
    world.open(doubles)
    run = world.start(doubles, 21, "d")
    source = RunSource(world.runtime, "d")
    assert source.command("suspend").result(10) == "d is suspended"
    assert run.status is RuntimeStatus.SUSPENDED
    assert source.command("resume").result(10) == "d goes on"
    with pytest.raises(InstanceStateError, match="d is RUNNING: it can be started again once it has ended"):
        source.command("restart").result(10)
    assert source.command("terminate").result(10) == "d is terminated"
    world.until("d", lambda record, _: record.status is RuntimeStatus.TERMINATED)
    assert source.command("restart").result(10) == "d has begun again"
    run.raise_event("go")
    assert run.result(10) == 42
    assert source.command("purge").result(10) == "d is purged"
    with pytest.raises(InstanceNotFoundError):
        source.snapshot()
    with pytest.raises(InstanceNotFoundError):
        source.command("suspend").result(10)


def test_a_restart_takes_the_same_input_and_the_newest_code(world: World) -> None:
    world.open(doubles)
    run = world.start(doubles, 4, "d")
    run.raise_event("go")
    assert run.result(10) == 8

    @workflow(name="doubles")
    async def triples(number: int) -> int:
        return 3 * number

    world.runtime.register(triples)
    again = world.runtime.client.restart_workflow("d")
    assert again.name == "doubles"
    assert again.result(10) == 12
    with pytest.raises(InstanceNotFoundError):
        world.runtime.client.restart_workflow("nobody")


def test_a_run_whose_workflow_is_unknown_is_not_started_again(world: World) -> None:
    world.open(doubles)
    world.start(doubles, 4, "d").terminate()
    world.until("d", lambda record, _: record.status.is_terminal)
    world.reopen()
    with pytest.raises(UnknownWorkflowError, match="doubles"):
        world.runtime.client.restart_workflow("d")
    assert world.runtime.client.get_workflow_state("d").runtime_status is RuntimeStatus.TERMINATED


def test_a_source_knows_the_code_and_what_names_stand_for(world: World) -> None:
    world.open(doubles)
    world.start(doubles, 4, "d")
    source = RunSource(world.runtime, "d")
    assert source.definition() is doubles
    assert [source.kind_of(name) for name in ("double", "doubles", "treble")] == [
        "activity",
        "workflow",
        None,
    ]
    assert source.other("e").instance_id == "e"
    assert source.opened_at <= source.now()


def test_prints_in_a_quiet_context_reach_nobody(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.open(doubles)
    world.start(doubles, 4, "d")
    world.until("d", lambda _, history: isinstance(history[-1], EventWaitCreated))
    capsys.readouterr()
    RunSource(world.runtime, "d").quiet_context().run(print, "psst")
    assert capsys.readouterr().out == ""


def test_a_source_of_a_closed_runtime_says_what_to_do(world: World) -> None:
    world.open(doubles)
    world.start(doubles, 4, "d")
    source = RunSource(world.runtime, "d", closed=lambda: "`%wf db` opens it again")
    world.close()
    for ask in (source.snapshot, lambda: source.command("resume"), lambda: source.aside(list)):
        with pytest.raises(RuntimeClosedError, match="its history is closed: `%wf db` opens it again"):
            ask()


# -- the thread for looks ----------------------------------------------------------------------


@pytest.fixture
def time() -> list[float]:
    return [0.0]


@pytest.fixture
def aside(time: list[float]) -> Iterator[Aside]:
    aside = Aside(patience=5, now=lambda: time[0])
    yield aside
    aside.close()


def test_looks_are_made_one_after_another_on_a_thread_of_their_own(aside: Aside) -> None:
    seen: list[tuple[int, str]] = []
    done = threading.Event()
    for number in range(3):
        aside.do(lambda number=number: seen.append((number, threading.current_thread().name)))
    aside.do(done.set)
    assert done.wait(10)
    assert seen == [(number, "nbflow-aside") for number in range(3)]


def test_a_look_that_fails_does_not_keep_the_others(aside: Aside) -> None:
    done = threading.Event()
    aside.do(lambda: 1 / 0)
    aside.do(done.set)
    assert done.wait(10)


def test_a_look_that_never_ends_is_left_behind_with_its_thread(aside: Aside, time: list[float]) -> None:
    begun, never, done = threading.Event(), threading.Event(), threading.Event()

    def endless() -> None:
        begun.set()
        never.wait()

    aside.do(endless)
    assert begun.wait(10)
    time[0] = 4.0
    aside.do(list)
    assert not done.wait(0.05)
    time[0] = 6.0
    aside.do(done.set)
    assert done.wait(10)
    never.set()


def test_after_the_closing_no_look_is_made(aside: Aside) -> None:
    aside.close()
    made: list[int] = []
    aside.do(lambda: made.append(1))
    assert made == []
