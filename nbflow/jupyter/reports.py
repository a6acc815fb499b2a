"""The commands of ``%wf`` that only tell about one run: wait, history; and help."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Final

from nbflow.jupyter import help as help_texts
from nbflow.jupyter.actions import Request, one_run
from nbflow.jupyter.commands import find_command
from nbflow.jupyter.complaints import CommandError
from nbflow.jupyter.linting import explained, is_rule
from nbflow.jupyter.session import NbFlow
from nbflow.jupyter.tables import Table
from nbflow.jupyter.waiting import Waiting, needs_a_person
from nbflow.jupyter.words import fill_in
from nbflow.runtime import WorkflowHandle
from nbflow.views.eventlist import HEADING, event_rows
from nbflow.views.excerpts import excerpt

_STEP: Final = 0.2
"""Seconds between two looks, so that an interrupt is noticed soon."""

_SETTLED: Final = 2
"""How many looks in a row must find that only a person can help: an event may be on its way."""


def history(session: NbFlow, request: Request) -> Table:
    """The events of a run."""
    handle, _ = one_run(session, request.line, "history")
    return history_of(handle)


def history_of(handle: WorkflowHandle) -> Table:
    """The events of a run as a table."""
    return Table(HEADING, event_rows(handle.history()), empty=f"{handle.instance_id} has not begun yet")


def wait(session: NbFlow, request: Request) -> str:
    """Wait until a run has ended, or only a person can move it on.

    Raises:
        CommandError: The time is up.
    """
    __tracebackhide__ = True
    handle, values = one_run(session, request.line, "wait")
    limit = values.duration("timeout")
    end = None if limit is None else time.monotonic() + limit.total_seconds()
    ended = session.client.watch(handle.instance_id, lambda record: record.status.is_terminal)
    changed = threading.Event()
    unsubscribe = session.runtime.subscribe(None, lambda _record, _events: changed.set())
    run, settled = session.waiting(handle.instance_id), 0
    try:
        while not ended.done():
            if changed.is_set():
                changed.clear()
                run, settled = session.waiting(handle.instance_id), 0
            if needs_a_person(run, session.waiting, time_moves=not session.is_virtual):
                settled += 1
                if settled == _SETTLED:
                    return _advice(session, run, handle)
            left = _STEP if end is None else min(_STEP, end - time.monotonic())
            if left <= 0:
                raise CommandError(_too_late(run, limit or timedelta()))
            try:
                ended.exception(left)
            except TimeoutError:
                continue
    finally:
        unsubscribe()
        ended.cancel()
    return _ending(handle)


def _too_late(run: Waiting, limit: timedelta) -> str:
    return (
        f"{run} - it has not ended after {limit.total_seconds():g} s, and goes on: "
        f"type %wf wait {run.instance_id} to wait longer"
    )


def _advice(session: NbFlow, run: Waiting, handle: WorkflowHandle) -> str:
    if run.is_stuck:
        return str(run)
    if session.is_virtual and (run.timers or run.starts):
        return f"{run}: virtual time stands still, type %wf skip 1d"
    if not run.events:
        return str(run)
    name = _variable(session, handle)
    then = f"`await {name}`" if name is not None else f"%wf wait {run.instance_id}"
    return f"{run}: answer it, then {then}"


def _ending(handle: WorkflowHandle) -> str:
    state = handle.state()
    if state.failure_details is not None:
        return f"{handle.instance_id} is {state.runtime_status}: {state.failure_details}"
    if state.output is None:
        return f"{handle.instance_id} is {state.runtime_status}"
    return f"{handle.instance_id} is {state.runtime_status}: {excerpt(repr(state.output), 200)}"


def _variable(session: NbFlow, handle: WorkflowHandle) -> str | None:
    """The name of the notebook's variable that holds this run."""
    for name in session.shell.user_ns:
        held = session.handle_in(name)
        if held is not None and held.instance_id == handle.instance_id and not name.startswith("_"):
            return name
    return None


def help_on(session: NbFlow, request: Request) -> str:
    """All commands, or one in full."""
    word = fill_in(request.line, session.evaluate).removeprefix("%wf").strip()
    if is_rule(word):
        return explained(word)
    return help_texts.about(find_command(word)[0]) if word else help_texts.overview()
