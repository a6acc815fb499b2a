"""The command line: ``nbflow ls``, ``show``, ``sql``, ``export``, ``lint`` and ``demo``.

What there is stands in `commands`, a module each. A command that fails says why in
one line.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Final, NoReturn

from nbflow.cli.commands import COMMANDS
from nbflow.cli.complaints import CommandError
from nbflow.errors import NbflowError

_FAILED: Final = 1
_WRONG_USE: Final = 2
_INTERRUPTED: Final = 130


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(_WRONG_USE, f"{self.prog}: {message} - type {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without these signs shows others
    options = _parser().parse_args(arguments)
    if options.command is None:
        _parser().print_help()
        return 0
    try:
        return COMMANDS[options.command].run(options) or 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # who reads has had enough: `| head`
        return 0
    except (CommandError, NbflowError, OSError) as failure:
        print(f"nbflow {options.command} failed: {failure}", file=sys.stderr)
        return _FAILED
    except KeyboardInterrupt:
        print(f"nbflow {options.command} was interrupted", file=sys.stderr)
        return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="nbflow",
        description="Durable workflows in a notebook. In a notebook, type %load_ext nbflow, and %wf help.",
    )
    parser.add_argument("--version", action="version", version=f"nbflow {metadata.version('nbflow')}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for command in COMMANDS.values():
        command.add(commands)
    return parser
