"""Whatever is raised, a description comes of it that a history can hold and a person can read."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from nbflow.core.failures import FROM_CAUSE, WHILE_HANDLING, describe, full_text
from nbflow.errors import Evicted, FailureDetails, TaskFailedError

pytestmark = pytest.mark.semantics(53)


class OutOfStockError(Exception): ...


def raised(step: Callable[[], object]) -> BaseException:
    try:
        step()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def described(step: Callable[[], object]) -> FailureDetails:
    """What is left of a failure once it went through a store."""
    text = msgspec.json.encode(describe(raised(step)))
    return msgspec.json.decode(text, type=FailureDetails)


def from_cause() -> None:
    try:
        raise OSError("disk")
    except OSError as error:
        raise OutOfStockError("no tea") from error


def while_handling() -> None:
    try:
        raise OSError("disk")
    except OSError:
        raise OutOfStockError("no tea")  # noqa: B904


def without() -> None:
    try:
        raise OSError("disk")
    except OSError:
        raise OutOfStockError("no tea") from None


def test_a_cause_is_told_from_what_was_only_being_handled() -> None:
    named, context, hidden = described(from_cause), described(while_handling), described(without)
    assert named.cause is not None
    assert context.cause is not None
    assert (named.cause.message, named.is_context) == ("disk", False)
    assert (context.cause.message, context.is_context) == ("disk", True)
    assert (hidden.cause, hidden.is_context) == (None, False)
    assert named.cause.frames[-1].text == 'raise OSError("disk")'


def test_the_full_text_reads_as_pythons_own() -> None:
    lines = full_text(described(from_cause)).splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert '    raise OSError("disk")' in lines
    first = lines.index("OSError: disk")
    assert lines[first + 1 : first + 4] == ["", FROM_CAUSE, ""]
    assert lines[-2].strip() == 'raise OutOfStockError("no tea") from error'
    assert lines[-1].endswith("OutOfStockError: no tea")
    assert WHILE_HANDLING in full_text(described(while_handling))
    assert "disk" not in full_text(described(without))


def test_notes_are_kept_and_told() -> None:
    def noted() -> None:
        error = ValueError("declined")
        error.add_note("the card ends in 42")
        error.add_note("tried twice\nover two days")
        raise error

    details = described(noted)
    assert details.notes == ("the card ends in 42", "tried twice\nover two days")
    assert full_text(details).splitlines()[-4:] == [
        "ValueError: declined",
        "the card ends in 42",
        "tried twice",
        "over two days",
    ]


def test_a_group_keeps_its_parts_with_their_lines_causes_and_notes() -> None:
    def grouped() -> None:
        noted = KeyError("x")
        noted.add_note("of the order")
        raise ExceptionGroup("two branches", [raised(from_cause), ExceptionGroup("inner", [noted])])

    details = described(grouped)
    assert [part.type for part in details.parts] == ["OutOfStockError", "ExceptionGroup"]
    assert details.parts[0].cause is not None
    assert details.parts[0].frames[-1].text == 'raise OutOfStockError("no tea") from error'
    assert details.parts[1].parts[0].notes == ("of the order",)
    assert details.cause is None
    lines = full_text(details).splitlines()
    assert "ExceptionGroup: two branches (2 sub-exceptions)" in lines
    assert "  +---------------- 1 ----------------" in lines
    assert '  |     raise OutOfStockError("no tea") from error' in lines
    assert f"  | {FROM_CAUSE}" in lines
    assert "  |   +---------------- 1 ----------------" in lines
    assert lines[-2:] == ["  |   | KeyError: 'x'", "  |   | of the order"]
    assert "  | 1: OutOfStockError: no tea" not in lines, "the parts are told once"


def test_a_large_group_keeps_the_first_parts() -> None:
    def grouped() -> None:
        raise ExceptionGroup("all", [ValueError(str(i)) for i in range(1000)])

    details = described(grouped)
    assert [part.message for part in details.parts] == [str(i) for i in range(20)]
    assert details.message == "all (1000 sub-exceptions)"
    assert len(msgspec.json.encode(details)) < 100_000


def test_groups_in_groups_come_to_an_end() -> None:
    error: Exception = ValueError("inmost")
    for i in range(200):
        error = ExceptionGroup(str(i), [error, error])
    assert len(msgspec.json.encode(describe(error))) < 100_000


def test_how_code_is_unwound_is_no_cause() -> None:
    for unwinding in (asyncio.CancelledError(), GeneratorExit(), Evicted()):
        error = TimeoutError("late")
        error.__cause__ = unwinding
        assert describe(error).cause is None
    error = TimeoutError("late")
    error.__context__ = SystemExit(3)
    assert describe(error).cause is not None


def test_an_endless_recursion_is_told_by_its_beginning_and_its_end() -> None:
    def endless() -> None:
        endless()

    details = described(endless)
    assert details.type == "RecursionError"
    assert len(details.frames) == 30
    assert details.frames[0].function == "raised"
    assert "more lines …" in details.stack_trace
    assert len(details.stack_trace) < 10_000


class ObstinateError(Exception):
    def __init__(self, breaks: type[BaseException]) -> None:
        super().__init__(object(), {1: b"x"}, lambda: None)
        self.breaks = breaks

    def __str__(self) -> str:
        raise self.breaks

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        raise self.breaks

    __hash__ = Exception.__hash__

    def __reduce__(self) -> str:
        raise self.breaks

    @property
    def __notes__(self) -> list[str]:
        raise AttributeError("none")


class UnlookableError(Exception):
    def __getattribute__(self, name: str) -> object:
        raise LookupError(name)


class NumberError(Exception):
    def __str__(self) -> str:
        return 5  # type: ignore[return-value]  # noqa: PLE0307


@pytest.mark.parametrize("breaks", [ValueError, RecursionError, SystemExit, KeyboardInterrupt])
def test_an_exception_that_raises_when_it_is_looked_at_is_described(breaks: type[BaseException]) -> None:
    def nested() -> None:
        try:
            raise ObstinateError(breaks)
        except ObstinateError as error:
            raise ObstinateError(breaks) from error

    details = described(nested)
    assert details.type == "ObstinateError"
    assert details.message == f"<str() of the exception raised {breaks.__name__}>"
    assert details.cause is not None
    assert details.frames[-1].text == "raise ObstinateError(breaks) from error"
    assert "ObstinateError" in full_text(details)


def test_an_exception_that_can_not_be_looked_at_at_all_is_named() -> None:
    details = describe(UnlookableError())
    assert (details.type, details.message) == (
        "UnlookableError",
        "<the exception can't be described: LookupError>",
    )
    assert describe(NumberError()).message == "<str() of the exception raised TypeError>"


def test_a_huge_message_is_cut_and_says_so() -> None:
    details = describe(ValueError("x" * 50_000_000))
    assert details.message == "x" * 10_000 + "… (49,990,000 more characters)"
    assert len(full_text(details)) < 25_000
    error = ValueError("small")
    error.add_note("y" * 1_000_000)
    assert len(describe(error).notes[0]) < 11_000


def test_text_that_is_no_unicode_can_be_stored() -> None:
    """A message with a file name of other bytes in it would else stop the whole run: it can't be written."""
    error = OSError(2, "no such file", "caf\udce9.csv")
    error.add_note("\ud800")
    details = msgspec.json.decode(msgspec.json.encode(describe(error)), type=FailureDetails)
    assert details.message == "[Errno 2] no such file: 'caf\\udce9.csv'"
    assert details.notes == ("\\ud800",)


