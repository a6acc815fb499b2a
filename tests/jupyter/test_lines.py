"""Reading a magic's line: words, endings, durations, options, calls."""

from datetime import timedelta
from typing import Any

import pytest

from nbflow.jupyter.calls import parse_call
from nbflow.jupyter.commands import COMMANDS, find_command
from nbflow.jupyter.complaints import CommandError
from nbflow.jupyter.durations import parse_duration
from nbflow.jupyter.handlers import HANDLERS, handler_of
from nbflow.jupyter.help import about, overview
from nbflow.jupyter.options import Option, Values, parse_options
from nbflow.jupyter.words import fill_in, split_words, strip_ending, take_word

RUN = COMMANDS["run"].options


def evaluate(expression: str, shown: str) -> Any:
    return eval(expression, {"i": 4, "names": {"a b": "tea"}})


def options(text: str, known: tuple[Option, ...] = RUN) -> tuple[list[str], Values]:
    return parse_options(text, known, command="%wf run", evaluate=evaluate)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("  a   b ", ["a", "b"]),
        ("--id order-{next(ids, 'x y')} b", ["--id", "order-{next(ids, 'x y')}", "b"]),
        ("'a b' c", ["'a b'", "c"]),
        (r"'it\'s one' c", [r"'it\'s one'", "c"]),
    ],
)
def test_words_end_at_white_space_outside_of_quotes_and_brackets(text: str, words: list[str]) -> None:
    assert split_words(text) == words


def test_the_rest_behind_a_word_is_left_as_it_is() -> None:
    assert take_word('order-42  approval {"a":  1}') == ("order-42", 'approval {"a":  1}')


@pytest.mark.parametrize(
    ("line", "kept", "silent"),
    [
        ("fulfil(1)", "fulfil(1)", False),
        ("fulfil(1);", "fulfil(1)", True),
        ("fulfil(1) --id a ;  # why; because", "fulfil(1) --id a", True),
        ("--start-in 24h;", "--start-in 24h", True),
        ("x '#;'", "x '#;'", False),
        ("id-#1", "id-#1", False),
        ('{"a": "b;"}', '{"a": "b;"}', False),
        ("# nothing", "", False),
    ],
)
def test_a_comment_and_a_semicolon_are_taken_off(line: str, kept: str, silent: bool) -> None:
    assert strip_ending(line) == (kept, silent)


def test_braces_in_a_word_are_expressions() -> None:
    assert fill_in("order-{i}", evaluate) == "order-4"
    assert fill_in("{i:03d}-{names['a b']}", evaluate) == "004-tea"
    assert fill_in("'a b'", evaluate) == "a b"
    with pytest.raises(CommandError, match=r"'order-\{i' has a '\{' that is never closed: type order-\{i\}"):
        fill_in("order-{i", evaluate)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("5m", 300),
        ("24h", 86400),
        ("30d", 30 * 86400),
        ("1h30m", 5400),
        ("0.5", 0.5),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text, "--timeout") == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "soon", "5 parsecs", "-5", "5m later", "h"])
def test_what_is_no_duration_is_refused_with_examples(text: str) -> None:
    with pytest.raises(CommandError, match=r"^--timeout '.*' is no duration: type --timeout 90, .*30d$"):
        parse_duration(text, "--timeout")


def test_a_duration_beyond_time_is_refused() -> None:
    with pytest.raises(CommandError, match="longer than time itself: type --timeout 365d"):
        parse_duration("99999999999d", "--timeout")


