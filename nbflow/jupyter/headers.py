"""The first line of a ``%%activity`` or ``%%workflow`` cell, taken apart.

``%%activity charge(order: Order) -> Receipt --retries 3`` is the body form: the
cell is the function's body. Without ``NAME(PARAMS)`` it is the plain form: the
cell is ordinary code.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from nbflow.jupyter.calls import closing_bracket
from nbflow.jupyter.complaints import CommandError
from nbflow.jupyter.options import Option
from nbflow.jupyter.words import strip_ending

CellKind: TypeAlias = Literal["activity", "workflow"]

OPTIONS: Final[dict[CellKind, tuple[Option, ...]]] = {
    "activity": (
        Option(name="retries", shows="N", means="try a failed attempt up to N times again", kind="count"),
        Option(
            name="first-retry",
            shows="DURATION",
            means="wait before the first retry, 1s by default; each further wait is twice as long",
            kind="duration",
        ),
        Option(name="timeout", shows="DURATION", means="how long one attempt may take", kind="duration"),
    ),
    "workflow": (
        Option(name="version", shows="VERSION", means="a name for this version of the code, for people"),
        Option(
            name="adopt",
            shows="WHICH",
            means="which runs in flight change over to this code: none if not given",
            choices=("none", "fitting", "all"),
        ),
    ),
}

_NAME: Final = re.compile(r"([^\W\d]\w*)\s*")


@dataclass(frozen=True, kw_only=True)
class Header:
    """The line behind the magic's name.

    Attributes:
        name: Of the function; None in the plain form.
        parameters: The text between the brackets.
        returns: The text of the result's type; empty without one.
        options: What follows: ``--retries 3``.
    """

    name: str | None = None
    parameters: str = ""
    returns: str = ""
    options: str = ""

    def definition(self, *, with_context: bool = False, is_async: bool = True) -> str:
        """The ``def`` line that the header stands for."""
        parameters = self.parameters.strip()
        if with_context:
            parameters = f"ctx, {parameters}" if parameters else "ctx"
        arrow = f" -> {self.returns}" if self.returns else ""
        return f"{'async ' if is_async else ''}def {self.name}({parameters}){arrow}:"


def parse_header(line: str, kind: CellKind) -> Header:
    """Take the line behind ``%%activity`` or ``%%workflow`` apart; the options are not read yet.

    Raises:
        CommandError: It is neither form.
    """
    magic = f"%%{kind}"
    text, _ = strip_ending(line)
    if not text or text.startswith("--"):
        return Header(options=text)
    name = _NAME.match(text)
    if name is None:
        raise CommandError(
            f"{magic} {text}: type {magic} NAME(PARAMETERS) -> TYPE, or {magic} alone over plain code"
        )
    rest = text[name.end() :]
    if not rest.startswith("("):
        raise CommandError(
            f"{magic} {text}: the parameters are missing: type {magic} {name[1]}() for a cell that is the body, "
            f"or {magic} alone over plain code"
        )
    end = closing_bracket(rest)
    if end is None:
        raise CommandError(f"{magic} {text}: the '(' is never closed: type {magic} {name[1]}(PARAMETERS)")
    parameters, tail = rest[1:end], rest[end + 1 :].strip()
    returns = ""
    if tail.startswith("->"):
        tail = tail[2:].strip()
        at = _options_start(tail)
        returns, tail = tail[:at].strip().removesuffix(":").rstrip(), tail[at:]
    tail = tail.removeprefix(":").strip()
    if tail and not tail.startswith("--"):
        raise CommandError(
            f"{magic} {name[1]}(…) is followed by {tail!r}: type {magic} {name[1]}(…) -> TYPE --OPTION …"
        )
    return Header(name=name[1], parameters=parameters, returns=returns, options=tail)


def _options_start(text: str) -> int:
    """Where the first ``--option`` begins that is part of no type."""
    if text.startswith("--"):
        return 0
    depth = 0
    for string, at in _operators(text):
        if string in "([{":
            depth += 1
        elif string in ")]}":
            depth -= 1
        elif depth == 0 and text[at : at + 2] == "--" and text[at - 1].isspace():
            return at
    return len(text)


def _operators(text: str) -> Iterator[tuple[str, int]]:
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.OP:
                yield token.string, token.start[1]
    except (tokenize.TokenError, SyntaxError):  # behind the type stand words that needn't be Python
        return
