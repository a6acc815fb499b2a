"""The commands of ``%wf`` that do something to runs: parse, call the client, say what was done."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from nbflow.errors import InstanceNotFoundError
from nbflow.jupyter.commands import COMMANDS
from nbflow.jupyter.complaints import CommandError, did_you_mean
from nbflow.jupyter.options import Values, parse_options
from nbflow.jupyter.session import NbFlow
from nbflow.jupyter.words import fill_in, strip_ending, take_word
from nbflow.runtime import WorkflowHandle

_SOON: Final = 2.0
"""Seconds that a command waits for what it asked for to be carried out."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was typed behind a command's name.

    Attributes:
        command: The command's name.
        line: The rest of the line, without a comment or closing ``;``.
        cell: The cell below it, for ``%%wf``.
        is_silent: Whether a ``;`` closed it: nothing is to be shown.
    """

    command: str
    line: str
    cell: str | None = None
    is_silent: bool = False


def read_request(command: str, line: str, cell: str | None) -> Request:
    """Take the ending off a command's line, and a ``;`` off its cell."""
    line, is_silent = strip_ending(line)
    if cell is not None and cell.rstrip().endswith(";"):
        cell, is_silent = cell.rstrip()[:-1], True
    return Request(command=command, line=line, cell=cell, is_silent=is_silent)


def raise_event(session: NbFlow, request: Request) -> str:
    """Raise an event for a run."""
    word, rest = take_word(request.line)
    name, expression = take_word(rest)
    if not word or not name:
        raise CommandError("%wf raise needs a run and an event: type %wf raise ID EVENT [EXPRESSION]")
    expression = request.cell if request.cell is not None else expression
    handle = find_run(session, word)
    event = fill_in(name, session.evaluate)
    data = session.evaluate(expression, expression) if expression.strip() else None
    status = handle.status
    handle.raise_event(event, data)
    if status.is_terminal:
        return f"{handle.instance_id} is {status}: event {event!r} came too late, and was dropped"
    return f"{handle.instance_id}: event {event!r} is recorded"


def suspend(session: NbFlow, request: Request) -> str:
    """Pause runs."""
    handles, _ = runs_in(session, request)
    for handle in handles:
        handle.suspend()
    return f"suspended {named(handles)}: %wf resume {handles[0].instance_id} lets it go on"


def resume(session: NbFlow, request: Request) -> str:
    """Let runs go on."""
    handles, _ = runs_in(session, request)
    for handle in handles:
        handle.resume()
    return f"resumed {named(handles)}"


def restart(session: NbFlow, request: Request) -> str:
    """Start runs that have ended once more."""
    handles, _ = runs_in(session, request)
    for handle in handles:
        handle.restart()
    return f"started {named(handles)} again: %wf show {handles[0].instance_id} shows how it goes"


def terminate(session: NbFlow, request: Request) -> str:
    """End runs; returns once they and those below them have ended, unless that takes long."""
    handles, values = runs_in(session, request)
    ended = [
        f"{handle.instance_id} is {handle.status} already" for handle in handles if handle.status.is_terminal
    ]
    active = [handle for handle in handles if not handle.status.is_terminal]
    recursive = not values.has("keep-children")
    for handle in active:
        handle.terminate(recursive=recursive)
    end = time.monotonic() + _SOON
    waiting = [handle.instance_id for handle in active]
    while waiting:
        instance_id = waiting.pop(0)
        with suppress(TimeoutError):
            session.client.wait_for_workflow_completion(instance_id, max(0.0, end - time.monotonic()))
        if recursive:
            waiting += [child.instance_id for child in session.client.list_workflows(parent=instance_id)]
    return " · ".join([*([f"terminated {named(active)}"] if active else []), *ended])


def named(handles: list[WorkflowHandle]) -> str:
    """The IDs of runs as a list."""
    return ", ".join(handle.instance_id for handle in handles)


def runs_in(session: NbFlow, request: Request) -> tuple[list[WorkflowHandle], Values]:
    """The runs that a line names, all of them known before anything is done to one, and its options.

    Raises:
        CommandError: It names none.
        InstanceNotFoundError: There is no such run.
    """
    command = f"%wf {request.command}"
    options = COMMANDS[request.command].options
    words, values = parse_options(request.line, options, command=command, evaluate=session.evaluate)
    if not words:
        raise CommandError(f"{command} needs a run: type {command} ID, and %wf ps for the IDs")
    return [find_run(session, word) for word in words], values


def one_run(session: NbFlow, line: str, command: str) -> tuple[WorkflowHandle, Values]:
    """The one run that a line names, and its options."""
    words, values = parse_options(
        line, COMMANDS[command].options, command=f"%wf {command}", evaluate=session.evaluate
    )
    if len(words) != 1:
        what = "needs a run" if not words else f"takes one run, not {len(words)}"
        raise CommandError(f"%wf {command} {what}: type %wf {command} ID, and %wf ps for the IDs")
    return find_run(session, words[0]), values


def find_run(session: NbFlow, word: str) -> WorkflowHandle:
    """The run of an ID, or the one whose handle a variable of that name holds.

    Raises:
        InstanceNotFoundError: There is none; says which is meant.
    """
    instance_id = fill_in(word, session.evaluate)
    try:
        return session.client.handle(instance_id)
    except InstanceNotFoundError:
        held = session.handle_in(instance_id)
        if held is not None:
            return session.client.handle(held.instance_id)
        known = [state.instance_id for state in session.client.list_workflows()]
        near = did_you_mean(instance_id, known)
        raise InstanceNotFoundError(
            f"there is no run {instance_id!r}{near} - type %wf ps for all of them"
        ) from None
