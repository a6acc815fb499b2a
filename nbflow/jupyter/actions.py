"""The commands of ``%wf`` that do something to runs: parse, call the client, say what was done."""

from __future__ import annotations

import inspect
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from nbflow.definitions import WorkflowDefinition
from nbflow.errors import ArgumentsError, InstanceExistsError, InstanceNotFoundError
from nbflow.jupyter.calls import Call, parse_call
from nbflow.jupyter.commands import COMMANDS
from nbflow.jupyter.complaints import CommandError, did_you_mean
from nbflow.jupyter.options import Values, parse_options
from nbflow.jupyter.session import NbFlow
from nbflow.jupyter.showing import say
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


# -- starting ------------------------------------------------------------------------------------


def run(session: NbFlow, request: Request) -> WorkflowHandle:
    """Start a run, or attach to the one that is active with the same workflow and equal input.

    Raises:
        CommandError: The line can't be carried out as it stands.
        NbflowError: The runtime refuses.
    """
    text = request.line if request.cell is None else f"{request.cell.strip()}\n{request.line}"
    call = parse_call(text, command="%wf run")
    rest, _ = strip_ending(call.rest)
    words, values = parse_options(rest, COMMANDS["run"].options, command="%wf run", evaluate=session.evaluate)
    if words:
        raise CommandError(
            f"%wf run {call} is followed by {' '.join(words)!r}: options begin with --, as in %wf run {call} --id ID"
        )
    definition = _workflow(session, call)
    encoded = _input(session, definition, call)
    start_in = values.duration("start-in")
    try:
        return session.client.start_call(
            definition,
            encoded,
            instance_id=values.text("id"),
            start_at=session.runtime.clock.now() + start_in if start_in is not None else None,
            origin=copy_context(),
        )
    except InstanceExistsError as error:
        attached = _attach(session, definition, encoded, values)
        if attached is None:
            raise InstanceExistsError(_taken(session, definition, values, error)) from None
        if not request.is_silent:
            say(f"attached to {attached.instance_id}, which was started before and is {attached.status}")
        return attached


def _workflow(session: NbFlow, call: Call) -> WorkflowDefinition[..., Any]:
    definition = session.known.workflow(call.name)
    if definition is not None:
        return definition
    names = session.known.workflow_names()
    if session.known.activity(call.name) is not None:
        raise CommandError(
            f"{call.name} is an activity: call it in a workflow, or type {call.name}.fn(…) to try it"
        )
    if not names:
        raise CommandError(
            f"no workflow {call.name!r} is known, and no other: run the cell with %%workflow {call.name}(…)"
        )
    raise CommandError(
        f"no workflow {call.name!r} is known{did_you_mean(call.name, names)} - there are {', '.join(names)}; "
        f"run the cell that defines {call.name}"
    )


def _input(session: NbFlow, definition: WorkflowDefinition[..., Any], call: Call) -> str:
    args, kwargs = call.evaluate(session.evaluate)
    try:
        return definition.encode_call(args, kwargs)
    except ArgumentsError as error:
        parameters = list(inspect.signature(definition.function).parameters)[
            definition.signature.takes_context :
        ]
        names = ", ".join(f"{name}=…" for name in parameters)
        raise ArgumentsError(f"{error}: type %wf run {definition.name}({names})") from None


def _attach(
    session: NbFlow, definition: WorkflowDefinition[..., Any], encoded: str, values: Values
) -> WorkflowHandle | None:
    """The handle of the active run of that ID, if it is the same one."""
    instance_id, reuse = values.text("id"), values.text("reuse")
    if instance_id is None or reuse == "error":
        return None
    state = session.client.get_workflow_state(instance_id)
    is_same = state.name == definition.name and state.input == msgspec.json.decode(encoded)
    return session.client.handle(instance_id) if is_same or reuse == "ignore" else None


def _taken(
    session: NbFlow, definition: WorkflowDefinition[..., Any], values: Values, error: InstanceExistsError
) -> str:
    """Say why an active run was not attached to."""
    instance_id = values.text("id")
    if instance_id is None or values.text("reuse") == "error":
        return str(error)
    state = session.client.get_workflow_state(instance_id)
    other = "with another input" if state.name == definition.name else f"as a run of {state.name}"
    return f"{instance_id} exists {other} and is {state.runtime_status}: type %wf show {instance_id}, or choose another --id"


# -- steering ------------------------------------------------------------------------------------


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
    handles = _runs(session, request)
    for handle in handles:
        handle.suspend()
    return f"suspended {_named(handles)}: %wf resume {handles[0].instance_id} lets it go on"


def resume(session: NbFlow, request: Request) -> str:
    """Let runs go on."""
    handles = _runs(session, request)
    for handle in handles:
        handle.resume()
    return f"resumed {_named(handles)}"


def terminate(session: NbFlow, request: Request) -> str:
    """End runs; returns once they have ended, unless that takes long."""
    handles = _runs(session, request)
    ended = [
        f"{handle.instance_id} is {handle.status} already" for handle in handles if handle.status.is_terminal
    ]
    active = [handle for handle in handles if not handle.status.is_terminal]
    for handle in active:
        handle.terminate()
    for handle in active:
        with suppress(TimeoutError):
            session.client.wait_for_workflow_completion(handle.instance_id, _SOON)
    return " · ".join([*([f"terminated {_named(active)}"] if active else []), *ended])


def purge(session: NbFlow, request: Request) -> str:
    """Erase runs."""
    handles = _runs(session, request)
    for handle in handles:
        handle.purge()
    return f"purged {_named(handles)}"


def _named(handles: list[WorkflowHandle]) -> str:
    return ", ".join(handle.instance_id for handle in handles)


def _runs(session: NbFlow, request: Request) -> list[WorkflowHandle]:
    """The runs that a line names, all of them known before anything is done to one."""
    command = f"%wf {request.command}"
    words, _ = parse_options(request.line, (), command=command, evaluate=session.evaluate)
    if not words:
        raise CommandError(f"{command} needs a run: type {command} ID, and %wf ps for the IDs")
    return [find_run(session, word) for word in words]


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
