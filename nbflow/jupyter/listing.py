"""``%wf ps``: the runs, a page at a time."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from nbflow.core.state import InstanceRecord, RuntimeStatus
from nbflow.errors import InstanceNotFoundError
from nbflow.jupyter.actions import Request, find_run
from nbflow.jupyter.commands import COMMANDS
from nbflow.jupyter.complaints import CommandError
from nbflow.jupyter.options import Values, parse_options
from nbflow.jupyter.session import NbFlow
from nbflow.jupyter.tables import Table
from nbflow.ports import InstanceFilter
from nbflow.runtime import WorkflowState

_PAGE: Final = 50


def ps(session: NbFlow, request: Request) -> Table:
    """The runs, newest first, and what they wait for.

    Raises:
        CommandError: It doesn't say which; or the page before isn't there any more.
    """
    words, values = parse_options(
        request.line, COMMANDS["ps"].options, command="%wf ps", evaluate=session.evaluate
    )
    if words:
        raise CommandError(
            f"%wf ps lists all runs, {words[0]!r} says nothing to it: type %wf show {words[0]}"
        )
    limit = values.count("limit")
    found = _below(session, _matching(session, values), values.text("after"))
    page = found[: _PAGE if limit is None else limit]
    rows: list[tuple[object, ...]] = []
    for record in page:
        with suppress(InstanceNotFoundError):  # purged this very moment
            rows.append(_row(session.client.get_workflow_state(record.instance_id)))
    return Table(
        ("ID", "workflow", "status", "waits for", "created (UTC)", "updated (UTC)"),
        rows,
        empty="no such runs: type %wf ps for all" if values else "no runs: type %wf run NAME(…) to start one",
        note=_more(values, page, len(found) - len(page)),
    )


def _matching(session: NbFlow, values: Values) -> list[InstanceRecord]:
    """The rows that pass the filter, newest first."""
    status = values.text("status")
    where = InstanceFilter(
        statuses=() if status is None else (RuntimeStatus(status),), name=values.text("name")
    )
    return session.runtime.read(lambda store: store.list_instances(where))[::-1]


def _below(session: NbFlow, records: list[InstanceRecord], after: str | None) -> list[InstanceRecord]:
    """What stands below a run in the list of all runs, whether or not that run passes the filter."""
    if after is None:
        return records
    instance_id = find_run(session, after).instance_id
    last = session.runtime.read(lambda store: store.get_instance(instance_id))
    if last is None:
        raise InstanceNotFoundError(f"there is no run {after!r}: type %wf ps for the first page")
    place = (last.created_at, last.instance_id)
    return [record for record in records if (record.created_at, record.instance_id) < place]


def _more(values: Values, page: list[InstanceRecord], count: int) -> str:
    """The command for the next page."""
    if count == 0 or not page:
        return ""
    given = [f" --{name} {text}" for name in ("status", "name") if (text := values.text(name)) is not None]
    limit = values.count("limit")
    given += [] if limit is None else [f" --limit {limit}"]
    return f"{count} more: %wf ps{''.join(given)} --after {page[-1].instance_id}"


def _row(state: WorkflowState) -> tuple[object, ...]:
    return (
        state.instance_id,
        state.name,
        str(state.runtime_status),
        _waits(state),
        state.created_at,
        state.last_updated_at,
    )


def _waits(state: WorkflowState) -> str:
    if state.stall is not None:
        return state.stall.message.removeprefix(f"{state.instance_id} waits for ")
    return ", ".join(state.waits_for)
