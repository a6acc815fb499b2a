"""``nbflow ls``: the runs of a history that no kernel has open."""

from __future__ import annotations

import argparse
import shlex
from typing import Any

from nbflow.cli.histories import add_db, opened
from nbflow.core.state import RuntimeStatus


def add(commands: Any) -> None:
    """Add the command with its arguments."""
    ls = commands.add_parser(
        "ls",
        help="list the runs of a history, newest first, and what they wait for",
        description="Lists the runs of a history, newest first. It is only read: nothing in it goes on.",
    )
    add_db(ls)
    ls.add_argument(
        "--status",
        type=str.upper,
        choices=[status.value for status in RuntimeStatus],
        metavar="STATUS",
        help=f"only those with this status: {', '.join(RuntimeStatus)}",
    )
    ls.add_argument("--name", metavar="NAME", help="only those of this workflow")
    ls.add_argument("--limit", type=_count, default=50, metavar="N", help="so many at the most: %(default)s")
    ls.add_argument("--after", metavar="ID", help="the next page: only those below this run")


def run(options: argparse.Namespace) -> None:
    """Carry it out."""
    from nbflow.cli.terminal import width
    from nbflow.views.instances.text import HEADING, fields
    from nbflow.views.table import text_table
    from nbflow.widgets.instances import Scope, listing

    statuses = () if options.status is None else (RuntimeStatus(options.status),)
    with opened(options.db, "nbflow ls") as history:
        listed = listing(
            history, Scope(name=options.name, after=options.after), statuses, limit=options.limit
        )
    if not listed.rows:
        is_narrow = statuses or options.name or options.after
        print("no such runs: type nbflow ls for all" if is_narrow else f"no runs in {history.path}")
        return
    print(text_table(HEADING, [fields(row) for row in listed.rows], width=width()))
    if listed.more:
        print(f"{listed.more} more: {_typed(options)} --after {listed.rows[-1].instance_id}")


def _typed(options: argparse.Namespace) -> str:
    """The command for the next page, but for where it begins."""
    given = {"--db": options.db, "--status": options.status, "--name": options.name}
    given["--limit"] = None if options.limit == 50 else str(options.limit)
    return "nbflow ls" + "".join(f" {name} {shlex.quote(text)}" for name, text in given.items() if text)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


_count.__name__ = "number"  # argparse: invalid number value: 'x'
