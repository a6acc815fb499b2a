"""The commands of ``%wf`` that show a run: show, replay, export."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from nbflow.jupyter.actions import Request, find_run, one_run
from nbflow.jupyter.commands import COMMANDS
from nbflow.jupyter.complaints import CommandError
from nbflow.jupyter.options import parse_options
from nbflow.jupyter.reports import history_of
from nbflow.jupyter.session import NbFlow
from nbflow.jupyter.tables import Table
from nbflow.runtime import Picture, WorkflowHandle

_PAGE: Final = (".html", ".htm")


class Opened:
    """A run whose card is to be shown, at one of its views.

    Args:
        handle: The run.
        view: The view.
        seq: The position in its history; None: the last.
    """

    def __init__(self, handle: WorkflowHandle, view: str, seq: int | None = None) -> None:
        self.handle = handle
        self.view = view
        self.seq = seq


def show(session: NbFlow, request: Request) -> Picture | Table | WorkflowHandle:
    """A run in one of its views; the handle stands for the card."""
    handle, values = one_run(session, request.line, "show")
    match values.text("view"):
        case "timeline":
            return handle.timeline()
        case "replay":
            return handle.replay()
        case "graph":
            return handle.graph()
        case "inbox":
            return handle.inbox()
        case "history":
            return history_of(handle)
        case _:
            return handle


def replay(session: NbFlow, request: Request) -> Any:
    """The card of a run, opened at a position of its history.

    Raises:
        CommandError: There is no such position.
    """
    handle, values = one_run(session, request.line, "replay")
    seq, length = values.count("to"), len(handle.history())
    if seq is not None and seq > length:
        raise CommandError(
            f"{handle.instance_id} has {length} events, and no event {seq}: type %wf history {handle.instance_id}"
        )
    return Opened(handle, "replay", seq)


def export(session: NbFlow, request: Request) -> str:
    """Write a run as a page of its own.

    Raises:
        CommandError: It doesn't say what or where to; or that place can't be written.
    """
    words, values = parse_options(
        request.line, COMMANDS["export"].options, command="%wf export", evaluate=session.evaluate
    )
    if len(words) != 2:
        raise CommandError("%wf export needs a run and a file: type %wf export ID page.html")
    handle, path = find_run(session, words[0]), Path(words[1]).expanduser()
    if path.suffix.lower() not in _PAGE:
        raise CommandError(f"{words[1]} is no page: type %wf export {words[0]} {path.with_suffix('.html')}")
    if path.exists() and not values.has("force"):
        raise CommandError(f"{words[1]} exists: type %wf export {words[0]} {words[1]} --force to replace it")
    try:
        size = handle.export(path)
    except OSError as error:
        raise CommandError(f"{words[1]} can't be written: {error.strerror or error}") from None
    return f"{handle.instance_id} is written to {words[1]} ({size / 1024:,.0f} kB): any browser opens it, no kernel is needed"
