"""The arguments of ``nbflow lint``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Add the command with its arguments."""
    lint = commands.add_parser(
        "lint",
        help="find in workflows what a replay can't repeat",
        description="Reads the workflows of modules and notebooks, and the functions that they call, for what a replay "
        "can't repeat: clocks, chance, files, globals that change. Ends with 1 if it found something.",
    )
    lint.add_argument("files", nargs="*", type=Path, metavar="FILE", help="modules, notebooks, or folders")
    lint.add_argument("--explain", metavar="RULE", help="tell about one rule, with an example and its fix")


def run(options: argparse.Namespace) -> int:
    """Carry it out; 1 if something was found, 2 if something could not be read."""
    from nbflow.cli.lint import explain_rule, lint_files

    return lint_files(options.files) if options.explain is None else explain_rule(options.explain)
