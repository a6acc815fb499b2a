"""``%wf purge``: erasing runs, by ID or by what they are."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from nbflow.errors import InstanceNotFoundError
from nbflow.jupyter import places
from nbflow.jupyter.actions import Request, named, runs_in
from nbflow.jupyter.commands import COMMANDS
from nbflow.jupyter.complaints import CommandError
from nbflow.jupyter.options import Values, parse_options
from nbflow.jupyter.progress import Progress
from nbflow.jupyter.session import NbFlow

_FILTERS = ("status", "older-than", "name")


def purge(session: NbFlow, request: Request) -> str:
    """Erase runs; tells how many.

    Raises:
        CommandError: Neither IDs nor a filter are given, or both.
        InstanceNotFoundError: There is no such run.
        InstanceStateError: It has not ended, or a child of it has not.
    """
    words, values = parse_options(
        request.line, COMMANDS["purge"].options, command="%wf purge", evaluate=session.evaluate
    )
    filters = [name for name in _FILTERS if values.has(name)]
    if words and filters:
        raise CommandError(
            f"%wf purge takes IDs or --{filters[0]}, not both: type %wf purge {words[0]}, "
            f"or %wf purge --{filters[0]} …"
        )
    if filters:
        return _counted(_purge_by(session, values)) + _spare(session)
    if not words:
        raise CommandError(
            "%wf purge needs to know which runs: type %wf purge ID, or %wf purge --status completed --older-than 7d"
        )
    handles, _ = runs_in(session, request)
    recursive = not values.has("keep-children")
    count = 0
    for handle in handles:
        with suppress(InstanceNotFoundError):  # it was there before: erased with its parent
            count += session.client.purge_workflow(handle.instance_id, recursive=recursive)
    below = count - len(handles)
    children = f" and {_children(below)}" if below > 0 else ""
    return f"purged {named(handles)}{children}"


def _purge_by(session: NbFlow, values: Values) -> int:
    older_than: timedelta | None = values.duration("older-than")
    return session.client.purge_workflows_by(
        status=values.text("status"),
        name=values.text("name"),
        created_to=None if older_than is None else session.runtime.clock.now() - older_than,
        recursive=not values.has("keep-children"),
        tell=Progress(session, "{done} of {of} runs are looked at"),
    )


def _spare(session: NbFlow) -> str:
    """What of the file could be given back, where that takes too long to be done without being asked for."""
    found = session.client.compact(most=0)
    if found is None or found.spare < max(places.SPARE, found.after / 4):
        return ""
    return f" · {places.megabytes(found.spare)} of the file are free for new runs: %wf db --compact gives them back"


def _counted(count: int) -> str:
    if count == 0:
        return "purged nothing: no run that has ended is like that"
    return "purged 1 run" if count == 1 else f"purged {count} runs"


def _children(count: int) -> str:
    return "1 child" if count == 1 else f"{count} children"
