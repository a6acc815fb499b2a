"""``%wf torture``: is a workflow the same when it is crashed behind everything that happens to it?"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from nbflow.core.history import EventRaised, ExecutionStarted
from nbflow.definitions import WorkflowDefinition
from nbflow.errors import InstanceNotFoundError
from nbflow.jupyter.actions import Request
from nbflow.jupyter.calls import Call, parse_call
from nbflow.jupyter.commands import COMMANDS
from nbflow.jupyter.complaints import CommandError
from nbflow.jupyter.options import parse_options
from nbflow.jupyter.session import NbFlow
from nbflow.jupyter.showing import Line, Output, show_for_good
from nbflow.jupyter.starting import input_in, workflow_in
from nbflow.jupyter.words import fill_in, take_word

if TYPE_CHECKING:
    from nbflow.testing.torturing import TortureReport

_TAKES: float = 120.0
"""Seconds of real time that one activity may take."""


class _Progress:
    """Says how far it is: in a notebook in one line, in a terminal once."""

    def __init__(self, session: NbFlow, call: str) -> None:
        self._is_live = session.kernel.is_there
        self._call = call
        self._begun = time.monotonic()
        self._output: Output | None = None

    def __call__(self, what: str) -> None:
        line = Line(f"{self._call}: {what}")
        if self._output is None:
            self._output = show_for_good(line)
        elif self._is_live:
            self._output.update(line)

    def end(self, how: str) -> None:
        """Say that it is over, if anything was said."""
        if self._output is not None:
            self(f"{how} after {time.monotonic() - self._begun:.1f} s")


@dataclass(frozen=True, kw_only=True)
class _Subject:
    """What is run.

    Attributes:
        shown: What was typed of it.
        rest: What follows that.
        workflow: The workflow.
        encoded: Its input, as JSON text.
        instance_id: What the run is called.
        events: What is raised for it, unless others are given.
    """

    shown: str
    rest: str
    workflow: WorkflowDefinition[..., Any]
    encoded: str
    instance_id: str
    events: list[tuple[str, Any]]


def torture(session: NbFlow, request: Request) -> TortureReport:
    """Run a workflow in child processes, each of which ends behind the next event.

    Raises:
        CommandError: The line can't be carried out as it stands, or the workflow can't run there to its end.
        ArgumentsError: The arguments don't fit the workflow's signature.
    """
    from nbflow.testing import WorkflowTestError
    from nbflow.testing.torturing import MOST_RESTARTS, Plan, carry_out

    __tracebackhide__ = True
    subject = _of_run(session, request.line) or _of_call(session, request.line)
    words, values = parse_options(
        subject.rest, COMMANDS["torture"].options, command="%wf torture", evaluate=session.evaluate
    )
    if words:
        raise CommandError(
            f"%wf torture {subject.shown} is followed by {' '.join(words)!r}: options begin with --, as in "
            f"%wf torture {subject.shown} --event 'approval=True'"
        )
    progress = _Progress(session, subject.shown)
    try:
        plan = Plan(
            subject.workflow,
            subject.encoded,
            instance_id=subject.instance_id,
            events=values.assignments("event") or subject.events,
            stubs=dict(values.assignments("stub")),
            definitions=list(session.known_definitions()),
        )
        report = carry_out(
            plan,
            restarts=values.count("restarts") or MOST_RESTARTS,
            seed=values.count("seed"),
            timeout=_TAKES,
            progress=None if request.is_silent else progress,
        )
    except WorkflowTestError as error:
        raise CommandError(str(error)) from None
    finally:
        progress.end("over")
    return report


def _of_call(session: NbFlow, line: str) -> _Subject:
    call = parse_call(line, command="%wf torture")
    definition = workflow_in(session, call)
    return _Subject(
        shown=str(call),
        rest=call.rest,
        workflow=definition,
        encoded=input_in(session, definition, call, command="torture"),
        instance_id=definition.name,
        events=[],
    )


def _of_run(session: NbFlow, line: str) -> _Subject | None:
    """A run of the history once more: its first input, and the events that it got; None if it is no run's ID."""
    word, rest = take_word(line)
    if not word or "(" in word or session.code.version(word) is not None:
        return None
    try:
        run = session.client.handle(fill_in(word, session.evaluate))
    except InstanceNotFoundError:
        return None
    histories = session.runtime.read(
        lambda store: [
            store.read_history(run.instance_id, execution_id)
            for execution_id in store.list_executions(run.instance_id)
        ]
    )
    events = [event for history in histories for event in history]
    started = next((event for event in events if isinstance(event, ExecutionStarted)), None)
    if started is None:
        raise CommandError(f"{run.instance_id} has not begun yet: type %wf torture {run.name}(…)")
    raised = (event for event in events if isinstance(event, EventRaised))
    return _Subject(
        shown=word,
        rest=rest,
        workflow=workflow_in(session, Call(name=started.name, arguments="", rest="")),
        encoded=started.input,
        instance_id=run.instance_id,
        events=[(event.name, msgspec.json.decode(event.payload)) for event in raised],
    )
