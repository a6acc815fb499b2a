"""``%wf torture``: is a workflow the same when it is crashed behind everything that happens to it?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from nbflow.jupyter.actions import Request
from nbflow.jupyter.calls import parse_call
from nbflow.jupyter.commands import COMMANDS
from nbflow.jupyter.complaints import CommandError
from nbflow.jupyter.options import parse_options
from nbflow.jupyter.session import NbFlow
from nbflow.jupyter.showing import Line, Output, show_for_good
from nbflow.jupyter.starting import input_in, workflow_in

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


def torture(session: NbFlow, request: Request) -> TortureReport:
    """Run a workflow in child processes, each of which ends behind the next event.

    Raises:
        CommandError: The line can't be carried out as it stands, or the workflow can't run there to its end.
        ArgumentsError: The arguments don't fit the workflow's signature.
    """
    from nbflow.testing import WorkflowTestError
    from nbflow.testing.torturing import MOST_RESTARTS, Plan, carry_out

    __tracebackhide__ = True
    call = parse_call(request.line, command="%wf torture")
    words, values = parse_options(
        call.rest, COMMANDS["torture"].options, command="%wf torture", evaluate=session.evaluate
    )
    if words:
        raise CommandError(
            f"%wf torture {call} is followed by {' '.join(words)!r}: options begin with --, as in "
            f"%wf torture {call} --event 'approval=True'"
        )
    definition = workflow_in(session, call)
    encoded = input_in(session, definition, call, command="torture")
    progress = _Progress(session, str(call))
    try:
        plan = Plan(
            definition,
            encoded,
            instance_id=definition.name,
            events=values.assignments("event"),
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
