"""A failure crosses the store whole: its lines, its causes, its notes and its parts, also over a restart."""

import threading
import traceback
from collections.abc import Callable

import pytest

from nbflow import WorkflowContext, activity, workflow
from nbflow.core.failures import FROM_CAUSE, WHILE_HANDLING
from nbflow.core.history import TaskCompleted, TaskFailed
from nbflow.errors import FailureDetails, PayloadError, TaskFailedError, WorkflowFailedError
from tests.engine.worlds import World, of_kind

pytestmark = pytest.mark.semantics(53)


class CardDeclinedError(Exception): ...


class OutOfStockError(Exception): ...


@activity
def charge(how: str) -> None:
    if how == "group":
        noted = KeyError("x")
        noted.add_note("of order 42")
        raise ExceptionGroup("two of three", [noted, CardDeclinedError("branch")])
    try:
        raise OSError("the bank is closed")
    except OSError as error:
        if how == "from":
            declined = CardDeclinedError("declined")
            declined.add_note("the card ends in 42")
            raise declined from error
        raise CardDeclinedError("declined")  # noqa: B904


@workflow
async def buys(how: str) -> None:
    await charge(how)


@workflow
async def compensates(how: str) -> None:
    try:
        await charge(how)
    except TaskFailedError:
        raise OutOfStockError("nothing was sold")  # noqa: B904


def details_after(world: World, definition: object, how: str, restart: str) -> FailureDetails:
    """The failure of a run, as a handle gives it after the runtime was closed or crashed."""
    world.open(buys, compensates)
    run = world.start(definition, how, "order-42")
    world.until_status(run, "FAILED")
    if restart != "never":
        world.reopen(buys, compensates, crash=restart == "crash")
    with pytest.raises(WorkflowFailedError) as caught:
        world.handle("order-42").result(10)
    return caught.value.details


@pytest.mark.semantics(21)
@pytest.mark.parametrize("restart", ["never", "close", "crash"])
def test_s21_causes_and_notes_are_there_after_a_restart(world: World, restart: str) -> None:
    details = details_after(world, buys, "from", restart)
    assert details.type == "TaskFailedError"
    assert details.frames[-1].text == "await charge(how)"
    declined = details.cause
    assert declined is not None
    assert (declined.type, declined.message) == ("CardDeclinedError", "declined")
    assert declined.frames[-1].text == "raise declined from error"
    assert declined.notes == ("the card ends in 42",)
    assert not declined.is_context
    assert declined.cause is not None
    assert declined.cause.message == "the bank is closed"
    assert declined.cause.frames[-1].text == 'raise OSError("the bank is closed")'


@pytest.mark.parametrize("restart", ["never", "close"])
def test_what_was_being_handled_is_told_from_a_cause(world: World, restart: str) -> None:
    details = details_after(world, compensates, "context", restart)
    assert (details.type, details.is_context) == ("OutOfStockError", True)
    failed = details.cause
    assert failed is not None
    assert failed.cause is not None
    assert (failed.type, failed.cause.type, failed.cause.is_context) == (
        "TaskFailedError",
        "CardDeclinedError",
        True,
    )


@pytest.mark.parametrize("restart", ["never", "close"])
def test_a_group_keeps_its_parts(world: World, restart: str) -> None:
    group = details_after(world, buys, "group", restart).cause
    assert group is not None
    assert group.message == "two of three (2 sub-exceptions)"
    assert [str(part) for part in group.parts] == ["KeyError: 'x'", "CardDeclinedError: branch"]
    assert group.parts[0].notes == ("of order 42",)


def test_python_prints_the_activitys_own_line(world: World) -> None:
    """A script has no cell to show: the exception that `result` raises tells the whole."""
    details_after(world, compensates, "from", "never")
    with pytest.raises(WorkflowFailedError) as caught:
        world.handle("order-42").result(10)
    printed = "".join(traceback.format_exception(caught.value)).splitlines()
    told = [line.strip() for line in printed]
    places = [
        told.index('raise OSError("the bank is closed")'),
        told.index(FROM_CAUSE),
        told.index("raise declined from error"),
        told.index("the card ends in 42"),
        told.index("That ended the workflow:"),
        told.index("await charge(how)"),
        told.index(WHILE_HANDLING),
        told.index('raise OutOfStockError("nothing was sold")  # noqa: B904'),
    ]
    assert places == sorted(places)


class ObstinateError(Exception):
    def __str__(self) -> str:
        raise SystemExit

    __repr__ = __str__


class UnpicklableError(Exception):
    def __init__(self, lock: object) -> None:
        super().__init__(lock)

    def __reduce__(self) -> str:
        raise TypeError("never")


