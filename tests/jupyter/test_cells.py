"""From a cell to what is compiled: both forms, the header, line numbers, and what is refused."""

import ast
import inspect
import textwrap
from typing import Any

import pytest

from nbflow.jupyter.cells import CellSource, body_form, plain_form
from nbflow.jupyter.complaints import CommandError
from nbflow.jupyter.headers import CellKind, Header, parse_header


def body(kind: CellKind, line: str, text: str, at: int = 1) -> CellSource:
    return body_form(kind, parse_header(line, kind), textwrap.dedent(text), line=at, filename="cell.py")


def function(source: CellSource, **names: Any) -> Any:
    exec(compile(source.text, "cell.py", "exec"), names)
    return names[source.names[0]]


@pytest.mark.parametrize(
    ("line", "header"),
    [
        ("", Header()),
        ("--retries 3", Header(options="--retries 3")),
        ("f()", Header(name="f")),
        ("f (a, b)", Header(name="f", parameters="a, b")),
        ("f(a: int) -> str", Header(name="f", parameters="a: int", returns="str")),
        (
            'f(a=g(")"), *, b: dict[str, int] = {}) -> dict[str, int] | None --version v-2  # why',
            Header(
                name="f",
                parameters='a=g(")"), *, b: dict[str, int] = {}',
                returns="dict[str, int] | None",
                options="--version v-2",
            ),
        ),
        ("f(a) --timeout 24h", Header(name="f", parameters="a", options="--timeout 24h")),
        ("f(a) -> int:", Header(name="f", parameters="a", returns="int")),
        ("f(a):", Header(name="f", parameters="a")),
    ],
)
def test_headers(line: str, header: Header) -> None:
    assert parse_header(line, "workflow") == header


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("fulfil", "the parameters are missing: type %%workflow fulfil() for a cell that is the body"),
        ("fulfil(", r"the '(' is never closed: type %%workflow fulfil(PARAMETERS)"),
        ("42", "type %%workflow NAME(PARAMETERS) -> TYPE, or %%workflow alone over plain code"),
        ("f(a) b", "is followed by 'b': type %%workflow f(…) -> TYPE --OPTION …"),
    ],
)
def test_headers_that_are_neither_form(line: str, complaint: str) -> None:
    with pytest.raises(CommandError) as refused:
        parse_header(line, "workflow")
    assert complaint in str(refused.value)


def test_the_body_keeps_its_line_numbers_below_the_magic() -> None:
    source = body("workflow", "f(a: int = 3) -> int", "\n# first\nx = a\nreturn x\n")
    assert source.text.splitlines() == [
        "async def f(a: int = 3) -> int:",
        "",
        "    # first",
        "    x = a",
        "    return x",
    ]
    assert str(inspect.signature(function(source))) == "(a: int = 3) -> int"


def test_blank_lines_above_the_magic_count() -> None:
    source = body("activity", "f()", "return 1", at=3)
    assert function(source).__code__.co_firstlineno == 3


def test_strings_over_several_lines_keep_their_text() -> None:
    text = 'a = """one\n  two\n\nthree"""\nb = f"""{a}\n four"""\nc = "x\\\ny"\nreturn a, b, c\n'
    names: dict[str, Any] = {}
    exec(compile(f"def g():\n{textwrap.indent('pass', ' ')}", "g", "exec"), names)
    expected: dict[str, Any] = {}
    exec(text.replace("return a, b, c\n", ""), expected)
    assert function(body("activity", "f()", text))() == (expected["a"], expected["b"], expected["c"])


