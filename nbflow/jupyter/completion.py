"""Completion of ``%wf`` lines: commands, workflows, instance IDs, awaited events, options and their values.

IPython asks with the whole line, so that ``run = %wf show or⇥`` is completed as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from IPython.core import completer

from nbflow.errors import NbflowError
from nbflow.jupyter.actions import find_run
from nbflow.jupyter.commands import COMMANDS, Command
from nbflow.jupyter.headers import OPTIONS, CellKind
from nbflow.jupyter.options import Option
from nbflow.jupyter.session import NbFlow
from nbflow.jupyter.words import split_words

_COMMAND_LINE: Final = re.compile(r"^\s*(?:[^=%#'\"]+=\s*)?%{1,2}(?:wf|workflow)\s+(?P<rest>.*)$")
_CELL_LINE: Final = re.compile(r"^\s*%%(?P<kind>activity|workflow)\s(?P<rest>.*)$")
_OPENING: Final = "([{'\""


class Completions:
    """The completions of one notebook.

    Args:
        session: The notebook's nbflow.
    """

    def __init__(self, session: NbFlow) -> None:
        self._session = session

    def matches(self, context: completer.CompletionContext) -> Any:
        """What IPython's completer is told."""
        fragment, found = self.complete(context.text_until_cursor)
        return {
            "completions": [completer.SimpleCompletion(text=text, type="nbflow") for text in found],
            "matched_fragment": fragment,
            "suppress": bool(found),
        }

    def complete(self, line: str) -> tuple[str, list[str]]:
        """The word that is being typed at the end of a line, and what it may become."""
        cell, command = _CELL_LINE.match(line), _COMMAND_LINE.match(line)
        found = command or cell
        if found is None:
            return "", []
        rest: str = found["rest"]
        fragment = re.split(r"\s", rest)[-1]
        try:
            words = self._of_command(rest, fragment) if command else iter(())
            known = [*words, *(self._of_cell(cell["kind"], rest) if cell else ())]
        except NbflowError:
            return fragment, []
        return fragment, sorted({word for word in known if word.startswith(fragment)})

    def _of_cell(self, magic: str, rest: str) -> Iterator[str]:
        kind: CellKind = "activity" if magic == "activity" else "workflow"
        return _options(OPTIONS[kind], rest) if rest.startswith("--") or ")" in rest else iter(())

    def _of_command(self, rest: str, fragment: str) -> Iterator[str]:
        words = split_words(rest[: len(rest) - len(fragment)])
        if not words:
            yield from COMMANDS
            return
        command = COMMANDS.get(words[0])
        if command is None or (command.takes[:1] == ("workflow",) and len(words) == 1 and "(" in fragment):
            return
        option = _open_option(command, words)
        if option is not None:
            yield from self._values(option)
        elif fragment.startswith("-"):
            yield from _options(command.options, rest)
        elif not fragment.startswith(tuple(_OPENING)):
            yield from self._things(command, words[1:])
            if len(words) > 1 or not command.takes or command.takes[0] == "nothing":
                yield from _options(command.options, rest)

    def _values(self, option: Option) -> Iterable[str]:
        if option.choices:
            return option.choices
        if option.name == "name":
            return self._session.code.workflow_names()
        return self._instances() if option.name in ("id", "after") else ()

    def _things(self, command: Command, given: list[str]) -> Iterable[str]:
        match command.takes[min(len(given), len(command.takes) - 1)]:
            case "name":
                return self._session.known.workflow_names()
            case "workflow":
                return [f"{name}(" for name in self._session.code.workflow_names()]
            case "instance":
                return self._instances()
            case "export":
                return [*self._instances(), "db"]
            case "event":
                handle = find_run(self._session, given[0])
                return self._session.waiting(handle.instance_id).events
            case "command":
                return COMMANDS
            case "duration":
                return ("1h", "1d", "7d", "30d")
            case "nothing":
                return ()

    def _instances(self) -> list[str]:
        return [state.instance_id for state in self._session.client.list_workflows()]


def _options(options: Iterable[Option], rest: str) -> Iterator[str]:
    return (f"--{option.name}" for option in options if f"--{option.name} " not in rest)


def _open_option(command: Command, words: list[str]) -> Option | None:
    """The option whose value is being typed."""
    valued = (option for option in command.options if option.kind != "flag")
    return next((option for option in valued if words[-1] == f"--{option.name}"), None)
