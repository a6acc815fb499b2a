"""The commands of ``%wf`` that show a run: show and replay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbflow.jupyter.actions import Request, one_run
from nbflow.jupyter.complaints import CommandError
from nbflow.jupyter.session import NbFlow
from nbflow.runtime import Picture, WorkflowHandle

if TYPE_CHECKING:
    from nbflow.jupyter.tables import Table


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
            from nbflow.jupyter.reports import history_of

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
