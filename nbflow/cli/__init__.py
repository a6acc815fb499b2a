"""The command line: ``nbflow demo``, ``nbflow lint``.

Parsing is here, and the table of commands; a command is a module of its own, imported when it is
asked for. A command that fails says why in one line.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final, NoReturn

_FAILED: Final = 1
_WRONG_USE: Final = 2
_INTERRUPTED: Final = 130


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(_WRONG_USE, f"{self.prog}: {message} - type {self.prog} --help\n")


@dataclass(frozen=True, kw_only=True)
class _Command:
    """One command.

    Attributes:
        name: The word behind ``nbflow``.
        help: One line for the list.
        description: What it does, for its own help.
        arguments: Tells its parser what it takes.
        run: Carries it out, and returns the exit status.
    """

    name: str
    help: str
    description: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without these signs shows others
    options = _parser().parse_args(arguments)
    if options.command is None:
        _parser().print_help()
        return 0
    from nbflow.cli.complaints import CommandError

    command = next(command for command in _COMMANDS if command.name == options.command)
    try:
        return command.run(options)
    except (CommandError, OSError) as failure:
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
    for command in _COMMANDS:
        command.arguments(
            commands.add_parser(command.name, help=command.help, description=command.description)
        )
    return parser


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("demo-output"),
        metavar="DIR",
        help="where everything is put: %(default)s",
    )
    parser.add_argument(
        "--within",
        type=_seconds,
        default=30.0,
        metavar="S",
        help="fail if it takes longer than this: %(default)g",
    )
    parser.add_argument(
        "--notebook", type=Path, metavar="FILE", help="another notebook whose cells have the same tags"
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise ValueError
    return seconds


_seconds.__name__ = "number of seconds"  # argparse: invalid number of seconds value: 'x'


def _demo(options: argparse.Namespace) -> int:
    from nbflow.cli.demo import run_demo
    from nbflow.cli.notebook import quickstart

    run_demo(options.notebook or quickstart(), options.out, options.within)
    return 0


def _lint_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="modules, notebooks, or folders")
    parser.add_argument("--explain", metavar="RULE", help="tell about one rule, with an example and its fix")


def _lint(options: argparse.Namespace) -> int:
    from nbflow.cli.lint import explain_rule, lint_files

    return lint_files(options.files) if options.explain is None else explain_rule(options.explain)


_COMMANDS: Final = (
    _Command(
        name="demo",
        help="run the quickstart in a real kernel, kill it, and let another one finish the run",
        description="Runs the quickstart notebook in a real kernel, kills the kernel with SIGKILL while the workflow "
        "waits for a person, lets a new kernel finish the run, and proves that no finished activity ran again.",
        arguments=_demo_arguments,
        run=_demo,
    ),
    _Command(
        name="lint",
        help="find in workflows what a replay can't repeat",
        description="Reads the workflows of modules and notebooks, and the functions that they call, for what a replay "
        "can't repeat: clocks, chance, files, globals that change. Ends with 1 if it found something.",
        arguments=_lint_arguments,
        run=_lint,
    ),
)
