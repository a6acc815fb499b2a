"""A workflow's call as it is typed behind ``%wf run``: ``fulfil({"sku": "tea"}) --id order-42``.

The call ends at the bracket that closes its first one: read as an expression,
``order(1) --wait`` would be a subtraction.
"""

from __future__ import annotations

import io
import re
import tokenize
from dataclasses import dataclass
from typing import Any, Final

from nbflow.jupyter.complaints import CommandError
from nbflow.jupyter.words import Evaluate

_NAME: Final = re.compile(r"\s*([^\W\d]\w*)\s*")
_OPENING: Final = frozenset("([{")
_CLOSING: Final = frozenset(")]}")


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call, taken apart but not evaluated.

    Attributes:
        name: Whom it calls.
        arguments: The text between the brackets.
        rest: What follows the call: options, a comment, a ``;``.
    """

    name: str
    arguments: str
    rest: str

    def __str__(self) -> str:
        return f"{self.name}({self.arguments.strip()})"

    def evaluate(self, evaluate: Evaluate) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The values of the arguments, those by position and those by name."""
        arguments: tuple[tuple[Any, ...], dict[str, Any]] = evaluate(
            f"(lambda *positional, **named: (positional, named))({self.arguments}\n)", str(self)
        )
        return arguments


def parse_call(text: str, *, command: str) -> Call:
    """Take the call at the beginning of a text apart; a name without brackets is a call without arguments.

    Args:
        text: What was typed.
        command: How the line begins, for messages: ``%wf run``.

    Raises:
        CommandError: There is no call, or its bracket is never closed.
    """
    name = _NAME.match(text)
    if name is None:
        raise CommandError(f"{command} needs a call of a workflow: type {command} NAME(…) --id ID")
    rest = text[name.end() :]
    if not rest.startswith("("):
        return Call(name=name[1], arguments="", rest=rest)
    end = closing_bracket(rest)
    if end is None:
        raise CommandError(f"{command} {text.strip()}: the '(' is never closed: type {command} {name[1]}(…)")
    return Call(name=name[1], arguments=rest[1:end], rest=rest[end + 1 :])


def closing_bracket(text: str) -> int | None:
    """The index of the bracket that closes the one with which a text of Python begins, or None."""
    depth = 0
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type != tokenize.OP:
                continue
            if token.string in _OPENING:
                depth += 1
            elif token.string in _CLOSING:
                depth -= 1
                if depth == 0:
                    row, column = token.start
                    return starts[row - 1] + column
    except (tokenize.TokenError, SyntaxError):
        return None
    return None