def test_messages_are_those_of_str() -> None:
    assert str(describe(KeyError("x"))) == "KeyError: 'x'"
    assert str(describe(ValueError())) == "ValueError"
    assert str(describe(ValueError(1, {"a": b"x"}))) == "ValueError: (1, {'a': b'x'})"
    assert str(describe(OSError(2, "gone", "x.csv"))) == "FileNotFoundError: [Errno 2] gone: 'x.csv'"


def test_a_syntax_error_shows_the_line_that_it_is_about() -> None:
    details = described(lambda: compile("a = = 1", "shop.py", "exec"))
    assert details.message == "invalid syntax (shop.py, line 1)"
    assert details.stack_trace.splitlines()[-4:] == [
        '  File "shop.py", line 1',
        "    a = = 1",
        "        ^",
        "SyntaxError: invalid syntax",
    ]


def test_what_failed_a_task_is_the_cause_of_its_error() -> None:
    below = describe(raised(from_cause))
    error = TaskFailedError("charge", below)
    error.__context__ = OSError("something else")
    details = describe(error)
    assert details.cause == below
    assert not details.is_context
    told = full_text(details).splitlines()
    assert told.index("That ended the workflow:") > told.index(FROM_CAUSE)
    assert told[-1] == "nbflow.errors.TaskFailedError: charge failed: OutOfStockError: no tea"
