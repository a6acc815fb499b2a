"""The command line: ``nbflow demo``.

Parsing is here; a command is a module of its own, imported when it is asked for. A
command that fails says why in one line.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
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

    try:
        _demo(options.notebook, options.out, options.within)
    except (CommandError, OSError) as failure:
        print(f"nbflow {options.command} failed: {failure}", file=sys.stderr)
        return _FAILED
    except KeyboardInterrupt:
        print(f"nbflow {options.command} was interrupted", file=sys.stderr)
        return _INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="nbflow",
        description="Durable workflows in a notebook. In a notebook, type %load_ext nbflow, and %wf help.",
    )
    parser.add_argument("--version", action="version", version=f"nbflow {metadata.version('nbflow')}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    demo = commands.add_parser(
        "demo",
        help="run the quickstart in a real kernel, kill it, and let another one finish the run",
        description="Runs the quickstart notebook in a real kernel, kills the kernel with SIGKILL while the workflow "
        "waits for a person, lets a new kernel finish the run, and proves that no finished activity ran again.",
    )
    demo.add_argument(
        "--out",
        type=Path,
        default=Path("demo-output"),
        metavar="DIR",
        help="where everything is put: %(default)s",
    )
    demo.add_argument(
        "--within",
        type=_seconds,
        default=30.0,
        metavar="S",
        help="fail if it takes longer than this: %(default)g",
    )
    demo.add_argument(
        "--notebook", type=Path, metavar="FILE", help="another notebook whose cells have the same tags"
    )
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise ValueError
    return seconds


_seconds.__name__ = "number of seconds"  # argparse: invalid number of seconds value: 'x'


def _demo(notebook: Path | None, out: Path, seconds: float) -> None:
    from nbflow.cli.demo import run_demo
    from nbflow.cli.notebook import quickstart

    run_demo(notebook if notebook is not None else quickstart(), out, seconds)
