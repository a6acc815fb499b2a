"""``%wf db``: where the history is, and opening another."""

from __future__ import annotations

from nbflow.jupyter.actions import Request
from nbflow.jupyter.commands import COMMANDS
from nbflow.jupyter.complaints import CommandError
from nbflow.jupyter.greeting import greeting
from nbflow.jupyter.location import MEMORY
from nbflow.jupyter.options import parse_options
from nbflow.jupyter.session import NbFlow
from nbflow.jupyter.words import fill_in


def db(session: NbFlow, request: Request) -> str:
    """Say where the history is, or open another.

    Raises:
        CommandError: A clock that stands still is asked for where runs outlive the kernel.
        StoreError: It can't be opened.
    """
    words, values = parse_options(
        request.line, COMMANDS["db"].options, command="%wf db", evaluate=session.evaluate
    )
    path = fill_in(" ".join(words), session.evaluate)
    is_virtual = values.has("virtual-clock")
    if is_virtual and path != MEMORY:
        raise CommandError(
            "--virtual-clock is for runs that may be forgotten, since their times are not real: "
            f"type %wf db {MEMORY} --virtual-clock"
        )
    if path:
        session.switch(path, is_virtual=is_virtual)
    elif not session.is_open:
        session.open()
    return greeting(session)
