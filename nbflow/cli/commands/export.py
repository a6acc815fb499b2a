"""``nbflow export``: a run, or the whole history, into a file, when no kernel has the history open."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from nbflow.cli.histories import add_db, code_beside, opened


def add(commands: Any) -> None:
    """Add the command with its arguments."""
    export = commands.add_parser(
        "export",
        help="write a run as a page (.html), as data (.json, .parquet) or as a test (.py)",
        description="Writes a run as a page (.html), as data (.json, .parquet) or as a test for pytest (.py); "
        "or, with db for ID, the whole history (.duckdb, .parquet).",
    )
    export.add_argument("id", metavar="ID|db", help="the run; nbflow ls lists them")
    export.add_argument("file", metavar="FILE", help="its suffix says as what")
    export.add_argument("--force", action="store_true", help="replace the file if it is there")
    export.add_argument(
        "--parquet", action="store_true", help="FILE is a folder: every table and view as a file"
    )
    export.add_argument(
        "--code", metavar="FILE", help="for a test: the notebook or module that has the workflow"
    )
    add_db(export)


def run(options: argparse.Namespace) -> None:
    """Carry it out."""
    from nbflow.runtime.exports.code import code_for
    from nbflow.runtime.exports.targets import Target
    from nbflow.runtime.exports.writing import export as write

    target = Target(
        path=Path(options.file).expanduser(),
        typed=options.file,
        command="nbflow export",
        of=options.id,
        force=options.force,
        is_folder=options.parquet,
    )
    with opened(options.db, f"nbflow export {options.id} {options.file}") as history:
        source = None if options.id == "db" else history.run(options.id)
        if source is not None:
            source.snapshot()  # is it there?
        beside = code_beside(history.path)
        code = code_for(None, options.code or (beside if Path(beside).is_file() else None))
        exported = write(history, target, run=options.id, source=source, code=code)
    print(f"{options.id} is written to {exported.paths[0]} ({exported.size / 1024:,.0f} kB): {exported.use}")
