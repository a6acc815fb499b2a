"""The arguments of ``nbflow demo``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Add the command with its arguments."""
    demo = commands.add_parser(
        "demo",
        help="run the quickstart in a real kernel, kill it, and let another one finish the run",
        description="Runs the quickstart notebook in a real kernel, kills the kernel with SIGKILL while the workflow "
        "waits for a person, lets a new kernel finish the run, in which no step is defined, and proves that no finished activity ran again.",
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


def run(options: argparse.Namespace) -> None:
    """Carry it out."""
    from nbflow.cli.demo import run_demo
    from nbflow.cli.notebook import quickstart

    notebook: Path | None = options.notebook
    run_demo(notebook if notebook is not None else quickstart(), options.out, options.within)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise ValueError
    return seconds


_seconds.__name__ = "number of seconds"  # argparse: invalid number of seconds value: 'x'
