"""The commands of ``%wf`` that go back in a run: fork, rewind, compare."""

from __future__ import annotations

from contextvars import copy_context
from typing import Final

from msgspec import UNSET

from nbflow.core.going_back import what_follows
from nbflow.jupyter.actions import Request, find_run, runs_in
from nbflow.jupyter.commands import COMMANDS
from nbflow.jupyter.complaints import CommandError
from nbflow.jupyter.options import parse_options
from nbflow.jupyter.session import NbFlow
from nbflow.jupyter.showing import say
from nbflow.jupyter.words import take_word
from nbflow.runtime import Picture, WorkflowHandle

_SET: Final = "--set"


def fork(session: NbFlow, request: Request) -> WorkflowHandle:
    """Start a run that shares another's history up to an event.

    Raises:
        CommandError: The line can't be carried out as it stands.
        NbflowError: The runtime refuses.
    """
    line, expression = _split(request.line)
    if request.cell is not None:
        if expression is not None:
            raise CommandError("%%wf fork takes the value from its cell: leave --set away")
        expression = request.cell
    words, values = parse_options(
        line, COMMANDS["fork"].options, command="%wf fork", evaluate=session.evaluate
    )
    if values.has("set"):
        raise CommandError("--set is there twice: type one, as %wf fork ID --at N --set EXPRESSION")
    if len(words) != 1:
        what = "needs a run" if not words else f"takes one run, not {len(words)}"
        raise CommandError(f"%wf fork {what}: type %wf fork ID --at N, and %wf ps for the IDs")
    handle, at = find_run(session, words[0]), values.count("at")
    if at is None:
        raise CommandError(
            f"%wf fork {words[0]} needs to know where: type %wf fork {words[0]} --at N, and "
            f"%wf history {words[0]} for the events"
        )
    if expression is not None and not expression.strip():
        raise CommandError("--set needs a value: type --set EXPRESSION, as in --set {'approved': False}")
    forked = session.client.fork_workflow(
        handle.instance_id,
        at,
        set=UNSET if expression is None else session.evaluate(expression, expression),
        id=values.text("id"),
        newest_code=values.text("code") == "newest",
        origin=copy_context(),
    )
    if not request.is_silent:
        how = f"at event {at}" if expression is None else f"at event {at}, which has another value there"
        say(f"{forked.instance_id} is forked from {handle.instance_id} {how}")
    return forked


def rewind(session: NbFlow, request: Request) -> str:
    """Take FAILED runs back to before their failures."""
    handles, _ = runs_in(session, request)
    told: list[str] = []
    for handle in handles:
        cut = session.client.rewind_workflow(handle.instance_id, origin=copy_context())
        told.append(f"{handle.instance_id} is taken back to event {cut.seq}: {what_follows(cut)}")
    return "\n".join(told)


def compare(session: NbFlow, request: Request) -> Picture:
    """Two runs side by side."""
    handles, _ = runs_in(session, request)
    if len(handles) != 2:
        raise CommandError(
            f"%wf compare takes two runs, not {len(handles)}: type %wf compare ID ID, and %wf ps for the IDs"
        )
    return handles[0].compare(handles[1])


def _split(line: str) -> tuple[str, str | None]:
    """The line without ``--set``, and the expression behind it: up to the next option, or to the end."""
    options = {f"--{option.name}" for option in COMMANDS["fork"].options}
    kept, expression, rest = "", None, line
    is_inside = False
    while rest.strip():
        word, after = take_word(rest)
        text, rest = rest[: len(rest) - len(after)], after
        name, equals, value = word.partition("=")
        if name == _SET and expression is None:
            expression, is_inside = value if equals else "", True
            continue
        is_inside = is_inside and name not in options
        if is_inside:
            expression = f"{expression} {text}"
        else:
            kept += f"{text} "
    return kept, expression
