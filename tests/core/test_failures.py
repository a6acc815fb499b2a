"""What fails a run, and what is kept of a failure."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core.failures import describe
from nbflow.errors import FailureDetails, TaskFailedError
from tests.core.builder import Run, work

HERE = str(Path(__file__))


class OutOfStockError(Exception):
    pass


@workflow
async def compensated(ctx: WorkflowContext) -> str:
    await work("reserve")
    try:
        await work("charge")
    except TaskFailedError as error:
        await work("release")
        raise OutOfStockError("nothing was charged") from error
    return "done"


def failure_of(run: Run) -> FailureDetails:
    assert run.state.failure is not None
    return run.state.failure


def line_of(text: str) -> int:
    lines = Path(HERE).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.strip() == text)


def test_s53_a_failure_has_type_message_authors_stack_and_cause(drive):
    run = drive(compensated)
    run.start()
    run.complete(1)
    assert run.fail(2, ValueError("card declined")) == ['#3 work("release")']
    assert run.complete(3) == ["fail OutOfStockError: nothing was charged"]
    failure = failure_of(run)
    assert (failure.type, failure.message) == ("OutOfStockError", "nothing was charged")
    assert failure.bases == ("OutOfStockError", "Exception", "BaseException")
    (frame,) = failure.frames
    assert (frame.file, frame.function) == (HERE, "compensated")
    assert frame.text == 'raise OutOfStockError("nothing was charged") from error'
    assert frame.line == line_of(frame.text)
    assert failure.stack_trace.splitlines() == [
        "Traceback (most recent call last):",
        f'  File "{HERE}", line {frame.line}, in compensated',
        f"    {frame.text}",
        f"{OutOfStockError.__module__}.OutOfStockError: nothing was charged",
    ]
    cause = failure.cause
    assert cause is not None
    assert cause.type == "TaskFailedError"
    assert cause.message == "work failed: ValueError: card declined"
    assert cause.cause is not None
    assert (cause.cause.type, cause.cause.message) == ("ValueError", "card declined")


def test_s21_an_activitys_failure_is_raised_where_it_is_awaited(drive):
    @workflow
    async def plain() -> None:
        await work(1)

    run = drive(plain)
    run.start()
    assert run.fail(1, ValueError("no")) == ["fail TaskFailedError: work failed: ValueError: no"]
    failure = failure_of(run)
    assert [frame.text for frame in failure.frames] == ["await work(1)"], "no frame of nbflow or asyncio"
    assert failure.cause == FailureDetails(
        type="ValueError",
        message="no",
        stack_trace="ValueError: no",
        bases=("ValueError", "Exception", "BaseException"),
    )


@pytest.mark.semantics(53)
def test_a_failing_branch_shows_what_failed_inside_the_group(drive):
    async def branch() -> None:
        await work(1)
        raise OutOfStockError("no tea")

    @workflow
    async def grouped() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(branch())

    run = drive(grouped)
    run.start()
    assert run.complete(1) == ["fail ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)"]
    failure = failure_of(run)
    (part,) = failure.parts
    assert (part.type, part.message) == ("OutOfStockError", "no tea")
    assert part.frames[-1].text == 'raise OutOfStockError("no tea")'
    assert failure.stack_trace.splitlines()[-1] == "  | 1: OutOfStockError: no tea"


@pytest.mark.semantics(53)
def test_frames_of_asyncio_and_anyio_and_the_standard_library_are_left_out(drive):
    import contextlib

    @contextlib.asynccontextmanager
    async def held():
        yield
        raise OutOfStockError("on the way out")

    @workflow
    async def managed() -> None:
        async with held():
            await work(1)

    run = drive(managed)
    run.start()
    run.complete(1)
    assert {frame.file for frame in failure_of(run).frames} == {HERE}


def test_a_folder_of_the_authors_that_is_called_asyncio_is_the_authors(tmp_path):
    from nbflow.core.failures import is_author_file

    assert is_author_file(str(tmp_path / "asyncio" / "flow.py"))
    assert not is_author_file(asyncio.tasks.__file__)
    import anyio._core._tasks

    import nbflow.core.loop

    assert not is_author_file(anyio._core._tasks.__file__)
    assert not is_author_file(nbflow.core.loop.__file__)
    assert not is_author_file("<frozen importlib._bootstrap>")
    import msgspec

    assert is_author_file("/somewhere/cell 3")
    assert is_author_file(msgspec.__file__), "a library is nearer to the author than nothing"


def test_causes_that_go_in_a_circle_come_to_an_end():
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    details = describe(one)
    assert details.cause is not None
    assert details.cause.message == "two"
    assert details.cause.cause is None


def test_long_chains_of_causes_come_to_an_end():
    error = ValueError("0")
    for i in range(1, 300):
        outer = ValueError(str(i))
        outer.__cause__ = error
        error = outer
    depth, details = 0, describe(error)
    while details.cause is not None:
        depth, details = depth + 1, details.cause
    assert 5 < depth < 100


def test_an_exception_whose_text_fails_is_described_all_the_same():
    class AwkwardError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert describe(AwkwardError()).message == "<str() of the exception raised RuntimeError>"


def test_raise_from_none_hides_the_context():
    def raises() -> None:
        try:
            raise ValueError("inner")
        except ValueError:
            raise KeyError("outer") from None

    with pytest.raises(KeyError) as raised:
        raises()
    assert describe(raised.value).cause is None


@pytest.mark.semantics(53)
@pytest.mark.parametrize("exit_error", [SystemExit(3), SystemExit])
def test_leaving_the_process_fails_the_run_and_nothing_else(drive, exit_error):
    @workflow
    async def leaves() -> None:
        await work(1)
        raise exit_error

    run = drive(leaves)
    run.start()
    (line,) = run.complete(1)
    assert line.startswith("fail SystemExit")


def test_leaving_the_process_in_a_branch_is_that_branchs_failure(drive):
    async def leaves() -> None:
        await work(1)
        raise SystemExit(3)

    @workflow
    async def outer() -> str:
        task = asyncio.create_task(leaves())
        await asyncio.wait([task])
        return type(task.exception()).__name__

    run = drive(outer)
    run.start()
    assert run.complete(1) == ['return "SystemExit"']


@pytest.mark.semantics(68)
def test_a_result_that_can_not_be_json_fails_the_run(drive):
    @workflow
    async def returns() -> object:
        await work(1)
        return {"a": [1, object()]}

    run = drive(returns)
    run.start()
    (line,) = run.complete(1)
    assert line == (
        "fail PayloadError: the result of returns at 'a[1]' is an object, which can't be carried as JSON: "
        "turn it into JSON values first, or store it in a file and pass the path"
    )


@dataclass
class Picky:
    n: int

    def __post_init__(self) -> None:
        if self.n < 0:
            raise LookupError("negative")


@activity
def pick() -> Picky: ...


def test_a_result_that_does_not_fit_is_raised_where_it_is_awaited(drive):
    @workflow
    async def picks() -> list[str]:
        found = []
        for _ in range(2):
            try:
                await pick()
            except Exception as error:
                found.append(f"{type(error).__name__}: {error}")
        return found

    run = drive(picks)
    run.start()
    run.complete(1, {"n": "x"})
    run.complete(2, {"n": -1})
    assert run.output == [
        "PayloadError: the result of pick doesn't fit Picky: Expected `int`, got `str` - at `$.n`",
        "PayloadError: the result of pick doesn't fit Picky: LookupError: negative",
    ]


def test_an_input_that_no_longer_fits_fails_the_run_and_says_so(drive):
    @workflow
    async def typed(n: int) -> int:
        return n

    run = drive(typed)
    from nbflow.core import history as h
    from tests.core.builder import INTERPRETER, T0

    (line,) = run.turn(
        h.ExecutionStarted(
            at=T0, name="typed", execution_id="e1", input='"x"', definition="", interpreter=INTERPRETER
        )
    )
    assert line.startswith(
        "fail PayloadError: the run's input can't be read: n of typed(n: int) -> int doesn't fit int"
    )


def test_a_late_failure_of_an_abandoned_branch_is_no_ones(drive):
    @workflow
    async def abandons() -> str:
        work("forgotten")
        await work("wanted")
        return "done"

    run = drive(abandons)
    run.start()
    assert run.fail(1) == []
    assert run.complete(2) == ['return "done"']


def test_a_workflow_that_cancels_itself_fails(drive):
    @workflow
    async def gives_up() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await work(1)

    run = drive(gives_up)
    lines = run.start()
    assert lines[-1].startswith("fail CancelledError")


def test_an_address_in_a_message_is_no_divergence(drive):
    @workflow
    async def shows() -> None:
        await work(1)
        raise ValueError(object())

    run = drive(shows)
    run.start()
    (line,) = run.complete(1)
    assert "object at 0x" in line
