"""``%wf run``: starting runs, and what to do about an ID that is taken."""

from __future__ import annotations

import inspect
from contextvars import copy_context
from typing import Any

import msgspec

from nbflow.core.reuse import ReuseIdPolicy
from nbflow.definitions import WorkflowDefinition
from nbflow.errors import ArgumentsError, InstanceExistsError, InstanceNotFoundError
from nbflow.jupyter.actions import Request
from nbflow.jupyter.calls import Call, parse_call
from nbflow.jupyter.commands import COMMANDS
from nbflow.jupyter.complaints import CommandError, did_you_mean
from nbflow.jupyter.options import Values, parse_options
from nbflow.jupyter.session import NbFlow
from nbflow.jupyter.showing import say
from nbflow.jupyter.words import strip_ending
from nbflow.runtime import WorkflowHandle, WorkflowState


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
    definition = workflow_in(session, call)
    encoded = input_in(session, definition, call)
    present = _present(session, values.text("id"))
    handle, said = _started(session, definition, encoded, values, present)
    if said and not request.is_silent:
        say(said)
    return handle


def _started(
    session: NbFlow,
    definition: WorkflowDefinition[..., Any],
    encoded: str,
    values: Values,
    present: WorkflowState | None,
) -> tuple[WorkflowHandle, str]:
    """The run that was started or is there, and what to say about it if an earlier one had the ID."""
    reuse, start_in = values.text("reuse"), values.duration("start-in")
    try:
        handle = session.client.start_call(
            definition,
            encoded,
            instance_id=values.text("id"),
            start_at=session.runtime.clock.now() + start_in if start_in is not None else None,
            reuse_id_policy=ReuseIdPolicy(reuse) if reuse is not None else None,
            origin=copy_context(),
        )
    except InstanceExistsError as error:
        if reuse is not None or present is None:
            raise
        if not _is_same(present, definition, encoded):
            raise InstanceExistsError(_taken(present, definition, error)) from None
        return _attached(session, present)
    if present is None:
        return handle, ""
    if reuse == "ignore":
        return _attached(session, present)
    if reuse == "terminate" and not present.runtime_status.is_terminal:
        return handle, f"{handle.instance_id} takes the place of a run of {present.name} that was not over"
    return handle, ""


def _present(session: NbFlow, instance_id: str | None) -> WorkflowState | None:
    """The run that has the ID now."""
    try:
        return None if instance_id is None else session.client.get_workflow_state(instance_id)
    except InstanceNotFoundError:
        return None


def _attached(session: NbFlow, present: WorkflowState) -> tuple[WorkflowHandle, str]:
    handle = session.client.handle(present.instance_id)
    later = f", in its generation {present.generation + 1}" if present.generation else ""
    return handle, f"attached to {handle.instance_id}, which was started before and is {handle.status}{later}"


def _is_same(present: WorkflowState, definition: WorkflowDefinition[..., Any], encoded: str) -> bool:
    """Whether this is the run that was asked for; one that has continued as new has its input from itself."""
    if present.name != definition.name:
        return False
    return present.generation > 0 or present.input == msgspec.json.decode(encoded)


def _taken(
    present: WorkflowState, definition: WorkflowDefinition[..., Any], error: InstanceExistsError
) -> str:
    """Say why an active run was not attached to."""
    if present.runtime_status.is_terminal:  # it was over, and another has begun meanwhile
        return str(error)
    other = "with another input" if present.name == definition.name else f"as a run of {present.name}"
    run = present.instance_id
    return (
        f"{run} exists {other} and is {present.runtime_status}: type %wf show {run}, choose another --id, "
        "or add --reuse terminate to replace it"
    )


def workflow_in(session: NbFlow, call: Call) -> WorkflowDefinition[..., Any]:
    """The workflow that a call names; raises CommandError if that is none."""
    definition = session.code.workflow(call.name)
    if definition is not None:
        return definition
    names = session.code.workflow_names()
    if session.code.activity(call.name) is not None:
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


def input_in(
    session: NbFlow, definition: WorkflowDefinition[..., Any], call: Call, *, command: str = "run"
) -> str:
    """The input that a call has, as JSON text; raises ArgumentsError if the arguments don't fit."""
    args, kwargs = call.evaluate(session.evaluate)
    try:
        return definition.encode_call(args, kwargs)
    except ArgumentsError as error:
        parameters = list(inspect.signature(definition.function).parameters)[
            definition.signature.takes_context :
        ]
        names = ", ".join(f"{name}=…" for name in parameters)
        raise ArgumentsError(f"{error}: type %wf {command} {definition.name}({names})") from None
