"""``%wf db``: where the history is, and opening another."""

from __future__ import annotations

from typing import Final

from nbflow.jupyter.actions import Request
from nbflow.jupyter.commands import COMMANDS
from nbflow.jupyter.complaints import CommandError
from nbflow.jupyter.greeting import greeting
from nbflow.jupyter.location import MEMORY
from nbflow.jupyter.options import parse_options
from nbflow.jupyter.session import NbFlow
from nbflow.jupyter.words import fill_in
from nbflow.runtime.wiring import Durability

SPARE: Final = 10 * 2**20
"""Bytes that nothing needs and that are worth a word."""


def db(session: NbFlow, request: Request) -> str:
    """Say where the history is, or open another.

    Raises:
        CommandError: A clock that stands still is asked for where runs outlive the kernel; or two things at once.
        StoreError: It can't be opened, or not be made smaller.
    """
    words, values = parse_options(
        request.line, COMMANDS["db"].options, command="%wf db", evaluate=session.evaluate
    )
    if values.has("compact"):
        return _compact(session, words)
    path = fill_in(" ".join(words), session.evaluate)
    is_virtual = values.has("virtual-clock")
    if is_virtual and path != MEMORY:
        raise CommandError(
            "--virtual-clock is for runs that may be forgotten, since their times are not real: "
            f"type %wf db {MEMORY} --virtual-clock"
        )
    durability = values.text("durability")
    if durability and path == MEMORY:
        raise CommandError(
            f"nothing is kept there that could last: type %wf db PATH --durability {durability}"
        )
    if path or durability:
        wanted: Durability = "relaxed" if durability == "relaxed" else "full"
        session.switch(path or session.db, is_virtual=is_virtual, durability=wanted)
    elif not session.is_open:
        session.open()
    return greeting(session)


def _compact(session: NbFlow, words: list[str]) -> str:
    """Make the open history's file smaller."""
    if words:
        raise CommandError(
            f"--compact is for the open history: type %wf db {words[0]}, and then %wf db --compact"
        )
    found = session.client.compact()
    if found is None:
        return f"nbflow: history in {session.place} takes no room on disk"
    if found.after >= found.before:
        return f"nbflow: history in {session.place} has {megabytes(found.after)}, and nothing to give back"
    return f"nbflow: history in {session.place} had {megabytes(found.before)}, and has {megabytes(found.after)} now"


def megabytes(size: float) -> str:
    """Bytes for a person: ``3.2 MB``."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"
