"""The commands of ``%wf`` that show a run: show, replay, export."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

from nbflow.jupyter.actions import Request, find_run, one_run
from nbflow.jupyter.commands import COMMANDS
from nbflow.jupyter.complaints import CommandError
from nbflow.jupyter.location import shorten
from nbflow.jupyter.options import parse_options
from nbflow.jupyter.reports import history_of
from nbflow.jupyter.session import NbFlow
from nbflow.jupyter.showing import Line, Output, show_for_good
from nbflow.jupyter.tables import Table
from nbflow.jupyter.words import fill_in
from nbflow.runtime import Picture, WorkflowHandle
from nbflow.runtime.pictures import write_page

_PAGE: Final = (".html", ".htm")
_QUIET: Final = 2.0
"""Seconds that a command may take without a word."""


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


class _Progress:
    """Says how far a page is, where it takes its time: in a notebook in one line, in a terminal once."""

    def __init__(self, session: NbFlow, run: str) -> None:
        self._is_live = session.kernel.is_there
        self._run = run
        self._begun = time.monotonic()
        self._output: Output | None = None
        self._is_said = False

    def __call__(self, done: int, of: int) -> None:
        if time.monotonic() - self._begun < _QUIET:
            return
        line = Line(f"{self._run}: {done:,} of {of:,} events are in the page")
        if not self._is_said:
            self._is_said, self._output = True, show_for_good(line)
        elif self._is_live and self._output is not None:
            self._output.update(line)


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


def _word(path: Path) -> str:
    """A path as one word of a line."""
    text = str(path)
    return repr(text) if " " in text else text


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
    handle, path = find_run(session, words[0]), Path(fill_in(words[1], session.evaluate)).expanduser()
    run, typed = words
    if path.is_dir():
        raise CommandError(f"{typed} is a folder: type %wf export {run} {_word(path / 'page.html')}")
    if path.suffix.lower() not in _PAGE:
        page = _word(path.with_suffix(".html"))
        raise CommandError(f"{typed} is no page: type %wf export {run} {page}")
    if not path.parent.is_dir():
        name = _word(Path(path.name))
        raise CommandError(f"there is no folder {path.parent}: make it, or type %wf export {run} {name}")
    if path.exists() and not values.has("force"):
        raise CommandError(f"{typed} exists: type %wf export {run} {typed} --force to replace it")
    try:
        size = write_page(
            session.source(handle.instance_id), path, tell=_Progress(session, handle.instance_id)
        )
    except OSError as error:
        raise CommandError(f"{typed} can't be written: {error.strerror or error}") from None
    return f"{handle.instance_id} is written to {shorten(str(path))} ({size / 1024:,.0f} kB): any browser opens it, no kernel is needed"