def test_options_are_read_by_kind_and_the_other_words_left() -> None:
    words, values = options("a --id order-{i} --start-in=5m b")
    assert words == ["a", "b"]
    assert values.text("id") == "order-4"
    assert values.duration("start-in") == timedelta(minutes=5)
    assert values.text("reuse") is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("--idd a", "%wf run has no option --idd: did you mean --id? - it has --id, --reuse, --start-in"),
        ("--id", "--id needs a value: type %wf run … --id ID"),
        ("--id --reuse error", "--id needs a value: type %wf run … --id ID"),
        ("--id a --id b", "--id is there twice: type one, as %wf run … --id ID"),
        (
            "--reuse ignor",
            "--reuse 'ignor' is not one of error, ignore, terminate - type --reuse ignore",
        ),
    ],
)
def test_bad_options_are_refused_with_what_to_type(text: str, complaint: str) -> None:
    with pytest.raises(CommandError) as refused:
        options(text)
    assert str(refused.value) == complaint


def test_an_option_where_there_are_none() -> None:
    with pytest.raises(
        CommandError, match="%wf run has no option --x, and no other: type %wf run without it"
    ):
        options("--x 1", ())


def test_counts_are_whole_numbers() -> None:
    retries = (Option(name="retries", shows="N", means="", kind="count"),)
    assert options("--retries 3", retries)[1].count("retries") == 3
    with pytest.raises(CommandError, match="--retries 'many' is no whole number: type --retries 3"):
        options("--retries many", retries)


@pytest.mark.parametrize(
    ("text", "name", "arguments", "rest"),
    [
        ("order(1) --wait", "order", "1", " --wait"),
        ('fulfil({"a": ")"}, [1, (2)]) --id x', "fulfil", '{"a": ")"}, [1, (2)]', " --id x"),
        ("fulfil", "fulfil", "", ""),
        ("fulfil --id x", "fulfil", "", "--id x"),
        ("fulfil ( 1 )", "fulfil", " 1 ", ""),
        ("f(\n  1,  # it's ) here\n  2,\n)\n--id x", "f", "\n  1,  # it's ) here\n  2,\n", "\n--id x"),
        ("f('''\n)''')x", "f", "'''\n)'''", "x"),
    ],
)
def test_a_call_ends_at_the_bracket_that_closes_its_first_one(
    text: str, name: str, arguments: str, rest: str
) -> None:
    call = parse_call(text, command="%wf run")
    assert (call.name, call.arguments, call.rest) == (name, arguments, rest)


@pytest.mark.parametrize("text", ["", "--id x", "(1)", "1"])
def test_no_call_at_all(text: str) -> None:
    with pytest.raises(
        CommandError, match=r"^%wf run needs a call of a workflow: type %wf run NAME\(…\) --id ID$"
    ):
        parse_call(text, command="%wf run")


def test_a_call_that_is_never_closed() -> None:
    with pytest.raises(CommandError, match=r"f\(\[1\): the '\(' is never closed: type %wf run f\(…\)"):
        parse_call("f([1)", command="%wf run")


def test_arguments_are_evaluated_by_position_and_by_name() -> None:
    call = parse_call("f(i, *[1], b={'x': i},\n # a remark\n)", command="%wf run")
    assert call.evaluate(evaluate) == ((4, 1), {"b": {"x": 4}})


def test_commands_are_found_and_nearly_found() -> None:
    command, rest = find_command("show  order-42 --view timeline")
    assert (command.name, rest) == ("show", "order-42 --view timeline")
    assert find_command("")[0].name == "help"
    with pytest.raises(CommandError) as refused:
        find_command("shwo order-42")
    assert (
        str(refused.value)
        == "%wf has no command 'shwo': did you mean 'show'? - type %wf help for all of them"
    )


def test_every_command_is_carried_out_by_somebody() -> None:
    assert set(HANDLERS) == set(COMMANDS)
    assert all(callable(handler_of(name)) for name in COMMANDS)


def test_help_names_every_command_and_option() -> None:
    text = overview()
    for command in COMMANDS.values():
        assert f"%wf {command.name}" in text
        full = about(command)
        assert command.means in full
        for option in command.options:
            assert f"--{option.name} {option.shows}" in full
    assert "%%activity [NAME(PARAMETERS) -> TYPE] [--retries N]" in text
