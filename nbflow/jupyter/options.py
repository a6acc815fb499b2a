"""Options of the magics: ``--name value``, each known by name, kind and meaning.

One table per magic or command; parsing, help and completion read the same one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, TypeAlias, cast

from nbflow.jupyter.complaints import CommandError, nearest
from nbflow.jupyter.durations import parse_duration
from nbflow.jupyter.words import Evaluate, fill_in, split_words, unquote

Kind: TypeAlias = Literal["text", "duration", "count", "flag", "assignment"]


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option.

    Attributes:
        name: Without the dashes.
        means: One phrase for the help.
        shows: What stands for its value in the help: ``ID``.
        kind: How its value is read; a flag has none, and an assignment, ``NAME=EXPRESSION``, may be there
            several times.
        choices: The only values that it takes, in upper or lower case; any if empty.
    """

    name: str
    means: str
    shows: str = ""
    kind: Kind = "text"
    choices: tuple[str, ...] = ()

    @property
    def usage(self) -> str:
        """How it is typed: ``--id ID``."""
        return f"--{self.name} {self.shows}".rstrip()


class Values:
    """The options that a line gave, by name; typed access, None where one was not given."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __bool__(self) -> bool:
        return bool(self._values)

    def text(self, name: str) -> str | None:
        """The value of a text option."""
        return cast("str | None", self._values.get(name))

    def duration(self, name: str) -> timedelta | None:
        """The value of a duration option."""
        return cast("timedelta | None", self._values.get(name))

    def assignments(self, name: str) -> list[tuple[str, Any]]:
        """The names and values that an assignment option gave, in order."""
        return cast("list[tuple[str, Any]]", self._values.get(name, []))

    def has(self, name: str) -> bool:
        """Whether an option is there, which is all there is to know of a flag."""
        return name in self._values

    def count(self, name: str) -> int | None:
        """The value of a count option."""
        return cast("int | None", self._values.get(name))


def parse_options(
    text: str, known: Sequence[Option], *, command: str, evaluate: Evaluate
) -> tuple[list[str], Values]:
    """Read the words of a line: those without dashes as they are, and the options.

    Args:
        text: The line, without a comment or ``;``.
        known: The options that there are.
        command: What the person typed, for messages: ``%wf run``.
        evaluate: Evaluates the expressions in option values.

    Raises:
        CommandError: An option is unknown, given twice, lacks its value, or has one that it can't have.
    """
    by_name = {option.name: option for option in known}
    words = split_words(text)
    plain: list[str] = []
    values: dict[str, Any] = {}
    while words:
        word = words.pop(0)
        if not word.startswith("--"):
            plain.append(word)
            continue
        name, equals, value = word[2:].partition("=")
        option = by_name.get(name)
        if option is None:
            raise CommandError(_unknown(name, by_name, command))
        if name in values and option.kind != "assignment":
            raise CommandError(f"--{name} is there twice: type one, as {command} … {option.usage}")
        if option.kind == "flag":
            if equals:
                raise CommandError(f"--{name} takes no value: type {command} … {option.usage}")
            values[name] = True
            continue
        if not equals:
            if not words or words[0].startswith("--"):
                raise CommandError(f"--{name} needs a value: type {command} … {option.usage}")
            value = words.pop(0)
        if option.kind == "assignment":
            values.setdefault(name, []).append(_assignment(value, evaluate))
            continue
        values[name] = _read(option, fill_in(value, evaluate))
    return plain, Values(values)


def _read(option: Option, value: str) -> Any:
    label = f"--{option.name}"
    match option.kind:
        case "duration":
            return parse_duration(value, label)
        case "count":
            if not value.isdecimal():
                raise CommandError(f"{label} {value!r} is no whole number: type {label} 3")
            return int(value)
        case "text" | "flag" | "assignment":
            value = unquote(value)
    if not option.choices:
        return value
    by_word = {choice.casefold(): choice for choice in option.choices}
    if value.casefold() not in by_word:
        meant = nearest(value, option.choices) or option.choices[0]
        raise CommandError(
            f"{label} {value!r} is not one of {', '.join(option.choices)} - type {label} {meant}"
        )
    return by_word[value.casefold()]


def _assignment(word: str, evaluate: Evaluate) -> tuple[str, Any]:
    """Read ``name=expression``; a name alone stands for None."""
    name, equals, expression = unquote(word).partition("=")
    return name.strip(), evaluate(expression, expression) if equals else None


def _unknown(name: str, known: Mapping[str, Option], command: str) -> str:
    if not known:
        return f"{command} has no option --{name}, and no other: type {command} without it"
    near = nearest(name, known)
    meant = f": did you mean --{near}?" if near is not None else ""
    there = ", ".join(f"--{option}" for option in known)
    return f"{command} has no option --{name}{meant} - it has {there}"