@pytest.mark.parametrize(
    ("text", "is_async"),
    [
        ("return 1", False),
        ("await g()", True),
        ("async with g():\n    pass", True),
        ("async for x in g():\n    pass", True),
        ("return [x async for x in g()]", True),
        ("if a:\n    return (await g())", True),
        ("async def g():\n    await h()\nreturn g", False),
        ("def g(x=await h()):\n    pass", True),
        ("return lambda: 1", False),
        ("class A:\n    async def m(self):\n        await x\n", False),
    ],
)
def test_an_activity_is_async_only_if_its_own_level_awaits(text: str, is_async: bool) -> None:
    found = ast.parse(body("activity", "f(a=1)", text).text).body[0]
    assert isinstance(found, ast.AsyncFunctionDef) == is_async


def test_a_workflow_is_always_async() -> None:
    assert inspect.iscoroutinefunction(function(body("workflow", "f()", "return 1")))


def test_ctx_is_there_where_the_body_names_it() -> None:
    assert list(inspect.signature(function(body("workflow", "f(a)", "return ctx"))).parameters) == [
        "ctx",
        "a",
    ]
    assert list(inspect.signature(function(body("workflow", "f()", "return f'{ctx.x}'"))).parameters) == [
        "ctx"
    ]
    assert list(inspect.signature(function(body("workflow", "f(a)", "return a"))).parameters) == ["a"]
    assert list(inspect.signature(function(body("workflow", "f(a, ctx)", "return ctx"))).parameters) == [
        "a",
        "ctx",
    ]


@pytest.mark.parametrize("text", ["yield 1", "x = yield", "yield from g()", "if a:\n    yield 1"])
def test_a_body_that_yields_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match=r"^line \d: a body can't yield: use await and return"):
        body("workflow", "f(a=1)", text)


def test_a_generator_inside_a_body_is_fine() -> None:
    assert list(function(body("activity", "f()", "def g():\n    yield 1\nreturn g()"))()) == [1]


@pytest.mark.parametrize("text", ["", "\n\n", "# only a remark\n"])
def test_an_empty_body_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="the body of f is empty: write it below the line %%workflow f"):
        body("workflow", "f()", text)


@pytest.mark.parametrize(
    ("line", "text", "number", "shown"),
    [
        ("f()", "a = 1\nb = = 2\n", 3, "b = = 2"),
        ("f()", "a = (1,\nb = 2\n", 2, "a = (1,"),
        ("f()", "if a:\nb = 1\n", 3, "b = 1"),
        ("f(a b)", "return 1\n", 1, "%%workflow f(a b)"),
        ("f(a) -> int str", "return 1\n", 1, "%%workflow f(a) -> int str"),
        ("class(a)", "return 1\n", 1, "%%workflow class(a)"),
    ],
)
def test_a_syntax_error_has_the_line_as_seen(line: str, text: str, number: int, shown: str) -> None:
    with pytest.raises(SyntaxError) as refused:
        body("workflow", line, text)
    assert (refused.value.lineno, (refused.value.text or "").rstrip()) == (number, shown)


PLAIN = """
import time
LIMIT = 3
def charge(a): return a
async def ship(a): await charge(a)
def _inner(): pass
def steps(a):
    yield a
class Order: pass
"""


def test_the_plain_form_takes_top_level_functions() -> None:
    assert plain_form("activity", PLAIN, line=1, filename="f").names == ("charge", "ship", "steps")
    assert plain_form("workflow", PLAIN, line=1, filename="f").names == ("ship", "steps")


def test_the_plain_form_keeps_its_line_numbers() -> None:
    source = plain_form("activity", "\ndef f(): pass\n", line=1, filename="f")
    assert function(source).__code__.co_firstlineno == 3


def test_the_plain_form_without_a_function() -> None:
    with pytest.raises(CommandError, match="found no async def at the top level of the cell: define one, or"):
        plain_form("workflow", "def f(): pass", line=1, filename="f")


def test_an_await_outside_of_functions_gets_one_line_of_advice() -> None:
    with pytest.raises(
        CommandError, match=r"^line 3: await stands outside of every function: put it into one"
    ):
        plain_form("activity", "def f(): pass\nawait g()\n", line=1, filename="f")