def deepen(n: int) -> int:
    return deepen(n + 1)


def fails_to_parse() -> None:
    compile("a = = 1", "shop.py", "exec")


def raises(error: BaseException) -> Callable[[], None]:
    def step() -> None:
        raise error

    return step


ODD: dict[str, tuple[Callable[[], object], str]] = {
    "text that raises": (
        raises(ObstinateError()),
        "ObstinateError: <str() of the exception raised SystemExit>",
    ),
    "huge": (raises(ValueError("x" * 20_000_000)), "ValueError: xxx"),
    "unpicklable": (raises(UnpicklableError(threading.Lock())), "UnpicklableError: <unlocked _thread.lock"),
    "recursion": (lambda: deepen(0), "RecursionError: maximum recursion depth exceeded"),
    "syntax": (fails_to_parse, "SyntaxError: invalid syntax (shop.py, line 1)"),
    "key": (raises(KeyError("x")), "KeyError: 'x'"),
    "arguments": (raises(ValueError(1, {"a": b"x"})), "ValueError: (1, {'a': b'x'})"),
    "no message": (raises(ValueError()), "ValueError"),
    "no unicode": (raises(ValueError("caf\udce9 \ud800")), "ValueError: caf\\udce9 \\ud800"),
    "a zero": (raises(ValueError("a\x00b")), "ValueError: a\x00b"),
    "leaving": (raises(SystemExit(3)), "SystemExit: 3"),
    "interrupted": (raises(KeyboardInterrupt()), "KeyboardInterrupt"),
    "a group of exits": (
        raises(BaseExceptionGroup("both", [SystemExit(3)])),
        "BaseExceptionGroup: both (1 sub",
    ),
}


@activity
def odd(which: str) -> None:
    ODD[which][0]()


@activity
async def odd_async(which: str) -> None:
    ODD[which][0]()


@workflow
async def meets(ctx: WorkflowContext, which: str, run_async: bool) -> str:
    try:
        await (odd_async(which) if run_async else odd(which))
    except TaskFailedError as error:
        return str(error.details)[:200]
    return "nothing happened"


@workflow
async def lets_through(which: str) -> None:
    await odd(which)


@pytest.mark.parametrize("which", ODD)
def test_whatever_an_activity_raises_is_a_failure_like_any_other(world: World, which: str) -> None:
    world.open(meets, lets_through)
    words = ODD[which][1]
    for run_async in (False, True):
        run = world.start(meets, {"which": which, "run_async": run_async})
        assert run.result(20).startswith(words)
    run = world.start(lets_through, which, "order-42")
    world.until_status(run, "FAILED")
    world.reopen(meets, lets_through)
    with pytest.raises(WorkflowFailedError) as caught:
        world.handle("order-42").result(10)
    assert caught.value.details.cause is not None
    assert str(caught.value.details.cause).startswith(words)
    (failed,) = of_kind(world.history("order-42"), TaskFailed)
    assert failed.failure == caught.value.details.cause


@workflow
async def odd_itself(which: str) -> None:
    ODD[which][0]()


@pytest.mark.parametrize("which", ODD)
def test_whatever_a_workflow_raises_fails_the_run_and_nothing_else(world: World, which: str) -> None:
    world.open(odd_itself, meets)
    run = world.start(odd_itself, which)
    with pytest.raises(WorkflowFailedError) as caught:
        run.result(20)
    assert str(caught.value.details).startswith(ODD[which][1])
    assert world.start(meets, {"which": "key", "run_async": False}).result(20) == "KeyError: 'x'"


@activity
def prints_a_file_name() -> None:
    print("caf\udce9.csv")


@workflow
async def prints() -> str:
    await prints_a_file_name()
    return "done"


def test_a_print_that_is_no_unicode_keeps_nothing_from_being_written(world: World) -> None:
    world.open(prints)
    run = world.start(prints)
    assert run.result(10) == "done"
    (completed,) = of_kind(run.history(), TaskCompleted)
    assert completed.prints == "caf\\udce9.csv\n"


def test_a_name_or_reason_that_is_no_text_is_refused_before_anything_is_written(world: World) -> None:
    @workflow
    async def waits(ctx: WorkflowContext) -> str:
        return await ctx.wait_for_external_event("go")

    world.open(waits)
    run = world.start(waits, None, "order-42")
    world.until_waiting(run, "go")
    for wrong in (
        lambda: run.raise_event("\udcff", 1),
        lambda: world.client.pause_workflow("order-42", reason="\udcff"),
    ):
        with pytest.raises(PayloadError, match="no Unicode"):
            wrong()
    run.raise_event("go", "on")
    assert run.result(10) == "on"
