"""``%%activity`` and ``%%workflow``: a cell is compiled, run, and its functions become known.

The cell's text is kept under the file name that the shell gives to the cell, so
that tracebacks, debuggers and ``inspect.getsource`` show what a person typed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import CodeType
from typing import Any, Final, cast

from nbflow.core.retry import RetryPolicy
from nbflow.definitions import ActivityDefinition, Definition, WorkflowDefinition
from nbflow.errors import DefinitionError
from nbflow.jupyter.cells import CellSource, body_form, plain_form
from nbflow.jupyter.complaints import CellSyntaxError, CommandError, show_as
from nbflow.jupyter.headers import OPTIONS, CellKind, Header, parse_header
from nbflow.jupyter.options import Values, parse_options
from nbflow.jupyter.shell import Shell
from nbflow.jupyter.words import Evaluate

_FIRST_RETRY: Final = timedelta(seconds=1)
_BACKOFF: Final = 2.0

Define = Callable[[Callable[..., Any], CellSource | None], Definition]


def define_cell(
    shell: Shell,
    kind: CellKind,
    line: str,
    cell: str,
    evaluate: Evaluate,
    check: Callable[[Definition], object] = lambda definition: None,
) -> list[Definition]:
    """Compile and run a cell, and make definitions of its functions; nothing is registered here.

    Args:
        shell: The notebook's shell; the functions land among its variables.
        kind: Which magic it is.
        line: The text behind the magic's name.
        cell: The text below it.
        evaluate: Evaluates expressions in option values.
        check: Raises DefinitionError for what can't be used, once all of the cell's functions are there.

    Raises:
        CommandError: The magic's line or the cell can't be used so.
        CellSyntaxError: The cell has a syntax error.
        DefinitionError: A function can't be a workflow or an activity.
    """
    __tracebackhide__ = True
    header = parse_header(line, kind)
    words, values = parse_options(header.options, OPTIONS[kind], command=f"%%{kind}", evaluate=evaluate)
    if words:
        raise CommandError(
            f"%%{kind} … {words[0]!r} means nothing: type %%{kind} NAME(PARAMETERS) -> TYPE --OPTION …"
        )
    define = _definer(kind, values, label=f"Cell In[{len(shell.history_manager.input_hist_raw) - 1}]")
    try:
        source, code = _compile(shell, kind, header, line, cell)
    except SyntaxError as error:
        raise CellSyntaxError(error, shell.SyntaxTB.structured_traceback(type(error), error, [])) from None
    before = {name: shell.user_ns.get(name) for name in source.names}
    _execute(shell, code)
    try:
        made = [_define(shell, name, define, source if header.name else None) for name in source.names]
        for definition in made:
            check(definition)
        return made
    except DefinitionError:
        for name, value in before.items():
            shell.user_ns.pop(name, None)
            shell.user_ns.update({name: value} if value is not None else {})
        raise


def adopt_option(line: str, kind: CellKind, evaluate: Evaluate) -> str | None:
    """Which runs in flight are to change over to a cell's code, as its first line says; None if it says nothing."""
    if kind != "workflow":
        return None
    header = parse_header(line, kind)
    _, values = parse_options(header.options, OPTIONS[kind], command=f"%%{kind}", evaluate=evaluate)
    return values.text("adopt")


def _compile(
    shell: Shell, kind: CellKind, header: Header, line: str, cell: str
) -> tuple[CellSource, CodeType]:
    seen = f"%%{kind} {line}".rstrip() + f"\n{cell}"
    number = len(shell.history_manager.input_hist_raw) - 1
    raw = _whole_cell(shell.history_manager.input_hist_raw[-1], kind, cell) or seen
    magic_line = raw[: len(raw) - len(raw.lstrip())].count("\n") + 1
    filename = shell.compile.cache(seen, number, raw_code=raw)
    python = _as_python(shell, cell)
    if header.name is None:
        source = plain_form(kind, python, line=magic_line, filename=filename)
    else:
        source = replace(body_form(kind, header, python, line=magic_line, filename=filename), cell=raw)
    filename = shell.compile.cache(source.text, number, raw_code=raw)
    tree = shell.transform_ast(shell.compile.ast_parse(source.text, filename))
    return source, shell.compile(tree, filename, "exec")


def _execute(shell: Shell, code: CodeType) -> None:
    """Run the cell; what its author's code raises is shown from that code on."""
    __tracebackhide__ = True
    try:
        exec(code, shell.user_ns)
    except Exception as error:
        trace = error.__traceback__.tb_next if error.__traceback__ is not None else None
        show_as(error, shell.InteractiveTB.structured_traceback(type(error), error, trace, tb_offset=0))
        raise


def _whole_cell(newest: str, kind: CellKind, cell: str) -> str | None:
    """The cell as it stands in the notebook, with the blank lines above the magic; None if it isn't on record."""
    is_this_one = newest.lstrip().startswith(f"%%{kind}") and newest.rstrip().endswith(cell.rstrip())
    return newest if is_this_one else None


def _as_python(shell: Shell, cell: str) -> str:
    """The cell with IPython's own syntax turned into Python; its lines stay where they are."""
    lines = cell.split("\n")
    blank = next((number for number, text in enumerate(lines) if text.strip()), len(lines))
    return "\n" * blank + shell.transform_cell("\n".join(lines[blank:]))


def _definer(kind: CellKind, values: Values, *, label: str) -> Define:
    if kind == "workflow":
        version = values.text("version")
        return lambda function, made_of: WorkflowDefinition(
            function,
            version=version,
            source=_text(made_of),
            cell=made_of.cell if made_of else None,
            label=label,
        )
    retries, first, timeout = (
        values.count("retries"),
        values.duration("first-retry"),
        values.duration("timeout"),
    )
    if first is not None and not retries:
        raise CommandError(
            "--first-retry means something only with --retries: type --retries 3 --first-retry 1s"
        )
    policy = RetryPolicy(first or _FIRST_RETRY, retries + 1, _BACKOFF) if retries else None
    return lambda function, made_of: ActivityDefinition(
        function, retry_policy=policy, timeout=timeout, source=_text(made_of)
    )


def _text(made_of: CellSource | None) -> str | None:
    """The function's text, where Python can't tell: it is made of a cell."""
    return None if made_of is None else made_of.text.strip("\n") + "\n"


def _define(shell: Shell, name: str, define: Define, source: CellSource | None) -> Definition:
    """Make one definition, and put it among the notebook's variables."""
    function: Any = shell.user_ns[name]
    if isinstance(function, (ActivityDefinition, WorkflowDefinition)):
        return cast("Definition", function)  # it has a decorator of ours already
    definition = define(function, source)
    try:
        definition.signature.check()
    except DefinitionError as error:
        if not isinstance(error.__cause__, NameError):  # a type may be defined in a later cell
            raise
    shell.user_ns[name] = definition
    return definition
