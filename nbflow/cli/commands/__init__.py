"""What the command line can do: a module for each command, with ``add`` (its arguments) and ``run``.

A module here is imported for every command line, to know its arguments: what a command needs,
its ``run`` imports.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any, Final, Protocol

from nbflow.cli.commands import demo, export, lint, ls, show, sql


class Command(Protocol):
    """A module of this package."""

    def add(self, commands: Any, /) -> None:
        """Add the command with its arguments."""
        ...

    def run(self, options: argparse.Namespace, /) -> int | None:
        """Carry it out; gives an exit status, where it has one of its own. Raises CommandError, NbflowError or OSError."""
        ...


COMMANDS: Final[Mapping[str, Command]] = {
    "demo": demo,
    "ls": ls,
    "show": show,
    "sql": sql,
    "export": export,
    "lint": lint,
}
"""In the order of the help."""
