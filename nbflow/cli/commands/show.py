"""``nbflow show``: one run of a history that no kernel has open, as text."""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING, Any, Final

from nbflow.cli.complaints import CommandError
from nbflow.cli.histories import add_db, code_beside, opened

if TYPE_CHECKING:
    from nbflow.runtime.stored import StoredHistory, StoredRun

VIEWS: Final = ("timeline", "history", "replay", "graph", "inbox")
_UNCUT: Final = 100


def add(commands: Any) -> None:
    """Add the command with its arguments."""
    show = commands.add_parser(
        "show",
        help="show a run: its timeline, history, replay, graph or inbox",
        description="Shows a run of a history as text. Nothing in the history goes on, and no code is run, "
        "but for a replay's when --code names it.",
    )
    show.add_argument("id", metavar="ID", help="the run; nbflow ls lists them")
    show.add_argument("--view", choices=VIEWS, default="timeline", metavar="VIEW", help=", ".join(VIEWS))
    show.add_argument(
        "--code", metavar="FILE", help="the notebook or module that has the workflow, for a replay or a graph"
    )
    show.add_argument(
        "--to", type=int, metavar="N", help="the event that a replay is to show; the last if not given"
    )
    add_db(show)


def run(options: argparse.Namespace) -> None:
    """Carry it out."""
    again = f"nbflow show {options.id}"
    with opened(options.db, again) as history:
        record, _ = history.run(options.id).snapshot()
    code = None
    if options.code is not None:
        from nbflow import load_workflow

        code = load_workflow(options.code, record.name)  # a script may want its history for itself
    if options.db is not None:
        again += f" --db {shlex.quote(options.db)}"
    with opened(options.db, again) as history:
        print(_shown(history, history.run(options.id, code), options, again))


def _shown(history: StoredHistory, source: StoredRun, options: argparse.Namespace, again: str) -> str:
    from nbflow.cli.terminal import width
    from nbflow.runtime import pictures
    from nbflow.views.eventlist import HEADING, event_rows
    from nbflow.views.table import text_table

    wide = width() or _UNCUT
    match options.view:
        case "history":
            return text_table(HEADING, event_rows(source.snapshot()[1]), width=width())
        case "graph":
            return pictures.graph_picture(source, width=wide).text
        case "inbox":
            return pictures.inbox_picture(source, width=wide).text
        case "replay" if options.code is not None:
            return pictures.replay_picture(source, options.to, width=wide).text
        case "replay":
            if options.to is not None:
                raise CommandError(
                    "--to needs the workflow's code, which is run on what is recorded: type "
                    f"{again} --view replay --to {options.to} --code {code_beside(history.path)}"
                )
            told = pictures.narrative(source, width=wide)
            return f"{told}\nlines and variables: {again} --view replay --code {code_beside(history.path)}"
        case _:
            return pictures.timeline_picture(source, width=wide).text
