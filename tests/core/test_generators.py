"""Generator workflows, the way of Dapr's Python SDK (S48)."""

from collections.abc import Generator
from typing import Any

import pytest

from nbflow import WorkflowContext, when_all, when_any, workflow
from nbflow.errors import DefinitionError, TaskFailedError
from tests.core.builder import work


@workflow
def ordered(ctx: WorkflowContext, n: int) -> Generator[Any, Any, str]:
    first = yield ctx.call_activity(work, input=n)
    both = yield when_all([work(1), work(2)])
    return f"{first} {both}"


def test_s48_a_generator_gets_the_results_of_what_it_yields(drive):
    run = drive(ordered)
    assert run.start(0) == ["#1 work(0)"]
    assert run.complete(1, "a") == ["#2 work(1)", "#3 work(2)"]
    assert run.complete(3, "c") == []
    assert run.complete(2, "b") == ["return \"a ['b', 'c']\""]


def test_s48_a_failure_is_thrown_into_the_generator(drive):
    @workflow
    def careful(ctx: WorkflowContext):
        try:
            yield work("x")
        except TaskFailedError as error:
            yield work("again")
            return error.details.message

    run = drive(careful)
    assert run.start() == ['#1 work("x")']
    assert run.fail(1) == ['#2 work("again")']
    assert run.complete(2) == ['return "out of paper"']


def test_s48_an_unhandled_failure_fails_the_run_with_the_generators_line(drive):
    @workflow
    def careless(ctx: WorkflowContext):
        yield work("x")

    run = drive(careless)
    run.start()
    assert run.fail(1) == ["fail TaskFailedError: work failed: RuntimeError: out of paper"]
    frames = run.history[-1].failure.frames
    assert frames[-1].text == 'yield work("x")'


def test_s48_a_generator_says_what_it_may_yield(drive):
    @workflow
    def wrong():
        yield 3

    (line,) = drive(wrong).start()
    assert "a generator workflow yielded a int: yield what ctx.call_activity" in line


def test_s48_the_result_is_read_by_the_last_part_of_the_annotation():
    @workflow
    def typed() -> Generator[Any, Any, set[int]]:
        yield work(1)
        return {1}

    assert typed.decode_result("[1, 2]") == {1, 2}


def test_s48_a_generator_that_is_evicted_runs_its_finally_without_effect(drive):
    @workflow
    def cautious():
        try:
            yield work("x")
        finally:
            work("cleanup")

    run = drive(cautious)
    assert run.start() == ['#1 work("x")']
    run.execution.evict()


def test_s55_when_any_gives_the_winner_and_leaves_the_others_alone(drive):
    @workflow
    async def race() -> list[str]:
        tasks = [work("a"), work("b"), work("c")]
        order = []
        while tasks:
            winner = await when_any(tasks)
            tasks.remove(winner)
            order.append("failed" if winner.is_failed else winner.get_result())
        return order

    run = drive(race)
    assert run.start() == ['#1 work("a")', '#2 work("b")', '#3 work("c")']
    assert run.complete(2, "B") == []
    assert run.fail(3) == []
    assert run.complete(1, "A") == ['return ["B","failed","A"]']


def test_s55_when_any_of_nothing_is_an_error(drive):
    @workflow
    async def hopeless() -> None:
        await when_any([])

    (line,) = drive(hopeless).start()
    assert "ValueError: when_any needs at least one task" in line


@pytest.mark.semantics(48)
def test_a_plain_function_is_no_workflow():
    def plain() -> None: ...

    with pytest.raises(DefinitionError, match="must be an async def, or a generator that yields its tasks"):
        workflow(plain)
